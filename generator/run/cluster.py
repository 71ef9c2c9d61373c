"""The workers of a Dask cluster: the package ``distributed`` is imported here and nowhere else."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from distributed import Client, Worker, WorkerPlugin

from generator.errors import RunError, first_line
from generator.project import KINDS
from generator.run import code, machine
from generator.run.keys import OPENING
from generator.run.work import THREADS, keep_file
from generator.run.workers import Local


class Cluster:
    """The workers of a Dask scheduler, for one kind of task; the others are for those at hand.

    Before anything is sent, each worker says what it is, and one that differs is refused.

    Args:
        address: of the scheduler, ``tcp://host:8786``.
        sent: the function whose calls are sent.
        at_hand: who does everything else.
        files: what the workers must have, by its SHA-256.

    Raises:
        RunError: there is no scheduler, no worker, or one that differs.
    """

    def __init__(self, address: str, sent: Callable[..., Any], at_hand: Local, files: Mapping[str, bytes]) -> None:
        self._sent, self._at_hand = sent, at_hand
        try:
            self._client = Client(address, timeout=10)
        except (OSError, TimeoutError, ValueError) as error:
            raise RunError(
                f"SCHEDULER={address}: no scheduler answers there ({first_line(error)}); start one: dask scheduler"
            ) from None
        try:
            self._check(address)
            for content in files.values():
                self._client.register_plugin(Bringing(content))
        except BaseException:
            self._client.close()
            raise
        self.size = sum(self._client.nthreads().values())
        self._executor: Executor = self._client.get_executor(pure=False)

    def _check(self, address: str) -> None:
        if refused := self._refused():
            raise RunError(f"SCHEDULER={address}: {refused}")

    def _refused(self) -> str:
        """Why results would not be the same bits on this cluster; nothing if they would."""
        try:
            theirs: dict[str, dict[str, str]] = self._client.run(likeness)
        except Exception as error:  # noqa: BLE001  # whatever a worker without the package raises
            return f"its workers cannot run this project ({first_line(error)}); install it there"
        if not theirs:
            return "it has no workers; start some: dask worker ADDRESS --nthreads 1"
        for worker, threads in self._client.nthreads().items():
            if threads != 1:
                return f"worker {worker} does {threads} tasks at once; start it with --nthreads 1"
        ours = likeness()
        for worker, its in theirs.items():
            for key in ours:
                if its.get(key) != ours[key]:
                    return (
                        f"worker {worker} is not like this machine: {key} is {its.get(key, 'nothing')}, "
                        f"here {ours[key]}; results would not be the same bits"
                    )
        return ""

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Give out one task."""
        return self._executor.submit(task, *arguments) if task is self._sent else self._at_hand.submit(task, *arguments)

    def replace(self) -> None:
        """Start those at hand anew; what a dead worker had, the scheduler gives out again by itself."""
        self._at_hand.replace()

    def stop(self) -> None:
        """Take back what is not done."""
        self._at_hand.stop()
        self._executor.shutdown(wait=False)  # which cancels them
        self._client.close()


class Bringing(WorkerPlugin):
    """Puts a file on each worker, those that come later included.

    Args:
        content: of the file.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.name = hashlib.sha256(content).hexdigest()

    def setup(self, worker: Worker) -> None:  # noqa: ARG002  # Dask gives it
        """Called on the worker."""
        keep_file(self._content)


def likeness() -> dict[str, str]:
    """What must be alike on two machines for their results to be: code, versions, instructions, threads."""
    tasks = [f"generator.experiments.{path.parent.name}.{path.stem}" for path in sorted(KINDS.glob("*/*.py"))]
    computing = [module for module in tasks if module.endswith((".compute", ".tasks"))]
    modules = sorted({used for module in (*OPENING, *computing) for used in code.code_used(module)})
    lines = {f"code {module}": code.hash_of_module(module)[:12] for module in modules}
    lines |= {f"version of {package}": v for package, v in code.versions(tuple(modules)).items()}
    known = Path(tempfile.gettempdir()) / f"tp-instructions-{os.getuid() if hasattr(os, 'getuid') else 0}.json"
    lines |= {f"instructions of {part}": value for part, value in machine.instructions(known).items()}
    return lines | {THREADS[0]: os.environ.get(THREADS[0], "not set")}
