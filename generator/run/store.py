"""Outcomes by the key of their part: written whole or not at all, checked when they are read, never unpickled.

A file is a line of JSON, with the hash of what follows and facts of its making, and the bytes of an ``.npz``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.atomic import write_atomically
from generator.errors import RunError
from generator.experiments.given import Outcome

SUFFIX = ".outcome"


class DamagedError(Exception):
    """A file of the store is not what was written into it; what it held must be computed again."""


@dataclass(frozen=True)
class Made:
    """Facts of one computation; they say nothing about what came of it.

    Attributes:
        passes: images that went through the networks.
        seconds: that it took.
        network_seconds: of these, in the networks, there and back.
        peak_mib: the most memory that the worker had during it.
        here: whether it was computed here, or taken over from an archive.
        opening_seconds: before these, to start and to open networks and photographs that were not open yet.
    """

    passes: int
    seconds: float
    network_seconds: float
    peak_mib: float
    here: bool = True
    opening_seconds: float = 0.0


class Store:
    """A folder of outcomes; any number of processes may read it while one writes.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file()

    def path(self, key: str) -> Path:
        """Where the outcome of a part lies, or will."""
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def __iter__(self) -> Iterator[str]:
        """The keys of all outcomes there are."""
        yield from (path.name.removesuffix(SUFFIX) for path in sorted(self.folder.glob(f"??/*{SUFFIX}")))

    def write(self, key: str, content: bytes, made: Made) -> None:
        """Keep an outcome, as :func:`encode` gives it."""
        header = json.dumps({"sha256": hashlib.sha256(content).hexdigest(), **asdict(made)})
        write_atomically(self.path(key), header.encode() + b"\n" + content)

    def made(self, key: str) -> Made:
        """The facts of an outcome's making.

        Raises:
            DamagedError: the file is not what was written.
        """
        return self._header(key)[1]

    def digest(self, key: str) -> str:
        """SHA-256 of an outcome's bytes, as its file says it.

        Raises:
            DamagedError: the file is not what was written.
        """
        return self._header(key)[0]

    def content(self, key: str) -> bytes:
        """An outcome's bytes, checked by their hash.

        Raises:
            DamagedError: the file is not what was written.
        """
        with self._opened(key) as file:
            return self.parse(file.read(), str(self.path(key)))[0]

    @staticmethod
    def parse(file: bytes, name: str) -> tuple[bytes, Made]:
        """The bytes of an outcome and the facts of its making, from those of its file.

        Args:
            file: its bytes.
            name: of it, for the message.

        Raises:
            DamagedError: the file is not what was written.
        """
        line, _, content = file.partition(b"\n")
        digest, made = _header(line, name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise DamagedError(f"{name} is damaged: its bytes are not those that were written")
        return content, made

    def read(self, key: str) -> Outcome:
        """An outcome.

        Raises:
            DamagedError: the file is not what was written.
        """
        return decode(self.content(key))

    def remove(self, key: str) -> None:
        """Forget an outcome."""
        self.path(key).unlink(missing_ok=True)

    def _header(self, key: str) -> tuple[str, Made]:
        with self._opened(key) as file:
            return _header(file.readline(), str(self.path(key)))

    def _opened(self, key: str) -> BufferedReader:
        try:
            return self.path(key).open("rb")
        except FileNotFoundError:
            raise DamagedError(f"{self.path(key)} is gone") from None


def encode(outcome: Outcome) -> bytes:
    """An outcome as bytes, the same ones for the same arrays."""
    out = BytesIO()
    np.savez(out, allow_pickle=False, **{name: np.asarray(array) for name, array in outcome.items()})
    return out.getvalue()


def decode(content: bytes) -> dict[str, NDArray[Any]]:
    """What :func:`encode` was given."""
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _header(line: bytes, name: str) -> tuple[str, Made]:
    try:
        facts = json.loads(line)
        return facts.pop("sha256"), Made(**facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedError(f"{name} is damaged: its first line is not what was written") from None


def check_room(folder: Path) -> None:
    """Make sure that outcomes can be kept before any is computed.

    Raises:
        RunError: the folder cannot be written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RunError(f"{folder}: {error.strerror}; outcomes are kept there, can it be written to?") from None
