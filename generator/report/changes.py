"""Differences between two folders of results, said: lines for a console, a page for readers."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image, ImageFilter

from generator.language import Language
from generator.report.text import environment
from generator.results.artefacts import Cell, Metric
from generator.results.claims import VERDICTS
from generator.results.differences.files import read_pixels
from generator.results.differences.found import (
    ArrayChange,
    Differences,
    FigureChange,
    FilmChange,
    MeasureChange,
    Note,
    PictureChange,
    TableChange,
    VerdictChange,
)
from generator.results.differences.sides import Side
from generator.results.folder import Judged
from generator.statistics import Estimate

LINES = 12
"""How many changes of a sort the console tells; all of them stand in the JSON."""
ROWS = 200
"""How many changes of a sort a page tells."""
PICTURES = 40
"""How many changed pictures a page shows, those with the most changed pixels."""
LONE = 0.01
"""Changed pixels fewer than this share of all are shown five times as wide, or nobody would see them."""


# Lines -----------------------------------------------------------------------------------------------


def told(found: Differences) -> Iterator[str]:
    """Lines for a console: what decides, what informs, and the verdict on the whole."""
    compared = found.compared
    yield f"{found.old} -> {found.new}"
    for remark in found.remarks:
        yield f"note: {remark}"
    for word, names in (("gone", found.experiments_gone), ("new", found.experiments_new)):
        if names:
            yield f"experiments {word}: {', '.join(names)}"
    yield from _part("verdicts", compared.verdicts, map(_verdict, found.verdicts))
    yield from _part("measures", compared.measures, map(_measure, found.measures))
    yield from _part("figures", compared.figures, map(_figure, found.figures))
    yield from _part("films", compared.films, map(_film, found.films))
    yield from _part("tables", compared.tables, map(_table, found.tables))
    if found.notes:
        yield f"for information, deciding nothing: {len(found.notes)}"
        yield from _first(map(_note, found.notes))
    yield "identical in what decides" if found.identical else "CHANGED"


def flipped(changes: Iterable[tuple[Judged, Judged]]) -> str:
    """One line on published verdicts that changed; empty if none did."""
    lines = [f"question {b.question} “{a.says}” {b.verdict} -> {a.verdict}" for b, a in changes]
    more = f"; and {len(lines) - 3} more" if len(lines) > 3 else ""
    return f"verdicts changed since the last build of this site: {'; '.join(lines[:3])}{more}" if lines else ""


def _part(name: str, of: int, lines: Iterable[str]) -> Iterator[str]:
    every = list(lines)
    yield f"{name}: {f'{len(every)} changed, of {of}' if every else f'identical ({of})'}"
    yield from _first(every)


def _first(lines: Iterable[str]) -> Iterator[str]:
    every = list(lines)
    yield from (f"  {line}" for line in every[:LINES])
    if len(every) > LINES:
        yield f"  … and {len(every) - LINES} more: --json FILE has them all"


def _verdict(change: VerdictChange) -> str:
    line = f"question {change.question} “{change.says}”: {change.before or 'not claimed'} -> {change.after or 'gone'}"
    if change.metric:
        line += f" ({change.metric}: {_metric(change.measure_before)} -> {_metric(change.measure_after)}"
        rules = dict.fromkeys(rule for rule in (change.rule_before, change.rule_after) if rule)
        line += f"; {' -> '.join(rules)})"
    return line


def _measure(change: MeasureChange) -> str:
    line = f"{change.name}: {_metric(change.before)} -> {_metric(change.after)}"
    if change.change is None:
        return line
    line += f", {change.change:+.3g}"
    match change.within, change.reaches:
        case None, _:
            return f"{line}{_share(change)}, no interval"
        case within, None:
            return f"{line}, {'within' if within else 'BEYOND'} its interval"
        case within, reaches:
            return f"{line}, {'within' if within else 'BEYOND'} its interval ({reaches:.2g} of its reach)"


def _share(change: MeasureChange) -> str:
    before = change.before.value if change.before else 0
    return f" ({100 * (change.change or 0) / abs(before):+.2g} %)" if before else ""


def _metric(metric: Metric | None) -> str:
    if metric is None:
        return "not measured"
    interval = f" [{metric.interval[0]:.4g}, {metric.interval[1]:.4g}]" if metric.interval else ""
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.value:.6g}{interval}{unit}"


def _figure(change: FigureChange) -> str:
    parts = [*map(_picture, change.pictures), *map(_array, change.arrays)]
    return f"{change.name}: {'; '.join(parts) if parts else change.status}"


def _picture(change: PictureChange) -> str:
    if change.status != "changed":
        return f"{change.file} {change.status}"
    if change.sizes:
        (width, height), (now_width, now_height) = change.sizes
        return f"{change.file} {width}×{height} -> {now_width}×{now_height} pixels"
    if change.pixels is None:
        return f"{change.file} drawn differently"
    return f"{change.file} {change.pixels} of {change.of} pixels, largest difference {change.largest}/255"


def _array(change: ArrayChange) -> str:
    if change.status != "changed":
        return f"array {change.name} {change.status}"
    if change.shapes:
        return f"array {change.name} of shape {change.shapes[0]} -> {change.shapes[1]}"
    if change.values is None:
        return f"exact values {change.name}"
    largest = "" if change.largest is None else f", largest difference {change.largest:.3g}"
    return f"array {change.name} {change.values} of {change.of} values{largest}"


def _film(change: FilmChange) -> str:
    if change.status != "changed":
        return f"{change.name}: {change.status}"
    line = f"{change.name}: {len(change.frames)} of {change.of} frames"
    largest = max((frame.largest or 0 for frame in change.frames), default=0)
    line += f", largest difference {largest}/255" if largest else ""
    if change.scores:
        line += f", {change.scores} scores"
        line += "" if change.largest_score is None else f", largest difference {change.largest_score:.3g}"
    return line


def _table(change: TableChange) -> str:
    if change.status != "changed":
        return f"{change.name}: {change.status}"
    shown = [
        f"{' / '.join(part for part in (cell.row, cell.column, cell.measure) if part)}: "
        + (f"{_cell(cell.before)} -> {_cell(cell.after)}" if cell.status == "changed" else cell.status)
        for cell in change.cells[:3]
    ]
    more = f"; and {len(change.cells) - 3} more" if len(change.cells) > 3 else ""
    return f"{change.name}: {len(change.cells)} of {change.of} cells ({'; '.join(shown)}{more})"


def _cell(value: Cell) -> str:
    if isinstance(value, Estimate):
        return f"{value.value:.6g} [{value.low:.6g}; {value.high:.6g}]"
    return "nothing" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _note(note: Note) -> str:
    before, after = ("nothing" if text is None else text for text in shortened(note))
    return f"{note.what}: {before} -> {after} ({', '.join(note.experiments)})"


def shortened(note: Note, length: int = 60) -> list[str | None]:
    """What stands on both sides, in a line each: of long texts, from where they differ; of hashes, the beginning."""
    texts = [" ".join((text or "").split()) for text in (note.before, note.after)]
    alike = next((place for place, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(alike - length // 4, 0) if min(map(len, texts)) > length else 0

    def short(text: str) -> str:
        kept = text[start:] if " " in text else text
        reach = length if " " in text else 12
        whole = len(text) <= length
        return text if whole else f"{'…' if start else ''}{kept[:reach]}{'…' if len(kept) > reach else ''}"

    return [None if said is None else short(text) for said, text in zip((note.before, note.after), texts, strict=True)]


# Pages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PictureView:
    """A changed picture, as a page shows it: addresses that hold the pictures themselves.

    Attributes:
        reference: EXPERIMENT/FIGURE.
        title: of the figure.
        change: in pixels.
        before, after: the pictures.
        apart: their difference, made brighter ``times`` times; empty for a chart.
        times: see ``apart``.
    """

    reference: str
    title: str
    change: PictureChange
    before: str
    after: str
    apart: str
    times: float


def page(found: Differences, old: Side, new: Side, language: Language) -> str:
    """A page of HTML that needs no other file.

    Args:
        found: what differs.
        old: the one side.
        new: the other.
        language: of the page.
    """
    jinja = environment(language)
    text = jinja.get_template("changes.html.jinja").render(body=body(jinja, found, old, new))
    return language.typeset(text)


def body(jinja: jinja2.Environment, found: Differences, old: Side, new: Side) -> str:
    """What a page tells, in HTML."""
    changed = _changed_pictures(found)
    views = list(_views(changed[:PICTURES], old, new))
    context: dict[str, Any] = {
        "found": found,
        "old": Path(old.name).resolve().name,
        "new": Path(new.name).resolve().name,
        "views": views,
        "pictures": len(changed),
        "rows": ROWS,
        "verdicts": VERDICTS,
        "escape": html.escape,
        "shortened": shortened,
    }
    return jinja.get_template("changes.jinja").render(**context)


def _changed_pictures(found: Differences) -> list[tuple[FigureChange, PictureChange]]:
    """Each picture that looks different, with the first figure that shows it; those that changed most come first."""
    each: dict[tuple[str, str], tuple[FigureChange, PictureChange]] = {}
    for figure in found.figures:
        for change in figure.pictures:
            if change.status == "changed":
                each.setdefault((figure.name.partition("/")[0], change.file), (figure, change))
    # Where pixels cannot be counted, everything may have changed.
    return sorted(each.values(), key=lambda one: inf if one[1].pixels is None else one[1].pixels, reverse=True)


def _views(changed: Iterable[tuple[FigureChange, PictureChange]], old: Side, new: Side) -> Iterator[PictureView]:
    for figure, change in changed:
        experiment = figure.name.partition("/")[0]
        before, after = (side.shown(experiment, change.file) for side in (old, new))
        if before.suffix == ".svg":
            was, now = (_address(path.read_bytes(), "image/svg+xml") for path in (before, after))
            yield PictureView(figure.name, figure.title, change, was, now, apart="", times=1)
            continue
        old_pixels, new_pixels = read_pixels(before), read_pixels(after)
        apart, times = "", 1.0
        if change.largest:
            difference = np.abs(new_pixels.astype(np.int16) - old_pixels)[..., :3]
            times = 255 / change.largest
            bright = Image.fromarray(np.clip(np.rint(difference * times), 0, 255).astype(np.uint8))
            if (change.pixels or 0) < LONE * (change.of or 0):
                bright = bright.filter(ImageFilter.MaxFilter(5))
            apart = _webp(bright, lossless=True)
        yield PictureView(
            figure.name,
            figure.title,
            change,
            _webp(Image.fromarray(old_pixels)),
            _webp(Image.fromarray(new_pixels)),
            apart=apart,
            times=times,
        )


def _webp(image: Image.Image, *, lossless: bool = False) -> str:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=90, method=4, lossless=lossless)
    return _address(buffer.getvalue(), "image/webp")


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
