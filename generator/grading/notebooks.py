"""The worksheets of a lab as tasks with checks, and the notebooks that students hand in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generator.lab import Lab
from generator.report.common import STUDENTS
from generator.report.worksheets import SUFFIXES, Sheet, open_line, worksheets

LARGEST = 64 << 20
"""Bytes of the largest file that is read: a notebook with its pictures has some millions."""
Wrong = Literal["no-notebook", "not-json", "not-a-notebook", "too-large", "unreadable", "unknown"]
"""Why a notebook cannot be run."""
_OPENS = re.compile(r"\bClassroom\([^()]*\)")
_MOODLE = re.compile(r"_\d+_assignsubmission_.*$")
"""What Moodle appends to a student's name, in a folder of all that was handed in."""


@dataclass(frozen=True)
class Cell:
    """A cell of code.

    Attributes:
        source: what stands in it.
        id: its name in its notebook; empty if it has none.
    """

    source: str
    id: str = ""


@dataclass(frozen=True)
class Check:
    """A cell of a worksheet that judges.

    Attributes:
        name: of what it judges: the function written before it.
        cell: it.
    """

    name: str
    cell: Cell


@dataclass(frozen=True)
class Task:
    """A worksheet, as it is graded.

    Attributes:
        stem: of its files' names.
        title: of its subject.
        texts: of all of its cells, by which it is recognised.
        setup: the cells before those where something is to be written.
        open: those where something is to be written.
        checks: those that judge, in order.
    """

    stem: str
    title: str
    texts: frozenset[str]
    setup: tuple[Cell, ...]
    open: tuple[Cell, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Submission:
    """What a student handed in.

    Attributes:
        student: the name of their folder, or of the file where there are no folders.
        file: its path in the folder of all.
        cells: of code, in order.
        task: the worksheet that it is; None if it is none.
        wrong: why it cannot be run; None if it can.
    """

    student: str
    file: Path
    cells: tuple[Cell, ...] = ()
    task: Task | None = None
    wrong: Wrong | None = None

    @property
    def begun(self) -> bool:
        """Whether something was written where something is to be written."""
        return self.task is None or not {cell.source for cell in self.task.open} <= {cell.source for cell in self.cells}


def tasks(lab: Lab) -> list[Task]:
    """The worksheets of a lab in which a cell judges what was written before it."""
    every = [_task(sheet, lab) for sheet in worksheets(lab, STUDENTS)]
    return [task for task in every if task.checks]


def submissions(folder: Path, known: list[Task]) -> list[Submission]:
    """The notebooks below a folder, and the students' folders without any, by student.

    Of a worksheet that a student has both as notebook and as script, the one that was not begun is left out.

    Args:
        folder: of all that was handed in, with or without a folder for each student.
        known: the lab's worksheets.
    """
    found = [
        _read(path, path.relative_to(folder), known)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _is_meant(path, path.relative_to(folder))
    ]
    worked_on = {(each.student, each.file.parent, each.task) for each in found if each.begun}
    found = [each for each in found if each.begun or (each.student, each.file.parent, each.task) not in worked_on]
    having = {each.file.parts[0] for each in found}
    found += [
        Submission(_MOODLE.sub("", path.name), path.relative_to(folder), wrong="no-notebook")
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name not in having and not _is_hidden(path.relative_to(folder))
    ]
    return sorted(found, key=lambda each: (each.student.casefold(), str(each.file)))


def paired(submission: Submission) -> Iterator[tuple[Cell, int | None]]:
    """A student's cells and, after each that is a check of the worksheet, the lab's own with its number.

    A cell that is a check word for word is the lab's own. What is not there any more comes last.
    """
    assert submission.task  # noqa: S101  # the caller's promise
    places = [_place(check, submission.cells) for check in submission.task.checks]
    for place, cell in enumerate(submission.cells):
        checks = [number for number, where in enumerate(places) if where == place]
        if not any(_same(cell, submission.task.checks[number].cell) for number in checks):
            yield cell, None
        yield from ((submission.task.checks[number].cell, number) for number in checks)
    yield from ((check.cell, number) for number, check in enumerate(submission.task.checks) if places[number] is None)


def state(submission: Submission, number: int) -> Literal["kept", "changed", "removed"]:
    """What a student did to the cell of a check."""
    assert submission.task  # noqa: S101  # the caller's promise
    check = submission.task.checks[number]
    place = _place(check, submission.cells)
    if place is None:
        return "removed"
    return "kept" if _same(submission.cells[place], check.cell) else "changed"


def _place(check: Check, cells: tuple[Cell, ...]) -> int | None:
    """Where a check is among a student's cells: the same text, the same call, or the same name if it still judges."""
    called = re.search(r"\.check_\w+\(", check.cell.source)
    alike: tuple[Callable[[Cell], bool], ...] = (
        lambda cell: _same(cell, check.cell),
        lambda cell: called is not None and called[0] in cell.source,
        lambda cell: cell.id == check.cell.id and _judges(cell.source),
    )
    return next((place for is_it in alike for place, cell in enumerate(cells) if is_it(cell)), None)


def _same(one: Cell, other: Cell) -> bool:
    return _text(one.source) == _text(other.source)


def _text(source: str) -> str:
    """A cell's text, whichever lab it opens."""
    return _OPENS.sub("Classroom()", source.strip())


def _task(sheet: Sheet, lab: Lab) -> Task:
    cells = _notebook(sheet.notebook.encode())
    assert not isinstance(cells, str)  # noqa: S101  # it is the project's own
    code = [cell for cell, is_code in cells if is_code]
    wanted = [place for place, cell in enumerate(code) if open_line(lab.language) in cell.source]
    checks: list[Check] = []
    for place, cell in enumerate(code):
        before = [other for other in wanted if other < place]
        if before and place not in wanted and _judges(cell.source):
            name = " + ".join(_defined(code[before[-1]].source)) or sheet.stem
            same = sum(check.name.partition(" (")[0] == name for check in checks)
            checks.append(Check(f"{name} ({same + 1})" if same else name, cell))
    return Task(
        sheet.stem.removesuffix(f"-{SUFFIXES[STUDENTS]}"),
        sheet.title,
        frozenset(_text(cell.source) for cell, _ in cells),
        tuple(code[: wanted[0] if wanted else 0]),
        tuple(code[place] for place in wanted),
        tuple(checks),
    )


def _judges(source: str) -> bool:
    """Whether a cell can refuse what was written: it calls a check of the classroom, or asserts."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("check_"))
        for node in ast.walk(_parsed(source))
    )


def _defined(source: str) -> list[str]:
    return [node.name for node in _parsed(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])  # a cell of IPython's own language


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


def _is_meant(path: Path, inside: Path) -> bool:
    """Whether a file was handed in as a notebook: by its name, and a script by its cells too."""
    if _is_hidden(inside):
        return False
    if path.suffix.lower() == ".py":
        try:
            with path.open("rb") as file:
                return re.search(rb"^# %%", file.read(1 << 20), re.MULTILINE) is not None
        except OSError:
            return False
    return path.suffix.lower() == ".ipynb"


def _student(inside: Path) -> str:
    return _MOODLE.sub("", inside.parts[0] if len(inside.parts) > 1 else inside.stem)


def _read(path: Path, inside: Path, known: list[Task]) -> Submission:
    """A notebook, as far as it can be read."""
    student = _student(inside)
    try:
        if path.stat().st_size > LARGEST:
            return Submission(student, inside, wrong="too-large")
        content = path.read_bytes()
    except OSError:
        return Submission(student, inside, wrong="unreadable")
    cells = _script(content) if path.suffix.lower() == ".py" else _notebook(content)
    if isinstance(cells, str):
        return Submission(student, inside, wrong=cells)
    texts = {_text(cell.source) for cell, _ in cells}
    code = tuple(cell for cell, is_code in cells if is_code)

    def likeness(task: Task) -> tuple[int, bool]:
        return len(task.texts & texts), task.stem in path.stem

    best = max(known, key=likeness)
    if not any(likeness(best)):
        return Submission(student, inside, code, wrong="unknown")
    return Submission(student, inside, code, best)


def _script(content: bytes) -> list[tuple[Cell, bool]] | Wrong:
    import jupytext

    try:
        cells = jupytext.reads(content.decode("utf-8-sig"), fmt="py:percent").cells
    except (UnicodeDecodeError, ValueError):
        return "not-a-notebook"
    return [(Cell(cell.source), cell.cell_type == "code") for cell in cells]


def _notebook(content: bytes) -> list[tuple[Cell, bool]] | Wrong:
    """The cells of a notebook, of whichever version of the format (version 3 had them in worksheets)."""
    try:
        told = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        return "not-json"
    try:
        cells = told["cells"] if "cells" in told else [cell for sheet in told["worksheets"] for cell in sheet["cells"]]
        return [
            (
                Cell(_joined(cell.get("source", cell.get("input", ""))), str(cell.get("id", ""))),
                cell["cell_type"] == "code",
            )
            for cell in cells
        ]
    except (KeyError, TypeError, AttributeError):
        return "not-a-notebook"


def _joined(source: object) -> str:
    """The text of a cell, which may stand in lines."""
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    raise TypeError
