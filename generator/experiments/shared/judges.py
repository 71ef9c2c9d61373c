"""What networks that had no part in images see in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generator.experiments.given import Outcome
from generator.images import Pixels
from generator.vision.gradients import ask
from generator.vision.opening import Network


def judged(judges: Sequence[Network], images: Sequence[Pixels], target: int) -> Outcome:
    """Ask each of some networks what images show, as they are saved.

    Args:
        judges: the networks.
        images: N RGB images, uint8 (H, W, 3) each.
        target: the class they should show.

    Returns:
        ``chances``: of all classes, float32 (judges, N, classes); ``others``: the probability of the target by each,
        in per cent, float32 (judges, N); ``other``: their mean, float32 (N); ``rank``: of the target, 1 for the first
        class, int64 (judges, N).
    """
    opinions = [ask(judge, images, target) for judge in judges]
    others = np.stack([opinion.probability for opinion in opinions])
    return {
        "chances": np.stack([opinion.chances for opinion in opinions]),
        "others": others,
        "other": others.mean(axis=0),
        "rank": np.stack([opinion.rank for opinion in opinions]),
    }
