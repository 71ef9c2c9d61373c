"""Detection and segmentation: what can be drawn from a saliency map alone, against what needs no map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import COLOURS, INK, canvas, draw
from generator.experiments.base import Bench, Experiment, Family, Photograph
from generator.experiments.localisation import BLUE, GREEN, best_and_worst, maps_of_boxed
from generator.experiments.saliency import heat, heat_scale
from generator.french import number
from generator.images import Box, Pixels, outlined
from generator.schema import Fraction, ImageName
from generator.statistics import Estimate, mean, share

WHOLE: Box = (0, 0, 1, 1)
FOUND = 0.5
"""IoU above which a box counts as having found its object (PASCAL VOC, Everingham et al. 2010)."""
RULES = {"map": "carte", "whole": "image entière", "centred": "au centre"}
MASKS = {"map": "carte", "centred": "au centre"}
"""Where boxes and masks come from: the map, and the controls that owe nothing to it."""


@dataclass(frozen=True)
class Found:
    """What was drawn on one photograph, and how well it fits (IoU).

    Attributes:
        smooth: the blurred map.
        box: drawn from it.
        boxes: IoU of the box of each of ``RULES``.
        mask: grown from the map.
        masks: IoU of the mask of each of ``MASKS``.
    """

    smooth: NDArray[np.float32]
    box: Box
    boxes: Mapping[str, float]
    mask: NDArray[np.bool_]
    masks: Mapping[str, float]


class Detection(Experiment):
    """A box and a mask drawn from the saliency map, beside boxes and masks that owe nothing to it."""

    kind: ClassVar[str] = "detection"
    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(
        min_length=1, description="all images of the lab if left out; those without boxes are passed over"
    )
    blur: float = Field(8, gt=0, description="standard deviation of the Gaussian that smooths the map, in pixels")
    threshold: Fraction = Field(
        0.2, description="share of the maximum above which the map is object (Zhou et al. 2016)"
    )
    object_share: Fraction = Field(
        0.05, description="share of the pixels, the most salient, that a mask grows from (Simonyan et al. 2013)"
    )
    background_share: Fraction = Field(
        0.3, description="share of the pixels, the least salient, that are surely background (Simonyan et al. 2013)"
    )

    @property
    def figures(self) -> Iterator[str]:
        yield from ("controles", "exemples")

    @property
    def work(self) -> int:
        return len(self.images)

    def run(self, bench: Bench) -> None:
        maps = maps_of_boxed(bench)
        photographs = {name: bench.photographs[name] for name in maps}
        centred = mean_box(photographs.values())
        found = {name: self._find(photographs[name], values, centred) for name, values in maps.items()}
        control = best_control([f.boxes for f in found.values()])
        ranked = sorted(found, key=lambda name: found[name].boxes[control] - found[name].boxes["map"])
        self._metrics(bench, list(found.values()))
        self._controls(bench, found)
        self._examples(bench, found, best_and_worst(ranked))
        bench.results.table(
            "images",
            caption="Recouvrement (IoU) avec les boîtes annotées, par photographie, dans l’ordre de ce que la boîte "
            "tirée de la carte apporte. Une boîte est comparée à la meilleure des boîtes annotées ou à leur enveloppe, "
            "un masque, à toutes les boîtes pleines.",
            columns=[
                "Photographie",
                *(f"Boîte : {words}" for words in RULES.values()),
                *(f"Masque : {words}" for words in MASKS.values()),
            ],
            rows=[
                [photographs[name].title, *found[name].boxes.values(), *found[name].masks.values()] for name in ranked
            ],
        )

    def _find(self, photograph: Photograph, values: NDArray[np.float32], centred: Box) -> Found:
        smooth = vision.regions.smooth(values, self.blur)
        box = vision.regions.box_around(smooth, self.threshold)
        masks = {
            key: vision.regions.grown(
                photograph.pixels,
                seeds,
                object_share=self.object_share,
                background_share=self.background_share,
            )
            for key, seeds in (("map", smooth), ("centred", _nearness_to_the_centre(len(values))))
        }
        return Found(
            smooth=smooth,
            box=box,
            boxes={
                key: best_overlap(candidate, photograph.boxes)
                for key, candidate in (("map", box), ("whole", WHOLE), ("centred", centred))
            },
            mask=masks["map"],
            masks={key: vision.regions.overlap(mask, photograph.objects) for key, mask in masks.items()},
        )

    def _metrics(self, bench: Bench, found: Sequence[Found]) -> None:
        metric = bench.results.metric
        for key, words in RULES.items():
            overlaps = [f.boxes[key] for f in found]
            metric(f"iou-{key}", mean(overlaps), label=f"Recouvrement moyen (IoU) de la boîte : {words}")
            metric(
                f"found-{key}", share([o > FOUND for o in overlaps]), label=f"Boîtes d’IoU > 0,5 : {words}", unit="%"
            )
        for key, words in MASKS.items():
            metric(
                f"mask-iou-{key}",
                mean([f.masks[key] for f in found]),
                label=f"Recouvrement moyen (IoU) du masque : {words}",
            )
        metric("box-gain", lead([f.boxes for f in found]), label="IoU de la boîte, moins celui du meilleur témoin")
        metric("mask-gain", lead([f.masks for f in found]), label="IoU du masque, moins celui du témoin")

    def _controls(self, bench: Bench, found: Mapping[str, Found]) -> None:
        figure, panels = canvas(7.6, 3.2, columns=2)
        overlaps = {"Détection": [f.boxes for f in found.values()], "Segmentation": [f.masks for f in found.values()]}
        for axes, rules, (title, rows) in zip(panels, (RULES, MASKS), overlaps.items(), strict=True):
            for place, key in enumerate(reversed(rules)):
                values = [row[key] for row in rows]
                middle = mean(values)
                axes.scatter(values, [place - 0.2] * len(values), s=20, color=COLOURS[1], alpha=0.7, linewidth=0)
                axes.plot([middle.low, middle.high], [place] * 2, color=COLOURS[0], linewidth=2)
                axes.scatter([middle.value], [place], s=40, color=COLOURS[0], zorder=3)
            axes.set(xlim=(0, 1), ylim=(-0.5, len(rules) - 0.5), xlabel="recouvrement (IoU)", title=title)
            axes.set_yticks(range(len(rules)), list(reversed(rules.values())))
        panels[0].axvline(FOUND, color=INK, linewidth=1, linestyle="--")
        bench.results.chart(
            "controles",
            draw(figure, bench.language),
            title="La carte et ses témoins",
            caption="Recouvrement (intersection sur union) avec les boîtes annotées : un point bleu par photographie, "
            "la moyenne et son intervalle à 95 % en orange. En tirets, le seuil de 0,5 au-dessus duquel un objet "
            "compte comme trouvé (PASCAL VOC). Les témoins ne doivent rien à la carte : l’image entière, une boîte de "
            "taille moyenne placée au centre, un masque qui part du centre.",
            alt="Deux graphiques de points : recouvrement des boîtes et des masques tirés de la carte, à côté de celui "
            "de leurs témoins",
            arrays={
                f"{kind}-{key}": np.array([row[key] for row in rows])
                for kind, rows in (("boxes", overlaps["Détection"]), ("masks", overlaps["Segmentation"]))
                for key in rows[0]
            },
            images=list(found),
            parameters=self._parameters,
        )

    def _examples(self, bench: Bench, found: Mapping[str, Found], shown: Sequence[str]) -> None:
        columns = [_column(bench, name, found[name]) for name in shown]
        bench.results.figure(
            "exemples",
            title="Boîtes et masques tirés de la carte",
            caption="En haut, la carte de saillance lissée et la boîte qu’on en tire, en bleu ; au milieu, la même "
            "boîte sur la photographie, avec les boîtes annotées en vert ; en bas, le masque : ce qui n’en est pas est "
            "assombri. De gauche à droite, les deux photographies où la boîte apporte le plus par rapport au "
            "meilleur témoin, puis les deux où elle apporte le moins.",
            columns=columns,
            thumbnail=columns[0][1],
            arrays={f"{name}-{key}": value for name in shown for key, value in _arrays(found[name]).items()},
            images=list(shown),
            parameters=self._parameters,
        )

    @property
    def _parameters(self) -> dict[str, object]:
        return {
            "classe": "la vraie classe de chaque image",
            "lissage de la carte σ": f"{number(self.blur)} px",
            "boîte": f"la plus grande région connexe au-dessus de {number(100 * self.threshold)} % du maximum "
            "(Zhou et al. 2016)",
            "germes du masque": f"objet : les {number(100 * self.object_share)} % de pixels les plus saillants ; "
            f"fond : les {number(100 * self.background_share)} % les moins saillants (Simonyan et al. 2013)",
            "croissance du masque": "marcheur aléatoire (Grady 2006), β = 130",
        }


def best_overlap(box: Box, boxes: Sequence[Box]) -> float:
    """IoU of a box with the annotated one it fits best, or with the envelope of all if it fits that better."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    envelope = (min(lefts), min(tops), max(rights), max(bottoms))
    return max(vision.regions.box_overlap(box, other) for other in (*boxes, envelope))


