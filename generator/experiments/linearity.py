"""Linearity: how far the gradient's forecast of a score holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from generator import vision
from generator.charts import COLOURS, INK, canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.schema import ImageName
from generator.statistics import geometric_mean

DIRECTIONS = ("gradient", "random")


class Linearity(Experiment):
    """Change of s_y that the gradient foretells, against the actual one, for longer and longer steps."""

    kind: ClassVar[str] = "linearity"
    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    levels: tuple[PositiveFloat, ...] = Field(
        (0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        min_length=2,
        description="sizes of the change, root mean square over all values, in grey levels of 255; rising",
    )
    random: int = Field(4, ge=1, description="how many random directions per image")

    @property
    def figures(self) -> Iterator[str]:
        yield "erreur"

    @property
    def work(self) -> int:
        return len(self.images) * (1 + (2 + self.random) * len(self.levels))

    def run(self, bench: Bench) -> None:
        errors: dict[str, list[NDArray[np.float32]]] = {direction: [] for direction in DIRECTIONS}
        lengths = [level / 255 * bench.network.size * bench.network.channels**0.5 for level in self.levels]
        for place, photograph in enumerate(bench.photographs.values()):
            foretold, actual = vision.gradients.score_changes(
                bench.network,
                photograph.pixels,
                photograph.label,
                lengths=lengths,
                random=self.random,
                seed=self.seed + place,
            )
            bench.on_step(self.work // len(self.images))
            errors["gradient"].append(_relative_error(foretold[:2], actual[:2]))
            errors["random"].append(_relative_error(foretold[2:], actual[2:]))
        self._summarise(bench, {direction: np.stack(values) for direction, values in errors.items()})

    def _summarise(self, bench: Bench, errors: dict[str, NDArray[np.float32]]) -> None:
        say = bench.language.say
        for direction in DIRECTIONS:
            along = say(f"linearity.direction.{direction}")
            for place, level in enumerate(self.levels):
                bench.results.metric(
                    f"error.{direction}.{level:g}",
                    geometric_mean(100 * errors[direction][:, place]),
                    label=say("linearity.error", direction=along, n=level),
                    unit="%",
                )
            bench.results.metric(
                f"half.{direction}",
                geometric_mean(np.array([self._half(values) for values in errors[direction]])),
                label=say("linearity.half", direction=along),
                unit=say("linearity.grey-levels"),
            )
        self._chart(bench, errors)

    def _half(self, errors: NDArray[np.float32]) -> float:
        """Size of the change from which on the error is 50 %; the last one tried where it never is."""
        risen = np.maximum.accumulate(np.log(errors))
        return float(np.exp(np.interp(np.log(0.5), risen, np.log(self.levels))))

    def _chart(self, bench: Bench, errors: dict[str, NDArray[np.float32]]) -> None:
        say = bench.language.say
        figure, (axes,) = canvas()
        for colour, direction in zip(COLOURS, DIRECTIONS, strict=False):
            low, middle, high = np.percentile(100 * errors[direction], [25, 50, 75], axis=0)
            along = say(f"linearity.direction.{direction}")
            axes.plot(self.levels, middle, "o-", color=colour, label=along, markersize=4)
            axes.fill_between(self.levels, low, high, color=colour, alpha=0.2, lw=0)
        axes.axhline(50, color=INK, linestyle=":", linewidth=1.2)
        axes.axvline(1, color=INK, linestyle=":", linewidth=1.2)
        axes.set(
            xscale="log",
            yscale="log",
            xlabel=say("linearity.chart.change"),
            ylabel=say("linearity.chart.error"),
        )
        axes.legend(loc="upper left")
        bench.results.chart(
            "erreur",
            draw(figure, bench.language),
            title=say("linearity.chart.title"),
            caption=say("linearity.chart.caption"),
            alt=say("linearity.chart.alt"),
            arrays={"levels": np.array(self.levels), **errors},
            images=self.images,
            seed=self.seed,
            parameters={
                say("common.class"): say("common.true-class"),
                say("linearity.directions"): say("linearity.both-ways", random=self.random),
                say("linearity.clipped"): False,
            },
        )


def _relative_error(foretold: NDArray[np.float32], actual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Error of some directions taken together, as a share of what was foretold, float32 (lengths,).

    Of single random directions some foretell next to nothing, and their errors are boundless.
    """
    error: NDArray[np.float32] = np.sqrt(((actual - foretold) ** 2).mean(axis=0) / (foretold**2).mean(axis=0))
    return error
