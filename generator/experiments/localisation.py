"""Localisation: is the saliency where the objects are?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import COLOURS, INK, PAPER, canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.images import inside, outlined
from generator.language import Language
from generator.schema import Box, ImageName, ImageSpec
from generator.shades import heat, heat_scale
from generator.statistics import mean, share

GREEN = (60, 220, 110)
BLUE = (70, 170, 255)
KEPT = np.linspace(0, 1, 201)
"""Shares of the pixels, where the curve of coverage is drawn."""


@dataclass(frozen=True)
class Measure:
    """What was measured on one photograph.

    Attributes:
        area: share of the image inside its boxes.
        energy: share of the saliency inside its boxes.
        pointed: whether the map's maximum is inside a box.
        curve: share of the boxes covered by the most salient pixels, for each share of ``KEPT``.
        covered: the same where as many pixels are kept as the boxes have.
    """

    area: float
    energy: float
    pointed: bool
    curve: NDArray[np.float64]
    covered: float

    @property
    def gain(self) -> float:
        """How much denser the saliency is in the boxes than in the whole image; 1 by chance."""
        return self.energy / self.area


class Localisation(Experiment):
    """The saliency inside the annotated boxes, against what a map that knows nothing would put there."""

    kind: ClassVar[str] = "localisation"
    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(
        min_length=1, description="all images of the lab if left out; those without boxes are passed over"
    )
    heads: dict[ImageName, Box] = Field(
        default_factory=dict, description="the dog's head inside its box, in photographs of dogs"
    )

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.heads)))

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        yield from without_boxes(self.images, images)
        for name, head in self.heads.items():
            if not any(_overlap(head, box) for box in images[name].boxes):
                yield (
                    "heads",
                    f"the head of {name} lies in none of its boxes; give it boxes: under images, or correct it",
                )

    @property
    def figures(self) -> Iterator[str]:
        yield from ("energie", "couverture", "exemples")

    @property
    def work(self) -> int:
        return len(self.photographs)

    def run(self, bench: Bench) -> None:
        say = bench.language.say
        maps = maps_of_boxed(bench)
        measures = {name: _measure(values, bench.photographs[name].objects) for name, values in maps.items()}
        ranked = sorted(measures, key=lambda name: -measures[name].gain)
        self._metrics(bench, maps, list(measures.values()))
        self._energy(bench, measures, best_and_worst(ranked))
        self._coverage(bench, measures)
        self._examples(bench, maps, measures, best_and_worst(ranked))
        bench.results.table(
            "images",
            caption=say("localisation.table.caption"),
            columns=[
                say(f"localisation.table.{key}")
                for key in ("photograph", "area", "energy", "gain", "pointed", "covered")
            ],
            rows=[
                [
                    bench.photographs[name].title,
                    100 * measures[name].area,
                    100 * measures[name].energy,
                    measures[name].gain,
                    say("claim.yes" if measures[name].pointed else "claim.no"),
                    100 * measures[name].covered,
                ]
                for name in ranked
            ],
        )

    def _metrics(self, bench: Bench, maps: dict[str, NDArray[np.float32]], measures: Sequence[Measure]) -> None:
        found = {
            "area": (mean([100 * m.area for m in measures]), "%"),
            "energy": (mean([100 * m.energy for m in measures]), "%"),
            "energy-gain": (mean([m.gain for m in measures]), ""),
            "pointing": (share([m.pointed for m in measures]), "%"),
            "coverage": (mean([100 * m.covered for m in measures]), "%"),
        }
        if self.heads:
            gains = [_head_gain(bench, name, maps[name], head) for name, head in self.heads.items()]
            found["head-gain"] = mean(gains), ""
        for name, (estimate, unit) in found.items():
            bench.results.metric(name, estimate, label=bench.language.say(f"localisation.metric.{name}"), unit=unit)

    def _energy(self, bench: Bench, measures: dict[str, Measure], labelled: Sequence[str]) -> None:
        say = bench.language.say
        figure, (axes,) = canvas(5.6, 4.6)
        axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle="--", label=say("localisation.energy.chance"))
        for pointed, face, key in ((True, COLOURS[0], "inside"), (False, "none", "outside")):
            chosen = [m for m in measures.values() if m.pointed is pointed]
            axes.scatter(
                [100 * m.area for m in chosen],
                [100 * m.energy for m in chosen],
                facecolor=face,
                edgecolor=COLOURS[0],
                label=say(f"localisation.energy.{key}"),
            )
        for name in labelled:
            axes.annotate(
                bench.photographs[name].title,
                (100 * measures[name].area, 100 * measures[name].energy),
                xytext=(-6, 7) if measures[name].gain > 1 else (6, -10),  # away from the diagonal
                textcoords="offset points",
                fontsize=9,
                color=INK,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
            )
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel=say("localisation.energy.area"))
        axes.set_ylabel(say("localisation.energy.energy"))
        axes.legend(loc="lower right")
        bench.results.chart(
            "energie",
            draw(figure, bench.language),
            title=say("localisation.energy.title"),
            caption=say("localisation.energy.caption"),
            alt=say("localisation.energy.alt"),
            arrays={"area": np.array([m.area for m in measures.values()])}
            | {"energy": np.array([m.energy for m in measures.values()])},
            images=list(measures),
            parameters=_settings(bench.language),
        )

    def _coverage(self, bench: Bench, measures: dict[str, Measure]) -> None:
        say = bench.language.say
        curves = 100 * np.stack([m.curve for m in measures.values()])
        perfect = 100 * np.mean([(KEPT / m.area).clip(max=1) for m in measures.values()], axis=0)
        low, high = np.percentile(curves, [25, 75], axis=0)
        figure, (axes,) = canvas(6.4, 4.2)
        axes.plot(100 * KEPT, perfect, color=COLOURS[2], linestyle=":", label=say("localisation.coverage.perfect"))
        axes.plot(100 * KEPT, curves.mean(axis=0), color=COLOURS[0], label=say("localisation.coverage.mean"))
        axes.fill_between(
            100 * KEPT, low, high, color=COLOURS[0], alpha=0.2, linewidth=0, label=say("localisation.coverage.middle")
        )
        axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle="--", label=say("localisation.coverage.chance"))
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel=say("localisation.coverage.kept"))
        axes.set_ylabel(say("localisation.coverage.covered"))
        axes.legend(loc="lower right")
        bench.results.chart(
            "couverture",
            draw(figure, bench.language),
            title=say("localisation.coverage.title"),
            caption=say("localisation.coverage.caption", photographs=len(measures)),
            alt=say("localisation.coverage.alt"),
            arrays={"kept": KEPT, "covered": curves / 100},
            images=list(measures),
            parameters=_settings(bench.language),
        )

    def _examples(
        self,
        bench: Bench,
        maps: dict[str, NDArray[np.float32]],
        measures: dict[str, Measure],
        shown: Sequence[str],
    ) -> None:
        say = bench.language.say
        columns = [_column(bench, name, maps[name], measures[name]) for name in shown]
        bench.results.figure(
            "exemples",
            title=say("localisation.examples.title"),
            caption=say("localisation.examples.caption"),
            columns=columns,
            thumbnail=columns[0][-1],
            arrays={name: maps[name] for name in shown},
            images=list(shown),
            parameters=_settings(bench.language) | {say("common.palette"): "hot"},
        )


def without_boxes(names: Sequence[str], images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
    """The problem of an experiment on boxes, if none of its images has one."""
    if not any(images[name].boxes for name in names):
        yield "images", "none of these images has boxes; give them to some under images, boxes: [[…]]"


def _overlap(one: Box, other: Box) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(one[3], other[3])


def maps_of_boxed(bench: Bench) -> dict[str, NDArray[np.float32]]:
    """Saliency map of the true class of each photograph whose objects have boxes, by name."""
    boxed = {name: photograph for name, photograph in bench.photographs.items() if photograph.boxes}
    labelled = ((photograph.pixels, photograph.label) for photograph in boxed.values())
    maps = {}
    for name, values in zip(boxed, vision.gradients.saliency_maps(bench.network, labelled), strict=True):
        bench.on_step(1)
        maps[name] = values
    return maps


def best_and_worst(ranked: Sequence[str]) -> list[str]:
    """The first two and the last two of a ranking: examples that nobody picked."""
    return list(dict.fromkeys((*ranked[:2], *ranked[-2:])))


def _settings(language: Language) -> dict[str, str]:
    say = language.say
    return {
        say("common.class"): say("common.true-class"),
        say("localisation.measured"): say("localisation.boxed"),
    }


def _measure(values: NDArray[np.float32], objects: NDArray[np.bool_]) -> Measure:
    covered = vision.regions.coverage(values, objects)
    return Measure(
        area=float(objects.mean()),
        energy=vision.regions.energy(values, objects),
        pointed=vision.regions.points_at(values, objects),
        curve=np.interp(KEPT, np.linspace(0, 1, len(covered)), covered),
        covered=float(covered[objects.sum()]),
    )


def _head_gain(bench: Bench, name: str, values: NDArray[np.float32], head: Box) -> float:
    """How much denser the saliency is in a dog's head than in the whole dog."""
    dog = bench.photographs[name].objects
    in_head = inside([head], *dog.shape)[dog]
    return vision.regions.energy(values[dog], in_head) / float(in_head.mean())


def _column(bench: Bench, name: str, values: NDArray[np.float32], measure: Measure) -> list[Picture]:
    photograph, say = bench.photographs[name], bench.language.say
    y, x = divmod(int(values.argmax()), len(values))
    side = len(values)
    around = ((x - 5) / side, (y - 5) / side, (x + 6) / side, (y + 6) / side)
    return [
        bench.results.picture(
            f"exemples-{name}-image",
            outlined(photograph.pixels, photograph.boxes, GREEN),
            title=photograph.title,
            alt=say("localisation.examples.photograph", title=photograph.title),
        ),
        bench.results.picture(
            f"exemples-{name}-carte",
            outlined(outlined(heat(values / values.max()), photograph.boxes, GREEN), [around], BLUE),
            title=say("localisation.gain", gain=measure.gain),
            scale=heat_scale(values.max()),
            alt=say(f"localisation.examples.{'inside' if measure.pointed else 'outside'}", title=photograph.title),
        ),
    ]
