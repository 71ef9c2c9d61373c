"""One image of the ladder's first rungs, and what two networks see in it."""

from __future__ import annotations

from functools import partial
from typing import Any

from generator.experiments.given import Given, Outcome
from generator.experiments.shared.growing import judged
from generator.vision import ascent
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.fourier import Fourier, colours
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
        See :func:`~generator.experiments.shared.growing.judged`.
    """
    start = ascent.noise(given.network, given.seed)
    return judged(given, ascend(given.network, Climb(start, target, given.seed, penalty, weight), Rule(**rule)).image)


def grow_spectrum(given: Given, *, target: int, start: float, degrees: float, zoom: float, **rule: Any) -> Outcome:
    """Grow a class as a spectrum of decorrelated colours, seen at random angles and scales (Olah et al. 2017).

    Args:
        given: the networks, as in :func:`grow`, and the photographs whose colours go together.
        target: index of the class.
        start: factor of the noise that it starts from.
        degrees: see :func:`~generator.vision.views.wobble`.
        zoom: likewise.
        rule: see :class:`~generator.vision.ascent.Rule`; its step is Adam's rate.

    Returns:
        As :func:`grow`.
    """
    network = given.network
    canvas = partial(Fourier, colours(given.photographs, network.channels))
    through = Rule(view=wobble(degrees, zoom), canvas=canvas, **rule)
    climb = Climb(start * ascent.noise(network, given.seed), target, given.seed)
    return judged(given, ascend(network, climb, through).image)
