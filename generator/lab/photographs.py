"""A folder, a table or an archive of photographs -> the entries of a lab's ``images``, as if written out."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from generator.catalogue import Classes
from generator.errors import LabError, did_you_mean
from generator.images import array, length
from generator.lab.places import read_text
from generator.sources import locate, locate_folder

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""Files that count as photographs in a folder."""
OTHERS = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".gif", ".svg", ".dng", ".cr2", ".nef", ".arw", ".psd")
"""Files that may be meant as photographs, and cannot be read here."""
LONGEST_SLUG = 60

COLUMNS = {"file": True, "label": True, "title": False, "name": False}
"""Columns of a table, and whether it must have them."""


@dataclass(frozen=True)
class Entry:
    """A photograph found.

    Attributes:
        says: what an entry of ``images`` says of it, not checked.
        place: file and line where it is said; None where no text says it.
    """

    says: dict[str, Any]
    place: tuple[Path, int] | None = None


def read_photographs(reference: str, classes: Classes, *, lab_folder: Path, data_folder: Path) -> list[Entry]:
    """List the photographs of a folder, a table or an archive; none of them is opened.

    - A folder has one subfolder for each class, called by its name, its index or the lab's title.
    - A table is a CSV file with the columns ``file`` (relative to the table) and ``label``, if you like
      ``title`` and ``name`` too; UTF-8, separated by commas, semicolons or tabs.
    - An archive is an ``.npz`` with the images ``X`` and the indices of their classes ``y``.

    Names come from the files' names, titles from the classes', where nothing else is said.

    Args:
        reference: of the folder or file, as a lab file gives it.
        classes: of the lab.
        lab_folder: the folder of the lab file.
        data_folder: the folder given as DATA.

    Raises:
        LabError: it is not there, is empty, or is not as described.
    """
    read = {".csv": _in_table, ".npz": _in_archive}.get(Path(reference).suffix.lower())
    if read is None:
        folder = locate_folder(reference, lab_folder=lab_folder, data_folder=data_folder)
        found = _in_folder(folder, reference, classes)
    else:
        found = read(locate(reference, lab_folder=lab_folder, data_folder=data_folder), reference, classes)
    if not found:
        raise LabError(f"no photograph in {reference}")
    return found


