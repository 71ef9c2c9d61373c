"""A process of its own for each notebook: what it may use, how long, and its end with all that it started."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from generator.project import ROOT
from generator.run.work import THREADS

START = 300
"""Seconds until the lab must be open in a new process, on a machine that has much to do."""
_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")
"""On Linux, for whoever asks: a process without network, that sees files its own way and takes its children with it."""
_SEAL = """
scratch=$1; shift
mount --bind "$scratch" "$scratch" || exit 125
while [ "$1" != -- ]; do
  mount --rbind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 125
  shift
done
shift
exec "$@"
"""
"""What such a process begins with: some folders can only be read from now on."""


@dataclass
class Ended:
    """How a notebook's process ended.

    Attributes:
        reports: what it told, in order.
        seconds: that it ran, from when the lab was open.
        late: it was ended since its time was over.
        status: its exit status.
    """

    reports: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    late: bool = False
    status: int | None = None


class Apart:
    """Where notebooks are run.

    Args:
        sealed: folders that no notebook may change.
        threads: that one may use.
    """

    def __init__(self, sealed: Iterable[Path], threads: int) -> None:
        self._sealed = [str(path.resolve()) for path in sealed if path.is_dir()]
        self._threads = threads
        self._running: set[subprocess.Popen[str]] = set()
        self._over = False
        self.closed_off = self._can_close_off()

    def run(self, job: Mapping[str, Any], files: Path | None, limit: float) -> Ended:
        """Run one notebook in a folder that is thrown away.

        Args:
            job: what :func:`generator.grading.inside.run` wants.
            files: a folder whose files it finds beside itself, in copies; none if left out.
            limit: seconds that it may run.
        """
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as name:
            scratch = Path(name)
            work = scratch / "work"
            if files is None:
                work.mkdir()
            else:
                shutil.copytree(files, work, ignore=_links_and_hidden)
            (scratch / "tmp").mkdir()
            return self._run(json.dumps({**job, "token": (token := secrets.token_hex())}), token, scratch, limit)

    def stop(self) -> None:
        """End all that runs, and start nothing more."""
        self._over = True
        for process in list(self._running):
            _end(process)

    def _run(self, job: str, token: str, scratch: Path, limit: float) -> Ended:
        ended, ready = Ended(), threading.Event()

        def listen(lines: IO[str]) -> None:
            with lines:
                for line in lines:
                    mark, _, report = line.partition(" ")
                    if mark == token:
                        ended.reports.append(json.loads(report))
                        ready.set()
            ready.set()

        with self._started(scratch) as process:
            listener = threading.Thread(target=listen, args=(process.stdout,), daemon=True)
            listener.start()
            assert process.stdin  # noqa: S101  # for the type checker
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(job)
            ready.wait(START)
            begun = time.monotonic()
            try:
                ended.status = process.wait(limit)
            except subprocess.TimeoutExpired:
                ended.late = not self._over
            ended.seconds = time.monotonic() - begun
        listener.join(5)  # where children cannot be ended, one may keep the pipe
        return ended

    @contextmanager
    def _started(self, scratch: Path) -> Iterator[subprocess.Popen[str]]:
        # -P: no module of a student's takes the place of another.
        command = [sys.executable, "-P", "-m", "generator.grading.inside"]
        own = {
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            "MPLBACKEND": "Agg",
            "TMPDIR": str(scratch / "tmp"),
            "IPYTHONDIR": str(scratch / "tmp"),
            **dict.fromkeys(THREADS, str(self._threads)),
        }
        process = subprocess.Popen(
            [*(self._around(scratch) if self.closed_off else ()), *command],
            cwd=scratch / "work",
            env=os.environ | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._running.add(process)
        try:
            if self._over:
                _end(process)
            yield process
        finally:
            _end(process)
            self._running.discard(process)

    def _around(self, scratch: Path) -> list[str]:
        return [*_UNSHARE, "sh", "-c", _SEAL, "sh", str(scratch.resolve()), *self._sealed, "--"]

    def _can_close_off(self) -> bool:
        """Whether this system closes processes off, as it does for anybody on most Linux machines."""
        if shutil.which(_UNSHARE[0]) is None:
            return False
        with tempfile.TemporaryDirectory() as scratch:
            tried = subprocess.run(
                [*self._around(Path(scratch)), "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        return tried.returncode == 0


def _links_and_hidden(folder: str, names: list[str]) -> list[str]:
    """What is not copied: a link may lead to a file that is nobody's to change."""
    return [name for name in names if name.startswith(".") or Path(folder, name).is_symlink()]


def _end(process: subprocess.Popen[str]) -> None:
    """End a process with its group; where it is closed off, with everything that it ever started."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
