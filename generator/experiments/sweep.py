"""A sweep over the weight of the penalty, the step and the number of iterations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from generator import vision
from generator.charts import COLOURS, INK, Chart, canvas, draw
from generator.experiments.ascent import Ascent, PenaltyName
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.language import Language
from generator.schema import ImageName, NetworkName
from generator.shades import to_bytes
from generator.statistics import Estimate, mean, share

PENALTY: PenaltyName = "squared-l2"
LOOKS = ("chroma", "contrast", "grain")
"""What is measured on how an image looks: see :func:`looks`."""
NATURAL = (5, 95)
"""Between these percentiles of the photographs an image counts as natural."""
WINDOW, SPACING, EDGE = 200, 5, 50
"""The last iterations looked at, how far apart, and how many of them at each end give a mean score."""
SHOWN = (1, 10, 30, 100)
"""Iterations of a long run that are shown, beside its last one."""
SMOOTHED = 20
"""How many iterations a score is averaged over, to be drawn."""


@dataclass(frozen=True)
class Natural:
    """What photographs look like: bounds of each of the ``LOOKS``, float (3,)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def contains(self, looks: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the looks of an image are natural, bool (3,)."""
        return (self.low <= looks) & (looks <= self.high)


@dataclass(frozen=True)
class Outcome:
    """An image and what is measured on it.

    Attributes:
        pixels: the image, as saved.
        looks: its ``LOOKS``, float (3,).
        score: raw score of its class, by the network it was grown with.
        other: probability of its class in per cent, by the other network.
        recognised: whether the other network names its class first.
    """

    pixels: Pixels
    looks: NDArray[np.float64]
    score: float
    other: float
    recognised: bool

    def realistic(self, natural: Natural) -> bool:
        """What stands in for a realistic image: it looks natural in each way, and another network recognises it."""
        return self.recognised and bool(natural.contains(self.looks).all())


@dataclass(frozen=True)
class LongRun:
    """A long ascent.

    Attributes:
        outcome: its last image.
        shown: some images on its way, by iteration.
        scores: before each step, float (iterations,).
        moved: root mean square difference, in grey levels, of images of its end that lie
            ``SPACING``, twice ``SPACING``, … iterations apart.
        confinement: see :func:`confinement`.
        late_rise: part of the score's whole rise that falls into its end, in per cent.
    """

    outcome: Outcome
    shown: Mapping[int, Pixels]
    scores: NDArray[np.float64]
    moved: NDArray[np.float64]
    confinement: float
    late_rise: float


class Sweep(Ascent, Experiment):
    """Photographs driven towards their own class (Simonyan et al. 2013, section 2) under many settings."""

    kind: ClassVar[str] = "sweep"
    family: ClassVar[Family] = "classvis"

    other: NetworkName = Field(description="the network that says whether it recognises the class")
    images: tuple[ImageName, ...] = Field(
        min_length=1, description="photographs that tell what is natural; all images of the lab if left out"
    )
    starts: tuple[ImageName, ...] = Field(min_length=1, description="photographs to start from")
    weights: tuple[PositiveFloat, ...] = Field(min_length=1, description="factors of the penalty (λ), beside 0")
    steps: tuple[PositiveFloat, ...] = Field(description="other steps, tried from the first photograph")
    iterations: int = Field(ge=1, description="length of a run")
    long_runs: int = Field(4, ge=1, description="from how many of the photographs the long runs start")
    long_iterations: int = Field(gt=WINDOW, description="length of a long run")
    long_weight: PositiveFloat = Field(description="factor of the penalty (λ) in the long runs")
    final_step: PositiveFloat = Field(description="last step of the long runs whose step shrinks")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.starts)))

    @property
    def figures(self) -> Iterator[str]:
        yield from ("poids", "grille", "iterations", "trajets")

    @property
    def work(self) -> int:
        short = (len(self.starts) + len(self.steps)) * len(self.ladder) * self.iterations
        return short + 2 * len(self.starts[: self.long_runs]) * self.long_iterations

    @property
    def ladder(self) -> tuple[float, ...]:
        """All weights, from none to the strongest."""
        return tuple(sorted({0.0, self.long_weight, *self.weights}))

    def run(self, bench: Bench) -> None:
        photographs = {name: self._outcome(bench, name, bench.photographs[name].pixels) for name in self.photographs}
        natural = self._natural(bench, [photographs[name] for name in self.images])
        grown = {
            key: self._outcome(bench, key[0], to_bytes(bench.network.pixels(summit.image)))
            for key, summit in self._grow(bench, self.starts, self.ladder, self.rule(self.iterations))
        }
        self._weights(bench, natural, photographs, grown)
        self._grid(bench, {weight: grown[self.starts[0], weight] for weight in self.ladder})
        self._lengths(bench, {name: grown[name, self.long_weight] for name in self.starts[: self.long_runs]})

    def _grow(
        self,
        bench: Bench,
        starts: Sequence[str],
        weights: Sequence[float],
        rule: vision.ascent.Rule,
        snapshots: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[tuple[str, float], vision.ascent.Summit]]:
        """Drive photographs towards their class under each weight; photograph, weight and summit as they arrive."""
        wanted = [(name, weight) for name in starts for weight in weights]
        climbs = (
            vision.ascent.Climb(
                start=bench.network.normalise([bench.photographs[name].pixels])[0],
                target=bench.photographs[name].label,
                seed=self.seed + self.starts.index(name),
                penalty=PENALTY,
                weight=weight,
                snapshots=snapshots,
            )
            for name, weight in wanted
        )
        for position, summit in vision.ascent.ascend(bench.network, climbs, rule, on_step=bench.on_step):
            yield wanted[position], summit

    def _outcome(self, bench: Bench, name: str, pixels: Pixels) -> Outcome:
        """Measure an image of the class of photograph ``name``."""
        label, other = bench.photographs[name].label, bench.networks[self.other]
        chances = vision.gradients.probabilities(other.scorer, other.normalise([pixels]))[0]
        return Outcome(
            pixels=pixels,
            looks=looks(pixels, neutral=np.resize(bench.network.mean.flatten().cpu(), 3).tolist()),
            score=bench.network.scorer(bench.network.normalise([pixels]))[0, label].item(),
            other=100 * float(chances[label]),
            recognised=int(chances.argmax()) == label,
        )

    def _natural(self, bench: Bench, photographs: Sequence[Outcome]) -> Natural:
        say = bench.language.say
        natural = Natural(*np.percentile([photograph.looks for photograph in photographs], NATURAL, axis=0))
        for key, *bounds in zip(LOOKS, natural.low, natural.high, strict=True):
            for end, bound, percent in zip(("low", "high"), bounds, NATURAL, strict=True):
                label = say("sweep.natural", looks=say(f"sweep.looks.{key}"), percent=percent)
                bench.results.metric(f"natural.{key}.{end}", bound, label=label)
        bench.results.metric(
            "natural.realistic",
            share([photograph.realistic(natural) for photograph in photographs]),
            label=say("sweep.realistic"),
            unit="%",
        )
        return natural

    # The weight of the penalty -------------------------------------------------------------------

    def _weights(
        self,
        bench: Bench,
        natural: Natural,
        photographs: Mapping[str, Outcome],
        grown: Mapping[tuple[str, float], Outcome],
    ) -> None:
        results, say, strongest = bench.results, bench.language.say, self.ladder[-1]
        chroma = {key: outcome.looks[0] for key, outcome in grown.items()}
        for weight, key in ((0.0, "free"), (strongest, "pulled")):
            gains = [chroma[name, weight] - photographs[name].looks[0] for name in self.starts]
            results.metric(f"{key}.gain", mean(gains), label=say(f"sweep.gain.{key}"))
        facts = [
            results.metric(
                "psychedelic",
                share([chroma[name, 0.0] > natural.high[0] for name in self.starts]),
                label=say("sweep.psychedelic"),
                unit="%",
            ),
            results.metric(
                "dull",
                share([chroma[name, strongest] < natural.low[0] for name in self.starts]),
                label=say("sweep.dull"),
                unit="%",
            ),
            results.metric(
                "between",
                share([any(grown[name, w].realistic(natural) for w in self.ladder[1:]) for name in self.starts]),
                label=say("sweep.between"),
                unit="%",
            ),
        ]
        stages = {say("sweep.weights.start"): [photographs[name] for name in self.starts]} | {
            bench.language.number(weight): [grown[name, weight] for name in self.starts] for weight in self.ladder
        }
        results.table(
            "poids",
            caption=say("sweep.weights.table", photographs=len(self.starts)),
            columns=[
                say(f"sweep.column.{key}")
                for key in ("weight", "chroma", "colour", "contrast", "grain", "recognised", "all")
            ],
            rows=[
                [
                    stage,
                    float(np.mean([image.looks[0] for image in images])),
                    *np.sum([natural.contains(image.looks) for image in images], axis=0).tolist(),
                    sum(image.recognised for image in images),
                    sum(image.realistic(natural) for image in images),
                ]
                for stage, images in stages.items()
            ],
        )
        measured = np.array([[[*image.looks, image.other] for image in images] for images in stages.values()])
        results.chart(
            "poids",
            _weights_chart(list(stages), measured, natural, bench.language),
            title=say("sweep.weights.title"),
            caption=say("sweep.weights.caption", low=NATURAL[0], high=NATURAL[1], photographs=len(self.images)),
            alt=say("sweep.weights.alt"),
            arrays={"weights": np.array(self.ladder), "measured": measured, "low": natural.low, "high": natural.high},
            images=self.starts,
            seed=self.seed,
            parameters=self._parameters(bench, self.iterations),
            facts=facts,
        )

    # The step ------------------------------------------------------------------------------------

    def _grid(self, bench: Bench, row: Mapping[float, Outcome]) -> None:
        name, say, number = self.starts[0], bench.language.say, bench.language.number
        rows = {self.step: row}
        for step in self.steps:
            rule = replace(self.rule(self.iterations), step=step)
            rows[step] = {
                weight: self._outcome(bench, name, to_bytes(bench.network.pixels(summit.image)))
                for (_, weight), summit in self._grow(bench, [name], self.ladder, rule)
            }
        rows = dict(sorted(rows.items()))
        target = bench.class_title(bench.photographs[name].label)
        pictures = {
            (step, weight): bench.results.picture(
                f"grille-{vertical}-{horizontal}",
                rows[step][weight].pixels,
                title=say("sweep.grid.picture", weight=weight),
                alt=say("sweep.grid.alt", target=target, step=step, weight=weight),
            )
            for vertical, step in enumerate(rows)
            for horizontal, weight in enumerate(self.ladder)
        }
        bench.results.figure(
            "grille",
            title=say("sweep.grid.title"),
            caption=say(
                "sweep.grid.caption",
                title=bench.photographs[name].title,
                iterations=self.iterations,
                steps=say("sweep.grid.then").join(map(number, rows)),
            ),
            columns=[[pictures[step, weight] for step in rows] for weight in self.ladder],
            thumbnail=pictures[self.step, self.long_weight],
            arrays={"images": np.array([[rows[step][weight].pixels for weight in self.ladder] for step in rows])},
            images=[name],
            seed=self.seed,
            parameters=self._parameters(bench, self.iterations)
            | {say("ascent.settings.step"): say("sweep.list").join(map(number, rows))},
        )
        bench.results.table(
            "grille",
            caption=say("sweep.grid.table"),
            columns=[say(f"sweep.column.{key}") for key in ("step", "weight", *LOOKS, "score", "other")],
            rows=[
                [number(step), number(weight), *image.looks.tolist(), image.score, round(image.other, 1)]
                for step, images in rows.items()
                for weight in self.ladder
                for image in (images[weight],)
            ],
            links=[[picture, *[None] * (len(LOOKS) + 3)] for picture in pictures.values()],
        )

    # The number of iterations --------------------------------------------------------------------

    def _lengths(self, bench: Bench, short: Mapping[str, Outcome]) -> None:
        results, say, last = bench.results, bench.language.say, self.long_iterations
        steady = self.rule(last)
        rules = {"constant": steady, "decroissant": replace(steady, final_step=self.final_step)}
        titles = {key: say(f"sweep.step.{key}") for key in rules}
        runs = {
            (key, name): self._long_run(bench, name, summit)
            for key, rule in rules.items()
            for (name, _), summit in self._grow(
                bench,
                self.starts[: self.long_runs],
                [self.long_weight],
                rule,
                frozenset((*SHOWN, *range(last - WINDOW, last + 1, SPACING))),
            )
        }
        ends = {
            "court": list(short.values()),
            **{key: [runs[key, name].outcome for name in short] for key in rules},
        }
        for metric, before, after, key in (
            ("impact", "court", "decroissant", "both"),
            ("impact.iterations", "court", "constant", "iterations"),
            ("impact.step", "constant", "decroissant", "step"),
        ):
            pairs = list(zip(ends[before], ends[after], strict=True))
            change = magnitude(mean([b.other - a.other for a, b in pairs]))
            results.metric(metric, change, label=say(f"sweep.effect-on-other.{key}"), unit=say("sweep.points"))
            rise = magnitude(mean([100 * (b.score / a.score - 1) for a, b in pairs]))
            results.metric(f"{metric}.score", rise, label=say(f"sweep.effect-on-score.{key}"), unit="%")
        for key, title in titles.items():
            here = [runs[key, name] for name in short]
            for metric, values, unit in (
                ("confinement", [run.confinement for run in here], ""),
                ("late-rise", [run.late_rise for run in here], "%"),
                ("moved", [run.moved[EDGE // SPACING - 1] for run in here], say("sweep.levels")),
                ("score", [run.outcome.score for run in here], ""),
                ("other", [run.outcome.other for run in here], "%"),
            ):
                label = say(f"sweep.long.{metric}", step=title, iterations=EDGE)
                results.metric(f"{key}.{metric}", mean(values), label=label, unit=unit)
        results.table(
            "longueurs",
            caption=say("sweep.lengths.table", photographs=len(short), weight=self.long_weight),
            columns=[say(f"sweep.column.{key}") for key in ("programme", *LOOKS, "score", "other")],
            rows=[
                [
                    say("sweep.lengths.programme", iterations=iterations, step=titles[step]),
                    *np.mean([[*image.looks, image.score, image.other] for image in ends[key]], axis=0).tolist(),
                ]
                for key, iterations, step in (
                    ("court", self.iterations, "constant"),
                    ("constant", last, "constant"),
                    ("decroissant", last, "decroissant"),
                )
            ],
        )
        self._on_the_way(bench, {key: runs[key, self.starts[0]] for key in rules})
        self._tracks(bench, {key: [runs[key, name] for name in short] for key in rules})

    def _long_run(self, bench: Bench, name: str, summit: vision.ascent.Summit) -> LongRun:
        last, scores = self.long_iterations, np.array(summit.scores)
        images = {iteration: bench.network.pixels(image) for iteration, image in summit.snapshots.items()}
        track = np.stack([images[k].ravel() for k in range(last - WINDOW, last + 1, SPACING)])
        late = scores[-EDGE:].mean()
        return LongRun(
            outcome=self._outcome(bench, name, to_bytes(images[last])),
            shown={iteration: to_bytes(images[iteration]) for iteration in (*SHOWN, last)},
            scores=scores,
            moved=255 * displacements(track),
            confinement=confinement(track),
            late_rise=100 * (late - scores[-WINDOW : EDGE - WINDOW].mean()) / (late - scores[0]),
        )

    def _on_the_way(self, bench: Bench, runs: Mapping[str, LongRun]) -> None:
        name, say, iterations = self.starts[0], bench.language.say, (*SHOWN, self.long_iterations)
        target = bench.class_title(bench.photographs[name].label)
        columns = [
            [
                bench.results.picture(
                    f"iterations-{row}-{iteration:04d}",
                    run.shown[iteration],
                    title=say("sweep.long.picture", iteration=str(iteration)),
                    alt=say("sweep.long.alt", target=target, iteration=str(iteration), step=say(f"sweep.step.{key}")),
                )
                for row, (key, run) in enumerate(runs.items())
            ]
            for iteration in iterations
        ]
        bench.results.figure(
            "iterations",
            title=say("sweep.long.title"),
            caption=say("sweep.long.caption", title=bench.photographs[name].title, weight=self.long_weight),
            columns=columns,
            thumbnail=columns[-1][-1],
            arrays={key: np.array([run.shown[iteration] for iteration in iterations]) for key, run in runs.items()},
            images=[name],
            seed=self.seed,
            parameters=self._long_parameters(bench),
        )

    def _tracks(self, bench: Bench, runs: Mapping[str, Sequence[LongRun]]) -> None:
        say = bench.language.say
        scores = {key: np.array([run.scores for run in group]) for key, group in runs.items()}
        moved = {key: np.array([run.moved for run in group]) for key, group in runs.items()}
        bench.results.chart(
            "trajets",
            _tracks_chart(scores, moved, bench.language),
            title=say("sweep.tracks.title"),
            caption=say("sweep.tracks.caption", smoothed=SMOOTHED, last=WINDOW),
            alt=say("sweep.tracks.alt"),
            arrays={
                f"{what}-{key}": values
                for what, group in (("scores", scores), ("moved", moved))
                for key, values in group.items()
            },
            images=self.starts[: self.long_runs],
            seed=self.seed,
            parameters=self._long_parameters(bench),
        )

    def _parameters(self, bench: Bench, iterations: int) -> dict[str, Any]:
        say, number = bench.language.say, bench.language.number
        return {
            say("ascent.settings.penalty"): say(f"ascent.penalty.{PENALTY}"),
            say("ascent.settings.weight"): say("sweep.list").join(map(number, self.ladder)),
            say("sweep.iterations"): iterations,
            **self.settings(bench.language),
        }

    def _long_parameters(self, bench: Bench) -> dict[str, Any]:
        return {
            **self._parameters(bench, self.long_iterations),
            bench.language.say("ascent.settings.weight"): self.long_weight,
            bench.language.say("sweep.final-step"): self.final_step,
        }


# Measures ----------------------------------------------------------------------------------------


def looks(pixels: Pixels, neutral: Sequence[float]) -> NDArray[np.float64]:
    """Colour, contrast and grain of an image, in CIELAB: see ``LOOKS``.

    Mean chroma C*; standard deviation of the lightness L*; mean absolute difference of L* between
    neighbouring pixels. Chroma counts from a neutral of one's choice: the mean grey of a training set
    has a tint of its own, and an image of nothing else is as dull as can be.

    Args:
        pixels: RGB values, uint8 (H, W, 3).
        neutral: RGB values in [0, 1] of the grey without chroma.
    """
    from skimage.color import rgb2lab  # takes longer to import than a lab to read

    values = rgb2lab(pixels)
    red_green, yellow_blue = (values - rgb2lab(np.array(neutral)))[..., 1:].transpose(2, 0, 1)
    lightness = values[..., 0]
    steps = [np.abs(np.diff(lightness, axis=axis)).mean() for axis in (0, 1)]
    return np.array([np.hypot(red_green, yellow_blue).mean(), lightness.std(), np.mean(steps)])


def displacements(track: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Root mean square difference of the points of a track that lie 1, 2, … apart.

    Args:
        track: points in order, (N, dimensions).

    Returns:
        One value for each lag up to half of the track; of longer ones it has too few examples.
    """
    return np.array([np.sqrt(np.mean((track[lag:] - track[:-lag]) ** 2)) for lag in range(1, len(track) // 2 + 1)])


def confinement(track: NDArray[np.floating[Any]]) -> float:
    """How much nearer to its beginning a track ends than a random walk of the same length.

    A random walk of n steps ends √n steps away, so this is the length of the path over the distance
    of its ends, over √n: 1 for a random walk, less for what drifts, more for what stays around a point.

    Args:
        track: points in order, (N, dimensions).
    """
    path = np.linalg.norm(np.diff(track, axis=0), axis=1).sum()
    return float(path / np.linalg.norm(track[-1] - track[0]) / np.sqrt(len(track) - 1))


def magnitude(change: Estimate) -> Estimate:
    """The size of a change, whatever its sign; its interval starts at 0 if the sign is not sure."""
    bounds = sorted((abs(change.low), abs(change.high)))
    sure = change.low > 0 or change.high < 0
    return Estimate(abs(change.value), bounds[0] if sure else 0.0, bounds[1], change.samples)


# Charts ------------------------------------------------------------------------------------------


def _weights_chart(stages: Sequence[str], measured: NDArray[np.float64], natural: Natural, language: Language) -> Chart:
    """``measured``: (stages, photographs, the looks and the other network's probability)."""
    figure, axes = canvas(8.4, 5.6, rows=2, columns=2)
    titles = [language.say(f"sweep.{key}") for key in (*(f"looks.{key}" for key in LOOKS), "weights.probability")]
    for place, (panel, title) in enumerate(zip(axes, titles, strict=True)):
        panel.plot(measured[:, :, place], color=COLOURS[1], alpha=0.35, linewidth=1)
        panel.plot(measured[:, :, place].mean(axis=1), color=COLOURS[0], linewidth=2.4, marker="o", markersize=4)
        panel.set_xticks(range(len(stages)), stages, rotation=30)
        panel.set_ylim(0, None if place < len(LOOKS) else 100)
        panel.set_title(title)
        if place < len(LOOKS):
            panel.axhspan(natural.low[place], natural.high[place], color=COLOURS[2], alpha=0.18, linewidth=0)
    for panel in axes[2:]:
        panel.set_xlabel(language.say("ascent.settings.weight"))
    return draw(figure, language)


def _tracks_chart(
    scores: Mapping[str, NDArray[np.float64]], moved: Mapping[str, NDArray[np.float64]], language: Language
) -> Chart:
    """``scores`` and ``moved`` of the long runs, by how their step goes: (photographs, iterations or lags)."""
    say = language.say
    figure, (left, right) = canvas(8.4, 3.8, columns=2)
    window = np.ones(SMOOTHED) / SMOOTHED
    for colour, key in zip(COLOURS, scores, strict=False):
        smooth = np.array([np.convolve(one, window, mode="valid") for one in scores[key]])
        iterations = np.arange(smooth.shape[1]) + len(window) / 2
        apart = SPACING * np.arange(1, moved[key].shape[1] + 1)
        for panel, x, values in ((left, iterations, smooth), (right, apart, moved[key])):
            panel.plot(x, values.T, color=colour, alpha=0.35, linewidth=1)
            panel.plot(x, values.mean(axis=0), color=colour, linewidth=2.4, label=say(f"sweep.step.{key}"))
        walk = moved[key][:, 0].mean() * np.sqrt(apart / SPACING)
        right.plot(apart, walk, color=INK, linestyle="--", linewidth=1)
    left.set_xlabel(say("ascent.settings.iteration"))
    left.set_title(say("sweep.tracks.score"))
    left.set_ylim(bottom=0)
    left.legend(loc="lower right")
    right.set_ylim(bottom=0)
    right.set_xlabel(say("sweep.tracks.apart"))
    right.set_title(say("sweep.tracks.moved"))
    return draw(figure, language)