def mean_box(photographs: Iterable[Photograph]) -> Box:
    """A box in the middle of the image, as wide and high as boxes are on average; each photograph counts once."""
    corners = [np.mean(photograph.boxes, axis=0) for photograph in photographs]
    left, top, right, bottom = np.mean(corners, axis=0)
    width, height = float(right - left), float(bottom - top)
    return (1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2


def best_control(overlaps: Sequence[Mapping[str, float]]) -> str:
    """The control whose overlap is the highest on average."""
    return max((key for key in overlaps[0] if key != "map"), key=lambda key: sum(row[key] for row in overlaps))


def lead(overlaps: Sequence[Mapping[str, float]]) -> Estimate:
    """By how much the map's overlap exceeds that of the best control, image by image."""
    control = best_control(overlaps)
    return mean([row["map"] - row[control] for row in overlaps])


def _nearness_to_the_centre(side: int) -> NDArray[np.float32]:
    """A map that knows nothing of the image but that photographers put objects in the middle."""
    offsets = np.linspace(-1, 1, side, dtype=np.float32)
    return 2 - offsets**2 - offsets[:, None] ** 2


def _arrays(found: Found) -> dict[str, NDArray[np.generic]]:
    return {"smooth": found.smooth, "box": np.array(found.box), "mask": found.mask}


def _column(bench: Bench, name: str, found: Found) -> list[Picture]:
    photograph = bench.photographs[name]
    shown: dict[str, tuple[Pixels, str, str]] = {
        "carte": (
            outlined(heat(found.smooth / found.smooth.max()), [found.box], BLUE),
            photograph.title,
            "Carte de saillance lissée de {} et la boîte qu’on en tire",
        ),
        "boite": (
            outlined(outlined(photograph.pixels, photograph.boxes, GREEN), [found.box], BLUE),
            f"IoU {number(found.boxes['map'], 2)}",
            "La boîte tirée de la carte et les boîtes annotées, sur {}",
        ),
        "masque": (
            outlined(
                np.where(found.mask[..., None], photograph.pixels, photograph.pixels // 4), photograph.boxes, GREEN
            ),
            f"IoU du masque {number(found.masks['map'], 2)}",
            "Le masque tiré de la carte : {}, assombrie hors du masque",
        ),
    }
    return [
        bench.results.picture(
            f"exemples-{name}-{key}",
            pixels,
            title=title,
            alt=alt.format(f"« {photograph.title} »"),
            scale=heat_scale(found.smooth.max()) if key == "carte" else None,
        )
        for key, (pixels, title, alt) in shown.items()
    ]
