"""Outcomes that leave the store, come into it, or are looked at again: packed, taken over, verified, tidied away."""

from __future__ import annotations

import json
import random
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from generator.errors import LabError, RunError, first_line
from generator.experiments.base import Part
from generator.lab import Lab
from generator.results.artefacts import MANIFEST, read_manifest
from generator.run import look, programs
from generator.run.carry_out import job_of, working
from generator.run.keys import Dependencies, Keys, part_text
from generator.run.plan import Means
from generator.run.store import SUFFIX, DamagedError, Store
from generator.run.work import compute
from generator.run.workers import Local, done, how_many

INDEX = "index.json"


def keys_of(lab: Lab, means: Means) -> dict[str, str]:
    """What each outcome that a lab needs is called, by its key."""
    machine = means.machine
    keys = Keys(lab, machine)
    found: dict[str, str] = {}
    for name in lab.experiments:
        needs = Dependencies(lab, name, keys, machine)
        found |= {key: f"{name} {part_text(part)}" for part, key in needs.keys.items()}
    for network in {network for experiment in lab.experiments.values() for network in experiment.networks}:
        found |= {keys.key(part): network for part in (look.part(network), look.answering(lab, network))}
    return found


def _programs(lab: Lab, means: Means) -> set[str]:
    """Keys of what readers try, which a lab's results do without."""
    keys = Keys(lab, means.machine)
    return {keys.key(programs.part(lab, network)) for network in lab.tried}


def pack(lab: Lab, means: Means, archive: Path) -> tuple[int, int]:
    """Write the outcomes that a lab needs into one archive, with their hashes.

    Args:
        lab: the lab.
        means: where its outcomes are.
        archive: a ``.zip``; it appears whole or not at all.

    Returns:
        How many outcomes were packed, and how many are missing.
    """
    store, wanted = means.store, keys_of(lab, means)
    missing = sum(key not in store for key in wanted)
    there = [key for key in sorted(wanted.keys() | _programs(lab, means)) if key in store]
    partial = archive.with_name(f".{archive.name}.partial")
    index = {}
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for key in there:
                index[key] = store.digest(key)
                packed.write(store.path(key), f"{key}{SUFFIX}")
            packed.writestr(INDEX, json.dumps(index, indent=1))
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)
    return len(there), missing


def take_over(lab: Lab, means: Means, archive: Path) -> int:
    """Read from an archive what a lab needs and the store has not.

    Args:
        lab: the lab.
        means: where its outcomes are kept.
        archive: as :func:`pack` writes it.

    Returns:
        How many outcomes were taken over.

    Raises:
        LabError: it is no such archive, or is damaged.
    """
    store, wanted = means.store, keys_of(lab, means).keys() | _programs(lab, means)
    taken = 0
    try:
        with zipfile.ZipFile(archive) as packed:
            index: Mapping[str, str] = json.loads(packed.read(INDEX))
            for key in sorted(set(index) & wanted):
                if key in store:
                    continue
                content, made = store.parse(packed.read(f"{key}{SUFFIX}"), f"{key} in {archive}")
                store.write(key, content, replace(made, here=False))
                taken += 1
    except FileNotFoundError:
        raise LabError(f"no archive {archive}; make pack writes one, STORE=archive reads it") from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, RuntimeError, DamagedError) as error:
        why = first_line(error)
        raise LabError(f"{archive} is no archive of outcomes, or is damaged ({why}); pack it again") from None
    return taken


def verify(lab: Lab, means: Means, sample: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Compute a random sample of a lab's parts again and compare.

    Args:
        lab: the lab.
        means: with what, and where.
        sample: how many parts.
        seed: of the choice.

    Yields:
        What a part is called, and whether its outcome came out the same to the bit.
    """
    machine, store = means.machine, means.store
    keys = Keys(lab, machine)
    parts: dict[str, tuple[str, Part]] = {}
    for name in lab.experiments:
        needs = Dependencies(lab, name, keys, machine)
        parts |= {key: (f"{name} {part_text(part)}", needs.parts[part]) for part, key in needs.keys.items()}
    at_networks = {network: keys.key(look.part(network)) for network in lab.file.networks}
    # What was kept of networks would not tell whether it is right: here they are prepared again.
    looks = {network: look.seen(store.read(key)) for network, key in at_networks.items() if key in store}
    there = sorted(key for key in parts if key in store)
    if not there:
        raise RunError("no outcome of this lab is in the store; make site computes them")
    chosen = deque(random.Random(seed).sample(there, min(sample, len(there))))  # noqa: S311  # nothing is kept secret

    def waiting() -> tuple[str, Callable[..., object], object] | None:
        return (key := chosen.popleft(), compute, job_of(lab, parts[key][1], means.device, looks)) if chosen else None

    with working(Local(how_many(means.workers, 0))) as crew:
        for key, result in done(crew, waiting):
            if isinstance(result, BaseException):
                raise result
            try:
                same = store.content(key) == result[0]
            except DamagedError:
                same = False
            yield parts[key][0], same


def unused(lab: Lab, means: Means) -> list[str]:
    """Keys of the outcomes that neither this lab needs nor any results beside its own were made from."""
    used = keys_of(lab, means).keys() | _programs(lab, means)
    for path in means.store.folder.parent.glob(f"*/results/*/{MANIFEST}"):
        if manifest := read_manifest(path.parent):
            used |= set(manifest.parts.values())
    return [key for key in means.store if key not in used]


def size_of(store: Store, keys: list[str]) -> int:
    """Bytes that outcomes take."""
    return sum(store.path(key).stat().st_size for key in keys)
