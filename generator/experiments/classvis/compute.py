"""One image, grown towards one class."""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.images import to_bytes
from generator.vision import gradients
from generator.vision.ascent import Climb, Rule, ascend, noise


def grow(  # noqa: PLR0913  # settings of a part, all named
    given: Given,
    *,
    target: int,
    penalty: str | None,
    weight: float,
    show: tuple[int, ...],
    film: tuple[int, ...],
    **rule: Any,
) -> Outcome:
    """Raise s_y(x) minus a penalty by gradient ascent (Simonyan et al. 2013, section 2).

    Args:
        given: the network, and the photograph to start from; standard normal noise if there is none.
        target: index of the class.
        penalty: a name in ``PENALTIES``, or None.
        weight: its factor.
        show: iterations whose images are wanted as they are, rising; it stops after the last one.
        film: iterations whose images are wanted as frames.
        rule: see :class:`~generator.vision.ascent.Rule`.

    Returns:
        ``images``: those of ``show``, pixel values, float32 (N, H, W, 3); ``frames``: those of ``film``, uint8
        (M, H, W, 3); ``scores``: raw score of the target before each step; ``chances``: probability of the target
        for the images of ``show`` as they are saved, float32 (N).
    """
    network = given.network
    start = network.normalise([given.photograph])[0] if given.photographs else noise(network, given.seed)
    climb = Climb(start, target, given.seed, penalty, weight, frozenset(show).union(film), last=show[-1])
    summit = ascend(network, climb, Rule(**rule))
    images = np.stack([network.pixels(summit.snapshots[iteration]) for iteration in show])
    # One by one: what comes of an image does not depend on how many are shown.
    chances = [gradients.probabilities(network.scorer, network.normalise([to_bytes(image)])) for image in images]
    return {
        "images": images,
        "frames": np.stack([to_bytes(network.pixels(summit.snapshots[iteration])) for iteration in film]),
        "scores": np.array(summit.scores),
        "chances": np.concatenate(chances)[:, target],
    }
