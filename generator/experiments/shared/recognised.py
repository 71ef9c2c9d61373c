"""How well images of known classes are recognised: by the network that they were made for, and by a judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.statistics import PER_CENT, Estimate, mean, share

SERIES = ("own", "first", "probability")
"""What is measured: how many images the network they were made for names first, how many the judge does, and how
probable the judge finds the target; each has its words under ``together.series``."""


def recognised(
    targets: Sequence[int], answers: Sequence[int], chances: Sequence[NDArray[np.floating]]
) -> dict[str, Estimate]:
    """The three series of some images, in per cent.

    Args:
        targets: the class of each image.
        answers: the class that its own network names first.
        chances: the probabilities that the judge gives all classes, (classes) each.
    """
    judged = list(zip(targets, chances, strict=True))
    return {
        "own": share([answer == target for target, answer in zip(targets, answers, strict=True)]),
        "first": share([int(chance.argmax()) == target for target, chance in judged]),
        "probability": mean([100 * float(chance[target]) for target, chance in judged], PER_CENT),
    }
