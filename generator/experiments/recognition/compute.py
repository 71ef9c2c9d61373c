"""One image, grown from a noise of its own, before the eyes of its network and of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.experiments.shared.judges import judged
from generator.images import to_bytes
from generator.vision.ascent import Climb, Rule, ascend, noise
from generator.vision.gradients import ask


def grow(given: Given, *, target: int, trial: int, show: tuple[int, ...], **rule: Any) -> Outcome:
    """Raise the score of a class from noise, and ask all networks on the way.

    Args:
        given: the network that grows it, and those that are asked.
        target: index of the class.
        trial: which of the class's images; each starts from another noise.
        show: iterations at which they look at it, rising; they look at the noise too.
        rule: see :class:`~generator.vision.ascent.Rule`.

    Returns:
        ``image``: as it is saved after the last of them, uint8 (H, W, 3); for the noise and each of ``show``,
        ``own``: probability of the target by the network that grows it, in per cent, float32 (N);
        and what :func:`~generator.experiments.shared.judges.judged` says of the others' view.
    """
    network, *judges = given.networks
    seed = int(np.random.SeedSequence((given.seed, target, trial)).generate_state(1)[0])
    climb = Climb(noise(network, seed), target, seed, snapshots=frozenset((0, *show)))
    summit = ascend(network, climb, Rule(**rule))
    images = [to_bytes(network.pixels(image)) for image in summit.snapshots.values()]
    own = ask(network, images, target).probability
    return {"image": images[-1], "own": own, **judged(judges, images, target)}
