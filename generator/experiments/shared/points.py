"""A chart that several kinds draw: points with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generator.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def points(
    axes: Axes,
    places: NDArray[np.floating],
    estimates: Sequence[Estimate],
    *,
    across: bool = False,
    **style: Any,
) -> None:
    """Draw estimates with their intervals.

    Args:
        axes: to draw on.
        places: of each estimate on the other axis.
        estimates: as many.
        across: the estimates lie on the horizontal axis.
        style: further keywords of :meth:`matplotlib.axes.Axes.errorbar`.
    """
    values, low, high = np.array([(one.value, one.low, one.high) for one in estimates]).T
    lengths = [values - low, high - values]
    if across:
        axes.errorbar(values, places, xerr=lengths, marker="o", capsize=3, **style)
    else:
        axes.errorbar(places, values, yerr=lengths, marker="o", capsize=3, **style)
