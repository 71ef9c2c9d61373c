"""Where a programme is looked at on its way; apart from what labs say of it, on which no outcome may depend."""

from __future__ import annotations


def thirds(iterations: int) -> dict[str, int]:
    """Where a programme is looked at to see whether its length matters: names of measures, and iterations from 1.

    One of two iterations has one such place, and one of a single iteration none.
    """
    places = {"third": max(1, round(iterations / 3)), "two-thirds": round(2 * iterations / 3)}
    first = places["third"]
    return {name: place for name, place in places.items() if place < iterations and (name == "third" or place > first)}
