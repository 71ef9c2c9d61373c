"""One photograph towards one class, until the picture of 8 bits fools, and what its change looks like."""

from __future__ import annotations

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.images import change_of, to_bytes
from generator.vision import perception, transforms
from generator.vision.ascent import Climb, Rule, ascend


def spectrum_of(given: Given) -> Outcome:
    """``spectrum``: of the photograph; see :func:`generator.vision.perception.spectrum`."""
    return {"spectrum": perception.spectrum(given.photograph / np.float32(255))}


def fool_saved(given: Given, *, target: int, step: float, iterations: int, clamp: bool) -> Outcome:
    """A photograph changed until the network sees the target in it as a file holds it.

    Returns:
        ``saved``: the picture, uint8 (H, W, 3); ``steps``, ``reached``: see
        :class:`~generator.vision.ascent.Summit`; ``spectrum``: of what it adds to the photograph; and how far it is
        from the photograph, by the names of :class:`~generator.vision.perception.Difference`.
    """
    network = given.network
    view = transforms.saved_view(network)
    rule = Rule(iterations, step, unit_gradient=True, view=view, clamp=clamp, stop_at_target=True)
    summit = ascend(network, Climb(network.normalise([given.photograph])[0], target), rule)
    saved = to_bytes(network.pixels(summit.image))
    return {
        "saved": saved,
        "steps": np.array(summit.steps),
        "reached": np.array(summit.reached),
        "spectrum": perception.spectrum(change_of(saved, given.photograph)),
        **perception.measured(given.photograph, saved),
    }
