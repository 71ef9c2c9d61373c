"""How much of the saliency lies in the boxes, photograph by photograph, and what it covers of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, INK, PAPER, canvas
from generator.errors import LabError
from generator.experiments.localisation import Localisation
from generator.experiments.shared.boxes import BLUE, GREEN, best_and_worst
from generator.experiments.shared.shades import heat, heat_scale
from generator.experiments.stage import Stage
from generator.images import Box, inside, outlined
from generator.results.artefacts import Picture
from generator.statistics import PER_CENT, mean, of_highest, share
from generator.vision.regions import coverage, energy, points_at

KEPT = np.linspace(0, 1, 201)
"""Shares of the pixels, where the curve of coverage is drawn."""


@dataclass(frozen=True)
class Located:
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


def show(experiment: Localisation, stage: Stage) -> None:
    """Two charts, the photographs at both ends, and a row of a table for each."""
    measures = {
        name: measured(outcome["values"], stage.photographs[name].objects)
        for name, outcome in stage.outcomes.items()
        if isinstance(name, str)
    }
    ranked = sorted(measures, key=lambda name: -measures[name].gain)
    _metrics(experiment, stage, list(measures.values()))
    _energy(stage, measures, best_and_worst(ranked))
    _coverage(stage, list(measures.values()))
    _examples(stage, measures, best_and_worst(ranked))
    say = stage.say
    stage.results.table(
        "images",
        caption=say("localisation.table.caption"),
        columns=[
            say(f"localisation.table.{key}") for key in ("photograph", "area", "energy", "gain", "pointed", "covered")
        ],
        rows=[
            [
                stage.photographs[name].title,
                100 * measures[name].area,
                100 * measures[name].energy,
                measures[name].gain,
                say("claim.yes" if measures[name].pointed else "claim.no"),
                100 * measures[name].covered,
            ]
            for name in ranked
        ],
    )


def measured(values: NDArray[np.float32], objects: NDArray[np.bool_]) -> Located:
    """Hold a map, (H, W), against the pixels of the objects."""
    covered = coverage(values, objects)
    return Located(
        area=float(objects.mean()),
        energy=energy(values, objects),
        pointed=points_at(values, objects),
        curve=np.interp(KEPT, np.linspace(0, 1, len(covered)), covered),
        covered=float(covered[objects.sum()]),
    )


def _metrics(experiment: Localisation, stage: Stage, measures: Sequence[Located]) -> None:
    found = {
        "area": (mean([100 * m.area for m in measures], PER_CENT), "%"),
        "energy": (mean([100 * m.energy for m in measures], PER_CENT), "%"),
        "energy-gain": (mean([m.gain for m in measures]), ""),
        "pointing": (share([m.pointed for m in measures]), "%"),
        "coverage": (mean([100 * m.covered for m in measures], PER_CENT), "%"),
    }
    if experiment.heads:
        found["head-gain"] = mean([_head_gain(stage, name, head) for name, head in experiment.heads.items()]), ""
    for name, (estimate, unit) in found.items():
        stage.metric(name, estimate, label=stage.say(f"localisation.metric.{name}"), unit=unit)


def _head_gain(stage: Stage, name: str, head: Box) -> float:
    """How much denser the saliency is in a dog's head than in the whole dog."""
    dog = stage.photographs[name].objects
    in_head = inside([head], *dog.shape)[dog]
    if not in_head.any():
        raise LabError(f"heads: that of {name} has no pixel in its boxes, at {len(dog)} pixels; make it larger")
    return energy(stage.outcomes[name]["values"][dog], in_head) / float(in_head.mean())


def _energy(stage: Stage, measures: Mapping[str, Located], labelled: Sequence[str]) -> None:
    say = stage.say
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
            stage.photographs[name].title,
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
    stage.chart(
        "energie",
        "localisation.energy",
        figure,
        arrays={
            "area": np.array([m.area for m in measures.values()]),
            "energy": np.array([m.energy for m in measures.values()]),
        },
        parameters=_settings(stage),
    )


def _coverage(stage: Stage, measures: Sequence[Located]) -> None:
    say = stage.say
    curves = 100 * np.stack([m.curve for m in measures])
    perfect = 100 * np.mean([(KEPT / m.area).clip(max=1) for m in measures], axis=0)
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
    stage.chart(
        "couverture",
        "localisation.coverage",
        figure,
        arrays={"kept": KEPT, "covered": curves / 100},
        parameters=_settings(stage),
        photographs=len(measures),
    )


def _examples(stage: Stage, measures: Mapping[str, Located], shown: Sequence[str]) -> None:
    columns = [_column(stage, name, measures[name]) for name in shown]
    stage.figure(
        "exemples",
        "localisation.examples",
        of=shown,
        columns=columns,
        thumbnail=columns[0][-1],
        overlay=[(photograph, over) for photograph, over in columns],
        arrays={name: stage.outcomes[name]["values"] for name in shown},
        parameters=_settings(stage) | {stage.say("common.palette"): "hot"},
    )


def _column(stage: Stage, name: str, measure: Located) -> list[Picture]:
    photograph, values = stage.photographs[name], stage.outcomes[name]["values"]
    y, x = divmod(int(values.argmax()), len(values))
    side = len(values)
    around = ((x - 5) / side, (y - 5) / side, (x + 6) / side, (y + 6) / side)
    return [
        stage.picture(
            f"exemples-{name}-image",
            outlined(photograph.pixels, photograph.boxes, GREEN),
            "localisation.examples.photograph",
            title=photograph.title,
        ),
        stage.picture(
            f"exemples-{name}-carte",
            outlined(outlined(heat(of_highest(values)), photograph.boxes, GREEN), [around], BLUE),
            "localisation.examples.map",
            scale=heat_scale(values.max()),
            gain=measure.gain,
            title=photograph.title,
            place=stage.say(f"localisation.examples.{'inside' if measure.pointed else 'outside'}"),
        ),
    ]


def _settings(stage: Stage) -> dict[str, str]:
    return {
        stage.say("common.class"): stage.say("common.true-class"),
        stage.say("localisation.measured"): stage.say("localisation.boxed"),
    }
