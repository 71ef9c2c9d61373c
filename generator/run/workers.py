"""Who computes: processes of this machine, or a cluster; nothing else in the project knows which.

Both are a :class:`concurrent.futures.Executor`. A worker that dies is replaced, and what it had is given out again.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol

from generator.errors import LabError
from generator.run import machine
from generator.run.work import one_thread

NEED_MIB = 1024
"""What one worker is taken to need while none was measured."""
BEGINNING = 5.0
"""Seconds that a worker takes until it computes: it loads PyTorch, and lays out networks."""
DEATHS = 3
"""How often a worker may die over the same task."""


class Crew(Protocol):
    """Those who compute."""

    @property
    def size(self) -> int:
        """How many tasks can be under way at once."""

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Give out one task."""

    def replace(self) -> None:
        """Start anew: after a worker has died, or has done what the next ones need not know of."""

    def stop(self) -> None:
        """End all workers at once."""


def how_many(asked: int | None, need_mib: float, seconds: float = math.inf) -> int:
    """Number of local workers: the one asked for, or as many as there are cores, memory and work for.

    Args:
        asked: by the user.
        need_mib: the most that one worker was measured to need, in MiB; 0 if none was.
        seconds: how long one would take for all there is to do, roughly.
    """
    if asked is not None:
        return asked
    room = min(machine.cores(), int(machine.free_mib() // (need_mib or NEED_MIB)))
    return max(1, min(room, 1 + int(min(seconds / BEGINNING, room))))


class Local:
    """Processes of this machine, each on one thread.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        one_thread()
        self._pool = self._started()

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.size, multiprocessing.get_context("spawn"), _begin, (os.getpid(),))

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Give out one task; the processes start with the first one."""
        # They inherit what is held back: Ctrl-C in a terminal goes to all, but only this process shall act on it.
        with _held_back(signal.SIGINT):
            return self._pool.submit(task, *arguments)

    def replace(self) -> None:
        """Start anew."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._started()

    def stop(self) -> None:
        """End all processes, in the middle of what they do."""
        for process in multiprocessing.active_children():
            process.kill()
        # Waited for: a pool that is still ending when Python does may end in a traceback of its own.
        self._pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """Begin a worker's life: deaf to Ctrl-C, and not longer than its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _held_back(signum: signal.Signals) -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signum})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def done(crew: Crew, waiting: Callable[[], tuple[Any, Callable[..., Any], Any] | None]) -> Iterator[tuple[Any, Any]]:
    """Have tasks done, as many at a time as the crew can.

    Args:
        crew: who does them.
        waiting: the next task: what stands for it, the function, its argument; None while there is none. It is
            asked again after each result, which may have made more.

    Yields:
        What stands for a task, and its result, or the exception that it ended in.
    """
    under_way: dict[Future[Any], tuple[Any, Callable[..., Any], Any]] = {}
    again: list[tuple[Any, Callable[..., Any], Any]] = []
    deaths: dict[int, int] = {}
    while True:
        broken = False
        # One more than can be done at once, so that none waits for the next; what was under way at a death, alone, so
        # that none dies for another.
        alone = bool(again) or any(id(entry) in deaths for entry in under_way.values())
        room = 0 if alone else crew.size
        while not broken and len(under_way) <= room and (entry := again.pop() if again else waiting()):
            try:
                under_way[crew.submit(*entry[1:])] = entry
            except BrokenExecutor:
                again.append(entry)
                broken = True
        if not under_way and not broken:
            return
        finished = set(wait(under_way, return_when=FIRST_COMPLETED).done)
        if broken or any(isinstance(future.exception(), BrokenExecutor) for future in finished):
            # One death ends all that is under way; what was done before it is kept.
            finished, broken = set(wait(under_way).done), True
        for future in finished:
            entry = under_way.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                deaths[id(entry)] = deaths.get(id(entry), 0) + 1
                if deaths[id(entry)] < DEATHS:
                    again.append(entry)
                    continue
                error = LabError(f"its worker was killed {DEATHS} times; is memory short? try WORKERS=1")
            deaths.pop(id(entry), None)
            yield entry[0], error if error is not None else future.result()
        if broken:
            crew.replace()
