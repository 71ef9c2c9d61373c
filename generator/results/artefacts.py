"""What an experiment gives: figures, films, tables, metrics; and their manifest on disk.

``manifest.json`` is the only thing that the half that computes and the half that writes pages
share. It is written last, in a folder that takes its place in one move: a manifest that can be read
describes files that are all there.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from generator.atomic import write_atomically
from generator.charts import Chart
from generator.images import Pixels
from generator.statistics import Estimate

MANIFEST = "manifest.json"
YES_NO = "yes/no"
"""Unit of a metric that is 1 or 0."""


class _Record(BaseModel):
    # What is no number would be written as null, and never be read again.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Scale(_Record):
    """What the shades of a picture mean.

    Attributes:
        palette: ``grey`` runs from black through middle grey to white, ``hot`` from black through red to white.
        low, high: values of its two ends.
    """

    palette: Literal["grey", "hot"]
    low: float
    high: float


class Picture(_Record):
    """One image file: a lossless PNG, a frame of a film in WebP, or a chart in SVG.

    Attributes:
        file: its name inside the experiment's folder.
        title: a few words shown over it; may be empty.
        alt: what is seen on it, in the lab's language.
        width, height: in pixels.
        sha256: of the file's bytes.
        scale: of what its shades stand for; None where it shows what a camera would.
        exact: whether each pixel matters, as where a change that nobody sees fools a network: it is shown as it is,
            for a compressed copy may fool no longer.
    """

    file: str
    title: str
    alt: str
    width: int
    height: int
    sha256: str
    scale: Scale | None = None
    exact: bool = False


class Metric(_Record):
    """A measured number.

    Attributes:
        name: unique within the experiment; what the prose and the claims refer to.
        label: what it is, in the lab's language.
        value: the number.
        unit: shown after it; may be empty.
        interval: bounds of its confidence interval; None where it is no estimate, or one of too few values.
        samples: number of what it was estimated from; None where it is no estimate.
    """

    name: str
    label: str
    value: float
    unit: str = ""
    interval: tuple[float, float] | None = None
    samples: int | None = None


class Neighbour(_Record):
    """What a figure is confused with.

    Attributes:
        title: of it, in the lab's language.
        figure: name of the figure that shows it, in the same experiment; None if none does.
        share: how often, in per cent.
    """

    title: str
    figure: str | None
    share: float


class Figure(_Record):
    """Pictures that are looked at together.

    Attributes:
        name: unique within the experiment; also the name of its files.
        title: shown above it.
        caption: what it shows and how to read it.
        columns: the pictures, column by column, each from top to bottom.
        thumbnail: file name of its most telling picture.
        arrays: name of the ``.npz`` file with the exact values behind the pictures.
        facts: what was measured on it.
        images: names of the photographs it was made from.
        seed: of every random number behind it; None where nothing is random.
        parts: keys of the outcomes it shows.
        parameters: everything else that decides how it looks.
        classes: titles of the classes it is about, beside those of its photographs.
        compare: pairs of its files, before and after, to be laid side by side under one edge.
        overlay: pairs of its files, of which the second can be laid over the first.
        neighbours: what it is confused with, most often first.
    """

    name: str
    title: str
    caption: str
    columns: tuple[tuple[Picture, ...], ...]
    thumbnail: str
    arrays: str
    facts: tuple[Metric, ...]
    images: tuple[str, ...]
    seed: int | None
    parts: tuple[str, ...] = ()
    parameters: dict[str, Any]
    classes: tuple[str, ...] = ()
    compare: tuple[tuple[str, str], ...] = ()
    overlay: tuple[tuple[str, str], ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, column after column."""
        return tuple(picture for column in self.columns for picture in column)


class Film(_Record):
    """An image's way through the iterations.

    Attributes:
        name: unique within the experiment.
        title: for the reader.
        figures: names of the figures that show moments of it; the thumbnail of the last is its end.
        iterations: the number of each frame; 0 is the start.
        total: length of the programme, in iterations.
        frames: one picture per number.
        scores: raw score of the target class before each step.
    """

    name: str
    title: str
    figures: tuple[str, ...]
    iterations: tuple[int, ...]
    total: int
    frames: tuple[Picture, ...]
    scores: tuple[float, ...]


Cell = str | int | float | Estimate | None
"""What stands in a cell: words, a number, a number with its interval; None where there is nothing to say."""


class Table(_Record):
    """Rows of numbers and words, each with as many cells as there are columns.

    Attributes:
        name: unique within the experiment.
        caption: for the reader.
        columns: headings.
        rows: of cells.
        links: for each cell the picture it leads to (its file), or None; empty if no cell leads anywhere.
        shaded: the numbers are shown as shades too, from the lowest to the highest.
    """

    # The bounds of its estimates have to be numbers too.
    model_config = ConfigDict(revalidate_instances="always")

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    links: tuple[tuple[str | None, ...], ...] = ()
    shaded: bool = False


class Measure(_Record):
    """What was measured in each cell of a grid.

    Attributes:
        label: what it is, with its unit, in the lab's language.
        values: a number for each cell, row by row; None where there was nothing to measure.
    """

    label: str
    values: tuple[tuple[float | None, ...], ...]


