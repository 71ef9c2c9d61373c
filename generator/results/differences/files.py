"""Pictures by their pixels, arrays by their values."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.errors import LabError, first_line
from generator.results.differences.found import ArrayChange, PictureChange

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
"""What Pillow and numpy raise at files that are not whole."""


def compare_pictures(before: Path, after: Path) -> PictureChange | None:
    """Compare two pictures pixel by pixel, charts (SVG) byte by byte; None if they look the same.

    Raises:
        LabError: one of them is missing or damaged.
    """
    if before.suffix == ".svg":
        same = read_bytes(before) == read_bytes(after)
        return None if same else PictureChange(file=after.name, status="changed")
    old, new = read_pixels(before), read_pixels(after)
    if old.shape != new.shape:
        sizes = (old.shape[1], old.shape[0]), (new.shape[1], new.shape[0])
        return PictureChange(file=after.name, status="changed", sizes=sizes)
    apart = np.abs(new.astype(np.int16) - old).max(axis=2)
    if not apart.any():
        return None
    return PictureChange(
        file=after.name,
        status="changed",
        pixels=int(np.count_nonzero(apart)),
        of=apart.size,
        largest=int(apart.max()),
    )


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Pixels of a picture, uint8 (H, W, 4): red, green, blue, opacity.

    Raises:
        LabError: it is missing or damaged.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGBA"))
    except FileNotFoundError:
        raise LabError(_missing(path)) from None
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise LabError(f"{path}: is damaged ({first_line(error)}); run make site there again") from None


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file, by name.

    Raises:
        LabError: it is missing or damaged.
    """
    try:
        with np.load(BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            return dict(arrays)
    except (*_DAMAGED, AttributeError) as error:
        raise LabError(f"{path}: is damaged ({first_line(error)}); run make site there again") from None


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that a manifest names.

    Raises:
        LabError: it is missing.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise LabError(_missing(path)) from None


def _missing(path: Path) -> str:
    return f"{path}: is missing, though the manifest beside it names it; run make site there again"


def compare_arrays(name: str, before: NDArray[Any], after: NDArray[Any]) -> ArrayChange | None:
    """Compare values; two that are no number are alike."""
    if before.shape != after.shape:
        return ArrayChange(name=name, status="changed", shapes=(before.shape, after.shape))
    numbers = all(array.dtype.kind in "biufc" for array in (before, after))
    differ = before != after
    if numbers:
        differ &= ~(np.isnan(before) & np.isnan(after))
    if not differ.any():
        return None
    largest = None
    if numbers:
        wide = np.complex128 if "c" in before.dtype.kind + after.dtype.kind else np.float64
        apart = float(np.abs(after[differ].astype(wide) - before[differ].astype(wide)).max())
        largest = apart if np.isfinite(apart) else None
    return ArrayChange(
        name=name, status="changed", values=int(np.count_nonzero(differ)), of=before.size, largest=largest
    )
