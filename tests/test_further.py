"""What goes further: cut networks, other maps and what these are worth, against independent computations."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import GuidedBackprop, LayerGradCam
from torch import Tensor, nn

from generator.errors import LabError
from generator.experiments.base import NetworkUse
from generator.experiments.channels import Channels
from generator.experiments.channels.compute import spread
from generator.experiments.channels.show import cut
from generator.experiments.maps import CONTROL, METHODS, Maps
from generator.experiments.maps.show import leaders, ranks
from generator.experiments.stage import Photograph
from generator.experiments.universal import Universal
from generator.images import Pixels
from generator.vision.attribution import Care, attributions, gradcam, integrated, occlusion, replaced
from generator.vision.dream import DreamRule, closer, dream
from generator.vision.engine import export, flatten
from generator.vision.gradients import score_gradients
from generator.vision.inside import at_depth, before_rectifying, means_of_channels, power
from generator.vision.layers import Layer, beyond, guided, last_layer, layers, pulled, up_to
from generator.vision.opening import Network
from generator.vision.universal import MARGIN, Against, by_chance, grow
from tests.conftest import tried

SIZE, CLASSES = 16, 5


class Residual(nn.Module):
    """Convolutions, a way round one of them, a linear layer; activations of a kind of one's choice."""

    def __init__(self, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), activation())
        self.inside = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), activation())
        self.last = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), activation())
        self.scores = nn.Linear(8 * (SIZE // 2) ** 2, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.first(images)
        maps = self.last(maps + self.inside(maps))
        scores: Tensor = self.scores(maps.flatten(1))
        return scores


def made(activation: Callable[[], nn.Module] = nn.ReLU) -> Network:
    """A network with drawn weights, as its author made it."""
    torch.manual_seed(0)
    module = Residual(activation).eval().requires_grad_(False)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3)  # so that some values exceed 6
    mean, std = torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25)
    return Network(module, mean, std, size=SIZE, batch=4, weights_sha256="")


@cache
def prepared(activation: Callable[[], nn.Module] = nn.ReLU) -> Network:
    """The same, flattened by the engine."""
    network = made(activation)
    return Network(flatten(export(network.scorer, SIZE)), network.mean, network.std, SIZE, 4, "", way="prepared")


BOTH = pytest.mark.parametrize("opened", [made, prepared], ids=["as-made", "prepared"])
Opened = Callable[..., Network]


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(0).integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8)


def linear(seed: int = 0) -> Network:
    """Scores that are sums of weighted values."""
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4 * SIZE**2, CLASSES))
    torch.manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    mean, std = (torch.full((3, 1, 1), value, dtype=torch.float64) for value in (0.5, 0.25))
    return Network(module.double().requires_grad_(False), mean, std, SIZE, 4, "")


class TestCut:
    @BOTH
    def test_what_goes_on_from_a_layer_says_what_the_whole_says(self, opened: Opened, pixels: Pixels) -> None:
        network = opened()
        images = network.normalise([pixels])
        found = [layer for layer in layers(network) if layer.clean]
        assert len(found) >= 2
        for layer in found:
            maps = up_to(network, layer)(images)
            assert maps.shape == (1, layer.channels, layer.side, layer.side)
            assert beyond(network, layer, images)(maps).numpy() == pytest.approx(
                network.scorer(images).numpy(), abs=1e-5
            )

    def test_a_layer_that_something_goes_round_is_not_clean(self) -> None:
        assert [layer.clean for layer in layers(prepared()) if layer.side == SIZE // 2] == [True, False, True, True]

    @BOTH
    def test_the_last_layer_still_says_where(self, opened: Opened) -> None:
        layer = last_layer(opened())
        assert (layer.channels, layer.side) == (8, SIZE // 2)

    @BOTH
    def test_gradients_come_back_to_the_pixels(self, opened: Opened, pixels: Pixels) -> None:
        network = opened()
        image, reference = network.normalise([pixels]), made().scorer
        layer = last_layer(network)
        top = up_to(network, layer)
        _, gradient = score_gradients(lambda seen: top(seen).mean(dim=(2, 3)), image, [3])
        assert isinstance(reference, Residual)
        leaf = image.clone().requires_grad_()
        first = reference.first(leaf)
        reference.last(first + reference.inside(first))[0, 3].mean().backward()
        assert leaf.grad is not None
        assert gradient.numpy() == pytest.approx(leaf.grad.numpy(), abs=1e-6)

    @BOTH
    def test_what_is_added_on_the_way_back_comes_to_the_pixels(self, opened: Opened, pixels: Pixels) -> None:
        network = opened()
        image, reference = network.normalise([pixels]), made().scorer
        layer = last_layer(network)
        asked = []

        def pull(at: Layer, maps: Tensor) -> Tensor:
            asked.append(at)
            return 0.1 * maps  # the gradient of half their sum of squares, a tenth of it

        scores, gradient = score_gradients(pulled(network, [layer], pull), image, [3])
        assert asked == [layer]
        assert scores.numpy() == pytest.approx(network.scorer(image).numpy(), abs=1e-5)
        assert isinstance(reference, Residual)
        leaf = image.clone().requires_grad_()
        first = reference.first(leaf)
        maps = reference.last(first + reference.inside(first))
        (reference.scores(maps.flatten(1))[0, 3] + 0.05 * maps.square().sum()).backward()
        assert leaf.grad is not None
        assert gradient.numpy() == pytest.approx(leaf.grad.numpy(), abs=1e-4)

    def test_without_maps_there_is_nothing_to_cut(self) -> None:
        flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, CLASSES)).requires_grad_(False)
        network = Network(flat, torch.zeros(3, 1, 1), torch.ones(3, 1, 1), SIZE, 4, "")
        with pytest.raises(LabError, match="no layer"):
            last_layer(network)


