"""What another network says of grown images: ranks, controls and distances, on networks whose view is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from generator.experiments.base import Experiment
from generator.experiments.classvis import ClassVisualisation
from generator.experiments.recognition import Recognition
from generator.experiments.resemblance import Resemblance
from generator.experiments.shared.ascent import moments
from generator.experiments.stage import Photograph
from generator.results.artefacts import Metric
from generator.vision import gradients
from generator.vision.opening import Network
from tests.conftest import computed, spec_of, tried

LAB = {"networks": ["principal", "autre", "juge"], "images": ["a", "b"]}
SETTINGS = {"title": "t", "network": "principal", "other": "autre", "step": 3, "unit_gradient": True, "jitter": 0}
PULLS = {"sans": {"title": "sans"}, "depart": {"title": "d", "penalty": "squared-l2-to-start", "weight": 0.02}}


class Deaf(nn.Module):
    """A network that says the same of every image."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.tensor([0.0, 3.0, 1.0, 2.0, 4.0]).expand(len(images), 5)


@pytest.fixture
def network(toy: Network) -> Network:
    """The toy network, in the precision of real ones."""
    return replace(toy, scorer=toy.scorer.float(), mean=toy.mean.float(), std=toy.std.float())


@pytest.fixture
def deaf(network: Network) -> Network:
    return replace(network, scorer=Deaf())


def photographs() -> dict[str, Photograph]:
    random = np.random.default_rng(4)
    return {name: Photograph(random.integers(256, size=(12, 12, 3), dtype=np.uint8), 1, name, ()) for name in "ab"}


def measured(experiment: Experiment, own: Network, *judges: Network) -> Mapping[str, Metric]:
    """Run an experiment; its metrics by name."""
    wanted = photographs() if experiment.photographs else {}
    results = tried(experiment, dict(zip(experiment.networks, (own, *judges), strict=True)), wanted)
    return {metric.name: metric for metric in results._metrics}


def climbed(network: Network, image: Tensor, steps: int, *, pull: float = 0) -> NDArray[np.uint8]:
    """The image after steps of length 3 towards class 1, each by one derivative of the class's score less a penalty."""
    start, (darkest, brightest) = image, network.range
    for _ in range(steps):
        pixels = image.clone().requires_grad_()
        network.scorer(pixels[None])[0, 1].backward()
        assert pixels.grad is not None
        slope = pixels.grad / pixels.grad.norm() - pull * 2 * (image - start)
        image = torch.minimum(torch.maximum(image + 3 * slope, darkest), brightest)
    return (255 * (image * network.std + network.mean)).round().byte().permute(1, 2, 0).numpy()


