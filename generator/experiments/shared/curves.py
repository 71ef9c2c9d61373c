"""What the charts of several kinds have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from numpy.typing import NDArray

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    Values = Sequence[float] | NDArray[np.floating]


def with_band(  # noqa: PLR0913  # the sides of a curve, all named
    axes: Axes, across: Values | range, middle: Values, *, low: Values, high: Values, colour: str, label: str
) -> None:
    """A curve through points, in a band that says how sure or how common its values are."""
    axes.plot(across, middle, "o-", color=colour, label=label, markersize=4)
    axes.fill_between(across, low, high, color=colour, alpha=0.2, linewidth=0)
