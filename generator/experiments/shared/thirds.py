"""Where a programme is looked at on its way; apart from what labs say of it, on which no outcome may depend."""

from __future__ import annotations


def thirds(iterations: int) -> tuple[int, ...]:
    """After a third of a programme and after two: where it is looked at to see whether its length matters."""
    return tuple(sorted({max(1, round(iterations * part / 3)) for part in (1, 2)} - {iterations}))
