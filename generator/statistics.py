"""Estimates with their intervals, so that no number pretends to be surer than its sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


def mean(values: Sequence[float]) -> Estimate:
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
    return Estimate(float(sample.mean()), float(low), float(high), len(sample))


def share(successes: Sequence[bool]) -> Estimate:
    """Percentage of independent trials that succeeded, with its Wilson score interval (1927).

    Unlike the bootstrap's, it has a width even where all trials came out alike.

    Args:
        successes: the outcome of each trial, at least one.

    Returns:
        The estimate in per cent.
    """
    from scipy.stats import binomtest  # takes longer to import than a lab to read

    interval = binomtest(int(np.sum(successes)), len(successes)).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(100 * float(np.mean(successes)), 100 * interval.low, 100 * interval.high, len(successes))
