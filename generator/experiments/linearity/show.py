"""How far off the first order is, by the size of the change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, INK, canvas
from generator.errors import LabError
from generator.experiments.linearity import Linearity
from generator.experiments.shared.curves import with_band
from generator.experiments.stage import Stage
from generator.statistics import geometric_mean

DIRECTIONS = {"gradient": slice(2), "random": slice(2, None)}
"""Where outcomes hold them."""
ROUNDING = float(np.finfo(np.float32).eps)
"""Errors below are the computer's."""


def show(experiment: Linearity, stage: Stage) -> None:
    """A chart of the errors in both kinds of directions, and the change at which they reach a half."""
    say = stage.say
    for name in experiment.images:
        if not stage.outcomes[name]["foretold"].any():
            raise LabError(
                f"the score of {name} has no slope: next to it no pixel changes it; leave it out under images:"
            )
    errors = {
        direction: np.stack([relative_error(**stage.outcomes[name], lines=lines) for name in experiment.images])
        for direction, lines in DIRECTIONS.items()
    }
    for direction, values in errors.items():
        along = say(f"linearity.direction.{direction}")
        for place, level in enumerate(experiment.levels):
            stage.metric(
                f"error.{direction}.{level:g}",
                geometric_mean(100 * values[:, place]),
                label=say("linearity.error", direction=along, n=level),
                unit="%",
            )
        stage.metric(
            f"half.{direction}",
            geometric_mean(np.array([_half(experiment, one) for one in values])),
            label=say("linearity.half", direction=along),
            unit=say("linearity.grey-levels"),
        )
    _chart(experiment, stage, errors)


def relative_error(foretold: NDArray[np.float32], actual: NDArray[np.float32], lines: slice) -> NDArray[np.float32]:
    """Error of some directions taken together, as a share of what was foretold, float32 (lengths,).

    Of single random directions some foretell next to nothing, and their errors are boundless.
    """
    error, scale = ((values[lines] ** 2).mean(axis=0) for values in (actual - foretold, foretold))
    shares: NDArray[np.float32] = np.sqrt(error / scale).clip(min=ROUNDING)
    return shares


def _half(experiment: Linearity, errors: NDArray[np.float32]) -> float:
    """Size of the change from which on the error is 50 %; the last one tried where it never is."""
    risen = np.maximum.accumulate(np.log(errors))
    return float(np.exp(np.interp(np.log(0.5), risen, np.log(experiment.levels))))


def _chart(experiment: Linearity, stage: Stage, errors: Mapping[str, NDArray[np.float32]]) -> None:
    say = stage.say
    figure, (axes,) = canvas()
    for colour, (direction, values) in zip(COLOURS, errors.items(), strict=False):
        low, middle, high = np.percentile(100 * values, [25, 50, 75], axis=0)
        along = say(f"linearity.direction.{direction}")
        with_band(axes, experiment.levels, middle, low=low, high=high, colour=colour, label=along)
    axes.axhline(50, color=INK, linestyle=":", linewidth=1.2)
    axes.axvline(1, color=INK, linestyle=":", linewidth=1.2)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=say("linearity.chart.change"),
        ylabel=say("linearity.chart.error"),
    )
    axes.legend(loc="upper left")
    stage.chart(
        "erreur",
        "linearity.chart",
        figure,
        arrays={"levels": np.array(experiment.levels), **errors},
        parameters={
            say("common.class"): say("common.true-class"),
            say("linearity.directions"): say("linearity.both-ways", random=experiment.random),
            say("linearity.clipped"): False,
        },
    )
