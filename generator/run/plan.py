"""What must be made anew, and why: what is there already is looked at, and nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.errors import LabError
from generator.experiments.base import PartName
from generator.lab import Lab, check_files, read_lab
from generator.results.artefacts import Manifest, read_manifest
from generator.results.folder import results_folder
from generator.run import machine
from generator.run.keys import Dependencies, Keys
from generator.run.reasons import Reason, changes, summed
from generator.run.store import Store
from generator.sources import sha256

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
    reasons: tuple[Reason, ...]
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
        folder = results_folder(means.build, name)
        manifest = read_manifest(folder)
        if manifest is None:
            reasons = [Reason("never shown to its end")]
        elif manifest.fingerprint != now:
            reasons = [*changes(manifest.fingerprint, now)]
        else:
            reasons = list(_damaged(folder, manifest))
        if not reasons:
            orders.append(Order(name, needs, (), ()))
            continue
        missing = tuple(part for part, key in needs.keys.items() if key not in store)
        orders.append(Order(name, needs, tuple(reasons), missing))
    return orders


def in_common(lab: Lab, means: Means, orders: list[Order]) -> str:
    """How many parts a lab and the one that it extends have in common, in a line; empty if there are none."""
    if lab.parent is None:
        return ""
    try:
        other = read_lab(lab.parent, lab.data_folder, texts=False)
        keys = Keys(other, means.machine)
        theirs = {
            key for name in other.experiments for key in Dependencies(other, name, keys, means.machine).keys.values()
        }
    except LabError:
        return ""  # what the other one needs is not here, and not needed
    own = {key for order in orders for key in order.needs.keys.values()}
    shared = len(own & theirs)
    return f"{shared} of {len(own)} parts are shared with {lab.parent}: computed once for both" if shared else ""


def _damaged(folder: Path, manifest: Manifest) -> Iterator[Reason]:
    """What is wrong with the files of results, which are published as they lie there."""
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            yield Reason(f"{path} is gone")
        elif sha256(path) != digest:
            yield Reason(f"{path} is damaged: its bytes are not those that were written")


def told(order: Order) -> str:
    """How many parts of an experiment there are, and what must be done."""
    there = len(order.needs.parts) - len(order.missing)
    if not order.reasons:
        return f"{order.name}: up to date ({there} parts)"
    if order.missing:
        return f"{order.name}: {there} parts are there, {len(order.missing)} must be computed"
    return f"{order.name}: all {there} parts are there, it must be shown anew"


def to_do(orders: list[Order], most: int | None = None) -> Iterator[str]:
    """What must be done in all, and why, by so many reasons at most; nothing if all is up to date."""
    due = [order for order in orders if order.reasons]
    if due:
        missing = {order.needs.keys[part] for order in due for part in order.missing}
        yield f"{len(due)} of {len(orders)} experiments must be shown anew, {len(missing)} parts must be computed first"
        why = [*summed({order.name: order.reasons for order in due})]
        first = why[:most]
        yield from (f"  {line}" for line in first)
        if len(first) < len(why):
            yield f"  and {len(why) - len(first)} more reasons: see explain"
