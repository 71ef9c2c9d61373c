r"""Formulas of a text -> MathML, so that no script is needed to show them.

They are written as is usual in Markdown: ``$a^2$`` or ``\(a^2\)`` in a line, ``$$…$$`` or ``\[…\]``, over several
lines if need be, for one that stands by itself. A dollar that touches blanks, or a digit behind it, is a dollar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from math_core import LatexError, LatexToMathML

FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<dollars>(?:\\.|[^\\$\n]|\n(?!\s*\n))+?)\$\$"
    r"|(?<!\\)\\\[(?P<brackets>(?:(?!\\\]|\n\s*\n).|\n)+?)\\\]"
    r"|(?<![\\$])\$(?![\s$])(?P<dollar>(?:\\.|[^\\$\n])+?)(?<!\s)\$(?![\d$])"
    r"|(?<!\\)\\\((?P<parentheses>(?:(?!\\\)).)+?)\\\)"
)
_COLOURS = re.compile("\x1b\\[[0-9;]*m")
_converter = LatexToMathML()


def mathml(formula: re.Match[str]) -> str:
    """What is found by ``FORMULA``, as MathML.

    Wrapped: at the beginning of a line, Markdown would take bare MathML for a paragraph.

    Raises:
        ValueError: it is no formula; the message says why, in a line.
    """
    by_itself = formula["dollars"] or formula["brackets"]
    latex = by_itself or formula["dollar"] or formula["parentheses"]
    try:
        written = _converter.convert_with_local_state(latex.strip(), displaystyle=bool(by_itself))
    except LatexError as error:
        lines = _COLOURS.sub("", str(error)).strip().splitlines()
        raise ValueError(lines[0].removeprefix("Error: ").rstrip(".")) from None
    return f"<span>{written}</span>"


def formula_in(words: str) -> str | None:
    """What is wrong with the formulas of a title; None if nothing is."""
    for formula in FORMULA.finditer(words):
        try:
            mathml(formula)
        except ValueError as error:
            return f"holds {formula[0]:.60}, which is no formula: {error}"
    return None


def formula_problems(path: Path, text: str) -> Iterator[str]:
    """A line for each formula that is none.

    Args:
        path: of the file, for messages.
        text: with blanks in place of its code.
    """
    for formula in FORMULA.finditer(text):
        try:
            mathml(formula)
        except ValueError as error:
            line = text[: formula.start()].count("\n") + 1
            shown = " ".join(formula[0].split())
            yield f"{path}:{line}: {shown:.60} is no formula: {error}"
