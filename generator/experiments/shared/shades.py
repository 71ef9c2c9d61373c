"""Values -> pictures: pixel values, their changes and maps as what an image file holds, and what its shades mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.images import Pixels, to_bytes
from generator.results.artefacts import Scale


def around_grey(change: NDArray[np.float32]) -> Pixels:
    """Signed changes of pixel values -> a picture whose middle grey means « no change »."""
    return to_bytes(0.5 + change)


def grey_scale(times: float) -> Scale:
    """Which changes of pixel values in [0, 1] black and white mean in ``around_grey(times * change)``."""
    return Scale(palette="grey", low=-0.5 / times, high=0.5 / times)


def heat(values: NDArray[np.float32]) -> Pixels:
    """Values of [0, 1], (H, W) -> the « hot » colour map: black, red, yellow, white."""
    from matplotlib import colormaps  # takes longer to import than a lab to read

    coloured: NDArray[np.uint8] = colormaps["hot"](values, bytes=True)
    return coloured[..., :3]


def heat_scale(high: float | np.floating[Any]) -> Scale:
    """What black and white mean in ``heat(values / high)``."""
    return Scale(palette="hot", low=0, high=float(high))


def capped(values: NDArray[np.float32]) -> Pixels:
    """A map, (H, W), shown so that few bright pixels do not leave the rest black.

    As Smilkov et al. (2017, section 3) show theirs: what exceeds the 99th percentile is white.
    """
    return heat((values / (_white(values) or 1)).clip(0, 1))


def capped_scale(values: NDArray[np.float32]) -> Scale:
    """What black and white mean in ``capped(values)``."""
    return heat_scale(_white(values))


def _white(values: NDArray[np.float32]) -> float:
    # Of a map that is zero almost everywhere, the percentile is zero too.
    return float(np.percentile(values, 99) or values.max())
