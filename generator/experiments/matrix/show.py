"""How many steps each attack took, how visible the changes are, where in the spectrum they lie, and the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf, isfinite, nan
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from generator.charts import INK, canvas, heatmap
from generator.errors import LabError
from generator.experiments.given import Outcome
from generator.experiments.matrix import Matrix
from generator.experiments.shared.adverse import tenfold
from generator.experiments.stage import Stage
from generator.images import change_of
from generator.results.artefacts import Picture
from generator.statistics import ANY, PER_CENT, Estimate, mean, share
from generator.vision.perception import JUST_NOTICEABLE, MEASURES, UNSEEN, exponent

MOST_NAMED = 40
"""How many target classes are named at most; more are only counted."""

IN_EACH_CELL = ("steps", "delta_e", "delta_e_high", "l2", "linf", "ssim", "psnr")
"""What a reader may look up of one attack; the first is shown at once."""

Cells = Mapping[tuple[str, int], Outcome]
"""What came of each photograph and target, without the pictures; nothing where nothing had to change."""


def show(experiment: Matrix, stage: Stage) -> None:
    """The measures, the grid, three charts, and a figure for each photograph."""
    cells: dict[tuple[str, int], Outcome] = {}
    pictures: dict[tuple[str, int], tuple[Picture, ...]] = {}
    for name in experiment.images:
        for target in experiment.targets:
            outcome = stage.outcomes[name, target] if (name, target) in stage.parts else None
            # Where the network took the photograph for the target from the first there is nothing to measure.
            if outcome is not None and outcome["steps"]:
                if target in experiment.targets[: experiment.shown]:
                    pictures[name, target] = _pictures(stage, name, target, outcome)
                cells[name, target] = {key: array for key, array in outcome.items() if key != "saved"}
    if not cells:
        raise LabError("targets: the network sees them in the images from the first; name other classes")
    _measure(experiment, stage, cells)
    _grid(experiment, stage, cells, {key: fooled for key, (fooled, *_) in pictures.items()})
    _summary(stage, cells)
    _steps(experiment, stage, cells)
    _visibility(experiment, stage, cells)
    _spectra(experiment, stage, cells)
    for name in experiment.images:
        _figure(experiment, stage, name, cells, pictures)


def _pictures(stage: Stage, name: str, target: int, outcome: Outcome) -> tuple[Picture, ...]:
    photograph, saved, file = stage.photographs[name], outcome["saved"], f"{name}-{target}"
    title, steps, aim = photograph.title, int(outcome["steps"]), stage.class_title(target)
    return (
        stage.picture(file, saved, "matrix.made", exact=True, title=title, steps=steps, target=aim),
        # As it is, it is all grey: one figure of an attack shows that, hundreds need not.
        tenfold(stage, file, change_of(saved, photograph.pixels)),
    )


def _measure(experiment: Matrix, stage: Stage, cells: Cells) -> None:
    rows = _by_image(cells)
    columns = [[cell for (_, t), cell in cells.items() if t == target] for target in experiment.targets]
    hardest = min((column for column in columns if column), key=lambda column: fmean(c["reached"] for c in column))
    whole = share([all(cell["reached"] for cell in row) for row in rows])
    stage.metric("images", whole, label=stage.say("matrix.images"), unit="%")
    stage.metric("classes", share([bool(c["reached"]) for c in hardest]), label=stage.say("matrix.classes"), unit="%")
    stage.metric("cells", len(cells), label=stage.say("matrix.cells"))
    averaged: tuple[tuple[str, str, Callable[[Outcome], float]], ...] = (
        ("steps", "", lambda cell: float(cell["steps"])),
        ("success", "%", lambda cell: 100.0 * bool(cell["reached"])),
        ("unseen", "%", lambda cell: 100.0 * bool(cell["reached"] and cell["delta_e"] < UNSEEN)),
        ("unseen-strict", "%", lambda cell: 100.0 * bool(cell["reached"] and cell["delta_e_high"] < JUST_NOTICEABLE)),
        ("exponent", "", lambda cell: exponent(cell["spectrum"])),
    )
    for key, unit, value in averaged:
        _average(stage, key, [map(value, row) for row in rows], unit)
    of_photographs = [exponent(stage.outcomes[name]["spectrum"]) for name in experiment.images]
    _average(stage, "exponent-photographs", [[value] for value in of_photographs])


def _average(stage: Stage, key: str, rows: Iterable[Iterable[float]], unit: str = "") -> None:
    """Record the mean of what is measured on each photograph's attacks; nothing where it never could be."""
    estimate = _mean(rows, PER_CENT if unit == "%" else ANY)
    if estimate is not None:
        stage.metric(key, estimate, label=stage.say(f"matrix.{key}"), unit=unit)


