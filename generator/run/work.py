"""What a worker does: a part in, the bytes of its outcome out. It writes nothing and knows nothing of the lab."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

from generator.atomic import write_atomically
from generator.experiments.base import Setting
from generator.experiments.given import Given
from generator.images import Pixels, read_image
from generator.run.store import Made, Store, decode, encode
from generator.schema import NetworkSpec
from generator.sources import locate

if TYPE_CHECKING:
    from generator.vision.opening import Network, Way

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Variables by which libraries are told how many threads to use: one, or the bits would depend on their number."""


@dataclass(frozen=True)
class Weights:
    """Where a network's weights are; one of these is given.

    Attributes:
        path: of their file on this machine.
        reference: of a file in an installed package, for any machine.
        kept: SHA-256 of a file that every worker was sent; see :func:`keep_file`.
        name: LIBRARY:WEIGHTS.
    """

    path: Path | None = None
    reference: str | None = None
    kept: str | None = None
    name: str | None = None

    def found(self) -> Path | str:
        """What :func:`generator.vision.opening.load` is given, on the machine that asks."""
        if self.reference is not None:
            return locate(self.reference, lab_folder=Path(), data_folder=Path())
        if self.kept is not None:
            return _kept(self.kept)
        return self.path or self.name or ""


@dataclass(frozen=True)
class Opening:
    """How to open a network.

    Attributes:
        spec: its description.
        weights: None if it needs none.
        source: file of the module whose function makes it; None for a network of a library.
        modules: names and files of the modules of the lab's folder that make it up.
        way: how it runs; None if that is to be found out.
        look: file of the store with what the first look at it kept, if it was prepared; it is opened from that.
        shuffled, seed: see :class:`~generator.experiments.base.NetworkUse`.
        device: cpu, cuda or mps.
    """

    spec: NetworkSpec
    weights: Weights | None
    source: Path | None
    modules: tuple[tuple[str, Path], ...]
    way: Way | None
    shuffled: float
    seed: int
    device: str
    look: Path | None = None


@dataclass(frozen=True)
class Source:
    """Where a photograph is: in a file of this machine, or its pixels, uint8 (H, W, 3).

    Attributes:
        path: of the file.
        index: which image of an archive.
        pixels: for a machine that has not the file, at the size of the network's input.
    """

    path: Path | None = None
    index: int | None = None
    pixels: Pixels | None = None


@dataclass(frozen=True)
class Job:
    """A part with all that it names, so that it can be computed anywhere.

    Attributes:
        task: MODULE:FUNCTION.
        networks: in the part's order.
        images: likewise.
        settings: keywords of the task.
        seed: of the part.
    """

    task: str
    networks: tuple[Opening, ...]
    images: tuple[Source, ...]
    settings: Mapping[str, Setting]
    seed: int


def compute(job: Job) -> tuple[bytes, Made]:
    """Compute a part, on one thread.

    Raises:
        LabError: a network or a photograph cannot be used.
    """
    began = time.perf_counter()
    import torch

    from generator.run.meter import Meter

    torch.set_num_threads(1)
    # A first look is the last one at what its library made.
    networks = tuple((_opened if opening.way else _open)(opening) for opening in job.networks)
    photographs = tuple(_photograph(source, networks[0]) for source in job.images)
    module, _, function = job.task.partition(":")
    meter = Meter()
    opening = time.perf_counter() - began
    with meter.running({id(network.scorer): network.scorer for network in networks}.values()):
        outcome = getattr(import_module(module), function)(Given(networks, photographs, job.seed), **job.settings)
    return encode(outcome), replace(meter.made, opening_seconds=round(opening, 4))


def one_thread() -> None:
    """Have every library that this process and its children load later use one thread."""
    os.environ.update(dict.fromkeys(THREADS, "1"))


def _open(opening: Opening) -> Network:
    from generator.vision.opening import load, reopen

    if opening.look is not None:
        return reopen(decode(Store.parse(opening.look.read_bytes(), str(opening.look))[0]), opening.spec.batch)
    return load(
        opening.spec,
        None if opening.weights is None else opening.weights.found(),
        source=opening.source,
        modules=dict(opening.modules),
        device=opening.device,
        way=opening.way,
        shuffled=opening.shuffled,
        seed=opening.seed,
    )


_opened = lru_cache(maxsize=4)(_open)
"""The last networks stay open: the next part wants one of them."""


def keep_file(content: bytes) -> None:
    """Keep a file on the machine of a worker, under its SHA-256."""
    path = _kept(hashlib.sha256(content).hexdigest())
    if not path.is_file():
        write_atomically(path, content)


def _kept(digest: str) -> Path:
    return Path(tempfile.gettempdir()) / f"tp-visualisation-{digest}"


def _photograph(source: Source, network: Network) -> Pixels:
    if source.pixels is not None:
        pixels = source.pixels
    elif source.path is not None:
        pixels = _read(source.path, network.size, source.index)
    return network.seen(pixels)


@lru_cache(maxsize=64)
def _read(path: Path, size: int, index: int | None) -> Pixels:
    with catch_warnings():
        simplefilter("ignore")  # what is to be said of it was said when the lab's files were checked
        return read_image(path, size, index)
