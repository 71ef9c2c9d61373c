"""What the lab's texts ask for that is not there, pages, pictures, results: told before any page is written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from generator.errors import LabError, did_you_mean
from generator.lab import Lab
from generator.lab.braces import metrics_in, not_in_lab
from generator.lab.places import read_text
from generator.lab.questions import TABLE, without_code
from generator.report.anchors import anchors
from generator.report.common import ASSETS, STAFF, STUDENTS, content_pages, page_header
from generator.results.artefacts import Manifest, Metric

_ADDRESS = re.compile(
    r"""(?:\]\(|^\ {0,3}\[[^\]\n]+\]:)[ \t]*(?P<plain>(?:[^\s()<>]|\([^\s()]*\))+)"""
    r"""|\b(?:href|src)=["'](?P<html>[^"'\n]+)""",
    re.MULTILINE,
)
"""Where a link or a picture leads, as Markdown or HTML writes it."""
_CODE = {".css", ".js"}
_OWN_PAGES = ("verdicts", "changes", "run", "bench", "live", "worksheets")
"""Pages that have no text of the lab's, as its language names them."""
_OWN_FOLDERS = ("live", "search", "figures")
"""Folders of a site that a build fills."""


def check_pages(lab: Lab) -> None:
    """Make sure of what a site needs of a lab's texts, before anything is computed.

    Raises:
        LabError: there is no home page, a page's header is not understood, a link leads nowhere, or a text asks for
            a key that the lab file has not.
    """
    for page in (lab.folder / lab.file.pages / "index.md", *content_pages(lab)):
        page_header(page)
    if problems := [*_lost_links(lab), *_lost_keys(lab)]:
        raise LabError(*problems)


def _lost_keys(lab: Lab) -> Iterator[str]:
    """A line for each key of the lab file that a text asks for and that is not there."""
    for path, _ in _texts(lab):
        yield from (f"{path}:{line}: {problem}" for line, problem in not_in_lab(read_text(path), lab.file))


def _lost_links(lab: Lab) -> Iterator[str]:
    """A line for each link and each picture of a text that no page and no file of the site will answer to."""
    leading = _Leading(lab)
    for path, place in _texts(lab):
        text = without_code(read_text(path))
        for at, problem in leading.nowhere(text, place, _for_both(lab, path)):
            yield f"{path}:{text[:at].count(chr(10)) + 1}: {problem}"
    for name, experiment in lab.experiments.items():
        # It stands in a gallery, and with questions, which lie as deep; students get neither.
        place = PurePosixPath(lab.language.say("files.galleries"), f"{experiment.family}.md")
        for _, problem in leading.nowhere(without_code(experiment.note), place, range(0)):
            yield lab.tell(("experiments", name, "note"), problem)


class _Leading:
    """Where links of a lab's texts may lead."""

    def __init__(self, lab: Lab) -> None:
        self._pages, self._folders = _pages(lab), _folders(lab)
        self._on = cache(partial(anchors, lab))
        tops = [(top.parent, top.rglob("*")) for top in _assets(lab)]
        self._own = {path.relative_to(top).as_posix() for top, paths in tops for path in paths if path.is_file()}

    def nowhere(self, text: str, place: PurePosixPath, for_both: range) -> Iterator[tuple[int, str]]:
        """Where in a text links lead nowhere, and what to say of it.

        Args:
            text: without its code.
            place: the page of the site that it stands on.
            for_both: which of its letters are for students too.
        """
        for match in _ADDRESS.finditer(text):
            address = next(filter(None, match.groups()))
            leads = urlsplit(address)
            if leads.scheme or leads.netloc or not (leads.path or leads.fragment) or "{" in address:
                continue
            target = os.path.normpath(place.parent / unquote(leads.path).lstrip("/")) if leads.path else str(place)
            page = re.sub(r"\.html$", ".md", target)
            section, editions = unquote(leads.fragment), (STAFF, STUDENTS) if match.start() in for_both else (STAFF,)
            if known := [there for edition in editions if section and (there := self._on(page, edition))]:
                if lost := next((there for there in known if not there.may_have(section)), None):
                    near = did_you_mean(address, (f"{leads.path}#{name}" for name in sorted(lost.known)))
                    yield match.start(), f"{address} leads nowhere: {lost.source} has no such section{near}"
                continue
            if target == "." or page in self._pages or target in self._own or target.partition("/")[0] in self._folders:
                continue
            own = (name for name in self._own if Path(name).suffix not in _CODE)
            alike = sorted(self._pages if page.endswith(".md") else own)
            near = did_you_mean(address, (os.path.relpath(name, place.parent) for name in alike))
            yield match.start(), f"{address} leads nowhere, seen from {place} of the site{near}"


