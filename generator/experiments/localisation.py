"""Localisation: is the saliency where the objects are?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import COLOURS, INK, PAPER, canvas, draw
from generator.errors import LabError
from generator.experiments.base import Bench, Experiment, Family
from generator.experiments.saliency import heat, heat_scale
from generator.french import number
from generator.images import inside, outlined
from generator.schema import Box, ImageName
from generator.statistics import mean, share

GREEN = (60, 220, 110)
BLUE = (70, 170, 255)
KEPT = np.linspace(0, 1, 201)
"""Shares of the pixels, where the curve of coverage is drawn."""
PARAMETERS = {"classe": "la vraie classe de chaque image", "images mesurées": "celles dont les objets sont encadrés"}


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

    @property
    def figures(self) -> Iterator[str]:
        yield from ("energie", "couverture", "exemples")

    @property
    def work(self) -> int:
        return len(self.photographs)

    def run(self, bench: Bench) -> None:
        maps = maps_of_boxed(bench)
        measures = {name: _measure(values, bench.photographs[name].objects) for name, values in maps.items()}
        ranked = sorted(measures, key=lambda name: -measures[name].gain)
        self._metrics(bench, maps, list(measures.values()))
        self._energy(bench, measures, best_and_worst(ranked))
        self._coverage(bench, measures)
        self._examples(bench, maps, measures, best_and_worst(ranked))
        bench.results.table(
            "images",
            caption="Par photographie, du gain le plus fort au plus faible : part de l’aire et de la saillance dans "
            "les boîtes, leur rapport, si le maximum de la carte y tombe, et la part des boîtes que couvrent autant de "
            "pixels, les plus saillants, qu’elles en ont.",
            columns=["Photographie", "Aire (%)", "Saillance (%)", "Gain", "Maximum", "Couverture (%)"],
            rows=[
                [
                    bench.photographs[name].title,
                    100 * measures[name].area,
                    100 * measures[name].energy,
                    measures[name].gain,
                    "oui" if measures[name].pointed else "non",
                    100 * measures[name].covered,
                ]
                for name in ranked
            ],
        )

    def _metrics(self, bench: Bench, maps: dict[str, NDArray[np.float32]], measures: Sequence[Measure]) -> None:
        metric = bench.results.metric
        metric("area", mean([100 * m.area for m in measures]), label="Part de l’image dans les boîtes", unit="%")
        metric(
            "energy", mean([100 * m.energy for m in measures]), label="Part de la saillance dans les boîtes", unit="%"
        )
        metric("energy-gain", mean([m.gain for m in measures]), label="Part de la saillance sur part de l’aire")
        metric("pointing", share([m.pointed for m in measures]), label="Maximum de la carte dans une boîte", unit="%")
        metric(
            "coverage",
            mean([100 * m.covered for m in measures]),
            label="Part des boîtes couverte par autant de pixels, les plus saillants, qu’elles en ont",
            unit="%",
        )
        if self.heads:
            metric(
                "head-gain",
                mean([_head_gain(bench, name, maps[name], head) for name, head in self.heads.items()]),
                label="Part de la saillance du chien sur part de l’aire du chien, pour la tête",
            )

    def _energy(self, bench: Bench, measures: dict[str, Measure], labelled: Sequence[str]) -> None:
        figure, (axes,) = canvas(5.6, 4.6)
        axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle="--", label="hasard")
        for pointed, face, words in ((True, COLOURS[0], "dans une boîte"), (False, "none", "hors des boîtes")):
            chosen = [m for m in measures.values() if m.pointed is pointed]
            axes.scatter(
                [100 * m.area for m in chosen],
                [100 * m.energy for m in chosen],
                facecolor=face,
                edgecolor=COLOURS[0],
                label=f"maximum de la carte {words}",
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
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="part de l’image dans les boîtes (%)")
        axes.set_ylabel("part de la saillance dans les boîtes (%)")
        axes.legend(loc="lower right")
        bench.results.chart(
            "energie",
            draw(figure, bench.language),
            title="La saillance dans les boîtes",
            caption="Un point par photographie. Une carte sans rapport avec l’objet mettrait dans les boîtes autant "
            "de saillance que leur aire : la diagonale. Au-dessus, la saillance se concentre sur les objets. Point "
            "plein : le maximum de la carte tombe dans une boîte, sans aucune tolérance.",
            alt="Nuage de points : part de la saillance dans les boîtes selon la part de l’image qu’elles occupent, "
            "avec la diagonale du hasard",
            arrays={"area": np.array([m.area for m in measures.values()])}
            | {"energy": np.array([m.energy for m in measures.values()])},
            images=list(measures),
            parameters=PARAMETERS,
        )

    def _coverage(self, bench: Bench, measures: dict[str, Measure]) -> None:
        curves = 100 * np.stack([m.curve for m in measures.values()])
        perfect = 100 * np.mean([(KEPT / m.area).clip(max=1) for m in measures.values()], axis=0)
        low, high = np.percentile(curves, [25, 75], axis=0)
        figure, (axes,) = canvas(6.4, 4.2)
        axes.plot(100 * KEPT, perfect, color=COLOURS[2], linestyle=":", label="carte qui remplirait d’abord les boîtes")
        axes.plot(100 * KEPT, curves.mean(axis=0), color=COLOURS[0], label="cartes de saillance, moyenne")
        axes.fill_between(
            100 * KEPT, low, high, color=COLOURS[0], alpha=0.2, linewidth=0, label="moitié centrale des images"
        )
        axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle="--", label="carte au hasard")
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="pixels gardés, des plus saillants aux moins saillants (%)")
        axes.set_ylabel("part des boîtes couverte (%)")
        axes.legend(loc="lower right")
        bench.results.chart(
            "couverture",
            draw(figure, bench.language),
            title="Ce que la saillance couvre des objets",
            caption="Part des boîtes couverte par les pixels les plus saillants, selon le nombre de pixels gardés : "
            f"moyenne sur {len(measures)} photographies, et bande où se trouve la moitié centrale d’entre elles. Une "
            "carte au hasard suivrait la diagonale.",
            alt="Courbe croissante de la part des boîtes couverte selon la part des pixels gardés, entre la diagonale "
            "du hasard et la courbe d’une carte parfaite",
            arrays={"kept": KEPT, "covered": curves / 100},
            images=list(measures),
            parameters=PARAMETERS,
        )

    def _examples(
        self,
        bench: Bench,
        maps: dict[str, NDArray[np.float32]],
        measures: dict[str, Measure],
        shown: Sequence[str],
    ) -> None:
        columns = [_column(bench, name, maps[name], measures[name]) for name in shown]
        bench.results.figure(
            "exemples",
            title="Les objets encadrés et leurs cartes de saillance",
            caption="En haut, les photographies et les boîtes tracées à la main ; en bas, les cartes de saillance de "
            "la vraie classe, chacune divisée par son maximum, qu’un carré bleu entoure. De gauche à droite, les deux "
            "gains les plus forts puis les deux plus faibles : des exemples pris aux deux bouts, non choisis à l’œil.",
            columns=columns,
            thumbnail=columns[0][-1],
            arrays={name: maps[name] for name in shown},
            images=list(shown),
            parameters=PARAMETERS | {"palette": "hot"},
        )


def maps_of_boxed(bench: Bench) -> dict[str, NDArray[np.float32]]:
    """Saliency map of the true class of each photograph whose objects have boxes, by name."""
    boxed = {name: photograph for name, photograph in bench.photographs.items() if photograph.boxes}
    if not boxed:
        raise LabError("none of these images has boxes; give them to some under images, boxes: [[…]]")
    labelled = ((photograph.pixels, photograph.label) for photograph in boxed.values())
    maps = {}
    for name, values in zip(boxed, vision.gradients.saliency_maps(bench.network, labelled), strict=True):
        bench.on_step(1)
        maps[name] = values
    return maps


def best_and_worst(ranked: Sequence[str]) -> list[str]:
    """The first two and the last two of a ranking: examples that nobody picked."""
    return list(dict.fromkeys((*ranked[:2], *ranked[-2:])))


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
    photograph = bench.photographs[name]
    y, x = divmod(int(values.argmax()), len(values))
    side = len(values)
    around = ((x - 5) / side, (y - 5) / side, (x + 6) / side, (y + 6) / side)
    return [
        bench.results.picture(
            f"exemples-{name}-image",
            outlined(photograph.pixels, photograph.boxes, GREEN),
            title=photograph.title,
            alt=f"Photographie : {photograph.title}, chaque objet dans une boîte verte",
        ),
        bench.results.picture(
            f"exemples-{name}-carte",
            outlined(outlined(heat(values / values.max()), photograph.boxes, GREEN), [around], BLUE),
            title=f"gain {number(measure.gain, 3)}",
            scale=heat_scale(values.max()),
            alt=f"Carte de saillance de « {photograph.title} » ; son maximum est "
            + ("dans" if measure.pointed else "hors de")
            + " la boîte",
        ),
    ]
