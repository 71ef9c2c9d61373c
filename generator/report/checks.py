"""What the lab's texts ask of results that no experiment made; told before any page is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.artefacts import Manifest, Metric
from generator.errors import did_you_mean
from generator.lab import Lab
from generator.places import read_text
from generator.questions import TABLE, without_code
from generator.report.common import content_pages


def missing_results(lab: Lab, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """A line for each table or metric that a question or a page names and no experiment made."""
    # A grid is a table that can be looked into, and shown by the same link.
    tables = [
        f"{name}/{table.name}" for name, manifest in manifests.items() for table in (*manifest.tables, *manifest.grids)
    ]
    for path in [*(question.path for question in lab.questions), *content_pages(lab)]:
        text = without_code(read_text(path))
        for link in TABLE.finditer(text):
            if link["table"] not in tables:
                line = text[: link.start()].count("\n") + 1
                yield f"{path}:{line}: table:{_not_there('was not made', link['table'], tables)}"
    for question in lab.questions:
        for place, claim in enumerate(question.claims):
            if claim.metric:
                try:
                    measured(manifests, claim.metric)
                except LookupError as error:
                    yield question.tell(("claims", place, "metric"), str(error))


def measured(manifests: Mapping[str, Manifest], reference: str) -> Metric:
    """The metric of that name, EXPERIMENT/METRIC.

    Raises:
        LookupError: no experiment measured it; the message says what to try.
    """
    found = {f"{name}/{metric.name}": metric for name, manifest in manifests.items() for metric in manifest.metrics}
    if reference not in found:
        raise LookupError(_not_there("was not measured", reference, list(found)))
    return found[reference]


def _not_there(problem: str, reference: str, known: list[str]) -> str:
    """What was asked for, and the nearest name; or some of the same experiment, or else of any."""
    alike = [name for name in known if name.partition("/")[0] == reference.partition("/")[0]]
    some = f"; there are {', '.join((alike or known)[:5])}, …" if known else "; there are none"
    return f"{reference} {problem}{did_you_mean(reference, known) or some}"