def chances(network: Network, saved: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities that a network gives a saved image, in per cent."""
    found: NDArray[np.float32] = network.scorer(network.normalise([saved])).softmax(dim=1)[0].numpy()
    return 100 * found


@pytest.fixture
def judge(network: Network) -> Network:
    """Another network, with a view of its own."""
    torch.manual_seed(5)
    return replace(network, scorer=nn.Sequential(nn.Flatten(), nn.Linear(432, 5)).requires_grad_(False))


def test_a_rank_is_one_more_than_the_classes_that_are_more_probable(network: Network) -> None:
    images = [photograph.pixels for photograph in photographs().values()]
    opinion = gradients.ask(network, images, 3)
    expected = [scipy.stats.rankdata(-chances)[3] for chances in opinion.chances]
    assert opinion.rank.tolist() == expected
    assert opinion.probability == pytest.approx(100 * opinion.chances[:, 3])


def test_an_answer_does_not_depend_on_the_images_asked_about_with_it(network: Network) -> None:
    images = [photograph.pixels for photograph in photographs().values()]
    together = gradients.ask(network, images, 3).chances
    assert (together == np.concatenate([gradients.ask(network, [image], 3).chances for image in images])).all()


def test_moments_come_close_together_first_and_end_at_the_last() -> None:
    assert moments(100, 10) == [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]
    assert moments(3, 10) == [1, 2, 3]


class TestRecognition:
    def experiment(self, **changes: object) -> Recognition:
        given = SETTINGS | {"targets": [1, 3], "trials": 2, "iterations": 16, "looks": 4} | changes
        return Recognition.model_validate(given, context=LAB)

    def test_a_network_asked_of_its_own_images_is_convinced(self, network: Network) -> None:
        found = measured(self.experiment(), network, network)
        assert found["probability"].value == found["own"].value
        assert (found["rank"].value, found["first"].value) == (1, 100)
        assert found["first"].samples == 4

    def test_a_deaf_network_says_of_the_image_what_it_said_of_the_noise(self, network: Network, deaf: Network) -> None:
        found = measured(self.experiment(kin=[0, 4]), network, deaf)
        assert found["own"].value > 2 * found["probability"].value
        assert found["rank"].value == found["rank-start"].value == 2.5  # classes 1 and 3 are its second and third
        assert found["kin"].value == found["kin-start"].value
        assert found["kin"].value == pytest.approx(100 * (np.exp(0) + np.exp(4)) / np.exp(np.arange(5)).sum())

    def test_what_it_measures_is_what_a_plain_loop_finds(self, network: Network, judge: Network) -> None:
        experiment = self.experiment(targets=[1], trials=1, iterations=5, looks=2, blur_sigma=0)
        ((part, what),) = experiment.parts({}).items()
        assert part == (1, 0)
        outcome = computed(what, {"principal": network, "autre": judge}, {})
        seed = int(np.random.SeedSequence((0, 1, 0)).generate_state(1)[0])
        start = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(seed))
        saved = climbed(network, start, 5)
        assert np.abs(outcome["image"].astype(int) - saved).max() <= 1  # a value may lie between two levels
        found = measured(experiment, network, judge)
        assert found["own"].value == pytest.approx(chances(network, saved)[1], abs=0.5)
        assert found["probability"].value == pytest.approx(chances(judge, saved)[1], abs=0.5)
        assert found["rank"].value == scipy.stats.rankdata(-chances(judge, saved))[1]

    def test_what_stops_earlier_is_measured_too(self, network: Network, judge: Network) -> None:
        whole = measured(self.experiment(), network, judge)
        assert {"among-first.third", "among-first.two-thirds"} <= whole.keys()
        # The length of a programme decides nothing else here: no smoothing narrows with it.
        short = measured(self.experiment(iterations=11), network, judge)  # of 16
        assert whole["among-first.two-thirds"].value == short["among-first"].value

    def test_an_image_is_one_sample_however_many_judge_it(self, network: Network, deaf: Network) -> None:
        both = measured(self.experiment(other=["autre", "juge"], kin=[0, 4]), network, network, deaf)
        convinced, never = (measured(self.experiment(kin=[0, 4]), network, one) for one in (network, deaf))
        for name in ("probability", "first", "rank", "kin"):
            assert both[name].value == pytest.approx((convinced[name].value + never[name].value) / 2)
        assert both["first"].samples == 4

    def test_every_image_has_a_noise_of_its_own_whatever_others_are_grown(self, network: Network) -> None:
        few, many = self.experiment().parts({}), self.experiment(targets=[2, 1, 3], trials=3).parts({})
        assert few == {name: many[name] for name in few}
        networks = {"principal": network, "autre": network}
        starts = {computed(part, networks, {})["chances"][0].tobytes() for part in many.values()}
        assert len(starts) == len(many) == 9


class TestResemblance:
    def experiment(self, **changes: object) -> Resemblance:
        given = SETTINGS | {"images": ["a", "b"], "pulls": PULLS, "iterations": 16, "show": [2, 8]} | changes
        return Resemblance.model_validate(given, context=LAB)

    def test_a_deaf_network_sees_no_gain(self, network: Network, deaf: Network) -> None:
        found = measured(self.experiment(), network, deaf)
        assert {found[f"{key}.{name}"].value for key in PULLS for name in ("gain", "gain.after-2")} == {0}

    def test_gain_and_distance_are_measured_at_every_moment(self, network: Network, deaf: Network) -> None:
        found = measured(self.experiment(other=["autre", "juge"]), network, network, deaf)
        early = measured(self.experiment(show=[2]), network, network)
        assert found["sans.gain.after-2"].value == pytest.approx(early["sans.gain"].value / 2)
        assert found["depart.way.after-2"].value == pytest.approx(early["depart.way"].value)

    def test_what_pulls_to_the_start_keeps_closer_to_it(self, network: Network) -> None:
        found = measured(self.experiment(), network, network)
        assert found["sans.gain"].value > 0
        assert found["sans.way"].value == 100
        assert found["depart.way"].value < 100
        assert found["depart.similarity"].value > found["sans.similarity"].value

    def test_what_it_measures_is_what_a_plain_loop_finds(self, network: Network, judge: Network) -> None:
        experiment = self.experiment(images=["a"], blur_sigma=0, show=[2, 5])
        photograph = photographs()["a"]
        parts = experiment.parts({"a": spec_of("a", photograph)})
        found = measured(experiment, network, judge)
        for key, weight in (("sans", 0), ("depart", 0.02)):
            saved = climbed(network, network.normalise([photograph.pixels])[0], 5, pull=weight)
            outcome = computed(parts[key, "a"], {"principal": network, "autre": judge}, {"a": photograph})
            assert np.abs(outcome["image"].astype(int) - saved).max() <= 1
            before, after = (chances(judge, image)[1] for image in (photograph.pixels, saved))
            assert found[f"{key}.own"].value == pytest.approx(chances(network, saved)[1], abs=0.5)
            assert found[f"{key}.gain"].value == pytest.approx(after - before, abs=0.5)
            apart = np.sqrt(np.mean((saved / 255 - photograph.pixels / 255) ** 2))
            assert found[f"{key}.distance"].value == pytest.approx(apart, abs=0.002)

    def test_iterations_to_look_at_must_rise_and_exist(self) -> None:
        for show in ([8, 2], [2, 17], [2, 2]):
            with pytest.raises(ValidationError, match="should rise, up to 16"):
                self.experiment(show=show)

    def test_those_of_a_class_visualisation_too(self) -> None:
        given = {"title": "t", "network": "principal", "step": 3, "iterations": 16}
        for show in ([8, 2], [2, 17]):
            runs = [{"name": "n", "title": "t", "target": 3, "show": moments} for moments in ([2, 16], show)]
            with pytest.raises(ValidationError, match=r"runs\.1\.show: .* should rise, up to 16"):
                ClassVisualisation.model_validate(given | {"runs": runs}, context=LAB)