def _mean(rows: Iterable[Iterable[float]], within: tuple[float, float] = ANY) -> Estimate | None:
    """Mean over the photographs of the mean over each one's attacks, as far as these are numbers."""
    numbers = [[value for value in row if isfinite(value)] for row in rows]
    means = [fmean(row) for row in numbers if row]
    return mean(means, within) if means else None


def _grid(experiment: Matrix, stage: Stage, cells: Cells, fooled: Mapping[tuple[str, int], Picture]) -> None:
    keys = [[(name, target) for target in experiment.targets] for name in experiment.images]
    failed = stage.say("matrix.grid.failed")

    def number(key: tuple[str, int], value: str) -> float | None:
        found = float(cells[key][value]) if key in cells else inf
        return found if isfinite(found) else None

    stage.results.grid(
        "grille",
        caption=stage.say("matrix.grid.caption", iterations=experiment.iterations),
        corner=stage.say("matrix.grid.corner"),
        rows=[stage.photographs[name].title for name in experiment.images],
        columns=[stage.class_title(target) for target in experiment.targets],
        measures={
            stage.say(f"matrix.grid.{value}"): [[number(key, value) for key in row] for row in keys]
            for value in IN_EACH_CELL
        },
        remarks=[[failed if key in cells and not cells[key]["reached"] else None for key in row] for row in keys],
        links=[list(map(fooled.get, row)) for row in keys],
    )


def _summary(stage: Stage, cells: Cells) -> None:
    rows: list[list[str | float | None]] = []
    for value in MEASURES:
        values = [[float(cell[value]) for cell in row] for row in _by_image(cells)]
        estimate, every = _mean(values), [one for row in values for one in row if isfinite(one)]
        told = [estimate.value, estimate.low, estimate.high, min(every), max(every)] if estimate else [None] * 5
        rows.append([stage.say(f"common.measure.{value}"), *told])
    stage.results.table(
        "mesures",
        caption=stage.say("matrix.summary.caption", attacks=len(cells)),
        columns=[stage.say(f"matrix.summary.{name}") for name in ("measure", "mean", "low", "high", "least", "most")],
        rows=rows,
    )


def _steps(experiment: Matrix, stage: Stage, cells: Cells) -> None:
    images, targets = experiment.images, experiment.targets
    steps = np.array([[float(cells[n, t]["steps"]) if (n, t) in cells else nan for t in targets] for n in images])
    figure, (axes,) = canvas(8.6, 2.4 + 0.23 * len(images))
    heatmap(axes, steps, low=0, high=np.nanmax(steps), label=stage.say("matrix.chart.scale"))
    axes.set_yticks(range(len(images)), [stage.photographs[name].title for name in images])
    if len(targets) <= MOST_NAMED:
        axes.set_xticks(range(len(targets)), map(stage.class_title, targets), rotation=40, ha="right")
    else:
        axes.set_xlabel(stage.say("matrix.chart.target"))
    stage.chart(
        "iterations",
        "matrix.chart",
        figure,
        arrays={"steps": steps, "targets": np.array(targets)},
        parameters=_parameters(experiment, stage),
        most=np.nanmax(steps),
        half=np.nanmedian(steps),
    )


