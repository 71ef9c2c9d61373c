"""Manifests and files of two sides -> what differs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from generator.errors import LabError
from generator.results.artefacts import Cell, Figure, Film, Grid, Manifest, Metric, Picture, Table
from generator.results.claims import Claim
from generator.results.differences.files import compare_arrays, compare_pictures, read_arrays, read_bytes
from generator.results.differences.found import (
    ArrayChange,
    CellChange,
    Compared,
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
from generator.results.folder import Judged, VerdictsFile

V = TypeVar("V")
Notes = dict[tuple[str, str | None, str | None], list[str]]
"""Experiments, by what their manifests say differently: where, before, after."""


def differences(old: Side, new: Side) -> Differences:
    """Compare two sides.

    Raises:
        LabError: a file that a manifest names is missing or damaged.
    """
    common = [name for name in old.manifests if name in new.manifests]
    remarks = [*old.remarks, *new.remarks]
    figures: list[FigureChange] = []
    films: list[FilmChange] = []
    tables: list[TableChange] = []
    notes: Notes = defaultdict(list)
    problems: list[str] = []
    for name in common:
        before, after = old.manifests[name], new.manifests[name]
        whole = not (old.site or new.site)
        folders = _Folders(name, old.folder / name, new.folder / name, remarks, problems, notes, whole=whole)
        figures += folders.figures(before, after)
        films += folders.films(before, after)
        tables += _tables(name, before, after, notes)
        for unlike in _unlike("", _informs(before), _informs(after)):
            notes[unlike].append(name)
    if problems:
        raise LabError(*dict.fromkeys(problems))
    verdicts = list(_verdicts(old, new, notes))
    return Differences(
        old=old.name,
        new=new.name,
        compared=Compared(
            experiments=len(common),
            verdicts=len(_claims(new, old)),
            measures=len(new.metrics),
            figures=sum(len(manifest.figures) for manifest in new.manifests.values()),
            films=sum(len(manifest.films) for manifest in new.manifests.values()),
            tables=sum(len(manifest.tables) + len(manifest.grids) for manifest in new.manifests.values()),
        ),
        experiments_gone=tuple(name for name in old.manifests if name not in new.manifests),
        experiments_new=tuple(name for name in new.manifests if name not in old.manifests),
        verdicts=tuple(verdicts),
        measures=tuple(_measures(old, new, common)),
        figures=tuple(figures),
        films=tuple(films),
        tables=tuple(tables),
        remarks=tuple(dict.fromkeys(remarks)),
        notes=tuple(
            Note(what=what, before=before, after=after, experiments=tuple(names))
            for (what, before, after), names in notes.items()
        ),
    )


def changed_verdicts(old: VerdictsFile, new: VerdictsFile) -> Iterator[tuple[Judged, Judged]]:
    """Claims that both make and on which the published verdicts differ."""
    for before, after in _paired_claims(old.claims, new.claims):
        if before and after and before.verdict != after.verdict:
            yield before, after


def _claims(side: Side, other: Side) -> tuple[Judged, ...]:
    """A side's claims; the other side's where it has said nothing of any."""
    said = side.verdicts or other.verdicts
    return said.claims if said else ()


def _verdicts(old: Side, new: Side, notes: Notes) -> Iterator[VerdictChange]:
    claims = _claims(old, new), _claims(new, old)
    for before, after in _paired_claims(*claims):
        claim = after or before
        assert claim is not None  # noqa: S101  # a pair has at least one side
        verdict_before, measure_before = old.judged(before) if before else (None, None)
        verdict_after, measure_after = new.judged(after) if after else (None, None)
        rules = _rule(before), _rule(after)
        if verdict_before != verdict_after:
            yield VerdictChange(
                question=claim.question,
                says=claim.says,
                metric=claim.metric,
                before=verdict_before,
                after=verdict_after,
                rule_before=rules[0],
                rule_after=rules[1],
                measure_before=measure_before,
                measure_after=measure_after,
            )
        elif rules[0] != rules[1]:
            notes[f"question {claim.question}, rule of “{claim.says}”", *rules].append(claim.experiment)
        if before and after and before.says != after.says:
            notes[f"question {claim.question}, words", before.says, after.says].append(claim.experiment)


def _paired_claims(before: Sequence[Judged], after: Sequence[Judged]) -> Iterator[tuple[Judged | None, Judged | None]]:
    """Claims of the same question and words; of the rest, those that the same measure decides."""
    left = list(after)
    partners: list[Judged | None] = [None] * len(before)
    for same in (_same_words, _same_measure):
        for place, claim in enumerate(before):
            found = next((other for other in left if same(claim, other)), None)
            if partners[place] is None and found is not None:
                partners[place] = found
                left.remove(found)
    yield from zip(before, partners, strict=True)
    yield from ((None, claim) for claim in left)


def _same_words(one: Judged, other: Judged) -> bool:
    return (one.question, one.says) == (other.question, other.says)


def _same_measure(one: Judged, other: Judged) -> bool:
    return one.metric is not None and (one.question, one.metric) == (other.question, other.metric)


def _rule(claim: Claim | None) -> str:
    if claim is None or not claim.metric:
        return ""
    also = f", likewise {', '.join(claim.also.values())}" if claim.also else ""
    return f"confirmed {claim.confirmed}, refuted {claim.refuted}{also}"


def _measures(old: Side, new: Side, common: Iterable[str]) -> list[MeasureChange]:
    """Those that differ; first those beyond their intervals, the farthest first."""
    shared = {*common}
    changes = []
    for name, before, after in _paired(old.metrics, new.metrics):
        if name.partition("/")[0] in shared and _decides(before) != _decides(after):
            changes.append(_measure(name, before, after))
    return sorted(changes, key=lambda change: (change.within is True, -(change.reaches or 0)))


def _decides(metric: Metric | None) -> object:
    return metric and (metric.value, metric.interval, metric.samples, metric.unit)


def _measure(name: str, before: Metric | None, after: Metric | None) -> MeasureChange:
    either = after or before
    change = reaches = within = None
    if before and after:
        change = after.value - before.value
        if before.interval:
            low, high = before.interval
            within = low <= after.value <= high
            reach = high - before.value if change > 0 else before.value - low
            reaches = abs(change) / reach if reach > 0 else None if change else 0.0
    return MeasureChange(
        name=name,
        label=either.label if either else "",
        before=before,
        after=after,
        change=change,
        reaches=reaches,
        within=within,
    )


@dataclass(frozen=True)
class _Folders:
    """The two folders of one experiment, and where to put what is found on the way.

    Where one is a website's, not whole, the hashes in the manifests say what changed: the files are not there.
    """

    experiment: str
    old: Path
    new: Path
    remarks: list[str]
    problems: list[str]
    notes: Notes
    whole: bool

    def figures(self, before: Manifest, after: Manifest) -> Iterator[FigureChange]:
        for name, old, new in _named(before.figures, after.figures):
            reference, title = f"{self.experiment}/{name}", (new or old).title  # type: ignore[union-attr]
            if old is None or new is None:
                yield FigureChange(name=reference, title=title, status="new" if new else "gone")
                continue
            pictures = tuple(self._pictures(old.pictures, new.pictures))
            hashes = before.files.get(old.arrays), after.files.get(new.arrays)
            arrays = tuple(self._arrays(old, new, hashes))
            if pictures or arrays:
                yield FigureChange(name=reference, title=title, status="changed", pictures=pictures, arrays=arrays)

    def films(self, before: Manifest, after: Manifest) -> Iterator[FilmChange]:
        for name, old, new in _named(before.films, after.films):
            reference, title = f"{self.experiment}/{name}", (new or old).title  # type: ignore[union-attr]
            if old is None or new is None:
                yield FilmChange(name=reference, title=title, status="new" if new else "gone")
                continue
            frames = tuple(self._pictures(old.frames, new.frames))
            scores = compare_arrays("", np.asarray(old.scores), np.asarray(new.scores))
            if frames or scores:
                yield FilmChange(
                    name=reference,
                    title=title,
                    status="changed",
                    frames=frames,
                    of=len(new.frames),
                    scores=(len(new.scores) if scores.values is None else scores.values) if scores else 0,
                    largest_score=scores.largest if scores else None,
                )

    def _pictures(self, before: Iterable[Picture], after: Iterable[Picture]) -> Iterator[PictureChange]:
        files = ({picture.file: picture for picture in pictures} for pictures in (before, after))
        for file, old, new in _paired(*files):
            if old is None or new is None:
                yield PictureChange(file=file, status="new" if new else "gone")
                continue
            if not self.whole:
                if old.sha256 != new.sha256:
                    yield PictureChange(file=file, status="changed")
                continue
            try:
                hashes = self._hash(self.old, old), self._hash(self.new, new)
                if hashes[0] == hashes[1]:
                    continue
                change = compare_pictures(self.old / file, self.new / file)
            except LabError as error:
                self.problems.extend(error.problems)
                continue
            if change:
                yield change
            else:
                self.notes[f"bytes of {file}, of the same pixels", *hashes].append(self.experiment)

    def _hash(self, folder: Path, picture: Picture) -> str:
        found = sha256(read_bytes(folder / picture.file)).hexdigest()
        if found != picture.sha256:
            self.remarks.append(f"{folder / picture.file}: is not the file that its manifest describes (SHA-256)")
        return found

    def _arrays(self, before: Figure, after: Figure, hashes: tuple[str | None, str | None]) -> Iterator[ArrayChange]:
        if not self.whole:
            if hashes[0] != hashes[1]:
                yield ArrayChange(name=after.arrays, status="changed")
            return
        paths = self.old / before.arrays, self.new / after.arrays
        try:
            if read_bytes(paths[0]) == read_bytes(paths[1]):
                return
            old, new = map(read_arrays, paths)
        except LabError as error:
            self.problems.extend(error.problems)
            return
        for name, was, now in _paired(old, new):
            if was is None or now is None:
                yield ArrayChange(name=name, status="gone" if now is None else "new")
            elif change := compare_arrays(name, was, now):
                yield change


def _tables(experiment: str, before: Manifest, after: Manifest, notes: Notes) -> Iterator[TableChange]:
    for name, old, new in _paired(_tables_of(before), _tables_of(after)):
        reference, caption = f"{experiment}/{name}", (new or old).caption  # type: ignore[union-attr]
        if old is None or new is None:
            yield TableChange(name=reference, caption=caption, status="new" if new else "gone")
            continue
        rows = _keys(_rows(old), _rows(new))
        columns = _keys(old.columns, new.columns)
        if rows[0] != rows[1] and sorted(rows[0]) == sorted(rows[1]):
            notes[f"tables {name} order of rows", ", ".join(rows[0]), ", ".join(rows[1])].append(experiment)
        labels = _keys(_labels(old), _labels(new))
        was, now = _cells(old, rows[0], columns[0], labels[0]), _cells(new, rows[1], columns[1], labels[1])
        cells = tuple(
            CellChange(
                row=key[0],
                column=key[1],
                measure=key[2],
                status="new" if key not in was else "gone" if key not in now else "changed",
                before=was.get(key),
                after=now.get(key),
            )
            for key in dict.fromkeys((*was, *now))
            if key not in was or key not in now or was[key] != now[key]
        )
        if cells:
            yield TableChange(name=reference, caption=caption, status="changed", cells=cells, of=len(now))


def _tables_of(manifest: Manifest) -> dict[str, Table | Grid]:
    return {table.name: table for table in manifest.tables} | {grid.name: grid for grid in manifest.grids}


def _rows(table: Table | Grid) -> tuple[Cell, ...]:
    return table.rows if isinstance(table, Grid) else tuple(row[0] if row else None for row in table.rows)


def _labels(table: Table | Grid) -> tuple[Cell, ...]:
    return tuple(measure.label for measure in table.measures) if isinstance(table, Grid) else ()


def _keys(before: Sequence[Cell], after: Sequence[Cell]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What rows or columns are known by: their titles, or their places where only their titles changed."""
    titles = all(isinstance(title, str) for title in (*before, *after))
    unique = len({*before}) == len(before) and len({*after}) == len(after)
    if titles and unique and ({*before} == {*after} or len(before) != len(after)):
        return tuple(map(str, before)), tuple(map(str, after))
    return tuple(str(place) for place in range(1, len(before) + 1)), tuple(
        str(place) for place in range(1, len(after) + 1)
    )


