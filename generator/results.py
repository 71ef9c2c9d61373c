"""What lies in a folder of results, for those who make it and those who read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from generator.artefacts import Manifest, read_manifest
from generator.errors import RunError
from generator.lab import Lab

try:
    import fcntl
except ImportError:  # Windows has none: there nobody watches over two runs at once
    fcntl = None  # type: ignore[assignment]


class Ran(BaseModel):
    """Facts of how one experiment came about; they say nothing about its figures.

    Attributes:
        parts: how many it has.
        taken_over: how many of them were computed elsewhere.
        seconds: that its parts took, one after the other.
        network_seconds: of these, in the networks.
        passes: images that went through the networks.
        peak_mib: the most memory that one of its parts needed.
        longest: seconds that the longest of its parts took.
        finished: when it was shown.
    """

    parts: int
    taken_over: int
    seconds: float
    network_seconds: float
    passes: int
    peak_mib: float
    longest: float
    finished: str


class RunLog(BaseModel):
    """``run.json``: the latest run of each experiment, and the machine it ran on."""

    machine: dict[str, str] = {}
    experiments: dict[str, Ran] = {}


def results_folder(build: Path, experiment: str) -> Path:
    """Where an experiment's results lie."""
    return build / "results" / experiment


def read_manifests(lab: Lab, build: Path) -> dict[str, Manifest]:
    """Manifests of the lab's experiments that ran, by name, in the order of the lab."""
    found = ((name, read_manifest(results_folder(build, name))) for name in lab.experiments)
    return {name: manifest for name, manifest in found if manifest is not None}


def read_run_log(build: Path) -> RunLog:
    """The log of the latest runs; an empty one if there is none, or one of another schema."""
    try:
        return RunLog.model_validate_json((build / "run.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return RunLog()


@contextmanager
def alone(build: Path) -> Iterator[None]:
    """Write into a folder of results while nobody else does.

    Raises:
        RunError: another process is writing into it.
    """
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        if fcntl is not None:
            try:
                # The system takes it back whenever this process ends, and however.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"another run is under way in {build}; wait for its end, or give a folder of its own: BUILD=folder"
                ) from None
        yield
