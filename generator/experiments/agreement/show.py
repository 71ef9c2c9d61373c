"""How alike the maps of two networks are, and what is left of a map when a network forgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.transform import resize

from generator.charts import COLOURS, INK, canvas
from generator.errors import LabError
from generator.experiments.agreement import Agreement
from generator.experiments.shared.maps import same_everywhere
from generator.experiments.shared.shades import capped, capped_scale
from generator.experiments.stage import Stage
from generator.results.artefacts import Picture
from generator.statistics import mean, rank_correlations, share

Map = NDArray[np.float32]


def show(experiment: Agreement, stage: Stage) -> None:
    """Plates of both networks' maps, a network that forgets, and the correlations of all of them."""
    for plate, images in experiment.plates.items():
        _plate(stage, plate, images)
    _forgetting(experiment, stage)
    grids = {
        whose: [_grid(experiment, stage, whose, name) for name in experiment.images]
        for whose in ("own", "other", "shift", *experiment.shuffled.values())
    }
    count = len(experiment.images)
    matrix = rank_correlations([*grids["own"], *grids["other"]])
    one, across = matrix[:count, :count], matrix[:count, count:]
    alike = {
        "networks": across.diagonal(),
        "shift": _correlations(grids["own"], grids["shift"]),
        "images": (one.sum(axis=1) - 1) / (count - 1),
    } | {whose: _correlations(grids["own"], grids[whose]) for whose in experiment.shuffled.values()}
    _measure(experiment, stage, alike, across)
    _chart(experiment, stage, alike)
    _table(experiment, stage, alike)


def _grid(experiment: Agreement, stage: Stage, whose: str, name: str) -> Map:
    """A map as it is compared: of one size with others, and without the grain of single pixels."""
    values = stage.outcomes[whose, name]["values"]
    if np.ptp(values) == 0:
        raise same_everywhere(name)
    grid: Map = gaussian_filter(resize(values, (experiment.side,) * 2, anti_aliasing=True), experiment.blur)
    return grid


def _correlations(some: Sequence[Map], others: Sequence[Map]) -> NDArray[np.float64]:
    return np.array([rank_correlations(pair)[0, 1] for pair in zip(some, others, strict=True)])


def _measure(
    experiment: Agreement, stage: Stage, alike: Mapping[str, NDArray[np.float64]], across: NDArray[np.float64]
) -> None:
    metric, say = stage.metric, stage.say
    for name, values in alike.items():
        metric(name, mean(values, (-1, 1)), label=say("agreement.correlation", compared=_told(name, stage)))
    floor, ceiling = alike["images"], alike["shift"]
    for name, same in zip(experiment.images, floor == ceiling, strict=True):
        if same:
            raise LabError(
                f"images: the map of {name} is as like those of other images as that of the same, moved by a pixel; "
                "there is nothing between to compare networks with, so leave it out"
            )
    metric(
        "position",
        mean(100 * (alike["networks"] - floor) / (ceiling - floor)),
        label=say("agreement.position"),
        unit="%",
    )
    metric(
        "recognised",
        share(across.argmax(axis=1) == np.arange(len(across))),
        label=say("agreement.recognised"),
        unit="%",
    )
    metric(
        "learned",
        mean(alike["networks"] - alike[experiment.shuffled[experiment.shares[-1]]]),
        label=say("agreement.learned"),
    )
    for whose in ("own", "other"):
        right = [
            stage.outcomes[whose, name]["scores"].argmax() == stage.photographs[name].label
            for name in experiment.images
        ]
        metric(f"right.{whose}", share(right), label=say(f"agreement.right.{whose}"), unit="%")


def _chart(experiment: Agreement, stage: Stage, alike: Mapping[str, NDArray[np.float64]]) -> None:
    say = stage.say
    figure, (axes,) = canvas(7.2, 0.7 + 0.42 * len(alike))
    random = np.random.default_rng(0)
    for row, (name, values) in enumerate(alike.items()):
        colour = COLOURS[0] if name == "networks" else COLOURS[2] if name.startswith("shuffled") else COLOURS[1]
        estimate = mean(values)
        axes.plot(values, row + random.uniform(-0.16, 0.16, len(values)), "o", color=colour, alpha=0.7, ms=4, mew=0)
        axes.plot([estimate.low, estimate.high], [row, row], color=INK, linewidth=2)
        axes.plot(estimate.value, row, "|", color=INK, markersize=14, markeredgewidth=2)
    axes.set_yticks(range(len(alike)), [_told(name, stage) for name in alike])
    axes.invert_yaxis()
    axes.set_xlabel(say("agreement.chart.correlation"))
    stage.chart(
        "accord",
        "agreement.chart",
        figure,
        of=[(whose, name) for whose, name in _pairs(stage) if name in experiment.images],
        arrays=alike,
        parameters={
            say("agreement.grids"): say("agreement.blurred", side=experiment.side, blur=experiment.blur),
            say("common.class"): say("common.true-class"),
            say("agreement.shuffled"): say("agreement.which"),
        },
    )