class Guiding(torch.autograd.Function):
    """A clipped ReLU by the book: the way back is 0 where its input was, and where what comes back is negative."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.clamp(0, 6)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        found: Tensor = gradient * (gradient > 0) * (values > 0) * (values < 6)
        return found


class ByTheBook(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = Guiding.apply(values)
        return found


class TestGuided:
    @BOTH
    @pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning")
    def test_is_captums_where_there_are_relus(self, opened: Opened, pixels: Pixels) -> None:
        network = opened()
        image = network.normalise([pixels])
        expected = GuidedBackprop(made().scorer).attribute(image.clone().requires_grad_(), target=2)
        _, found = score_gradients(guided(network), image, [2])
        assert found.abs().max() > 0
        assert found.numpy() == pytest.approx(expected.detach().numpy(), abs=1e-6)

    @BOTH
    def test_clipped_relus_are_guided_too_which_captum_passes_over(self, opened: Opened, pixels: Pixels) -> None:
        network = opened(nn.ReLU6)
        image = network.normalise([pixels])
        _, expected = score_gradients(made(ByTheBook).scorer, image, [2])
        scores, found = score_gradients(guided(network), image, [2])
        assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
        plain, gradient = score_gradients(network.scorer, image, [2])
        assert scores.numpy() == pytest.approx(plain.numpy(), abs=1e-5), "the scores are the same"
        assert (found - gradient).abs().max() > 1e-3, "and the way back is not"


class TestMaps:
    @BOTH
    def test_grad_cam_is_captums(self, opened: Opened, pixels: Pixels) -> None:
        network, reference = opened(), made().scorer
        image = network.normalise([pixels])
        assert isinstance(reference, Residual)
        coarse = LayerGradCam(reference, reference.last).attribute(image, target=3, relu_attributions=True)
        expected = nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")[0, 0].detach()
        assert expected.max() > 0
        assert gradcam(network, image, 3).numpy() == pytest.approx(expected.numpy(), abs=1e-6)

    def test_integrated_gradients_add_up_to_what_the_score_gains(self, pixels: Pixels) -> None:
        # Smooth, so that few places on the way suffice.
        network = made(nn.Softplus)
        image = network.normalise([pixels])
        gained = network.scorer(image)[0, 2] - network.scorer(0 * image)[0, 2]
        assert integrated(network, image, 2, 64).sum().item() == pytest.approx(gained.item(), rel=1e-3)

    def test_of_a_linear_network_they_are_gradient_times_image(self, pixels: Pixels) -> None:
        network = linear()
        image = network.normalise([pixels])
        _, (gradient,) = score_gradients(network.scorer, image, [4])
        assert integrated(network, image, 4, 1).numpy() == pytest.approx((gradient * image[0]).numpy())

    def test_occlusion_of_a_linear_network_is_what_a_square_adds(self, pixels: Pixels) -> None:
        network = linear()
        image = network.normalise([pixels])
        _, (gradient,) = score_gradients(network.scorer, image, [4])
        added = (gradient * image[0]).sum(dim=0).reshape(4, 4, 4, 4).sum(dim=(1, 3))
        expected = added.repeat_interleave(4, 0).repeat_interleave(4, 1)
        assert occlusion(network, image, 4, 4).numpy() == pytest.approx(expected.numpy())

    def test_all_are_maps_of_their_own_and_come_out_the_same_again(self, pixels: Pixels) -> None:
        network, care = prepared(nn.ReLU6), Care(spread=0.2, samples=3, steps=4, squares=4)
        found = attributions(network, pixels, 3, care, seed=5)
        assert tuple(found) == METHODS
        for method, values in found.items():
            assert values.shape == (SIZE, SIZE)
            assert values.min() >= 0
            assert np.ptp(values) > 0, method
        assert len({values.tobytes() for values in found.values()}) == len(METHODS)
        again = attributions(network, pixels, 3, care, seed=5)
        assert all((found[method] == again[method]).all() for method in METHODS)


class TestDeletion:
    def test_takes_away_and_brings_the_most_salient_pixels_first(self, pixels: Pixels) -> None:
        network = linear()
        values = np.random.default_rng(1).random((SIZE, SIZE)).astype(np.float32)
        image = network.normalise([pixels])[0]
        threshold = np.sort(values, axis=None)[-SIZE * SIZE // 4]
        grey = image.clone()
        grey[:, torch.from_numpy(values >= threshold)] = 0
        expected = network.scorer(grey[None]).softmax(dim=1)[0, 2].item()
        deletion, insertion = replaced(network, pixels, values, 2, 4)
        assert deletion.shape == insertion.shape == (3,)
        assert deletion[0] == pytest.approx(expected)
        # The last quarter of the pixels is all that is blurred, or all that is left.
        almost = network.normalise([pixels])[0]
        kept = torch.from_numpy(values <= np.sort(values, axis=None)[SIZE * SIZE // 4 - 1])
        almost[:, ~kept] = 0
        assert deletion[-1] == pytest.approx(network.scorer(almost[None]).softmax(dim=1)[0, 2].item())

    def test_of_an_image_that_is_one_colour_nothing_changes_by_insertion(self) -> None:
        network, plain = linear(), np.full((SIZE, SIZE, 3), 200, np.uint8)
        values = np.random.default_rng(1).random((SIZE, SIZE)).astype(np.float32)
        _, insertion = replaced(network, plain, values, 2, 5)
        whole = network.scorer(network.normalise([plain])).softmax(dim=1)[0, 2].item()
        assert insertion == pytest.approx(np.full(4, whole))


class TestLeaders:
    rows = np.array([[5.0, 6, 7, 8], [5.1, 6.2, 6.9, 7.9], [1.0, 2, 3.5, 4]])

    def test_are_the_best_and_all_that_it_is_not_surely_better_than(self) -> None:
        assert leaders(self.rows, falls=False) == [0, 1]
        assert leaders(self.rows, falls=True) == [2]

    def test_nothing_is_sure_of_one_photograph(self) -> None:
        assert leaders(self.rows[:, :1], falls=False) == [0, 1, 2]

    def test_a_scale_of_ranks_knows_only_which_is_higher(self) -> None:
        values = np.array([[0, 0, 0.1], [3, 1000, 7]], np.float32)
        assert ranks(values) == pytest.approx(np.array([[0, 0, 0.4], [0.6, 1, 0.8]]))
        assert (ranks(values) == ranks(values**2)).all()


def test_a_map_that_knows_nothing_is_told_by_the_measures_that_know_the_network(pixels: Pixels) -> None:
    networks = {"un": made(), "deux": linear()}
    networks["deux"] = Network(networks["deux"].scorer.float(), networks["un"].mean, networks["un"].std, SIZE, 4, "")
    photographs = {
        name: Photograph(np.roll(pixels, place), place % CLASSES, name, ((0.2, 0.2, 0.8, 0.7),))
        for place, name in enumerate(("a", "b", "c"))
    }
    settings = {"title": "Essai", "network": "un", "other": "deux", "images": tuple(photographs)}
    experiment = Maps.model_construct(**{**{n: f.default for n, f in Maps.model_fields.items()}, **settings})
    torch.manual_seed(7)
    forgetful = Residual(nn.ReLU).eval().requires_grad_(False)

    def shuffled(use: NetworkUse) -> Network:
        assert use.shuffled == 1
        return Network(forgetful, networks["un"].mean, networks["un"].std, SIZE, 4, "")

    found = {metric.name: metric for metric in tried(experiment, networks, photographs, shuffled)._metrics}
    assert found[f"{CONTROL}.networks"].value == found[f"{CONTROL}.shuffled"].value == 1, "it fails the sanity check"
    assert found[f"{CONTROL}.shift"].value > 0.9, "and is as stable as can be"
    assert found["gradient.shuffled"].value < 0.9
    assert found["gradient.energy"].samples == 3
    assert found["gradient.energy"].unit == "%"


class TestUniversal:
    def three(self) -> list[Pixels]:
        return [
            np.random.default_rng(seed).integers(60, 196, size=(SIZE, SIZE, 3), dtype=np.uint8) for seed in (1, 2, 3)
        ]

    @BOTH
    def test_leads_are_those_of_other_classes_over_the_first_answer(self, opened: Opened) -> None:
        network, photographs = opened(), self.three()
        images = network.normalise(photographs)
        changes = 0.01 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
        plain, found = made().scorer(images), made().scorer(images + changes)
        expected = []
        for before, after in zip(plain.tolist(), found.tolist(), strict=True):
            first = before.index(max(before))
            expected.append(min(max(after[:first] + after[first + 1 :]) - after[first], MARGIN))
        assert Against(network, images)(changes)[:, 0].tolist() == pytest.approx(expected, abs=1e-4)

    def test_grows_within_its_norm_and_leads_further_than_chance(self) -> None:
        network, photographs = made(), self.three()
        images = network.normalise(photographs)
        against = Against(network, images)

        def lead(change: Tensor) -> float:
            return float(against(change.expand_as(images)).mean())

        change = grow(network, photographs, radius=3, iterations=15, step=0.5, gradient_sigma=(0, 0))
        assert float(change.norm()) == pytest.approx(3, rel=1e-4)
        leads = [lead(by_chance(network, 3, seed)) for seed in range(10)]
        assert lead(change) > max(leads)
        assert lead(torch.zeros_like(change)) < lead(change)

    def test_the_first_step_follows_the_mean_gradient(self) -> None:
        network, photographs = linear(), self.three()
        images = network.normalise(photographs)
        scores = network.scorer(images)
        first = scores.argmax(dim=1)
        second = scores.scatter(1, first[:, None], -torch.inf).argmax(dim=1)
        _, up = score_gradients(network.scorer, images, second.tolist())
        _, down = score_gradients(network.scorer, images, first.tolist())
        slope = (up - down).mean(dim=0)
        change = grow(network, photographs, radius=1, iterations=1, step=0.1, gradient_sigma=(0, 0))
        assert change.numpy() == pytest.approx((0.1 * slope / slope.norm()).numpy())

    def test_a_random_change_has_the_same_norm_and_a_seed(self) -> None:
        network = made()
        first, same, other = (by_chance(network, 2.5, seed) for seed in (1, 1, 2))
        assert float(first.norm()) == pytest.approx(2.5)
        assert torch.equal(first, same)
        assert not torch.equal(first, other)

    def test_is_judged_on_the_half_that_it_was_not_grown_on(self) -> None:
        names = tuple("abcdef")
        settings: dict[str, Any] = {
            "title": "Essai",
            "network": "un",
            "other": "deux",
            "images": names,
            "shown": ("a",),
        }
        settings |= {"radii": (1,), "counts": (2,), "iterations": 1, "step": 0.1, "gradient_sigma": (0, 0), "seed": 0}
        parts = Universal.model_construct(**settings).parts({})
        assert [name for name in parts if isinstance(name, tuple)] == [(1, 2, 1), (1, 2, 2)]
        for half, part in zip((1, 2), parts.values(), strict=True):
            mine = set(names[half - 1 :: 2])
            assert part.settings["made_on"] == 2
            assert set(part.images[:2]) <= mine
            assert set(part.images[2:]) == set(names) - mine


class TestInside:
    """Layers count before their ReLU."""

    def by_hand(self, images: Tensor) -> list[Tensor]:
        """Maps of the three convolutions, before what clips them."""
        module = made().scorer
        assert isinstance(module, Residual)
        first, inside, last = module.first[0], module.inside[0], module.last[0]
        maps = [first(images)]
        seen = maps[0].relu()
        maps.append(inside(seen))
        maps.append(last(seen + maps[1].relu()))
        return maps

    @BOTH
    def test_depths_lead_from_the_first_layer_to_the_last(self, opened: Opened, pixels: Pixels) -> None:
        network = opened()
        images = network.normalise([pixels])
        maps = self.by_hand(images)
        for depth, expected in ((0, maps[0]), (1, maps[-1])):
            found = before_rectifying(network, at_depth(network, depth))(images)
            assert found.min() < 0, "nothing is clipped"
            assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-4)

    @BOTH
    def test_a_channel_and_a_layer_are_scores_with_their_gradients(self, opened: Opened, pixels: Pixels) -> None:
        network = opened()
        image = network.normalise([pixels])
        layer = at_depth(network, 1)
        leaf = image.clone().requires_grad_()
        maps = self.by_hand(leaf)[-1]
        for scorer, target, expected in (
            (means_of_channels(network, layer).scorer, 5, maps[0, 5].mean()),
            (power(network, layer).scorer, 0, maps.square().mean()),
        ):
            (slope,) = torch.autograd.grad(expected, leaf, retain_graph=True)
            scores, gradient = score_gradients(scorer, image, [target])
            assert scores[0, target].item() == pytest.approx(expected.item(), rel=1e-4)
            assert gradient.numpy() == pytest.approx(slope.numpy(), abs=1e-5)

    def test_an_image_is_grown_that_excites_its_channel_more_than_photographs(self, pixels: Pixels) -> None:
        network = prepared()
        photographs = {"a": Photograph(pixels, 0, "a", ()), "b": Photograph(pixels[::-1].copy(), 1, "b", ())}
        settings: dict[str, Any] = {"title": "Essai", "network": "un", "other": "un", "images": tuple(photographs)}
        settings |= {"depths": (1,), "iterations": 40, "rate": 0.1, "jitter": 0, "degrees": 0, "zoom": 1, "starts": 1}
        defaults = {name: field.default for name, field in Channels.model_fields.items()}
        experiment = Channels.model_construct(**(defaults | settings | {"note": "", "seed": 0}))
        found = {metric.name: metric.value for metric in tried(experiment, {"un": network}, photographs)._metrics}
        assert found["own.1.beaten"] > 60

    def test_channels_are_spread_evenly_over_their_numbers(self) -> None:
        assert spread(Layer(0, 100, 7, clean=True), 4) == [0, 25, 50, 75]
        assert spread(Layer(0, 8, 7, clean=True), 3) == [0, 2, 5]

    def test_a_place_is_cut_out_around_the_maximum_and_within_the_photograph(self) -> None:
        photograph = np.zeros((224, 224, 3), np.uint8)
        photograph[3, 220] = 255
        patch = cut(photograph, np.array([3.5 / 224, 220.5 / 224]), 112)
        assert patch.shape == (216, 216, 3)
        assert (patch[27:36, 180:189] == 255).all()
        assert patch.sum() == 9 * 9 * 3 * 255


class TestDream:
    rule = DreamRule(scales=(1, 2), iterations=6, step=0.3, gradient_sigma=(0, 0), jitter=0)

    def test_excites_its_layer_from_scale_to_scale_and_stays_an_image(self, pixels: Pixels) -> None:
        network = prepared()
        image, layer = network.normalise([pixels])[0], at_depth(network, 1)
        frames, scores = dream(network, layer, image, self.rule, seed=0)
        assert len(frames) == 13
        assert len(scores) == 12
        assert torch.equal(frames[0], image)
        powers = [power(network, layer).scorer(frame[None]).item() for frame in frames]
        assert powers[6] > powers[0]
        assert scores[0] == pytest.approx(powers[0], rel=1e-4)
        darkest, brightest = network.range
        assert all((frame >= darkest).all() and (frame <= brightest).all() for frame in frames)

    def test_goes_by_its_own_seed(self, pixels: Pixels) -> None:
        network = made()
        image, layer = network.normalise([pixels])[0], at_depth(network, 1)
        first, same, other = (dream(network, layer, image, self.rule, seed=seed)[0][-1] for seed in (1, 1, 2))
        assert torch.equal(first, same)
        assert not torch.equal(first, other)

    def test_closer_shows_a_place_enlarged(self) -> None:
        ramp = torch.arange(16.0).expand(1, 3, 16, 16)
        random = torch.Generator().manual_seed(0)
        assert closer(1)(ramp, [random]) == pytest.approx(ramp, abs=1e-5)
        seen = closer(2)(ramp, [random])[0, 0, 8]
        assert seen.diff().numpy() == pytest.approx(np.full(15, 0.5), abs=1e-4)
        assert seen.min() >= 0
        assert seen.max() <= 15
