"""How long a run takes: foretold for other numbers of workers, and said while it is under way."""

from __future__ import annotations

from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Any

import pytest

from generator.experiments.base import NetworkUse, Part
from generator.lab import read_lab
from generator.language import read_language
from generator.report.mirror import Mirror
from generator.report.speed import publish_forecast
from generator.results.folder import Foretold, RunLog, read_run_log
from generator.run.forecast import Costs, simulated
from generator.run.plan import Means, Order, plan
from generator.run.progress import Progress
from generator.run.queue import ToCompute, in_order
from generator.run.store import Made
from tests.conftest import ROOT, Run, change

MEASURED = {
    ("patch", "both"): (2, 800, 0.046),
    ("classvis", "first"): (5, 522, 0.061),
    ("classvis", "other"): (1, 503, 0.122),
    ("hop-skip-jump", "first"): (6, 500, 0.032),
    ("walk", "both"): (8, 272, 0.094),
    ("recognition", "both"): (10, 172, 0.093),
    ("stability", "first"): (21, 90, 0.100),
    ("attacked", "first"): (63, 49, 0.112),
    ("linearity", "first"): (21, 43, 0.040),
    ("transferred", "both"): (42, 30, 0.108),
    ("fooled", "first"): (229, 20, 0.087),
    ("saliency", "first"): (147, 1, 0.110),
    ("saliency", "other"): (21, 1, 0.237),
    ("detection", "first"): (20, 1, 0.282),
}
"""Of the default lab, by task and networks: how many parts, likely passes of each, seconds of a pass."""


def measured() -> tuple[list[ToCompute], dict[str, Made]]:
    parts, made = [], {}
    for (task, network), (count, likely, seconds) in MEASURED.items():
        for number in range(count):
            key = f"{task} {network} {number}"
            parts.append(ToCompute(key, Part(task, (NetworkUse(network),), passes=likely), key))
            # Some stop early, and need a third of what others need.
            share = Random(key).uniform(0.5, 1.5)  # noqa: S311  # no secret
            made[key] = Made(round(likely * share), likely * seconds * share, 0, 0)
    return parts, made


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_time_left_is_not_off_by_a_third_after_the_first_minute(workers: int) -> None:
    parts, made = measured()
    queue = in_order(parts)
    told: list[tuple[float, float]] = []
    with Progress(queue, workers) as progress:
        waiting, now = list(queue), 0.0
        busy: list[tuple[float, str, ToCompute]] = []
        while waiting or busy:
            while waiting and len(busy) < workers:
                entry = waiting.pop(0)
                heappush(busy, (now + made[entry.key].seconds, entry.key, entry))
            now, key, entry = heappop(busy)
            progress.computed(entry, made[key])
            told.append((now, progress.left))
    assert now > 240
    # In the last minute, what is under way counts more than what was foretold.
    for moment, left in told:
        if 60 <= moment <= now - 60:
            assert left == pytest.approx(now - moment, rel=1 / 3), moment


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> list[Order]:
    lab = read_lab(ROOT / "tests" / "mini" / "lab.yml", ROOT / "data")
    return plan(lab, Means(tmp_path_factory.mktemp("empty") / "build"))


def costs(orders: list[Order], **changed: Any) -> Costs:
    given: dict[str, Any] = {
        "parts": {key: 10.0 for order in orders for key in order.needs.keys.values()},
        "showing": {order.name: 0.0 for order in orders},
        "opening": 0.0,
        "keeping": 0.0,
    }
    return Costs(**given | changed)


class TestForecast:
    def test_is_the_sum_of_all_for_one_worker(self, orders: list[Order]) -> None:
        shown = {order.name: 2.0 for order in orders}
        foretold = simulated(orders, costs(orders, opening=7, keeping=0.5, showing=shown), 1)
        assert foretold == pytest.approx(5 * 10 + 3 * 2 + 7 + 0.5, abs=2.5)

    def test_is_never_less_than_the_longest_part(self, orders: list[Order]) -> None:
        parts = dict(costs(orders).parts)
        parts[next(iter(parts))] = 100
        assert simulated(orders, costs(orders, parts=parts), 64) == 100

    def test_divides_the_work(self, orders: list[Order]) -> None:
        assert [simulated(orders, costs(orders), workers) for workers in (1, 2, 3, 5, 64)] == [50, 30, 20, 10, 10]

    def test_one_process_takes_in_all_outcomes(self, orders: list[Order]) -> None:
        assert simulated(orders, costs(orders, keeping=3), 64) == 10 + 5 * 3

    def test_an_experiment_is_shown_once_its_parts_are_there(self, orders: list[Order]) -> None:
        shown = {order.name: 4.0 for order in orders}
        assert simulated(orders, costs(orders, showing=shown), 64) == 14

    def test_is_drawn_in_the_reader_s_language(self, ran: Path, tmp_path: Path) -> None:
        log = read_run_log(tmp_path / "build")
        assert [one.workers for one in log.foretold] == [1, 2, 4, 8, 16, 32, 64]
        mirror = Mirror(tmp_path / "docs", tmp_path / "kept")
        for code in ("fr", "en"):
            assert publish_forecast(log, read_language(code), mirror, code)
        drawn = {path.read_bytes() for path in (tmp_path / "docs").iterdir()}
        assert len(drawn) == 4, "each light and dark"

    def test_is_drawn_once_for_the_same_numbers(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        assert generator("render", ran).returncode == 0
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "build/pictures").glob("forecast-*")}
        assert len(before) == 2
        change(ran, lambda lab: lab["experiments"]["grain"].update(title="Un autre titre"))
        assert "0 parts computed; 1 of 3" in generator("run", ran).stdout
        assert generator("render", ran).returncode == 0
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "build/pictures").glob("forecast-*")} == before

    def test_is_not_drawn_before_all_has_run(self, tmp_path: Path) -> None:
        log = RunLog(foretold=(Foretold(workers=1, seconds=3),))
        assert publish_forecast(log, read_language("fr"), Mirror(tmp_path, tmp_path), "prevision") is None


def test_the_site_says_where_parts_came_from(ran: Path, tmp_path: Path, generator: Run) -> None:
    """One photograph more: its part is computed, the others are kept."""
    first = read_run_log(tmp_path / "build").total
    assert first is not None
    assert (first.parts, first.computed, first.taken_over) == (7, 7, 0)
    change(ran, lambda data: data["experiments"]["alligator"]["images"].append("mastiff"))
    assert generator("run", ran).returncode == 0
    log = read_run_log(tmp_path / "build")
    there = log.experiments["alligator"]
    assert (there.parts, there.computed, there.taken_over) == (2, 1, 0)
    assert log.total is not None
    assert (log.total.parts, log.total.computed) == (8, 1)
    assert log.total.worker_seconds > log.total.seconds > log.total.network_seconds
    assert generator("render", ran).returncode == 0
    page = (tmp_path / "build" / "docs" / "execution.md").read_text(encoding="utf-8")
    assert "| alligator | 2 | 1 | 1 | 0 |" in page
    speed = (tmp_path / "build" / "docs" / "performances.md").read_text(encoding="utf-8")
    assert "Ceci est une prévision" in speed
    for picture in ("prevision-light.svg", "prevision-dark.svg"):
        assert f"performances/{picture}" in speed
        assert (tmp_path / "build" / "docs" / "performances" / picture).is_file()
