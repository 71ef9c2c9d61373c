"""How far a run is: passes of all workers, what was done last, and the time left."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from tqdm import tqdm

from generator.experiments.base import Part
from generator.run.store import Made


class Progress:
    """A bar on the terminal; in a log file, a line now and then.

    The time left is not a matter of passes alone: one through a larger network takes longer, and what stops early
    needs fewer than it might. So it is foretold from the parts of the same task and networks that are done, and from
    all parts where there is none.

    Args:
        parts: key of each part that is to be computed, the part, and what it is called.
        shows: how many experiments are to be shown.
        workers: how many work at once.
    """

    def __init__(self, parts: Sequence[tuple[str, Part, str]], shows: int, workers: int) -> None:
        self._parts = {key: (part, title) for key, part, title in parts}
        self._shows, self._workers = shows, workers
        self._rates: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._began = time.monotonic()
        self._bar = tqdm(
            total=sum(part.likely for part, _ in self._parts.values()),
            unit="pass",
            mininterval=0.2 if sys.stderr.isatty() else 20,
            dynamic_ncols=True,
            bar_format="{desc:<30.30} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} passes, {elapsed}{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def computed(self, key: str, made: Made) -> None:
        """A part is done."""
        part, title = self._parts.pop(key)
        for kind in (_kind(part), ()):
            self._rates[kind][0] += made.seconds
            self._rates[kind][1] += part.likely
        self._bar.total += made.passes - part.likely
        self._bar.set_description_str(title, refresh=False)
        self._bar.set_postfix_str(f"about {_clock(self._left())} left", refresh=False)
        self._bar.update(made.passes)

    def lost(self, key: str) -> None:
        """A part failed."""
        part, _ = self._parts.pop(key)
        self._bar.total -= part.likely
        self._bar.refresh()

    def shown(self) -> None:
        """An experiment is shown."""
        self._shows -= 1

    def _left(self) -> float:
        """Seconds until all parts are done."""
        seconds, passes = self._rates[()]
        usual = seconds / max(passes, 1)
        left = 0.0
        for part, _ in self._parts.values():
            known, counted = self._rates.get(_kind(part), (0.0, 0.0))
            left += part.likely * (known / counted if counted else usual)
        return left / self._workers


def _kind(part: Part) -> tuple[str, ...]:
    return (part.task, *(use.name for use in part.networks))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
