"""One photograph, pushed towards its own class before the eyes of its network and of others, and how far it goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.experiments.shared.judges import judged
from generator.images import to_bytes
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.gradients import ask
from generator.vision.perception import similarity


def push(
    given: Given, *, target: int, penalty: str | None, weight: float, show: tuple[int, ...], **rule: Any
) -> Outcome:
    """Raise the score of a photograph's class, and look at it on the way.

    Args:
        given: the network that changes it, and those that are asked; the photograph.
        target: its class.
        penalty: a name in ``PENALTIES``, or None.
        weight: its factor.
        show: iterations to look at, rising; it stops after the last one. The photograph is looked at too.
        rule: see :class:`~generator.vision.ascent.Rule`.

    Returns:
        ``image``: as it is saved after the last of them, uint8 (H, W, 3); for the photograph and each of ``show``,
        ``own``: probability of the class by the network that changes it, in per cent, float32 (N);
        ``distance``: from the photograph, root mean square over pixels in [0, 1], float64 (N); ``similarity``: to the
        photograph (SSIM, Wang et al. 2004), 1: the same, float64 (N); and what
        :func:`~generator.experiments.shared.judges.judged` says of the others' view.
    """
    network, *judges = given.networks
    photograph = given.photograph
    climb = Climb(
        network.normalise([photograph])[0], target, given.seed, penalty, weight, frozenset(show), last=show[-1]
    )
    summit = ascend(network, climb, Rule(**rule))
    images = [photograph, *(to_bytes(network.pixels(image)) for image in summit.snapshots.values())]
    changes = [(image.astype(np.float64) - photograph) / 255 for image in images]
    return {
        "image": images[-1],
        "own": ask(network, images, target).probability,
        "distance": np.array([np.sqrt(np.square(change).mean()) for change in changes]),
        "similarity": np.array([similarity(photograph, image, brightest=255) for image in images]),
        **judged(judges, images, target),
    }
