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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    """

    file: str
    title: str
    alt: str
    width: int
    height: int
    sha256: str
    scale: Scale | None = None


class Metric(_Record):
    """A measured number.

    Attributes:
        name: unique within the experiment; what the prose and the claims refer to.
        label: what it is, in the lab's language.
        value: the number.
        unit: shown after it; may be empty.
        interval: bounds of its confidence interval; None where it is no estimate.
        samples: number of what it was estimated from; None where it is no estimate.
    """

    name: str
    label: str
    value: float
    unit: str = ""
    interval: tuple[float, float] | None = None
    samples: int | None = None


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
        parameters: everything else that decides how it looks.
        classes: titles of the classes it is about, beside those of its photographs.
        compare: pairs of its files, before and after, to be laid side by side under one edge.
        overlay: pairs of its files, of which the second can be laid over the first.
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
    parameters: dict[str, Any]
    classes: tuple[str, ...] = ()
    compare: tuple[tuple[str, str], ...] = ()
    overlay: tuple[tuple[str, str], ...] = ()

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


class Table(_Record):
    """Rows of numbers and words, each with as many cells as there are columns.

    Attributes:
        name: unique within the experiment.
        caption: for the reader.
        columns: headings.
        rows: cells; None where there is nothing to say.
        links: for each cell the picture it leads to (its file), or None; empty if no cell leads anywhere.
        shaded: the numbers are shown as shades too, from the lowest to the highest.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
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
    """Where a network came from."""

    title: str
    architecture: str
    weights: str
    weights_sha256: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch: int


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
    """What all figures of an experiment have in common."""

    networks: tuple[NetworkFacts, ...]
    images: dict[str, ImageFacts]
    versions: dict[str, str]
    threads: int
    device: str