def _for_both(lab: Lab, path: Path) -> range:
    """Which letters of a text are for students too; none of a page that may tell editions apart."""
    text = read_text(path)
    if asked := next((question.statement for question in lab.questions if question.path == path), ""):
        return range(text.index(asked), text.index(asked) + len(asked))
    own = path.name == "index.md" or page_header(path).get("for") == STUDENTS
    return range(len(text) if own and "{%" not in text else 0)


def _texts(lab: Lab) -> Iterator[tuple[Path, PurePosixPath]]:
    """The lab's texts, and the page of the site that each one becomes."""
    yield from ((question.path, PurePosixPath("questions", f"{question.slug}.md")) for question in lab.questions)
    for path in (lab.folder / lab.file.pages / "index.md", *content_pages(lab)):
        yield path, PurePosixPath(path.name)


def _pages(lab: Lab) -> set[str]:
    """The pages that a site of the lab may have."""
    say = lab.language.say
    everything, galleries = say("files.everything"), say("files.galleries")
    names = {str(place) for _, place in _texts(lab)} | {f"questions/{name}.md" for name in (everything, *lab.dropped)}
    names |= {f"{say(f'files.{page}')}.md" for page in _OWN_PAGES}
    for name, experiment in lab.experiments.items():
        names |= {f"{galleries}/{experiment.family}.md", f"{galleries}/{experiment.family}-{name}.md"}
    return names


def _folders(lab: Lab) -> set[str]:
    return {*_OWN_FOLDERS, lab.language.say("files.sheets")}


def _assets(lab: Lab) -> Iterator[Path]:
    yield ASSETS
    yield lab.folder / "assets"


def missing_tables(lab: Lab, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """A line for each table that a question or a page names and its experiment did not make.

    Args:
        lab: the lab.
        manifests: of the experiments that ran; of the others nothing is said.
    """
    waiting = lab.experiments.keys() - manifests.keys()
    tables = [f"{name}/{table}" for name, manifest in manifests.items() for table in names_of_tables(manifest)]
    for path, _ in _texts(lab):
        text = without_code(read_text(path))
        for link in TABLE.finditer(text):
            if link["table"] not in tables and link["table"].partition("/")[0] not in waiting:
                line = text[: link.start()].count("\n") + 1
                yield f"{path}:{line}: table:{_not_there('was not made', link['table'], tables)}"


def missing_measures(lab: Lab, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """A line for each metric that a question or a page names and these outcomes left without a value.

    Args:
        lab: the lab, read: its experiments measure what its texts name.
        manifests: of all its experiments, up to date.
    """
    for path, _ in _texts(lab):
        for line, metric in metrics_in(read_text(path)):
            yield from (f"{path}:{line}: {problem}" for problem in _unmeasured(manifests, metric))
    for question in lab.questions:
        for place, metric in question.claimed:
            yield from (question.tell(place, problem) for problem in _unmeasured(manifests, metric))


def _unmeasured(manifests: Mapping[str, Manifest], reference: str) -> Iterator[str]:
    """Why there is no such metric; nothing if there is."""
    try:
        measured(manifests, reference)
    except LookupError as error:
        yield str(error)


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
