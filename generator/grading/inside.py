"""What runs in the process of one student's notebook: its cells, and the lab's own checks between them.

It reads a job from its standard input and writes reports, a line each, to what was its standard output. Nothing that a
student prints goes there: before the first cell runs, the standard output and the errors are turned into nothing.

What a check calls is the lab's: its own classroom, what its own first cells defined, and the modules as they were
before any student's line ran. Of the student it takes what is left: the functions. Python cannot keep secrets from
Python, so this holds against accidents and simple tricks, and not against somebody who attacks it.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from generator.errors import LONGEST, first_line

MEMORY = 4 << 30
"""Bytes that a notebook may take for its data, where the system can hold it to that."""
FILE = 1 << 30
"""Bytes of the largest file that it may write."""
CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate",
    "os.utime",
}  # fmt: skip
"""Events of Python's audit by which files change, beside being opened: their first arguments are paths."""


class Reports:
    """The way out, which nothing that a notebook prints takes.

    Args:
        token: begins each line, so that the reader knows who wrote it.
    """

    def __init__(self, token: str) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._token = token
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)

    def tell(self, **report: object) -> None:
        """Write a line now, whatever happens next."""
        # On a line of its own, even if somebody wrote here.
        self._out.write(f"\n{self._token} {json.dumps(report)}\n")
        self._out.flush()


def main() -> None:
    """Run the job of the standard input; end this process with all its threads."""
    job = json.load(sys.stdin)
    reports = Reports(job.pop("token"))
    run(job, reports)
    reports.tell(done=True)
    os._exit(0)


def run(job: Mapping[str, Any], reports: Reports) -> None:
    """Run a notebook's cells.

    Args:
        job: ``lab`` and ``data``, what a classroom opens; ``setup``, the sources of the lab's cells that come before
            what students write; ``cells``, in order: each has the ``source`` of a student's cell, or that of a lab's
            ``check`` with its number.
        reports: where it goes: ``ready``, then an ``error`` or a verdict on a ``check`` for each.
    """
    import matplotlib.pyplot as plt
    import torch

    from generator import classroom

    theirs = _opening(classroom.Classroom, job)
    classroom.Classroom = _opening(classroom.Classroom, job)  # type: ignore[misc]
    official: dict[str, Any] = {"__builtins__": builtins, "__name__": "__main__"}
    try:
        for source in job["setup"]:
            exec(compile(source, "<setup>", "exec"), official)  # noqa: S102  # the lab's own
    except Exception as error:  # noqa: BLE001  # a lab's worksheet may do anything
        reports.tell(setup=f"{type(error).__name__}: {first_line(error)}")
        return
    classroom.Classroom = theirs  # type: ignore[misc]
    kept = [(module, dict(vars(module))) for module in (builtins, torch, classroom)]
    shell = _shell()
    sys.path.append(str(Path.cwd()))  # what a student wrote beside, after everything that was there
    _limit()
    _guard(Path.cwd().parent)
    reports.tell(ready=True)
    for cell in job["cells"]:
        if cell["check"] is None:
            outcome = shell.run_cell(cell["source"], store_history=False)
            raised = outcome.error_before_exec or outcome.error_in_exec
            if raised is not None:
                reports.tell(error=_told(raised))
        else:
            for module, names in kept:
                vars(module).update(names)
            reports.tell(check=cell["check"], error=_failure(cell["source"], official, shell.user_ns))
        with suppress(Exception):
            plt.close("all")


def _opening(base: type[Any], job: Mapping[str, Any]) -> type[Any]:
    """A classroom of the instructor's lab, whatever a notebook asks it to open: students work elsewhere."""

    class Classroom(base):  # type: ignore[misc]
        def __init__(self, *_: object, **__: object) -> None:
            super().__init__(job["lab"], job["data"])

    return Classroom


def _failure(source: str, official: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any] | None:
    """What a check of the lab raises; what it defines is there for the cells after it.

    Args:
        source: of its cell.
        official: what the lab's own cells defined.
        given: what the notebook did. A name of Python itself stays Python's.
    """
    names = {name: value for name, value in given.items() if not hasattr(builtins, name)}
    names.update(official)
    failure = None
    try:
        exec(compile(source, "<check>", "exec"), names)  # noqa: S102  # the lab's own
    except BaseException as error:  # noqa: BLE001  # a student's function may raise anything, an exit too
        failure = _told(error)
    given.update({name: value for name, value in names.items() if name not in official})
    return failure


def _told(error: BaseException) -> dict[str, Any]:
    """What is known of an error, in plain values: its sort, its message, the student's line where it was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "ipython-input" in frame.filename]
    return {
        "kind": type(error).__name__,
        "message": first_line(error, LONGEST),
        "memory": isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error),
        "number": frames[-1].lineno if frames else None,
        "line": (frames[-1].line or "") if frames else "",
    }


def _shell() -> Any:
    """What runs a notebook's cells, with all that a notebook may write beside Python (``%time``, ``!ls``, await)."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    settings = Config()
    settings.HistoryManager.enabled = False
    return InteractiveShell.instance(config=settings)


def _limit() -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has none
    for what, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_FSIZE, FILE)):
        _, hard = resource.getrlimit(what)
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (most, hard))


def _guard(scratch: Path) -> None:
    """Refuse what Python itself would do in this process from now on: connect, change files outside a folder."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CONNECTS:
            _refuse_connection(event, arguments)
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
                _refuse_outside(path, scratch)
        elif event in CHANGES:
            for path in arguments[: 2 if event in {"os.rename", "os.link"} else 1]:
                _refuse_outside(path, scratch)

    sys.addaudithook(watch)


def _refuse_connection(event: str, arguments: tuple[Any, ...]) -> None:
    # An address that is a path leads to a process of this machine.
    if event.startswith("socket.get") or not isinstance(arguments[-1], str | bytes):
        raise PermissionError("no network while notebooks are graded")


def _refuse_outside(path: object, scratch: Path) -> None:
    if not isinstance(path, str | bytes):
        return  # a file that is open already
    name = os.fsdecode(path)
    if name != os.devnull and not Path(os.path.realpath(name)).is_relative_to(os.path.realpath(scratch)):
        raise PermissionError(f"{name}: notebooks that are graded write into their own folder only")


if __name__ == "__main__":
    main()
