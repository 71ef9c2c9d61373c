"""Estimates with their intervals, so that no number pretends to be surer than its sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
PER_CENT = (0.0, 100.0)
"""Bounds of a percentage of a whole."""
ANY = (-math.inf, math.inf)
"""Of a number that may be any."""


@dataclass(frozen=True)
class Estimate:
    """A number estimated from a sample.

    Attributes:
        value: the estimate.
        low, high: bounds of its 95 % confidence interval; both are the value where it has none.
        samples: size of the sample.
    """

    value: float
    low: float
    high: float
    samples: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its bounds; None where too little is known for any."""
        return (self.low, self.high) if self.low < self.high else None


def mean(values: Sequence[float] | NDArray[np.floating], within: tuple[float, float] = ANY) -> Estimate:
    """Mean of a sample of independent values, with Student's interval (1908).

    Unlike a percentile bootstrap's, it knows how little a few values say: two are worth nearly nothing. Values that
    belong together (several of one image, say) are averaged before, or the interval is too narrow.

    Args:
        values: at least one.
        within: bounds that no value can leave, like ``PER_CENT``; the interval does not leave them either.

    Returns:
        The estimate; without an interval (see :class:`Estimate`) if there is one value only, or all are alike: what
        they would vary by is not known then.
    """
    from scipy.special import stdtrit  # takes longer to import than most labs to read

    sample = np.asarray(values, dtype=np.float64)
    count, value = len(sample), float(sample.mean())
    if count < 2 or np.ptp(sample) <= 1e-12 * abs(value):
        return Estimate(value, value, value, count)
    reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * sample.std(ddof=1) / math.sqrt(count))
    return _estimate(value, max(value - reach, within[0]), min(value + reach, within[1]), count)


def geometric_mean(values: NDArray[np.floating]) -> Estimate:
    """Geometric mean of a sample of positive values, for what differs by factors; else like :func:`mean`."""
    logarithm = mean(np.log(values))
    with np.errstate(over="ignore"):
        low, middle, high = (float(np.exp(bound)) for bound in (logarithm.low, logarithm.value, logarithm.high))
    if not math.isfinite(high):  # of two values far apart, nothing is known
        low = high = middle
    return Estimate(middle, low, high, logarithm.samples)


def share(successes: Sequence[bool] | NDArray[np.bool_]) -> Estimate:
    """Percentage of independent trials that succeeded, with its Wilson score interval (1927).

    It has a width even where all trials came out alike.

    Args:
        successes: the outcome of each trial, at least one.

    Returns:
        The estimate in per cent.
    """
    return rate([float(success) for success in successes])


def rate(rates: Sequence[float]) -> Estimate:
    """Percentage of success, given the rate of each independent unit, with its Wilson score interval.

    A unit may have been tried several times: its rate varies at most as much as a single trial would,
    so the interval is wide enough.

    Args:
        rates: of each unit, in [0, 1]; at least one.

    Returns:
        The estimate in per cent.
    """
    from statistics import NormalDist  # of the standard library, in spite of this module's name

    count, value = len(rates), float(np.mean(rates))
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (value + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * math.sqrt(value * (1 - value) / count + z**2 / (4 * count**2))
    return _estimate(100 * value, 100 * max(middle - reach, 0), 100 * min(middle + reach, 1), count)


def _estimate(value: float, low: float, high: float, samples: int) -> Estimate:
    # Rounding can put a bound on the wrong side of the value, where no error bar can be drawn.
    return Estimate(value, min(low, value), max(high, value), samples)


def rank_correlations(samples: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Spearman's rank correlation of each sample with each.

    Args:
        samples: N of them, of one shape; a map counts as the values of its pixels.

    Returns:
        A symmetric matrix (N, N) of values from -1 to 1; nan for a sample that has one value only.
    """
    from scipy.stats import rankdata  # takes longer to import than a lab to read

    ranks = [rankdata(sample) for sample in samples]
    with np.errstate(invalid="ignore"):
        correlations: NDArray[np.float64] = np.corrcoef(ranks)
    return correlations


def of_highest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values >= 0 as shares of the highest; nothing but zeros stays as it is."""
    return values / (values.max() or np.float32(1))
