"""Estimates with their intervals, so that no number pretends to be surer than its sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A number estimated from a sample.

    Attributes:
        value: the estimate.
        low, high: bounds of its 95 % confidence interval.
        samples: size of the sample.
    """

    value: float
    low: float
    high: float
    samples: int


def mean(values: Sequence[float] | NDArray[np.floating]) -> Estimate:
    """Mean of a sample of independent values, with its bootstrap interval.

    Percentile bootstrap (Efron 1979) of 2,000 resamples, always the same ones. Values that belong
    together (several of one image, say) are averaged before, or the interval is too narrow.

    Args:
        values: at least one.
    """
    sample = np.asarray(values, dtype=np.float64)
    chosen = np.random.default_rng(0).integers(len(sample), size=(RESAMPLES, len(sample)))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(sample[chosen].mean(axis=1), [tail, 100 - tail])
    return _estimate(float(sample.mean()), float(low), float(high), len(sample))


def geometric_mean(values: NDArray[np.floating]) -> Estimate:
    """Geometric mean of a sample of positive values, for what differs by factors; else like :func:`mean`."""
    logarithm = mean(np.log(values))
    low, middle, high = (float(np.exp(bound)) for bound in (logarithm.low, logarithm.value, logarithm.high))
    return Estimate(middle, low, high, logarithm.samples)


def share(successes: Sequence[bool] | NDArray[np.bool_]) -> Estimate:
    """Percentage of independent trials that succeeded, with its Wilson score interval (1927).

    Unlike the bootstrap's, it has a width even where all trials came out alike.

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
        A symmetric matrix (N, N) of values from -1 to 1.
    """
    from scipy.stats import rankdata  # takes longer to import than a lab to read

    ranks = [rankdata(sample) for sample in samples]
    correlations: NDArray[np.float64] = np.corrcoef(ranks)
    return correlations