class Grid(_Record):
    """The same experiment on every pair of a row and a column, measured in several ways.

    Attributes:
        name: unique within the experiment, among tables too.
        caption: in the lab's language.
        corner: what rows and columns are.
        rows, columns: their titles.
        measures: the first is shown where nothing can be chosen.
        remarks: for each cell a word shown in place of its numbers, or None.
        links: for each cell the picture it leads to (its file), or None.
    """

    name: str
    caption: str
    corner: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    measures: tuple[Measure, ...]
    remarks: tuple[tuple[str | None, ...], ...]
    links: tuple[tuple[str | None, ...], ...]


class NetworkFacts(_Record):
    """Where a network came from.

    Attributes:
        as_made: why it ran as its library made it; None if the engine prepared it.
    """

    title: str
    architecture: str
    weights: str
    weights_sha256: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch: int
    as_made: str | None = None


class ImageFacts(_Record):
    """Where a photograph came from."""

    title: str
    label: int
    label_title: str
    file: str
    index: int | None
    sha256: str
    origin: str


class Provenance(_Record):
    """What all figures of an experiment have in common.

    Attributes:
        networks: in the order of the experiment.
        images: by name.
        versions: of the packages that had a part in it.
        machine: what decides the last bits: the device, and the instructions that torch and oneDNN use.
    """

    networks: tuple[NetworkFacts, ...]
    images: dict[str, ImageFacts]
    versions: dict[str, str]
    machine: dict[str, str]


class Manifest(_Record):
    """The contract: everything about one experiment's results that a page may say.

    Attributes:
        parts: key of the outcome of each of its parts, by what the part is called.
        fingerprint: what the results depend on, line by line; see :mod:`generator.run.keys`.
        files: SHA-256 of every file beside it.
    """

    version: Literal[3] = 3
    experiment: str
    kind: str
    title: str
    figures: tuple[Figure, ...]
    films: tuple[Film, ...]
    tables: tuple[Table, ...]
    grids: tuple[Grid, ...] = ()
    metrics: tuple[Metric, ...]
    provenance: Provenance
    parts: dict[str, str] = {}
    fingerprint: dict[str, str]
    files: dict[str, str] = {}

    def figure(self, name: str) -> Figure:
        """The figure of that name; KeyError if there is none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)

    def metric(self, name: str) -> Metric:
        """The metric of that name; KeyError if there is none."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    def table(self, name: str) -> Table:
        """The table of that name; KeyError if there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def grid(self, name: str) -> Grid | None:
        """The grid of that name, if there is one."""
        return next((grid for grid in self.grids if grid.name == name), None)


def read_manifest(folder: Path) -> Manifest | None:
    """Read an experiment's manifest; None if there is none, or one of another schema."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


