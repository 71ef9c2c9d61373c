"""Stability: how much of a saliency map is left when the image changes by next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from generator import vision
from generator.artefacts import Picture
from generator.charts import COLOURS, INK, canvas, draw
from generator.errors import LabError
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels, shift
from generator.language import Language
from generator.schema import ImageName
from generator.shades import capped, capped_scale
from generator.statistics import Estimate, mean, rank_correlations, share

Map = NDArray[np.float32]
Kind = Literal["shift", "noise", "light"]
METHODS = ("plain", "blurred", "smoothgrad")
SMALLEST_MAP = 3
"""Side, in pixels, of the smallest maps that a structural similarity can be told of."""


@dataclass(frozen=True)
class Change:
    """A change of a photograph that leaves what it shows as it is.

    Attributes:
        kind: what is changed.
        size: by how much: pixels to the right; standard deviation in grey levels; per cent.
    """

    kind: Kind
    size: float

    @property
    def name(self) -> str:
        """What its metrics are called after."""
        return f"{self.kind}{self.size:+g}"

    def title(self, language: Language) -> str:
        """What it is, or what an image is after it."""
        key: str = self.kind
        if key == "light":
            key = "brighter" if self.size > 0 else "darker"
        return language.say(f"stability.change.{key}", size=self.size)

    @property
    def right(self) -> int:
        """How far the image moves to the right, in pixels."""
        return int(self.size) if self.kind == "shift" else 0

    def __call__(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        """The changed photograph, again rounded to 8 bits."""
        if self.kind == "shift":
            return shift(pixels, self.right)
        if self.kind == "noise":
            values: NDArray[np.floating] = pixels + self.size * random.standard_normal(pixels.shape)
        else:
            values = pixels * (1 + self.size / 100)
        return values.round().clip(0, 255).astype(np.uint8)


class Stability(Experiment):
    """Likeness of the maps of a photograph and of the same one, shifted, noisy, or brighter."""

    kind: ClassVar[str] = "stability"
    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=2, description="all images of the lab if left out")
    shown: tuple[ImageName, ...] = Field(description="images whose maps are shown")
    shifts: tuple[PositiveInt, ...] = Field((1, 2, 4, 8), min_length=1, description="to the right, in pixels")
    noises: tuple[float, ...] = Field(
        (1, 4, 16), min_length=1, description="standard deviations, in grey levels of 255"
    )
    lights: tuple[float, ...] = Field((-10, 10), min_length=1, description="changes of the brightness, in per cent")
    blur: float = Field(2, gt=0, description="standard deviation of the blur of the blurred map, in pixels")
    spread: float = Field(0.15, gt=0, description="SmoothGrad: noise, as a share of the image's range of values")
    samples: int = Field(8, ge=1, description="SmoothGrad: how many noisy copies are averaged")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.shown)))

    @property
    def figures(self) -> Iterator[str]:
        yield "stabilite"
        yield from self._examples.values()

    @property
    def work(self) -> int:
        return len(self.photographs) * (1 + len(self._changes)) * (1 + self.samples)

    @property
    def _changes(self) -> list[Change]:
        return [
            *(Change("shift", size) for size in self.shifts),
            *(Change("noise", size) for size in self.noises),
            *(Change("light", size) for size in self.lights),
        ]

    @property
    def _examples(self) -> dict[str, str]:
        """Figures by the images they show; questions name them whatever the lab's images are."""
        return {image: f"exemple-{place}" for place, image in enumerate(self.shown, 1)}

    def _smoothgrad(self, language: Language) -> dict[str, str]:
        copies = language.say("stability.copies", samples=self.samples, noise=100 * self.spread)
        return {language.say("stability.method.smoothgrad"): copies}

    def run(self, bench: Bench) -> None:
        most = (bench.network.size - SMALLEST_MAP) // 2
        if max(self.shifts) > most:
            raise LabError(
                f"shifts: {max(self.shifts)} leaves too little to compare of an image of {bench.network.size} pixels; "
                f"give shifts: up to {most}"
            )
        random = np.random.default_rng(self.seed)  # no two images, nor two maps, share a noise
        kept: list[NDArray[np.bool_]] = []
        unchanged: dict[str, list[Map]] = {method: [] for method in METHODS}
        likeness: dict[str, list[NDArray[np.float64]]] = {method: [] for method in METHODS}
        for name, photograph in bench.photographs.items():
            views = [photograph.pixels, *(change(photograph.pixels, random) for change in self._changes)]
            maps = self._maps(bench, views, photograph.label, random)
            if name in self.shown:
                self._show(bench, name, views, maps)
            if name not in self.images:
                continue
            tops = vision.gradients.probabilities(bench.network.scorer, bench.network.normalise(views)).argmax(axis=1)
            kept.append(tops[1:] == tops[0])
            for method, values in maps.items():
                first, *others = self._inner(values)
                unchanged[method].append(first)
                likeness[method].append(_likeness(first, others))
        found = {method: np.stack(values) for method, values in likeness.items()}
        strangers = {
            method: np.stack([_likeness(one, [maps[place - 1]])[0] for place, one in enumerate(maps)])
            for method, maps in unchanged.items()
        }
        self._measure(bench, found, strangers, np.stack(kept))

    def _maps(self, bench: Bench, views: list[Pixels], label: int, random: np.random.Generator) -> dict[str, list[Map]]:
        from scipy.ndimage import gaussian_filter

        plain = list(vision.gradients.saliency_maps(bench.network, ((view, label) for view in views)))
        bench.on_step(len(views))
        smooth = []
        for view in views:
            seed = int(random.integers(1 << 31))
            smooth.append(
                vision.gradients.smoothgrad(
                    bench.network, view, label, spread=self.spread, samples=self.samples, seed=seed
                )
            )
            bench.on_step(self.samples)
        return {"plain": plain, "blurred": [gaussian_filter(m, self.blur) for m in plain], "smoothgrad": smooth}

    def _inner(self, maps: list[Map]) -> list[Map]:
        """The maps in their own place again, without the edge that some of them have lost."""
        edge = max(self.shifts)
        moves = (0, *(change.right for change in self._changes))
        return [shift(values, -right)[edge:-edge, edge:-edge] for values, right in zip(maps, moves, strict=True)]

    def _measure(
        self,
        bench: Bench,
        found: dict[str, NDArray[np.float64]],
        strangers: dict[str, NDArray[np.float64]],
        kept: NDArray[np.bool_],
    ) -> None:
        """Record what came out.

        Args:
            bench: takes it.
            found: by method, rank correlation and SSIM after each change (images, changes, 2).
            strangers: likewise, with the map of another image (images, 2).
            kept: whether the network still gives the same answer (images, changes).
        """
        say = bench.language.say
        titles = {method: say(f"stability.method.{method}") for method in METHODS}
        rows: list[list[str | float | None]] = []
        estimates: dict[str, list[Estimate]] = {method: [] for method in METHODS}
        for place, change in enumerate(self._changes):
            changed, same = change.title(bench.language), share(kept[:, place])
            bench.results.metric(f"kept.{change.name}", same, label=say("stability.kept", change=changed), unit="%")
            row: list[str | float | None] = [changed, same.value]
            for method, title in titles.items():
                estimate = mean(found[method][:, place, 0])
                label = say("stability.correlation", change=changed, method=title)
                bench.results.metric(f"{method}.{change.name}", estimate, label=label)
                estimates[method].append(estimate)
                row += found[method][:, place].mean(axis=0).tolist()
            rows.append(row)
        other = say("stability.change.other")
        last: list[str | float | None] = [other, None]
        for method, title in titles.items():
            estimate = mean(strangers[method][:, 0])
            label = say("stability.correlation", change=other, method=title)
            bench.results.metric(f"{method}.other", estimate, label=label)
            estimates[method].append(estimate)
            last += strangers[method].mean(axis=0).tolist()
        bench.results.table(
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
            rows=[*rows, last],
        )
        self._chart(bench, estimates, found)

    def _chart(self, bench: Bench, estimates: dict[str, list[Estimate]], found: dict[str, NDArray[np.float64]]) -> None:
        """Draw the correlations after each change, and last the one with another image."""
        say, kinds = bench.language.say, get_args(Kind)
        figure, panels = canvas(8.6, 4, columns=len(kinds))
        for axes, kind in zip(panels, kinds, strict=True):
            places = [place for place, change in enumerate(self._changes) if change.kind == kind]
            ticks = range(len(places))
            for colour, method in zip(COLOURS, METHODS, strict=False):
                shown, title = [estimates[method][place] for place in places], say(f"stability.method.{method}")
                axes.plot(ticks, [e.value for e in shown], "o-", color=colour, label=title, markersize=4)
                axes.fill_between(
                    ticks, [e.low for e in shown], [e.high for e in shown], color=colour, alpha=0.2, linewidth=0
                )
                axes.axhline(estimates[method][-1].value, color=colour, linestyle=":", linewidth=1.2)
            axes.set(title=say(f"stability.kind.{kind}"), ylim=(0, 1))
            axes.set_xticks(ticks, [bench.language.number(self._changes[place].size) for place in places])
        for axes in panels[1:]:
            axes.tick_params(labelleft=False)
        panels[0].set_ylabel(say("stability.chart.correlation"))
        panels[0].plot([], [], ":", color=INK, label=say("stability.chart.other"))
        legend = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        legend.set_frame_on(False)
        for text in legend.get_texts():
            text.set_color(INK)
        bench.results.chart(
            "stabilite",
            draw(figure, bench.language),
            title=say("stability.chart.title"),
            caption=say("stability.chart.caption"),
            alt=say("stability.chart.alt"),
            arrays=found,
            images=self.images,
            seed=self.seed,
            parameters={
                say("common.class"): say("common.true-class"),
                say("stability.blurred"): say("stability.blur", blur=self.blur),
                **self._smoothgrad(bench.language),
                say("stability.edge"): f"{max(self.shifts)} px",
            },
        )

    def _show(self, bench: Bench, name: str, views: list[Pixels], maps: dict[str, list[Map]]) -> None:
        say, photograph = bench.language.say, bench.photographs[name]
        chosen = [
            Change("shift", self.shifts[0]),
            Change("shift", self.shifts[-1]),
            Change("noise", self.noises[-1]),
            Change("light", self.lights[-1]),
        ]
        headings = {0: say("common.original")} | {
            1 + self._changes.index(change): change.title(bench.language) for change in chosen
        }
        columns: list[list[Picture]] = []
        for place, heading in headings.items():
            shown = {"image": views[place]} | {
                method: capped(maps[method][place]) for method in ("plain", "smoothgrad")
            }
            scales = {method: capped_scale(maps[method][place]) for method in ("plain", "smoothgrad")}
            columns.append(
                [
                    bench.results.picture(
                        f"{name}-{place}-{key}",
                        pixels,
                        title=heading if key == "image" else say(f"stability.method.{key}"),
                        alt=say(f"stability.examples.{key}-alt", title=photograph.title, change=heading.lower()),
                        scale=scales.get(key),
                    )
                    for key, pixels in shown.items()
                ]
            )
        bench.results.figure(
            self._examples[name],
            title=say("stability.examples.title", title=photograph.title),
            caption=say("stability.examples.caption"),
            columns=columns,
            thumbnail=columns[1][1],
            arrays={f"{method}-{place}": maps[method][place] for method in METHODS for place in headings},
            images=[name],
            seed=self.seed,
            parameters={
                say("common.class"): bench.class_title(photograph.label),
                say("common.palette"): "hot",
                **self._smoothgrad(bench.language),
            },
        )


def _likeness(first: Map, others: list[Map]) -> NDArray[np.float64]:
    """Rank correlation and structural similarity (Wang et al. 2004) of a map with others, (others, 2).

    For the structural similarity each map is divided by its maximum.
    """
    alike = [vision.perception.similarity(first / first.max(), other / other.max(), brightest=1) for other in others]
    return np.stack([rank_correlations([first, *others])[0, 1:], alike], axis=1)
