"""A photograph beside its saliency map, and strips of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.experiments.saliency import Saliency
from generator.experiments.shared.shades import heat, heat_scale
from generator.experiments.stage import Stage
from generator.results.artefacts import Picture
from generator.statistics import of_highest


def show(experiment: Saliency, stage: Stage) -> None:
    """A figure for each image and for each strip."""
    columns = {name: _column(stage, name) for name in experiment.photographs}
    for name, strip in experiment.strips.items():
        _figure(stage, name, strip, columns)
    for name in experiment.images:
        _figure(stage, name, [name], columns)


def _figure(stage: Stage, name: str, shown: Sequence[str], columns: dict[str, list[Picture]]) -> None:
    stage.figure(
        name,
        "saliency.several" if len(shown) > 1 else "saliency.one",
        of=shown,
        columns=[columns[image] for image in shown],
        thumbnail=columns[shown[0]][-1],
        overlay=[(photograph, heatmap) for photograph, heatmap in (columns[image] for image in shown)],
        arrays={image: stage.outcomes[image]["values"] for image in shown},
        parameters={
            stage.say("common.class"): stage.say("common.true-class"),
            stage.say("common.palette"): "hot",
        },
        what=stage.say("saliency.what"),
        photograph=stage.photographs[shown[0]].title,
    )


def _column(stage: Stage, name: str) -> list[Picture]:
    photograph, values = stage.photographs[name], stage.outcomes[name]["values"]
    title = photograph.title
    stage.metric(f"{name}.maximum", values.max(), label=stage.say("saliency.maximum", title=title))
    return [
        stage.picture(f"{name}-image", photograph.pixels, "common.photograph", title=title),
        stage.picture(
            f"{name}-carte",
            heat(of_highest(values)),
            "saliency.map",
            scale=heat_scale(values.max()),
            title=title,
            place=stage.say(f"saliency.brightest.{brightest(values)}"),
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
