"""Gradients, penalties and the loop, against finite differences and independent libraries."""

from __future__ import annotations

from dataclasses import replace

import captum.attr
import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from generator.vision.ascent import Climb, Rule, ascend, blur, noise, reach
from generator.vision.gradients import probabilities, saliency, score_gradients
from generator.vision.opening import Network
from generator.vision.penalties import PENALTIES


def starts(network: Network, count: int) -> Tensor:
    random = torch.Generator().manual_seed(1)
    pixels = torch.rand(count, 3, network.size, network.size, generator=random, dtype=torch.float64)
    return (pixels - network.mean) / network.std


class TestGradients:
    def test_equal_finite_differences(self, toy: Network) -> None:
        images, targets = starts(toy, 2), [3, 0]
        _, gradients = score_gradients(toy.scorer, images, targets)
        random = np.random.default_rng(2)
        for _ in range(20):
            n, c, y, x = (int(random.integers(size)) for size in images.shape)
            nudge = torch.zeros_like(images)
            nudge[n, c, y, x] = 1e-4
            above, below = (toy.scorer(images + sign * nudge)[n, targets[n]] for sign in (1, -1))
            assert gradients[n, c, y, x].item() == pytest.approx((above - below).item() / 2e-4, rel=1e-6)

    def test_leave_images_and_network_as_they_were(self, toy: Network) -> None:
        images = starts(toy, 1)
        before = images.clone()
        first = score_gradients(toy.scorer, images, [1])[1]
        second = score_gradients(toy.scorer, images, [1])[1]
        assert torch.equal(images, before)
        assert torch.equal(first, second), "gradients piled up from one call to the next"
        assert all(parameter.grad is None for parameter in toy.scorer.parameters())

    def test_saliency_equals_captum_on_the_real_network(self, lite0: Network) -> None:
        images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(3))
        expected = captum.attr.Saliency(lite0.scorer).attribute(images.clone().requires_grad_(), target=[22, 243])
        ours = saliency(lite0.scorer, images, [22, 243])
        assert torch.allclose(ours, expected.amax(dim=1), rtol=1e-3, atol=1e-6 * expected.max().item())

    def test_probabilities_sum_to_one(self, toy: Network) -> None:
        assert probabilities(toy.scorer, starts(toy, 3)).sum(axis=1) == pytest.approx(np.ones(3))


class TestPenalties:
    @pytest.mark.parametrize("name", PENALTIES)
    def test_gradient_equals_autograd(self, name: str, toy: Network) -> None:
        x, x0 = starts(toy, 2)
        x.requires_grad_()
        PENALTIES[name].value(x, x0, toy.mean, toy.std).backward()  # type: ignore[no-untyped-call]  # torch
        ours = PENALTIES[name].gradient(x.detach(), x0, toy.mean, toy.std)
        assert x.grad is not None
        assert torch.allclose(ours, x.grad, rtol=1e-10)

    def test_the_mistake_pulls_to_black_and_the_norm_to_grey(self, toy: Network) -> None:
        grey = torch.zeros(3, toy.size, toy.size, dtype=torch.float64)
        black = (0 - toy.mean) / toy.std + grey
        assert not PENALTIES["squared-l2"].gradient(grey, grey, toy.mean, toy.std).any()
        assert PENALTIES["squared-pixels"].gradient(grey, grey, toy.mean, toy.std).min() > 0
        assert PENALTIES["squared-pixels"].gradient(black, grey, toy.mean, toy.std).abs().max() < 1e-12


