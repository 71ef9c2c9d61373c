"""The film of a dream."""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.images import to_bytes
from generator.vision.dream import DreamRule, dream
from generator.vision.inside import at_depth
from generator.vision.layers import layers


def film(given: Given, *, depth: float, **rule: Any) -> Outcome:
    """A photograph on its way to exciting a layer.

    Args:
        given: the network and the photograph.
        depth: of the layer; see :func:`~generator.vision.inside.at_depth`.
        rule: see :class:`~generator.vision.dream.DreamRule`.

    Returns:
        ``frames``: uint8 (1 + iterations, H, W, 3), the photograph first; ``scores``: mean square of the layer before
        each iteration; ``layer``: its number, from 1, and of how many.
    """
    network = given.network
    layer, image = at_depth(network, depth), network.normalise([given.photograph])[0]
    frames, scores = dream(network, layer, image, DreamRule(**rule), seed=given.own_seed)
    found = layers(network)
    return {
        "frames": np.stack([to_bytes(network.pixels(frame)) for frame in frames]),
        "scores": np.array(scores),
        "layer": np.array([1 + found.index(layer), len(found)]),
    }
