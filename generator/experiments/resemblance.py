"""Resemblance: does a photograph pushed towards its own class look more like it, or less?

The eye that the write-up speaks of is stood in for by a network that had no part in the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from generator import vision
from generator.charts import canvas, draw
from generator.experiments.ascent import Ascent, Moments, PenaltyName, check_moments
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.language import Language
from generator.schema import ImageName, Name, NetworkName, Strict
from generator.shades import to_bytes
from generator.statistics import mean

if TYPE_CHECKING:
    from generator.vision.gradients import Opinion


class Pull(Strict):
    """What pulls the photograph back, and how hard."""

    title: str = Field(description="what it is called, for the reader; in few words")
    penalty: PenaltyName | None = Field(None, description="what pulls back")
    weight: float = Field(0.0, ge=0, description="the penalty's factor (λ)")


@dataclass(frozen=True)
class _Changed:
    """A photograph on its way, at the moments that are looked at, the photograph itself first.

    Attributes:
        images: RGB, uint8 (H, W, 3) each.
        own, other: what the network that changes it and the other one say of them.
        distance: of each from the first, root mean square over pixels in [0, 1].
        similarity: of each to the first (SSIM, Wang et al. 2004), 1: the same.
    """

    images: list[Pixels]
    own: Opinion
    other: Opinion
    distance: list[float]
    similarity: list[float]


MEASURES: dict[str, tuple[str, Callable[[_Changed, int], float]]] = {
    "own": ("%", lambda one, moment: float(one.own.probability[moment])),
    "other": ("%", lambda one, moment: float(one.other.probability[moment])),
    "rank": ("", lambda one, moment: float(one.other.rank[moment])),
    "distance": ("", lambda one, moment: one.distance[moment]),
    "similarity": ("", lambda one, moment: one.similarity[moment]),
}
"""What is measured on an image at one of its moments: unit, value."""


class Resemblance(Ascent, Experiment):
    """Push photographs towards their own classes under several penalties, ask another network."""

    kind: ClassVar[str] = "resemblance"
    family: ClassVar[Family] = "classvis"

    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    other: NetworkName = Field(description="name of the network that is asked, and has no part in the images")
    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    pulls: dict[Name, Pull] = Field(min_length=1, description="the penalties to compare; the first is the reference")
    show: Moments = Field(
        min_length=1, description="iterations to look at, counted from 1; it stops after the last one"
    )

    @model_validator(mode="after")
    def _inside(self) -> Self:
        check_moments("show", self.show, self.iterations)
        return self

    @property
    def figures(self) -> Iterator[str]:
        yield from ("parcours", "images")

    @property
    def work(self) -> int:
        return len(self.images) * len(self.pulls) * (self.show[-1] + 2 * (len(self.show) + 1))

    def run(self, bench: Bench) -> None:
        ways = [(key, name) for key in self.pulls for name in self.images]
        climbs = (
            vision.ascent.Climb(
                bench.network.normalise([bench.photographs[name].pixels])[0],
                bench.photographs[name].label,
                seed=self.seed,
                penalty=self.pulls[key].penalty,
                weight=self.pulls[key].weight,
                snapshots=frozenset(self.show),
                last=self.show[-1],
            )
            for key, name in ways
        )
        changed = {
            ways[position]: self._look(bench, ways[position][1], summit)
            for position, summit in vision.ascent.ascend(
                bench.network, climbs, self.rule(self.iterations), on_step=bench.on_step
            )
        }
        by_pull = {key: [changed[key, name] for name in self.images] for key in self.pulls}
        self._measure(bench, by_pull)
        self._chart(bench, by_pull)
        self._sheet(bench, by_pull)

    def _look(self, bench: Bench, name: str, summit: vision.ascent.Summit) -> _Changed:
        photograph = bench.photographs[name]
        later = [to_bytes(bench.network.pixels(summit.snapshots[iteration])) for iteration in self.show]
        images = [photograph.pixels, *later]
        own, other = (
            vision.gradients.ask(bench.networks[network], images, photograph.label) for network in self.networks
        )
        bench.on_step(2 * len(images))
        changes = [(image.astype(np.float64) - photograph.pixels) / 255 for image in images]
        return _Changed(
            images,
            own,
            other,
            distance=[float(np.sqrt(np.square(change).mean())) for change in changes],
            similarity=[vision.perception.similarity(photograph.pixels, image, brightest=255) for image in images],
        )

    def _measure(self, bench: Bench, by_pull: dict[str, list[_Changed]]) -> None:
        """Metrics of each penalty, and their table; the photograph is the unit of sampling."""
        say = bench.language.say
        reference, free = next(iter(self.pulls.values())).title, next(iter(by_pull.values()))
        rows: list[tuple[str | float, ...]] = [
            (
                say("resemblance.photograph"),
                *(float(np.mean([value(one, 0) for one in free])) for *_, value in MEASURES.values()),
            )
        ]
        for key, changed in by_pull.items():
            title = self.pulls[key].title
            told = [
                bench.results.metric(
                    f"{key}.{name}",
                    mean([value(one, -1) for one in changed]),
                    label=say("resemblance.measured", measure=say(f"resemblance.measure.{name}"), pull=title),
                    unit=unit,
                )
                for name, (unit, value) in MEASURES.items()
            ]
            rows.append((title, *(metric.value for metric in told)))
            for name, moment in (("gain-early", 1), ("gain", len(self.show))):
                gains = [float(one.other.probability[moment] - one.other.probability[0]) for one in changed]
                label = say("resemblance.gain", iterations=self.show[moment - 1], pull=title)
                bench.results.metric(f"{key}.{name}", mean(gains), label=label, unit=say("resemblance.points"))
            ways = [100 * one.distance[-1] / other.distance[-1] for one, other in zip(changed, free, strict=True)]
            label = say("resemblance.way", pull=title, reference=reference)
            bench.results.metric(f"{key}.way", mean(ways), label=label, unit="%")
        bench.results.table(
            "regularisations",
            caption=say("resemblance.table", photographs=len(self.images), iterations=self.show[-1]),
            columns=[say("resemblance.setting"), *(_headed(name, bench.language) for name in MEASURES)],
            rows=rows,
        )

    def _chart(self, bench: Bench, by_pull: dict[str, list[_Changed]]) -> None:
        iterations, say = [0, *self.show], bench.language.say
        figure, axes = canvas(columns=2)
        curves = {}
        for one, name in zip(axes, ("other", "distance"), strict=True):
            _, value = MEASURES[name]
            for key, changed in by_pull.items():
                line = [np.mean([value(image, moment) for image in changed]) for moment in range(len(iterations))]
                one.plot(iterations, line, marker="o", markersize=3.5, linewidth=2, label=self.pulls[key].title)
                curves[f"{name}-{key}"] = np.array(line)
            one.set(xlabel=say("ascent.settings.iteration"), ylabel=_headed(name, bench.language))
        axes[0].set_ylim(-2, 102)
        axes[1].set_ylim(0, 1.3 * axes[1].get_ylim()[1])  # room for the legend
        axes[1].legend(fontsize=9, loc="upper left")
        bench.results.chart(
            "parcours",
            draw(figure, bench.language),
            title=say("resemblance.chart.title"),
            caption=say("resemblance.chart.caption", photographs=len(self.images)),
            alt=say("resemblance.chart.alt"),
            arrays={"iterations": np.array(iterations)} | curves,
            images=self.images,
            seed=self.seed,
            parameters=self._told(bench),
        )

    def _sheet(self, bench: Bench, by_pull: dict[str, list[_Changed]]) -> None:
        say, photograph = bench.language.say, bench.language.say("resemblance.photograph")
        columns = [
            [
                bench.results.picture(
                    f"{name}-{key}",
                    one.images[moment],
                    title=say("resemblance.sheet.picture", setting=title, chance=chance),
                    alt=say(
                        "resemblance.sheet.alt",
                        photograph=bench.photographs[name].title,
                        setting=title,
                        target=bench.class_title(bench.photographs[name].label),
                        chance=chance,
                    ),
                )
                for name, one in zip(self.images, changed, strict=True)
                for chance in (round(float(one.other.probability[moment])),)
            ]
            for key, title, moment, changed in (
                ("photographie", photograph, 0, next(iter(by_pull.values()))),
                *((key, self.pulls[key].title, -1, changed) for key, changed in by_pull.items()),
            )
        ]
        bench.results.figure(
            "images",
            title=say("resemblance.sheet.title"),
            caption=say("resemblance.sheet.caption", iterations=self.show[-1]),
            columns=columns,
            thumbnail=columns[1][0],
            arrays={
                f"{name}-{key}": one.images[-1]
                for key, changed in by_pull.items()
                for name, one in zip(self.images, changed, strict=True)
            },
            images=self.images,
            seed=self.seed,
            parameters=self._told(bench),
        )

    def _told(self, bench: Bench) -> dict[str, object]:
        say = bench.language.say
        pulls = (
            say(
                f"resemblance.pull.{'weighted' if pull.penalty else 'free'}",
                title=pull.title,
                penalty=say(f"ascent.penalty.{pull.penalty or 'none'}"),
                weight=pull.weight,
            )
            for pull in self.pulls.values()
        )
        return {
            say("resemblance.iterations"): say(
                "ascent.iteration", iteration=str(self.show[-1]), all=str(self.iterations)
            ),
            say("resemblance.pulls"): say("resemblance.list").join(pulls),
        } | self.settings(bench.language)


def _headed(measure: str, language: Language) -> str:
    """One of the ``MEASURES`` with its unit, as a heading."""
    label, (unit, _) = language.say(f"resemblance.measure.{measure}"), MEASURES[measure]
    return f"{label} ({unit})" if unit else label
