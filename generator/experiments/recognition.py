"""Recognition: does a network that had no part in an image see in it what it was grown to show?

A network can be sure of an image in which nothing is to be seen (Nguyen, Yosinski & Clune 2015); that
it is sure of one it was asked to be sure of says nothing. Another network's view is a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from generator import vision
from generator.charts import COLOURS, canvas, draw
from generator.experiments.ascent import Ascent, moments
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.schema import ClassIndex, NetworkName
from generator.shades import to_bytes
from generator.statistics import Estimate, mean, share

if TYPE_CHECKING:
    from generator.vision.gradients import Opinion

FIRST = 5
"""A class counts as recognised among this many first ones: ImageNet has several names for one thing."""
ROW = 5
"""How many images of the sheet stand beside one another."""


@dataclass(frozen=True)
class _Grown:
    """An image on its way from noise to a class, at the moments that are looked at.

    Attributes:
        target: the class.
        images: the noise, then the image after each of the moments.
        own, other: what the network that grew it and the other one say of them.
    """

    target: int
    images: list[Pixels]
    own: Opinion
    other: Opinion


class Recognition(Ascent, Experiment):
    """Grow classes from noise with one network, ask another one what it sees."""

    kind: ClassVar[str] = "recognition"
    family: ClassVar[Family] = "classvis"

    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    other: NetworkName = Field(description="name of the network that is asked, and has no part in the images")
    targets: tuple[ClassIndex, ...] = Field(min_length=1, description="the classes to grow")
    trials: int = Field(1, ge=1, description="how many images of each class to grow, each from a noise of its own")
    kin: tuple[ClassIndex, ...] = Field((), description="classes that are as good as the target")
    looks: int = Field(10, ge=2, description="about how many times each image is looked at on its way")

    @property
    def classes(self) -> None:
        return None  # the other network may name any

    @property
    def figures(self) -> Iterator[str]:
        yield from ("parcours", "images")

    @property
    def work(self) -> int:
        return len(self.targets) * self.trials * (self.iterations + 2 * (self.looks + 1))

    def run(self, bench: Bench) -> None:
        targets = [target for target in self.targets for _ in range(self.trials)]
        climbs = (
            vision.ascent.Climb(
                vision.ascent.noise(bench.network, seed), target, seed=seed, snapshots=frozenset(self._moments)
            )
            for seed, target in enumerate(targets, start=self.seed)
        )
        arrived = {
            position: self._ask(bench, targets[position], position, summit)
            for position, summit in vision.ascent.ascend(
                bench.network, climbs, self.rule(self.iterations), on_step=bench.on_step
            )
        }
        grown = [arrived[position] for position in range(len(targets))]
        self._measure(bench, grown)
        self._chart(bench, grown)
        self._sheet(bench, grown)
        self._table(bench, grown)

    @property
    def _moments(self) -> list[int]:
        return moments(self.iterations, self.looks)

    def _ask(self, bench: Bench, target: int, position: int, summit: vision.ascent.Summit) -> _Grown:
        start = vision.ascent.noise(bench.network, self.seed + position)
        way = [start, *(summit.snapshots[moment] for moment in self._moments)]
        images = [to_bytes(bench.network.pixels(image)) for image in way]
        own, other = (vision.gradients.ask(bench.networks[name], images, target) for name in self.networks)
        bench.on_step(2 * len(images))
        return _Grown(target, images, own, other)

    def _measure(self, bench: Bench, grown: list[_Grown]) -> None:
        """Metrics; each image is one sample."""
        start, end = ([one.other.rank[moment] for one in grown] for moment in (0, -1))
        measures: list[tuple[str, Estimate, str]] = [
            ("own", mean([one.own.probability[-1] for one in grown]), "%"),
            ("probability", mean([one.other.probability[-1] for one in grown]), "%"),
            ("first", share([rank == 1 for rank in end]), "%"),
            ("among-first", share([rank <= FIRST for rank in end]), "%"),
            ("among-first-start", share([rank <= FIRST for rank in start]), "%"),
            ("rank", mean(end), ""),
            ("rank-start", mean(start), ""),
        ]
        if self.kin:
            start, end = ([one.other.chances[moment, self.kin].sum() for one in grown] for moment in (0, -1))
            measures += [
                ("kin", mean([100 * chance for chance in end]), "%"),
                ("kin-start", mean([100 * chance for chance in start]), "%"),
            ]
        for name, value, unit in measures:
            label = bench.language.say(f"recognition.metric.{name}", first=FIRST)
            bench.results.metric(name, value, label=label, unit=unit)

    def _chart(self, bench: Bench, grown: list[_Grown]) -> None:
        say = bench.language.say
        figure, axes = canvas(columns=2)
        iterations = [0, *self._moments]
        ways = {
            "own": np.stack([one.own.probability for one in grown]),
            "other": np.stack([one.other.probability for one in grown]),
        }
        for one, colour, (key, lines) in zip(axes, COLOURS, ways.items(), strict=False):
            one.plot(iterations, lines.T, color=colour, linewidth=0.8, alpha=0.45)
            one.plot(iterations, lines.mean(axis=0), color=colour, linewidth=2.6)
            one.set(title=say(f"recognition.chart.{key}"), xlabel=say("ascent.settings.iteration"), ylim=(-2, 102))
        axes[0].set_ylabel(say("recognition.chart.probability"))
        bench.results.chart(
            "parcours",
            draw(figure, bench.language),
            title=say("recognition.chart.title"),
            caption=say("recognition.chart.caption", images=len(grown)),
            alt=say("recognition.chart.alt", **{key: round(float(way[:, -1].mean())) for key, way in ways.items()}),
            arrays={"iterations": np.array(iterations), **ways},
            seed=self.seed,
            parameters=self.settings(bench.language)
            | {say("recognition.iterations"): self.iterations, say("recognition.trials"): self.trials},
        )

    def _sheet(self, bench: Bench, grown: list[_Grown]) -> None:
        say, pictures = bench.language.say, []
        for place, one in enumerate(grown):
            target, seen = (bench.class_title(index) for index in (one.target, int(one.other.chances[-1].argmax())))
            pictures.append(
                bench.results.picture(
                    f"image-{place}",
                    one.images[-1],
                    title=say("recognition.sheet.picture", target=target, seen=seen),
                    alt=say("recognition.sheet.alt", target=target, seen=seen),
                )
            )
        bench.results.figure(
            "images",
            title=say("recognition.sheet.title", experiment=self.title),
            caption=say("recognition.sheet.caption", iterations=self.iterations),
            columns=[pictures[column::ROW] for column in range(min(ROW, len(pictures)))],
            thumbnail=pictures[0],
            arrays={f"image-{place}": one.images[-1] for place, one in enumerate(grown)},
            seed=self.seed,
            parameters=self.settings(bench.language)
            | {
                say("recognition.iterations"): self.iterations,
                say("ascent.settings.start"): say("recognition.sheet.start"),
            },
        )

    def _table(self, bench: Bench, grown: list[_Grown]) -> None:
        say = bench.language.say
        bench.results.table(
            "rangs",
            caption=say("recognition.table.caption", iterations=self.iterations),
            columns=[
                say(f"recognition.table.{key}") for key in ("target", "own", "other", "rank-start", "rank", "seen")
            ],
            rows=[
                (
                    bench.class_title(one.target),
                    float(one.own.probability[-1]),
                    float(one.other.probability[-1]),
                    int(one.other.rank[0]),
                    int(one.other.rank[-1]),
                    bench.class_title(int(one.other.chances[-1].argmax())),
                )
                for one in grown
            ],
        )
