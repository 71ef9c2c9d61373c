"""Verdicts: computed from a measure and a rule, able to come out either way."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from pydantic import ValidationError

from generator import statistics
from generator.language import NBSP
from generator.report.nearness import line
from generator.report.text import cell, interval
from generator.results.artefacts import Metric, Recorder, Table
from generator.results.claims import CONFIRMED, QUALIFIED, REFUTED, UNMEASURED, Claim, Verdict, judge
from generator.statistics import Estimate
from tests.conftest import FRENCH, Run

RULE = {"says": "toujours", "measured": "La part", "metric": "a/b", "confirmed": "> 1.5", "refuted": "<= 1"}


def metric(value: float, interval: tuple[float, float] | None = None) -> Metric:
    return Metric(name="b", label="Part", value=value, unit="%", interval=interval, samples=20 if interval else None)


def judged(claim: Claim, measured: Metric | None, **others: Metric) -> Verdict:
    """The verdict with a measure, and others of the same experiment under other settings."""
    measures = {f"a/{name}": one for name, one in others.items()}
    return judge(claim, measures | ({"a/b": measured} if measured else {}))


class TestRule:
    @pytest.mark.parametrize(
        ("measured", "verdict"),
        [
            (metric(1.6), CONFIRMED),
            (metric(1.5), QUALIFIED),
            (metric(1.2), QUALIFIED),
            (metric(1.0), REFUTED),
            (metric(2.0, (1.6, 2.5)), CONFIRMED),
            (metric(2.0, (1.4, 2.5)), QUALIFIED),
            (metric(0.5, (0.1, 0.9)), REFUTED),
            (metric(0.5, (0.1, 1.1)), QUALIFIED),
            (None, UNMEASURED),
        ],
    )
    def test_the_whole_interval_must_respect_a_bound(self, measured: Metric | None, verdict: str) -> None:
        assert judged(Claim.model_validate(RULE), measured).verdict == verdict

    def test_it_may_point_downwards(self) -> None:
        claim = Claim.model_validate(RULE | {"confirmed": "< 0.1", "refuted": ">= 0.3"})
        assert [judged(claim, metric(value)).verdict for value in (0.05, 0.2, 0.3)] == [CONFIRMED, QUALIFIED, REFUTED]

    def test_it_is_told_in_french(self) -> None:
        told = judged(Claim.model_validate(RULE), metric(1.6)).rule(FRENCH)
        assert told == "confirmé si &gt;~1,5~%, infirmé si ≤~1~%, sinon nuancé".replace("~", NBSP)

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"confirmed": "plus de 1.5"}, 'found "plus de 1.5", should be a comparison'),
            ({"refuted": "< 2"}, "overlap"),
            ({"refuted": "> 1"}, "overlap"),
            ({"refuted": None}, "needs measured, metric, confirmed and refuted"),
            ({"unmeasured": "Personne ne sait."}, "excludes"),
        ],
    )
    def test_one_that_cannot_decide_is_refused(self, change: dict[str, str], problem: str) -> None:
        with pytest.raises(ValidationError, match=re.escape(problem)):
            Claim.model_validate(RULE | change)


class TestMargin:
    """How far the interval is from another verdict, in its half widths."""

    @pytest.mark.parametrize(
        ("low", "high", "margin"),
        [
            (1.7, 2.1, 1.0),  # confirmed above 1.5, by 0.2
            (1.5, 1.5 + 1e-9, 0.0),
            (0.2, 0.6, 2.0),  # refuted below 1, by 0.4
            (1.4, 1.8, 0.5),  # 0.1 more would confirm it
            (0.8, 1.2, 1.0),  # 0.2 less would refute it
            (-7.0, 9.0, 1.0),
        ],
    )
    def test_is_the_shortest_way(self, low: float, high: float, margin: float) -> None:
        rises = Claim.model_validate(RULE)
        falls = Claim.model_validate(RULE | {"confirmed": "< -1.5", "refuted": ">= -1"})
        for claim, ends in ((rises, (low, high)), (falls, (-high, -low))):
            assert judged(claim, metric(sum(ends) / 2, ends)).margin == pytest.approx(margin, abs=1e-6)

    def test_there_is_none_without_an_interval(self) -> None:
        claim = Claim.model_validate(RULE)
        assert [judged(claim, one).margin for one in (None, metric(2.0), metric(2.0, (2.0, 2.0)))] == [None] * 3

    def test_is_drawn_as_it_is_counted(self) -> None:
        claim = Claim.model_validate(RULE)
        drawn = line(judged(claim, metric(1.5, (1.25, 1.75))))
        assert drawn is not None
        assert drawn.refuted < drawn.low < drawn.confirmed == drawn.value < drawn.high
        assert drawn.high - drawn.confirmed == pytest.approx(drawn.confirmed - drawn.low, abs=0.2)
        assert drawn.rises
        assert line(judged(claim, None)) is None
        falls = Claim.model_validate(RULE | {"confirmed": "< 1", "refuted": ">= 1"})
        drawn = line(judged(falls, metric(1.0)))
        assert drawn is not None
        assert not drawn.rises
        assert 0 < drawn.value == drawn.low == drawn.high == drawn.confirmed < 100


class TestOtherSettings:
    CLAIM = Claim.model_validate(RULE | {"also": {"60 itérations": "a/short", "240 itérations": "a/long"}})

    def test_a_verdict_stands_where_all_agree(self) -> None:
        told = judged(self.CLAIM, metric(2.0), short=metric(1.8), long=metric(9.0))
        assert told.verdict == CONFIRMED
        assert [(other.setting, other.metric.value) for other in told.others] == [
            ("60 itérations", 1.8),
            ("240 itérations", 9.0),
        ]

    @pytest.mark.parametrize(("other", "alone"), [(0.5, REFUTED), (1.2, QUALIFIED)])
    def test_a_claim_is_qualified_where_one_of_them_says_otherwise(self, other: float, alone: str) -> None:
        told = judged(self.CLAIM, metric(2.0), short=metric(other), long=metric(9.0))
        assert told.verdict == QUALIFIED
        assert [one.verdict for one in told.others] == [alone, CONFIRMED]

    def test_are_none_without_a_measure(self) -> None:
        without = {"says": "toujours", "unmeasured": "hors d’atteinte", "also": {"60 itérations": "a/b"}}
        with pytest.raises(ValidationError, match="unmeasured excludes measured, metric, also"):
            Claim.model_validate(without)


class TestNeeded:
    """How many samples would decide."""

    def test_as_many_as_make_the_interval_narrow_enough(self) -> None:
        claim = Claim.model_validate(RULE)
        # Above 1.5 by 0.1; the interval of 20 reaches 0.4: it must be four times narrower.
        assert judged(claim, metric(1.6, (1.2, 2.0))).needed == pytest.approx(20 * 4**2, abs=1)
        assert judged(claim, metric(0.8, (0.4, 1.2))).needed == pytest.approx(20 * 2**2, abs=1)  # below 1 by 0.2

    def test_no_number_decides_between_the_bounds(self) -> None:
        assert judged(Claim.model_validate(RULE), metric(1.25, (0.5, 2.0))).needed == 0

    def test_what_is_decided_or_has_no_interval_needs_none(self) -> None:
        claim = Claim.model_validate(RULE)
        for measured in (metric(2.0, (1.8, 2.2)), metric(0.5, (0.2, 0.8)), metric(1.2), None):
            assert judged(claim, measured).needed is None


class TestEstimates:
    def test_in_a_table_they_stay_numbers_until_a_page_writes_them(self) -> None:
        table = Table(name="a", caption="", columns=("part", "seul"), rows=((Estimate(45.04, 25.7, 66, 21), 3),))
        read = Table.model_validate_json(table.model_dump_json())
        assert read == table
        assert [cell(value, FRENCH) for value in read.rows[0]] == ["45 [25,7~;~66]".replace("~", NBSP), "3"]

    def test_what_is_no_number_has_no_place_in_one(self) -> None:
        with pytest.raises(ValidationError, match="finite number"):
            Table(name="a", caption="", columns=("part",), rows=((Estimate(0.5, float("nan"), 1, 3),),))

    @pytest.mark.parametrize("count", [2, 5, 40])
    def test_a_mean_s_interval_is_student_s(self, count: int) -> None:
        sample = np.random.default_rng(1).normal(size=count)
        ours = statistics.mean(list(sample))
        theirs = scipy.stats.ttest_1samp(sample, 0).confidence_interval(0.95)
        assert ours.value == pytest.approx(sample.mean())
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))

    def test_a_mean_s_interval_holds_as_often_as_it_says_however_few_there_are(self) -> None:
        random = np.random.default_rng(2)
        found = [statistics.mean(random.normal(3, 2, size=4)) for _ in range(2000)]
        assert 0.93 < np.mean([one.low <= 3 <= one.high for one in found]) < 0.97

    def test_a_percentage_s_interval_stays_one(self) -> None:
        assert statistics.mean([97.0, 100.0, 88.0], (0, 100)).high == 100

    @pytest.mark.parametrize("values", [[100.0, 100.0], [3.0], [0.1 + 0.2, 0.3]])
    def test_of_one_value_or_equal_ones_there_is_none_and_no_verdict(self, values: list[float]) -> None:
        estimate = statistics.mean(values)
        assert estimate.interval is None
        measured = Recorder().metric("x", estimate, label="x")
        assert judged(Claim.model_validate(RULE), measured).verdict == QUALIFIED
        assert f"n{NBSP}={NBSP}{len(values)}" in interval(measured, FRENCH)

    def test_of_a_share_too_where_all_came_out_alike(self) -> None:
        # Wilson's lower bound for n of n is n / (n + z²).
        everything = statistics.share([True] * 21)
        assert everything.value == pytest.approx(100)
        assert everything.low == pytest.approx(100 * 21 / (21 + 1.959964**2))
        assert everything.samples == 21

    def test_the_same_sample_gives_the_same_interval(self) -> None:
        assert statistics.mean([1.0, 2.0, 4.0]) == statistics.mean([1.0, 2.0, 4.0])


class TestOnThePage:
    def test_a_verdict_follows_the_measure(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        question = ran.parent / "questions" / "q01-voir.md"
        pages = []
        aside = "    also: {du dogue: saillance/mastiff.maximum}\n    afterwards: true\n    see:"
        question.write_text(question.read_text().replace("    see:", aside))
        for bound in ("> 0.001", "> 1000"):
            question.write_text(re.sub(r'confirmed: "> [\d.]+"', f'confirmed: "{bound}"', question.read_text()))
            assert generator("site", ran).returncode == 0
            pages.append((tmp_path / "build-site" / "questions" / "q01-voir.html").read_text())
        assert ">confirmé<" in pages[0]
        assert ">confirmé<" not in pages[1]
        assert ">nuancé<" in pages[1]
        assert all(">non mesuré<" in page for page in pages)
        assert all("sinon nuancé" in page for page in pages), "the rule is shown to the reader"
        assert all(f"du dogue{NBSP}: " in page and "fixées après avoir vu la mesure" in page for page in pages)
        assert ", confirmé." in pages[0]
        assert ", nuancé." in pages[1]

    def test_a_figure_is_mentioned_by_its_number(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        assert generator("site", ran).returncode == 0
        page = (tmp_path / "build-site" / "questions" / "q01-voir.html").read_text()
        assert f'<a href="../questions/q01-voir.html#saillance-bande">figure{NBSP}1.1</a>' in page
        assert f'Voir la <a href="#saillance-bande">figure{NBSP}1.1</a>' in page, "near where it is shown"
        assert '<a href="../galeries/saliency.html#saillance-oiseau">«' in page

    def test_the_figure_that_shows_it_may_stand_elsewhere(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        question = ran.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text().replace("see: saillance/bande", "see: saillance/mastiff"))
        assert generator("site", ran).returncode == 0
        page = (tmp_path / "build-site" / "questions" / "q01-voir.html").read_text()
        assert 'Voir <a href="../galeries/saliency.html#saillance-mastiff">' in page

    def test_metrics_are_listed_once_there_are_results(self, ran: Path, generator: Run) -> None:
        assert (
            "metric saillance/oiseau.maximum" in generator("list", ran, "--build", str(ran.parents[1] / "build")).stdout
        )

    def test_a_metric_that_nothing_measures_is_told_in_one_line_before_there_are_results(
        self, mini: Path, generator: Run
    ) -> None:
        question = mini.parent / "questions" / "q01-voir.md"
        misspelt = "oiseau.maximun\n    also: {du dogue: saillance/mastif.maximum}\n"
        question.write_text(question.read_text().replace("oiseau.maximum\n", misspelt))
        done = generator("site", mini)
        assert done.returncode == 2
        first, second = done.stderr.splitlines()
        assert first.startswith(f"{question}:7: claims.0.metric: "), "with its line"
        assert second.startswith(f"{question}:8: claims.0.also.du dogue: ")
        assert 'saillance does not measure "oiseau.maximun"; did you mean "oiseau.maximum"?' in first
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("says: tête", "says: queue", 'claims.0.says: "queue" does not stand in the answer'),
            ("saillance/oiseau.max", "saillanse/oiseau.max", 'no experiment "saillanse"; did you mean "saillance"?'),
            ("see: saillance/bande", "see: saillance/bende", "claims.0.see: no experiment makes saillance/bende"),
            ("refuted:", "refutes:", "claims.0.refutes: unknown key; expected one of says, measured, metric"),
        ],
    )
    def test_a_mistake_in_a_claim_is_told(self, old: str, new: str, problem: str, mini: Path, generator: Run) -> None:
        question = mini.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text().replace(old, new))
        done = generator("check", mini)
        assert done.returncode == 2
        assert problem in done.stderr
