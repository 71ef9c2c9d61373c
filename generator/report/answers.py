"""What answers questions, as pages show it: answers with their figures, what this run measured, verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from generator.errors import LabError, RunError
from generator.lab import Lab
from generator.lab.questions import Question
from generator.report.checks import measured, missing_measures, missing_tables
from generator.report.common import STAFF, STUDENTS
from generator.report.figures import Figures, View, answering, macro
from generator.report.moving import CURVE
from generator.report.reference import reference
from generator.report.text import filled, listed
from generator.results.artefacts import Manifest, Metric
from generator.results.claims import VERDICTS, Verdict, judge
from generator.results.folder import read_manifests


def all_manifests(lab: Lab, build: Path) -> Mapping[str, Manifest]:
    """Those of all experiments, with all that the texts ask of them.

    Raises:
        RunError: an experiment has no results yet.
        LabError: a text asks for a result that was not made.
    """
    found = read_manifests(lab.experiments, build)
    if missing := [name for name in lab.experiments if name not in found]:
        raise RunError(f"no results yet of {', '.join(missing)}; run make run first")
    if problems := [*missing_tables(lab, found), *missing_measures(lab, found)]:
        raise LabError(*problems)
    return found


class Answers:
    """Answers of a lab's questions, for an edition.

    Args:
        lab: the lab.
        manifests: of all its experiments.
        views: the figures that the edition has, published.
        jinja: the templates, which know of the page where networks are tried; they get what a question's needs.
        given: numbers of the questions whose answers students get; None for the staff's edition, which has them all.

    Attributes:
        figures: puts figures where links stand.
        questions: those that are answered, with their measures.
        verdicts: on the claims of each, by its number.
    """

    def __init__(
        self,
        lab: Lab,
        manifests: Mapping[str, Manifest],
        views: Mapping[str, View],
        jinja: jinja2.Environment,
        given: Collection[int] | None = None,
    ) -> None:
        self._lab, self._manifests, self._jinja = lab, manifests, jinja
        self._edition = STAFF if given is None else STUDENTS
        self.figures = Figures(lab, manifests, views, jinja, given)
        jinja.filters |= {"with_figures": self.figures.with_figures, "thumbnails": self.figures.with_thumbnails}
        # A template keeps the globals that there are when it is first used: what macros need comes before them.
        jinja.globals |= {"curve_box": CURVE, "verdicts": VERDICTS, "files": lab.language.section("files")}
        jinja.globals["in_class"] = given is None
        jinja.globals |= {name: macro(jinja, "figure.jinja", name) for name in ("figure", "thumbnail", "computing")}
        asked = [question for question in lab.questions if given is None or question.number in given]
        self.verdicts = {question.number: list(self._judge(question)) for question in asked}
        self.questions = [self._with_measures(question) for question in asked]

    def context(self, question: Question) -> dict[str, Any]:
        """What the template of a question wants to know."""
        lab, answer = self._lab, self.answering(question)
        shown = (*question.figures, *answer.figures)
        names = dict.fromkeys(figure.partition("/")[0] for figure in shown)
        notes = [
            {"title": lab.experiments[name].title, "text": lab.experiments[name].note}
            for name in names
            if lab.experiments[name].note
        ]
        shared = answer is not question and any(answer is other for other in self.questions)
        return {
            "question": question,
            "answer": answer,
            "shared_with": answer if shared else None,
            "verdicts_here": self.verdicts[question.number],
            "setting_notes": notes,
            "mention": lambda reference: self.figures.see(reference, shown),
        }

    def answering(self, question: Question) -> Question:
        """The question whose answer serves one of these, with its measures."""
        answer = answering(self._lab, question)
        there = next((other for other in self.questions if other.number == answer.number), None)
        return there or self._with_measures(answer)

    def filled(self, path: Path, text: str) -> str:
        """A text of the content, which may speak of the lab and its measures in Jinja's braces."""
        networks = {
            network.title: network for manifest in self._manifests.values() for network in manifest.provenance.networks
        }
        known = {
            "lab": self._lab.file,
            "edition": self._edition,
            "networks": list(networks.values()),
            "count": {
                "figures": sum(len(manifest.figures) for manifest in self._manifests.values()),
                "images": len(self._lab.images),
            },
            "metric": self._metric,
            "reference": partial(reference, language=self._lab.language),
            "listed": partial(listed, self._jinja, self._lab, networks=list(networks.values())),
        }
        return filled(self._jinja, path, text, known)

    def _with_measures(self, question: Question) -> Question:
        """The question with the measures that its answer, its evidence and its note speak of."""
        fill = partial(self.filled, question.path)
        return replace(
            question, answer=fill(question.answer), evidence=fill(question.evidence), note=fill(question.note)
        )

    def _judge(self, question: Question) -> Iterator[Verdict]:
        for claim in question.claims:
            yield judge(claim, {reference: self._metric(reference) for reference in claim.references.values()})

    def _metric(self, *reference: str) -> Metric:
        return measured(self._manifests, "/".join(reference))
