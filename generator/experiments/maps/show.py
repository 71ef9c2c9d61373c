"""A board of maps for each photograph; what the methods are worth by each measure, as a chart, curves and tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.transform import resize

from generator.charts import COLOURS, INK, canvas
from generator.experiments.given import Outcome
from generator.experiments.maps import CONTROL, MEASURES, METHODS, RIVALS, Maps
from generator.experiments.shared.boxes import GREEN
from generator.experiments.shared.points import points
from generator.experiments.shared.shades import heat
from generator.experiments.stage import Photograph, Stage
from generator.images import outlined
from generator.results.artefacts import Cell, Picture, Scale
from generator.statistics import ANY, Estimate, mean, rank_correlations, share
from generator.vision.regions import best_overlap, coverage, energy, overlap, points_at

Values = NDArray[np.float64]
GRID, BLUR = 112, 2.0
"""Side of the grid on which the maps of two networks are compared, and the blur before, in its pixels: as in
« agreement », whose defaults these are."""


def show(experiment: Maps, stage: Stage) -> None:
    """The boards, then a chart, curves and two tables of all of them."""
    found: dict[str, list[Values]] = {measure: [] for measure in MEASURES}
    for name in experiment.images:
        _board(experiment, stage, name)
        own, other, shuffled = (stage.outcomes[whose, name] for whose in ("own", "other", "shuffled"))
        for measure, values in _measured(stage.photographs[name], own, other, shuffled).items():
            found[measure].append(values)
    # Of each measure, by rival and photograph.
    by_measure = {measure: np.array(rows).T for measure, rows in found.items()}
    estimates = {
        measure: {rival: _estimate(measure, values, stage, rival) for rival, values in zip(RIVALS, rows, strict=True)}
        for measure, rows in by_measure.items()
    }
    _chart(experiment, stage, by_measure, estimates)
    _curves(experiment, stage)
    _tables(experiment, stage, by_measure, estimates)


def _measured(photograph: Photograph, own: Outcome, other: Outcome, shuffled: Outcome) -> dict[str, Values]:
    """All measures of the maps of one photograph, of each of the rivals."""
    maps = own["maps"]
    found = {
        "shift": _or_nothing(own["shift"]),
        "noise": _or_nothing(own["noise"]),
        "networks": _alike(maps, other["maps"]),
        "shuffled": _alike(maps, shuffled["maps"]),
        **dict(
            zip(
                ("deletion", "insertion"),
                np.trapezoid(own["curves"], dx=1 / (own["curves"].shape[2] - 1)).T,
                strict=True,
            )
        ),
    }
    if photograph.boxes:
        objects = photograph.objects
        found |= {
            "energy": np.array([100 * energy(one, objects) for one in maps]),
            "pointing": np.array([100.0 * points_at(one, objects) for one in maps]),
            "coverage": np.array([100 * coverage(one, objects)[objects.sum()] for one in maps]),
            "box": np.array([best_overlap(tuple(box), photograph.boxes) for box in own["boxes"].tolist()]),
            "mask": np.array([overlap(mask, objects) for mask in own["masks"]]),
        }
    return found


def _or_nothing(correlations: Values) -> Values:
    """Correlations, where a map that is the same everywhere has nothing in common with any."""
    return np.nan_to_num(correlations)


def _alike(some: NDArray[np.float32], others: NDArray[np.float32]) -> Values:
    """Rank correlation of maps with those of another network, of one size and without their grain.

    The control is the same for all networks.
    """
    pairs = zip(some, others, strict=False)
    correlations = [rank_correlations([_grid(one), _grid(other)])[0, 1] for one, other in pairs]
    return _or_nothing(np.array([*correlations, 1.0]))


def _grid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    grid: NDArray[np.float32] = gaussian_filter(resize(values, (GRID, GRID), anti_aliasing=True), BLUR)
    return grid


def _estimate(measure: str, values: Values, stage: Stage, rival: str) -> Estimate:
    """Mean over the photographs, recorded."""
    how, say = MEASURES[measure], stage.say
    estimate = share(values > 0) if measure == "pointing" else mean(values, how.bounds)
    label = say("maps.metric", measure=say(f"maps.measure.{measure}"), method=say(f"maps.method.{rival}"))
    stage.metric(f"{rival}.{measure}", estimate, label=label, unit=how.unit)
    return estimate


def leaders(values: Values, *, falls: bool) -> list[int]:
    """Places of the best rows of a measure: the best on average, and all that it is not surely better than.

    They are compared photograph by photograph, each pair at 95 %; of a difference without an interval nothing is sure.

    Args:
        values: a row for each method, a column for each photograph.
        falls: whether less is better.
    """
    better = -values if falls else values
    best = int(better.mean(axis=1).argmax())
    leads = [mean(better[best] - row, ANY) for row in better]
    return [place for place, lead in enumerate(leads) if lead.interval is None or lead.low <= 0]


def _chart(
    experiment: Maps,
    stage: Stage,
    by_measure: Mapping[str, Values],
    estimates: Mapping[str, Mapping[str, Estimate]],
) -> None:
    say = stage.say
    measures = [measure for measure in MEASURES if measure in estimates]
    figure, panels = canvas(9.6, 10.4, rows=4, columns=3)
    places = np.arange(len(RIVALS), dtype=np.float64)
    for axes, measure in zip(panels, measures, strict=False):
        of_rivals = list(estimates[measure].values())
        points(axes, places[:-1], of_rivals[:-1], across=True, color=COLOURS[0], linestyle="none", markersize=4)
        points(axes, places[-1:], of_rivals[-1:], across=True, color=COLOURS[5], linestyle="none", markersize=4)
        way = say(f"maps.chart.{'less' if MEASURES[measure].falls else 'more'}")
        unit = f" ({MEASURES[measure].unit})" if MEASURES[measure].unit else ""
        axes.set_title(f"{say(f'maps.short.{measure}')}{unit} {way}")
        axes.set_ylim(len(RIVALS) - 0.5, -0.5)
        axes.set_yticks(places, [say(f"maps.method.{rival}") for rival in RIVALS])
    for axes in panels[: len(measures)]:
        axes.label_outer(remove_inner_ticks=False)
        axes.tick_params(labelbottom=True)
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    stage.chart(
        "mesures",
        "maps.chart",
        figure,
        arrays=by_measure,
        parameters=_settings(experiment, stage),
        photographs=len(experiment.images),
    )


def _curves(experiment: Maps, stage: Stage) -> None:
    say = stage.say
    curves = 100 * np.stack([stage.outcomes["own", name]["curves"] for name in experiment.images])
    shares = np.linspace(0, 100, curves.shape[3])
    figure, panels = canvas(9.2, 4.2, columns=2)
    for place, (axes, key) in enumerate(zip(panels, ("deletion", "insertion"), strict=True)):
        for row, rival in enumerate(RIVALS):
            # More curves than colours: the last ones are not drawn through.
            colour, line = (
                (INK, ":") if rival == CONTROL else (COLOURS[row % len(COLOURS)], "-" if row < len(COLOURS) else "--")
            )
            axes.plot(
                shares,
                curves[:, row, place].mean(axis=0),
                color=colour,
                linestyle=line,
                label=say(f"maps.method.{rival}"),
            )
        axes.set(title=say(f"maps.short.{key}"), xlim=(0, 100), ylim=(0, None), xlabel=say(f"maps.curves.{key}"))
    panels[0].set_ylabel(say("maps.curves.probability"))
    legend = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    legend.set_frame_on(False)
    for text in legend.get_texts():
        text.set_color(INK)
    stage.chart(
        "courbes",
        "maps.curves",
        figure,
        of=[("own", name) for name in experiment.images],
        arrays={"curves": curves / 100},
        parameters=_settings(experiment, stage),
        photographs=len(experiment.images),
    )


def _tables(
    experiment: Maps,
    stage: Stage,
    by_measure: Mapping[str, Values],
    estimates: Mapping[str, Mapping[str, Estimate]],
) -> None:
    say = stage.say
    titles = {rival: say(f"maps.method.{rival}") for rival in RIVALS}
    rows: list[list[Cell]] = [
        [say(f"maps.measure.{measure}"), *of_rivals.values()] for measure, of_rivals in estimates.items()
    ]
    rows.append([say("maps.table.passes"), *experiment.passes.values(), None])
    stage.results.table(
        "mesures",
        caption=say("maps.table.caption", photographs=len(experiment.images)),
        columns=[say("maps.table.measure"), *titles.values()],
        rows=rows,
    )

    def ahead(measure: str) -> str:
        places = leaders(by_measure[measure][: len(METHODS)], falls=MEASURES[measure].falls)
        if len(places) == len(METHODS):
            return say("maps.leaders.all")
        return stage.language.list(titles[METHODS[place]] for place in places)

    stage.results.table(
        "en-tete",
        caption=say("maps.leaders.caption"),
        columns=[say("maps.table.measure"), say("maps.leaders.ahead"), say("maps.leaders.rewards")],
        rows=[
            [say(f"maps.measure.{measure}"), ahead(measure), say(f"maps.rewards.{measure}")] for measure in estimates
        ],
    )


def _board(experiment: Maps, stage: Stage, name: str) -> None:
    """The maps of one photograph by both networks, all on one scale of ranks."""
    say, photograph = stage.say, stage.photographs[name]
    title = photograph.title
    plain = stage.picture(f"{name}-image", photograph.pixels, "common.photograph", title=title)
    boxed = stage.picture(
        f"{name}-boites", outlined(photograph.pixels, photograph.boxes, GREEN), "maps.boxed", title=title
    )
    columns: list[list[Picture]] = [[plain, boxed]]
    arrays = {}
    scale = Scale(palette="hot", low=0, high=100)
    for place, method in enumerate(METHODS):
        column = []
        for whose in ("own", "other"):
            values = stage.outcomes[whose, name]["maps"][place]
            arrays[f"{whose}-{method}"] = values
            column.append(
                stage.picture(
                    f"{name}-{method}-{whose}",
                    heat(ranks(values)),
                    "maps.map",
                    scale=scale,
                    method=say(f"maps.method.{method}"),
                    network=say(f"maps.network.{whose}"),
                    title=title,
                )
            )
        columns.append(column)
    stage.figure(
        experiment.boards[name],
        "maps.board",
        of=[(whose, name) for whose in ("own", "other")],
        columns=columns,
        thumbnail=columns[1 + METHODS.index("gradcam")][0],
        overlay=[(plain, column[0]) for column in columns[1:]],
        arrays=arrays,
        parameters={
            say("common.class"): stage.class_title(photograph.label),
            say("common.palette"): "hot",
        },
        title=title,
    )


def ranks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The share of a map's pixels that are lower than each of them, in [0, 1]: one scale for all maps."""
    rising = np.sort(values, axis=None)
    below: NDArray[np.float32] = (np.searchsorted(rising, values) / (values.size - 1)).astype(np.float32)
    return below


def _settings(experiment: Maps, stage: Stage) -> dict[str, object]:
    say = stage.say
    return {
        say("common.class"): say("common.true-class"),
        say("maps.method.smoothgrad"): say("maps.copies", samples=experiment.samples, noise=100 * experiment.spread),
        say("maps.method.integrated"): say("maps.integral", steps=experiment.steps),
        say("maps.method.occlusion"): say("maps.squares", squares=experiment.squares),
        say("maps.measure.shift"): f"{experiment.shift} px",
        say("maps.measure.noise"): say("maps.grain", noise=experiment.noise),
        say("maps.measure.shuffled"): say("maps.layers", share=100 * experiment.share),
        say("maps.grids"): say("maps.blurred", side=GRID, blur=BLUR),
        say("maps.steps"): experiment.levels,
    }
