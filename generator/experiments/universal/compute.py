"""One change grown on some photographs, and what two networks answer where it and a random one are added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.experiments.given import Given, Outcome
from generator.images import to_bytes
from generator.vision.gradients import answers
from generator.vision.universal import by_chance, grow, in_pixels


def grow_and_judge(given: Given, *, made_on: int, radius: float, **rule: Any) -> Outcome:
    """A change, and the answers of two networks.

    Args:
        given: the network it is grown on and another one; the photographs it is grown on, and those it is judged on.
        made_on: how many it is grown on.
        radius: see :func:`generator.vision.universal.grow`.
        rule: likewise.

    Returns:
        ``change``, ``random``: what is added to pixel values, float32 (H, W, 3); ``clean``, ``seen``, ``control``: the
        class that each network names, int64 (2, photographs), in the photographs, with the change, with the random
        one. The photographs that it is grown on come first.
    """
    network = given.network
    change = in_pixels(network, grow(network, given.photographs[:made_on], radius=radius, **rule))
    random = in_pixels(network, by_chance(network, radius, given.own_seed))

    def asked(change: NDArray[np.float32] | np.float32) -> NDArray[np.int64]:
        pictures = [to_bytes(change + pixels.astype(np.float32) / np.float32(255)) for pixels in given.photographs]
        return np.stack([answers(eye, pictures) for eye in given.networks])

    return {
        "change": change,
        "random": random,
        "clean": asked(np.float32(0)),
        "seen": asked(change),
        "control": asked(random),
    }
