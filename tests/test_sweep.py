"""The sweep over settings: its measures against known cases, and the claims that lean on another answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from generator.artefacts import Manifest, Provenance, Recorder
from generator.experiments.base import Bench, Photograph
from generator.experiments.sweep import Natural, Outcome, Sweep, confinement, displacements, looks, magnitude
from generator.networks import Network
from generator.statistics import Estimate
from generator.vision.ascent import Climb, Rule, ascend
from tests.conftest import FRENCH, Run

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
    image = Outcome(np.zeros((2, 2, 3), np.uint8), np.array([5.0, 7.0, 9.0]), score=1, other=60, recognised=True)
    assert image.realistic(natural)
    assert not replace(image, recognised=False).realistic(natural)
    assert not replace(image, looks=np.array([5.0, 7.0, 9.1])).realistic(natural)


class TestShrinkingSteps:
    def lengths(self, toy: Network, rule: Rule) -> list[float]:
        start = toy.normalise([np.full((12, 12, 3), 128, np.uint8)])[0]
        climb = Climb(start, target=1, snapshots=frozenset(range(1, rule.iterations + 1)))
        ((_, summit),) = ascend(toy, [climb], rule)
        images = [start, *summit.snapshots.values()]
        return [(after - before).norm().item() for before, after in pairwise(images)]

    def test_they_go_linearly_to_the_final_one(self, toy: Network) -> None:
        rule = Rule(5, step=0.9, final_step=0.1, unit_gradient=True, clamp=False)
        assert self.lengths(toy, rule) == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])

    def test_without_one_they_stay(self, toy: Network) -> None:
        rule = Rule(3, step=0.9, unit_gradient=True, clamp=False)
        assert self.lengths(toy, rule) == pytest.approx([0.9, 0.9, 0.9])


def swept(toy: Network, folder: Path) -> tuple[Sweep, Manifest, int]:
    """A whole sweep on the toy network: what was asked, what came out, how many passes it took."""
    random = np.random.default_rng(3)
    photographs = {
        name: Photograph(random.integers(0, 256, (12, 12, 3), dtype=np.uint8), label, name, ())
        for label, name in enumerate("abc")
    }
    sweep = Sweep.model_validate(
        {
            "title": "t",
            "network": "n",
            "other": "o",
            "images": ["a", "b", "c"],
            "starts": ["a", "b"],
            "step": 0.5,
            "unit_gradient": True,
            "jitter": 2,
            "weights": [0.01, 0.9],
            "steps": [2.0],
            "iterations": 30,
            "long_runs": 2,
            "long_iterations": 210,
            "long_weight": 0.01,
            "final_step": 0.01,
        },
        context={"images": ["a", "b", "c"], "networks": ["n", "o"]},
    )
    passes = 0

    def count(images: int) -> None:
        nonlocal passes
        passes += images

    recorder = Recorder(folder)
    sweep.run(Bench(toy, {"n": toy, "o": toy}, lambda share, seed: toy, photographs, str, FRENCH, count, recorder))
    manifest = recorder.publish(
        experiment="s",
        kind="sweep",
        title="t",
        promised=tuple(sweep.figures),
        provenance=Provenance(networks=(), images={}, versions={}, threads=1, device="cpu"),
        fingerprint={},
    )
    return sweep, manifest, passes


def test_a_sweep_on_a_network_that_is_known(toy: Network, tmp_path: Path) -> None:
    sweep, manifest, passes = swept(toy, tmp_path / "s")
    assert passes == sweep.work
    free, pulled = (manifest.metric(f"{key}.gain").value for key in ("free", "pulled"))
    assert pulled < free, "the penalty takes colour away"
    still, moving = (manifest.metric(f"{key}.moved").value for key in ("decroissant", "constant"))
    assert still < moving, "a step that shrinks brings the image to rest"
    assert [len(column) for column in manifest.figure("grille").columns] == [2, 2, 2], "steps below weights"


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