def _visibility(experiment: Matrix, stage: Stage, cells: Cells) -> None:
    say = stage.say
    measures = {key: np.sort([float(cell[key]) for cell in cells.values()]) for key in ("delta_e", "delta_e_high")}
    figure, (axes,) = canvas()
    for values, label in zip(measures.values(), ("mean", "high"), strict=True):
        below = 100 * np.arange(1, len(values) + 1) / len(values)
        axes.step(values, below, where="post", label=say(f"matrix.visibility.{label}"))
    for threshold, text, side in (
        (UNSEEN, say("matrix.visibility.unseen") + " ", "right"),
        (JUST_NOTICEABLE, " " + say("matrix.visibility.noticeable"), "left"),
    ):
        axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
        axes.text(threshold, 103, text, ha=side, fontsize=9, color=INK)
    axes.set(xlabel="ΔE*ab (CIE 1976)", ylabel=say("matrix.visibility.below"), xlim=(0, None), ylim=(0, 101))
    axes.legend(loc="lower right")
    stage.chart(
        "delta-e",
        "matrix.visibility",
        figure,
        arrays=measures,
        parameters=_parameters(experiment, stage),
        attacks=len(cells),
        mean=np.median(measures["delta_e"]),
        high=np.median(measures["delta_e_high"]),
    )


def _spectra(experiment: Matrix, stage: Stage, cells: Cells) -> None:
    say = stage.say
    spectra = {
        "photographs": np.array([stage.outcomes[name]["spectrum"] for name in experiment.images]),
        "changes": np.array([np.mean([cell["spectrum"] for cell in row], axis=0) for row in _by_image(cells)]),
    }
    figure, (axes,) = canvas()
    for key, powers in spectra.items():
        detailed = powers[powers.any(axis=1)]  # what is of one colour has no spectrum
        if len(detailed):
            relative = 100 * detailed / detailed.sum(axis=1, keepdims=True)
            frequencies = np.arange(1, powers.shape[1] + 1)
            axes.loglog(frequencies, relative.mean(axis=0), label=say(f"matrix.spectra.{key}"))
    axes.set(xlabel=say("matrix.spectra.frequency"), ylabel=say("matrix.spectra.power"))
    axes.legend()
    stage.chart(
        "spectre",
        "matrix.spectra",
        figure,
        arrays=spectra,
        parameters=_parameters(experiment, stage),
        photographs=_exponent(spectra["photographs"]),
        changes=_exponent(spectra["changes"]),
    )


def _exponent(powers: NDArray[np.float64]) -> float | str:
    """The exponent of a mean spectrum, for a sentence."""
    found = exponent(powers.mean(axis=0))
    return found if isfinite(found) else "—"


def _figure(
    experiment: Matrix,
    stage: Stage,
    name: str,
    cells: Cells,
    pictures: Mapping[tuple[str, int], Sequence[Picture]],
) -> None:
    photograph = stage.photographs[name]
    original = stage.picture(name, photograph.pixels, "common.original", title=photograph.title)
    shown = {target: cells[name, target] for target in experiment.targets if (name, target) in pictures}
    columns = zip(*(pictures[name, target] for target in shown), strict=True)
    stage.figure(
        name,
        "matrix",
        of=[name, *((name, target) for target in shown)],
        columns=[[original], *columns],
        thumbnail=next((pictures[name, target][0] for target in shown), original),
        # The fooling images themselves are in their PNG files, which lose nothing.
        arrays={
            "targets": np.array(list(shown)),
            "steps": np.array([cell["steps"] for cell in shown.values()]),
            "fooled": np.array([cell["reached"] for cell in shown.values()]),
            **{key: np.array([cell[key] for cell in shown.values()]) for key in MEASURES},
        },
        parameters=_parameters(experiment, stage),
        title=photograph.title,
        n=len(shown),
    )


def _parameters(experiment: Matrix, stage: Stage) -> dict[str, object]:
    say, targets = stage.say, experiment.targets
    return {
        say("matrix.targets"): ", ".join(map(stage.class_title, targets))
        if len(targets) <= MOST_NAMED
        else len(targets),
        say("common.step"): experiment.step,
        say("common.at-most"): experiment.iterations,
        say("common.clamp"): experiment.clamp,
    }


def _by_image(cells: Cells) -> list[list[Outcome]]:
    """The cells of each photograph that has some."""
    rows: dict[str, list[Outcome]] = {}
    for (name, _), cell in cells.items():
        rows.setdefault(name, []).append(cell)
    return list(rows.values())
