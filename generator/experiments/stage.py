"""Where a kind shows its outcomes: what it has at hand, and what takes what it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generator.charts import draw
from generator.experiments.base import PartName, Parts
from generator.experiments.given import Outcome
from generator.images import Box, Pixels, inside
from generator.language import Language
from generator.results.artefacts import Metric, Neighbour, Picture, Recorder, Scale
from generator.statistics import Estimate

if TYPE_CHECKING:
    import matplotlib.figure


@dataclass(frozen=True)
class Photograph:
    """A labelled photograph, as the network of the experiment sees it.

    Attributes:
        pixels: RGB values, uint8 (H, W, 3), at the size of its input.
        label: index of its true class.
        title: what it shows, for the reader.
        boxes: left, top, right and bottom of its objects, as fractions of the image's side.
    """

    pixels: Pixels
    label: int
    title: str
    boxes: tuple[Box, ...]

    @property
    def objects(self) -> NDArray[np.bool_]:
        """Which pixels lie in one of its boxes, bool (H, W)."""
        return inside(self.boxes, *self.pixels.shape[:2])


@dataclass(frozen=True)
class Eye:
    """What showing needs to know of a network.

    Attributes:
        title: for the reader.
        size: side of its input, in pixels.
        channels: 1 if it sees grey images, 3 if it sees colours.
    """

    title: str
    size: int
    channels: int


@dataclass(frozen=True)
class Stage:
    """What an experiment is shown with. No gradient is computed here, no file opened.

    Attributes:
        parts: those of the experiment.
        keys: of its parts, in the store.
        outcomes: of its parts; each is read when it is asked for.
        photographs: of its parts and ``photographs``, by name, read likewise.
        networks: those of the experiment, by name; its own is the first.
        class_title: index of a class -> its name for a reader.
        language: the lab's, in which captions are written.
        seed: the experiment's.
        results: takes what is made.
    """

    parts: Parts
    keys: Mapping[PartName, str]
    outcomes: Mapping[PartName, Outcome]
    photographs: Mapping[str, Photograph]
    networks: Mapping[str, Eye]
    class_title: Callable[[int], str]
    language: Language
    seed: int
    results: Recorder

    @property
    def network(self) -> Eye:
        """The experiment's own network."""
        return next(iter(self.networks.values()))

    @property
    def judges(self) -> tuple[str, ...]:
        """Titles of the other networks."""
        return tuple(eye.title for eye in self.networks.values())[1:]

    @property
    def jury(self) -> str:
        """The same, in one text."""
        return self.language.list(self.judges)

    def say(self, key: str, **values: object) -> str:
        """A text of the lab's language; see :meth:`Language.say`."""
        return self.language.say(key, **values)

    def metric(self, name: str, value: float | Estimate, *, label: str, unit: str = "") -> Metric:
        """Record a measured number; see :class:`Metric`."""
        return self.results.metric(name, value, label=label, unit=unit)

    def picture(
        self,
        name: str,
        pixels: Pixels,
        words: str,
        *,
        scale: Scale | None = None,
        exact: bool = False,
        **values: object,
    ) -> Picture:
        """Record a lossless picture, uint8 (H, W, 3).

        Args:
            name: of its file.
            pixels: what it shows.
            words: the key of its title; « -alt » is added for that of its alternative text.
            scale: what its shades stand for, where it shows no photograph.
            exact: whether a compressed copy would no longer do what it does.
            values: fill the braces of both.
        """
        title = self.say(words, **values) if words in self.language.words else ""
        alt = self.say(f"{words}-alt", **values)
        return self.results.picture(name, pixels, title=title, alt=alt, scale=scale, exact=exact)

    def figure(  # noqa: PLR0913  # a figure has that many sides, all named
        self,
        name: str,
        words: str,
        *,
        of: Iterable[PartName] | None = None,
        columns: Sequence[Sequence[Picture]],
        thumbnail: Picture,
        arrays: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, Any],
        facts: Sequence[Metric] = (),
        classes: Sequence[str] = (),
        compare: Sequence[tuple[Picture, Picture]] = (),
        overlay: Sequence[tuple[Picture, Picture]] = (),
        neighbours: Sequence[Neighbour] = (),
        **values: object,
    ) -> None:
        """Record a figure; see :class:`~generator.results.artefacts.Figure`.

        Args:
            name: of the figure.
            words: the section of its ``title`` and its ``caption``.
            of: the parts it shows; all of them if left out. Its images, its seed and its keys are theirs.
            columns: its pictures, column by column.
            thumbnail: the most telling one.
            arrays: the exact values behind the pictures.
            parameters: what else decides how it looks, for the reader.
            facts: what was measured on it.
            classes: titles of the classes it is about, beside those of its photographs.
            compare: pairs to be laid side by side under one edge.
            overlay: pairs of which the second can be laid over the first.
            neighbours: what it is confused with, most often first.
            values: fill the braces of title and caption.
        """
        shown = list(self.parts if of is None else dict.fromkeys(of))
        parts = [self.parts[part] for part in shown]
        self.results.figure(
            name,
            title=self.say(f"{words}.title", **values),
            caption=self.say(f"{words}.caption", **values),
            columns=columns,
            thumbnail=thumbnail,
            arrays=arrays,
            images=list(dict.fromkeys(image for part in parts for image in part.images)),
            seed=self.seed if any(part.random for part in parts) else None,
            parts=[self.keys[part] for part in shown],
            parameters=parameters,
            facts=facts,
            classes=classes,
            compare=compare,
            overlay=overlay,
            neighbours=neighbours,
        )

    def chart(  # noqa: PLR0913  # likewise
        self,
        name: str,
        words: str,
        drawing: matplotlib.figure.Figure,
        *,
        of: Iterable[PartName] | None = None,
        arrays: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, Any],
        facts: Sequence[Metric] = (),
        **values: Any,
    ) -> None:
        """Record a figure that is a chart: like :meth:`figure`, with the chart's alternative text, ``alt``, beside."""
        picture = self.results.drawing(name, draw(drawing, self.language), alt=self.say(f"{words}.alt", **values))
        self.figure(
            name,
            words,
            of=of,
            columns=[[picture]],
            thumbnail=picture,
            arrays=arrays,
            parameters=parameters,
            facts=facts,
            **values,
        )
