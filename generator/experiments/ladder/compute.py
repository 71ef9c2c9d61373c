"""One image of the ladder, and what two networks see in it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from generator.experiments.given import Given, Outcome
from generator.images import to_bytes
from generator.vision import ascent
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.fourier import Fourier, colours
from generator.vision.gradients import probabilities
from generator.vision.views import wobble


def grow(given: Given, *, target: int, penalty: str | None, weight: float, **rule: Any) -> Outcome:
    """Grow a class from noise, in pixels.

    Args:
        given: the network it is made for, and the one that judges.
        target: index of the class.
        penalty: a name in ``PENALTIES``, or None.
        weight: its factor.
        rule: see :class:`~generator.vision.ascent.Rule`.

    Returns:
        ``image``: pixel values, float32 (H, W, 3); of it as it is saved, ``answer``: the class that its own network
        names first; ``judged``: the other one's probabilities, float32 (classes).
    """
    start = ascent.noise(given.network, given.seed)
    return _judged(given, ascend(given.network, Climb(start, target, given.seed, penalty, weight), Rule(**rule)).image)


def grow_spectrum(given: Given, *, target: int, noise: float, degrees: float, zoom: float, **rule: Any) -> Outcome:
    """Grow a class as a spectrum of decorrelated colours, seen at random angles and scales (Olah et al. 2017).

    Args:
        given: the networks, as in :func:`grow`, and the photographs whose colours go together.
        target: index of the class.
        noise: factor of the noise that it starts from.
        degrees: see :func:`~generator.vision.views.wobble`.
        zoom: likewise.
        rule: see :class:`~generator.vision.ascent.Rule`; its step is Adam's rate.

    Returns:
        As :func:`grow`.
    """
    network = given.network
    start = noise * ascent.noise(network, given.seed)
    canvas = partial(Fourier, colours(given.photographs, network.channels))
    through = Rule(view=wobble(degrees, zoom), canvas=canvas, **rule)
    return _judged(given, ascend(network, Climb(start, target, given.seed), through).image)


def _judged(given: Given, image: Tensor) -> Outcome:
    values = given.network.pixels(image)
    own, judged = (
        probabilities(network.scorer, network.normalise([to_bytes(values)]))[0] for network in given.networks
    )
    return {"image": values, "answer": np.array(own.argmax()), "judged": judged}
