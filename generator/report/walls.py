"""A gallery of more figures than a page can hold: a wall of small tiles, and pages with some of the figures each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.report.mirror import Mirror
from generator.results.artefacts import Figure, Manifest

PAGEFUL = 60
"""How many figures an experiment may have on one page, and how many pictures it may add to its family's gallery."""
PAGE = 50
"""How many figures a page beside a wall has, and how many tiles a file of them."""
TILE = 104
"""Side of a tile, in pixels; lab.css has it too."""


@dataclass(frozen=True)
class Tile:
    """A figure, small, on a wall.

    Attributes:
        figure: the figure.
        reference: EXPERIMENT/FIGURE.
        file: of the small pictures of a page's figures, one below the other, in the experiment's folder.
        at: which of them is its own, from 0.
        page: the page that shows the figure, from 1.
    """

    figure: Figure
    reference: str
    file: str
    at: int
    page: int


def tiles(manifest: Manifest) -> tuple[Tile, ...]:
    """A tile for each figure of an experiment; none if all of them have room on one page.

    Charts have none: small, they say nothing.
    """
    if len(manifest.figures) <= PAGEFUL:
        return ()
    pictured = (figure for figure in manifest.figures if not figure.thumbnail.endswith(".svg"))
    return tuple(
        Tile(figure, f"{manifest.experiment}/{figure.name}", f"sheet-{n // PAGE + 1}.webp", n % PAGE, n // PAGE + 1)
        for n, figure in enumerate(pictured)
    )


def publish_tiles(manifest: Manifest, thumbnails: Mapping[str, str], mirror: Mirror, target: str) -> None:
    """Put the files of an experiment's tiles among the pages' files.

    Args:
        manifest: its manifest.
        thumbnails: the file of each figure's thumbnail, by EXPERIMENT/FIGURE; they lie in the pages' folder already.
        mirror: takes the files.
        target: the experiment's folder there.
    """
    sheets: dict[str, list[str]] = {}
    for tile in tiles(manifest):
        sheets.setdefault(tile.file, []).append(f"{target}/{thumbnails[tile.reference]}")
    for file, names in sheets.items():
        mirror.sheet(names, TILE, f"{target}/{file}")
