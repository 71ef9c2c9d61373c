"""What lies in a folder of results, for those who make it and those who read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema

from generator.atomic import sweep
from generator.errors import RunError
from generator.results.artefacts import Manifest, read_manifest
from generator.results.claims import Claim

try:
    import fcntl
except ImportError:  # Windows has none: there nobody watches over two runs at once
    fcntl = None  # type: ignore[assignment]


class Ran(BaseModel):
    """Facts of how one experiment came about; they say nothing about its figures.

    Attributes:
        parts: how many it has.
        computed: how many of them in this run.
        taken_over: how many of them elsewhere; the others were there from an earlier run.
        seconds: that its parts took, one after the other.
        network_seconds: of these, in the networks.
        opening_seconds: beside these, to start workers and to open networks.
        showing_seconds: likewise, to show it.
        passes: images that went through the networks.
        peak_mib: the most memory that one of its parts needed.
        longest: seconds that the longest of its parts took.
        finished: when it was shown, in ISO 8601.
    """

    parts: int
    computed: int
    taken_over: int
    seconds: float
    network_seconds: float
    opening_seconds: float
    showing_seconds: float
    passes: int
    peak_mib: float
    longest: float
    finished: str

    @property
    def worker_seconds(self) -> float:
        """All that workers were busy with."""
        return self.seconds + self.opening_seconds + self.showing_seconds


class Foretold(BaseModel):
    """How long a run from nothing would take with some number of workers; see :mod:`generator.run.forecast`.

    Attributes:
        workers: how many.
        seconds: foretold.
    """

    workers: int
    seconds: float


class RunLog(BaseModel):
    """``run.json``: the latest run of each experiment, and the machine it ran on.

    Attributes:
        machine: system, processor, cores, Python.
        workers: how many the latest run had that computed something.
        experiments: by name.
        total: of the whole lab, each part once, however many experiments show it; None before all have run.
        opening_seconds: before parts were given out: to start, and to look at the lab's networks.
        keeping_seconds: for the process that coordinates to take in one outcome.
        foretold: from what was measured; nothing before all have run.
    """

    machine: dict[str, str] = {}
    workers: int = 0
    experiments: dict[str, Ran] = {}
    total: Ran | None = None
    opening_seconds: float = 0.0
    keeping_seconds: float = 0.0
    foretold: tuple[Foretold, ...] = ()


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

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(source)  # what was measured has no bounds, unlike what a lab asks for

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


Agrees = Literal["yes", "no", "other", "none"]


class Row(BaseModel):
    """One line of the table of ``make bench``.

    Attributes:
        task: saliency, fooling or classvis.
        network: its title.
        engine: who did it.
        ms_per_image_iteration: median over the rounds, in milliseconds.
        spread: lowest and highest round.
        ratio_to_notebook: above 1 is faster than the notebook's loop.
        fraction_of_limit: 1 would be the machine's matrix-product rate.
        peak_mib: resident memory of the whole process at its highest while this row ran.
        agrees: whether the result is the notebook's, or why nothing can be said.
        distance: relative distance from the notebook's result, where it can be compared.
    """

    task: str
    network: str
    engine: str
    ms_per_image_iteration: float
    spread: tuple[float, float]
    ratio_to_notebook: float | None
    fraction_of_limit: float | None
    peak_mib: float | None
    agrees: Agrees
    distance: float | None = None


class Together(BaseModel):
    """How fast some workers are together.

    Attributes:
        workers: how many, each on one thread.
        passes_per_second: of all, median over the rounds.
        efficiency: of each, beside one that works alone.
        opening_seconds: until all have started and opened the network.
        sending_seconds: of a worker for each part beside computing it: to get it, and to send its outcome.
    """

    workers: int
    passes_per_second: float
    efficiency: float
    opening_seconds: float
    sending_seconds: float


class BenchFile(BaseModel):
    """``bench.json``: what ``make bench`` measured.

    Attributes:
        rows: engines, one beside the other.
        together: workers, more and more of them.
    """

    rows: list[Row]
    together: list[Together]


def results_folder(build: Path, experiment: str) -> Path:
    """Where an experiment's results lie."""
    return build / "results" / experiment


def read_manifests(experiments: Iterable[str], build: Path) -> dict[str, Manifest]:
    """Manifests of those experiments that ran, by name, in the order given."""
    found = ((name, read_manifest(results_folder(build, name))) for name in experiments)
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
