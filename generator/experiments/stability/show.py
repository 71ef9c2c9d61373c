"""What is left of maps after each change: a chart, a table, and the maps of some photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, INK, canvas
from generator.experiments.shared.curves import with_band
from generator.experiments.shared.maps import same_everywhere
from generator.experiments.shared.shades import capped, capped_scale
from generator.experiments.stability import METHODS, Change, Kind, Stability
from generator.experiments.stability.likeness import likeness
from generator.experiments.stage import Stage
from generator.images import Pixels
from generator.results.artefacts import Cell, Picture, Scale
from generator.statistics import Estimate, mean, share


def show(experiment: Stability, stage: Stage) -> None:
    """A chart and a table of all photographs, a figure for each one shown."""
    outcomes = [stage.outcomes[name] for name in experiment.images]
    unchanged = [outcome["unchanged"] for outcome in outcomes]
    found = np.stack([outcome["likeness"] for outcome in outcomes], axis=1)
    strangers = np.array(
        [
            [likeness(maps[method], [unchanged[place - 1][method]])[0] for place, maps in enumerate(unchanged)]
            for method in range(len(METHODS))
        ]
    )
    for name, values in zip(experiment.images, np.isnan(found).any(axis=(0, 2, 3)), strict=True):
        if values:
            raise same_everywhere(name)
    answers = np.stack([outcome["answers"] for outcome in outcomes])
    by_method = dict(zip(METHODS, found, strict=True))
    _measure(experiment, stage, by_method, dict(zip(METHODS, strangers, strict=True)), answers[:, 1:] == answers[:, :1])
    for name in experiment.shown:
        _example(experiment, stage, name)


def _measure(
    experiment: Stability,
    stage: Stage,
    found: Mapping[str, NDArray[np.float64]],
    strangers: Mapping[str, NDArray[np.float64]],
    kept: NDArray[np.bool_],
) -> None:
    """Record what came out.

    Args:
        experiment: whose changes they are.
        stage: takes it.
        found: by method, rank correlation and SSIM after each change (images, changes, 2).
        strangers: likewise, with the map of another image (images, 2).
        kept: whether the network still gives the same answer (images, changes).
    """
    say = stage.say
    titles = {method: say(f"stability.method.{method}") for method in METHODS}
    rows: list[list[Cell]] = []
    estimates: dict[str, list[Estimate]] = {method: [] for method in METHODS}

    def row(name: str, title: str, same: float | None, values: Mapping[str, NDArray[np.float64]]) -> None:
        cells: list[Cell] = [title, same]
        for method, both in values.items():
            estimate = mean(both[:, 0])
            label = say("stability.correlation", change=title, method=titles[method])
            stage.metric(f"{method}.{name}", estimate, label=label)
            estimates[method].append(estimate)
            cells += both.mean(axis=0).tolist()
        rows.append(cells)

    for place, change in enumerate(experiment.changes):
        title, same = _title(change, stage), share(kept[:, place])
        stage.metric(f"kept.{change.name}", same, label=say("stability.kept", change=title), unit="%")
        row(change.name, title, same.value, {method: values[:, place] for method, values in found.items()})
    row("other", say("stability.change.other"), None, strangers)
    stage.results.table(
        "changements",
        caption=say("stability.table.caption"),
        columns=[
            *(say(f"stability.table.{key}") for key in ("change", "kept")),
            *(
                say(f"stability.table.{measure}", method=title)
                for title in titles.values()
                for measure in ("correlation", "similarity")
            ),
        ],
        rows=rows,
    )
    _chart(experiment, stage, estimates, found)


def _chart(
    experiment: Stability,
    stage: Stage,
    estimates: Mapping[str, Sequence[Estimate]],
    found: Mapping[str, NDArray[np.float64]],
) -> None:
    """Draw the correlations after each change, and last the one with another image."""
    say, kinds = stage.say, get_args(Kind)
    figure, panels = canvas(8.6, 4, columns=len(kinds))
    for axes, kind in zip(panels, kinds, strict=True):
        places = [place for place, change in enumerate(experiment.changes) if change.kind == kind]
        for colour, method in zip(COLOURS, METHODS, strict=False):
            shown = [estimates[method][place] for place in places]
            with_band(
                axes,
                range(len(places)),
                [e.value for e in shown],
                low=[e.low for e in shown],
                high=[e.high for e in shown],
                colour=colour,
                label=say(f"stability.method.{method}"),
            )
            axes.axhline(estimates[method][-1].value, color=colour, linestyle=":", linewidth=1.2)
        axes.set(title=say(f"stability.kind.{kind}"), ylim=(0, 1))
        sizes = [stage.language.number(experiment.changes[place].size) for place in places]
        axes.set_xticks(range(len(places)), sizes)
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    panels[0].set_ylabel(say("stability.chart.correlation"))
    panels[0].plot([], [], ":", color=INK, label=say("stability.chart.other"))
    legend = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    legend.set_frame_on(False)
    for text in legend.get_texts():
        text.set_color(INK)
    stage.chart(
        "stabilite",
        "stability.chart",
        figure,
        of=experiment.images,
        arrays=found,
        parameters={
            say("common.class"): say("common.true-class"),
            say("stability.blurred"): say("stability.blur", blur=experiment.blur),
            **_smoothgrad(experiment, stage),
            say("stability.edge"): f"{max(experiment.shifts)} px",
        },
    )


def _example(experiment: Stability, stage: Stage, name: str) -> None:
    say, photograph, outcome = stage.say, stage.photographs[name], stage.outcomes[name]
    maps = dict(zip(METHODS, outcome["maps"], strict=True))
    changes = {1 + place: _title(experiment.changes[place], stage) for place in experiment.telling}
    columns: list[list[Picture]] = []
    for row, (place, change) in enumerate({0: say("common.original"), **changes}.items()):
        shown: dict[str, tuple[Pixels, str, Scale | None]] = {"image": (outcome["views"][row], change, None)}
        for method in ("plain", "smoothgrad"):
            values = maps[method][row]
            shown[method] = capped(values), say(f"stability.method.{method}"), capped_scale(values)
        columns.append(
            [
                stage.picture(
                    f"{name}-{place}-{key}",
                    pixels,
                    f"stability.examples.{key}",
                    scale=scale,
                    heading=heading,
                    title=photograph.title,
                    change=change.lower(),
                )
                for key, (pixels, heading, scale) in shown.items()
            ]
        )
    stage.figure(
        experiment.examples[name],
        "stability.examples",
        of=[name],
        columns=columns,
        thumbnail=columns[1][1],
        overlay=[(column[0], column[row]) for row in (1, 2) for column in columns],
        arrays={
            f"{method}-{place}": values
            for method, kept in maps.items()
            for place, values in zip((0, *changes), kept, strict=True)
        },
        parameters={
            say("common.class"): stage.class_title(photograph.label),
            say("common.palette"): "hot",
            **_smoothgrad(experiment, stage),
        },
        title=photograph.title,
    )


def _title(change: Change, stage: Stage) -> str:
    """What a change is, or what an image is after it."""
    key: str = change.kind
    if key == "light":
        key = "brighter" if change.size > 0 else "darker"
    return stage.say(f"stability.change.{key}", size=change.size)


def _smoothgrad(experiment: Stability, stage: Stage) -> dict[str, str]:
    copies = stage.say("stability.copies", samples=experiment.samples, noise=100 * experiment.spread)
    return {stage.say("stability.method.smoothgrad"): copies}
