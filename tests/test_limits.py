"""What is measured on saliency maps, against networks whose maps are known and independent libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from generator.errors import LabError
from generator.experiments.agreement import Agreement
from generator.experiments.base import Experiment
from generator.experiments.linearity import Linearity
from generator.experiments.shared.maps import map_part
from generator.experiments.shared.shades import capped, capped_scale
from generator.experiments.stability import Stability
from generator.experiments.stage import Photograph
from generator.images import Pixels, resize, shift
from generator.lab import read_lab
from generator.results.artefacts import Metric
from generator.statistics import geometric_mean, rank_correlations
from generator.vision import opening
from generator.vision.gradients import saliency_maps, score_changes, smoothgrad
from generator.vision.opening import Network
from tests.conftest import ROOT, computed, spec_of, tried

SIZE = 24


class Own(nn.Module):
    """Scores that are a given function of the images."""

    def __init__(self, scores: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(images)


def network(scores: Callable[[Tensor], Tensor]) -> Network:
    mean, std = (torch.full((3, 1, 1), value, dtype=torch.float64) for value in (0.5, 0.25))
    return Network(Own(scores), mean, std, size=SIZE, batch=4, weights_sha256="")


def linear(seed: int = 0) -> Network:
    """Its map is the same, whatever the image."""
    weights = torch.randn(3 * SIZE * SIZE, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return network(lambda images: images.flatten(1) @ weights)


def squares() -> Network:
    """Half the squared norm; its map is the brightest channel, and moves with the image."""
    return network(lambda images: images.square().sum(dim=(1, 2, 3))[:, None].expand(-1, 5) / 2)


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(40, 216, (SIZE, SIZE, 3), np.uint8)


class TestSmoothGrad:
    def test_is_the_expected_map_of_a_noisy_image(self, pixels: Pixels) -> None:
        net = squares()
        image = net.normalise([pixels])[0].numpy()
        sigma = 0.15 * (image.max() - image.min())
        # The gradient is the noisy image itself: its absolute value is a folded normal variable.
        expected = sigma * np.sqrt(2 / np.pi) * np.exp(-(image**2) / (2 * sigma**2))
        expected += image * scipy.special.erf(image / (sigma * np.sqrt(2)))
        found = smoothgrad(net, pixels, 0, spread=0.15, samples=4000, seed=0)
        assert found == pytest.approx(expected.max(axis=0), abs=0.06 * sigma)

    def test_changes_nothing_where_the_gradient_is_the_same_everywhere(self, pixels: Pixels) -> None:
        (plain,) = saliency_maps(linear(), [(pixels, 3)])
        assert smoothgrad(linear(), pixels, 3, spread=0.2, samples=5, seed=0) == pytest.approx(plain)

    def test_goes_by_its_own_seed(self, pixels: Pixels) -> None:
        before = torch.get_rng_state()
        first, same, other = (smoothgrad(squares(), pixels, 0, spread=0.2, samples=4, seed=s) for s in (1, 1, 2))
        assert (first == same).all()
        assert (first != other).any()
        assert torch.equal(torch.get_rng_state(), before)


class TestScoreChanges:
    def test_of_a_linear_network_are_as_foretold(self, pixels: Pixels) -> None:
        foretold, actual = score_changes(linear(), pixels, 2, lengths=[0.1, 10], random=3, seed=0)
        assert actual == pytest.approx(foretold)
        assert (foretold[0] == -foretold[1]).all()
        assert (np.abs(foretold[2:]) < foretold[0]).all(), "no direction is steeper than the gradient's"

    def test_of_a_square_miss_its_second_order(self, pixels: Pixels) -> None:
        lengths = np.array([0.1, 1, 7, 8, 9])
        foretold, actual = score_changes(squares(), pixels, 0, lengths=lengths.tolist(), random=2, seed=0)
        assert actual - foretold == pytest.approx(np.tile((lengths / 0.25) ** 2 / 2, (4, 1)))


Load = Callable[..., dict[str, Tensor]]


@pytest.fixture
def load() -> Load:
    """The default lab's network with some change -> all its tensors by name."""
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    spec, weights = lab.file.networks["principal"], lab.weights("principal")
    return lambda **how: opening.load(spec, weights, way="as-made", **how).scorer.state_dict()


class TestShuffling:
    def changed(self, load: Load, share: float) -> list[str]:
        trained, shuffled = load(), load(shuffled=share)
        return [name for name in trained if not torch.equal(trained[name], shuffled[name])]

    def test_begins_at_the_scores(self, load: Load) -> None:
        assert not self.changed(load, 0)
        assert self.changed(load, 0.02) == ["classifier.weight"]
        assert self.changed(load, 0.04) == ["conv_head.weight", "classifier.weight"]

    def test_reaches_every_layer_but_normalisation(self, load: Load) -> None:
        weights = [name for name, tensor in load().items() if tensor.ndim > 1]
        assert self.changed(load, 1) == weights

    def test_keeps_the_values_of_each_layer_and_goes_by_its_seed(self, load: Load) -> None:
        trained, first, same, other = (
            load(**how)["conv_stem.weight"].flatten() for how in ({}, *({"shuffled": 1, "seed": s} for s in (1, 1, 2)))
        )
        assert torch.equal(trained.sort().values, first.sort().values)
        assert torch.equal(first, same)
        assert not torch.equal(first, other)


