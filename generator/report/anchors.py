"""Where on a page links may lead, as far as the lab's texts tell: before anything is computed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import markdown
import yaml

from generator.lab import Lab
from generator.lab.questions import FIGURE, FIGURES, TABLE, Question, outside_code, without_code
from generator.project import ROOT
from generator.report.common import STAFF, content_pages, read_page
from generator.report.figures import answering, figure_anchor, table_anchor
from generator.report.reference import with_references
from generator.report.text import finished


@dataclass(frozen=True)
class Anchors:
    """Names of the places on a page that links may lead to.

    Attributes:
        source: what says so, for messages: the file of the page's text, or the page itself.
        known: those that there are.
        begun: how those begin that only results name.
    """

    source: str
    known: frozenset[str]
    begun: tuple[str, ...]

    def may_have(self, name: str) -> bool:
        """Whether a link to a place of that name can be right."""
        return name in self.known or name.startswith(self.begun)


def anchors(lab: Lab, page: str, edition: str) -> Anchors | None:
    """Names of the places on a page; None where texts do not tell: on the first page, on those that have no text.

    Args:
        lab: the lab.
        page: its name in the site: ``questions/q01.md``.
        edition: for whom the page is; students have no answer yet.
    """
    folder, _, name = page.rpartition("/")
    say = lab.language.say
    if folder == "questions":
        asked = {f"{question.slug}.md": question for question in lab.questions}
        if name in asked:
            source = f"{asked[name].path}{'' if edition == STAFF else ' without its answer, as students get it,'}"
            return _found(lab, source, _question(lab, asked[name], edition))
        if name == f"{say('files.everything')}.md":
            bodies = (_question(lab, question, edition) for question in asked.values())
            return _found(lab, page, "\n\n".join([f"# {lab.file.title}", *bodies]))
    elif folder == say("files.galleries"):
        return _found(lab, page, _gallery(lab, name))
    for path in () if folder else content_pages(lab):
        if path.name == name:
            text = re.sub(r"\A---\n.*?\n---\n", "", read_page(path), flags=re.DOTALL)
            return _found(lab, str(path), with_references(_shown(text), lab.language))
    return None


def _question(lab: Lab, question: Question, edition: str) -> str:
    """What templates make of a question, as far as links may lead to it."""
    say, answer = lab.language.say, answering(lab, question)
    heading = f"# {say('question.heading', number=question.number, title=question.title)}"
    if edition != STAFF:
        return f"{heading}\n\n{question.statement}\n\n## {say('statement.answer')}"
    # The figures of an answer that serves two questions are at home at the other one.
    said = _shown(answer.answer) if answer is question else _without(answer.answer)
    shown = [figure.partition("/")[0] for figure in (*question.figures, *answer.figures)]
    sections = [
        (heading, question.statement),
        (f"## {say('question.answer')}", said),
        (f"## {say('question.evidence')} {{ #mesures-{question.number} }}", _shown(question.evidence)),
        (f"## {say('question.note')}", _shown(question.note)),
        ("", "\n\n".join(lab.experiments[name].note for name in dict.fromkeys(shown))),
    ]
    there = (section for section in sections if section[1] or (section is sections[2] and question.claims))
    return "\n\n".join(f"{head}\n\n{text}" for head, text in there)


def _gallery(lab: Lab, name: str) -> str:
    """All that a gallery may show: how many pictures an experiment has decides whether it has one of its own."""
    pieces: list[str] = []
    for key, experiment in lab.experiments.items():
        if name in (f"{experiment.family}.md", f"{experiment.family}-{key}.md"):
            family = f"# {lab.language.say(f'families.{experiment.family}')}" if not pieces else ""
            names = [f"provenance-{key}", *(figure_anchor(f"{key}/{figure}") for figure in experiment.figures)]
            pieces += [family, f"## {experiment.title}", experiment.note, *map(_place, names)]
    return "\n\n".join(pieces)


def _shown(text: str) -> str:
    """A text with places where its figures and tables will be."""

    def piece(markdown: str) -> str:
        with_figures = FIGURE.sub(lambda link: _place(figure_anchor(link["figure"])), markdown)
        return TABLE.sub(lambda link: _place(table_anchor(link["table"])), with_figures)

    return outside_code(text, piece)


def _without(text: str) -> str:
    return outside_code(text, lambda piece: TABLE.sub("", FIGURES.sub("", piece)))


def _place(name: str) -> str:
    return f'<span id="{name}"></span>\n'


def _found(lab: Lab, source: str, text: str) -> Anchors:
    """The places in a text. Where results fill headings, or notes are listed, they may be called anything."""
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    extensions = ["fenced_code", *settings["markdown_extensions"]]
    page = markdown.markdown(finished(text, {}, lab.language), extensions=extensions)
    filled = re.search(r"^#.*\{[{%]|\{\{\s*listed\(", without_code(text), re.MULTILINE)
    begun = ("",) if filled else tuple(f"image-{name}-" for name in lab.experiments)
    return Anchors(source, frozenset(re.findall(r"""\bid=["']([^"']+)""", page)), begun)
