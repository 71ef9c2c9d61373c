"""What lies in a folder of results, for those who make it and those who read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from generator.artefacts import Manifest, read_manifest
from generator.atomic import sweep
from generator.claims import Claim
from generator.errors import RunError
from generator.lab import Lab

try:
    import fcntl
except ImportError:  # Windows has none: there nobody watches over two runs at once
    fcntl = None  # type: ignore[assignment]


class Ran(BaseModel):
    """Facts of one run of one experiment; they say nothing about its figures."""

    seconds: float
    network_seconds: float
    passes: int
    peak_mib: float
    finished: str


class RunLog(BaseModel):
    """``run.json``: the latest run of each experiment, and the machine it ran on."""

    machine: dict[str, str] = {}
    experiments: dict[str, Ran] = {}


VERDICTS = "verdicts.json"
"""Name of the file that says to machines what the page of verdicts says to readers."""


class Judged(Claim):
    """A claim with its rule, the measure that decided, and the verdict.

    Attributes:
        question: number of the question whose answer claims it.
        address: of that question's page, from the top of the site.
        verdict: one of ``claims.VERDICTS``.
        value, unit, interval, samples: of the measure, as in the manifest; no value where nothing was measured.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    question: int
    address: str
    verdict: Literal["confirmed", "qualified", "refuted", "unmeasured"]
    value: float | None = None
    unit: str = ""
    interval: tuple[float, float] | None = None
    samples: int | None = None


class VerdictsFile(BaseModel):
    """``verdicts.json``: what a site says of the claims of its answers, published beside its pages.

    Attributes:
        version: of this schema.
        title: of the lab.
        language: of its texts.
        experiments: names of the lab's experiments; the manifest of each lies in ``figures/NAME``.
        claims: of all questions, in their order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    title: str
    language: str
    experiments: tuple[str, ...]
    claims: tuple[Judged, ...]


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
    with (build / ".lock").open("wb") as lock:
        if fcntl is not None:
            try:
                # The system takes it back whenever this process ends, and however.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"another run is under way in {build}; wait for its end, or give a folder of its own: BUILD=folder"
                ) from None
        sweep(build)
        yield
