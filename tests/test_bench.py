"""The benchmark: one table that a reader can trust, and that says so where results differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from generator import bench
from generator.images import read_image
from generator.lab import read_lab
from generator.results.folder import Row
from generator.vision import opening
from generator.vision.gradients import explained
from generator.vision.opening import Network
from tests.conftest import CHROMIUM, ROOT

KEYS = {
    "task", "network", "engine", "ms_per_image_iteration", "ratio_to_notebook", "fraction_of_limit", "peak_mib",
    "agrees",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def short() -> Iterator[None]:
    """Once, and over a few steps: what is asked here is who agrees, not who is faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.bench.ROUNDS", 1)
        patch.setattr("generator.bench.FOOLING", replace(bench.FOOLING, iterations=6))
        patch.setattr("generator.bench.CLASSVIS", replace(bench.CLASSVIS, iterations=12))
        yield


@pytest.fixture(scope="module")
def measured(lite0: Network) -> bench._Bench:
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    plain = opening.load(lab.file.networks["principal"], lab.weights("principal"), way="as-made")
    photographs = [(read_image(lab.locate(image.file), 224), image.label) for image in lab.file.images[:2]]
    return bench._Bench("EfficientNet-Lite0", lite0, plain, photographs)


def rows_of(measure: Callable[[], Iterable[Row]]) -> dict[str, Row]:
    """Its rows by engine, measured in a thread of its own: in this one, other tests may have a browser open."""
    with ThreadPoolExecutor(1) as beside:
        return {row.engine: row for row in beside.submit(lambda: list(measure())).result()}


def test_all_engines_find_the_notebook_s_saliency_maps(measured: bench._Bench) -> None:
    rows = rows_of(measured.saliency)
    assert set(rows) == {bench.OURS, bench.BATCHES, bench.NOTEBOOK, "captum Saliency", bench.LIMIT} | (
        {bench.BROWSER} if CHROMIUM else set()
    )
    assert all(set(row.model_dump()) >= KEYS for row in rows.values())
    assert rows[bench.OURS].agrees == "yes"
    assert rows[bench.BATCHES].agrees == "yes"
    assert rows["captum Saliency"].agrees == "yes"
    assert rows[bench.NOTEBOOK].ratio_to_notebook == 1
    assert rows[bench.LIMIT].fraction_of_limit == 1


def test_a_row_whose_result_differs_says_so(measured: bench._Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.bench.explained", lambda *given: (None, 1.1 * explained(*given)[1]))
    rows = rows_of(measured.saliency)
    assert rows[bench.OURS].agrees == "no"
    assert rows[bench.OURS].distance == pytest.approx(0.1, rel=0.05)


def test_it_aims_at_classes_that_the_network_has(toy: Network) -> None:
    grey = np.full((toy.size, toy.size, 3), 128, np.uint8)
    measured = bench._Bench("toy", toy, toy, [(grey, 3)])
    assert max(measured.targets) < 5
    assert rows_of(measured.fooling).keys() >= {bench.OURS, bench.NOTEBOOK}


def test_an_image_is_grown_as_in_the_notebook(measured: bench._Bench) -> None:
    rows = rows_of(measured.classvis)
    assert rows[bench.OURS].agrees == "yes"
    assert rows[bench.NOTEBOOK].ratio_to_notebook == 1


def test_workers_are_compared_with_one_that_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.bench.cores", lambda: 2)
    monkeypatch.setattr("generator.bench.PARTS", 2)
    alone, two = bench._crews(read_lab(ROOT / "tests" / "mini" / "lab.yml", ROOT / "data"))
    assert (alone.workers, two.workers) == (1, 2)
    assert alone.efficiency == 1
    assert two.efficiency == pytest.approx(two.passes_per_second / 2 / alone.passes_per_second, rel=0.01)
    assert min(alone.opening_seconds, alone.sending_seconds) > 0
