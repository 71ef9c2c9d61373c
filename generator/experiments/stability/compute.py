"""A photograph's maps before and after each change, and how alike they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from generator.errors import LabError
from generator.experiments.given import Given, Outcome
from generator.experiments.stability.likeness import likeness
from generator.images import Pixels, shift
from generator.vision.gradients import explained, smoothgrad

SMALLEST_MAP = 3
"""Side, in pixels, of the smallest maps that a structural similarity can be told of."""


def compare(  # noqa: PLR0913  # settings of a part, all named
    given: Given,
    *,
    target: int,
    changes: tuple[tuple[str, float], ...],
    blur: float,
    spread: float,
    samples: int,
    kept: tuple[int, ...],
) -> Outcome:
    """The maps of a photograph against those of the changed photograph, each by three methods.

    Maps are compared in the photograph's own place, without the edge that the largest shift loses.

    Args:
        given: the network and the photograph.
        target: index of the class to explain.
        changes: kind and size of each; see :class:`~generator.experiments.stability.Change`.
        blur: standard deviation of the blur of the blurred map, in pixels.
        spread: see :func:`~generator.vision.gradients.smoothgrad`.
        samples: likewise.
        kept: places of the views, and of their maps, that are wanted as they are; 0 is the photograph itself.

    Returns:
        ``likeness``: by method, that of the maps after each change, float64 (methods, changes, 2);
        ``unchanged``: by method, the photograph's own map without its edge, float32 (methods, h, w);
        ``answers``: class of the highest score of each view, int64 (1 + changes);
        ``views``: those that are kept, uint8 (N, H, W, 3); ``maps``: theirs, float32 (methods, N, H, W).

    Raises:
        LabError: the shifts leave too little to compare.
    """
    network, random = given.network, np.random.default_rng(given.own_seed)
    moves = [0, *(int(size) if kind == "shift" else 0 for kind, size in changes)]
    edge, most = max(moves), (network.size - SMALLEST_MAP) // 2
    if edge > most:
        raise LabError(
            f"shifts: {edge} leaves too little to compare of an image of {network.size} pixels; "
            f"give shifts: up to {most}"
        )
    views = [given.photograph, *(changed(given.photograph, kind, size, random) for kind, size in changes)]
    scores, plain = zip(*(explained(network, view, target) for view in views), strict=True)
    maps = np.stack(
        [
            plain,
            [gaussian_filter(values, blur) for values in plain],
            [
                # No two maps share a noise.
                smoothgrad(network, view, target, spread=spread, samples=samples, seed=int(random.integers(1 << 31)))
                for view in views
            ],
        ]
    )

    def inside(values: NDArray[np.float32], right: int) -> NDArray[np.float32]:
        """A map in its own place again, without the edge that some of them have lost."""
        return shift(values, -right)[edge:-edge, edge:-edge]

    inner = [[inside(*both) for both in zip(by_method, moves, strict=True)] for by_method in maps]
    return {
        "likeness": np.stack([likeness(first, others) for first, *others in inner]),
        "unchanged": np.stack([first for first, *_ in inner]),
        "answers": np.array([one.argmax() for one in scores]),
        "views": np.array([views[place] for place in kept], dtype=np.uint8),
        "maps": maps[:, list(kept)],
    }


def changed(pixels: Pixels, kind: str, size: float, random: np.random.Generator) -> Pixels:
    """A changed photograph, again rounded to 8 bits; see :class:`~generator.experiments.stability.Change`."""
    if kind == "shift":
        return shift(pixels, int(size))
    if kind == "noise":
        values: NDArray[np.floating] = pixels + size * random.standard_normal(pixels.shape)
    else:
        values = pixels * (1 + size / 100)
    return values.round().clip(0, 255).astype(np.uint8)
