"""What must be made anew, and why: what is there already is looked at, and nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generator.artefacts import read_manifest
from generator.errors import LabError
from generator.experiments.base import PartName
from generator.lab import Lab, check_files
from generator.results import results_folder
from generator.run import machine
from generator.run.keys import Dependencies, Keys, changes
from generator.run.store import Store

OUTCOMES = "outcomes"
"""The folder of outcomes, beside those of results: all labs of a project share it."""


@dataclass(frozen=True)
class Means:
    """With what, and where.

    Attributes:
        build: folder of the lab's results.
        device: cpu, cuda or mps.
        workers: how many; None for as many as there are cores and memory for.
        scheduler: address of a Dask cluster; None for this machine.
        archive: outcomes that somebody else computed; None if there are none.
    """

    build: Path
    device: str = "cpu"
    workers: int | None = None
    scheduler: str | None = None
    archive: Path | None = None

    @property
    def store(self) -> Store:
        """Where outcomes are kept."""
        return Store(self.build.parent / OUTCOMES)

    @property
    def machine(self) -> dict[str, str]:
        """What decides the last bits of a result."""
        return {"device": self.device, **machine.instructions(self.store.folder / "machine.json")}


@dataclass(frozen=True)
class Order:
    """An experiment and whether it must be made anew.

    Attributes:
        name: of the experiment.
        needs: what its results depend on.
        reasons: why they must be made; empty if they are up to date.
        missing: its parts that must be computed first.
    """

    name: str
    needs: Dependencies
    reasons: tuple[str, ...]
    missing: tuple[PartName, ...]


def plan(lab: Lab, means: Means) -> list[Order]:
    """Say for each experiment of the lab whether it must be made anew, and why.

    Raises:
        LabError: a file that results depend on is not there.
    """
    made_on = means.machine
    keys, store = Keys(lab, made_on), means.store
    orders = []
    for name in lab.experiments:
        needs = Dependencies(lab, name, keys, made_on)
        try:
            now = needs.fingerprint
        except LabError:
            check_files(lab)  # tells it better: with its place in the lab file, and all the others
            raise
        manifest = read_manifest(results_folder(means.build, name))
        if manifest and manifest.fingerprint == now:
            orders.append(Order(name, needs, (), ()))
            continue
        reasons = changes(manifest.fingerprint, now) if manifest else ["it was never shown to its end"]
        missing = tuple(part for part, key in needs.keys.items() if key not in store)
        orders.append(Order(name, needs, tuple(reasons), missing))
    return orders


def told(order: Order) -> str:
    """How many parts of an experiment there are, and what must be done."""
    there = len(order.needs.parts) - len(order.missing)
    if not order.reasons:
        return f"{order.name}: up to date ({there} parts)"
    if order.missing:
        return f"{order.name}: {there} parts are there, {len(order.missing)} must be computed"
    return f"{order.name}: all {there} parts are there, it must be shown anew"


def summed_up(reasons: Sequence[str], most: int) -> list[str]:
    """The first reasons, and how many more there are."""
    more = len(reasons) - most
    return [*reasons[:most], *([f"and {more} more"] if more > 0 else [])]
