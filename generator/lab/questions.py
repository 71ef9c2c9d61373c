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
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from pydantic import Field, ValidationError

from generator.errors import LabError, did_you_mean
from generator.lab.formulas import FORMULA, formula_problems
from generator.lab.markup import html_problems
from generator.lab.places import Place, Places, read_text, read_yaml, tell, told
from generator.language import Language
from generator.results.claims import Claim
from generator.schema import Strict
from generator.sources import texts_in

FIGURE = re.compile(r"!\[(?P<caption>[^\[\]]*)\]\(figure:(?P<figure>[^)\s]+)\)")
TABLE = re.compile(r"!\[(?P<caption>[^\[\]]*)\]\(table:(?P<table>[^)\s]+)\)")
REFERENCE = re.compile(r"(?<!!)\[\]\(figure:(?P<figure>[^)\s]+)\)")
"""A mention of a figure, which becomes its number."""
FIGURES = re.compile(r"(?:!\[[^\[\]]*\]\(figure:[^)\s]+\)\n?)+")
"""A run of figures on neighbouring lines."""
LINK = re.compile(r"(?:!?\[[^\[\]]*)?\]\(\s*(?:figure|table)\s*:[^)\n]*\)?", re.IGNORECASE)
"""What somebody meant for one of these."""
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
"""Pieces of Markdown that are shown as they stand."""
LONE_BRACKETS = 500
"""As many as intervals like [0, 1[ may need."""
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
"""What the author said to nobody but himself."""


class Header(Strict):
    """The keys of a question's header."""

    number: int = Field(ge=1, description="its number, as in “Question 3”")
    title: str = Field(description="what it is about, in a few words")
    answered_with: int | None = Field(None, ge=1, description="number of the question whose answer serves this one too")
    illustration: str | None = Field(
        None, description="EXPERIMENT/FIGURE for the home page; the last figure it shows if left out"
    )
    claims: tuple[Claim, ...] = Field((), description="what the answer claims, with the rule that decides")


