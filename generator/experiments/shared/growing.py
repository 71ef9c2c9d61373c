"""Tasks of the kinds whose images several networks make together."""

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
from generator.vision.views import glimpse


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
        See :func:`judged`.
    """
    network, makers = given.network, given.networks[:-1]
    if naturalness:
        makers = tuple(natural(maker, usual(maker, given.photographs), naturalness) for maker in makers)
    basis, opening = colours(given.photographs, network.channels), None if iris is None else Iris(*iris)
    canvas = partial(Fourier, basis, iris=opening)
    through = Rule(view=glimpse(degrees, nearest, furthest, tint), canvas=canvas, **rule)
    climb = Climb(start * ascent.noise(network, given.seed), target, given.seed)
    return judged(given, ascend(together(makers), climb, through).image)


def judged(given: Given, image: Tensor) -> Outcome:
    """Ask what an image shows, as it is saved.

    Args:
        given: the network that it was made for, or the first of those, and as the last one the network that judges.
        image: as the first network sees it, (3, H, W).

    Returns:
        ``image``: pixel values, float32 (H, W, 3); ``answer``: the class that its own network names first; ``judged``:
        the other one's probabilities, float32 (classes).
    """
    values = given.network.pixels(image)
    own, judged = (
        probabilities(network.scorer, network.normalise([to_bytes(values)]))[0]
        for network in (given.network, given.networks[-1])
    )
    return {"image": values, "answer": np.array(own.argmax()), "judged": judged}
