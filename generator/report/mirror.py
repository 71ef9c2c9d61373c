"""Folders of outputs that are brought up to date, not emptied: what did not change is not touched."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageChops, ImageOps

from generator.atomic import sweep, write_atomically
from generator.errors import LabError
from generator.results.artefacts import Picture

_TEXTS = {".md", ".html", ".svg", ".css", ".js"}
"""Files that may speak of others."""


def files_in(place: Path) -> list[Path]:
    """All files of a folder and of those in it, in a fixed order; of a file, itself; nothing if it is not there."""
    inside = place.rglob("*") if place.is_dir() else (place,)
    return sorted(path for path in inside if path.is_file())


def state_of(*places: Path) -> str:
    """Hash of what lies in files and folders, without reading them: names, sizes, and when they were written."""
    digest = hashlib.sha256()
    for place in places:
        for path in files_in(place):
            if "__pycache__" not in path.parts:
                stat = path.stat()
                digest.update(os.fsencode(f"{path} {stat.st_size} {stat.st_mtime_ns}\n"))
    return digest.hexdigest()


class Mirror:
    """Writes the pages' folder; counts what changed and removes what nobody wrote.

    Args:
        folder: of the pages.
        kept: folder of what takes time to make, display copies of pictures above all, kept from one time to the
            next under names that say what it was made from.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder = folder
        self.changed = 0
        self._kept = kept
        self._wanted: set[Path] = set()

    def write(self, name: str, content: str) -> None:
        """Write a text file unless it is there already.

        Raises:
            LabError: another one was written to its place.
        """
        if self.folder / name in self._wanted:
            raise LabError(f"{name}: two pages of the site have this name; call the one that is yours otherwise")
        path, data = self._want(name), content.encode()
        if not (path.is_file() and path.read_bytes() == data):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self.changed += 1

    def copy(self, source: Path, name: str) -> None:
        """Copy a file unless the copy is as new as it is."""
        path, stat = self._want(name), source.stat()
        if path.is_file():
            there = path.stat()
            if (there.st_size, there.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns):
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, path)
        self.changed += 1

    def mentioned(self, names: Iterable[str]) -> list[str]:
        """Those files that a text which was written or copied speaks of, by their names or as addresses have them."""
        said = b"\n".join(path.read_bytes() for path in self._wanted if path.suffix in _TEXTS)
        return [name for name in names if name.encode() in said or quote(name).encode() in said]

    def display_copy(self, source: Path, picture: Picture, name: str, width: int) -> tuple[int, int]:
        """Put a light copy of a picture, at most ``width`` pixels wide; return its size.

        In its own size, a picture whose pixels matter keeps them all: what is shown, and saved from the page, fools;
        and what is read from a map pixel by pixel was computed so.
        """
        size = width, round(picture.height * width / picture.width)
        if width >= picture.width:
            size = picture.width, picture.height
        a_map = picture.scale is not None and picture.scale.palette == "hot"
        exact = (picture.exact or a_map) and size[0] == picture.width

        def smaller() -> bytes:
            buffer = BytesIO()
            with Image.open(source) as image:
                image.resize(size, Image.Resampling.LANCZOS).save(buffer, "WEBP", quality=90, method=4, lossless=exact)
            return buffer.getvalue()

        self.once(f"{picture.sha256[:32]}-{size[0]}{'-exact' if exact else ''}.webp", smaller, name)
        return size

    def laid_over(self, over: Path, under: Path, pictures: tuple[Picture, Picture], name: str, width: int) -> None:
        """Put a small copy of a map over its photograph: the map's own light, upon the photograph in dim grey."""

        def blended() -> bytes:
            buffer = BytesIO()
            with Image.open(over) as light, Image.open(under) as photograph:
                size = width, round(light.height * width / light.width)
                grey = photograph.convert("L").point(lambda value: value * 0.6).convert("RGB").resize(size)
                ImageChops.screen(grey, light.convert("RGB").resize(size)).save(buffer, "WEBP", quality=90, method=4)
            return buffer.getvalue()

        self.once("-over-".join(picture.sha256[:32] for picture in pictures) + f"-{width}.webp", blended, name)

    def sheet(self, names: Sequence[str], side: int, name: str) -> None:
        """Put small copies of pictures that were put here, each ``side`` pixels high and wide, one below the other."""
        paths = [self.folder / one for one in names]
        digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()

        def joined() -> bytes:
            sheet, buffer = Image.new("RGB", (side, side * len(paths))), BytesIO()
            for place, path in enumerate(paths):
                with Image.open(path) as image:
                    sheet.paste(
                        ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS), (0, side * place)
                    )
            sheet.save(buffer, "WEBP", quality=75, method=6)
            return buffer.getvalue()

        self.once(f"sheet-{digest[:32]}-{side}.webp", joined, name)

    def once(self, known_as: str, make: Callable[[], bytes], name: str) -> None:
        """Put a file that is made once for all: kept under a name that says all it depends on."""
        kept = self._kept / known_as
        if not kept.is_file():
            write_atomically(kept, make())  # a torn file would be kept for ever
        self.copy(kept, name)

    def finish(self) -> int:
        """Remove what was not written this time; return how many files changed in all."""
        sweep(self._kept)
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_file() and path not in self._wanted:
                path.unlink()
                self.changed += 1
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        return self.changed

    def _want(self, name: str) -> Path:
        path = self.folder / name
        self._wanted.add(path)
        return path
