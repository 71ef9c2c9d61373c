"""What is measured on saliency maps, against networks whose maps are known and independent libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from generator import networks
from generator.artefacts import Metric
from generator.errors import LabError
from generator.experiments.agreement import Agreement
from generator.experiments.base import Experiment
from generator.experiments.linearity import Linearity
from generator.experiments.stability import Stability
from generator.experiments.stage import Photograph
from generator.images import Pixels, shift
from generator.lab import read_lab
from generator.networks import Network
from generator.statistics import geometric_mean, rank_correlations
from generator.vision.gradients import saliency_maps, score_changes, smoothgrad
from tests.conftest import ROOT, tried

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
    return lambda **how: networks.load(spec, weights, prepared=False, **how).scorer.state_dict()


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
    estimate = geometric_mean(np.array([0.1, 1000.0]))
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((0.1, 10, 1000))


Measure = Callable[..., dict[str, Metric]]


class TestExperiments:
    """The experiments themselves, on networks whose outcome is certain."""

    @pytest.fixture
    def run(self) -> Measure:
        def run(kind: type[Experiment], net: Network, second: Network | None = None, **how: Any) -> dict[str, Metric]:
            random = np.random.default_rng(1)
            names = ["a", "b", "c"]
            photographs = {
                name: Photograph(random.integers(60, 190, (SIZE, SIZE, 3), np.uint8), place, name, ())
                for place, name in enumerate(names)
            }
            experiment = kind.model_validate(
                {"title": "", "network": "own", "images": names, **how},
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

    @pytest.mark.parametrize("level", [0, -1])
    def test_a_change_of_nothing_has_no_error(self, run: Measure, level: float) -> None:
        with pytest.raises(ValidationError, match="greater than 0"):
            run(Linearity, squares(), levels=[level, 1])

    def test_the_first_order_of_a_square_errs_in_proportion(self, run: Measure) -> None:
        found = run(Linearity, squares(), levels=[0.1, 1, 10, 100, 1000])
        tenth, one = (found[f"error.gradient.{level}"].value for level in ("0.1", "1"))
        assert one == pytest.approx(10 * tenth)
        assert found["half.gradient"].value == pytest.approx(50 / one, rel=1e-6)

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
