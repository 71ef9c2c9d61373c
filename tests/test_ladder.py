"""What the ladder's rungs rest on: total variation, the Fourier canvas, views, several networks, natural layers."""

from __future__ import annotations

import copy
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
from generator.vision.fourier import _DECAY, _SCALE, Fourier, Iris, colours, decode, encode
from generator.vision.gradients import score_gradients
from generator.vision.layers import up_to
from generator.vision.natural import natural, strangeness, usual
from generator.vision.opening import Network
from generator.vision.penalties import PENALTIES
from generator.vision.together import together
from generator.vision.views import glimpse, wobble
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

    def test_a_glimpse_is_scipy_s_of_a_part_turned_mirrored_and_tinted(self) -> None:
        image = torch.from_numpy(scipy.ndimage.gaussian_filter(pixels(32).numpy(), (0, 2, 2)))
        for seed in range(4):
            seen = glimpse(20, 0.5, 0.8, 0.3)(image[None], [torch.Generator().manual_seed(seed)])[0]
            drawn = (2 * torch.rand(11, generator=torch.Generator().manual_seed(seed)) - 1).double().numpy()
            scale, angle = 0.5 * 1.6 ** ((1 + drawn[0]) / 2), np.radians(20 * drawn[1])
            right, down = 15.5 * 32 / 31 * (1 - scale + 0.07) * drawn[2:4]
            mirror = np.sign(drawn[4])
            matrix = scale * np.array(
                [[np.cos(angle), mirror * np.sin(angle)], [-np.sin(angle), mirror * np.cos(angle)]]
            )
            middle = np.full(2, 15.5)
            corner = middle + np.array([down, right]) - matrix @ middle
            for channel in range(3):
                part = scipy.ndimage.affine_transform(image[channel].numpy(), matrix, corner, order=1, mode="reflect")
                expected = np.exp(0.3 * drawn[5 + channel]) * part + 0.3 * drawn[8 + channel]
                assert seen[channel].numpy()[4:-4, 4:-4] == pytest.approx(expected[4:-4, 4:-4], abs=1e-6), seed

    def test_noise_fades_over_the_programme(self, toy: Network) -> None:
        seen: list[Tensor] = []

        def scorer(images: Tensor) -> Tensor:
            seen.append(images.detach().clone())
            return images.mean(dim=(2, 3))

        network = replace(toy, scorer=scorer)  # type: ignore[arg-type]  # all that is asked of it
        ascend(network, Climb(torch.zeros(3, 40, 40), 1), Rule(5, step=0.0, noise=(0.8, 0.0)))
        assert [float(images.std()) for images in seen] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0], abs=0.02)
        assert not torch.allclose(seen[0], 4 / 3 * seen[1], atol=0.1), "it is another noise each time"


class TestIris:
    def test_it_opens_from_the_middle_and_stays_open(self) -> None:
        iris = Iris(first=0.5, last=2.0, share=0.5)
        start, half, end = (iris.veil(done, 21, 21) for done in (0.0, 0.5, 1.0))
        assert float(start[10, 10]) == 1
        assert float(start[10, 15]) == pytest.approx(np.exp(-0.5)), "half way to the side"
        assert float(start[10, 20]) < 0.001
        assert half.equal(end)
        assert float(end[0, 0]) == pytest.approx(np.exp(-(0.5**2) / 2))

    def test_what_it_hides_is_grey_and_what_it_shows_is_followed(self, toy: Network) -> None:
        iris = Iris(first=0.3, last=0.3, share=1.0)
        rule = Rule(20, step=0.2, canvas=partial(Fourier, SPREAD_OUT, iris=iris))
        values = toy.pixels(ascend(toy, Climb(0.01 * noise(toy, 0).double(), target=1), rule).image)
        assert values[0] == pytest.approx(np.full((12, 3), 0.5), abs=1e-3)
        assert np.ptp(values[4:8, 4:8]) > 0.05


