"""The maps of a photograph, what is left of them when it changes, and what they are good for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.experiments.given import Given, Outcome
from generator.images import Pixels, shift
from generator.statistics import rank_correlations
from generator.vision.attribution import Care, Map, attributions, ends, replaced
from generator.vision.regions import box_around, grown, smooth

BLUR, THRESHOLD, OBJECT, BACKGROUND = 8, 0.2, 0.05, 0.3
"""How a box and a mask are drawn from a map: as in « detection », whose defaults these are; σ for an image of 224."""


def look(given: Given, *, target: int, **care: Any) -> Outcome:
    """``maps``: those of the photograph by the last network, in their order, float32 (methods, H, W)."""
    found = attributions(given.networks[-1], given.photograph, target, Care(**care), seed=given.own_seed)
    return {"maps": np.stack([*found.values()])}


def measure(given: Given, *, target: int, right: int, noise: float, levels: int, **care: Any) -> Outcome:
    """The maps of a photograph and what comes of them, by method; the control is the last one.

    Args:
        given: the network and the photograph.
        target: index of the class to explain.
        right: by how many pixels the photograph is moved.
        noise: standard deviation of the noise, in grey levels.
        levels: see :func:`~generator.vision.attribution.replaced`.
        care: see :class:`~generator.vision.attribution.Care`.

    Returns:
        ``maps``: float32 (rivals, H, W); ``shift``, ``noise``: rank correlation with the map of the changed
        photograph, float64 (rivals), nan where one says nothing; ``boxes``, ``masks``: drawn from each map, float64
        (rivals, 4) and bool (rivals, H, W); ``curves``: float64 (rivals, 2, levels + 1), the probability of the class
        while the most salient pixels are taken away, and while they come.
    """
    network, photograph = given.network, given.photograph
    random = np.random.default_rng(given.own_seed)

    def maps_of(pixels: Pixels) -> dict[str, Map]:
        seed = int(random.integers(1 << 31))  # no two maps share a noise
        return {**attributions(network, pixels, target, Care(**care), seed=seed), "centre": middle(network.size)}

    noisy = (photograph + noise * random.standard_normal(photograph.shape)).round().clip(0, 255).astype(np.uint8)
    plain, moved, grainy = maps_of(photograph), maps_of(shift(photograph, right)), maps_of(noisy)
    first, grey, blurred = ends(network, photograph, target)
    sigma = BLUR * network.size / 224
    blurry = [smooth(values, sigma) for values in plain.values()]
    return {
        "maps": np.stack([*plain.values()]),
        "shift": alike(plain, {rival: shift(values, -right) for rival, values in moved.items()}, right),
        "noise": alike(plain, grainy, 0),
        "boxes": np.array([box_around(values, THRESHOLD) for values in blurry]),
        "masks": np.stack(
            [grown(photograph, values, object_share=OBJECT, background_share=BACKGROUND) for values in blurry]
        ),
        "curves": np.stack(
            [
                [[first, *deletion, grey], [blurred, *insertion, first]]
                for deletion, insertion in (
                    replaced(network, photograph, values, target, levels) for values in plain.values()
                )
            ]
        ),
    }


def middle(side: int) -> Map:
    """A map that knows nothing of the image but that photographers put objects in the middle."""
    offsets = np.linspace(-1, 1, side, dtype=np.float32)
    return 2 - offsets**2 - offsets[:, None] ** 2


def alike(some: Mapping[str, Map], others: Mapping[str, Map], edge: int) -> NDArray[np.float64]:
    """Rank correlation of each map with its counterpart, without an edge of the image."""
    kept = slice(edge, -edge or None)
    pairs = ((some[rival][kept, kept], others[rival][kept, kept]) for rival in some)
    return np.array([rank_correlations(pair)[0, 1] for pair in pairs])
