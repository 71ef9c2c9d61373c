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
from generator.experiments.localisation import BLUE, GREEN, best_and_worst, maps_of_boxed, without_boxes
from generator.images import Box, Pixels, outlined
from generator.language import Language
from generator.schema import Fraction, ImageName, ImageSpec
from generator.shades import heat, heat_scale
from generator.statistics import Estimate, mean, share

WHOLE: Box = (0, 0, 1, 1)
FOUND = 0.5
"""IoU above which a box counts as having found its object (PASCAL VOC, Everingham et al. 2010)."""
RULES = ("map", "whole", "centred")
MASKS = ("map", "centred")
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

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        yield from without_boxes(self.images, images)

    @property
    def figures(self) -> Iterator[str]:
        yield from ("controles", "exemples")

    @property
    def work(self) -> int:
        return len(self.images)

    def run(self, bench: Bench) -> None:
        say = bench.language.say
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
            caption=say("detection.table.caption"),
            columns=[
                say("detection.table.photograph"),
                *(say("detection.table.box", rule=say(f"detection.rule.{key}")) for key in RULES),
                *(say("detection.table.mask", rule=say(f"detection.rule.{key}")) for key in MASKS),
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
        metric, say = bench.results.metric, bench.language.say
        for key in RULES:
            rule, overlaps = say(f"detection.rule.{key}"), [f.boxes[key] for f in found]
            metric(f"iou-{key}", mean(overlaps), label=say("detection.metric.iou", rule=rule))
            metric(
                f"found-{key}",
                share([o > FOUND for o in overlaps]),
                label=say("detection.metric.found", rule=rule, threshold=FOUND),
                unit="%",
            )
        for key in MASKS:
            label = say("detection.metric.mask-iou", rule=say(f"detection.rule.{key}"))
            metric(f"mask-iou-{key}", mean([f.masks[key] for f in found]), label=label)
        metric("box-gain", lead([f.boxes for f in found]), label=say("detection.metric.box-gain"))
        metric("mask-gain", lead([f.masks for f in found]), label=say("detection.metric.mask-gain"))

    def _controls(self, bench: Bench, found: Mapping[str, Found]) -> None:
        say = bench.language.say
        figure, panels = canvas(7.6, 3.2, columns=2)
        overlaps = {"boxes": [f.boxes for f in found.values()], "masks": [f.masks for f in found.values()]}
        for axes, rules, (kind, rows) in zip(panels, (RULES, MASKS), overlaps.items(), strict=True):
            for place, key in enumerate(reversed(rules)):
                values = [row[key] for row in rows]
                middle = mean(values)
                axes.scatter(values, [place - 0.2] * len(values), s=20, color=COLOURS[1], alpha=0.7, linewidth=0)
                axes.plot([middle.low, middle.high], [place] * 2, color=COLOURS[0], linewidth=2)
                axes.scatter([middle.value], [place], s=40, color=COLOURS[0], zorder=3)
            axes.set(xlim=(0, 1), ylim=(-0.5, len(rules) - 0.5))
            axes.set(xlabel=say("detection.controls.overlap"), title=say(f"detection.controls.{kind}"))
            axes.set_yticks(range(len(rules)), [say(f"detection.rule.{key}") for key in reversed(rules)])
        panels[0].axvline(FOUND, color=INK, linewidth=1, linestyle="--")
        bench.results.chart(
            "controles",
            draw(figure, bench.language),
            title=say("detection.controls.title"),
            caption=say("detection.controls.caption", threshold=FOUND),
            alt=say("detection.controls.alt"),
            arrays={
                f"{kind}-{key}": np.array([row[key] for row in rows])
                for kind, rows in overlaps.items()
                for key in rows[0]
            },
            images=list(found),
            parameters=self._settings(bench.language),
        )

    def _examples(self, bench: Bench, found: Mapping[str, Found], shown: Sequence[str]) -> None:
        columns = [_column(bench, name, found[name]) for name in shown]
        bench.results.figure(
            "exemples",
            title=bench.language.say("detection.examples.title"),
            caption=bench.language.say("detection.examples.caption"),
            columns=columns,
            thumbnail=columns[0][1],
            arrays={f"{name}-{key}": value for name in shown for key, value in _arrays(found[name]).items()},
            images=list(shown),
            parameters=self._settings(bench.language),
        )

    def _settings(self, language: Language) -> dict[str, str]:
        say = language.say
        return {
            say("common.class"): say("common.true-class"),
            say("detection.blur"): f"{language.number(self.blur)} px",
            say("detection.box"): say("detection.largest-region", threshold=100 * self.threshold),
            say("detection.seeds"): say(
                "detection.most-and-least", object=100 * self.object_share, background=100 * self.background_share
            ),
            say("detection.growth"): say("detection.walker"),
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
    photograph, say = bench.photographs[name], bench.language.say
    shown: dict[str, tuple[Pixels, str, str]] = {
        "carte": (
            outlined(heat(found.smooth / found.smooth.max()), [found.box], BLUE),
            photograph.title,
            say("detection.examples.map-alt", title=photograph.title),
        ),
        "boite": (
            outlined(outlined(photograph.pixels, photograph.boxes, GREEN), [found.box], BLUE),
            say("detection.examples.box", overlap=found.boxes["map"]),
            say("detection.examples.box-alt", title=photograph.title),
        ),
        "masque": (
            outlined(
                np.where(found.mask[..., None], photograph.pixels, photograph.pixels // 4), photograph.boxes, GREEN
            ),
            say("detection.examples.mask", overlap=found.masks["map"]),
            say("detection.examples.mask-alt", title=photograph.title),
        ),
    }
    return [
        bench.results.picture(
            f"exemples-{name}-{key}",
            pixels,
            title=title,
            alt=alt,
            scale=heat_scale(found.smooth.max()) if key == "carte" else None,
        )
        for key, (pixels, title, alt) in shown.items()
    ]
