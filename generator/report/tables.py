"""How a page shows tables: their numbers written out, and how dark each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from generator.results.artefacts import Grid, Measure, Table

Cell = tuple[str, float | None]
"""What stands in a cell, and how dark it is, from 0 to 1; None where there is no number."""


@dataclass(frozen=True)
class TableView:
    """A table as a page shows it.

    Attributes:
        table: the manifest's.
        anchor: its name on the page.
        said: the words of the link that shows it; may be empty.
        leads: the address of a picture, by its name.
    """

    table: Table
    anchor: str
    said: str
    leads: Callable[[str], str]

    @cached_property
    def lowest(self) -> float:
        """The lowest of its numbers; 0 if it has none."""
        return min(self._numbers, default=0)

    @cached_property
    def highest(self) -> float:
        """The highest of its numbers; 0 if it has none."""
        return max(self._numbers, default=0)

    @property
    def _numbers(self) -> list[float]:
        return [value for row in self.table.rows for value in row if isinstance(value, int | float)]


@dataclass(frozen=True)
class GridView:
    """A grid as a page shows it.

    Attributes:
        grid: the manifest's.
        anchor: its name on the page.
        said: the words of the link that shows it; may be empty.
        leads: the address of a picture, by its name.
        base: leads from the page to the pictures' files.
        measures: for each, its cells row by row.
    """

    grid: Grid
    anchor: str
    said: str
    leads: Callable[[str], str]
    base: str
    measures: tuple[tuple[tuple[Cell, ...], ...], ...]

    @cached_property
    def pictures(self) -> tuple[tuple[str, ...], ...]:
        """Name of each cell's picture, without its suffix; empty where it has none."""
        return tuple(tuple(Path(file or "").stem for file in row) for row in self.grid.links)

    @property
    def looked_up(self) -> dict[str, object]:
        """What the script needs to show another measure, and all measures of a cell."""
        return {
            "measures": [
                {"label": measure.label, "cells": cells}
                for measure, cells in zip(self.grid.measures, self.measures, strict=True)
            ],
            "remarks": self.grid.remarks,
            "pictures": self.pictures,
            "base": self.base,
        }


def shaded(
    measure: Measure, remarks: Sequence[Sequence[str | None]], written: Callable[[float | None], str]
) -> tuple[tuple[Cell, ...], ...]:
    """Numbers as they are written, each with its shade between the lowest and the highest shown."""
    cells = [list(zip(*both, strict=True)) for both in zip(measure.values, remarks, strict=True)]
    seen = [value for row in cells for value, remark in row if value is not None and not remark]
    low, high = min(seen, default=0), max(seen, default=0)

    def shade(value: float | None, remark: str | None) -> float | None:
        return None if value is None or remark else round((value - low) / ((high - low) or 1), 2)

    return tuple(tuple((written(value), shade(value, remark)) for value, remark in row) for row in cells)