@dataclass(frozen=True)
class Question:
    """One question of the lab.

    Attributes:
        path: of its file.
        number: as in « Question 3 ».
        title: a few words.
        statement: what is asked, Markdown; it shows no figure, as students read it too.
        answer: the write-up's answer word for word, Markdown; empty if it has none.
        evidence: what this run measured on the answer's claims, Markdown; may be empty.
        note: the editor's remarks, Markdown; may be empty.
        answered_with: number of the question whose answer serves this one too.
        illustration: EXPERIMENT/FIGURE for the home page; if None, the last figure it shows.
        claims: what the answer claims.
        places: (file, line) of each value of the header, for messages.
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
    places: Places

    @property
    def slug(self) -> str:
        """Name of its page."""
        return self.path.stem

    @property
    def figures(self) -> list[str]:
        """EXPERIMENT/FIGURE of every figure it shows, in order."""
        texts = f"{self.answer}\n{self.evidence}\n{self.note}"
        return [link["figure"] for link in FIGURE.finditer(without_code(texts))]

    @property
    def claimed(self) -> Iterator[tuple[Place, str]]:
        """EXPERIMENT/METRIC of every measure that its claims name, and where in the header."""
        for number, claim in enumerate(self.claims):
            for key, reference in claim.references.items():
                yield ("claims", number, *key), reference

    def tell(self, place: Place, problem: str) -> str:
        """One line about a value of the header: file, line, key and what is wrong."""
        return tell(self.places, place, problem)


def read_questions(
    folder: str, numbers: Collection[int] | None, lab_folder: Path, figures: Collection[str], language: Language
) -> tuple[tuple[Question, ...], tuple[str, ...], list[str]]:
    """Read the questions of a folder.

    Args:
        folder: of the files, as the lab says it.
        numbers: of those that the lab asks; all if None, and there may be no folder where it asks none.
        lab_folder: the folder of the lab file.
        figures: EXPERIMENT/FIGURE of all figures that the lab makes.
        language: of the headings.

    Returns:
        The questions in the order of their numbers, the names of those that are not asked, a line for each mistake.
    """
    questions: dict[int, Question] = {}
    dropped: dict[int, str] = {}
    problems: list[str] = []
    paths = texts_in(folder, lab_folder)
    if not paths and numbers != ():
        problems.append(f"{lab_folder / folder}: no question there; expected files q01-….md")
    for path in paths:
        try:
            text = read_text(path)
            question, mistakes = _read(path, text, language)
        except LabError as error:
            problems += error.problems
            continue
        problems += mistakes
        if question and numbers is not None and question.number not in numbers:
            dropped[question.number] = question.slug
            continue
        problems += text_problems(path, text, figures)
        if question:
            problems += _header_problems(question, figures)
        if question and question.number in questions:
            other = questions[question.number].path.name
            told_so = f"{question.number} is the number of {other} too; change one"
            problems.append(question.tell(("number",), told_so))
        elif question:
            questions[question.number] = question
    for question in questions.values():
        if answering := questions.get(question.answered_with or question.number):
            problems += _quote_problems(question, answering.answer)
        else:
            problems.append(_no_answer(question, questions, dropped))
    problems += _not_there(numbers or (), questions.keys() | dropped.keys(), lab_folder / folder)
    return tuple(questions[number] for number in sorted(questions)), tuple(dropped.values()), problems


def _no_answer(question: Question, asked: Collection[int], dropped: Collection[int]) -> str:
    """A line for a question that is answered with one that is not asked."""
    problem = (
        f"the lab does not ask question {question.answered_with}, whose answer is wanted; ask it too"
        if question.answered_with in dropped
        else f"there is no question {question.answered_with}; expected one of {', '.join(map(str, sorted(asked)))}"
    )
    return question.tell(("answered_with",), problem)


def chosen(said: str, questions: Collection[Question], key: str) -> frozenset[int]:
    """Numbers of the questions that « 1-4, 6 » says.

    Args:
        said: numbers and ranges.
        questions: of the lab.
        key: what it was said for, for messages.

    Raises:
        LabError: it is no list of numbers, or there is no such question.
    """
    known = sorted(question.number for question in questions)
    found: set[int] = set()
    for piece in re.split(r"\s*,\s*", said.strip()) if said.strip() else ():
        match = re.fullmatch(r"(\d+)(?:\s*[-–]\s*(\d+))?", piece)
        if match is None:
            raise LabError(f'{key}={said}: "{piece}" is no number of a question; expected something like 1-4 or 1,3')
        first, last = int(match[1]), int(match[2] or match[1])
        meant = {number for number in known if first <= number <= last}
        if not meant:
            raise LabError(f"{key}={said}: no question {piece}; there are {', '.join(map(str, known))}")
        found |= meant
    return frozenset(found)


def _not_there(numbers: Collection[int], there: Collection[int], folder: Path) -> Iterator[str]:
    """A line for each question that is asked and is not there."""
    known = ", ".join(map(str, sorted(there)))
    for number in sorted(set(numbers) - set(there)):
        yield f"{folder}: no question {number}, which the lab asks; there are {known}"


def _read(path: Path, text: str, language: Language) -> tuple[Question | None, list[str]]:
    """The question of a file, None if it is not understood, and a line for each mistake.

    Raises:
        LabError: its header is no YAML.
    """
    parts = re.split(r"^---[ \t]*$", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        return None, [f"{path}:1: no header; expected number and title between two lines of ---"]
    data, places = read_yaml(path, parts[1], above=parts[0].count("\n"))
    try:
        header = Header.model_validate(data)
    except ValidationError as error:
        return None, [*told(error, Header, (), places)]
    known = {heading: name for name, heading in language.section("questions").items()}
    expected = ", ".join(f"## {heading}" for heading in known)
    problems: list[str] = []
    sections = dict.fromkeys(known.values(), "")
    body = text.count("\n") - parts[2].count("\n")
    too_early: list[str] = []
    for line, heading, content in _sections(parts[2]):
        where = f"{path}:{body + line}"
        if heading is None:
            problems.append(f"{where}: text before the first section; put it under one of {expected}")
        elif heading not in known:
            problems.append(
                f'{where}: unknown section "{heading}"; expected one of {expected}{did_you_mean(heading, known)}'
            )
        elif sections[known[heading]]:
            problems.append(f'{where}: section "{heading}" given twice; put its texts together')
        else:
            sections[known[heading]] = content.strip()
            if known[heading] == "statement":
                too_early += _results_in_statement(path, body + line, content, language)
    # A heading that is not understood may be the one missed.
    if not sections["statement"] and not problems:
        problems.append(f'{path}: no section "## {language.say("questions.statement")}"; expected what is asked')
    if problems:
        return None, problems + too_early
    question = Question(
        path,
        header.number,
        header.title,
        **sections,
        answered_with=header.answered_with,
        illustration=header.illustration,
        claims=header.claims,
        places=places,
    )
    return question, too_early


def _sections(body: str) -> Iterator[tuple[int, str | None, str]]:
    """Line, heading and text of each section; what stands above the first one has no heading."""
    # What stands in code, a line of a shell perhaps, is no heading.
    headings = list(re.finditer(r"^##[ \t]+(.+)$", without_code(body), flags=re.MULTILINE))
    above = body[: headings[0].start()] if headings else body
    if above.strip():
        yield 1 + above[: len(above) - len(above.lstrip())].count("\n"), None, above
    for heading, following in zip_longest(headings, headings[1:]):
        content = body[heading.end() : following.start() if following else None]
        yield 1 + body[: heading.start()].count("\n"), heading[1].strip(), content


def _results_in_statement(path: Path, line: int, content: str, language: Language) -> Iterator[str]:
    """A line for each figure or table in a statement, whose text begins on that line of its file."""
    content = without_code(content)
    for link in sorted((*FIGURE.finditer(content), *TABLE.finditer(content)), key=re.Match.start):
        yield (
            f"{path}:{line + content[: link.start()].count(chr(10))}: {link[0]} is a result, and students read the "
            f"statement; put it under ## {language.say('questions.answer')}, or mention a figure: [](figure:…)"
        )


def _header_problems(question: Question, figures: Collection[str]) -> Iterator[str]:
    named: dict[Place, str | None] = {("illustration",): question.illustration}
    named |= {("claims", place, "see"): claim.see for place, claim in enumerate(question.claims)}
    for key, figure in named.items():
        if figure and figure not in figures:
            yield question.tell(key, f"no experiment makes {figure}{did_you_mean(figure, figures)}")


def _quote_problems(question: Question, answer: str) -> Iterator[str]:
    said = _words(answer)
    for place, claim in enumerate(question.claims):
        if _words(claim.says) not in said:
            problem = f'"{claim.says}" does not stand in the answer; quote its words'
            yield question.tell(("claims", place, "says"), problem)


def _words(text: str) -> str:
    """A text without emphasis, with straight apostrophes, and without differences of white space."""
    return " ".join(text.replace("*", "").replace("’", "'").split())


def text_problems(path: Path, text: str, figures: Collection[str]) -> Iterator[str]:
    """A line for each link to a figure that there is not, and for each link, formula or HTML that is not understood."""
    text = without_code(text)
    if (alone := text.count("[") - text.count("]")) > LONE_BRACKETS:
        line = text[: text.index("[")].count("\n") + 1
        yield f"{path}:{line}: {alone} brackets [ are never closed, which takes Markdown for ever; close them"
    yield from html_problems(path, FORMULA.sub(_blank, text))
    for match in LINK.finditer(text):
        where = f"{path}:{text[: match.start()].count(chr(10)) + 1}"
        link = FIGURE.fullmatch(match[0]) or REFERENCE.fullmatch(match[0])
        if link and link["figure"] not in figures:
            yield (
                f"{where}: figure:{link['figure']}: no experiment makes this figure; "
                f"make list names them all{did_you_mean(link['figure'], figures)}"
            )
        elif not link and not TABLE.fullmatch(match[0]):
            yield (
                f"{where}: {match[0]} is not understood; expected ![caption](figure:EXPERIMENT/FIGURE), "
                "![caption](table:EXPERIMENT/TABLE), or [](figure:EXPERIMENT/FIGURE) for its number; a caption has no "
                "brackets"
            )
    yield from formula_problems(path, text)


def without_code(text: str) -> str:
    """A text with blanks in place of its code; the rest stands where it stood."""
    return CODE.sub(_blank, text)


def without_comments(text: str) -> str:
    """A text without HTML comments, but for those in its code."""
    return outside_code(text, lambda piece: COMMENT.sub("", piece))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """A text changed everywhere but in its code."""
    pieces = CODE.split(text)
    pieces[::2] = map(change, pieces[::2])
    return "".join(pieces)
