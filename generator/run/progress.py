"""How far a run is: passes of all workers, what was done last, and the time left."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tqdm import tqdm

from generator.run.queue import ToCompute, sort
from generator.run.store import Made


@dataclass
class _Rate:
    """What parts of a sort were seen to take."""

    parts: int = 0
    likely: int = 0
    passes: int = 0
    seconds: float = 0.0

    def learn(self, likely: int, made: Made) -> None:
        self.parts += 1
        self.likely += likely
        self.passes += made.passes
        self.seconds += made.seconds

    @property
    def per_likely_pass(self) -> float:
        """Seconds; one part says little of how many passes are made: beside it counts half of one that makes all."""
        if not self.likely or not self.passes:
            return 0.0
        half = self.likely / self.parts / 2
        return (self.passes + half) / (self.likely + half) * self.seconds / self.passes


class Progress:
    """A bar on the terminal; in a log file, a line now and then.

    The time left is not a matter of passes alone: one through a larger network takes longer, and what stops early
    needs fewer than it might. So it is foretold from the parts of the same task and networks that are done, and from
    all parts where there is none.

    Args:
        parts: what is to be computed.
        workers: how many work at once.
    """

    def __init__(self, parts: Sequence[ToCompute], workers: int) -> None:
        self._left_over = {entry.key: entry.part for entry in parts}
        self._workers = workers
        self._rates: dict[tuple[str, ...], _Rate] = defaultdict(_Rate)
        self._total = sum(part.likely for part in self._left_over.values())
        self._bar = tqdm(
            total=self._total,
            unit="pass",
            disable=not parts,
            mininterval=0.2 if sys.stderr.isatty() else 20,
            dynamic_ncols=True,
            bar_format="{desc:<30.30} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} passes, {elapsed}{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def computed(self, entry: ToCompute, made: Made) -> None:
        """A part is done."""
        for which in (sort(entry.part), ()):
            self._rates[which].learn(entry.part.likely, made)
        self._drop(entry, made.passes)
        self._bar.set_description_str(entry.title, refresh=False)
        self._bar.set_postfix_str(f"about {_clock(self.left)} left", refresh=False)
        self._bar.update(made.passes)

    def lost(self, entry: ToCompute) -> None:
        """A part failed."""
        self._drop(entry, 0)
        self._bar.refresh()

    def _drop(self, entry: ToCompute, passes: int) -> None:
        self._total += passes - self._left_over.pop(entry.key).likely
        self._bar.total = self._total

    @property
    def left(self) -> float:
        """Seconds until all parts are done."""
        left = 0.0
        for part in self._left_over.values():
            rate = self._rates.get(sort(part))
            left += part.likely * (rate if rate and rate.passes else self._rates[()]).per_likely_pass
        return left / self._workers


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
