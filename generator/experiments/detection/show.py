"""How well boxes and masks drawn from maps fit the annotated boxes, beside controls that owe nothing to maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, INK, canvas
from generator.experiments.detection import MASKS, RULES, Detection
from generator.experiments.given import Outcome
from generator.experiments.shared.boxes import BLUE, GREEN, best_and_worst
from generator.experiments.shared.shades import heat, heat_scale
from generator.experiments.stage import Photograph, Stage
from generator.images import Box, Pixels, outlined
from generator.results.artefacts import Picture
from generator.statistics import Estimate, mean, of_highest, share
from generator.vision.regions import best_overlap, overlap

WHOLE: Box = (0, 0, 1, 1)
FOUND = 0.5
"""IoU above which a box counts as having found its object (PASCAL VOC, Everingham et al. 2010)."""


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


def show(experiment: Detection, stage: Stage) -> None:
    """A chart of all overlaps, the photographs at both ends, and a row of a table for each."""
    say, photographs = stage.say, {str(name): stage.photographs[str(name)] for name in stage.parts}
    centred = mean_box(photographs.values())
    found = {name: fitted(stage.outcomes[name], photograph, centred) for name, photograph in photographs.items()}
    control = best_control([f.boxes for f in found.values()])
    ranked = sorted(found, key=lambda name: found[name].boxes[control] - found[name].boxes["map"])
    settings = _settings(experiment, stage)
    _metrics(stage, list(found.values()))
    _controls(stage, list(found.values()), settings)
    _examples(stage, {name: found[name] for name in best_and_worst(ranked)}, settings)
    stage.results.table(
        "images",
        caption=say("detection.table.caption"),
        columns=[
            say("detection.table.photograph"),
            *(say("detection.table.box", rule=say(f"detection.rule.{key}")) for key in RULES),
            *(say("detection.table.mask", rule=say(f"detection.rule.{key}")) for key in MASKS),
        ],
        rows=[[photographs[name].title, *found[name].boxes.values(), *found[name].masks.values()] for name in ranked],
    )


def fitted(drawn: Outcome, photograph: Photograph, centred: Box) -> Found:
    """Hold what was drawn, and its controls, against the boxes of a photograph."""
    left, top, right, bottom = drawn["box"].tolist()
    box = (left, top, right, bottom)
    candidates = {"map": box, "whole": WHOLE, "centred": centred}
    return Found(
        smooth=drawn["smooth"],
        box=box,
        boxes={key: best_overlap(candidates[key], photograph.boxes) for key in RULES},
        mask=drawn["mask"],
        masks={
            "map": overlap(drawn["mask"], photograph.objects),
            "centred": overlap(drawn["centred"], photograph.objects),
        },
    )


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


def _metrics(stage: Stage, found: Sequence[Found]) -> None:
    metric, say = stage.metric, stage.say
    for key in RULES:
        rule, overlaps = say(f"detection.rule.{key}"), [f.boxes[key] for f in found]
        metric(f"iou-{key}", mean(overlaps, (0, 1)), label=say("detection.metric.iou", rule=rule))
        metric(
            f"found-{key}",
            share([o > FOUND for o in overlaps]),
            label=say("detection.metric.found", rule=rule, threshold=FOUND),
            unit="%",
        )
    for key in MASKS:
        label = say("detection.metric.mask-iou", rule=say(f"detection.rule.{key}"))
        metric(f"mask-iou-{key}", mean([f.masks[key] for f in found], (0, 1)), label=label)
    metric("box-gain", lead([f.boxes for f in found]), label=say("detection.metric.box-gain"))
    metric("mask-gain", lead([f.masks for f in found]), label=say("detection.metric.mask-gain"))


def _controls(stage: Stage, found: Sequence[Found], settings: Mapping[str, str]) -> None:
    say = stage.say
    figure, panels = canvas(7.6, 3.2, columns=2)
    overlaps = {
        "boxes": {key: [f.boxes[key] for f in found] for key in RULES},
        "masks": {key: [f.masks[key] for f in found] for key in MASKS},
    }
    for axes, (kind, by_rule) in zip(panels, overlaps.items(), strict=True):
        for place, values in enumerate(reversed(by_rule.values())):
            middle = mean(values)
            axes.scatter(values, [place - 0.2] * len(values), s=20, color=COLOURS[1], alpha=0.7, linewidth=0)
            axes.plot([middle.low, middle.high], [place] * 2, color=COLOURS[0], linewidth=2)
            axes.scatter([middle.value], [place], s=40, color=COLOURS[0], zorder=3)
        axes.set(xlim=(0, 1), ylim=(-0.5, len(by_rule) - 0.5))
        axes.set(xlabel=say("detection.controls.overlap"), title=say(f"detection.controls.{kind}"))
        axes.set_yticks(range(len(by_rule)), [say(f"detection.rule.{key}") for key in reversed(by_rule)])
    panels[0].axvline(FOUND, color=INK, linewidth=1, linestyle="--")
    stage.chart(
        "controles",
        "detection.controls",
        figure,
        arrays={
            f"{kind}-{key}": np.array(values) for kind, by_rule in overlaps.items() for key, values in by_rule.items()
        },
        parameters=settings,
        threshold=FOUND,
    )


def _examples(stage: Stage, found: Mapping[str, Found], settings: Mapping[str, str]) -> None:
    columns = [_column(stage, name, one) for name, one in found.items()]
    stage.figure(
        "exemples",
        "detection.examples",
        of=found,
        columns=columns,
        thumbnail=columns[0][1],
        arrays={
            f"{name}-{key}": values
            for name, one in found.items()
            for key, values in (("smooth", one.smooth), ("box", np.array(one.box)), ("mask", one.mask))
        },
        parameters=settings,
    )


def _column(stage: Stage, name: str, found: Found) -> list[Picture]:
    photograph = stage.photographs[name]
    pixels, boxes = photograph.pixels, photograph.boxes
    masked = np.where(found.mask[..., None], pixels, pixels // 4)
    shown: dict[str, tuple[Pixels, str, float]] = {
        "carte": (outlined(heat(of_highest(found.smooth)), [found.box], BLUE), "map", 0),
        "boite": (outlined(outlined(pixels, boxes, GREEN), [found.box], BLUE), "box", found.boxes["map"]),
        "masque": (outlined(masked, boxes, GREEN), "mask", found.masks["map"]),
    }
    return [
        stage.picture(
            f"exemples-{name}-{file}",
            picture,
            f"detection.examples.{words}",
            scale=heat_scale(found.smooth.max()) if words == "map" else None,
            title=photograph.title,
            overlap=fit,
        )
        for file, (picture, words, fit) in shown.items()
    ]


def _settings(experiment: Detection, stage: Stage) -> dict[str, str]:
    say = stage.say
    return {
        say("common.class"): say("common.true-class"),
        say("detection.blur"): f"{stage.language.number(experiment.blur)} px",
        say("detection.box"): say("detection.largest-region", threshold=100 * experiment.threshold),
        say("detection.seeds"): say(
            "detection.most-and-least",
            object=100 * experiment.object_share,
            background=100 * experiment.background_share,
        ),
        say("detection.growth"): say("detection.walker"),
    }
