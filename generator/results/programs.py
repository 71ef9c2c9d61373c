"""What lies on disk of the networks that readers may try: a file of arrays for each."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = "programs"
"""In the folder of results."""


@dataclass(frozen=True)
class NetworkProgram:
    """A network that a reader's browser can run, or why it cannot.

    Attributes:
        refused: why not; empty if it can.
        description: of its operations; see ``generator.vision.engine.program.Stored``.
        weights: the bytes that its arrays are places in.
        size: side of an input image, in pixels.
        mean, std: of the normalisation, one for each channel.
        scores: for each photograph that was tried, the largest difference of a score relative to the largest one.
        ranks: likewise, rank correlation of the saliency maps.
        same: likewise, whether the first class is the same.
    """

    refused: str
    description: dict[str, Any]
    weights: bytes
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scores: NDArray[np.float64]
    ranks: NDArray[np.float64]
    same: NDArray[np.bool_]


def program_file(build: Path, network: str) -> Path:
    """Where the program of a network lies, or will."""
    return build / FOLDER / f"{network}.npz"


def read_program(build: Path, network: str) -> NetworkProgram | None:
    """The program of a network; None if there is none."""
    try:
        with np.load(program_file(build, network), allow_pickle=False) as found:
            arrays = dict(found)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None  # make site writes it again
    refused = arrays["refused"].tobytes().decode()
    if refused:
        nothing = np.empty(0)
        return NetworkProgram(refused, {}, b"", 0, (), (), nothing, nothing, nothing.astype(bool))
    return NetworkProgram(
        refused,
        json.loads(arrays["description"].tobytes()),
        arrays["weights"].tobytes(),
        int(arrays["size"]),
        tuple(arrays["mean"].tolist()),
        tuple(arrays["std"].tolist()),
        arrays["scores"],
        arrays["ranks"],
        arrays["same"],
    )
