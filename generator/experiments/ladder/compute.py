"""One image of the ladder, and what two networks see in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from generator.experiments.given import Given, Outcome
from generator.images import to_bytes
from generator.vision import ascent
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.fourier import Fourier, Iris, colours
from generator.vision.gradients import probabilities
from generator.vision.natural import natural, usual
from generator.vision.together import together
from generator.vision.views import glimpse, wobble


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
    return _judged(given, ascend(network, climb, through).image)


def grow_together(  # noqa: PLR0913  # settings of a part, all named
    given: Given,
    *,
    target: int,
    start: float,
    degrees: float,
    nearest: float,
    furthest: float,
    tint: float,
    naturalness: float,
    iris: Sequence[float] | None,
    **rule: Any,
) -> Outcome:
    """Grow a class as a spectrum, for several networks together, from glimpses of it.

    Args:
        given: the networks that make it, and as the last one the network that judges; the photographs whose colours
            go together, and whose insides it shall have.
        target: index of the class.
        start: factor of the noise that it starts from.
        degrees: see :func:`~generator.vision.views.glimpse`.
        nearest: likewise.
        furthest: likewise.
        tint: likewise.
        naturalness: weight of what the layers find unlike photographs; see :func:`~generator.vision.natural.natural`.
        iris: see :class:`~generator.vision.fourier.Iris`; None for none.
        rule: see :class:`~generator.vision.ascent.Rule`; its step is Adam's rate.

    Returns:
        As :func:`grow`; its own network is the first one.
    """
    network, makers = given.network, given.networks[:-1]
    if naturalness:
        makers = tuple(natural(maker, usual(maker, given.photographs), naturalness) for maker in makers)
    basis, opening = colours(given.photographs, network.channels), None if iris is None else Iris(*iris)
    canvas = partial(Fourier, basis, iris=opening)
    through = Rule(view=glimpse(degrees, nearest, furthest, tint), canvas=canvas, **rule)
    climb = Climb(start * ascent.noise(network, given.seed), target, given.seed)
    return _judged(given, ascend(together(makers), climb, through).image)


def _judged(given: Given, image: Tensor) -> Outcome:
    values = given.network.pixels(image)
    own, judged = (
        probabilities(network.scorer, network.normalise([to_bytes(values)]))[0]
        for network in (given.network, given.networks[-1])
    )
    return {"image": values, "answer": np.array(own.argmax()), "judged": judged}
