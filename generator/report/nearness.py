"""How near a verdict was to another one, as a drawing: a measure's interval on a line, and the bounds of its rule."""

from __future__ import annotations

from dataclasses import dataclass

from generator.results.claims import Verdict

EDGE = 0.08
"""What the line goes on beyond all that is on it, as a share of its length."""


@dataclass(frozen=True)
class Line:
    """Places on a line that is 0 to 100 long.

    Attributes:
        low, high: ends of the interval; of a measure without one, where it is.
        value: the measure.
        confirmed, refuted: where each verdict begins.
        rises: whether more confirms, so that the line is confirmed on its right.
    """

    low: float
    high: float
    value: float
    confirmed: float
    refuted: float
    rises: bool


def line(verdict: Verdict) -> Line | None:
    """The line of a verdict; None where nothing was measured."""
    if verdict.metric is None:
        return None
    value, (confirmed, refuted) = verdict.metric.value, verdict.bounds
    low, high = verdict.metric.interval or (value, value)
    first, last = min(low, confirmed, refuted), max(high, confirmed, refuted)
    beyond = EDGE * (last - first) or 1.0

    def place(number: float) -> float:
        return round(100 * (number - first + beyond) / (last - first + 2 * beyond), 1)

    rises = (verdict.claim.confirmed or "").startswith(">")
    return Line(place(low), place(high), place(value), place(confirmed), place(refuted), rises)
