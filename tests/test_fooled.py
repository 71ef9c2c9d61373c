"""The kinds that fool networks, against their rules written down once more, and on photographs of one colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from math import isfinite
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from generator.errors import LabError
from generator.experiments import kinds
from generator.experiments.attacks import RADII
from generator.experiments.base import Experiment, Part
from generator.experiments.patch import KINDS
from generator.experiments.stage import Photograph
from generator.images import Pixels
from generator.results.artefacts import Recorder
from generator.statistics import Estimate
from generator.vision.handlings import HANDLINGS, handled
from generator.vision.opening import Network
from tests.conftest import computed, spec_of, tried

SETTINGS: dict[str, dict[str, Any]] = {
    "attacks": {"target": 4, "step": 0.3, "iterations": 20, "shown": "un"},
    "matrix": {"targets": [3, 4], "step": 0.3, "iterations": 20, "clamp": True},
    "patch": {"other": "other", "photograph": "trois", "side": 8, "iterations": 3, "step": 1, "shown": ["un", "deux"]},
    "survival": {"target": 4, "step": 0.3, "radius": 1.5, "iterations": 8, "clamp": True},
    "transfer": {
        "other": "other",
        "target": 4,
        "step": 0.3,
        "iterations": 20,
        "pushed_step": 0.5,
        "pushed": [2, 4],
    },
}
Saved = NDArray[np.uint8]


def made(kind: str, photographs: Mapping[str, Photograph], **how: object) -> Experiment:
    return kinds()[kind].model_validate(
        {"title": "Essai", "network": "own", "images": list(photographs), **SETTINGS[kind], **how},
        context={"images": list(photographs), "networks": ["own", "other"], "classes": range(5)},
    )


@pytest.fixture
def photographs() -> dict[str, Photograph]:
    random = np.random.default_rng(4)
    return {
        name: Photograph(random.integers(256, size=(12, 12, 3), dtype=np.uint8), place, name, ())
        for place, name in enumerate(("un", "deux", "trois"))
    }


@pytest.fixture
def networks(toy: Network) -> dict[str, Network]:
    torch.manual_seed(7)
    module = nn.Sequential(nn.Conv2d(3, 6, 5), nn.Softplus(), nn.Flatten(), nn.Linear(6 * 8 * 8, 5))
    return {"own": toy, "other": replace(toy, scorer=module.double().requires_grad_(False))}


def as_saved(network: Network, image: Tensor) -> Saved:
    pixels = (image * network.std + network.mean).permute(1, 2, 0).numpy()
    return np.round(pixels.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)


def start_of(network: Network, pixels: Pixels) -> Tensor:
    return (torch.from_numpy(pixels).permute(2, 0, 1).double() / 255 - network.mean) / network.std


def seen(network: Network, pixels: Pixels) -> int:
    fitted = np.array(Image.fromarray(pixels).resize((network.size, network.size), Image.Resampling.BICUBIC))
    return int(network.scorer(start_of(network, fitted)[None]).argmax())


def way(  # noqa: PLR0913  # the rule, all named
    network: Network,
    pixels: Pixels,
    target: int,
    step: float,
    most: int,
    *,
    rounded: bool = False,
    stop: bool = True,
    radius: float | None = None,
) -> list[Tensor]:
    """The images of an attack, the first one being the photograph: the rule, step by step."""
    start = start_of(network, pixels)
    images = [start]
    while True:
        image = start_of(network, as_saved(network, images[-1])) if rounded else images[-1]
        image = image.clone().requires_grad_()
        scores = network.scorer(image[None])[0]
        if (stop and int(scores.argmax()) == target) or len(images) > most:
            return images
        (gradient,) = torch.autograd.grad(scores[target], image)
        after = images[-1] + step * gradient / gradient.norm()
        if radius is not None and (length := (after - start).norm()) > radius:
            after = start + (after - start) * radius / length
        images.append(after.clamp(min=-network.mean / network.std).clamp(max=(1 - network.mean) / network.std))


def metrics(found: Recorder) -> dict[str, float]:
    return {metric.name: metric.value for metric in found._metrics}


def picture(found: Recorder, name: str) -> Saved:
    return np.array(Image.open(BytesIO(found.files[f"{name}.png"])))


def part_of(experiment: Experiment, name: Any, photographs: Mapping[str, Photograph]) -> Part:
    return experiment.parts({key: spec_of(key, one) for key, one in photographs.items()})[name]


class TestMatrix:
    def test_stops_where_the_file_fools(self, networks: dict[str, Network], photographs: dict[str, Photograph]) -> None:
        found = tried(made("matrix", photographs), networks, photographs)
        (grid,) = found._grids
        steps, l2 = grid.measures[0].values, grid.measures[3].values
        means = []
        for row, (name, photograph) in enumerate(photographs.items()):
            own = []
            for column, target in enumerate((3, 4)):
                images = way(networks["own"], photograph.pixels, target, 0.3, 20, rounded=True)
                if len(images) == 1:
                    assert steps[row][column] is None
                    continue
                own.append(len(images) - 1)
                saved = as_saved(networks["own"], images[-1])
                assert steps[row][column] == own[-1]
                assert (picture(found, f"{name}-{target}") == saved).all()
                assert l2[row][column] == pytest.approx(np.linalg.norm(saved / 255 - photograph.pixels / 255))
                reached = seen(networks["own"], saved) == target
                assert (grid.remarks[row][column] is None) == reached
            means += [np.mean(own)] if own else []
        assert means, "nothing was attacked"
        assert metrics(found)["steps"] == pytest.approx(np.mean(means))

    def test_a_class_that_is_seen_everywhere_from_the_first_is_told(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        answers = {seen(networks["own"], one.pixels) for one in photographs.values()}
        one = {"un": replace(photographs["un"], label=9)}
        (target, *_) = {seen(networks["own"], one["un"].pixels)} & answers
        with pytest.raises(LabError, match="targets: the network sees them in the images from the first"):
            tried(made("matrix", one, targets=[target]), networks, one)


class TestSurvival:
    def test_asks_for_the_target_after_each_handling(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        found, own = tried(made("survival", photographs), networks, photographs), networks["own"]
        for attack, how in (("juste", {}), ("marge", {"stop": False, "radius": 1.5})):
            saved = {}
            for name, photograph in photographs.items():
                images = way(own, photograph.pixels, 4, 0.3, 8, **how)  # type: ignore[arg-type]
                saved[name] = as_saved(own, images[8 if attack == "marge" else -1])
                assert (picture(found, f"{name}-{attack}") == saved[name]).all()
            for handling in HANDLINGS:
                share = np.mean([seen(own, handled(pixels, handling)) == 4 for pixels in saved.values()])
                assert metrics(found)[f"{attack}.{handling}"] == pytest.approx(100 * share), (attack, handling)

    def test_the_robust_attack_draws_for_each_photograph_alone(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        two = {name: photographs[name] for name in ("trois", "un")}
        together, fewer = (tried(made("survival", some), networks, some) for some in (photographs, two))
        for name in two:
            assert (picture(together, f"{name}-robuste") == picture(fewer, f"{name}-robuste")).all()
        other = tried(made("survival", two, seed=1), networks, two)
        assert (picture(other, "un-juste") == picture(fewer, "un-juste")).all()
        assert (picture(other, "un-robuste") != picture(fewer, "un-robuste")).any()


# foolbox imports scipy by a name that scipy has moved.
@pytest.mark.filterwarnings("ignore:Please import .* from the .*scipy:DeprecationWarning")
class TestAttacks:
    def test_fgsm_follows_the_sign_of_the_gradient_as_far_as_it_needs(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        found, own = metrics(tried(made("attacks", photographs), networks, photographs)), networks["own"]
        fooled: list[bool] = []
        largest: list[float] = []
        for photograph in photographs.values():
            answer, image = seen(own, photograph.pixels), start_of(own, photograph.pixels).requires_grad_()
            loss = nn.functional.cross_entropy(own.scorer(image[None]), torch.tensor([answer]))
            sign = torch.autograd.grad(loss, image)[0].sign()
            for radius in RADII:
                pixels = (image.detach() * own.std + own.mean + radius / 255 * sign).clamp(0, 1)
                if int(own.scorer(((pixels - own.mean) / own.std)[None]).argmax()) != answer:
                    largest.append(radius)
                    break
            fooled.append(bool(largest) and len(largest) > sum(fooled))
        assert found["fgsm.fooled"] == pytest.approx(100 * np.mean(fooled))
        assert ("fgsm.linf" in found) == any(fooled)
        if largest:
            assert found["fgsm.linf"] == pytest.approx(np.mean(largest), rel=1e-3)

    @pytest.mark.parametrize("method", ["target", "runner-up"])
    def test_the_lab_s_own_goes_to_a_class(
        self, method: str, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        found, own = tried(made("attacks", photographs), networks, photographs), networks["own"]
        ends, sizes = [], []
        for photograph in photographs.values():
            second = int(own.scorer(start_of(own, photograph.pixels)[None])[0].argsort()[-2])
            target = 4 if method == "target" else second
            ends.append(way(own, photograph.pixels, target, 0.3, 20))
            if int(own.scorer(ends[-1][-1][None]).argmax()) == target:
                change = (ends[-1][-1] - start_of(own, photograph.pixels)) * own.std
                sizes.append(change.norm().item())
        assert metrics(found)[f"{method}.gradients"] == pytest.approx(np.mean([len(images) for images in ends]))
        assert metrics(found)[f"{method}.fooled"] == pytest.approx(100 * len(sizes) / 3)
        assert metrics(found)[f"{method}.l2"] == pytest.approx(np.mean(sizes), rel=1e-5)


class TestTransfer:
    def test_shows_to_the_other_network_what_was_made_on_the_first(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        found, (own, other) = tried(made("transfer", photographs), networks, photographs), networks.values()
        pixels = [photograph.pixels for photograph in photographs.values()]
        levels = {"regle": [as_saved(own, way(own, one, 4, 0.3, 20)[-1]) for one in pixels]}
        for steps in (2, 4):
            levels[f"pas-{steps}"] = [as_saved(own, way(own, one, 4, 0.5, steps, stop=False)[steps]) for one in pixels]
        for level, images in levels.items():
            expected = {
                "own-target": 100 * np.mean([seen(own, image) == 4 for image in images]),
                "other-target": 100 * np.mean([seen(other, image) == 4 for image in images]),
                "other-fooled": 100
                * np.mean([seen(other, image) != seen(other, one) for image, one in zip(images, pixels, strict=True)]),
                "l2": np.mean([np.linalg.norm(a / 255 - b / 255) for a, b in zip(images, pixels, strict=True)]),
            }
            for key, value in expected.items():
                assert metrics(found)[f"{level}.{key}"] == pytest.approx(value), (level, key)

    def test_leaves_out_photographs_of_the_target(self, photographs: dict[str, Photograph]) -> None:
        experiment = made("transfer", photographs, target=1)
        specs = {name: spec_of(name, one) for name, one in photographs.items()}
        assert {part.images for part in experiment.parts(specs).values()} == {("un",), ("trois",)}
        alone = {"deux": specs["deux"]}
        (problem,) = made("transfer", {"deux": photographs["deux"]}, target=1).problems(alone)
        assert problem[0] == "images"


class TestPatch:
    def test_judges_each_patch_where_it_was_not_grown(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        experiment = made("patch", photographs)
        found = metrics(tried(experiment, networks, photographs))
        counts = {(eye, kind): [] for eye in networks for kind in KINDS}  # type: ignore[var-annotated]
        for patch, (grown_on, judged_on) in {"motif-1": ("un", "deux"), "motif-2": ("deux", "un")}.items():
            part = part_of(experiment, patch, photographs)
            assert part.images == (grown_on, judged_on, "trois")
            outcome = computed(part, networks, photographs)
            assert (outcome["photo"] == np.array(Image.fromarray(photographs["trois"].pixels).resize((8, 8), 3))).all()
            for kind in KINDS:
                for top, left in outcome["corners"][0]:
                    pasted = photographs[judged_on].pixels.copy()
                    pasted[top : top + 8, left : left + 8] = outcome[kind]
                    for eye, network in networks.items():
                        counts[eye, kind].append(seen(network, pasted) == 2)
        for (eye, kind), counted in counts.items():
            assert found[f"{eye}.{kind}.target"] == pytest.approx(100 * np.mean(counted)), (eye, kind)

    def test_is_judged_at_the_thirds_of_its_programme_as_a_shorter_one_is(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        def after(iterations: int) -> dict[str, float]:
            experiment = made("patch", photographs, iterations=iterations, gradient_sigma=[0, 0], step=5)
            return metrics(tried(experiment, networks, photographs))

        whole, by_length = after(3), {"third": after(1), "two-thirds": after(2)}
        for moment, shorter in by_length.items():
            for measure in ("own.patch.target", "other.patch.target", "own.patch.fooled", "other.patch.fooled"):
                assert whole[f"{measure}.{moment}"] == shorter[measure], (measure, moment)

    def test_places_are_each_photograph_s_own(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        more = photographs | {"quatre": replace(photographs["un"], pixels=255 - photographs["un"].pixels)}
        corners = [
            computed(part_of(made("patch", some), "motif-1", some), networks, some)["corners"][0]
            for some in (photographs, more)
        ]
        assert (corners[0] == corners[1]).all()

    def test_a_square_larger_than_the_image_is_told(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        with pytest.raises(LabError, match="side: 13 is more than the 12 pixels"):
            tried(made("patch", photographs, side=13), networks, photographs)


class Stubborn(nn.Module):
    """The same answer for everything, and no slope to follow."""

    def forward(self, images: Tensor) -> Tensor:
        return (
            torch.tensor([2.0, 1, 0, 0, 0], dtype=images.dtype).expand(len(images), -1)
            + 0 * images.sum(dim=(1, 2, 3), keepdim=True)[:, :, 0, 0]
        )


# The outermost counts first: foolbox imports scipy by a name that scipy has moved.
@pytest.mark.filterwarnings("ignore:Please import .* from the .*scipy:DeprecationWarning")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", SETTINGS)
class TestOneColour:
    """Uniform, black and white photographs, and a network that nothing moves: all numbers are numbers."""

    @pytest.fixture
    def plain(self) -> dict[str, Photograph]:
        return {
            name: Photograph(np.full((12, 12, 3), level, np.uint8), place, name, ())
            for place, (name, level) in enumerate({"un": 0, "deux": 255, "trois": 128}.items())
        }

    def check(self, found: Recorder) -> None:
        for metric in found._metrics:
            assert isfinite(metric.value), metric.name
            assert metric.interval is None or metric.interval[0] <= metric.value <= metric.interval[1], metric.name
        for table in found._tables:
            for cell in (cell for row in table.rows for cell in row):
                assert not isinstance(cell, float) or isfinite(cell), table.name
                if isinstance(cell, Estimate):
                    assert isfinite(cell.value)
                    assert cell.low <= cell.value <= cell.high, table.name
        for figure in found._figures:
            assert "nan" not in f"{figure.title} {figure.caption} {figure.pictures[0].alt}", figure.name

    def test_gives_numbers(self, kind: str, networks: dict[str, Network], plain: dict[str, Photograph]) -> None:
        self.check(tried(made(kind, plain), networks, plain))

    def test_beside_others(
        self,
        kind: str,
        networks: dict[str, Network],
        plain: dict[str, Photograph],
        photographs: dict[str, Photograph],
    ) -> None:
        mixed = plain | {"quatre": photographs["un"]}
        self.check(tried(made(kind, mixed), networks, mixed))

    def test_where_nothing_moves_the_network(
        self, kind: str, toy: Network, plain: dict[str, Photograph], photographs: dict[str, Photograph]
    ) -> None:
        mixed = plain | {"quatre": photographs["un"]}
        stubborn = replace(toy, scorer=Stubborn())
        self.check(tried(made(kind, mixed), {"own": stubborn, "other": stubborn}, mixed))
