"""A box and a mask, drawn from a photograph's saliency map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.experiments.given import Given, Outcome
from generator.vision.gradients import explained
from generator.vision.regions import box_around, grown, smooth


def draw(  # noqa: PLR0913  # settings of a part, all named
    given: Given, *, target: int, blur: float, threshold: float, object_share: float, background_share: float
) -> Outcome:
    """What can be drawn from the saliency map of a photograph.

    Args:
        given: the network and the photograph.
        target: index of the class to explain.
        blur: standard deviation of the Gaussian that smooths the map, in pixels.
        threshold: share of its maximum above which it is object.
        object_share: see :func:`~generator.vision.regions.grown`.
        background_share: likewise.

    Returns:
        ``smooth``: the blurred map, float32 (H, W); ``box``: drawn from it, float64 (4); ``mask``: grown from it, bool
        (H, W); ``centred``: grown from the middle of the image, whatever the map says, likewise.
    """
    _, values = explained(given.network, given.photograph, target)
    blurred = smooth(values, blur)

    def mask(seeds: NDArray[np.float32]) -> NDArray[np.bool_]:
        return grown(given.photograph, seeds, object_share=object_share, background_share=background_share)

    return {
        "smooth": blurred,
        "box": np.array(box_around(blurred, threshold)),
        "mask": mask(blurred),
        "centred": mask(_nearness_to_the_centre(len(blurred))),
    }


def _nearness_to_the_centre(side: int) -> NDArray[np.float32]:
    """A map that knows nothing of the image but that photographers put objects in the middle."""
    offsets = np.linspace(-1, 1, side, dtype=np.float32)
    return 2 - offsets**2 - offsets[:, None] ** 2
