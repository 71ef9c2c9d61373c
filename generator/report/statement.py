"""The edition for students: what is asked, and nothing that answers it but the answers whose time has come.

It is written from the questions' statements and from the pages that say they are for students too.
Results are opened only for questions that are answered, and of all figures only theirs are brought here, so that no
other can slip in; the networks that students may try are none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from generator.lab import Lab
from generator.lab.links import unlinked
from generator.lab.questions import FIGURE, FIGURES, REFERENCE, TABLE, Question, outside_code, without_code
from generator.report.answers import Answers, all_manifests
from generator.report.common import STUDENTS, content_pages, copy_assets, page_header, read_page, write_settings
from generator.report.figures import figure_numbers, figures_shown, named_only, publish, shown_once
from generator.report.live import live_networks, write_live
from generator.report.mirror import Mirror
from generator.report.paper import with_link_notes
from generator.report.text import environment, filled, finished, listed
from generator.report.worksheets import write_worksheets


def render_statement(lab: Lab, build: Path, given: Collection[int] = ()) -> int:
    """Write the students' pages into ``build/docs`` and their settings into ``build/mkdocs.yml``.

    Args:
        lab: the lab.
        build: a folder of this edition's own, in that of the results.
        given: numbers of the questions whose answers students get too.

    Returns:
        How many files changed.

    Raises:
        RunError: answers are given, and an experiment has no results yet.
        LabError: a page of the content cannot be rendered.
    """
    mirror, jinja, numbers = (
        Mirror(build / "docs", build / "pictures"),
        environment(lab.language),
        dict(figure_numbers(lab)),
    )
    say = lab.language.say
    jinja.globals["live"] = say("files.live") if live_networks(lab, build.parent, STUDENTS) else ""

    def words(markdown: str, gone: Collection[str] = lab.dropped) -> str:
        return finished(unlinked(markdown, gone), lab.file.glossary, lab.language)

    known = {
        "lab": lab.file,
        "edition": STUDENTS,
        "networks": list(lab.file.networks.values()),
        "count": {
            "figures": sum(len(list(experiment.figures)) for experiment in lab.experiments.values()),
            "images": len(lab.images),
        },
        "listed": partial(listed, jinja, lab),
    }

    def write(name: str, template: str, **context: Any) -> None:
        mirror.write(name, words(jinja.get_template(template).render(lab=lab.file, whose=lab.whose, **context)))

    home = lab.folder / lab.file.pages / "index.md"
    asked = partial(without_results, lab, numbers)
    introduction = asked(filled(jinja, home, read_page(home), known))
    write("index.md", "statement-home.md.jinja", introduction=introduction, questions=lab.questions)
    answers = _answers(lab, build.parent, mirror, jinja, given) if given else None
    answered = {question.number: question for question in (answers.questions if answers else ())}
    questions: dict[str, tuple[str, dict[str, Any]]] = {}
    for question in lab.questions:
        context: dict[str, Any] = {
            "question": question,
            "statement": asked(question.statement),
            "places": [numbers[figure] for figure in figures_asked_for(question)],
        }
        template = "statement"
        if answers and question.number in answered:
            template, context = "question", answers.context(answered[question.number])
        questions[f"questions/{question.slug}.md"] = template, context
    # An answer may speak of pages that are the staff's.
    gone = [*lab.dropped, *_staff_pages(lab)]
    once = partial(shown_once, above=say("question.above"))
    for name, (template, context) in questions.items():
        page = jinja.get_template(f"{template}.md.jinja").render(lab=lab.file, whose=lab.whose, **context)
        mirror.write(name, words(once(page), gone))
    bodies = [
        jinja.get_template(f"{template}.jinja").render(level=2, **context) for template, context in questions.values()
    ]
    whole = f"questions/{say('files.everything')}.md"
    if bodies:
        everything = jinja.get_template("everything.md.jinja").render(lab=lab.file, whose=lab.whose, bodies=bodies)
        mirror.write(whole, words(with_link_notes(once(everything), say("everything.links")), gone))
    both = [path for path in content_pages(lab) if page_header(path).get("for") == STUDENTS]
    headings: dict[str | None, list[str]] = {}
    for path in both:
        mirror.write(path.name, words(asked(filled(jinja, path, read_page(path), known))))
        headings.setdefault(page_header(path).get("under"), []).append(path.name)
    live = write_live(lab, build.parent, STUDENTS, mirror, jinja)
    if live:
        name, markdown = live
        mirror.write(name, words(markdown))
    sheets = write_worksheets(lab, mirror, (STUDENTS,))
    if sheets:
        write(f"{say('files.worksheets')}.md", "worksheets.md.jinja", sheets=sheets)
    copy_assets(lab, mirror)
    changed = mirror.finish()
    write_settings(
        lab,
        build,
        [
            {say("home.title"): "index.md"},
            *([{say("navigation.questions"): [*questions, whole]}] if questions else []),
            *([{say("live.title"): live[0]}] if live else []),
            *([f"{say('files.worksheets')}.md"] if sheets else []),
            *headings.pop(None, []),
            *({heading: pages} for heading, pages in headings.items()),
        ],
    )
    return changed


def _answers(lab: Lab, build: Path, mirror: Mirror, jinja: jinja2.Environment, given: Collection[int]) -> Answers:
    """Answers of some questions; of all figures, only theirs are published."""
    manifests = all_manifests(lab, build)
    shown = {
        figure for question in lab.questions if question.number in given for figure in figures_shown(lab, question)
    }
    theirs = {
        name: manifest.model_copy(
            update={"figures": tuple(figure for figure in manifest.figures if f"{name}/{figure.name}" in shown)}
        )
        for name, manifest in manifests.items()
    }
    views = publish(lab, theirs, build, mirror)
    return Answers(lab, manifests, views, jinja, given)


def _staff_pages(lab: Lab) -> Iterator[str]:
    """Names of the pages that students do not get, whichever of them there are."""
    yield from (path.stem for path in content_pages(lab) if page_header(path).get("for") != STUDENTS)
    yield from (lab.language.say(f"files.{page}") for page in ("verdicts", "changes", "run", "bench"))
    for name, experiment in lab.experiments.items():
        for gallery in (experiment.family, f"{experiment.family}-{name}"):
            yield f"{lab.language.say('files.galleries')}/{gallery}"


def figures_asked_for(question: Question) -> list[str]:
    """The figures of an answer, which students are to make themselves."""
    return list(dict.fromkeys(link["figure"] for link in FIGURE.finditer(without_code(question.answer))))


def without_results(lab: Lab, numbers: Mapping[str, str], markdown: str) -> str:
    """A text with its figures and tables left out; where it mentions a figure, only the name stays.

    ``numbers`` are those of :func:`figure_numbers`.
    """

    def name(link: re.Match[str]) -> str:
        return named_only(numbers.get(link["figure"]), lab.language)

    return outside_code(markdown, lambda piece: TABLE.sub("", FIGURES.sub("", REFERENCE.sub(name, piece))))
