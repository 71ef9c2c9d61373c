"""Resemblance: does a photograph pushed towards its own class look more like it, or less?

The eye that the write-up speaks of is stood in for by a network that had no part in the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from generator import vision
from generator.charts import canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.experiments.classvis import Ascent, PenaltyName
from generator.experiments.fooling import to_bytes
from generator.experiments.recognition import Opinion, ask
from generator.images import Pixels
from generator.schema import ImageName, Name, NetworkName, Strict
from generator.statistics import mean


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


MEASURES: dict[str, tuple[str, str, Callable[[_Changed, int], float]]] = {
    "own": ("Probabilité, réseau qui change l’image", "%", lambda one, moment: float(one.own.probability[moment])),
    "other": ("Probabilité, autre réseau", "%", lambda one, moment: float(one.other.probability[moment])),
    "rank": ("Rang, autre réseau", "", lambda one, moment: float(one.other.rank[moment])),
    "distance": ("Distance", "", lambda one, moment: one.distance[moment]),
    "similarity": ("SSIM", "", lambda one, moment: one.similarity[moment]),
}
"""What is measured on an image at one of its moments: label, unit, value."""


class Resemblance(Ascent, Experiment):
    """Push photographs towards their own classes under several penalties, ask another network."""

    kind: ClassVar[str] = "resemblance"
    family: ClassVar[Family] = "classvis"

    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    other: NetworkName = Field(description="name of the network that is asked, and has no part in the images")
    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    pulls: dict[Name, Pull] = Field(min_length=1, description="the penalties to compare; the first is the reference")
    show: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="iterations to look at, counted from 1; it stops after the last one"
    )

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if list(self.show) != sorted(set(self.show)) or self.show[-1] > self.iterations:
            raise ValueError(f"show: {list(self.show)} should rise, up to {self.iterations} (iterations) at most")
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
        from skimage.metrics import structural_similarity  # takes longer to import than a lab to read

        photograph = bench.photographs[name]
        later = [to_bytes(bench.network.pixels(summit.snapshots[iteration])) for iteration in self.show]
        images = [photograph.pixels, *later]
        own, other = (ask(bench.networks[network], images, photograph.label) for network in self.networks)
        bench.on_step(2 * len(images))
        changes = [(image.astype(np.float64) - photograph.pixels) / 255 for image in images]
        return _Changed(
            images,
            own,
            other,
            distance=[float(np.sqrt(np.square(change).mean())) for change in changes],
            similarity=[float(structural_similarity(photograph.pixels, image, channel_axis=2)) for image in images],
        )

    def _measure(self, bench: Bench, by_pull: dict[str, list[_Changed]]) -> None:
        """Metrics of each penalty, and their table; the photograph is the unit of sampling."""
        reference, free = next(iter(self.pulls.values())).title, next(iter(by_pull.values()))
        rows: list[tuple[str | float, ...]] = [
            ("photographie", *(float(np.mean([value(one, 0) for one in free])) for *_, value in MEASURES.values()))
        ]
        for key, changed in by_pull.items():
            title = self.pulls[key].title
            told = [
                bench.results.metric(
                    f"{key}.{name}",
                    mean([value(one, -1) for one in changed]),
                    label=f"{label}, {title}",
                    unit=unit,
                )
                for name, (label, unit, value) in MEASURES.items()
            ]
            rows.append((title, *(metric.value for metric in told)))
            for name, moment in (("gain-early", 1), ("gain", len(self.show))):
                gains = [float(one.other.probability[moment] - one.other.probability[0]) for one in changed]
                label = f"Probabilité gagnée selon l’autre réseau, après {self.show[moment - 1]} itérations, {title}"
                bench.results.metric(f"{key}.{name}", mean(gains), label=label, unit="points")
            ways = [100 * one.distance[-1] / other.distance[-1] for one, other in zip(changed, free, strict=True)]
            label = f"Distance à la photographie, {title}, rapportée à celle {reference}"
            bench.results.metric(f"{key}.way", mean(ways), label=label, unit="%")
        bench.results.table(
            "regularisations",
            caption=f"Moyennes sur {len(self.images)} photographies après {self.show[-1]} itérations ; la probabilité "
            "et le rang sont ceux de la vraie classe. Distance : racine de l’écart quadratique moyen, pixels dans "
            "[0, 1]. SSIM : 1 pour deux images identiques.",
            columns=["Réglage", *(_headed(label, unit) for label, unit, _ in MEASURES.values())],
            rows=rows,
        )

    def _chart(self, bench: Bench, by_pull: dict[str, list[_Changed]]) -> None:
        iterations = [0, *self.show]
        figure, axes = canvas(columns=2)
        curves = {}
        for one, name in zip(axes, ("other", "distance"), strict=True):
            label, unit, value = MEASURES[name]
            for key, changed in by_pull.items():
                line = [np.mean([value(image, moment) for image in changed]) for moment in range(len(iterations))]
                one.plot(iterations, line, marker="o", markersize=3.5, linewidth=2, label=self.pulls[key].title)
                curves[f"{name}-{key}"] = np.array(line)
            one.set(xlabel="itération", ylabel=_headed(label, unit))
        axes[0].set_ylim(-2, 102)
        axes[1].set_ylim(0, 1.3 * axes[1].get_ylim()[1])  # room for the legend
        axes[1].legend(fontsize=9, loc="upper left")
        bench.results.chart(
            "parcours",
            draw(figure, bench.language),
            title="Plus l’image change, ressemble-t-elle plus à sa classe ?",
            caption=f"Moyennes sur {len(self.images)} photographies poussées vers leur propre classe. À gauche, la "
            "probabilité que donne à cette classe un réseau qui n’y a pas pris part ; à droite, la distance à la "
            "photographie (racine de l’écart quadratique moyen, pixels dans [0, 1]).",
            alt="Deux graphiques, une courbe par régularisation : la probabilité de la classe selon l’autre réseau, et "
            "la distance à la photographie, au fil des itérations",
            arrays={"iterations": np.array(iterations)} | curves,
            images=self.images,
            seed=self.seed,
            parameters=self._told(bench),
        )

    def _sheet(self, bench: Bench, by_pull: dict[str, list[_Changed]]) -> None:
        columns = [
            [
                bench.results.picture(
                    f"{name}-{key}",
                    one.images[moment],
                    title=f"{title} : {one.other.probability[moment]:.0f} %",
                    alt=f"{bench.photographs[name].title}, {title} : l’autre réseau y voit « "
                    f"{bench.class_title(bench.photographs[name].label)} » à {one.other.probability[moment]:.0f} %",
                )
                for name, one in zip(self.images, changed, strict=True)
            ]
            for key, title, moment, changed in (
                ("photographie", "photographie", 0, next(iter(by_pull.values()))),
                *((key, self.pulls[key].title, -1, changed) for key, changed in by_pull.items()),
            )
        ]
        bench.results.figure(
            "images",
            title="Des photographies poussées vers leur propre classe",
            caption=f"À gauche la photographie, puis l’image après {self.show[-1]} itérations sous chaque réglage. Le "
            "nombre : la probabilité de la vraie classe selon le réseau qui n’a pas pris part.",
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
        return {
            "itérations": f"{self.show[-1]} d’un programme de {self.iterations}",
            "régularisations": " ; ".join(
                pull.title
                + " : "
                + bench.language.say(f"classvis.penalty.{pull.penalty or 'none'}")
                + (f", λ = {pull.weight}" if pull.penalty else "")
                for pull in self.pulls.values()
            ),
        } | self.settings(bench.language)


def _headed(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label