def _table(experiment: Agreement, stage: Stage, alike: Mapping[str, NDArray[np.float64]]) -> None:
    say = stage.say
    listed = ["networks", "shift", "images", experiment.shuffled[experiment.shares[-1]]]
    stage.results.table(
        "images",
        caption=say("agreement.table.caption"),
        columns=[say("agreement.table.image"), *(_told(name, stage).capitalize() for name in listed)],
        rows=[
            [stage.photographs[name].title, *(float(alike[column][row]) for column in listed)]
            for row, name in enumerate(experiment.images)
        ],
        shaded=True,
    )


def _plate(stage: Stage, plate: str, images: Sequence[str]) -> None:
    columns = [
        [
            _photograph(stage, name),
            _picture(stage, f"{name}-premier", ("own", name), stage.say("agreement.heading.first")),
            _picture(stage, f"{name}-second", ("other", name), stage.say("agreement.heading.second")),
        ]
        for name in images
    ]
    shown = [(whose, name) for name in images for whose in ("own", "other")]
    stage.figure(
        plate,
        "agreement.maps",
        of=shown,
        columns=columns,
        thumbnail=columns[0][-1],
        overlay=[(column[0], column[row]) for row in (1, 2) for column in columns],
        arrays={f"{name}-{whose}": stage.outcomes[whose, name]["values"] for whose, name in shown},
        parameters={
            stage.say("common.class"): stage.say("common.true-class"),
            stage.say("common.palette"): "hot",
        },
    )


def _forgetting(experiment: Agreement, stage: Stage) -> None:
    say, name = stage.say, experiment.shown
    maps = {0.0: "own", **experiment.shuffled}
    headings = [
        say("agreement.heading.trained"),
        *(say("agreement.heading.shuffled", share=100 * forgotten) for forgotten in experiment.shares),
    ]
    photograph = _photograph(stage, name)
    shown = [
        _picture(stage, f"oubli-{100 * forgotten:g}", (whose, name), heading)
        for (forgotten, whose), heading in zip(maps.items(), headings, strict=True)
    ]
    stage.figure(
        "oubli",
        "agreement.forgetting",
        of=[(whose, name) for whose in maps.values()],
        columns=[[photograph], *([over] for over in shown)],
        thumbnail=shown[-1],
        overlay=[(photograph, over) for over in shown],
        arrays={f"{forgotten:g}": stage.outcomes[whose, name]["values"] for forgotten, whose in maps.items()},
        parameters={
            say("common.class"): stage.class_title(stage.photographs[name].label),
            say("common.palette"): "hot",
        },
        title=stage.photographs[name].title,
    )


def _photograph(stage: Stage, name: str) -> Picture:
    photograph = stage.photographs[name]
    return stage.picture(f"{name}-image", photograph.pixels, "common.photograph", title=photograph.title)


def _picture(stage: Stage, file: str, part: tuple[str, str], heading: str) -> Picture:
    values = stage.outcomes[part]["values"]
    return stage.picture(
        file,
        capped(values),
        "agreement.map",
        scale=capped_scale(values),
        heading=heading,
        title=stage.photographs[part[1]].title,
        network=heading.lower(),
    )


def _pairs(stage: Stage) -> list[tuple[str, str]]:
    """Names of the parts: whose map, and of which image."""
    return [(str(part[0]), str(part[1])) for part in stage.parts if isinstance(part, tuple)]


def _told(name: str, stage: Stage) -> str:
    """What two maps that are compared have not in common."""
    compared, _, part = name.partition("-")
    return stage.say(f"agreement.compared.{compared}", **({"share": 100 * float(part)} if part else {}))