class TestTogether:
    def other(self, toy: Network) -> Network:
        """One of other images: larger, and normalised in another way."""
        torch.manual_seed(1)
        module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 7), torch.nn.Softplus(), torch.nn.Flatten())
        module.append(torch.nn.Linear(4 * 12 * 12, 5)).double().requires_grad_(False)
        return replace(toy, scorer=module, size=18, mean=toy.mean + 0.1, std=2 * toy.std)

    def test_scores_are_the_sums_of_what_each_says_of_the_image_as_it_sees_it(self, toy: Network) -> None:
        other, image = self.other(toy), pixels()[None]
        larger = torch.nn.functional.interpolate(image, (18, 18), mode="bilinear")
        expected = toy.scorer((image - toy.mean) / toy.std) + other.scorer((larger - other.mean) / other.std)
        assert torch.allclose(together([toy, other]).scorer((image - toy.mean) / toy.std), expected)

    def test_gradient_equals_finite_differences(self, toy: Network) -> None:
        both, image = together([toy, self.other(toy)]), pixels()[None]
        _, (gradient,) = score_gradients(both.scorer, image, [2])
        for place in [(0, 3, 4), (1, 0, 0), (2, 11, 6)]:
            nudge = torch.zeros_like(image)
            nudge[0][place] = 1e-5
            slope = float((both.scorer(image + nudge) - both.scorer(image - nudge))[0, 2]) / 2e-5
            assert float(gradient[place]) == pytest.approx(slope, rel=1e-5)


class TestNatural:
    photographs = tuple((255 * pixels(seed=seed).permute(1, 2, 0).numpy()).astype(np.uint8) for seed in range(3))

    def test_the_usual_is_what_numpy_finds_in_all_photographs(self, toy: Network) -> None:
        known = usual(toy, self.photographs)
        assert len(known) == 2, "the convolutions, not what is always positive after them"
        for layer, one in known.items():
            maps = up_to(toy, layer)(toy.normalise(self.photographs)).numpy()
            assert one.mean.numpy() == pytest.approx(maps.mean(axis=(0, 2, 3)))
            assert one.spread.numpy() == pytest.approx(maps.std(axis=(0, 2, 3)), rel=1e-6)

    def test_layers_too_coarse_for_details_are_left_alone(self, toy: Network) -> None:
        fine, coarse = torch.nn.Conv2d(3, 4, 2, stride=2), torch.nn.Conv2d(4, 4, 16)
        module = torch.nn.Sequential(fine, coarse, torch.nn.Flatten()).double().requires_grad_(False)
        known = usual(replace(toy, scorer=module, size=32), self.photographs)
        assert [layer.side for layer in known] == [16]

    def test_gradient_is_that_of_the_score_less_the_strangeness(self, toy: Network) -> None:
        known, image = usual(toy, self.photographs), (pixels(seed=9)[None] - 0.2) / toy.std

        def value(seen: Tensor) -> float:
            strange = torch.stack([strangeness(up_to(toy, layer)(seen), one) for layer, one in known.items()])
            return float(toy.scorer(seen)[0, 3] - 5 * strange.mean())

        scores, (gradient,) = score_gradients(natural(toy, known, 5.0).scorer, image, [3])
        assert torch.allclose(scores, toy.scorer(image))
        for place in [(0, 3, 4), (1, 0, 0), (2, 11, 6), (1, 7, 7)]:
            nudge = torch.zeros_like(image)
            nudge[0][place] = 1e-5
            slope = (value(image + nudge) - value(image - nudge)) / 2e-5
            assert float(gradient[place]) == pytest.approx(slope, rel=1e-5)

    def test_following_it_brings_an_image_nearer_to_photographs(self, toy: Network) -> None:
        known, start = usual(toy, self.photographs), noise(toy, 0).double()

        def strange(image: Tensor) -> float:
            return sum(float(strangeness(up_to(toy, layer)(image[None]), one)) for layer, one in known.items())

        climb, rule = Climb(start, 1), Rule(30, step=0.3, unit_gradient=True)
        alone = ascend(toy, climb, rule).image
        led = ascend(natural(toy, known, 30.0), climb, rule).image
        assert strange(led) < 0.5 * strange(alone)


