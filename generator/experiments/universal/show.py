"""How often the changes fool each network, the changes themselves, and some photographs with one added."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from generator.charts import COLOURS, canvas
from generator.experiments.shared.adverse import tenfold
from generator.experiments.shared.points import points
from generator.experiments.stage import Stage
from generator.experiments.universal import HALVES, Universal
from generator.images import to_bytes
from generator.results.artefacts import Cell
from generator.statistics import Estimate, share

SERIES = ("made", "held", "other", "chance", "other-chance")
"""Whose answers change: those of the network on the photographs that the change was grown on, on the other half, those
of another network on that half; and of both by a random change."""


def show(experiment: Universal, stage: Stage) -> None:
    """A chart and a table, and two figures."""
    rates = {
        (radius, count): _rates(stage, f"radius-{place}.count-{nth}", radius, count)
        for place, radius in enumerate(experiment.radii, 1)
        for nth, count in enumerate(experiment.counts, 1)
    }
    _chart(experiment, stage, rates)
    _table(stage, rates)
    _changes(experiment, stage)
    _examples(experiment, stage)


def _rates(stage: Stage, name: str, radius: float, count: int) -> dict[str, Estimate]:
    """Share of the answers that change, both halves together; recorded under a name."""
    say = stage.say
    outcomes = [stage.outcomes[radius, count, half] for half in HALVES]

    def otherwise(which: str, eye: int, part: slice) -> Estimate:
        return share(np.concatenate([(o[which][eye] != o["clean"][eye])[part] for o in outcomes]))

    made, held = slice(None, count), slice(count, None)
    found = {
        "made": otherwise("seen", 0, made),
        "held": otherwise("seen", 0, held),
        "other": otherwise("seen", 1, held),
        "chance": otherwise("control", 0, held),
        "other-chance": otherwise("control", 1, held),
    }
    for key, estimate in found.items():
        label = say("universal.metric", series=say(f"universal.series.{key}"), radius=radius, count=count)
        stage.metric(f"{name}.{key}", estimate, label=label, unit="%")
    return found


def _levels(stage: Stage, radius: float, count: int) -> float:
    """Root mean square of a change, in grey levels."""
    change = stage.outcomes[radius, count, HALVES[0]]["change"]
    return 255 * float(np.sqrt(np.square(change, dtype=np.float64).mean()))


def _chart(experiment: Universal, stage: Stage, rates: Mapping[tuple[float, int], Mapping[str, Estimate]]) -> None:
    say = stage.say
    figure, panels = canvas(9, 4.2, columns=len(experiment.radii))
    places = np.arange(len(experiment.counts), dtype=np.float64)
    for axes, radius in zip(panels, experiment.radii, strict=True):
        for nth, key in enumerate(SERIES):
            of_key = [rates[radius, count][key] for count in experiment.counts]
            across = places + 0.1 * (nth - len(SERIES) // 2)
            points(axes, across, of_key, color=COLOURS[nth], label=say(f"universal.series.{key}"), linestyle="none")
        axes.set(title=say("universal.chart.radius", radius=radius), ylim=(-4, 104))
        axes.set_xticks(places, [str(count) for count in experiment.counts])
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set_xlabel(say("universal.chart.count"))
    panels[0].set_ylabel(say("universal.chart.rate"))
    legend = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    legend.set_frame_on(False)
    stage.chart(
        "taux",
        "universal.chart",
        figure,
        arrays={
            f"{radius:g}-{count}": np.array([(one.value, one.low, one.high) for one in of_series.values()])
            for (radius, count), of_series in rates.items()
        },
        parameters=_settings(experiment, stage),
    )


def _table(stage: Stage, rates: Mapping[tuple[float, int], Mapping[str, Estimate]]) -> None:
    say = stage.say
    rows: list[list[Cell]] = []
    for (radius, count), of_series in rates.items():
        rows.append([radius, round(_levels(stage, radius, count), 2), count, *of_series.values()])
    stage.results.table(
        "taux",
        caption=say("universal.table.caption"),
        columns=[
            *(say(f"universal.table.{key}") for key in ("radius", "levels", "count")),
            *(say(f"universal.series.{key}") for key in SERIES),
        ],
        rows=rows,
    )


def _changes(experiment: Universal, stage: Stage) -> None:
    """The changes grown on the most photographs, and a random one, ten times as large."""
    count, columns, arrays, of = max(experiment.counts), [], {}, []
    for radius in experiment.radii:
        column = []
        for half in HALVES:
            change = stage.outcomes[radius, count, half]["change"]
            arrays[f"{radius:g}-{half}"] = change
            column.append(tenfold(stage, f"{radius:g}-{half}", change, "universal.change", radius=radius, half=half))
            of.append((radius, count, half))
        random = stage.outcomes[radius, count, HALVES[0]]["random"]
        arrays[f"{radius:g}-hasard"] = random
        column.append(tenfold(stage, f"{radius:g}-hasard", random, "universal.random", radius=radius))
        columns.append(column)
    stage.figure(
        "changements",
        "universal.changes",
        of=of,
        columns=columns,
        thumbnail=columns[-1][0],
        arrays=arrays,
        parameters=_settings(experiment, stage),
        count=count,
    )


def _examples(experiment: Universal, stage: Stage) -> None:
    """Photographs with the change that was grown on the other half, at the largest norm."""
    radius, count = max(experiment.radii), max(experiment.counts)
    columns, arrays, of, compare = [], {}, [], []
    for name in experiment.shown:
        half = next(half for half in HALVES if name not in experiment.halves[half])
        part = (radius, count, half)
        outcome, photograph = stage.outcomes[part], stage.photographs[name]
        place = count + stage.parts[part].images[count:].index(name)
        saved = to_bytes(outcome["change"] + photograph.pixels.astype(np.float32) / np.float32(255))
        before, after = (stage.class_title(int(outcome[which][0, place])) for which in ("clean", "seen"))
        same = outcome["clean"][0, place] == outcome["seen"][0, place]
        column = [
            stage.picture(f"{name}-avant", photograph.pixels, "universal.before", title=photograph.title, seen=before),
            stage.picture(
                f"{name}-apres",
                saved,
                "universal.unmoved" if same else "universal.after",
                exact=True,
                title=photograph.title,
                seen=after,
            ),
        ]
        columns.append(column)
        compare.append((column[0], column[1]))
        arrays[name] = saved
        of.append(part)
    stage.figure(
        "exemples",
        "universal.examples",
        of=of,
        columns=columns,
        thumbnail=columns[0][-1],
        compare=compare,
        arrays=arrays,
        parameters=_settings(experiment, stage),
        radius=radius,
        count=count,
    )


def _settings(experiment: Universal, stage: Stage) -> dict[str, object]:
    say = stage.say
    return {
        say("universal.settings.radius"): say("universal.list").join(map(stage.language.number, experiment.radii)),
        say("universal.settings.step"): say("universal.settings.of-radius", step=100 * experiment.step),
        say("universal.settings.iterations"): experiment.iterations,
        say("universal.settings.smoothing"): " → ".join(map(stage.language.number, experiment.gradient_sigma)) + " px",
        say("universal.settings.goal"): say("universal.settings.margin"),
    }
