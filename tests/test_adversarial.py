"""How visible a change is, what befalls pictures, and attacks that expect it: hand-made cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.handlings import HANDLINGS, handled
from generator.vision.opening import Network
from generator.vision.perception import difference, exponent, spectrum
from generator.vision.transforms import compressed, handling_view, saved_view, there_and_back


def grey(value: int, side: int = 20) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((side, side, 3), value, np.uint8)


def randoms(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def images(count: int, side: int = 12) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


class TestDifference:
    def test_norms_and_noise_ratio_of_one_changed_value(self) -> None:
        after = grey(100)
        after[3, 4, 1] += 51
        found = difference(grey(100), after)
        assert found.l2 == pytest.approx(0.2)
        assert found.linf == pytest.approx(0.2)
        assert found.psnr == pytest.approx(10 * np.log10(20 * 20 * 3 / 0.2**2))

    def test_two_greys_differ_by_their_lightness(self) -> None:
        def lightness(value: int) -> float:
            return float(116 * np.cbrt(((value / 255 + 0.055) / 1.055) ** 2.4) - 16)

        found = difference(grey(119), grey(125))
        assert found.delta_e == pytest.approx(lightness(125) - lightness(119), abs=0.01)
        assert found.delta_e_high == pytest.approx(found.delta_e)

    def test_a_hundredth_of_the_pixels_may_change_more(self) -> None:
        few, many = grey(100), grey(100)
        few[0, :3], many[0, :9] = 255, 255
        assert difference(grey(100), few).delta_e_high == 0
        assert difference(grey(100), many).delta_e_high > 50


class TestSpectrum:
    def test_a_wave_has_its_power_at_its_frequency(self) -> None:
        wave = np.sin(2 * np.pi * 10 * np.arange(64) / 64)
        assert spectrum(np.tile(wave, (64, 1))[..., None]).argmax() + 1 == 10

    @pytest.mark.parametrize("alpha", [0, 1, 2])
    def test_the_exponent_of_noise_made_with_it_is_found(self, alpha: float) -> None:
        noise = np.fft.fft2(np.random.default_rng(0).standard_normal((224, 224)))
        cycles = np.fft.fftfreq(224, 1 / 224)
        fall = np.hypot(cycles[:, None], cycles[None, :]).clip(1) ** (-alpha / 2)
        assert exponent(spectrum(np.fft.ifft2(noise * fall).real[..., None])) == pytest.approx(alpha, abs=0.1)


class TestHandlings:
    def test_a_png_file_loses_nothing_and_a_jpeg_file_does(self) -> None:
        pixels = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
        assert np.array_equal(handled(pixels, "png"), pixels)
        losses = [np.abs(handled(pixels, name).astype(int) - pixels).mean() for name in ("jpeg-95", "jpeg-75")]
        assert 0 < losses[0] < losses[1]

    def test_halving_and_blurring_take_away_a_chessboard(self) -> None:
        board = np.where(np.indices((32, 32)).sum(axis=0)[..., None] % 2, 255, 0).astype(np.uint8).repeat(3, axis=2)
        assert all(handled(board, name)[8:-8, 8:-8].std() < 0.1 * board.std() for name in ("half", "blur"))

    def test_brightening_multiplies_and_enlarging_enlarges(self) -> None:
        assert (handled(grey(100), "brighter") == 120).all()
        assert handled(grey(100), "larger").shape == (30, 30, 3)

    @pytest.mark.parametrize("name", HANDLINGS)
    def test_an_even_grey_stays_even(self, name: str) -> None:
        assert handled(grey(100), name).std() == 0


class TestRandomHandling:
    def test_is_each_image_s_own(self, toy: Network) -> None:
        view, seen = handling_view(toy), images(6)
        together = view(seen, randoms(6))
        alone = [view(image[None], [random])[0] for image, random in zip(seen, randoms(6), strict=True)]
        assert torch.equal(together, torch.stack(alone))
        assert len({values.sum().item() for values in view(seen[:1].repeat(6, 1, 1, 1), randoms(6))}) == 6

    def test_leaves_valid_pixels(self, toy: Network) -> None:
        pixels = handling_view(toy)((images(20) - toy.mean) / toy.std, randoms(20)) * toy.std + toy.mean
        assert pixels.min() >= -1e-9
        assert pixels.max() <= 1 + 1e-9

    def test_resizing_passes_the_gradient(self) -> None:
        image = images(1).requires_grad_()
        assert torch.autograd.gradcheck(lambda pixels: there_and_back(pixels, 0.7), image)

    def test_jpeg_is_the_file_s_and_its_gradient_is_left_out(self) -> None:
        image = images(1, 16).requires_grad_()
        after = compressed(image, 75)
        (gradient,) = torch.autograd.grad((after * 3).sum(), image)
        values = (image[0].permute(1, 2, 0).detach() * 255).round().byte().numpy()
        assert after[0].permute(1, 2, 0).detach().numpy() * 255 == pytest.approx(handled(values, "jpeg-75"))
        assert torch.equal(gradient, torch.full_like(gradient, 3))


class TestAttacks:
    def test_a_view_s_gradient_comes_back_to_the_image(self, toy: Network) -> None:
        rule = Rule(iterations=5, step=0.3, clamp=False)
        climb = Climb(images(1)[0], target=2)
        doubled = replace(toy, scorer=torch.nn.Sequential(Doubled(), toy.scorer))
        through_view = ascend(toy, climb, replace(rule, view=lambda seen, _: 2 * seen))
        through_scorer = ascend(doubled, climb, rule)
        assert torch.allclose(through_view.image, through_scorer.image)

    def test_what_is_saved_fools(self, toy: Network) -> None:
        start = (images(1)[0] - toy.mean) / toy.std
        target = (int(toy.scorer(start[None]).argmax()) + 1) % 5
        view = saved_view(toy)
        rule = Rule(200, step=0.05, unit_gradient=True, clamp=False, view=view, stop_at_target=True)
        summit = ascend(toy, Climb(start, target), rule)
        saved = (toy.pixels(summit.image).clip(0, 1) * 255).round().astype(np.uint8)
        assert summit.reached
        assert int(toy.scorer(toy.normalise([saved])).argmax()) == target
        assert torch.allclose(view(summit.image[None], [])[0], toy.normalise([saved])[0], atol=1e-6)

    def test_several_views_are_averaged(self, toy: Network) -> None:
        def brightened(seen: Tensor, of: list[torch.Generator]) -> Tensor:
            return torch.stack(
                [torch.rand(1, generator=one).item() * image for image, one in zip(seen, of, strict=True)]
            )

        linear = replace(toy, scorer=torch.nn.Flatten())
        start = images(1)[0]
        summit = ascend(linear, Climb(start, 7, seed=4), Rule(1, step=1, view=brightened, views=3, clamp=False))
        gradient = (summit.image - start).flatten()
        assert gradient[7].item() == pytest.approx(
            torch.rand(3, generator=torch.Generator().manual_seed(4)).mean().item()
        )
        assert gradient.count_nonzero() == 1

    def test_the_radius_is_reached_and_not_left(self, toy: Network) -> None:
        climb = Climb((images(1)[0] - toy.mean) / toy.std, target=1, snapshots=frozenset(range(1, 9)))
        summit = ascend(toy, climb, Rule(8, step=0.5, unit_gradient=True, clamp=False, radius=1.2))
        lengths = [(image - climb.start).norm().item() for image in summit.snapshots.values()]
        assert lengths[0] == pytest.approx(0.5)
        assert lengths[-1] == pytest.approx(1.2)
        assert max(lengths) <= 1.2 + 1e-9


class Doubled(torch.nn.Module):
    def forward(self, seen: Tensor) -> Tensor:
        return 2 * seen
