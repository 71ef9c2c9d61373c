"""One photograph, fooled by one attack, and the class seen after each handling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.experiments.given import Given, Outcome
from generator.images import Pixels, to_bytes
from generator.vision import gradients, perception, transforms
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.handlings import HANDLINGS, handled
from generator.vision.opening import Network


def intact(given: Given) -> Outcome:
    """``seen``: the class seen in the photograph after each of ``HANDLINGS``, int64."""
    return {"seen": _seen(given.network, given.photograph)}


def attacked(  # noqa: PLR0913  # settings of a part, all named
    given: Given, *, target: int, step: float, iterations: int, clamp: bool, radius: float | None, views: int
) -> Outcome:
    """A photograph changed towards a class, and what is seen of it afterwards.

    Args:
        given: the network and the photograph.
        target: index of the class.
        step: L2 norm of each step, in normalised space.
        iterations: at most so many steps.
        clamp: keep pixels valid after each step.
        radius: how far it may go; None stops it as soon as the target is reached.
        views: how many random handlings each step looks through; none if 0.

    Returns:
        ``saved``: the picture, uint8 (H, W, 3); ``seen``: the class after each of ``HANDLINGS``, int64; and how far it
        is from the photograph, by the names of :class:`~generator.vision.perception.Difference`.
    """
    network = given.network
    rule = Rule(
        iterations,
        step,
        unit_gradient=True,
        clamp=clamp,
        stop_at_target=radius is None,
        radius=radius,
        view=transforms.handling_view(network) if views else None,
        views=max(views, 1),
    )
    climb = Climb(network.normalise([given.photograph])[0], target, seed=given.own_seed)
    saved = to_bytes(network.pixels(ascend(network, climb, rule).image))
    return {"saved": saved, "seen": _seen(network, saved), **perception.measured(given.photograph, saved)}


def _seen(network: Network, pixels: Pixels) -> NDArray[np.int64]:
    return gradients.answers(network, (handled(pixels, handling) for handling in HANDLINGS))
