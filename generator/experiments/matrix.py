"""The matrix of fooling images: every photograph towards every target class, and how visible it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import INK, canvas, draw, heatmap
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.schema import AllClasses, ImageName
from generator.shades import around_grey, grey_scale, to_bytes
from generator.statistics import mean, share

if TYPE_CHECKING:
    from generator.vision.perception import Difference

MOST_NAMED = 40
"""How many target classes are named at most; more are only counted."""

IN_EACH_CELL = ("steps", "delta_e", "delta_e_high", "l2", "linf", "ssim", "psnr")
"""What a reader may look up of one attack; the first is shown at once."""


@dataclass(frozen=True)
class _Cell:
    """One photograph made to look like one class; measured on the picture of 8 bits that a file holds."""

    steps: int
    fooled: bool
    difference: Difference
    spectrum: NDArray[np.float64]


Cells = Mapping[tuple[str, int], _Cell]


class Matrix(Experiment):
    """The attack of ``fooling`` on all images, towards all targets, until the picture of 8 bits fools."""

    kind: ClassVar[str] = "matrix"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    targets: AllClasses = Field(
        None, validate_default=True, min_length=1, description="classes the network shall see; all if left out"
    )
    shown: int = Field(10, ge=1, description="of how many targets, the first ones, the pictures are kept")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="give up after this many steps")
    clamp: bool = Field(description="keep pixels valid after each step; otherwise only what is shown is clipped")

    @property
    def classes(self) -> tuple[int, ...]:
        return self.targets

    @property
    def figures(self) -> Iterator[str]:
        yield from ("iterations", "delta-e", "spectre")
        yield from self.images

    @property
    def work(self) -> int:
        return len(self.images) * len(self.targets) * (self.iterations + 1)

    def run(self, bench: Bench) -> None:
        cells: dict[tuple[str, int], _Cell] = {}
        pictures: dict[tuple[str, int], list[Picture]] = {}
        for key, summit in self._attacks(bench):
            name, target = key
            saved = to_bytes(bench.network.pixels(summit.image))
            cells[key] = _Cell(
                summit.steps,
                summit.reached,
                vision.perception.difference(bench.photographs[name].pixels, saved),
                vision.perception.spectrum(_change(bench, key, saved)),
            )
            if target in self.targets[: self.shown]:
                pictures[key] = self._pictures(bench, key, summit.steps, saved)
        self._measure(bench, cells)
        self._grid(bench, cells, {key: fooled for key, (fooled, *_) in pictures.items()})
        self._summary(bench, cells)
        self._steps(bench, cells)
        self._visibility(bench, cells)
        self._spectra(bench, cells)
        for name in bench.photographs:
            self._figure(bench, name, cells, pictures)

    def _attacks(self, bench: Bench) -> Iterator[tuple[tuple[str, int], vision.ascent.Summit]]:
        """Image and target, and where the attack ended; nothing where nothing had to change."""
        network, photographs = bench.network, bench.photographs
        keys = [
            (name, target)
            for name, photograph in photographs.items()
            for target in self.targets
            if target != photograph.label
        ]
        rule = vision.ascent.Rule(
            iterations=self.iterations,
            step=self.step,
            unit_gradient=True,
            view=vision.transforms.saved_view(network),
            clamp=self.clamp,
            stop_at_target=True,
        )
        climbs = (
            vision.ascent.Climb(network.normalise([photographs[name].pixels])[0], target) for name, target in keys
        )
        for position, summit in vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step):
            # Where the network took the photograph for the target from the first there is nothing to measure.
            if summit.steps:
                yield keys[position], summit

    def _pictures(self, bench: Bench, key: tuple[str, int], steps: int, saved: Pixels) -> list[Picture]:
        (name, target), change = key, _change(bench, key, saved)
        title, seen, say = bench.photographs[name].title, bench.class_title(target), bench.language.say
        return [
            bench.results.picture(
                f"{name}-{target}",
                saved,
                title=say("matrix.made", target=seen),
                alt=say("matrix.made-alt", title=title, steps=steps, target=seen),
            ),
            bench.results.picture(
                f"{name}-{target}-difference",
                around_grey(change),
                title=say("common.difference"),
                alt=say("common.difference-alt"),
                scale=grey_scale(1),
            ),
            bench.results.picture(
                f"{name}-{target}-difference-x10",
                around_grey(10 * change),
                title=say("common.difference-x10"),
                alt=say("common.difference-x10-alt"),
                scale=grey_scale(10),
            ),
        ]

    def _measure(self, bench: Bench, cells: Cells) -> None:
        metric, rows, say = bench.results.metric, self._by_image(cells), bench.language.say
        columns = {target: [cell for (_, t), cell in cells.items() if t == target] for target in self.targets}
        hardest = min(
            (column for column in columns.values() if column),
            key=lambda cells: fmean(cell.fooled for cell in cells),
        )
        metric(
            "images", share([all(c.fooled for c in row) for row in rows.values()]), label=say("matrix.images"), unit="%"
        )
        metric("classes", share([cell.fooled for cell in hardest]), label=say("matrix.classes"), unit="%")
        metric("cells", len(cells), label=say("matrix.cells"))
        averaged: tuple[tuple[str, str, Callable[[_Cell], float]], ...] = (
            ("steps", "", lambda cell: cell.steps),
            ("success", "%", lambda cell: 100 * cell.fooled),
            ("unseen", "%", lambda cell: 100 * (cell.fooled and cell.difference.delta_e < vision.perception.UNSEEN)),
            (
                "unseen-strict",
                "%",
                lambda cell: 100 * (cell.fooled and cell.difference.delta_e_high < vision.perception.JUST_NOTICEABLE),
            ),
            ("exponent", "", lambda cell: vision.perception.exponent(cell.spectrum)),
        )
        for key, unit, value in averaged:
            metric(key, mean([fmean(map(value, row)) for row in rows.values()]), label=say(f"matrix.{key}"), unit=unit)
        metric(
            "exponent-photographs",
            mean([vision.perception.exponent(power) for power in self._photographs(bench).values()]),
            label=say("matrix.exponent-photographs"),
        )

    def _grid(self, bench: Bench, cells: Cells, fooled: Mapping[tuple[str, int], Picture]) -> None:
        keys, say = [[(name, target) for target in self.targets] for name in self.images], bench.language.say
        failed = say("matrix.grid.failed")
        bench.results.grid(
            "grille",
            caption=say("matrix.grid.caption", iterations=self.iterations),
            corner=say("matrix.grid.corner"),
            rows=[bench.photographs[name].title for name in self.images],
            columns=[bench.class_title(target) for target in self.targets],
            measures={
                say(f"matrix.grid.{value}"): [
                    [_number(cells[key], value) if key in cells else None for key in row] for row in keys
                ]
                for value in IN_EACH_CELL
            },
            remarks=[[failed if key in cells and not cells[key].fooled else None for key in row] for row in keys],
            links=[list(map(fooled.get, row)) for row in keys],
        )

    def _summary(self, bench: Bench, cells: Cells) -> None:
        by_image, say = self._by_image(cells).values(), bench.language.say
        summary: list[list[str | float | None]] = []
        for value in vision.perception.MEASURES:
            values = [[getattr(cell.difference, value) for cell in row] for row in by_image]
            estimate = mean([fmean(row) for row in values])
            every = [one for row in values for one in row]
            title = say(f"matrix.summary.{value}")
            summary.append([title, estimate.value, estimate.low, estimate.high, min(every), max(every)])
        bench.results.table(
            "mesures",
            caption=say("matrix.summary.caption", attacks=len(cells)),
            columns=[say(f"matrix.summary.{name}") for name in ("measure", "mean", "low", "high", "least", "most")],
            rows=summary,
        )

    def _steps(self, bench: Bench, cells: Cells) -> None:
        say = bench.language.say
        steps = np.array(
            [[cells[n, t].steps if (n, t) in cells else np.nan for t in self.targets] for n in self.images]
        )
        figure, (axes,) = canvas(8.6, 2.4 + 0.23 * len(self.images))
        heatmap(axes, steps, low=0, high=np.nanmax(steps), label=say("matrix.chart.scale"))
        axes.set_yticks(range(len(self.images)), [bench.photographs[name].title for name in self.images])
        if len(self.targets) <= MOST_NAMED:
            axes.set_xticks(range(len(self.targets)), map(bench.class_title, self.targets), rotation=40, ha="right")
        else:
            axes.set_xlabel(say("matrix.chart.target"))
        bench.results.chart(
            "iterations",
            draw(figure, bench.language),
            title=say("matrix.chart.title"),
            caption=say("matrix.chart.caption"),
            alt=say("matrix.chart.alt", most=np.nanmax(steps), half=np.nanmedian(steps)),
            arrays={"steps": steps, "targets": np.array(self.targets)},
            images=self.images,
            parameters=self._parameters(bench),
        )

    def _visibility(self, bench: Bench, cells: Cells) -> None:
        say = bench.language.say
        measures = {
            key: (say(f"matrix.visibility.{name}"), np.sort([getattr(cell.difference, key) for cell in cells.values()]))
            for key, name in (("delta_e", "mean"), ("delta_e_high", "high"))
        }
        figure, (axes,) = canvas()
        for label, values in measures.values():
            axes.step(values, 100 * np.arange(1, len(values) + 1) / len(values), where="post", label=label)
        for threshold, text, side in (
            (vision.perception.UNSEEN, say("matrix.visibility.unseen") + " ", "right"),
            (vision.perception.JUST_NOTICEABLE, " " + say("matrix.visibility.noticeable"), "left"),
        ):
            axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
            axes.text(threshold, 103, text, ha=side, fontsize=9, color=INK)
        axes.set(xlabel="ΔE*ab (CIE 1976)", ylabel=say("matrix.visibility.below"), xlim=(0, None), ylim=(0, 101))
        axes.legend(loc="lower right")
        bench.results.chart(
            "delta-e",
            draw(figure, bench.language),
            title=say("matrix.visibility.title"),
            caption=say("matrix.visibility.caption", attacks=len(cells)),
            alt=say(
                "matrix.visibility.alt",
                mean=np.median(measures["delta_e"][1]),
                high=np.median(measures["delta_e_high"][1]),
            ),
            arrays={key: values for key, (_, values) in measures.items()},
            images=self.images,
            parameters=self._parameters(bench),
        )

    def _spectra(self, bench: Bench, cells: Cells) -> None:
        say = bench.language.say
        spectra = {
            "photographs": (say("matrix.spectra.photographs"), np.array(list(self._photographs(bench).values()))),
            "changes": (
                say("matrix.spectra.changes"),
                np.array([np.mean([c.spectrum for c in row], axis=0) for row in self._by_image(cells).values()]),
            ),
        }
        figure, (axes,) = canvas()
        for label, powers in spectra.values():
            relative = 100 * powers / powers.sum(axis=1, keepdims=True)
            axes.loglog(np.arange(1, powers.shape[1] + 1), relative.mean(axis=0), label=label)
        axes.set(xlabel=say("matrix.spectra.frequency"), ylabel=say("matrix.spectra.power"))
        axes.legend()
        bench.results.chart(
            "spectre",
            draw(figure, bench.language),
            title=say("matrix.spectra.title"),
            caption=say("matrix.spectra.caption"),
            alt=say(
                "matrix.spectra.alt",
                **{key: vision.perception.exponent(powers.mean(axis=0)) for key, (_, powers) in spectra.items()},
            ),
            arrays={key: values for key, (_, values) in spectra.items()},
            images=self.images,
            parameters=self._parameters(bench),
        )

    def _figure(self, bench: Bench, name: str, cells: Cells, pictures: Mapping[tuple[str, int], list[Picture]]) -> None:
        photograph, say = bench.photographs[name], bench.language.say
        original = bench.results.picture(
            name,
            photograph.pixels,
            title=say("common.original"),
            alt=say("common.original-alt", title=photograph.title),
        )
        own = {target: cells[name, target] for target in self.targets if (name, target) in pictures}
        columns = zip(*(pictures[name, target] for target in own), strict=True)
        bench.results.figure(
            name,
            title=say("matrix.title", title=photograph.title, n=len(own)),
            caption=say("matrix.caption"),
            columns=[[original], *columns],
            thumbnail=next((pictures[name, target][0] for target in own), original),
            # The fooling images themselves are in their PNG files, which lose nothing.
            arrays={
                "targets": np.array(list(own)),
                "steps": np.array([cell.steps for cell in own.values()]),
                "fooled": np.array([cell.fooled for cell in own.values()]),
                **{
                    key: np.array([getattr(cell.difference, key) for cell in own.values()])
                    for key in vision.perception.MEASURES
                },
            },
            images=[name],
            parameters=self._parameters(bench),
        )

    def _parameters(self, bench: Bench) -> dict[str, str | float | bool]:
        named, say = len(self.targets) <= MOST_NAMED, bench.language.say
        return {
            say("matrix.targets"): ", ".join(map(bench.class_title, self.targets)) if named else len(self.targets),
            say("common.step"): self.step,
            say("common.at-most"): self.iterations,
            say("common.clamp"): self.clamp,
        }

    def _by_image(self, cells: Cells) -> dict[str, list[_Cell]]:
        rows: dict[str, list[_Cell]] = {}
        for (name, _), cell in cells.items():
            rows.setdefault(name, []).append(cell)
        return rows

    def _photographs(self, bench: Bench) -> dict[str, NDArray[np.float64]]:
        return {
            name: vision.perception.spectrum(photograph.pixels / np.float32(255))
            for name, photograph in bench.photographs.items()
        }


def _change(bench: Bench, key: tuple[str, int], saved: Pixels) -> NDArray[np.float32]:
    """What the picture saved adds to its photograph, pixels in [0, 1]."""
    before = bench.photographs[key[0]].pixels
    return (saved.astype(np.float32) - before) / np.float32(255)


def _number(cell: _Cell, value: str) -> float:
    """A cell's number of steps or one of its measures."""
    return float(cell.steps if value == "steps" else getattr(cell.difference, value))
