"""What the gradient foretells of a photograph's score, and what becomes of it."""

from __future__ import annotations

from generator.experiments.given import Given, Outcome
from generator.vision.gradients import score_changes


def foretell(given: Given, *, target: int, levels: tuple[float, ...], random: int) -> Outcome:
    """Follow the score of a photograph along its gradient, both ways, and in random directions.

    Args:
        given: the network and the photograph.
        target: index of the class whose score is followed.
        levels: sizes of the change, root mean square over all values, in grey levels of 255.
        random: number of random directions.

    Returns:
        ``foretold`` and ``actual`` changes of the raw score, float32 (2 + random, levels); see
        :func:`~generator.vision.gradients.score_changes`.
    """
    network = given.network
    foretold, actual = score_changes(
        network,
        given.photograph,
        target,
        lengths=[level / 255 * network.size * network.channels**0.5 for level in levels],
        random=random,
        seed=given.own_seed,
    )
    return {"foretold": foretold, "actual": actual}
