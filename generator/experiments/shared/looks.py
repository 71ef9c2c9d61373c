"""How an image looks: its colour, its contrast and its grain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.images import Pixels

LOOKS = ("chroma", "contrast", "grain")
"""What is measured on how an image looks: see :func:`looks`."""


def looks(pixels: Pixels, neutral: Sequence[float]) -> NDArray[np.float64]:
    """Colour, contrast and grain of an image, in CIELAB: see ``LOOKS``.

    Mean chroma C*; standard deviation of the lightness L*; mean absolute difference of L* between
    neighbouring pixels. Chroma counts from a neutral of one's choice: the mean grey of a training set
    has a tint of its own, and an image of nothing else is as dull as can be.

    Args:
        pixels: RGB values, uint8 (H, W, 3).
        neutral: RGB values in [0, 1] of the grey without chroma.

    Returns:
        Its ``LOOKS``, float64 (3,).
    """
    from skimage.color import rgb2lab  # takes longer to import than a lab to read

    values = rgb2lab(pixels)
    red_green, yellow_blue = (values - rgb2lab(np.array(neutral)))[..., 1:].transpose(2, 0, 1)
    lightness = values[..., 0]
    steps = [np.abs(np.diff(lightness, axis=axis)).mean() for axis in (0, 1)]
    return np.array([np.hypot(red_green, yellow_blue).mean(), lightness.std(), np.mean(steps)])