class Recorder:
    """Collects what an experiment shows: its files, and what the manifest says of them. Nothing is written."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._figures: list[Figure] = []
        self._films: list[Film] = []
        self._tables: list[Table] = []
        self._grids: list[Grid] = []
        self._metrics: list[Metric] = []

    def picture(
        self, name: str, pixels: Pixels, *, alt: str, title: str = "", scale: Scale | None = None, exact: bool = False
    ) -> Picture:
        """Encode one lossless picture, uint8 (H, W, 3); ``alt`` says what is seen."""
        encoded = _encoded(Image.fromarray(pixels), "PNG", compress_level=6)
        return self._picture(f"{name}.png", encoded, pixels.shape[1::-1], title, alt, scale=scale, exact=exact)

    def drawing(self, name: str, chart: Chart, *, alt: str) -> Picture:
        """Take a chart as a picture."""
        return self._picture(f"{name}.svg", chart.svg.encode(), (chart.width, chart.height), "", alt)

    def figure(
        self,
        name: str,
        *,
        title: str,
        caption: str,
        columns: Sequence[Sequence[Picture]],
        thumbnail: Picture,
        arrays: Mapping[str, NDArray[Any]],
        images: Sequence[str],
        seed: int | None,
        parts: Sequence[str],
        parameters: Mapping[str, Any],
        facts: Sequence[Metric] = (),
        classes: Sequence[str] = (),
        compare: Sequence[tuple[Picture, Picture]] = (),
        overlay: Sequence[tuple[Picture, Picture]] = (),
        neighbours: Sequence[Neighbour] = (),
    ) -> None:
        """Record a figure, with the exact values behind its pictures; see :class:`Figure`."""
        self.files[f"{name}.npz"] = packed(arrays)
        self._figures.append(
            Figure(
                name=name,
                title=title,
                caption=caption,
                columns=tuple(tuple(column) for column in columns),
                thumbnail=thumbnail.file,
                arrays=f"{name}.npz",
                facts=tuple(facts),
                images=tuple(images),
                seed=seed,
                parts=tuple(parts),
                parameters=dict(parameters),
                classes=tuple(classes),
                compare=tuple((before.file, after.file) for before, after in compare),
                overlay=tuple((under.file, over.file) for under, over in overlay),
                neighbours=tuple(neighbours),
            )
        )

    def film(
        self,
        name: str,
        *,
        title: str,
        figures: Sequence[str],
        frames: Mapping[int, Pixels],
        total: int,
        scores: Sequence[float],
        alt: str,
    ) -> None:
        """Record a film; its frames, uint8 (H, W, 3), are for looking at and lightly compressed."""
        pictures = []
        for iteration, pixels in sorted(frames.items()):
            file = f"{name}-film-{iteration:04d}.webp"
            encoded = _encoded(Image.fromarray(pixels), "WEBP", quality=80, method=4)
            pictures.append(self._picture(file, encoded, pixels.shape[1::-1], f"{iteration} / {total}", alt))
        self._films.append(
            Film(
                name=name,
                title=title,
                figures=tuple(figures),
                iterations=tuple(sorted(frames)),
                total=total,
                frames=tuple(pictures),
                scores=tuple(round(score, 4) for score in scores),
            )
        )

    def table(
        self,
        name: str,
        *,
        caption: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        links: Sequence[Sequence[Picture | None]] = (),
        shaded: bool = False,
    ) -> None:
        """Record a table; see :class:`Table`."""
        self._tables.append(
            Table(
                name=name,
                caption=caption,
                columns=tuple(columns),
                rows=tuple(map(tuple, rows)),
                links=tuple(tuple(picture and picture.file for picture in row) for row in links),
                shaded=shaded,
            )
        )

    def grid(
        self,
        name: str,
        *,
        caption: str,
        corner: str,
        rows: Sequence[str],
        columns: Sequence[str],
        measures: Mapping[str, Sequence[Sequence[float | None]]],
        remarks: Sequence[Sequence[str | None]],
        links: Sequence[Sequence[Picture | None]],
    ) -> None:
        """Record a grid, its measures by their labels; see :class:`Grid`."""
        self._grids.append(
            Grid(
                name=name,
                caption=caption,
                corner=corner,
                rows=tuple(rows),
                columns=tuple(columns),
                measures=tuple(
                    Measure(label=label, values=tuple(map(tuple, values))) for label, values in measures.items()
                ),
                remarks=tuple(map(tuple, remarks)),
                links=tuple(tuple(picture and picture.file for picture in row) for row in links),
            )
        )

    def metric(self, name: str, value: float | Estimate, *, label: str, unit: str = "") -> Metric:
        """Record a measured number, or an estimate with its interval; see :class:`Metric`.

        Raises:
            ValueError: it is infinite or no number at all.
        """
        measured = value.value if isinstance(value, Estimate) else float(value)
        if not math.isfinite(measured):
            raise ValueError(f'the measure "{name}" came out as {measured}, which is no number')
        if isinstance(value, Estimate):
            metric = Metric(
                name=name,
                label=label,
                value=measured,
                unit=unit,
                interval=value.interval,
                samples=value.samples,
            )
        else:
            metric = Metric(name=name, label=label, value=measured, unit=unit)
        self._metrics.append(metric)
        return metric

    def manifest(
        self,
        *,
        experiment: str,
        kind: str,
        title: str,
        promised: Sequence[str],
        provenance: Provenance,
        parts: Mapping[str, str],
        fingerprint: Mapping[str, str],
    ) -> Manifest:
        """What was collected, figures in the order promised.

        Raises:
            KeyError: a figure that was promised was not made.
        """
        figures = {figure.name: figure for figure in self._figures}
        return Manifest(
            experiment=experiment,
            kind=kind,
            title=title,
            figures=tuple(figures[name] for name in promised),
            films=tuple(self._films),
            tables=tuple(self._tables),
            grids=tuple(self._grids),
            metrics=tuple(self._metrics),
            provenance=provenance,
            parts=dict(parts),
            fingerprint=dict(fingerprint),
            files={name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()},
        )

    def _picture(self, file: str, encoded: bytes, size: tuple[int, ...], title: str, alt: str, **more: Any) -> Picture:
        self.files[file] = encoded
        digest = hashlib.sha256(encoded).hexdigest()
        return Picture(file=file, title=title, alt=alt, width=size[0], height=size[1], sha256=digest, **more)


def publish(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Put an experiment's results in their place, all of them in one move.

    Args:
        folder: the experiment's; what lies there is replaced as a whole.
        manifest: written last.
        files: by name.
    """
    staging, retired = (folder.with_name(f".{folder.name}.{state}") for state in ("staging", "retired"))
    for left in (staging, retired):
        shutil.rmtree(left, ignore_errors=True)
    staging.mkdir(parents=True)
    for name, content in files.items():
        (staging / name).write_bytes(content)
    write_atomically(staging / MANIFEST, manifest.model_dump_json(indent=1))
    if folder.exists():
        folder.rename(retired)
    staging.rename(folder)
    shutil.rmtree(retired, ignore_errors=True)


def _encoded(image: Image.Image, kind: str, **settings: int) -> bytes:
    out = BytesIO()
    image.save(out, kind, **settings)
    return out.getvalue()


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an ``.npz``: the same bytes for the same arrays."""
    out = BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def to_json(value: object) -> str:
    """JSON with keys in a fixed order, for comparing and hashing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
