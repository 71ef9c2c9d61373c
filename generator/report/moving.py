"""What a reader can move in a figure: the film of its iterations, pictures laid over one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from generator.language import Language
from generator.results.artefacts import Figure, Film, Manifest, Picture

KEY_FRAMES = 6
"""At most so many frames stand for a film where nothing moves: on paper, and without JavaScript."""
CURVE = (1000, 120)
"""Width and height of a score curve, in units of its own; it is stretched to its place."""


@dataclass(frozen=True)
class FilmView:
    """A film as a page shows it, on the thumbnail of the figure that shows its end.

    Attributes:
        film: the manifest's.
        curve: the points of its score curve, in the units of ``CURVE``.
        key_frames: which frames stand for it where nothing moves.
    """

    film: Film
    curve: str
    key_frames: tuple[tuple[int, Picture], ...]

    @property
    def last(self) -> int:
        """The iteration it ends with."""
        return self.film.iterations[-1]

    @property
    def played(self) -> dict[str, object]:
        """What the script needs to show it; no score is known of the image after the last step of some."""
        return {
            "frames": [frame.file for frame in self.film.frames],
            "iterations": self.film.iterations,
            "scores": [self.film.scores[min(k, len(self.film.scores) - 1)] for k in self.film.iterations],
            "total": self.film.total,
        }


@dataclass(frozen=True)
class Layer:
    """A picture that lies on another or under it; ``file`` is found from the figure's own files."""

    file: str
    title: str


@dataclass(frozen=True)
class Comparison:
    """Pairs of pictures of the same thing.

    Attributes:
        kind: ``curtain`` has an edge between the two that moves; ``overlay`` lets one through the other.
        pairs: the one below and the one above.
    """

    kind: str
    pairs: tuple[tuple[Layer, Layer], ...]

    @property
    def several(self) -> bool:
        """Whether what lies above is not called the same in all pairs."""
        return len({over.title for _, over in self.pairs}) > 1

    @property
    def across(self) -> int:
        """How many stand in a row: one for each picture below; those over one and the same stand in one row too."""
        below = len({under.file for under, _ in self.pairs})
        return below if below > 1 else len(self.pairs)

    @property
    def laid(self) -> list[list[tuple[str, str]]]:
        """What the script needs to lay them: file and title of each."""
        return [[(layer.file, layer.title) for layer in pair] for pair in self.pairs]


def film_view(film: Film) -> FilmView:
    """Say how to show a film."""
    last = len(film.frames) - 1
    chosen = sorted({round(k * last / (KEY_FRAMES - 1)) for k in range(KEY_FRAMES)})
    return FilmView(film, curve(film.scores), tuple((film.iterations[k], film.frames[k]) for k in chosen))


def curve(scores: Sequence[float]) -> str:
    """Points of a line through the scores, which fills the box of ``CURVE``; at most one point per 4 units."""
    width, height = CURVE
    low, high = min(scores), max(scores)
    last = max(len(scores) - 1, 1)
    every = max(1, 4 * len(scores) // width)
    kept = sorted({*range(0, len(scores), every), len(scores) - 1})
    return " ".join(
        f"{width * k / last:.0f},{height * (1 - (scores[k] - low) / ((high - low) or 1)):.0f}" for k in kept
    )


def comparisons(
    manifest: Manifest,
    figure: Figure,
    film: FilmView | None,
    manifests: Mapping[str, Manifest],
    language: Language,
) -> Iterator[Comparison]:
    """Everything in a figure that can be laid over something else.

    Beside the pairs it declares: the end of a film over the photograph it started from, and what
    another network gives over what this one gives.
    """
    pictures = {picture.file: picture for picture in figure.pictures}
    for kind, declared in (("curtain", figure.compare), ("overlay", figure.overlay)):
        if declared:
            yield Comparison(kind, tuple((_layer(pictures[a]), _layer(pictures[b])) for a, b in declared))
    if film and figure.images and not figure.compare:
        last = language.say("compare.end", k=str(film.film.iterations[-1]))
        start = _layer(film.film.frames[0], title=language.say("compare.start"), file=film.film.frames[0].file)
        yield Comparison("curtain", ((start, _layer(pictures[figure.thumbnail], title=last)),))
    for name, other in manifests.items():
        if other.kind == manifest.kind and _network(other) != _network(manifest):
            yield from _across_networks(manifest, figure, name, other)


def merged(panels: Iterable[Iterable[Comparison]], language: Language) -> Iterator[Comparison]:
    """Comparisons of several figures: one panel for all that compare from the same."""
    groups: dict[tuple[str, str], list[tuple[Layer, Layer]]] = {}
    for comparison in chain.from_iterable(panels):
        groups.setdefault((comparison.kind, comparison.pairs[0][0].title), []).extend(comparison.pairs)
    for (kind, _), pairs in groups.items():
        comparison = Comparison(kind, tuple(pairs))
        if comparison.several:
            last = language.say("compare.last")
            comparison = Comparison(kind, tuple((under, replace(over, title=last)) for under, over in pairs))
        yield comparison


def _across_networks(manifest: Manifest, figure: Figure, name: str, other: Manifest) -> Iterator[Comparison]:
    """The same figure by another network, if there is one: what lies on top in it, or else its thumbnail."""
    try:
        counterpart = other.figure(figure.name)
    except KeyError:
        return
    made = {over for _, over in figure.overlay} or {figure.thumbnail}
    theirs = {picture.file: picture for picture in counterpart.pictures}
    pairs = [
        (
            _layer(picture, title=_network(manifest)),
            _layer(theirs[picture.file], title=_network(other), file=f"../{name}/{_display(picture.file)}"),
        )
        for picture in figure.pictures
        if picture.file in made and picture.file in theirs and picture.file.endswith(".png")  # not a chart
    ]
    if pairs:
        yield Comparison("curtain", tuple(pairs))


def _network(manifest: Manifest) -> str:
    return manifest.provenance.networks[0].title


def _layer(picture: Picture, *, title: str | None = None, file: str | None = None) -> Layer:
    return Layer(file or _display(picture.file), title or picture.title)


def _display(file: str) -> str:
    """Name of a picture's light copy."""
    return f"{Path(file).stem}.webp"
