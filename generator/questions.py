"""questions/*.md -> questions: what is asked, what was answered, which figures are shown.

A question is a Markdown file: a header between two lines of ``---`` (``number``, ``title``), then
sections for the statement, the answer, the evidence and a note, headed in the lab's language
(``## Énoncé``, ``## Réponse``, ``## Mesures``, ``## Note``). A figure is shown where
its image link stands: ``![caption](figure:EXPERIMENT/FIGURE)``; a table likewise, ``table:``;
``[](figure:EXPERIMENT/FIGURE)`` mentions it by its number. What the answer claims, and the rule that
decides whether it is true, stands in the header (see claims.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from generator.claims import Claim
from generator.errors import did_you_mean
from generator.language import Language
from generator.schema import Strict

FIGURE = re.compile(r"!\[(?P<caption>[^\]]*)\]\(figure:(?P<figure>[^)\s]+)\)")
TABLE = re.compile(r"!\[(?P<caption>[^\]]*)\]\(table:(?P<table>[^)\s]+)\)")
REFERENCE = re.compile(r"(?<!!)\[\]\(figure:(?P<figure>[^)\s]+)\)")
"""A mention of a figure, which becomes its number."""
FIGURES = re.compile(r"(?:!\[[^\]]*\]\(figure:[^)\s]+\)\n?)+")
"""A run of figures on neighbouring lines."""
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
"""Pieces of Markdown that are shown as they stand."""


class _Header(Strict):
    number: int = Field(ge=1)
    title: str
    answered_with: int | None = Field(None, ge=1)
    illustration: str | None = None
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True)
class Question:
    """One question of the lab.

    Attributes:
        path: of its file.
        number: as in « Question 3 ».
        title: a few words.
        statement: what is asked, Markdown.
        answer: the write-up's answer word for word, Markdown; empty if it has none.
        evidence: what this run measured on the answer's claims, Markdown; may be empty.
        note: the editor's remarks, Markdown; may be empty.
        answered_with: number of the question whose answer serves this one too.
        illustration: EXPERIMENT/FIGURE for the home page; if None, the last figure it shows.
        claims: what the answer claims.
    """

    path: Path
    number: int
    title: str
    statement: str
    answer: str
    evidence: str
    note: str
    answered_with: int | None
    illustration: str | None
    claims: tuple[Claim, ...]

    @property
    def slug(self) -> str:
        """Name of its page."""
        return self.path.stem

    @property
    def figures(self) -> list[str]:
        """EXPERIMENT/FIGURE of every figure it shows, in order."""
        return [m["figure"] for m in FIGURE.finditer("\n".join(self._texts))]

    @property
    def _texts(self) -> tuple[str, ...]:
        return (self.statement, self.answer, self.evidence, self.note)


def read_questions(
    folder: Path, figures: Collection[str], language: Language
) -> tuple[tuple[Question, ...], list[str]]:
    """Read all questions of a folder.

    Args:
        folder: of the files.
        figures: EXPERIMENT/FIGURE of all figures that the lab makes.
        language: of the headings.

    Returns:
        The questions in the order of their numbers, and one line for each mistake.
    """
    questions: dict[int, Question] = {}
    problems: list[str] = []
    paths = sorted(folder.glob("*.md"))
    if not paths:
        problems.append(f"{folder}: no question there; expected files q01-….md")
    for path in paths:
        text = path.read_text(encoding="utf-8")
        problems += figure_problems(path, text, figures)
        question = _read(path, text, language, problems)
        if question:
            problems += _header_problems(question, figures)
        if question and question.number in questions:
            other = questions[question.number].path.name
            problems.append(f"{path}: number: {question.number} is the number of {other} too; change one")
        elif question:
            questions[question.number] = question
    for question in questions.values():
        if answering := questions.get(question.answered_with or question.number):
            problems += _quote_problems(question, answering.answer)
        else:
            problems.append(
                f"{question.path}: answered_with: there is no question {question.answered_with}; "
                f"expected one of {', '.join(map(str, sorted(questions)))}"
            )
    return tuple(questions[number] for number in sorted(questions)), problems


def _read(path: Path, text: str, language: Language, problems: list[str]) -> Question | None:
    parts = re.split(r"^---\s*$", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        problems.append(f"{path}:1: no header; expected number and title between two lines of ---")
        return None
    try:
        header = _Header.model_validate(yaml.safe_load(parts[1]) or {})
    except yaml.YAMLError:
        problems.append(f"{path}:2: the header is no valid YAML; expected lines like number: 3")
        return None
    except ValidationError as error:
        for mistake in error.errors():
            key = ".".join(map(str, mistake["loc"]))
            fields = (Claim if len(mistake["loc"]) > 1 else _Header).model_fields
            hint = did_you_mean(mistake["loc"][-1], fields) if mistake["type"] == "extra_forbidden" else ""
            problems.append(f"{path}: {key}: {mistake['msg'].removeprefix('Value error, ')}{hint}")
        return None
    known = {heading: name for name, heading in language.section("questions").items()}
    sections = dict.fromkeys(known.values(), "")
    for heading, body in _sections(parts[2]):
        if heading not in known:
            expected = ", ".join(known)
            line = text[: text.index(f"## {heading}")].count("\n") + 1
            problems.append(
                f'{path}:{line}: unknown section "{heading}"; expected {expected}{did_you_mean(heading, known)}'
            )
            continue
        sections[known[heading]] = body
    if not sections["statement"]:
        heading = language.say("questions.statement")
        problems.append(f'{path}: no section "## {heading}"; expected what is asked')
        return None
    return Question(
        path,
        header.number,
        header.title,
        **sections,
        answered_with=header.answered_with,
        illustration=header.illustration,
        claims=header.claims,
    )


def _sections(body: str) -> Iterator[tuple[str, str]]:
    pieces = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    for heading, content in zip(pieces[1::2], pieces[2::2], strict=True):
        yield heading.strip(), content.strip()


def _header_problems(question: Question, figures: Collection[str]) -> Iterator[str]:
    named = {"illustration": question.illustration}
    named |= {f"claims.{place}.see": claim.see for place, claim in enumerate(question.claims)}
    for key, figure in named.items():
        if figure and figure not in figures:
            yield f"{question.path}: {key}: no experiment makes {figure}{did_you_mean(figure, figures)}"
    experiments = {figure.partition("/")[0] for figure in figures}
    for place, claim in enumerate(question.claims):
        if claim.experiment and claim.experiment not in experiments:
            near = did_you_mean(claim.experiment, experiments)
            yield f'{question.path}: claims.{place}.metric: there is no experiment "{claim.experiment}"{near}'


def _quote_problems(question: Question, answer: str) -> Iterator[str]:
    said = _words(answer)
    for place, claim in enumerate(question.claims):
        if _words(claim.says) not in said:
            yield f'{question.path}: claims.{place}.says: "{claim.says}" does not stand in the answer; quote its words'


def _words(text: str) -> str:
    """A text without emphasis and differences of white space."""
    return " ".join(text.replace("*", "").split())


def figure_problems(path: Path, text: str, figures: Collection[str]) -> Iterator[str]:
    """A line for each link to a figure that there is not; what stands in code is an example."""
    text = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    for match in (*FIGURE.finditer(text), *REFERENCE.finditer(text)):
        if match["figure"] not in figures:
            line = text[: match.start()].count("\n") + 1
            yield (
                f'{path}:{line}: figure:{match["figure"]}: no experiment makes this figure; "python -m generator '
                f'list" shows them all{did_you_mean(match["figure"], figures)}'
            )