class Manifest(_Record):
    """The contract: everything about one experiment's results that a page may say."""

    version: Literal[2] = 2
    experiment: str
    kind: str
    title: str
    figures: tuple[Figure, ...]
    films: tuple[Film, ...]
    tables: tuple[Table, ...]
    grids: tuple[Grid, ...] = ()
    metrics: tuple[Metric, ...]
    provenance: Provenance
    fingerprint: dict[str, str]

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
    """Collects what an experiment makes, in a folder that nobody reads yet.

    Files are encoded in a thread beside the computation; their hashes are filled in at the end.

    Args:
        folder: the experiment's final folder; it is replaced as a whole by :meth:`publish`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staging = folder.with_name(f".{folder.name}.staging")
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)
        self._encoder = ThreadPoolExecutor(max_workers=1)
        self._files: dict[str, Future[str]] = {}
        self._figures: list[Figure] = []
        self._films: list[Film] = []
        self._tables: list[Table] = []
        self._grids: list[Grid] = []
        self._metrics: list[Metric] = []

    def picture(self, name: str, pixels: Pixels, *, alt: str, title: str = "", scale: Scale | None = None) -> Picture:
        """Write one lossless picture, uint8 (H, W, 3); ``alt`` says what is seen."""
        file = f"{name}.png"
        image = Image.fromarray(pixels)
        self._write(file, lambda path: image.save(path, compress_level=6))
        return _picture(file, image.size, title, alt).model_copy(update={"scale": scale})

    def figure(
        self,
        name: str,
        *,
        title: str,
        caption: str,
        columns: Sequence[Sequence[Picture]],
        thumbnail: Picture,
        arrays: Mapping[str, NDArray[Any]],
        images: Sequence[str] = (),
        seed: int | None = None,
        parameters: Mapping[str, Any],
        facts: Sequence[Metric] = (),
        classes: Sequence[str] = (),
        compare: Sequence[tuple[Picture, Picture]] = (),
        overlay: Sequence[tuple[Picture, Picture]] = (),
    ) -> None:
        """Record a figure, with the exact values behind its pictures; see :class:`Figure`."""
        self._write(f"{name}.npz", lambda path: np.savez_compressed(path, allow_pickle=False, **arrays))
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
                parameters=dict(parameters),
                classes=tuple(classes),
                compare=tuple((before.file, after.file) for before, after in compare),
                overlay=tuple((under.file, over.file) for under, over in overlay),
            )
        )

    def chart(
        self,
        name: str,
        chart: Chart,
        *,
        title: str,
        caption: str,
        alt: str,
        arrays: Mapping[str, NDArray[Any]],
        images: Sequence[str] = (),
        seed: int | None = None,
        parameters: Mapping[str, Any],
        facts: Sequence[Metric] = (),
    ) -> None:
        """Record a figure that is a chart, with the numbers behind it; see :class:`Figure`."""
        file = f"{name}.svg"
        self._write(file, lambda path: path.write_text(chart.svg, encoding="utf-8"))
        picture = _picture(file, (chart.width, chart.height), "", alt)
        self.figure(
            name,
            title=title,
            caption=caption,
            columns=[[picture]],
            thumbnail=picture,
            arrays=arrays,
            images=images,
            seed=seed,
            parameters=parameters,
            facts=facts,
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
            image = Image.fromarray(pixels)
            self._write(file, lambda path, image=image: image.save(path, quality=80, method=4))  # type: ignore[misc]
            pictures.append(_picture(file, image.size, f"{iteration} / {total}", alt))
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
        rows: Sequence[Sequence[str | int | float | None]],
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
                interval=(value.low, value.high),
                samples=value.samples,
            )
        else:
            metric = Metric(name=name, label=label, value=measured, unit=unit)
        self._metrics.append(metric)
        return metric

    def publish(
        self,
        *,
        experiment: str,
        kind: str,
        title: str,
        promised: Sequence[str],
        provenance: Provenance,
        fingerprint: Mapping[str, str],
    ) -> Manifest:
        """Write the manifest, figures in the order promised, and put the whole folder in its place."""
        self._encoder.shutdown()
        hashes = {file: written.result() for file, written in self._files.items()}

        def sealed(picture: Picture) -> Picture:
            return picture.model_copy(update={"sha256": hashes[picture.file]})

        figures = {
            figure.name: figure.model_copy(
                update={"columns": tuple(tuple(map(sealed, column)) for column in figure.columns)}
            )
            for figure in self._figures
        }
        films = [film.model_copy(update={"frames": tuple(map(sealed, film.frames))}) for film in self._films]
        manifest = Manifest(
            experiment=experiment,
            kind=kind,
            title=title,
            figures=tuple(figures[name] for name in promised),
            films=tuple(films),
            tables=tuple(self._tables),
            grids=tuple(self._grids),
            metrics=tuple(self._metrics),
            provenance=provenance,
            fingerprint=dict(fingerprint),
        )
        write_atomically(self._staging / MANIFEST, manifest.model_dump_json(indent=1))
        retired = self._folder.with_name(f".{self._folder.name}.retired")
        shutil.rmtree(retired, ignore_errors=True)
        if self._folder.exists():
            self._folder.rename(retired)
        self._staging.rename(self._folder)
        shutil.rmtree(retired, ignore_errors=True)
        return manifest

    def discard(self) -> None:
        """Throw away what was collected; the published results stay as they were."""
        self._encoder.shutdown(cancel_futures=True)
        shutil.rmtree(self._staging, ignore_errors=True)

    def _write(self, file: str, encode: Callable[[Path], object]) -> None:
        path = self._staging / file

        def job() -> str:
            encode(path)
            return hashlib.sha256(path.read_bytes()).hexdigest()

        self._files[file] = self._encoder.submit(job)


def _picture(file: str, size: tuple[int, int], title: str, alt: str) -> Picture:
    return Picture(file=file, title=title, alt=alt, width=size[0], height=size[1], sha256="")


def to_json(value: object) -> str:
    """JSON with keys in a fixed order, for comparing and hashing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
