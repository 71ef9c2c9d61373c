"""How long a run would take with other numbers of workers: its recorded seconds, given out by the queue anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count

from generator.run.plan import Order
from generator.run.queue import Queue, ToCompute, ToShow


@dataclass(frozen=True)
class Costs:
    """What a run was measured to take, in seconds.

    Attributes:
        parts: each part, by its key.
        showing: each experiment, by its name.
        opening: before parts are given out: to start, and to look at the lab's networks one after the other.
        keeping: for the process that coordinates to take in one outcome; the workers share it.
    """

    parts: Mapping[str, float]
    showing: Mapping[str, float]
    opening: float
    keeping: float


def simulated(orders: list[Order], costs: Costs, workers: int) -> float:
    """Seconds that a run from nothing would take.

    Networks are looked at; then each worker takes what the queue gives out, and outcomes are taken in one by one.
    Workers are taken not to hinder one another, which cores that share memory do a little.

    Args:
        orders: all experiments.
        costs: of them.
        workers: how many.
    """
    queue = Queue(orders, missing=lambda _: True)
    free = [costs.opening] * workers
    heapify(free)
    under_way: list[tuple[float, int, ToCompute | ToShow]] = []
    numbers, now = count(), 0.0
    while True:
        while free and (entry := next(queue, None)) is not None:
            shown = isinstance(entry, ToShow)
            takes = costs.showing[entry.order.name] if isinstance(entry, ToShow) else costs.parts[entry.key]
            # Whoever computes has the next part at hand; what is to be shown is known only now.
            began = heappop(free)
            heappush(under_way, ((max(began, now) if shown else began) + takes, next(numbers), entry))
        if not under_way:
            return now
        finished, _, entry = heappop(under_way)
        heappush(free, finished)
        now = max(now, finished)
        if isinstance(entry, ToCompute):
            now += costs.keeping
            queue.computed(entry)