def slug(text: str) -> str:
    """A text as a name for files and addresses: small letters, digits and hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:LONGEST_SLUG].strip("-")


def _in_folder(folder: Path, reference: str, classes: Classes) -> list[Entry]:
    problems: list[str] = []
    files, labels = [], []
    subfolders = sorted(inner for inner in folder.iterdir() if inner.is_dir() and not inner.name.startswith((".", "_")))
    if not subfolders:
        raise LabError(f"{folder} has no subfolders; expected one for each class, called by its name")
    for subfolder in subfolders:
        try:
            label = classes.index(subfolder.name)
        except ValueError as error:
            problems.append(f"{subfolder}: {error}; a folder whose name begins with _ is left out")
            continue
        entries = [entry for entry in sorted(subfolder.iterdir()) if not entry.name.startswith(".")]
        problems += (problem for entry in entries for problem in _mistaken(entry))
        inside = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        if not inside:
            problems.append(f"{subfolder} has no photographs; expected {', '.join(SUFFIXES)} files")
        files += inside
        labels += [label] * len(inside)
    if problems:
        raise LabError(*problems)
    base = reference.rstrip("/")
    return [
        Entry({"name": name, "file": f"{base}/{file.parent.name}/{file.name}", "label": label, "title": title})
        for name, file, label, title in zip(
            _names([(file.parent.name, file.stem) for file in files]),
            files,
            labels,
            _titles(labels, classes),
            strict=True,
        )
    ]


def _mistaken(entry: Path) -> Iterator[str]:
    """A line for what may be meant for a photograph in the folder of a class and is none."""
    if entry.is_dir():
        if not entry.name.startswith("_"):
            yield (
                f"{entry}: is a folder inside the folder of a class; move its photographs up, "
                "or begin its name with _ to leave it out"
            )
    elif entry.suffix.lower() in OTHERS:
        yield f"{entry}: cannot be read; export it as PNG or JPEG, or remove it"
    elif entry.suffix.lower() in SUFFIXES:
        if not entry.name.isprintable():
            yield f"{entry}: its name holds what no text has; rename it"
        elif not entry.is_file():
            yield f"{entry}: is no file, expected a photograph; remove it"


def _in_archive(path: Path, reference: str, classes: Classes) -> list[Entry]:
    labels = array(path, "y")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise LabError(f"{path}: y is {labels.dtype} {labels.shape}; expected one index of a class per image")
    if len(labels) != (count := length(path, "X")):
        raise LabError(f"{path}: y has {len(labels)} classes, X {count} images; expected one class per image")
    indices: list[int] = labels.tolist()
    for index in indices:
        try:
            classes.index(index)
        except ValueError as error:
            raise LabError(f"{path}: y[{indices.index(index)}]: {error}") from None
    titles = _titles(indices, classes)
    return [
        Entry({"name": name, "file": reference, "index": place, "label": label, "title": title})
        for place, (name, label, title) in enumerate(
            zip(_names([("", title) for title in titles]), indices, titles, strict=True)
        )
    ]


def _in_table(path: Path, reference: str, classes: Classes) -> list[Entry]:
    rows = _read_table(path)
    # Where the table lies is where its files are.
    base = reference[: len(reference) - len(re.split(r"[/:]", reference)[-1])]
    labels = [_known(row["label"], classes) for _, row in rows]
    given = [row.get("name", "") for _, row in rows]
    files = [PurePosixPath(row["file"]) for _, row in rows]
    names = _names([(file.parent.name, file.stem) for file in files], given)
    return [
        Entry(
            {
                "name": name,
                "file": row["file"] if _stands_alone(row["file"]) else base + row["file"],
                "label": row["label"],
                "title": row.get("title") or title or name,
            },
            (path, line),
        )
        for (line, row), name, title in zip(rows, names, _titles(labels, classes), strict=True)
    ]


def _read_table(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file as spreadsheets write it, each with its line; empty rows and columns do not count."""
    text = read_text(path)
    # Excel tells itself the separator so, and puts as many into an empty row as there are columns.
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r"sep=(.)\s*", first)
    header = next((line for line in (rest if told else text).splitlines() if line.strip(" ,;\t")), "")
    delimiter = told[1] if told else next((mark for mark in ";\t" if mark in header), ",")
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            # A title may go on in the next line of its cell.
            cells = [" ".join(cell.split()) for cell in row]
            if any(cells) and not (told and reader.line_num == 1):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise LabError(f"{path}:{reader.line_num}: is no valid CSV ({error}); check quotes and separators") from None
    line, columns = rows[0] if rows else (1, [])
    while columns and not columns[-1]:
        columns.pop()
    problems = [
        f'{path}:{line}: unknown column "{column}"; expected {", ".join(COLUMNS)}{did_you_mean(column, COLUMNS)}'
        for column in columns
        if column not in COLUMNS
    ] or [f'{path}:{line}: no column "{c}"' for c, needed in COLUMNS.items() if needed and c not in columns]
    problems += [f'{path}:{line}: two columns "{c}"; remove one' for c, times in Counter(columns).items() if times > 1]
    if problems:
        raise LabError(*problems)
    found = []
    for line, values in rows[1:]:
        if len(values) < len(columns) or any(values[len(columns) :]):
            raise LabError(f"{path}:{line}: expected {len(columns)} cells, as the first line has; check separators")
        entry = dict(zip(columns, values, strict=False))
        if not entry["file"]:
            raise LabError(f"{path}:{line}: file: is empty, expected the file of a photograph")
        found.append((line, entry))
    return found


def _known(label: str, classes: Classes) -> int | None:
    """Index of a class; None for one that is told to be none when the entry is checked."""
    try:
        return classes.index(label)
    except ValueError:
        return None


def _stands_alone(file: str) -> bool:
    return file.startswith(("package:", "data:")) or Path(file).is_absolute()


def _titles(labels: Sequence[int | None], classes: Classes) -> list[str]:
    """Titles of the classes, numbered where several photographs are of one."""
    count, met, titles = Counter(labels), Counter[int | None](), []
    for label in labels:
        met[label] += 1
        title = "" if label is None else classes.title(label)
        titles.append(f"{title} {met[label]}" if title and count[label] > 1 else title)
    return titles


def _names(paths: Sequence[tuple[str, str]], given: Sequence[str] | None = None) -> list[str]:
    """Names that differ, from folders and stems of files that may not; the ones given stay as they are.

    Where files of two folders are called alike, all of them are called after their folders too: a third one
    changes no name that was told apart before. A long name of a folder is cut, never that of a file.
    """
    given = given or [""] * len(paths)
    count = Counter(slug(stem) for _, stem in set(paths))
    taken, names = set(given), []
    for (folder, stem), name in zip(paths, given, strict=True):
        short = slug(stem)
        whole = f"{slug(folder)[: max(LONGEST_SLUG - len(short) - 1, 0)]}-{short}".strip("-")
        start = wanted = name or (whole if count[short] > 1 else short) or "image"
        number = 1
        while not name and wanted in taken:
            number += 1
            wanted = f"{start}-{number}"
        taken.add(wanted)
        names.append(wanted)
    return names
