"""In which order things are done: the longest parts first, and each experiment shown once its parts are there.

Before them comes a short part of each sort, for what it takes foretells the time of all others of its sort.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from generator.experiments.base import Part
from generator.run.keys import part_text
from generator.run.plan import Order


@dataclass(frozen=True)
class ToCompute:
    """A part that several experiments may wait for.

    Attributes:
        key: of the part.
        part: it.
        title: what it is called, for the experiment that asked first.
    """

    key: str
    part: Part
    title: str


@dataclass(frozen=True)
class ToShow:
    """An experiment all of whose parts are there."""

    order: Order


def sort(part: Part) -> tuple[str, ...]:
    """What parts have in common that take about as long for each pass: their task and their networks."""
    return (part.task, *(use.name for use in part.networks))


def in_order(parts: Iterable[ToCompute]) -> list[ToCompute]:
    """A short part of each sort, the shortest first, and then the others, the longest first."""
    longest_first = sorted(parts, key=lambda entry: -entry.part.likely)
    samples = {sort(entry.part): entry for entry in longest_first}  # the last of each sort is its shortest
    shortest_first = [entry for entry in reversed(longest_first) if samples[sort(entry.part)] is entry]
    return shortest_first + [entry for entry in longest_first if samples[sort(entry.part)] is not entry]


class Queue:
    """What is to be done, and what waits for it.

    Args:
        orders: the experiments that are due.
        missing: says of the key of a part whether it must be computed.
    """

    def __init__(self, orders: list[Order], missing: Callable[[str], bool]) -> None:
        parts: dict[str, ToCompute] = {}
        self._orders = {order.name: order for order in orders}
        self._wanted: dict[str, set[str]] = {name: set() for name in self._orders}
        there: set[str] = set()
        for name, order in self._orders.items():
            for part, key in order.needs.keys.items():
                if key in there or (key not in parts and not missing(key)):
                    there.add(key)
                    continue
                parts.setdefault(key, ToCompute(key, order.needs.parts[part], f"{name} {part_text(part)}"))
                self._wanted[name].add(key)
        self._parts = deque(in_order(parts.values()))
        self._complete = deque(order for name, order in self._orders.items() if not self._wanted[name])

    @property
    def parts(self) -> tuple[ToCompute, ...]:
        """What is still to be computed, in order."""
        return tuple(self._parts)

    def __iter__(self) -> Iterator[ToCompute | ToShow]:
        return self

    def __next__(self) -> ToCompute | ToShow:
        """What comes next; StopIteration while there is nothing, until something else is done."""
        if self._complete:
            return ToShow(self._complete.popleft())
        while self._parts:
            entry = self._parts.popleft()
            if any(entry.key in wanted for wanted in self._wanted.values()):
                return entry
        raise StopIteration

    def computed(self, entry: ToCompute) -> None:
        """A part is there."""
        for name, wanted in self._waiting_for(entry).items():
            wanted.discard(entry.key)
            if not wanted:
                self._complete.append(self._orders[name])

    def lost(self, entry: ToCompute) -> list[str]:
        """A part cannot be had: names of the experiments that cannot be shown; what they alone want is dropped."""
        names = list(self._waiting_for(entry))
        for name in names:
            self._wanted[name].clear()
        return names

    def _waiting_for(self, entry: ToCompute) -> Mapping[str, set[str]]:
        return {name: wanted for name, wanted in self._wanted.items() if entry.key in wanted}
