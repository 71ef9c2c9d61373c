"""What more iterations and a shrinking step change, images on the way, and how score and image move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from generator.charts import COLOURS, INK, canvas
from generator.experiments.given import Outcome
from generator.experiments.shared.looks import LOOKS
from generator.experiments.shared.pushed import told
from generator.experiments.stage import Stage
from generator.experiments.walk import EDGE, SPACING, STEPS, WINDOW, Walk
from generator.statistics import Estimate, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHED = 20
"""How many iterations a score is averaged over, to be drawn."""

Ways = Mapping[str, Sequence[Outcome]]
"""For each programme where the photographs ended, in the order of the experiment."""


def show(experiment: Walk, stage: Stage) -> None:
    """Measures and their table, a figure and a chart."""
    ways = {key: [stage.outcomes[key, name] for name in experiment.photographs] for key in ("court", *STEPS)}
    _effects(stage, ways)
    _ends(stage, ways)
    _table(experiment, stage, ways)
    _on_the_way(experiment, stage)
    stage.chart(
        "trajets",
        "walk.tracks",
        _chart(stage, ways),
        of=[part for part in stage.parts if part[0] in STEPS],
        arrays={
            f"{what}-{key}": np.array([one[what] for one in ways[key]]) for what in ("scores", "moved") for key in STEPS
        },
        parameters=_told(experiment, stage),
        smoothed=SMOOTHED,
        last=WINDOW,
    )


def _effects(stage: Stage, ways: Ways) -> None:
    """What more iterations and a shrinking step change, together and each by itself."""
    for metric, before, after, key in (
        ("impact", "court", "decroissant", "both"),
        ("impact.iterations", "court", "constant", "iterations"),
        ("impact.step", "constant", "decroissant", "step"),
    ):
        pairs = list(zip(ways[before], ways[after], strict=True))
        change = magnitude(mean([float(b["other"]) - float(a["other"]) for a, b in pairs]))
        rise = magnitude(mean([100 * (float(b["score"]) / float(a["score"]) - 1) for a, b in pairs]))
        stage.metric(metric, change, label=stage.say(f"walk.effect-on-other.{key}"), unit=stage.say("walk.points"))
        stage.metric(f"{metric}.score", rise, label=stage.say(f"walk.effect-on-score.{key}"), unit="%")


def _ends(stage: Stage, ways: Ways) -> None:
    """Where the long programmes end, and how."""
    for key in STEPS:
        for metric, values, unit in (
            ("confinement", [one["confinement"] for one in ways[key]], ""),
            ("late-rise", [one["late-rise"] for one in ways[key]], "%"),
            ("moved", [one["moved"][EDGE // SPACING - 1] for one in ways[key]], stage.say("walk.levels")),
            ("score", [one["score"] for one in ways[key]], ""),
            ("other", [one["other"] for one in ways[key]], "%"),
        ):
            label = stage.say(f"walk.end.{metric}", step=stage.say(f"walk.step.{key}"), iterations=EDGE)
            stage.metric(f"{key}.{metric}", mean(np.array(values)), label=label, unit=unit)


def _table(experiment: Walk, stage: Stage, ways: Ways) -> None:
    say = stage.say
    stage.results.table(
        "longueurs",
        caption=say(
            "walk.table",
            photographs=len(experiment.photographs),
            weight=experiment.weight,
            jury=stage.jury,
        ),
        columns=[say("walk.programme"), *(say(f"pushed.column.{key}") for key in (*LOOKS, "score", "other"))],
        rows=[
            [
                say("walk.length", iterations=iterations, step=say(f"walk.step.{step}")),
                *np.mean([[*one["looks"], one["score"], one["other"]] for one in ways[key]], axis=0).tolist(),
            ]
            for key, iterations, step in (
                ("court", experiment.iterations, "constant"),
                ("constant", experiment.long_iterations, "constant"),
                ("decroissant", experiment.long_iterations, "decroissant"),
            )
        ],
    )


def _on_the_way(experiment: Walk, stage: Stage) -> None:
    name = experiment.photographs[0]
    photograph, images = stage.photographs[name], {key: stage.outcomes[key, name]["shown"] for key in STEPS}
    columns = [
        [
            stage.picture(
                f"iterations-{row}-{iteration:04d}",
                images[key][place],
                "walk.picture",
                target=stage.class_title(photograph.label),
                iteration=str(iteration),
                step=stage.say(f"walk.step.{key}"),
            )
            for row, key in enumerate(STEPS)
        ]
        for place, iteration in enumerate(experiment.shown)
    ]
    stage.figure(
        "iterations",
        "walk.way",
        of=[(key, name) for key in STEPS],
        columns=columns,
        thumbnail=columns[-1][-1],
        arrays=images,
        parameters=_told(experiment, stage),
        photograph=photograph.title,
        weight=experiment.weight,
    )


def _told(experiment: Walk, stage: Stage) -> dict[str, object]:
    return {
        **told(experiment, stage.language, weight=experiment.weight, iterations=experiment.long_iterations),
        stage.say("walk.final-step"): experiment.final_step,
    }


def magnitude(change: Estimate) -> Estimate:
    """The size of a change, whatever its sign; its interval starts at 0 if the sign is not sure."""
    bounds = sorted((abs(change.low), abs(change.high)))
    sure = change.low > 0 or change.high < 0
    return Estimate(abs(change.value), bounds[0] if sure else 0.0, bounds[1], change.samples)


def _chart(stage: Stage, ways: Ways) -> Figure:
    say = stage.say
    figure, (left, right) = canvas(8.4, 3.8, columns=2)
    window = np.ones(SMOOTHED) / SMOOTHED
    for colour, key in zip(COLOURS, STEPS, strict=False):
        smooth = np.array([np.convolve(one["scores"], window, mode="valid") for one in ways[key]])
        moved = np.array([one["moved"] for one in ways[key]])
        iterations = np.arange(smooth.shape[1]) + len(window) / 2
        apart = SPACING * np.arange(1, moved.shape[1] + 1)
        for panel, x, values in ((left, iterations, smooth), (right, apart, moved)):
            panel.plot(x, values.T, color=colour, alpha=0.35, linewidth=1)
            panel.plot(x, values.mean(axis=0), color=colour, linewidth=2.4, label=say(f"walk.step.{key}"))
        walk = moved[:, 0].mean() * np.sqrt(apart / SPACING)
        right.plot(apart, walk, color=INK, linestyle="--", linewidth=1)
    left.set_xlabel(say("ascent.settings.iteration"))
    left.set_title(say("walk.tracks.score"))
    left.set_ylim(bottom=0)
    left.legend(loc="lower right")
    right.set_ylim(bottom=0)
    right.set_xlabel(say("walk.tracks.apart"))
    right.set_title(say("walk.tracks.moved"))
    return figure
