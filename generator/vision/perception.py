"""What a change of an image looks like: how far it is seen, and how its detail is spread over frequencies."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from generator.images import Pixels

UNSEEN = 1.0
"""ΔE*ab (CIE 1976) below which an observer notices no difference (Mokrzycki & Tatol 2011)."""
JUST_NOTICEABLE = 2.3
"""ΔE*ab (CIE 1976) of a just noticeable difference (Mahy, Van Eycken & Oosterlinck 1994)."""


@dataclass(frozen=True)
class Difference:
    """How far two pictures differ.

    Attributes:
        l2: Euclidean norm of the change, pixels in [0, 1].
        linf: the largest change of a value, pixels in [0, 1].
        psnr: peak signal-to-noise ratio, in decibels; infinite for equal pictures.
        ssim: structural similarity (Wang et al. 2004), 1 for equal pictures.
        delta_e: mean over the pixels of the colour difference CIE 1976, ΔE*ab.
        delta_e_high: what 99 % of the pixels stay below, likewise.
        delta_e00: mean over the pixels of the colour difference CIEDE2000.
        delta_e00_high: what 99 % of the pixels stay below, likewise.
    """

    l2: float
    linf: float
    psnr: float
    ssim: float
    delta_e: float
    delta_e_high: float
    delta_e00: float
    delta_e00_high: float


MEASURES = tuple(field.name for field in fields(Difference))
"""Names of the measures of a difference."""


def difference(before: Pixels, after: Pixels) -> Difference:
    """Compare two pictures, uint8 (H, W, 3)."""
    change = (after.astype(np.float64) - before) / 255
    colours = rgb2lab(before), rgb2lab(after)
    delta_e, delta_e00 = deltaE_cie76(*colours), deltaE_ciede2000(*colours)
    return Difference(
        l2=float(np.linalg.norm(change)),
        linf=float(np.abs(change).max()),
        psnr=float(peak_signal_noise_ratio(before, after)) if change.any() else math.inf,
        ssim=similarity(before, after, brightest=255),
        delta_e=float(delta_e.mean()),
        delta_e_high=float(np.percentile(delta_e, 99)),
        delta_e00=float(delta_e00.mean()),
        delta_e00_high=float(np.percentile(delta_e00, 99)),
    )


def measured(before: Pixels, after: Pixels) -> dict[str, NDArray[np.float64]]:
    """The same as arrays, by their ``MEASURES``."""
    return {name: np.array(value) for name, value in asdict(difference(before, after)).items()}


def similarity(one: NDArray[Any], other: NDArray[Any], *, brightest: float) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures (H, W, 3) or maps (H, W), of values up to ``brightest``.

    The window and the variances are the paper's (section III.C); in pictures of less than 11 pixels the
    window is as large as fits.
    """
    side = min(one.shape[:2])
    value = structural_similarity(
        one,
        other,
        win_size=min(11, side - 1 + side % 2),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=brightest,
        channel_axis=2 if one.ndim > 2 else None,
    )
    return float(value)


def spectrum(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power of a square picture or change, (H, H, C), at 1, 2 … H/2 - 1 cycles per image.

    The mean over all directions, summed over the channels. A Hann window hides the borders, whose
    jump from one side to the other would count as detail. What is the same everywhere has no power at all.
    """
    side = len(values)
    if (values == values[0, 0]).all():  # but for the rounding of its mean
        return np.zeros(side // 2 - 1)
    window = np.outer(np.hanning(side), np.hanning(side))[..., None]
    power = (np.abs(np.fft.fft2((values - values.mean(axis=(0, 1))) * window, axes=(0, 1))) ** 2).sum(axis=2)
    cycles = np.fft.fftfreq(side, 1 / side)
    ring = np.hypot(cycles[:, None], cycles[None, :]).round().astype(int)
    mean: NDArray[np.float64] = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    return mean[1 : side // 2]


def exponent(power: NDArray[np.float64]) -> float:
    """The α of a spectrum that falls like 1 / f^α: about 2 for photographs (Field 1987), 0 for white noise.

    A line is fitted to the logarithms, every octave weighing the same; below 4 cycles per image the
    window, not the image, makes the spectrum. Pictures below 12 pixels have but their last two frequencies.
    Where a frequency has no power at all, as in a picture of one colour, there is no such number: nan.
    """
    first = min(3, len(power) - 2)
    if not power[first:].all():
        return math.nan
    cycles = np.arange(1, len(power) + 1)[first:]
    slope, _ = np.polyfit(np.log(cycles), np.log(power[first:]), 1, w=1 / np.sqrt(cycles))
    return -float(slope)