def test_shifting_repeats_the_edge_and_is_undone_inside(pixels: Pixels) -> None:
    moved = shift(pixels, 3)
    assert (moved[:, :4] == pixels[:, :1]).all()
    assert (shift(moved, -3)[:, :-3] == pixels[:, :-3]).all()


def test_rank_correlations_equal_scipy() -> None:
    samples = list(np.random.default_rng(0).integers(0, 9, (3, 5, 6)).astype(np.float32))  # with ties
    expected = scipy.stats.spearmanr(np.reshape(samples, (3, -1)), axis=1).statistic
    assert rank_correlations(samples) == pytest.approx(expected)


def test_a_geometric_mean_is_halfway_by_factors() -> None:
    estimate = geometric_mean(np.array([0.1, 10, 1000.0]))
    assert estimate.value == pytest.approx(10)
    assert estimate.low * estimate.high == pytest.approx(100)
    assert estimate.low < 0.1


def test_a_geometric_mean_of_two_values_worlds_apart_has_no_interval() -> None:
    assert geometric_mean(np.array([1e-30, 1e30])).interval is None


Measure = Callable[..., dict[str, Metric]]


@pytest.fixture
def photographs() -> dict[str, Photograph]:
    random = np.random.default_rng(1)
    return {
        name: Photograph(random.integers(60, 190, (SIZE, SIZE, 3), np.uint8), place, name, ())
        for place, name in enumerate(("a", "b", "c"))
    }


def rising() -> Network:
    """Its map is the brightest channel, counted from black, so that alike pixels are alike in the map."""
    return network(lambda images: (images + 2).square().sum(dim=(1, 2, 3))[:, None].expand(-1, 5) / 2)


