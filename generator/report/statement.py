"""The edition for students: what is asked, and nothing that answers it.

It is written from the questions' statements and from the pages that say they are for students too.
Results are never opened, so that none can slip in; the networks that students may try are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from generator.lab import Lab
from generator.lab.questions import FIGURE, FIGURES, REFERENCE, TABLE, Question, outside_code, without_code
from generator.report.common import STUDENTS, content_pages, copy_assets, page_header, read_page, write_settings
from generator.report.figures import figure_numbers, named
from generator.report.live import live_networks, write_live
from generator.report.mirror import Mirror
from generator.report.paper import with_link_notes
from generator.report.text import environment, filled, finished, listed, unlinked
from generator.report.worksheets import write_worksheets


def render_statement(lab: Lab, build: Path) -> int:
    """Write the students' pages into ``build/docs`` and their settings into ``build/mkdocs.yml``.

    Args:
        lab: the lab.
        build: a folder of this edition's own.

    Returns:
        How many files changed.

    Raises:
        LabError: a page of the content cannot be rendered.
    """
    mirror, jinja, numbers = (
        Mirror(build / "docs", build / "pictures"),
        environment(lab.language),
        dict(figure_numbers(lab)),
    )
    say = lab.language.say
    jinja.globals["live"] = say("files.live") if live_networks(lab, build.parent, STUDENTS) else ""

    def words(markdown: str) -> str:
        return finished(unlinked(markdown, lab.dropped), lab.file.glossary, lab.language)

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
    questions: dict[str, dict[str, Any]] = {
        f"questions/{question.slug}.md": {
            "question": question,
            "statement": asked(question.statement),
            "places": [numbers[figure] for figure in figures_asked_for(question)],
        }
        for question in lab.questions
    }
    for name, context in questions.items():
        write(name, "statement.md.jinja", **context)
    body = jinja.get_template("statement.jinja")
    everything = jinja.get_template("everything.md.jinja").render(
        lab=lab.file, whose=lab.whose, bodies=[body.render(level=2, **context) for context in questions.values()]
    )
    whole = f"questions/{say('files.everything')}.md"
    mirror.write(whole, words(with_link_notes(everything, say("everything.links"))))
    both = [path for path in content_pages(lab) if page_header(path).get("for") == STUDENTS]
    for path in both:
        mirror.write(path.name, words(asked(filled(jinja, path, read_page(path), known))))
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
            {say("navigation.questions"): [*questions, whole]},
            *([{say("live.title"): live[0]}] if live else []),
            *([f"{say('files.worksheets')}.md"] if sheets else []),
            *(path.name for path in both),
        ],
    )
    return changed


def figures_asked_for(question: Question) -> list[str]:
    """The figures of an answer, which students are to make themselves."""
    return list(dict.fromkeys(link["figure"] for link in FIGURE.finditer(without_code(question.answer))))


def without_results(lab: Lab, numbers: Mapping[str, str], markdown: str) -> str:
    """A text with its figures and tables left out; where it mentions a figure, only the name stays.

    ``numbers`` are those of :func:`figure_numbers`.
    """

    def name(link: re.Match[str]) -> str:
        # Its title, or its experiment's, might tell what it shows.
        number = numbers.get(link["figure"])
        return named(number, "", lab.language) if number else lab.language.say("statement.a-figure")

    return outside_code(markdown, lambda piece: TABLE.sub("", FIGURES.sub("", REFERENCE.sub(name, piece))))