def _cells(
    table: Table | Grid, rows: Sequence[str], columns: Sequence[str], labels: Sequence[str]
) -> dict[tuple[str, str, str], Cell]:
    """Every cell under its row, its column and, in a grid, its measure; a grid's remarks have none."""
    layers: list[tuple[str, Sequence[Sequence[Cell]]]]
    if isinstance(table, Grid):
        values = (measure.values for measure in table.measures)
        layers = [*zip(labels, values, strict=True), ("", table.remarks)]
    else:
        layers = [("", table.rows)]
    return {
        (row, column, label): value
        for label, lines in layers
        for row, line in zip(rows, lines, strict=False)
        for column, value in zip(columns, line, strict=False)
    }


# What informs ----------------------------------------------------------------------------------------

_MEASURED = {"value", "unit", "interval", "samples"}
_SEEN = {"sha256", "width", "height"}
_DECIDE: dict[str, Any] = {
    "metrics": {"__all__": _MEASURED},
    "figures": {"__all__": {"facts": {"__all__": _MEASURED}, "columns": {"__all__": {"__all__": _SEEN}}}},
    "films": {"__all__": {"frames": {"__all__": _SEEN}, "scores": True}},
    "tables": {"__all__": {"rows": True}},
    "grids": {"__all__": {"measures": {"__all__": {"values"}}, "remarks": True}},
}
_LISTS = ("metrics", "figures", "films", "tables", "grids")


