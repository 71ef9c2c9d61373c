"""One photograph under one attack."""

from __future__ import annotations

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.experiments.shared.tasks import fool
from generator.images import to_bytes
from generator.vision import attacks, gradients


def runner_up(given: Given, *, step: float, iterations: int, clamp: bool) -> Outcome:
    """The lab's own method towards the class that is second before; see :func:`.fool`."""
    chances = gradients.probabilities(given.network.scorer, given.network.normalise([given.photograph]))[0]
    second = int(chances.argsort()[::-1][1])
    return fool(given, target=second, step=step, iterations=iterations, clamp=clamp)


def literature(given: Given, *, method: str, radii: tuple[float, ...]) -> Outcome:
    """An attack of the literature; see :func:`generator.vision.attacks.attack`.

    Returns:
        ``image``, ``fooled``, ``gradients``, ``queries``: see :class:`~generator.vision.attacks.Attempt`;
        ``saved_fools``: whether the image still fools as it is saved.
    """
    network = given.network
    attempt = attacks.attack(network, given.photograph, method, radii=radii, seed=given.own_seed)
    return {
        "image": attempt.image,
        "fooled": np.array(attempt.fooled),
        "saved_fools": np.array(gradients.answers(network, [to_bytes(attempt.image)])[0] != attempt.answer),
        "gradients": np.array(attempt.gradients),
        "queries": np.array(attempt.queries),
    }
