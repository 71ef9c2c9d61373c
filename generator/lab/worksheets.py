"""What stands in a worksheet between ``# <solution>`` and ``# </solution>``, which students do not get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from generator.errors import did_you_mean

BEGIN, END = "<solution>", "</solution>"
SOLUTION = re.compile(rf"^(?P<indent> *)# {BEGIN}\n(?P<code>.*?)^(?P=indent)# {END}\n", re.MULTILINE | re.DOTALL)

REPLACES = re.compile(r"^# replace: (?P<names>.+)\n", re.MULTILINE)
"""Which of the project's worksheets one of a lab's own takes the place of, beside the one of its name."""

_MARK = re.compile(
    r"(?P<before>.*?)#+[ \t]*(?P<mark></?[ \t]*[^\W\d][\w-]*[ \t]*>|<[ \t/]*solu\w*|/?[ \t]*solu\w*[ \t/]*>)[ \t]*",
    re.IGNORECASE,
)
"""A comment that is a mark, or was meant for one."""


def worksheet_problems(path: Path, text: str) -> Iterator[str]:
    """A line for the first mark of a worksheet that is none, stands where it cannot, or has no other that goes with it.

    A solution that is not marked rightly would be handed out.
    """
    begun: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path}:{number}"
        if not (found := _MARK.fullmatch(line)):
            continue
        mark, indent = found["mark"], found["before"]
        if mark not in (BEGIN, END) or line != f"{indent}# {mark}":
            near = did_you_mean(mark, [BEGIN, END])
            yield f"{where}: {line.strip()} is no mark; expected # {BEGIN} or # {END}, on a line of its own{near}"
            return
        if indent.strip():
            yield f"{where}: # {mark} stands behind code; put it on a line of its own"
            return
        if (mark == BEGIN) == (begun is not None):
            there = f"the one of line {begun[0]} has no # {END}" if begun else f"no # {BEGIN} goes before it"
            yield f"{where}: # {mark}: {there}; solutions begin and end"
            return
        if begun and indent != begun[1]:
            yield f"{where}: # {END} is not indented like # {BEGIN} on line {begun[0]}; write one below the other"
            return
        begun = (number, indent) if mark == BEGIN else None
    if begun:
        yield f"{path}:{begun[0]}: # {BEGIN} has no # {END}; write where the solution ends"
