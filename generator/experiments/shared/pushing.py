"""Tasks of the kinds that push photographs towards their own class: an image, how it looks, what networks say."""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.experiments.shared.judges import judged
from generator.experiments.shared.looks import looks
from generator.experiments.shared.thirds import thirds
from generator.images import Pixels, to_bytes
from generator.vision.ascent import Climb, Rule, Summit, ascend


def look(given: Given, *, target: int) -> Outcome:
    """A photograph as it is; its outcome is that of :func:`push`."""
    return seen(given, given.photograph, target)


def push(given: Given, *, target: int, penalty: str, weight: float, **rule: Any) -> Outcome:
    """A photograph driven towards its own class (Simonyan et al. 2013, section 2).

    Args:
        given: the network that it is driven with, and those that are asked; the photograph.
        target: its class.
        penalty: a name in ``PENALTIES``.
        weight: its factor.
        rule: see :class:`~generator.vision.ascent.Rule`.

    Returns:
        As :func:`seen`, of the last image; ``earlier-looks``, ``earlier-recognised``: likewise after a third of the
        programme and after two, in that order.
    """
    how = Rule(**rule)
    stops = thirds(how.iterations).values()
    summit = climb(given, how, target=target, penalty=penalty, weight=weight, snapshots=frozenset(stops))
    last, *earlier = (
        seen(given, to_bytes(given.network.pixels(image)), target)
        for image in (summit.image, *(summit.snapshots[stop] for stop in stops))
    )
    return {
        **last,
        "earlier-looks": np.array([image["looks"] for image in earlier]),
        "earlier-recognised": np.array([image["recognised"] for image in earlier]),
    }


def climb(given: Given, rule: Rule, **goal: Any) -> Summit:
    """Drive the photograph towards a class, by random numbers of its own; the goal is a :class:`Climb`'s."""
    start = given.network.normalise([given.photograph])[0]
    return ascend(given.network, Climb(start, seed=given.own_seed, **goal), rule)


def seen(given: Given, pixels: Pixels, target: int) -> Outcome:
    """How an image looks, and what the networks say of it as it is saved.

    Returns:
        ``image``: uint8 (H, W, 3); ``looks``: see :func:`~generator.experiments.shared.looks.looks`; ``score``: raw
        score of the target by the first network; ``other``: its probability by the others, in per cent, in the mean;
        ``recognised``: whether all of these name it first.
    """
    network, *judges = given.networks
    view = judged(judges, [pixels], target)
    return {
        "image": pixels,
        "looks": looks(pixels, neutral=np.resize(network.mean.flatten().cpu(), 3).tolist()),
        "score": np.array(network.scorer(network.normalise([pixels]))[0, target].item()),
        "other": view["other"][0],
        "recognised": np.array((view["chances"].argmax(axis=-1) == target).all()),
    }
