"""What an answer claims, the rule by which a measure confirms or refutes it, and the verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from generator.language import NBSP, Language
from generator.results.artefacts import YES_NO, Metric
from generator.schema import Strict

_BOUND = re.compile(r"(?P<sign><=|>=|<|>)\s*(?P<value>-?\d+(?:\.\d+)?)")
_SIGNS = {"<": "&lt;", ">": "&gt;", "<=": "≤", ">=": "≥"}  # in HTML, as numbers are
CONFIRMED, QUALIFIED, REFUTED, UNMEASURED = "confirmed", "qualified", "refuted", "unmeasured"
VERDICTS = (CONFIRMED, QUALIFIED, REFUTED, UNMEASURED)


def _bound(given: str) -> str:
    if not _BOUND.fullmatch(given.strip()):
        raise ValueError(f'found "{given}", should be a comparison with a number, like "> 1.5"')
    return given.strip()


Bound = Annotated[str, AfterValidator(_bound)]
"""A comparison of a metric with a number: ``> 1.5``."""


def _reference(given: str) -> str:
    if given.count("/") != 1:
        raise ValueError(f'found "{given}", should be EXPERIMENT/METRIC')
    return given


class Claim(Strict):
    """A sentence of an answer that can be right or wrong, and how that is decided."""

    says: str = Field(description="what the answer claims, in its own words")
    measured: str = Field("", description="what was measured to find out, for the reader")
    metric: Annotated[str, AfterValidator(_reference)] | None = Field(
        None, description="EXPERIMENT/METRIC, the number that decides"
    )
    confirmed: Bound | None = Field(None, description='the claim is confirmed where this holds, like "> 1.5"')
    refuted: Bound | None = Field(None, description='the claim is refuted where this holds, like "< 1"')
    see: str | None = Field(None, description="EXPERIMENT/FIGURE that shows it")
    unmeasured: str = Field("", description="why it was not measured, instead of a metric")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rule = (self.metric, self.confirmed, self.refuted, self.measured or None)
        if self.unmeasured:
            if any(rule):
                raise ValueError("unmeasured excludes measured, metric, confirmed and refuted; remove one or the other")
        elif not all(rule):
            raise ValueError("needs measured, metric, confirmed and refuted; or unmeasured with the reason")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.confirmed and self.refuted:
            (sign, limit), (other_sign, other) = _parsed(self.confirmed), _parsed(self.refuted)
            rises = sign[0] == ">"
            if rises == (other_sign[0] == ">") or (limit < other if rises else limit > other):
                raise ValueError(
                    f"confirmed {self.confirmed} and refuted {self.refuted} overlap; they should point apart, "
                    'like "> 1.5" and "< 1"'
                )
        return self

    @property
    def experiment(self) -> str:
        """Name of the experiment that measures it; empty if none does."""
        return (self.metric or "").partition("/")[0]


@dataclass(frozen=True)
class Verdict:
    """A claim and what the measure says of it.

    Attributes:
        claim: it.
        metric: the measure; None where there is none.
        verdict: one of ``VERDICTS``.
    """

    claim: Claim
    metric: Metric | None
    verdict: str

    @property
    def bounds(self) -> tuple[float, float]:
        """The numbers of its rule: where it begins to be confirmed, where it begins to be refuted."""
        return _parsed(self.claim.confirmed or "> 0")[1], _parsed(self.claim.refuted or "< 0")[1]

    @property
    def margin(self) -> float | None:
        """How far the measure is from another verdict, in half widths of its interval; None without an interval.

        It is the shortest way that the interval would have to be moved.
        """
        if self.metric is None or self.metric.interval is None or not self.claim.confirmed:
            return None
        low, high = self.metric.interval
        if low == high:
            return None
        rises = _parsed(self.claim.confirmed)[0][0] == ">"
        # Seen so that more is always better.
        worst, best = (low, high) if rises else (-high, -low)
        confirmed, refuted = (bound if rises else -bound for bound in self.bounds)
        ways = {
            CONFIRMED: [worst - confirmed],
            REFUTED: [refuted - best],
            QUALIFIED: [confirmed - worst, best - refuted],
        }[self.verdict]
        return 2 * min(ways) / (high - low)

    def rule(self, language: Language) -> str:
        """The rule in words."""
        confirmed, refuted = self.claim.confirmed, self.claim.refuted
        if not confirmed or not refuted:
            return ""
        unit = self.metric.unit if self.metric else ""
        return language.say(
            "claim.decides",
            confirmed=_in_words(confirmed, unit, language),
            refuted=_in_words(refuted, unit, language),
        )


def judge(claim: Claim, metric: Metric | None) -> Verdict:
    """Apply a claim's rule to its metric.

    A bound holds where the whole confidence interval respects it; an interval that straddles a bound
    leaves the claim qualified, and so does an estimate of too few values for an interval.

    Args:
        claim: the claim.
        metric: the one it names; None for a claim that is not measured.
    """
    if metric is None or not claim.confirmed or not claim.refuted:
        return Verdict(claim, None, UNMEASURED)
    values = metric.interval or (metric.value,)
    if metric.samples is not None and metric.interval is None:
        verdict = QUALIFIED
    elif all(_holds(claim.confirmed, value) for value in values):
        verdict = CONFIRMED
    elif all(_holds(claim.refuted, value) for value in values):
        verdict = REFUTED
    else:
        verdict = QUALIFIED
    return Verdict(claim, metric, verdict)


def _parsed(bound: str) -> tuple[str, float]:
    match = _BOUND.fullmatch(bound)
    if match is None:
        raise ValueError(bound)
    return match["sign"], float(match["value"])


def _holds(bound: str, value: float) -> bool:
    sign, limit = _parsed(bound)
    return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[sign]


def _in_words(bound: str, unit: str, language: Language) -> str:
    sign, limit = _parsed(bound)
    if unit == YES_NO:
        return language.say("claim.yes" if sign[0] == ">" else "claim.no")
    return f"{_SIGNS[sign]}{NBSP}{language.number(limit)}" + (NBSP + unit if unit else "")
