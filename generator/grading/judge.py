"""From notebooks to verdicts: each is run apart, several at once, and what its process tells is put into words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from generator.errors import LabError
from generator.grading.apart import Apart, Ended
from generator.grading.notebooks import Submission, paired, state, submissions, tasks
from generator.lab import Lab
from generator.language import Language
from generator.project import ROOT
from generator.run.machine import cores
from generator.run.workers import how_many

Status = Literal["passed", "failed", "unreached", "missing"]
NEED_MIB = 1500
"""What one notebook is taken to need: torch, two networks, and gradients."""


@dataclass(frozen=True)
class Verdict:
    """What a check of the lab says of a notebook.

    Attributes:
        name: of the function that it judges.
        status: ``missing`` if the notebook has the check no more, whatever the lab's own says of the function.
        message: why it did not pass, or what else is to be known; empty if nothing.
    """

    name: str
    status: Status
    message: str = ""


@dataclass(frozen=True)
class Graded:
    """A notebook, judged.

    Attributes:
        student: who handed it in.
        file: its path in the folder of all.
        worksheet: the stem of its worksheet; empty if it is none.
        title: of its worksheet.
        verdicts: on each check of its worksheet.
        problem: what went wrong with the notebook as a whole; empty if nothing did.
        seconds: that it ran.
    """

    student: str
    file: Path
    worksheet: str = ""
    title: str = ""
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(verdict.status == "passed" for verdict in self.verdicts)

    @property
    def is_right(self) -> bool:
        """Whether all of it is."""
        return bool(self.verdicts) and self.passed == len(self.verdicts) and not self.problem

    @property
    def first_message(self) -> str:
        """What to say first: of the whole, or of the first check that did not pass."""
        told = [verdict.message for verdict in self.verdicts if verdict.status != "passed" and verdict.message]
        return next(iter((self.problem, *told) if self.problem else told), "")


def grade(
    lab: Lab, folder: Path, limit: float, workers: int | None, warn: Callable[[str], None]
) -> tuple[int, Generator[Graded, None, None]]:
    """Run the notebooks of a folder and judge them, several at once.

    Args:
        lab: whose worksheets they are.
        folder: of all that was handed in; nothing is changed there.
        limit: seconds that one notebook may run.
        workers: how many run at once; as many as there are cores and memory for if left out.
        warn: told what this system cannot keep notebooks from.

    Returns:
        How many there are, and each as soon as it and those before it are judged, by student.

    Raises:
        LabError: there is no such folder, no notebook in it, or no check in the lab's worksheets; or what runs
            notebooks is not installed.
    """
    if find_spec("IPython") is None:
        raise LabError("what runs notebooks is not installed; make grade FOLDER=… installs it by itself")
    if not folder.is_dir():
        raise LabError(f"{folder}: no such folder; give the one with your students' notebooks")
    known = tasks(lab)
    if not known:
        raise LabError(f"{lab.path}: none of its worksheets has a check; nothing can be graded")
    found = submissions(folder, known)
    if all(each.wrong == "no-notebook" for each in found):
        raise LabError(f"{folder}: no notebook in it (.ipynb, or .py in cells); give the folder with all of them")
    if not any(each.task for each in found) and all(each.wrong in ("unknown", "no-notebook") for each in found):
        names = ", ".join(f"{task.stem} ({task.title})" for task in known)
        raise LabError(f"{folder}: no notebook of {lab.path}, which has {names}; name another lab: LAB=…")
    count = min(how_many(workers, NEED_MIB), len(found))
    sealed = {ROOT, lab.folder, lab.data_folder, folder, Path(sys.prefix)}
    apart = Apart(sealed, max(1, cores() // count))
    if not apart.closed_off:
        warn(
            "this system gives no process without network (on Linux: unshare): what Python connects to and changes is "
            "refused to a notebook, but not what programs that it starts do; grade what you trust, or in a container"
        )
    judged = partial(_judged, lab, folder, apart=apart, limit=limit)
    return len(found), _all(found, judged, apart, count)


def _all(
    found: list[Submission], judged: Callable[[Submission], Graded], apart: Apart, count: int
) -> Generator[Graded, None, None]:
    pool = ThreadPoolExecutor(count)
    try:
        yield from pool.map(judged, found)
    finally:
        # However it ends: nothing of a student's runs on.
        pool.shutdown(wait=False, cancel_futures=True)
        apart.stop()


def _judged(lab: Lab, folder: Path, submission: Submission, *, apart: Apart, limit: float) -> Graded:
    say = lab.language.say
    graded = Graded(submission.student, submission.file)
    if submission.wrong or submission.task is None:
        return replace(graded, problem=say(f"grading.{submission.wrong}"))
    task = submission.task
    job = {
        "lab": str(lab.path.resolve()),
        "data": str(lab.data_folder.resolve()),
        "setup": [cell.source for cell in task.setup],
        "cells": [{"source": cell.source, "check": number} for cell, number in paired(submission)],
    }
    # Not where all students' files lie side by side.
    beside = folder / submission.file.parent if len(submission.file.parts) > 1 else None
    ended = apart.run(job, beside, limit)
    return replace(
        graded,
        worksheet=task.stem,
        title=task.title,
        verdicts=tuple(_verdict(lab.language, submission, number, ended) for number in range(len(task.checks))),
        problem=_problem(lab.language, ended, limit),
        seconds=ended.seconds,
    )


def _problem(language: Language, ended: Ended, limit: float) -> str:
    """What went wrong with the whole."""
    said = next((report["setup"] for report in ended.reports if "setup" in report), None)
    if said is not None:
        return language.say("grading.setup", said=said)
    if any(error and error["memory"] for report in ended.reports if (error := report.get("error"))):
        return language.say("grading.memory")
    if ended.late:
        return language.say("grading.late", seconds=limit)
    if not any(report.get("done") for report in ended.reports):
        return language.say("grading.died", status=ended.status)
    return ""


def _verdict(language: Language, submission: Submission, number: int, ended: Ended) -> Verdict:
    """The verdict on one check; only what its process told of it counts."""
    assert submission.task  # noqa: S101  # the caller's promise
    name = submission.task.checks[number].name
    before: list[dict[str, Any]] = []
    for report in ended.reports:
        if report.get("check") == number:
            break
        if report.get("error") and "check" not in report:
            before.append(report["error"])
    else:
        return Verdict(name, "unreached", language.say("grading.unreached-why"))
    said = _said(language, report["error"], before) if report["error"] else ""
    match state(submission, number):
        case "removed":
            own = said or language.say("grading.own-accepts")
            return Verdict(name, "missing", language.say("grading.removed", said=own))
        case "changed":
            said = f"{said} {language.say('grading.changed')}".strip()
        case "kept":
            pass
    return Verdict(name, "failed" if report["error"] else "passed", said)


def _said(language: Language, error: dict[str, Any], before: list[dict[str, Any]]) -> str:
    """What a student reads of an error that a check ended with."""
    kind, message = error["kind"], error["message"]
    if kind in ("NotYetError", "AssertionError") and message:
        return str(message)
    if kind == "NotImplementedError":
        return language.say("classroom.open", mark=language.say("worksheets.open"))
    if kind == "NameError" and before:
        first = _said(language, before[0], [])
        return language.say("grading.undefined", said=f"{kind}: {message}", first=first)
    said = f"{kind}: {message}" if message else kind
    if error["line"]:
        return language.say("classroom.failed-at", number=error["number"], line=error["line"], said=said)
    return language.say("classroom.failed", said=said)
