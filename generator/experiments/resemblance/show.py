"""How the other network's view and the distance go with the iterations, the images, and their measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generator.charts import canvas
from generator.experiments.given import Outcome
from generator.experiments.resemblance import Resemblance
from generator.experiments.stage import Stage
from generator.statistics import mean

MEASURES = {"own": "%", "other": "%", "rank": "", "distance": "", "similarity": ""}
"""What is measured on an image at one of its moments, and its unit."""

ROWS = 6
"""How many photographs of the sheet stand below one another."""

ByPull = Mapping[str, Sequence[Outcome]]
"""For each penalty the photographs' ways, in the order of the experiment."""


def show(experiment: Resemblance, stage: Stage) -> None:
    """Measures of each penalty with their table, a chart and a sheet."""
    by_pull = {key: [stage.outcomes[key, name] for name in experiment.images] for key in experiment.pulls}
    _measure(experiment, stage, by_pull)
    _chart(experiment, stage, by_pull)
    _sheet(experiment, stage, by_pull)


def _measure(experiment: Resemblance, stage: Stage, by_pull: ByPull) -> None:
    """Metrics of each penalty, and their table; the photograph is the unit of sampling."""
    say = stage.say
    reference, free = next(iter(experiment.pulls.values())).title, next(iter(by_pull.values()))
    rows: list[tuple[str | float, ...]] = [
        (
            say("resemblance.photograph"),
            *(float(np.mean([one[name][..., 0] for one in free], dtype=np.float64)) for name in MEASURES),
        )
    ]
    for key, changed in by_pull.items():
        title = experiment.pulls[key].title
        told = [
            stage.metric(
                f"{key}.{name}",
                mean([one[name][..., -1].mean() for one in changed]),
                label=say("resemblance.measured", measure=say(f"resemblance.measure.{name}"), pull=title),
                unit=unit,
            )
            for name, unit in MEASURES.items()
        ]
        rows.append((title, *(metric.value for metric in told)))
        for moment, (iterations, end) in enumerate(experiment.ends.items(), start=1):
            gains = [one["other"][moment] - one["other"][0] for one in changed]
            label = say("resemblance.gain", iterations=iterations, pull=title)
            stage.metric(f"{key}.gain{end}", mean(gains), label=label, unit=say("resemblance.points"))
            pairs = [
                (one["distance"][moment], other["distance"][moment]) for one, other in zip(changed, free, strict=True)
            ]
            # What has not moved yet says nothing of how far others have.
            if ways := [100 * own / reference_way for own, reference_way in pairs if reference_way]:
                label = say("resemblance.way", iterations=iterations, pull=title, reference=reference)
                stage.metric(f"{key}.way{end}", mean(ways), label=label, unit="%")
    stage.results.table(
        "regularisations",
        caption=say(
            "resemblance.table",
            photographs=len(experiment.images),
            iterations=experiment.show[-1],
            jury=stage.jury,
        ),
        columns=[say("resemblance.setting"), *(_headed(stage, name) for name in MEASURES)],
        rows=rows,
    )


def _chart(experiment: Resemblance, stage: Stage, by_pull: ByPull) -> None:
    iterations = [0, *experiment.show]
    figure, axes = canvas(columns=2)
    curves: dict[str, NDArray[np.float64]] = {}
    for one, name in zip(axes, ("other", "distance"), strict=True):
        for key, changed in by_pull.items():
            line = np.array([image[name] for image in changed], dtype=np.float64).mean(axis=0)
            one.plot(iterations, line, marker="o", markersize=3.5, linewidth=2, label=experiment.pulls[key].title)
            curves[f"{name}-{key}"] = line
        one.set(xlabel=stage.say("ascent.settings.iteration"), ylabel=_headed(stage, name))
    axes[0].set_ylim(-2, 102)
    axes[1].set_ylim(0, 1.3 * axes[1].get_ylim()[1])  # room for the legend
    axes[1].legend(fontsize=9, loc="upper left")
    stage.chart(
        "parcours",
        "resemblance.chart",
        figure,
        arrays={"iterations": np.array(iterations)} | curves,
        parameters=_told(experiment, stage),
        photographs=len(experiment.images),
        jury=stage.jury,
    )


def _sheet(experiment: Resemblance, stage: Stage, by_pull: ByPull) -> None:
    photographs = {name: stage.photographs[name] for name in experiment.images}
    free = next(iter(by_pull.values()))
    settings = [
        [
            stage.picture(
                f"{name}-{key}",
                pixels,
                "resemblance.picture",
                setting=title,
                chance=round(float(one["other"][moment])),
                photograph=photographs[name].title,
                target=stage.class_title(photographs[name].label),
            )
            for name, one, pixels in zip(experiment.images, changed, images, strict=True)
        ]
        for key, title, moment, changed, images in (
            (
                "photographie",
                stage.say("resemblance.photograph"),
                0,
                free,
                [photograph.pixels for photograph in photographs.values()],
            ),
            *(
                (key, experiment.pulls[key].title, -1, changed, [one["image"] for one in changed])
                for key, changed in by_pull.items()
            ),
        )
    ]
    stage.figure(
        "images",
        "resemblance.sheet",
        # As many blocks of columns as make the sheet no higher than a screen.
        columns=[column[top : top + ROWS] for top in range(0, len(experiment.images), ROWS) for column in settings],
        thumbnail=settings[1][0],
        arrays={
            f"{name}-{key}": one["image"]
            for key, changed in by_pull.items()
            for name, one in zip(experiment.images, changed, strict=True)
        },
        parameters=_told(experiment, stage),
        iterations=experiment.show[-1],
        jury=stage.jury,
    )


def _told(experiment: Resemblance, stage: Stage) -> dict[str, object]:
    say = stage.say
    pulls = (
        say(
            f"resemblance.pull.{'weighted' if pull.penalty else 'free'}",
            title=pull.title,
            penalty=say(f"ascent.penalty.{pull.penalty or 'none'}"),
            weight=pull.weight,
        )
        for pull in experiment.pulls.values()
    )
    return {
        say("resemblance.iterations"): say(
            "ascent.iteration", iteration=str(experiment.show[-1]), all=str(experiment.iterations)
        ),
        say("resemblance.pulls"): say("resemblance.list").join(pulls),
    } | experiment.settings(stage.language)


def _headed(stage: Stage, measure: str) -> str:
    """One of the ``MEASURES`` with its unit, as a heading."""
    label, unit = stage.say(f"resemblance.measure.{measure}"), MEASURES[measure]
    return f"{label} ({unit})" if unit else label
