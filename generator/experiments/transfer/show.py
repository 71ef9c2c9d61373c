"""How often the images fool each network, by the size of their change: a table and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, INK, canvas
from generator.experiments.shared.points import points
from generator.experiments.stage import Stage
from generator.experiments.transfer import BEYOND, RULE, Transfer
from generator.results.artefacts import Cell
from generator.statistics import Estimate, share

MEASURES = ("own-target", "other-target", "other-fooled", "noise-fooled")


def show(experiment: Transfer, stage: Stage) -> None:
    """The measures, the table and the chart."""
    say = stage.say
    titles = {measure: say(f"transfer.measure.{measure}") for measure in MEASURES}
    rows: list[list[Cell]] = []
    shares, distances = [], []
    for level, title, found in _levels(experiment, stage):
        estimates = {
            "own-target": share(found["own"] == experiment.target),
            "other-target": share(found["other"] == experiment.target),
            "other-fooled": share(found["other"] != found["before"]),
            "noise-fooled": share(found["noise"] != found["before"]),
        }
        for key, estimate in estimates.items():
            label = say("transfer.measured", images=title, measure=titles[key])
            stage.metric(f"{level}.{key}", estimate, label=label, unit="%")
        distance = float(np.mean(found["l2"]))
        stage.metric(f"{level}.l2", distance, label=say("transfer.distance", images=title))
        rows.append([title, distance, *estimates.values()])
        shares.append(estimates)
        distances.append(distance)
    stage.results.table(
        "taux",
        caption=say("transfer.table.caption"),
        columns=[say("transfer.table.images"), say("transfer.table.l2"), *titles.values()],
        rows=rows,
    )
    _chart(experiment, stage, titles, np.array(distances), shares)


def _levels(experiment: Transfer, stage: Stage) -> Iterator[tuple[str, str, dict[str, NDArray[np.float64]]]]:
    """Name and title of each way to make images, and what was found on each of its images."""
    ways = [(RULE, stage.say("transfer.rule"), RULE, 0)]
    for place, steps in enumerate(experiment.pushed):
        ways.append((f"pas-{steps}", stage.say("transfer.pushed", steps=str(steps)), BEYOND, place))
    photographs = [name for name in experiment.images if (name, RULE) in stage.parts]
    for level, title, rule, place in ways:
        outcomes = [stage.outcomes[name, rule] for name in photographs]
        found = {
            key: np.array([outcome[key][place] for outcome in outcomes]) for key in ("l2", "own", "other", "noise")
        }
        yield level, title, found | {"before": np.array([outcome["before"] for outcome in outcomes])}


def _chart(
    experiment: Transfer,
    stage: Stage,
    titles: Mapping[str, str],
    distances: NDArray[np.float64],
    shares: Sequence[Mapping[str, Estimate]],
) -> None:
    say = stage.say
    figure, (axes,) = canvas(7.2, 4.2)
    arrays = {"l2": distances}
    for place, (key, title) in enumerate(titles.items()):
        estimates = [at_level[key] for at_level in shares]
        noise = key == "noise-fooled"
        points(
            axes,
            # Side by side, or the intervals would cover one another.
            distances + 0.01 * distances.max() * (place - 1.5),
            estimates,
            color=INK if noise else COLOURS[place],
            linestyle="--" if noise else "-",
            label=title,
        )
        arrays[key] = np.array([(one.value, one.low, one.high) for one in estimates]).T
    axes.set_xlabel(say("transfer.chart.distance"))
    axes.set_ylabel(say("transfer.chart.images"))
    axes.set_ylim(-4, 104)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.32), ncols=1, fontsize=9)
    target, pushed = stage.class_title(experiment.target), ", ".join(map(str, experiment.pushed))
    stage.chart(
        "taux",
        "transfer.chart",
        figure,
        arrays=arrays,
        parameters={
            say("common.target"): f"{target} ({experiment.target})",
            say("common.step"): experiment.step,
            say("transfer.iterations"): experiment.iterations,
            say("transfer.pushed-step"): experiment.pushed_step,
            say("transfer.pushed-iterations"): pushed,
        },
        target=target,
        pushed=pushed,
    )
