"""Attacks of the literature, patches and transfer: what they promise, on networks whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from generator.experiments.attacks import LITERATURE, RADII
from generator.experiments.transfer.compute import add_noise
from generator.images import Pixels, paste
from generator.statistics import rate, share
from generator.vision.attacks import attack
from generator.vision.gradients import answers
from generator.vision.opening import Network
from generator.vision.patch import PatchRule, grow


class Redness(nn.Module):
    """Class 1 where an image is redder than half on average, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        red = images[:, 0].mean(dim=(1, 2))
        return torch.stack([torch.zeros_like(red), 40 * red], dim=1)


@pytest.fixture
def redness() -> Network:
    mean, std = (torch.full((3, 1, 1), value) for value in (0.5, 0.25))
    return Network(Redness(), mean, std, size=12, batch=3, weights_sha256="")


def grey(level: int) -> Pixels:
    return np.full((12, 12, 3), level, np.uint8)


# foolbox imports scipy by a name that scipy has moved.
@pytest.mark.filterwarnings("ignore:Please import .* from the .*scipy:DeprecationWarning")
class TestAttacks:
    @pytest.mark.parametrize("level", [126, 130])
    @pytest.mark.parametrize("method", LITERATURE)
    def test_each_changes_the_answer_and_keeps_pixels_valid(self, method: str, level: int, redness: Network) -> None:
        outcome = attack(redness, grey(level), method, radii=LITERATURE[method].radii)
        normalised = (torch.from_numpy(outcome.image).permute(2, 0, 1) - redness.mean) / redness.std
        assert outcome.fooled
        assert outcome.answer == answers(redness, [grey(level)])[0]
        assert int(redness.scorer(normalised[None]).argmax()) != outcome.answer
        assert 0 <= outcome.image.min() <= outcome.image.max() <= 1

    def test_deepfool_finds_the_nearest_boundary(self, redness: Network) -> None:
        outcome = attack(redness, grey(126), "deepfool")
        # The boundary is the plane where red is 127.5 on average; the change spreads over 144 red values.
        nearest = 1.5 / 255 * np.sqrt(144)
        assert nearest < np.linalg.norm(outcome.image - 126 / 255) < 1.1 * nearest

    def test_fgsm_keeps_the_smallest_radius_that_fools(self, redness: Network) -> None:
        outcome = attack(redness, grey(126), "fgsm", radii=RADII)
        assert 255 * np.abs(outcome.image - 126 / 255).max() == pytest.approx(2, rel=1e-3)

    def test_one_that_fails_says_so(self, redness: Network) -> None:
        outcome = attack(redness, grey(60), "fgsm", radii=RADII)
        assert not outcome.fooled

    def test_decisions_are_all_that_one_of_them_asks_for(self, redness: Network) -> None:
        blind = attack(redness, grey(126), "hop-skip-jump")
        informed = attack(redness, grey(126), "pgd", radii=RADII)
        assert blind.gradients == 0
        assert blind.queries > 100
        assert informed.gradients > 0

    def test_counts_what_went_through_the_network(self, redness: Network) -> None:
        seen = 0

        def watch(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            nonlocal seen
            seen += len(arguments[0])

        hook = redness.scorer.register_forward_pre_hook(watch)
        outcome = attack(redness, grey(126), "carlini-wagner")
        hook.remove()
        # Beside what the attack asks for, the photograph's own class is looked up once.
        assert outcome.gradients + outcome.queries == seen - 1

    def test_random_numbers_are_the_seed_s_own(self, redness: Network) -> None:
        torch.manual_seed(5)
        state = torch.get_rng_state()
        first, second, other = (attack(redness, grey(126), "hop-skip-jump", seed=s).image for s in (1, 1, 2))
        assert np.array_equal(first, second)
        assert not np.array_equal(first, other)
        assert torch.equal(torch.get_rng_state(), state)


class TestPatch:
    def test_grows_what_the_class_asks_for(self, redness: Network) -> None:
        rule = PatchRule(side=5, iterations=40, batch=2, step=1.0, gradient_sigma=(0.0, 0.0))
        (patch,) = grow(redness, [grey(100)] * 3, 1, rule, seed=0)
        assert patch.shape == (5, 5, 3)
        assert patch[..., 0] == pytest.approx(np.ones((5, 5))), "all red"
        assert patch[..., 1:] == pytest.approx(np.full((5, 5, 2), 0.5)), "the rest is left grey"

    def test_raises_the_score_where_it_is_pasted(self, toy: Network) -> None:
        random = np.random.default_rng(3)
        photographs = list(random.integers(256, size=(6, 12, 12, 3), dtype=np.uint8))
        rule = PatchRule(side=8, iterations=60, batch=3, step=0.5, gradient_sigma=(0.0, 0.0))
        (grown,) = grow(toy, photographs[:3], 2, rule, seed=0)
        patch = np.round(grown * 255).astype(np.uint8)
        flat = np.full((8, 8, 3), 128, np.uint8)

        def score(square: Pixels) -> float:
            pasted = [paste(pixels, square, 1, 3) for pixels in photographs[3:]]
            return float(toy.scorer(toy.normalise(pasted))[:, 2].mean())

        assert score(patch) > score(flat)

    def test_is_the_same_for_the_same_seed(self, toy: Network) -> None:
        rule = PatchRule(side=4, iterations=3, batch=2, step=0.5, gradient_sigma=(1.0, 0.5))
        photographs = list(np.random.default_rng(3).integers(256, size=(3, 12, 12, 3), dtype=np.uint8))
        first, second, other = (grow(toy, photographs, 1, rule, seed=s)[-1] for s in (0, 0, 1))
        assert np.array_equal(first, second)
        assert not np.array_equal(first, other)

    def test_on_its_way_is_what_it_would_be_at_the_end_of_a_shorter_one(self, toy: Network) -> None:
        rule = PatchRule(side=4, iterations=9, batch=2, step=0.5, gradient_sigma=(0.0, 0.0))
        photographs = list(np.random.default_rng(3).integers(256, size=(3, 12, 12, 3), dtype=np.uint8))
        early, late, end = grow(toy, photographs, 1, rule, seed=0, after=(3, 6))
        for patch, iterations in ((early, 3), (late, 6), (end, 9)):
            (alone,) = grow(toy, photographs, 1, replace(rule, iterations=iterations), seed=0)
            assert np.array_equal(patch, alone)

    def test_pasting_changes_the_square_alone(self) -> None:
        photograph = grey(100)
        pasted = paste(photograph, np.zeros((3, 3, 3), np.uint8), 2, 5)
        changed = (pasted != photograph).any(axis=2)
        assert changed[2:5, 5:8].all()
        assert changed.sum() == 9
        assert (photograph == 100).all()


class TestTransfer:
    def test_noise_has_the_size_asked_for(self) -> None:
        photograph = np.full((64, 64, 3), 128, np.uint8)
        noisy = add_noise(photograph, 5.0, np.random.default_rng(0))
        assert np.linalg.norm((noisy / 255.0) - (photograph / 255.0)) == pytest.approx(5, rel=0.02)


class TestRate:
    @pytest.mark.parametrize("successes", [0, 3, 20])
    def test_of_single_trials_is_wilson_s(self, successes: int) -> None:
        trials = [place < successes for place in range(20)]
        expected = binomtest(successes, 20).proportion_ci(0.95, method="wilson")
        for estimate in (share(trials), rate([float(trial) for trial in trials])):
            assert estimate.value == pytest.approx(5 * successes)
            assert (estimate.low, estimate.high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=1e-9)

    def test_of_several_trials_each_covers_the_truth(self) -> None:
        random = np.random.default_rng(0)
        truth, covered = 0.3, 0
        for _ in range(400):
            own = random.beta(3, 7, size=20)  # each image has a rate of its own, 0.3 on average
            estimate = rate((random.binomial(3, own) / 3).tolist())
            covered += estimate.low <= 100 * truth <= estimate.high
        assert covered / 400 >= 0.95