def _informs(manifest: Manifest) -> dict[str, Any]:
    """What a manifest says beside what decides; what has a name or a file is found by it."""
    found: dict[str, Any] = _by_name(manifest.model_dump(mode="json", exclude=_DECIDE))
    # Provenance first: it is what a reader asks for.
    return {"provenance": found.pop("provenance"), **found}


def _by_name(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _by_name(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        keys = [str(item.get("name", item.get("file", place))) for place, item in enumerate(value, start=1)]
        return {key: _by_name(item) for key, item in zip(keys, value, strict=True)}
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return {str(place): _by_name(item) for place, item in enumerate(value, start=1)}
    return value


def _unlike(place: str, before: Any, after: Any) -> Iterator[tuple[str, str | None, str | None]]:
    """Where two trees differ, and what stands there; of what one side lacks altogether nothing is said."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, old, new in _paired(before, after):
            if place not in _LISTS or (old is not None and new is not None):
                yield from _unlike(f"{place} {key}".lstrip(), old, new)
    elif before != after:
        yield place, _in_a_line(before), _in_a_line(after)


def _in_a_line(value: object) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def _paired(before: Mapping[str, V], after: Mapping[str, V]) -> Iterator[tuple[str, V | None, V | None]]:
    for key in dict.fromkeys((*before, *after)):
        yield key, before.get(key), after.get(key)


N = TypeVar("N", Figure, Film)


def _named(before: Iterable[N], after: Iterable[N]) -> Iterator[tuple[str, N | None, N | None]]:
    return _paired({one.name: one for one in before}, {one.name: one for one in after})
