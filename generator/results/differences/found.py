"""What a comparison finds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from generator.results.artefacts import Cell, Metric

Status = Literal["changed", "new", "gone"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class VerdictChange(_Record):
    """A claim whose verdict is another one, or that only one side makes.

    Attributes:
        question: its number.
        says: the claim, as the new side words it.
        metric: EXPERIMENT/METRIC that decides; None if none does.
        before, after: verdicts; None on the side that does not make the claim.
        rule_before, rule_after: « confirmed > 1.5, refuted < 1 »; empty where there is none.
        measure_before, measure_after: what decided.
    """

    question: int
    says: str
    metric: str | None
    before: str | None
    after: str | None
    rule_before: str
    rule_after: str
    measure_before: Metric | None
    measure_after: Metric | None


class MeasureChange(_Record):
    """A measure whose value, interval, sample or unit is another one, or that one side lacks.

    Attributes:
        name: EXPERIMENT/METRIC.
        label: for the reader.
        before, after: the measures.
        change: new value less the old one; None where one side lacks it.
        reaches: the change, counted in distances from the old value to the end of its confidence interval on that
            side; None where there is no interval, or one without a width.
        within: whether the new value lies in the old interval; None where there is none.
    """

    name: str
    label: str
    before: Metric | None
    after: Metric | None
    change: float | None
    reaches: float | None
    within: bool | None


class PictureChange(_Record):
    """A picture that looks different, or that one side lacks.

    Attributes:
        file: its name in the experiment's folder.
        status: ``changed``, ``new`` or ``gone``.
        pixels: how many differ; None for a chart, whose text differs, where sizes differ, and where one side is a
            website, of which only hashes are compared.
        of: how many there are.
        largest: largest difference of a channel, 1 to 255.
        sizes: widths and heights before and after, where they differ.
    """

    file: str
    status: Status
    pixels: int | None = None
    of: int | None = None
    largest: int | None = None
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None


class ArrayChange(_Record):
    """An array of exact values that differs.

    Attributes:
        name: in the figure's ``.npz``.
        status: ``changed``, ``new`` or ``gone``.
        values: how many differ; None where shapes differ, and where one side is a website: then the file is named.
        of: how many there are.
        largest: largest absolute difference; None where it is no number.
        shapes: before and after, where they differ.
    """

    name: str
    status: Status
    values: int | None = None
    of: int | None = None
    largest: float | None = None
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None


class FigureChange(_Record):
    """A figure, EXPERIMENT/FIGURE, of which pictures or arrays differ."""

    name: str
    title: str
    status: Status
    pictures: tuple[PictureChange, ...] = ()
    arrays: tuple[ArrayChange, ...] = ()


class FilmChange(_Record):
    """A film, EXPERIMENT/FILM, of which frames or scores differ.

    Attributes:
        frames: those that differ.
        of: how many frames there are now.
        scores: how many scores differ.
        largest_score: largest difference of two scores; None where none differs.
    """

    name: str
    title: str
    status: Status
    frames: tuple[PictureChange, ...] = ()
    of: int = 0
    scores: int = 0
    largest_score: float | None = None


class CellChange(_Record):
    """A cell of a table; of a grid, with the measure it holds."""

    row: str
    column: str
    measure: str
    status: Status
    before: Cell
    after: Cell


class TableChange(_Record):
    """A table or a grid, EXPERIMENT/TABLE, of which cells differ; ``of`` says how many cells there are."""

    name: str
    caption: str
    status: Status
    cells: tuple[CellChange, ...] = ()
    of: int = 0


class Note(_Record):
    """Something else that manifests say differently; it decides nothing.

    Attributes:
        what: where it stands in a manifest: « provenance versions torch ».
        before, after: what it says; None where it says nothing.
        experiments: of which this is so.
    """

    what: str
    before: str | None
    after: str | None
    experiments: tuple[str, ...]


class Compared(_Record):
    """How many there were to compare."""

    experiments: int
    verdicts: int
    measures: int
    figures: int
    films: int
    tables: int


class Differences(_Record):
    """All that differs between two sides.

    Attributes:
        version: of this schema.
        old, new: the folders, as they were given.
        compared: how many there were.
        experiments_gone, experiments_new: names of those that one side lacks; what they hold is not told again.
        verdicts, measures, figures, films, tables: what decides.
        remarks: what a reader should know about the two folders; they decide nothing.
        notes: what else differs; it decides nothing.
    """

    version: Literal[1] = 1
    old: str
    new: str
    compared: Compared
    experiments_gone: tuple[str, ...]
    experiments_new: tuple[str, ...]
    verdicts: tuple[VerdictChange, ...]
    measures: tuple[MeasureChange, ...]
    figures: tuple[FigureChange, ...]
    films: tuple[FilmChange, ...]
    tables: tuple[TableChange, ...]
    remarks: tuple[str, ...]
    notes: tuple[Note, ...]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way
    @property
    def identical(self) -> bool:
        """Whether nothing differs of what decides."""
        changes = (self.verdicts, self.measures, self.figures, self.films, self.tables)
        return not any((*changes, self.experiments_gone, self.experiments_new))