class TestBlur:
    @pytest.mark.parametrize("sigma", [0.3, 0.5, 1.3])
    def test_equals_scipy(self, sigma: float) -> None:
        images = torch.randn(2, 3, 20, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        expected = images[1].numpy()
        for axis in (1, 2):
            expected = scipy.ndimage.gaussian_filter1d(expected, sigma, axis, mode="nearest", radius=reach(sigma))
        assert blur(images, [0.0, sigma], reach(sigma))[1].numpy() == pytest.approx(expected, abs=1e-12)

    def test_sigma_zero_changes_nothing(self) -> None:
        images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        assert torch.equal(blur(images, [0.0, 1.0], 4)[0], images[0])


class TestAscent:
    def test_one_step_is_the_lab_s_formula(self, toy: Network) -> None:
        start = starts(toy, 1)[0]
        climb = Climb(start, target=2, penalty="squared-l2", weight=0.1)
        summit = ascend(toy, climb, Rule(1, step=0.3, clamp=False))
        gradient = score_gradients(toy.scorer, start[None], [2])[1][0]
        assert torch.allclose(summit.image, start + 0.3 * (gradient - 0.1 * 2 * start))

    def test_shifting_is_undone(self, toy: Network) -> None:
        class ShiftBlind(torch.nn.Module):
            def forward(self, images: Tensor) -> Tensor:
                return images.square().sum(dim=(2, 3))

        blind = replace(toy, scorer=ShiftBlind())
        climb = Climb(starts(toy, 1)[0], target=0, seed=5)
        still, shifted = (ascend(blind, climb, Rule(4, step=0.01, jitter=j)) for j in (0, 4))
        assert torch.allclose(still.image, shifted.image)

    def test_a_unit_gradient_makes_steps_of_the_given_length(self, toy: Network) -> None:
        start = starts(toy, 1)[0]
        summit = ascend(toy, Climb(start, target=1), Rule(1, step=0.8, unit_gradient=True, clamp=False))
        assert (summit.image - start).norm().item() == pytest.approx(0.8)

    def test_clamping_keeps_pixels_valid(self, toy: Network) -> None:
        summit = ascend(toy, Climb(starts(toy, 1)[0], target=1), Rule(5, step=50))
        pixels = toy.pixels(summit.image)
        assert pixels.min() == pytest.approx(0)
        assert pixels.max() == pytest.approx(1)

    def test_stops_at_the_target_and_not_before(self, toy: Network) -> None:
        start = starts(toy, 1)[0]
        before = int(toy.scorer(start[None]).argmax())
        target = (before + 1) % 5
        rule = Rule(200, step=0.05, unit_gradient=True, clamp=False, stop_at_target=True)
        summit = ascend(toy, Climb(start, target), rule)
        shorter = ascend(toy, Climb(start, target), replace(rule, iterations=summit.steps - 1))
        assert summit.reached
        assert int(toy.scorer(summit.image[None]).argmax()) == target
        assert not shorter.reached
        assert int(toy.scorer(shorter.image[None]).argmax()) != target

    def test_an_image_of_the_target_is_left_alone(self, toy: Network) -> None:
        start = starts(toy, 1)[0]
        climb = Climb(start, int(toy.scorer(start[None]).argmax()))
        summit = ascend(toy, climb, Rule(9, step=1, stop_at_target=True))
        assert (summit.steps, summit.reached) == (0, True)
        assert torch.equal(summit.image, start)

    def test_snapshots_are_the_images_after_their_iterations(self, toy: Network) -> None:
        start, rule = starts(toy, 1)[0], Rule(6, step=0.2, jitter=2)
        long = ascend(toy, Climb(start, 1, seed=4, snapshots=frozenset({0, 1, 4, 6})), rule)
        short = ascend(toy, Climb(start, 1, seed=4, last=4), rule)
        assert sorted(long.snapshots) == [0, 1, 4, 6]
        assert torch.equal(long.snapshots[0], start)
        assert torch.equal(long.snapshots[4], short.image)
        assert torch.equal(long.snapshots[6], long.image)

    def test_noise_is_standard_normal_and_its_seed_s_own(self, toy: Network) -> None:
        large = replace(toy, size=100)
        values = noise(large, seed=7)
        assert torch.equal(values, noise(large, seed=7))
        assert not torch.equal(values, noise(large, seed=8))
        assert values.mean().item() == pytest.approx(0, abs=0.02)
        assert values.std().item() == pytest.approx(1, abs=0.02)


def test_the_real_network_is_fooled(lite0: Network) -> None:
    image = np.full((224, 224, 3), 128, np.uint8)
    image[60:160, 60:160] = (200, 60, 30)
    rule = Rule(100, step=0.5, unit_gradient=True, stop_at_target=True)
    summit = ascend(lite0, Climb(lite0.normalise([image])[0], target=50), rule)
    assert summit.reached
    assert int(lite0.scorer(summit.image[None]).argmax()) == 50
    assert np.abs(lite0.pixels(summit.image) - image / 255).max() < 0.15