class TestLadder:
    @pytest.fixture
    def own(self, toy: Network) -> Network:
        return replace(toy, scorer=toy.scorer.float(), mean=toy.mean.float(), std=toy.std.float())

    def ladder(self, **changes: object) -> Ladder:
        given = {
            "title": "Essai", "network": "own", "other": "other", "images": ["one"], "targets": {"three": 3, "four": 4},
            "iterations": 2, "jitter": 1, "variation": 0.001, "rate": 0.05, "degrees": 5, "zoom": 1.1,
            "together": ["own"], "long_iterations": 3,
        }  # fmt: skip
        return Ladder.model_validate(
            given | changes, context={"networks": ["own", "other", "judge"], "images": ["one", "two"]}
        )

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
        assert [metrics[f"rung-{rung}.first"] for rung in range(1, 8)] == [50] * 7
        assert [picture.title[:5] for picture in figures["four"].pictures] == ["4 ✗ 3"] * 7
        assert [picture.title[:3] for picture in figures["three"].pictures] == ["3 ✓"] * 7

    def test_only_the_later_rungs_depend_on_photographs(self) -> None:
        specs = {name: spec_of(name, self.photograph()) for name in ("one", "two")}
        few, more = (self.ladder(images=names).parts(specs) for names in (["one"], ["one", "two"]))
        assert {name[1] for name, part in few.items() if part != more[name]} == set(RUNGS[3:])
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

        # Rung 4: two of Adam's steps through the spectrum.
        basis = colours([photograph.pixels])
        spectrum = encode(0.01 * start * own.std + own.mean, basis).requires_grad_()
        adam = torch.optim.Adam([spectrum], lr=0.05, maximize=True)
        for _ in range(2):
            adam.zero_grad()
            own.scorer(((decode(spectrum, basis, 12) - own.mean) / own.std)[None])[0, 4].backward()
            adam.step()
        values = decode(spectrum, basis, 12).detach().permute(1, 2, 0).numpy()
        assert grown["fourier"] == pytest.approx(values, abs=2e-3)

    def test_the_last_rung_is_a_plain_loop_too(self, own: Network) -> None:
        other = replace(
            own, scorer=torch.nn.Sequential(copy.deepcopy(own.scorer), torch.nn.Linear(5, 5)).requires_grad_(False)
        )
        ladder = self.ladder(together=["own", "other"], naturalness=3, noise=0.2, other="judge")
        photograph = self.photograph()
        part = ladder.parts({"one": spec_of("one", photograph)})["four", "iris"]
        networks = {"own": own, "other": other, "judge": own}
        grown = computed(part, networks, {"one": photograph})["image"]

        known = {name: usual(network, [photograph.pixels]) for name, network in networks.items()}
        basis, random = colours([photograph.pixels]), torch.Generator().manual_seed(0)
        start = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(0))
        spectrum = encode(0.01 * start * own.std + own.mean, basis).requires_grad_()
        adam = torch.optim.Adam([spectrum], maximize=True)
        image, iris = 0.01 * start, Iris(0.3, 2.0, 0.8)
        for step, (rate, strength) in enumerate([(0.04, 0.2), (0.022, 0.1), (0.004, 0.0)]):
            values = decode(spectrum, basis, 12, iris.veil(step / 2, 12, 12))
            image = (values - own.mean) / own.std
            seen = glimpse(5, 0.65, 1.2, 0.15)(image[None], [random])
            seen = seen + strength * torch.randn(seen.shape, generator=random)
            goal = torch.zeros(())
            for name in ("own", "other"):
                network = networks[name]
                strange = [strangeness(up_to(network, layer)(seen), one) for layer, one in known[name].items()]
                goal = goal + network.scorer(seen)[0, 4] - 3 * torch.stack(strange).mean()
            adam.param_groups[0]["lr"] = rate
            (spectrum.grad,) = torch.autograd.grad(goal, spectrum)
            adam.step()
        expected = decode(spectrum, basis, 12, iris.veil(1.5, 12, 12)).detach().permute(1, 2, 0).numpy()
        assert grown == pytest.approx(expected, abs=2e-3)
