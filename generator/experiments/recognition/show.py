"""What two networks see on the way, the images at its end, and a table of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from generator.charts import COLOURS, canvas
from generator.experiments.given import Outcome
from generator.experiments.recognition import Recognition
from generator.experiments.shared.thirds import thirds
from generator.experiments.stage import Stage
from generator.statistics import PER_CENT, Estimate, mean, rate

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
    """Metrics; each image is one sample, however many networks look at it."""
    ranks = np.stack([one["rank"] for one in grown])  # (images, judges, moments)

    def among(first: int, moment: int) -> Estimate:
        return rate((ranks[..., moment] <= first).mean(axis=1))

    def kin(moment: int) -> Estimate:
        return mean([100 * one["chances"][:, moment, experiment.kin].sum(axis=1).mean() for one in grown], PER_CENT)

    measures: list[tuple[str, Estimate, str]] = [
        ("own", mean([one["own"][-1] for one in grown], PER_CENT), "%"),
        ("probability", mean([one["other"][-1] for one in grown], PER_CENT), "%"),
        ("first", among(1, -1), "%"),
        ("among-first", among(FIRST, -1), "%"),
        ("among-first-start", among(FIRST, 0), "%"),
        ("rank", mean(ranks[..., -1].mean(axis=1), (1, inf)), ""),
        ("rank-start", mean(ranks[..., 0].mean(axis=1), (1, inf)), ""),
    ]
    if experiment.kin:
        measures += [("kin", kin(-1), "%"), ("kin-start", kin(0), "%")]
    for name, value, unit in measures:
        stage.metric(name, value, label=stage.say(f"recognition.metric.{name}", first=FIRST), unit=unit)
    # What stops earlier: does the length of the programme decide?
    for part, iterations in thirds(experiment.iterations).items():
        moment = 1 + experiment.moments.index(iterations)
        earlier = {"among-first": among(FIRST, moment)} | ({"kin": kin(moment)} if experiment.kin else {})
        for name, value in earlier.items():
            measured = stage.say(f"recognition.metric.{name}", first=FIRST)
            label = stage.say("ascent.after", measured=measured, iterations=iterations)
            stage.metric(f"{name}.{part}", value, label=label, unit="%")


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
        jury=stage.jury,
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
        jury=stage.jury,
    )


def _table(experiment: Recognition, stage: Stage, grown: Sequence[tuple[int, Outcome]]) -> None:
    say = stage.say
    stage.results.table(
        "rangs",
        caption=say("recognition.table.caption", iterations=experiment.iterations),
        columns=[
            *(say(f"recognition.table.{key}") for key in ("target", "own")),
            *(say(f"recognition.table.{key}", judge=judge) for key in ("other", "rank") for judge in stage.judges),
            say("recognition.table.seen"),
        ],
        rows=[
            (
                stage.class_title(target),
                float(one["own"][-1]),
                *one["others"][:, -1].tolist(),
                *one["rank"][:, -1].tolist(),
                _seen(stage, one),
            )
            for target, one in grown
        ],
    )


def _seen(stage: Stage, one: Outcome) -> str:
    """What the other networks see first at the end; once where they agree."""
    first = one["chances"][:, -1].argmax(axis=-1).tolist()
    return stage.say("recognition.list").join(stage.class_title(answer) for answer in dict.fromkeys(first))
