"""What the lab's texts ask of results that no experiment made; told before any page is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.errors import did_you_mean
from generator.lab import Lab
from generator.lab.places import read_text
from generator.lab.questions import TABLE, without_code
from generator.results.artefacts import Manifest, Metric
from generator.sources import texts_in


def missing_results(lab: Lab, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """A line for each table or metric that a question or a page names and its experiment did not make.

    Args:
        lab: the lab.
        manifests: of the experiments that ran; of the others nothing is said.
    """
    waiting = lab.experiments.keys() - manifests.keys()
    tables = [f"{name}/{table}" for name, manifest in manifests.items() for table in names_of_tables(manifest)]
    pages = texts_in(lab.file.pages, lab.folder)
    for path in [*(question.path for question in lab.questions), *pages]:
        text = without_code(read_text(path))
        for link in TABLE.finditer(text):
            if link["table"] not in tables and link["table"].partition("/")[0] not in waiting:
                line = text[: link.start()].count("\n") + 1
                yield f"{path}:{line}: table:{_not_there('was not made', link['table'], tables)}"
    for question in lab.questions:
        for place, claim in enumerate(question.claims):
            if claim.metric and claim.experiment not in waiting:
                try:
                    measured(manifests, claim.metric)
                except LookupError as error:
                    yield question.tell(("claims", place, "metric"), str(error))


def names_of_tables(manifest: Manifest) -> list[str]:
    """Names of an experiment's tables, and of its grids: tables that can be looked into, shown by the same link."""
    return [*(table.name for table in manifest.tables), *(grid.name for grid in manifest.grids)]


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
    return f"{reference} {problem}{did_you_mean(reference, known)}{some}: make list names them all"