class TestExperiments:
    """The experiments themselves, on networks whose outcome is certain."""

    @pytest.fixture
    def run(self, photographs: dict[str, Photograph]) -> Measure:
        def run(kind: type[Experiment], net: Network, second: Network | None = None, **how: Any) -> dict[str, Metric]:
            names = list(photographs)
            experiment = kind.model_validate(
                {"title": "Essai", "network": "own", "images": names, **how},
                context={"images": names, "networks": ["own", "other"]},
            )
            recorder = tried(
                experiment,
                {"own": net, "other": second or net},
                photographs,
                shuffled=lambda use: net if use.shuffled < 1 else linear(seed=9),
            )
            return {metric.name: metric for metric in recorder._metrics}

        return run

    def test_a_map_that_moves_with_the_image_is_stable_under_shifts(self, run: Measure) -> None:
        found = run(Stability, squares(), shown=["b"], shifts=[1, 3])
        assert found["plain.shift+1"].value == pytest.approx(1)
        assert found["plain.shift+3"].value == pytest.approx(1)
        assert found["plain.noise+16"].value < 0.99
        assert found["plain.other"].value == pytest.approx(0, abs=0.2)

    def test_a_map_that_never_changes_is_stable_under_noise_only(self, run: Measure) -> None:
        # One map for all classes, so that the class of an image makes no difference.
        weights = torch.randn(3 * SIZE * SIZE, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        found = run(Stability, network(lambda images: images.flatten(1) @ weights.expand(-1, 5)), shown=[])
        for method in ("plain", "blurred", "smoothgrad"):
            assert found[f"{method}.noise+16"].value == pytest.approx(1)
            assert found[f"{method}.light-10"].value == pytest.approx(1)
            assert found[f"{method}.other"].value == pytest.approx(1)
        assert found["plain.shift+1"].value < 0.5

    def test_a_shift_that_leaves_nothing_is_told(self, run: Measure) -> None:
        with pytest.raises(LabError, match=f"shifts: 11 leaves too little .* of {SIZE} pixels; give shifts: up to 10"):
            run(Stability, squares(), shown=[], shifts=[1, 11])

    def test_a_correlation_is_what_scipy_says_of_the_maps_inside_the_edge(
        self, run: Measure, photographs: dict[str, Photograph]
    ) -> None:
        found = run(Stability, rising(), shown=[], shifts=[1, 4], lights=[30])
        inner = np.s_[4:-4, 4:-4]
        expected = [
            scipy.stats.spearmanr(
                one.pixels.max(axis=2)[inner].ravel(),
                (one.pixels * 1.3).round().clip(max=255).max(axis=2)[inner].ravel(),
            ).statistic
            for one in photographs.values()
        ]
        assert found["plain.light+30"].value == pytest.approx(np.mean(expected))
        assert found["plain.light+30"].samples == 3

    def test_answers_that_change_are_counted(self, run: Measure) -> None:
        weights = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

        def light_or_dark(images: Tensor) -> Tensor:
            light = ((images + 1) * weights).mean(dim=(1, 2, 3))
            return torch.stack([light, -light], dim=1)

        found = run(Stability, network(light_or_dark), images=["a", "b"], shown=[], lights=[-80, 10])
        assert (found["kept.light-80"].value, found["kept.light+10"].value) == (0, 100)

    @pytest.mark.parametrize("kind", [Stability, Linearity])
    def test_a_photograph_s_part_is_the_same_in_any_company(
        self, kind: type[Experiment], photographs: dict[str, Photograph]
    ) -> None:
        images = {name: spec_of(name, photograph) for name, photograph in photographs.items()}
        construct: Callable[..., Experiment] = kind.model_construct
        in_two, in_three = (
            construct(network="own", images=names, shown=()).parts(images)["a"]
            for names in (("a", "b"), ("c", "b", "a"))
        )
        assert in_two == in_three

    @pytest.mark.parametrize(
        ("kind", "how"),
        [(Stability, {"shown": ["a"]}), (Linearity, {}), (Agreement, {"other": "other", "shown": "a", "side": SIZE})],
    )
    def test_a_photograph_whose_map_says_nothing_is_named(
        self, run: Measure, kind: type[Experiment], how: dict[str, Any]
    ) -> None:
        with pytest.raises(LabError, match=r"of a (is the same everywhere|has no slope)") as error:
            run(kind, network(lambda images: 0 * images.flatten(1)[:, :5]), squares(), **how)
        assert len(error.value.problems) == 1

    @pytest.mark.parametrize("level", [0, -1])
    def test_a_change_of_nothing_has_no_error(self, run: Measure, level: float) -> None:
        with pytest.raises(ValidationError, match="greater than 0"):
            run(Linearity, squares(), levels=[level, 1])

    def test_the_first_order_of_a_square_errs_in_proportion(self, run: Measure) -> None:
        found = run(Linearity, squares(), levels=[0.1, 1, 10, 100, 1000])
        tenth, one = (found[f"error.gradient.{level}"].value for level in ("0.1", "1"))
        assert one == pytest.approx(10 * tenth)
        assert found["half.gradient"].value == pytest.approx(50 / one, rel=1e-6)

    def test_a_first_order_that_never_errs_is_off_by_rounding(self, run: Measure) -> None:
        found = run(Linearity, linear(), levels=[1, 10])
        assert 0 < found["error.random.1"].value < 1e-4
        assert found["half.random"].value == pytest.approx(10)

    def test_a_network_agrees_with_itself(self, run: Measure) -> None:
        found = run(Agreement, squares(), other="other", shown="a", side=SIZE, blur=0)
        assert found["networks"].value == pytest.approx(1)
        assert found["recognised"].value == 100
        assert found["shuffled-0.5"].value == pytest.approx(1)
        assert found["learned"].value == pytest.approx(1, abs=0.2)

    def test_networks_that_look_elsewhere_do_not_agree(self, run: Measure) -> None:
        found = run(Agreement, squares(), linear(), other="other", shown="a", side=SIZE, blur=0)
        assert found["networks"].value == pytest.approx(0, abs=0.15)
        assert abs(found["position"].value) < 15

    def test_agreement_is_what_scipy_says_of_the_maps(self, run: Measure, photographs: dict[str, Photograph]) -> None:
        second = linear()
        found = run(Agreement, rising(), second, other="other", shown="a", side=SIZE, blur=0)
        assert isinstance(second.scorer, Own)
        slopes = torch.func.jacrev(second.scorer.scores)(torch.zeros(1, 3, SIZE, SIZE, dtype=torch.float64))[0, :, 0]
        others = slopes.abs().amax(dim=1).numpy()
        expected = [
            scipy.stats.spearmanr(one.pixels.max(axis=2).ravel(), others[one.label].ravel()).statistic
            for one in photographs.values()
        ]
        assert found["networks"].value == pytest.approx(np.mean(expected))
        right = [
            100 * (second.scorer(second.normalise([one.pixels])).argmax().item() == one.label)
            for one in photographs.values()
        ]
        assert found["right.other"].value == pytest.approx(np.mean(right))


def test_two_networks_can_be_shown_the_same_photograph(photographs: dict[str, Photograph]) -> None:
    small = replace(rising(), size=12)
    part = map_part("small", "a", 0, seen_by="own")
    assert [use.name for use in part.networks] == ["own", "small"], "the first one decides the photograph's size"
    values = computed(part, {"own": linear(), "small": small}, photographs)["values"]
    assert values == pytest.approx(resize(photographs["a"].pixels, 12).max(axis=2) / 255 * 4)


@pytest.mark.parametrize("count", range(2, 23))
def test_maps_are_shown_on_plates_of_at_most_five_as_evenly_as_possible(count: int) -> None:
    images = tuple(map(str, range(count)))
    construct: Callable[..., Agreement] = Agreement.model_construct
    plates = construct(images=images).plates
    assert list(plates.values()) == [tuple(plate) for plate in np.array_split(images, -(-count // 5))]
    assert next(iter(plates)) == "planche-1"


def test_few_bright_pixels_of_an_empty_map_are_shown() -> None:
    values = np.zeros((20, 20), np.float32)
    assert (capped(values) == capped(values)[0, 0]).all()
    values[3, 4] = 7
    assert capped(values)[3, 4].tolist() == [255, 255, 255]
    assert capped_scale(values).high == 7
