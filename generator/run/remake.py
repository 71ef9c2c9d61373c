"""One figure made again, from parts that are computed again, beside the published one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from generator.errors import RunError
from generator.lab import Lab
from generator.results.artefacts import Manifest, read_manifest
from generator.results.folder import results_folder
from generator.run.carry_out import run
from generator.run.plan import Means, plan
from generator.run.store import Store


@dataclass(frozen=True)
class Again:
    """A file made again.

    Attributes:
        path: of the new one.
        sha256: of its bytes.
        published: the same of the published one; None if there is none.
        other_machine: how the published one was computed, where that was otherwise.
    """

    path: Path
    sha256: str
    published: str | None
    other_machine: str


def remake(lab: Lab, means: Means, figure: str, tell: Callable[[str], None]) -> Iterator[Again]:
    """Make one figure again: its own parts are computed again, what else its experiment shows is taken as it is.

    Args:
        lab: the lab.
        means: with what, and where.
        figure: EXPERIMENT/FIGURE.
        tell: takes a line for each doubt about the lab.

    Yields:
        Each picture of the figure, then the exact values behind them.
    """
    experiment, _, name = figure.partition("/")
    published = read_manifest(results_folder(means.build, experiment))
    aside = replace(means, build=means.build / "again" / "build")
    shutil.rmtree(aside.build.parent, ignore_errors=True)
    (order,) = (order for order in plan(lab, aside) if order.name == experiment)
    own = set(published.figure(name).parts) if published and _has(published, name) else set()
    _lend(means.store, aside.store, set(order.needs.keys.values()) - own)
    run(lab, aside, [order], tell)
    again = read_manifest(results_folder(aside.build, experiment))
    if again is None:
        raise RunError(f"{experiment} left no results; run make explain")
    before = published.files if published else {}
    machine, here = (published.provenance.machine if published else {}), again.provenance.machine
    other = ", ".join(f"{part} {value}" for part, value in machine.items() if here.get(part) != value)
    made = again.figure(name)
    for file in (*(picture.file for picture in made.pictures), made.arrays):
        yield Again(results_folder(aside.build, experiment) / file, again.files[file], before.get(file), other)


def _has(manifest: Manifest, name: str) -> bool:
    return any(figure.name == name for figure in manifest.figures)


def _lend(store: Store, other: Store, keys: set[str]) -> None:
    """Give another store what there is of these outcomes."""
    for key in keys:
        if key in store:
            other.path(key).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.path(key), other.path(key))
