"""Saliency maps: which pixels, changed a little, change the score of the true class most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.experiments.base import Bench, Experiment, Family
from generator.schema import ImageName, Name
from generator.shades import heat, heat_scale


class Saliency(Experiment):
    """max over the colour channels of |d s_y / d x|, for the true class y (Simonyan et al. 2013)."""

    kind: ClassVar[str] = "saliency"
    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    strips: dict[Name, tuple[ImageName, ...]] = Field(
        default_factory=dict, description="figures that show several images over their maps"
    )

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *(i for strip in self.strips.values() for i in strip))))

    @property
    def figures(self) -> Iterator[str]:
        yield from self.strips
        yield from self.images

    @property
    def work(self) -> int:
        return len(self.photographs)

    def run(self, bench: Bench) -> None:
        photographs = bench.photographs
        in_strips = {image for strip in self.strips.values() for image in strip}
        kept: dict[str, tuple[list[Picture], NDArray[np.float32]]] = {}
        labelled = ((photograph.pixels, photograph.label) for photograph in photographs.values())
        for name, values in zip(photographs, vision.gradients.saliency_maps(bench.network, labelled), strict=True):
            bench.on_step(1)
            column = self._column(bench, name, values)
            if name in in_strips:
                kept[name] = column, values
            if name in self.images:
                self._figure(bench, name, {name: (column, values)}, photographs[name].title)
        for name, strip in self.strips.items():
            self._figure(bench, name, {image: kept[image] for image in strip}, bench.language.say("saliency.strip"))

    def _figure(
        self, bench: Bench, name: str, shown: dict[str, tuple[list[Picture], NDArray[np.float32]]], title: str
    ) -> None:
        say, form = bench.language.say, "several" if len(shown) > 1 else "one"
        columns = [column for column, _ in shown.values()]
        bench.results.figure(
            name,
            title=title,
            caption=say(f"saliency.{form}", caption=say("saliency.caption")),
            columns=columns,
            thumbnail=columns[0][-1],
            overlay=[(photograph, heatmap) for photograph, heatmap in columns],
            arrays={image: values for image, (_, values) in shown.items()},
            images=list(shown),
            parameters={say("common.class"): say("saliency.true-class"), say("common.palette"): "hot"},
        )

    def _column(self, bench: Bench, name: str, values: NDArray[np.float32]) -> list[Picture]:
        photograph, say = bench.photographs[name], bench.language.say
        title = photograph.title
        bench.results.metric(f"{name}.maximum", values.max(), label=say("saliency.maximum", title=title))
        return [
            bench.results.picture(
                f"{name}-image",
                photograph.pixels,
                title=title,
                alt=say("common.photograph", title=title),
            ),
            bench.results.picture(
                f"{name}-carte",
                heat(values / values.max()),
                title=say("saliency.map"),
                alt=say("saliency.map-alt", title=title, place=say(f"saliency.brightest.{brightest(values)}")),
                scale=heat_scale(values.max()),
            ),
        ]


def brightest(values: NDArray[np.float32]) -> str:
    """Which ninth of a map, (H, W), is the brightest as a whole: « top-left » to « bottom-right »."""
    ninths = {
        f"{row}-{column}": float(part.mean())
        for row, rows in zip(("top", "middle", "bottom"), np.array_split(values, 3), strict=True)
        for column, part in zip(("left", "centre", "right"), np.array_split(rows, 3, axis=1), strict=True)
    }
    return max(ninths, key=ninths.__getitem__)
