"""Weights, steps and long programmes, against known cases; and the claims that lean on another answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from generator.experiments.shared.looks import looks
from generator.experiments.stage import Photograph
from generator.experiments.steps import Steps
from generator.experiments.sweep import Sweep
from generator.experiments.sweep.show import Natural
from generator.experiments.walk import Walk
from generator.experiments.walk.compute import confinement, displacements
from generator.experiments.walk.show import magnitude
from generator.images import to_bytes
from generator.statistics import Estimate
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.opening import Network
from tests.conftest import Run, computed, spec_of, tried

GREY = (0.5, 0.5, 0.5)


class TestLooks:
    def test_grey_has_no_colour_and_pure_red_its_textbook_chroma(self) -> None:
        grey, red = np.full((8, 8, 3), 128, np.uint8), np.full((8, 8, 3), (255, 0, 0), np.uint8)
        assert looks(grey, GREY) == pytest.approx([0, 0, 0], abs=0.02)
        assert looks(red, GREY) == pytest.approx([104.55, 0, 0], abs=0.1)

    def test_a_tinted_grey_that_is_the_neutral_has_no_colour(self) -> None:
        beige = np.full((8, 8, 3), (124, 116, 104), np.uint8)
        assert looks(beige, GREY)[0] > 5
        assert looks(beige, [124 / 255, 116 / 255, 104 / 255])[0] == pytest.approx(0, abs=1e-3)

    def test_black_and_white_halves_have_contrast_and_little_grain_a_chessboard_both(self) -> None:
        halves, board = np.zeros((2, 8, 8, 3), np.uint8)
        halves[:, 4:] = 255
        board[np.indices((8, 8)).sum(axis=0) % 2 == 1] = 255
        assert looks(halves, GREY) == pytest.approx([0, 50, 100 / 7 / 2], abs=0.05)
        assert looks(board, GREY) == pytest.approx([0, 50, 100], abs=0.05)


class TestTracks:
    def test_a_straight_line_is_as_little_confined_as_can_be(self) -> None:
        line = np.linspace(0, 1, 17)[:, None] * np.ones(3)
        assert confinement(line) == pytest.approx(1 / 4)
        assert displacements(line) == pytest.approx(np.arange(1, 9) / 16)

    def test_a_random_walk_is_the_measure_and_what_is_pulled_back_exceeds_it(self) -> None:
        steps = np.random.default_rng(0).standard_normal((100, 20_000))
        walk, held = np.cumsum(steps, axis=0), steps.copy()
        for k in range(1, 100):
            held[k] += 0.8 * held[k - 1]
        assert confinement(walk) == pytest.approx(1, rel=0.02)
        assert displacements(walk)[[0, 24]] == pytest.approx([1, 5], rel=0.05)
        assert confinement(held) > 3


def test_a_change_of_unsure_sign_may_be_of_no_size() -> None:
    assert magnitude(Estimate(-2, -5, 3, 4)) == Estimate(2, 0, 5, 4)
    assert magnitude(Estimate(-4, -5, -3, 4)) == Estimate(4, 3, 5, 4)


def test_realistic_is_natural_in_each_way_and_recognised() -> None:
    natural = Natural(np.array([5.0, 5.0, 5.0]), np.array([9.0, 9.0, 9.0]))
    image = {"looks": np.array([5.0, 7.0, 9.0]), "recognised": np.array(True)}
    assert natural.realistic(image)
    assert not natural.realistic(image | {"recognised": np.array(False)})
    assert not natural.realistic(image | {"looks": np.array([5.0, 7.0, 9.1])})


def test_a_sweep_is_looked_at_after_each_third_too(toy: Network) -> None:
    given = {"title": "t", "network": "principal", "other": "autre", "step": 3, "unit_gradient": True, "jitter": 0,
             "blur_sigma": 0, "starts": ["a"], "images": ["a", "b"], "weights": [0.1]}  # fmt: skip
    context = {"networks": ["principal", "autre"], "images": ["a", "b"]}
    random = np.random.default_rng(4)
    photographs = {n: Photograph(random.integers(256, size=(12, 12, 3), dtype=np.uint8), 1, n, ()) for n in "ab"}
    found = {}
    for iterations in (6, 4, 2):
        sweep = Sweep.model_validate(given | {"iterations": iterations}, context=context)
        results = tried(sweep, {"principal": toy, "autre": toy}, photographs)
        found[iterations] = {metric.name: metric.value for metric in results._metrics}
    for name in ("psychedelic", "dull", "between"):
        assert [found[6][f"{name}.{part}"] for part in ("third", "two-thirds")] == [found[k][name] for k in (2, 4)]


class TestShrinkingSteps:
    def lengths(self, toy: Network, rule: Rule) -> list[float]:
        start = toy.normalise([np.full((12, 12, 3), 128, np.uint8)])[0]
        climb = Climb(start, target=1, snapshots=frozenset(range(1, rule.iterations + 1)))
        images = [start, *ascend(toy, climb, rule).snapshots.values()]
        return [(after - before).norm().item() for before, after in pairwise(images)]

    def test_they_go_linearly_to_the_final_one(self, toy: Network) -> None:
        rule = Rule(5, step=0.9, final_step=0.1, unit_gradient=True, clamp=False)
        assert self.lengths(toy, rule) == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])

    def test_without_one_they_stay(self, toy: Network) -> None:
        rule = Rule(3, step=0.9, unit_gradient=True, clamp=False)
        assert self.lengths(toy, rule) == pytest.approx([0.9, 0.9, 0.9])


GIVEN = {
    "title": "t",
    "network": "n",
    "other": "o",
    "step": 0.5,
    "unit_gradient": True,
    "jitter": 0,
    "blur_sigma": 0,
    "iterations": 30,
}
CONTEXT = {"images": ["a", "b", "c"], "networks": ["n", "o"]}


class TestPushed:
    """The three kinds, on a network whose every number is known."""

    @pytest.fixture
    def networks(self, toy: Network) -> dict[str, Network]:
        torch.manual_seed(5)
        judge = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 5)).double().requires_grad_(False)
        return {"n": toy, "o": replace(toy, scorer=judge)}

    @pytest.fixture
    def photographs(self) -> dict[str, Photograph]:
        random = np.random.default_rng(3)
        return {
            name: Photograph(random.integers(0, 256, (12, 12, 3), dtype=np.uint8), label, name, ())
            for label, name in enumerate("abc")
        }

    def sweep(self, **more: Any) -> Sweep:
        given = {"images": ["a", "b", "c"], "starts": ["a", "b"], "weights": [0.01, 0.9], **more}
        return Sweep.model_validate(GIVEN | given, context=CONTEXT)

    def steps(self, **more: Any) -> Steps:
        return Steps.model_validate(
            GIVEN | {"start": "a", "weights": [0.01, 0.9], "steps": [2], **more}, context=CONTEXT
        )

    def walk(self, **more: Any) -> Walk:
        given = {"starts": ["a", "b"], "weight": 0.01, "long_iterations": 210, "final_step": 0.01, **more}
        return Walk.model_validate(GIVEN | given, context=CONTEXT)

    def test_too_much_of_the_penalty_takes_colour_away(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        results = tried(self.sweep(), networks, photographs)
        metrics = {metric.name: metric.value for metric in results._metrics}
        assert metrics["pulled.gain"] < metrics["free.gain"]
        assert [row[0] for row in results._tables[0].rows] == ["départ", 0, 0.01, 0.9]
        low, high = np.percentile(
            [looks(photograph.pixels, networks["n"].mean.flatten().tolist())[0] for photograph in photographs.values()],
            (5, 95),
        )
        assert (metrics["natural.chroma.low"], metrics["natural.chroma.high"]) == pytest.approx((low, high))

    def test_steps_lie_below_weights(self, networks: dict[str, Network], photographs: dict[str, Photograph]) -> None:
        results = tried(self.steps(), networks, photographs)
        assert [len(column) for column in results._figures[0].columns] == [2, 2, 2]
        assert [row[:2] for row in results._tables[0].rows] == [(s, w) for s in (0.5, 2) for w in (0, 0.01, 0.9)]

    def test_a_step_that_shrinks_brings_the_image_to_rest(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        results = tried(self.walk(), networks, photographs)
        metrics = {metric.name: metric.value for metric in results._metrics}
        assert metrics["decroissant.moved"] < metrics["constant.moved"]
        parts = dict(self.parts(self.walk(), photographs))
        ends = {
            key: [computed(parts[key, name], networks, photographs) for name in "ab"]
            for key in ("court", "decroissant")
        }
        changes = [b["other"] - a["other"] for a, b in zip(ends["court"], ends["decroissant"], strict=True)]
        assert metrics["impact"] == pytest.approx(abs(np.mean(changes)))

    def parts(self, experiment: Sweep | Steps | Walk, photographs: dict[str, Photograph]) -> list[Any]:
        return list(experiment.parts({name: spec_of(name, one) for name, one in photographs.items()}).items())

    def test_an_image_and_its_measures_are_those_of_a_plain_loop(
        self, networks: dict[str, Network], photographs: dict[str, Photograph]
    ) -> None:
        network, judge = networks["n"], networks["o"]
        part = dict(self.parts(self.sweep(iterations=6), photographs))["b", 0.01]
        found = computed(part, networks, photographs)
        image = network.normalise([photographs["b"].pixels])[0]
        for _ in range(6):
            pixels = image.clone().requires_grad_()
            (slope,) = torch.autograd.grad(network.scorer(pixels[None])[0, 1], pixels)
            image = image + 0.5 * (slope / slope.norm() - 0.01 * 2 * image)
            image = torch.minimum(torch.maximum(image, network.range[0]), network.range[1])
        saved = to_bytes(network.pixels(image))
        assert (found["image"] == saved).all()
        score, chances = network.scorer(network.normalise([saved]))[0], judge.scorer(judge.normalise([saved]))[0]
        assert found["score"] == pytest.approx(score[1].item())
        assert found["other"] == pytest.approx(100 * chances.softmax(dim=0)[1].item())
        assert found["recognised"] == (chances.argmax() == 1).item()

    def test_what_several_ask_for_is_one_part(self, photographs: dict[str, Photograph]) -> None:
        sweep, steps, walk = (dict(self.parts(one, photographs)) for one in (self.sweep(), self.steps(), self.walk()))
        assert steps[0.5, 0.01] == sweep["a", 0.01] == walk["court", "a"]
        assert steps[2, 0.01] not in sweep.values()

    def test_another_photograph_adds_its_own_parts_and_no_more(self, photographs: dict[str, Photograph]) -> None:
        few, more = (dict(self.parts(self.sweep(images=list(names)), photographs)) for names in ("ab", "cab"))
        assert more == few | {"c": more["c"]}
        few, more = (dict(self.parts(self.walk(starts=list(names)), photographs)) for names in ("b", "ab"))
        assert few == {name: more[name] for name in few}


class TestClaimsOnAnotherAnswer:
    def told(self, mini: Path, generator: Run, says: str) -> str:
        (mini.parent / "questions" / "q03-suite.md").write_text(
            "---\nnumber: 3\ntitle: Suite\nanswered_with: 1\nclaims:\n"
            f"  - {{says: '{says}', unmeasured: pas ici}}\n---\n## Énoncé\n\nx\n"
        )
        return generator("check", mini).stderr

    def test_its_words_may_be_quoted(self, mini: Path, generator: Run) -> None:
        answer = (mini.parent / "questions" / "q01-voir.md").read_text().partition("## Réponse")[2].strip()
        assert not self.told(mini, generator, answer.splitlines()[0].replace("*", ""))

    def test_other_words_may_not(self, mini: Path, generator: Run) -> None:
        told = self.told(mini, generator, "Tout le contraire")
        assert "claims.0.says" in told
        assert "does not stand in the answer" in told
