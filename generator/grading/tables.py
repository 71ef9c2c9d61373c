"""Verdicts on notebooks, written: a line for a console, a table for spreadsheets, a page for reading."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

from generator.errors import one_line
from generator.grading.judge import Graded, Status
from generator.lab import Lab
from generator.report.text import environment

SIGNS: dict[Status, str] = {"passed": "✓", "failed": "✗", "unreached": "–", "missing": "?"}
_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula."""


def line(graded: Graded, width: int) -> str:
    """One notebook on a console of so many letters."""
    checks = " ".join(f"{verdict.name} {SIGNS[verdict.status]}" for verdict in graded.verdicts)
    count = f"{graded.passed}/{len(graded.verdicts)}" if graded.verdicts else "-"
    about = f"{_cut(graded.student, 24):24}  {_cut(graded.worksheet or '-', 12):12}  {count:>3}"
    told = [part for part in (about, checks, graded.first_message) if part]
    return _cut(one_line("  ".join(told)), width)


def table(everything: Sequence[Graded], lab: Lab) -> bytes:
    """A table of comma-separated values that spreadsheets open: a line for each notebook, a column for each check.

    The separator is the one that a spreadsheet of the lab's language wants: a semicolon where decimals have commas.
    What would be a formula begins with an apostrophe: names and messages are the students'.
    """
    say, symbols = lab.language.say, lab.language.locale.number_symbols["latn"]
    checks = list(dict.fromkeys((each.worksheet, verdict.name) for each in everything for verdict in each.verdicts))
    text = StringIO()
    written = csv.writer(text, delimiter=";" if symbols["decimal"] == "," else ",", lineterminator="\r\n")
    heads = [say(f"grading.{head}") for head in ("student", "file", "worksheet", "passed-count", "count", "seconds")]
    written.writerow([*heads, *(f"{sheet} {name}" for sheet, name in checks), say("grading.message")])
    for each in everything:
        status = {(each.worksheet, verdict.name): say(f"grading.{verdict.status}") for verdict in each.verdicts}
        row = [each.student, str(each.file), each.worksheet, each.passed, len(each.verdicts), round(each.seconds)]
        row += [status.get(check, "") for check in checks]
        written.writerow([_plain(value) for value in (*row, each.first_message)])
    return text.getvalue().encode("utf-8-sig")  # spreadsheets want the mark to read accents


def page(everything: Sequence[Graded], lab: Lab) -> str:
    """A page of HTML that needs no other file."""
    jinja = environment(lab.language)
    jinja.autoescape = True  # names and messages are the students'
    right = sum(each.is_right for each in everything)
    text = jinja.get_template("grades.html.jinja").render(everything=everything, lab=lab.file, right=right, signs=SIGNS)
    return lab.language.typeset(text)


def _plain(value: object) -> object:
    """A value that no spreadsheet computes."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
