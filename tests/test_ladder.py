"""What the ladder's rungs rest on: total variation, the Fourier canvas, and views."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.ndimage
import torch
from skimage.restoration import denoise_tv_chambolle
from torch import Tensor

from generator.experiments.ladder import RUNGS, Ladder
from generator.experiments.stage import Photograph
from generator.vision.ascent import Climb, Rule, ascend, noise
from generator.vision.fourier import _DECAY, _SCALE, Fourier, colours, decode, encode
from generator.vision.gradients import score_gradients
from generator.vision.opening import Network
from generator.vision.penalties import PENALTIES
from generator.vision.views import wobble
from tests.conftest import computed, spec_of, tried

SPREAD_OUT = torch.tensor([[0.6, 0.3, 0.1], [0.6, 0.0, -0.2], [0.5, -0.3, 0.1]], dtype=torch.float64)


def pixels(size: int = 12, seed: int = 0) -> Tensor:
    return 0.1 + 0.8 * torch.rand(3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestTotalVariation:
    penalty = PENALTIES["total-variation"]

    def value(self, x: Tensor) -> float:
        return float(self.penalty.value(x, x, x, x))

    def test_of_a_square_is_its_outline(self) -> None:
        x = torch.zeros(3, 20, 20, dtype=torch.float64)
        x[1, 5:15, 5:15] = 2.0
        # Four sides of 10 pixels and height 2; one corner has its two slopes in the same pixel.
        assert self.value(x) - self.value(0 * x) == pytest.approx(2 * (4 * 10 - 2 + 2**0.5), abs=0.05)

    def test_gradient_equals_finite_differences(self) -> None:
        x = pixels()
        gradient = self.penalty.gradient(x, x, x, x)
        random = np.random.default_rng(0)
        for _ in range(20):
            place = tuple(int(random.integers(size)) for size in x.shape)
            nudge = torch.zeros_like(x)
            nudge[place] = 1e-6
            slope = (self.value(x + nudge) - self.value(x - nudge)) / 2e-6
            assert gradient[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)

    def test_descent_reaches_what_another_library_finds_smoothest(self) -> None:
        noisy = pixels(seed=3)[:1]
        expected = denoise_tv_chambolle(noisy[0].numpy(), weight=0.1, eps=1e-12, max_num_iter=5000)
        x = noisy.clone()
        for _ in range(6000):
            x -= 0.002 * (x - noisy + 0.1 * self.penalty.gradient(x, x, x, x))
        assert x[0].numpy() == pytest.approx(expected, abs=0.01)


class TestFourierCanvas:
    @pytest.mark.parametrize("size", [12, 9])
    def test_draws_what_it_was_given(self, size: int) -> None:
        given = pixels(size)
        assert torch.allclose(decode(encode(given, SPREAD_OUT), SPREAD_OUT, size), given, atol=1e-10)

    def test_decodes_by_numpy_s_inverse_transform(self) -> None:
        spectrum = torch.randn(3, 12, 7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        waves = spectrum[..., 0].numpy() + 1j * spectrum[..., 1].numpy()
        frequency = np.hypot(np.fft.fftfreq(12)[:, None], np.fft.rfftfreq(12)[None])
        frequency[0, 0] = 1 / 12
        planes = np.fft.irfft2(_SCALE * waves / frequency**_DECAY, s=(12, 12), norm="ortho")
        expected = 1 / (1 + np.exp(-np.tensordot(SPREAD_OUT.numpy(), planes, 1)))
        assert decode(spectrum, SPREAD_OUT, 12).numpy() == pytest.approx(expected, rel=1e-5)

    def test_step_follows_finite_differences_in_the_spectrum(self, toy: Network) -> None:
        start = (pixels() - toy.mean) / toy.std
        canvas = Fourier(SPREAD_OUT, start, Rule(1, step=0.01), toy)
        before = canvas._spectrum.detach().clone()

        def score(spectrum: Tensor) -> float:
            return float(toy.scorer(((decode(spectrum, SPREAD_OUT, 12) - toy.mean) / toy.std)[None])[0, 2])

        canvas.step(score_gradients(toy.scorer, start[None], [2])[1][0], 0.01)
        moved = canvas._spectrum.detach() - before
        random = np.random.default_rng(0)
        for _ in range(12):
            place = tuple(int(random.integers(size)) for size in before.shape)
            nudge = torch.zeros_like(before)
            nudge[place] = 1e-5
            slope = (score(before + nudge) - score(before - nudge)) / 2e-5
            # Adam's first step has the length of its rate and the gradient's sign.
            if abs(slope) > 1e-6:
                assert moved[place].item() == pytest.approx(0.01 * np.sign(slope), rel=0.05)

    def test_image_is_always_valid(self, toy: Network) -> None:
        rule = Rule(20, step=2.0, canvas=partial(Fourier, SPREAD_OUT))
        image = ascend(toy, Climb(0.01 * noise(toy, 0).double(), target=1), rule).image
        values = toy.pixels(image)
        assert values.min() >= 0
        assert values.max() <= 1

    def test_colours_go_together_as_those_of_the_photographs(self) -> None:
        random = np.random.default_rng(0)
        photograph = (40 + 60 * random.random((50, 50, 1)) + 30 * random.random((50, 50, 3))).astype(np.uint8)
        basis = colours([photograph]).double().numpy()
        expected = np.corrcoef(photograph.reshape(-1, 3), rowvar=False)
        covariance = basis @ basis.T
        spread = np.sqrt(np.diag(covariance))
        assert covariance / np.outer(spread, spread) == pytest.approx(expected, abs=1e-4)
        assert np.linalg.norm(basis, axis=0).max() == pytest.approx(1)

    def test_grey_photographs_have_colours_that_can_be_undone(self) -> None:
        grey = np.random.default_rng(0).integers(256, size=(50, 50, 1), dtype=np.uint8).repeat(3, axis=2)
        basis, given = colours([grey]).double(), pixels()
        assert torch.allclose(decode(encode(given, basis), basis, 12), given, atol=1e-6)


class TestViews:
    def test_a_still_wobble_changes_nothing(self) -> None:
        images = pixels()[None]
        seen = wobble(0, 1)(images, [torch.Generator()])
        assert torch.allclose(seen, images, atol=1e-10)

    def test_turns_and_scales_as_scipy_does(self) -> None:
        image = torch.from_numpy(scipy.ndimage.gaussian_filter(pixels(32).numpy(), (0, 2, 2)))
        seen = wobble(20, 1.2)(image[None], [torch.Generator().manual_seed(3)])[0]
        turn, scale = (2 * torch.rand(2, generator=torch.Generator().manual_seed(3)) - 1).double().numpy()
        angle, factor = np.radians(20 * turn), 1.2**scale
        # Rows and columns here, x and y there: the angle changes its sign.
        matrix = factor * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        middle = np.full(2, 15.5)
        for channel in range(3):
            expected = scipy.ndimage.affine_transform(
                image[channel].numpy(), matrix, middle - matrix @ middle, order=1, mode="reflect"
            )
            assert seen[channel].numpy()[4:-4, 4:-4] == pytest.approx(expected[4:-4, 4:-4], abs=1e-6)

    def test_the_gradient_comes_back_through_the_view(self, toy: Network) -> None:
        start = (pixels() - toy.mean) / toy.std
        rule = Rule(1, step=1.0, clamp=False, view=lambda images, randoms: images.flip(3))
        image = ascend(toy, Climb(start, target=2), rule).image
        expected = score_gradients(toy.scorer, start.flip(2)[None], [2])[1][0].flip(2)
        assert torch.allclose(image - start, expected)


class TestLadder:
    @pytest.fixture
    def own(self, toy: Network) -> Network:
        return replace(toy, scorer=toy.scorer.float(), mean=toy.mean.float(), std=toy.std.float())

    def ladder(self, **changes: object) -> Ladder:
        given = {
            "title": "Essai", "network": "own", "other": "other", "images": ["one"], "targets": {"three": 3, "four": 4},
            "iterations": 2, "jitter": 1, "variation": 0.001, "rate": 0.05, "degrees": 5, "zoom": 1.1,
        }  # fmt: skip
        return Ladder.model_validate(given | changes, context={"networks": ["own", "other"], "images": ["one", "two"]})

    def photograph(self, seed: int = 0) -> Photograph:
        return Photograph((255 * pixels(seed=seed).permute(1, 2, 0).numpy()).astype(np.uint8), 0, "", ())

    def test_it_is_the_other_network_that_judges(self, own: Network) -> None:
        class Stubborn(torch.nn.Module):
            def forward(self, images: Tensor) -> Tensor:
                return torch.tensor([0.0, 0.0, 0.0, 9.0, 0.0]).expand(len(images), 5)

        networks = {"own": own, "other": replace(own, scorer=Stubborn())}
        results = tried(self.ladder(), networks, {"one": self.photograph()})
        metrics = {metric.name: metric.value for metric in results._metrics}
        figures = {figure.name: figure for figure in results._figures}
        assert [metrics[f"rung-{rung}.first"] for rung in range(1, 5)] == [50] * 4
        assert [picture.title[:5] for picture in figures["four"].pictures] == ["4 ✗ 3"] * 4
        assert [picture.title[:3] for picture in figures["three"].pictures] == ["3 ✓"] * 4

    def test_only_the_last_rung_depends_on_photographs(self) -> None:
        specs = {name: spec_of(name, self.photograph()) for name in ("one", "two")}
        few, more = (self.ladder(images=names).parts(specs) for names in (["one"], ["one", "two"]))
        assert {name[1] for name, part in few.items() if part != more[name]} == {"fourier"}
        added = self.ladder(targets={"four": 4, "one": 1, "three": 3}).parts(specs)
        assert few == {name: added[name] for name in few}

    def test_its_images_are_those_of_a_plain_loop(self, own: Network) -> None:
        ladder = self.ladder(jitter=0, gradient_sigma=[0, 0], degrees=0, zoom=1, variation=0.1)
        photograph = self.photograph()
        parts = ladder.parts({"one": spec_of("one", photograph)})
        grown = {
            rung: computed(parts["four", rung], {"own": own, "other": own}, {"one": photograph})["image"]
            for rung in RUNGS
        }
        start = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(0))
        black, white = own.range

        def slope(x: Tensor) -> Tensor:
            x = x.clone().requires_grad_()
            (found,) = torch.autograd.grad(own.scorer(x[None])[0, 4], x)
            return found

        def variation(x: Tensor) -> Tensor:
            x = x.clone().requires_grad_()
            down = torch.cat([x[:, 1:] - x[:, :-1], 0 * x[:, :1]], dim=1)
            right = torch.cat([x[:, :, 1:] - x[:, :, :-1], 0 * x[:, :, :1]], dim=2)
            (found,) = torch.autograd.grad((down**2 + right**2 + 1e-6).sqrt().sum(), x)
            return found

        for rung, step in (
            ("raw", lambda x: 5 * slope(x)),
            ("smoothed", lambda x: 8 * slope(x) / slope(x).norm()),
            ("variation", lambda x: 8 * (slope(x) / slope(x).norm() - 0.1 * variation(x))),
        ):
            x = start
            for k in range(2):
                x = torch.minimum(torch.maximum(x + step(x), black), white)
                if k == 0:  # the lab's blur, cut off at four sigmas
                    smooth = scipy.ndimage.gaussian_filter(x.numpy(), (0, 0.5, 0.5), mode="nearest", truncate=4)
                    x = torch.from_numpy(smooth)
            values = (x * own.std + own.mean).permute(1, 2, 0).numpy()
            assert grown[rung] == pytest.approx(values, abs=2e-3), rung

        # The last rung: two of Adam's steps through the spectrum.
        basis = colours([photograph.pixels])
        spectrum = encode(0.01 * start * own.std + own.mean, basis).requires_grad_()
        adam = torch.optim.Adam([spectrum], lr=0.05, maximize=True)
        for _ in range(2):
            adam.zero_grad()
            own.scorer(((decode(spectrum, basis, 12) - own.mean) / own.std)[None])[0, 4].backward()
            adam.step()
        values = decode(spectrum, basis, 12).detach().permute(1, 2, 0).numpy()
        assert grown["fourier"] == pytest.approx(values, abs=2e-3)
