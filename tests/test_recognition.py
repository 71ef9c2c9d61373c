"""What another network says of grown images: ranks, controls and distances, on networks whose view is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from generator import vision
from generator.artefacts import Metric
from generator.experiments.ascent import moments
from generator.experiments.base import Experiment, Photograph
from generator.experiments.classvis import ClassVisualisation
from generator.experiments.recognition import Recognition
from generator.experiments.resemblance import Resemblance
from generator.networks import Network
from tests.conftest import tried

LAB = {"networks": ["principal", "autre"], "images": ["a", "b"]}
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


def measured(experiment: Experiment, own: Network, other: Network, folder: Path) -> Mapping[str, Metric]:
    """Run an experiment; its metrics by name."""
    wanted = photographs() if experiment.photographs else {}
    results = tried(experiment, {"principal": own, "autre": other}, wanted, folder / "results")
    metrics = {metric.name: metric for metric in results._metrics}
    results.discard()
    return metrics


def test_a_rank_is_one_more_than_the_classes_that_are_more_probable(network: Network) -> None:
    images = [photograph.pixels for photograph in photographs().values()]
    opinion = vision.gradients.ask(network, images, 3)
    expected = [scipy.stats.rankdata(-chances)[3] for chances in opinion.chances]
    assert opinion.rank.tolist() == expected
    assert opinion.probability == pytest.approx(100 * opinion.chances[:, 3])


def test_moments_come_close_together_first_and_end_at_the_last() -> None:
    assert moments(100, 10) == [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]
    assert moments(3, 10) == [1, 2, 3]


class TestRecognition:
    def experiment(self, **changes: object) -> Recognition:
        given = SETTINGS | {"targets": [1, 3], "trials": 2, "iterations": 16, "looks": 4} | changes
        return Recognition.model_validate(given, context=LAB)

    def test_a_network_asked_of_its_own_images_is_convinced(self, network: Network, tmp_path: Path) -> None:
        found = measured(self.experiment(), network, network, tmp_path)
        assert found["probability"].value == found["own"].value
        assert (found["rank"].value, found["first"].value) == (1, 100)
        assert found["first"].samples == 4

    def test_a_deaf_network_says_of_the_image_what_it_said_of_the_noise(
        self, network: Network, deaf: Network, tmp_path: Path
    ) -> None:
        found = measured(self.experiment(kin=[0, 4]), network, deaf, tmp_path)
        assert found["own"].value > 2 * found["probability"].value
        assert found["rank"].value == found["rank-start"].value == 2.5  # classes 1 and 3 are its second and third
        assert found["kin"].value == found["kin-start"].value
        assert found["kin"].value == pytest.approx(100 * (np.exp(0) + np.exp(4)) / np.exp(np.arange(5)).sum())


class TestResemblance:
    def experiment(self, **changes: object) -> Resemblance:
        given = SETTINGS | {"images": ["a", "b"], "pulls": PULLS, "iterations": 16, "show": [2, 8]} | changes
        return Resemblance.model_validate(given, context=LAB)

    def test_a_deaf_network_sees_no_gain(self, network: Network, deaf: Network, tmp_path: Path) -> None:
        found = measured(self.experiment(), network, deaf, tmp_path)
        assert {found[f"{key}.{name}"].value for key in PULLS for name in ("gain", "gain-early")} == {0}

    def test_what_pulls_to_the_start_keeps_closer_to_it(self, network: Network, tmp_path: Path) -> None:
        found = measured(self.experiment(), network, network, tmp_path)
        assert found["sans.gain"].value > 0
        assert found["sans.way"].value == 100
        assert found["depart.way"].value < 100
        assert found["depart.similarity"].value > found["sans.similarity"].value

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
