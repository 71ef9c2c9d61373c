"""Tasks that parts of several kinds are computed by."""

from __future__ import annotations

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.images import shift, to_bytes
from generator.vision import gradients
from generator.vision.ascent import Climb, Rule, ascend

FILMED = frozenset((*range(20), *range(20, 1000, 10)))
"""Iterations whose image becomes a frame of a fooling image's film: all at first, when most images arrive."""


def saliency_map(given: Given, *, target: int, right: int) -> Outcome:
    """The last network's saliency map of a photograph; see :func:`generator.experiments.shared.maps.map_part`.

    Returns:
        ``values``: the map, not rescaled, float32 (H, W); ``scores``: those of all classes, float32 (classes).
    """
    scores, values = gradients.explained(given.networks[-1], shift(given.photograph, right), target)
    return {"values": shift(values, -right), "scores": scores}


def fool(given: Given, *, target: int, step: float, iterations: int, clamp: bool) -> Outcome:
    """A photograph changed until the network sees the target (Szegedy et al. 2013).

    Returns:
        ``image``: where it ended, pixel values, float32 (H, W, 3);
        ``steps``, ``reached``, ``scores``: see :class:`~generator.vision.ascent.Summit`;
        ``frames``: uint8 (N, H, W, 3), the images after the iterations ``filmed``;
        ``chances``: probabilities of the classes for the photograph and for the image as saved, float32 (2, classes).
    """
    network = given.network
    rule = Rule(iterations, step, unit_gradient=True, clamp=clamp, stop_at_target=True)
    summit = ascend(network, Climb(network.normalise([given.photograph])[0], target, snapshots=FILMED), rule)
    image = network.pixels(summit.image)
    chances = gradients.probabilities(network.scorer, network.normalise([given.photograph, to_bytes(image)]))
    return {
        "image": image,
        "steps": np.array(summit.steps),
        "reached": np.array(summit.reached),
        "scores": np.array(summit.scores),
        "filmed": np.array(list(summit.snapshots), dtype=np.int64),
        "frames": np.stack([to_bytes(network.pixels(frame)) for frame in summit.snapshots.values()]),
        "chances": chances,
    }
