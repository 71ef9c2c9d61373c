"""What two networks see on the way, the images at its end, and a table of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from generator.charts import COLOURS, canvas
from generator.experiments.given import Outcome
from generator.experiments.recognition import Recognition
from generator.experiments.stage import Stage
from generator.statistics import PER_CENT, Estimate, mean, share

FIRST = 5
"""A class counts as recognised among this many first ones: ImageNet has several names for one thing."""
ROW = 5
"""How many images of the sheet stand beside one another."""


def show(experiment: Recognition, stage: Stage) -> None:
    """Measures over all images, a chart, a sheet and a table."""
    grown = [(target, stage.outcomes[target, trial]) for target, trial in experiment.grown]
    _measure(experiment, stage, [image for _, image in grown])
    _chart(experiment, stage, [image for _, image in grown])
    _sheet(experiment, stage, grown)
    _table(experiment, stage, grown)


def _measure(experiment: Recognition, stage: Stage, grown: Sequence[Outcome]) -> None:
    """Metrics; each image is one sample."""
    start, end = ([int(one["rank"][moment]) for one in grown] for moment in (0, -1))
    measures: list[tuple[str, Estimate, str]] = [
        ("own", mean([one["own"][-1] for one in grown], PER_CENT), "%"),
        ("probability", mean([one["other"][-1] for one in grown], PER_CENT), "%"),
        ("first", share([rank == 1 for rank in end]), "%"),
        ("among-first", share([rank <= FIRST for rank in end]), "%"),
        ("among-first-start", share([rank <= FIRST for rank in start]), "%"),
        ("rank", mean(end, (1, inf)), ""),
        ("rank-start", mean(start, (1, inf)), ""),
    ]
    if experiment.kin:
        for name, moment in (("kin", -1), ("kin-start", 0)):
            chances = [100 * one["chances"][moment, experiment.kin].sum() for one in grown]
            measures.append((name, mean(chances, PER_CENT), "%"))
    for name, value, unit in measures:
        stage.metric(name, value, label=stage.say(f"recognition.metric.{name}", first=FIRST), unit=unit)


def _chart(experiment: Recognition, stage: Stage, grown: Sequence[Outcome]) -> None:
    say = stage.say
    figure, axes = canvas(columns=2)
    iterations = [0, *experiment.moments]
    ways = {key: np.stack([one[key] for one in grown]) for key in ("own", "other")}
    for one, colour, (key, lines) in zip(axes, COLOURS, ways.items(), strict=False):
        one.plot(iterations, lines.T, color=colour, linewidth=0.8, alpha=0.45)
        one.plot(iterations, lines.mean(axis=0), color=colour, linewidth=2.6)
        one.set(title=say(f"recognition.chart.{key}"), xlabel=say("ascent.settings.iteration"), ylim=(-2, 102))
    axes[0].set_ylabel(say("recognition.chart.probability"))
    stage.chart(
        "parcours",
        "recognition.chart",
        figure,
        arrays={"iterations": np.array(iterations), **ways},
        parameters=experiment.settings(stage.language)
        | {say("recognition.iterations"): experiment.iterations, say("recognition.trials"): experiment.trials},
        images=len(grown),
        own=round(float(ways["own"][:, -1].mean())),
        other=round(float(ways["other"][:, -1].mean())),
    )


def _sheet(experiment: Recognition, stage: Stage, grown: Sequence[tuple[int, Outcome]]) -> None:
    say = stage.say
    pictures = [
        stage.picture(
            f"image-{place}",
            one["image"],
            "recognition.picture",
            target=stage.class_title(target),
            seen=_seen(stage, one),
        )
        for place, (target, one) in enumerate(grown)
    ]
    stage.figure(
        "images",
        "recognition.sheet",
        columns=[pictures[column::ROW] for column in range(min(ROW, len(pictures)))],
        thumbnail=pictures[0],
        arrays={f"image-{place}": one["image"] for place, (_, one) in enumerate(grown)},
        parameters=experiment.settings(stage.language)
        | {
            say("recognition.iterations"): experiment.iterations,
            say("ascent.settings.start"): say("recognition.start"),
        },
        experiment=experiment.title,
        iterations=experiment.iterations,
    )


def _table(experiment: Recognition, stage: Stage, grown: Sequence[tuple[int, Outcome]]) -> None:
    say = stage.say
    stage.results.table(
        "rangs",
        caption=say("recognition.table.caption", iterations=experiment.iterations),
        columns=[say(f"recognition.table.{key}") for key in ("target", "own", "other", "rank-start", "rank", "seen")],
        rows=[
            (
                stage.class_title(target),
                float(one["own"][-1]),
                float(one["other"][-1]),
                int(one["rank"][0]),
                int(one["rank"][-1]),
                _seen(stage, one),
            )
            for target, one in grown
        ],
    )


def _seen(stage: Stage, one: Outcome) -> str:
    """What the other network sees first at the end."""
    return stage.class_title(int(one["chances"][-1].argmax()))
