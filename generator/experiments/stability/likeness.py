"""How alike two maps are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.statistics import of_highest, rank_correlations
from generator.vision.perception import similarity


def likeness(first: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Rank correlation and structural similarity (Wang et al. 2004) of a map with others, (others, 2).

    For the structural similarity each map is divided by its maximum. The correlation is nan where one of the two maps
    is the same everywhere.
    """
    alike = [similarity(of_highest(first), of_highest(other), brightest=1) for other in others]
    return np.stack([rank_correlations([first, *others])[0, 1:], alike], axis=1)
