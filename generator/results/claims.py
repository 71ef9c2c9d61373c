"""What an answer claims, the rule by which a measure confirms or refutes it, and the verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
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


Reference = Annotated[str, AfterValidator(_reference)]
"""EXPERIMENT/METRIC."""


class Claim(Strict):
    """A sentence of an answer that can be right or wrong, and how that is decided."""

    says: str = Field(description="what the answer claims, in its own words")
    measured: str = Field("", description="what was measured to find out, for the reader")
    metric: Reference | None = Field(None, description="EXPERIMENT/METRIC, the number that decides")
    also: dict[str, Reference] = Field(
        {},
        description="the same measure under other settings, by what these are called, like “60 iterations”; "
        "where one of them says otherwise, the claim is qualified",
    )
    confirmed: Bound | None = Field(None, description='the claim is confirmed where this holds, like "> 1.5"')
    refuted: Bound | None = Field(None, description='the claim is refuted where this holds, like "< 1"')
    afterwards: bool = Field(False, description="whether the bounds were set after the measure was seen")
    see: str | None = Field(None, description="EXPERIMENT/FIGURE that shows it")
    unmeasured: str = Field("", description="why it was not measured, instead of a metric")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rule = (self.metric, self.confirmed, self.refuted, self.measured or None)
        if self.unmeasured:
            if any((*rule, self.also, self.afterwards)):
                raise ValueError(
                    "unmeasured excludes measured, metric, also, confirmed, refuted and afterwards; "
                    "remove one or the other"
                )
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

    @property
    def references(self) -> dict[tuple[str, ...], str]:
        """EXPERIMENT/METRIC of all its measures, by the keys under which each stands."""
        also: dict[tuple[str, ...], str] = {("also", setting): reference for setting, reference in self.also.items()}
        return ({("metric",): self.metric} if self.metric else {}) | also


@dataclass(frozen=True)
class Other:
    """The measure of a claim under another setting, and what it says by itself.

    Attributes:
        setting: what it is called, for the reader.
        metric: the measure.
        verdict: one of ``VERDICTS``.
    """

    setting: str
    metric: Metric
    verdict: str


@dataclass(frozen=True)
class Verdict:
    """A claim and what the measure says of it.

    Attributes:
        claim: it.
        metric: the measure; None where there is none.
        verdict: one of ``VERDICTS``.
        others: the measure under other settings.
    """

    claim: Claim
    metric: Metric | None
    verdict: str
    others: tuple[Other, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The numbers of its rule: where it begins to be confirmed, where it begins to be refuted."""
        return _parsed(self.claim.confirmed or "> 0")[1], _parsed(self.claim.refuted or "< 0")[1]

    @property
    def margin(self) -> float | None:
        """How far the measure is from another verdict, in half widths of its interval; None without an interval.

        It is the shortest way that the interval would have to be moved, whatever other settings say.
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
        }[_alone(self.claim, self.metric)]
        return 2 * min(ways) / (high - low)

    @property
    def needed(self) -> int | None:
        """About how many samples the measure would need to decide, if it stayed where it is and varied as much.

        None where it decides already, or has no interval; 0 where it lies between the bounds, so that no number would.
        An interval is as wide as the square root of the samples is small.
        """
        metric, claim = self.metric, self.claim
        if metric is None or metric.interval is None or metric.samples is None or not claim.confirmed:
            return None
        if _alone(claim, metric) != QUALIFIED:
            return None
        low, high = metric.interval
        beyond = max(
            abs(metric.value - bound) if _holds(rule, metric.value) else 0.0
            for rule, bound in zip((claim.confirmed, claim.refuted or ""), self.bounds, strict=True)
        )
        return math.ceil(metric.samples * ((high - low) / 2 / beyond) ** 2) if beyond else 0

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


def judge(claim: Claim, metrics: Mapping[str, Metric]) -> Verdict:
    """Apply a claim's rule to its metric, and to the same metric under other settings.

    A bound holds where the whole confidence interval respects it; an interval that straddles a bound
    leaves the claim qualified, and so does an estimate of too few values for an interval, or another setting
    under which the rule comes to something else.

    Args:
        claim: the claim.
        metrics: by EXPERIMENT/METRIC; a claim whose own is not there is not measured.
    """
    metric = metrics.get(claim.metric or "")
    if metric is None:
        return Verdict(claim, None, UNMEASURED)
    others = tuple(
        Other(setting, metrics[reference], _alone(claim, metrics[reference]))
        for setting, reference in claim.also.items()
        if reference in metrics
    )
    verdicts = {_alone(claim, metric), *(other.verdict for other in others)}
    return Verdict(claim, metric, verdicts.pop() if len(verdicts) == 1 else QUALIFIED, others)


def _alone(claim: Claim, metric: Metric) -> str:
    """What the rule comes to with one measure."""
    values = metric.interval or (metric.value,)
    if metric.samples is not None and metric.interval is None:
        return QUALIFIED
    for bound, verdict in ((claim.confirmed, CONFIRMED), (claim.refuted, REFUTED)):
        if bound and all(_holds(bound, value) for value in values):
            return verdict
    return QUALIFIED


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
