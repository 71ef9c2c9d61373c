"""What can go wrong by the user's hand; the command line prints these and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

NO_BREAKS = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"

LONGEST = 800
"""Letters of a line; what is longer is some input of the user's, repeated."""


class LabError(Exception):
    """One or more mistakes in what the user gave, each told in one line, whatever it repeats of that."""

    def __init__(self, *problems: str) -> None:
        self.problems = tuple(map(one_line, problems))
        super().__init__("\n".join(self.problems))


def one_line(problem: str) -> str:
    """A message without line breaks and signs that a terminal obeys; its middle left out if it is long."""
    visible = "".join(
        sign if sign.isprintable() or sign in NO_BREAKS else sign.encode("unicode_escape").decode() for sign in problem
    )
    half = LONGEST // 2
    return visible if len(visible) <= LONGEST else f"{visible[:half]} […] {visible[-half:]}"


class MismatchError(LabError):
    """A file is there, but is another one than the lab says."""


class RunError(Exception):
    """A step that failed although its input was right; what was computed before it is kept."""


class Terminated(KeyboardInterrupt):
    """The system asks the process to end (SIGTERM): it ends as by Ctrl-C."""


def first_line(error: BaseException, longest: int = 160) -> str:
    """The first line of an error's message, so many characters of it at most; empty if it has none."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # somebody else's error may fail to say what it is
        message = ""
    return (message.splitlines() or [""])[0][:longest]


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Return « ; did you mean "x"? » for the known word nearest to ``word``, or an empty string."""
    from difflib import get_close_matches

    # The first of several that differ in capitals only.
    spelt = {str(k).casefold(): str(k) for k in reversed([*known])}
    near = get_close_matches(str(word).casefold(), spelt, n=1, cutoff=0.6)
    return f'; did you mean "{spelt[near[0]]}"?' if near else ""
