"""Maps against regions: how much of a map lies in a region, and which region a map points at.

A map is float (H, W), its values at least 0; a region is bool (H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import gaussian
from skimage.measure import label, regionprops
from skimage.segmentation import random_walker
from skimage.transform import resize as resample
from skimage.transform import resize_local_mean

from generator.images import Box, Pixels, resize

Map = NDArray[np.float32]
Region = NDArray[np.bool_]


def points_at(values: Map, region: Region) -> bool:
    """Whether a map's maximum lies in a region.

    The pointing game of Zhang et al. 2016, « Top-down Neural Attention by Excitation Backprop », without
    their tolerance of 15 pixels.
    """
    return bool(region.flat[values.argmax()])


def energy(values: Map, region: Region) -> float:
    """Share of a map's sum that lies in a region.

    The energy-based pointing game of Wang et al. 2020, « Score-CAM ». By chance it is the region's share
    of the area; that is also what a map of nothing but zeros is given.
    """
    whole = values.sum(dtype=np.float64)
    return float(values[region].sum(dtype=np.float64) / whole if whole else region.mean())


def coverage(values: Map, region: Region) -> NDArray[np.float64]:
    """Share of a region covered by the k highest pixels of a map, for k from 0 to all, float (H × W + 1)."""
    falling = np.argsort(-values, axis=None, kind="stable")
    return np.concatenate([[0.0], region.flat[falling].cumsum() / region.sum()])


def smooth(values: Map, sigma: float) -> Map:
    """A map blurred by a Gaussian of ``sigma`` pixels, so that a grain of points becomes a place."""
    blurred: Map = gaussian(values, sigma, mode="nearest")
    return blurred


def box_around(values: Map, threshold: float) -> Box:
    """The box around the largest connected place where a map exceeds a share of its maximum.

    Zhou et al. 2016, « Learning Deep Features for Discriminative Localization », section 3.2. Where nothing
    exceeds it, the box is around the maximum; the whole image, if the map is the same everywhere.
    """
    height, width = values.shape
    above = values > threshold * values.max()
    places = regionprops(label(above if above.any() else values == values.max()))
    top, left, bottom, right = max(places, key=lambda place: float(place.area)).bbox
    return left / width, top / height, right / width, bottom / height


def grown(pixels: Pixels, values: Map, *, object_share: float, background_share: float) -> Region:
    """The region that looks like where a map is high rather than like where it is low.

    Simonyan et al. 2013, section 3.2: the highest pixels are object, the lowest background, and the
    colours decide on the others. The paper cuts a graph between colour models; here it is the random
    walker of Grady 2006, whose borders follow those of the image. It walks at half the size, because its
    time grows much faster than the number of pixels.

    Args:
        pixels: the image, uint8 (H, H, 3).
        values: its map, float (H, H).
        object_share: share of the pixels, from the highest down, that are taken for object.
        background_share: share of the pixels, from the lowest up, that are taken for background.
    """
    side = len(values) // 2
    small = resize_local_mean(values, (side, side))
    seeds = np.zeros((side, side), dtype=np.int64)
    seeds[small >= np.quantile(small, 1 - object_share)] = 1
    seeds[small <= np.quantile(small, background_share)] = 2
    region: Region = resample(_walked(resize(pixels, side) / 255, seeds) == 1, values.shape, order=0)
    return region


def _walked(pixels: NDArray[np.float64], seeds: NDArray[np.int64]) -> NDArray[np.int64]:
    """What every pixel becomes that is not sown, 0 in the seeds."""
    if seeds.all():
        return seeds
    # Probabilities a little outside [0, 1] are nothing to warn of: only which one is the largest counts.
    steps: dict[str, Any] = {"mode": "cg_j", "tol": 1e-5, "prob_tol": 1}
    if pixels.min() == pixels.max():
        # No colour decides: the walker, who divides by their spread, goes every way alike.
        labels: NDArray[np.int64] = random_walker(seeds.astype(np.float64), seeds, beta=0, **steps)
    else:
        labels = random_walker(pixels, seeds, channel_axis=-1, **steps)
    return labels


def overlap(one: Region, other: Region) -> float:
    """Intersection over union (IoU) of two regions."""
    return float((one & other).sum() / (one | other).sum())


def box_overlap(one: Box, other: Box) -> float:
    """Intersection over union (IoU) of two boxes."""
    width = max(min(one[2], other[2]) - max(one[0], other[0]), 0)
    height = max(min(one[3], other[3]) - max(one[1], other[1]), 0)
    areas = ((right - left) * (bottom - top) for left, top, right, bottom in (one, other))
    return width * height / (sum(areas) - width * height)


def best_overlap(box: Box, boxes: Sequence[Box]) -> float:
    """IoU of a box with the annotated one it fits best, or with the envelope of all if it fits that better."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    envelope = (min(lefts), min(tops), max(rights), max(bottoms))
    return max(box_overlap(box, other) for other in (*boxes, envelope))
