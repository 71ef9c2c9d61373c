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
from generator.experiments.base import Bench, Experiment, Family
from generator.experiments.classvis import Ascent, PenaltyName
from generator.experiments.fooling import to_bytes
from generator.french import NBSP, number
from generator.images import Pixels
from generator.language import Language
from generator.schema import ImageName, NetworkName
from generator.statistics import Estimate, mean, share

PENALTY: PenaltyName = "squared-l2"
LOOKS = {
    "chroma": "Couleur (C* moyen)",
    "contrast": "Contraste (écart type de L*)",
    "grain": "Grain (écart de L* entre voisins)",
}
SHORT = ("C*", "Contraste", "Grain")
NATURAL = (5, 95)
"""Between these percentiles of the photographs an image counts as natural."""
WINDOW, SPACING, EDGE = 200, 5, 50
"""The last iterations looked at, how far apart, and how many of them at each end give a mean score."""
SHOWN = (1, 10, 30, 100)
"""Iterations of a long run that are shown, beside its last one."""


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
            looks=looks(pixels, neutral=bench.network.mean.flatten().tolist()),
            score=bench.network.scorer(bench.network.normalise([pixels]))[0, label].item(),
            other=100 * float(chances[label]),
            recognised=int(chances.argmax()) == label,
        )

    def _natural(self, bench: Bench, photographs: Sequence[Outcome]) -> Natural:
        natural = Natural(*np.percentile([photograph.looks for photograph in photographs], NATURAL, axis=0))
        for key, title, low, high in zip(LOOKS, LOOKS.values(), natural.low, natural.high, strict=True):
            bench.results.metric(f"natural.{key}.low", low, label=f"{title}, {NATURAL[0]}ᵉ centile des photographies")
            bench.results.metric(f"natural.{key}.high", high, label=f"{title}, {NATURAL[1]}ᵉ centile des photographies")
        bench.results.metric(
            "natural.realistic",
            share([photograph.realistic(natural) for photograph in photographs]),
            label="Photographies qui passent elles-mêmes pour réalistes",
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
        results, strongest = bench.results, self.ladder[-1]
        chroma = {key: outcome.looks[0] for key, outcome in grown.items()}
        for weight, metric, label in ((0.0, "free", "sans pénalité"), (strongest, "pulled", "au poids le plus fort")):
            gains = [chroma[name, weight] - photographs[name].looks[0] for name in self.starts]
            results.metric(f"{metric}.gain", mean(gains), label=f"Gain de C* sur la photographie, {label}")
        facts = [
            results.metric(
                "psychedelic",
                share([chroma[name, 0.0] > natural.high[0] for name in self.starts]),
                label="Images sans pénalité plus colorées que les photographies",
                unit="%",
            ),
            results.metric(
                "dull",
                share([chroma[name, strongest] < natural.low[0] for name in self.starts]),
                label="Images au poids le plus fort plus ternes que les photographies",
                unit="%",
            ),
            results.metric(
                "between",
                share([any(grown[name, w].realistic(natural) for w in self.ladder[1:]) for name in self.starts]),
                label="Photographies pour lesquelles un poids donne une image réaliste",
                unit="%",
            ),
        ]
        stages = {"photo": [photographs[name] for name in self.starts]} | {
            number(weight): [grown[name, weight] for name in self.starts] for weight in self.ladder
        }
        results.table(
            "poids",
            caption=(
                f"Couleur moyenne, puis combien d’images sur {len(self.starts)} ont couleur, contraste et grain de "
                "photographies, combien l’autre réseau reconnaît, et combien réunissent tout."
            ),
            columns=["Poids λ", SHORT[0], "Couleur", *SHORT[1:], "Reconnue", "Tout"],
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
            title="Couleur, contraste, grain et reconnaissance selon le poids",
            caption=(
                "Ce que devient la photographie de départ (photo) selon le poids de la pénalité ; l’axe n’est pas à "
                "l’échelle. Un trait fin par photographie, la moyenne en gras ; bande : du "
                f"{NATURAL[0]}ᵉ au {NATURAL[1]}ᵉ centile des {len(self.images)} photographies du TP. Au-dessus de la "
                "bande de couleur, une image est dite psychédélique ; au-dessous, terne."
            ),
            alt="Quatre courbes selon le poids : couleur, contraste, grain, et probabilité selon l’autre réseau",
            arrays={"weights": np.array(self.ladder), "measured": measured, "low": natural.low, "high": natural.high},
            images=self.starts,
            seed=self.seed,
            parameters=self._parameters(bench, self.iterations),
            facts=facts,
        )

    # The step ------------------------------------------------------------------------------------

    def _grid(self, bench: Bench, row: Mapping[float, Outcome]) -> None:
        name = self.starts[0]
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
                title=f"λ{NBSP}={NBSP}{number(weight)}",
                alt=f"Image de la classe « {target} » obtenue avec η = {number(step)} et λ = {number(weight)}",
            )
            for vertical, step in enumerate(rows)
            for horizontal, weight in enumerate(self.ladder)
        }
        bench.results.figure(
            "grille",
            title="Le pas et le poids",
            caption=(
                f"La photographie « {bench.photographs[name].title} » après {self.iterations} itérations. De haut "
                f"en bas, le pas η : {', puis '.join(map(number, rows))} ; de gauche à droite, le poids λ."
            ),
            columns=[[pictures[step, weight] for step in rows] for weight in self.ladder],
            thumbnail=pictures[self.step, self.long_weight],
            arrays={"images": np.array([[rows[step][weight].pixels for weight in self.ladder] for step in rows])},
            images=[name],
            seed=self.seed,
            parameters={**self._parameters(bench, self.iterations), "pas η": " ; ".join(map(number, rows))},
        )
        bench.results.table(
            "grille",
            caption="Les mesures de chaque image de la grille ; son pas mène à elle.",
            columns=["Pas η", "Poids λ", *SHORT, "Score", "Autre réseau (%)"],
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
        results, last = bench.results, self.long_iterations
        steady = self.rule(last)
        rules = {"constant": steady, "decroissant": replace(steady, final_step=self.final_step)}
        titles = {"constant": "pas constant", "decroissant": "pas décroissant"}
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
        for metric, before, after, label in (
            ("impact", "court", "decroissant", "plus d’itérations et un pas décroissant"),
            ("impact.iterations", "court", "constant", "plus d’itérations"),
            ("impact.step", "constant", "decroissant", "un pas décroissant"),
        ):
            change = mean([b.other - a.other for a, b in zip(ends[before], ends[after], strict=True)])
            results.metric(metric, magnitude(change), label=f"Effet sur l’autre réseau : {label}", unit="points")
            rise = mean([100 * (b.score / a.score - 1) for a, b in zip(ends[before], ends[after], strict=True)])
            results.metric(f"{metric}.score", magnitude(rise), label=f"Effet sur le score : {label}", unit="%")
        for key, title in titles.items():
            here = [runs[key, name] for name in short]
            for metric, values, label, unit in (
                ("confinement", [run.confinement for run in here], "Trajet rapporté à une marche au hasard", ""),
                ("late-rise", [run.late_rise for run in here], "Part tardive de la hausse du score", "%"),
                ("moved", [run.moved[EDGE // SPACING - 1] for run in here], f"Écart à {EDGE} itérations", "niveaux"),
                ("score", [run.outcome.score for run in here], "Score de la dernière image", ""),
                ("other", [run.outcome.other for run in here], "Probabilité selon l’autre réseau", "%"),
            ):
                results.metric(f"{key}.{metric}", mean(values), label=f"{label}, {title}", unit=unit)
        results.table(
            "longueurs",
            caption=f"Moyennes sur {len(short)} photographies, au poids λ = {number(self.long_weight)}.",
            columns=["Programme", *SHORT, "Score", "Autre réseau (%)"],
            rows=[
                [
                    title,
                    *np.mean([[*image.looks, image.score, image.other] for image in ends[key]], axis=0).tolist(),
                ]
                for key, title in (
                    ("court", f"{self.iterations} itérations, pas constant"),
                    ("constant", f"{last} itérations, pas constant"),
                    ("decroissant", f"{last} itérations, pas décroissant"),
                )
            ],
        )
        self._on_the_way(bench, {title: runs[key, self.starts[0]] for key, title in titles.items()})
        self._tracks(bench, {title: [runs[key, name] for name in short] for key, title in titles.items()})

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
        name, iterations = self.starts[0], (*SHOWN, self.long_iterations)
        target = bench.class_title(bench.photographs[name].label)
        columns = [
            [
                bench.results.picture(
                    f"iterations-{row}-{iteration:04d}",
                    run.shown[iteration],
                    title=f"itération {iteration}",
                    alt=f"Image de la classe « {target} » à l’itération {iteration}, {title}",
                )
                for row, (title, run) in enumerate(runs.items())
            ]
            for iteration in iterations
        ]
        bench.results.figure(
            "iterations",
            title="Plus d’itérations, pas constant ou décroissant",
            caption=(
                f"La photographie « {bench.photographs[name].title} » au fil des itérations, au poids "
                f"λ = {number(self.long_weight)} : en haut à pas constant, en bas avec un pas qui décroît."
            ),
            columns=columns,
            thumbnail=columns[-1][-1],
            arrays={
                title.replace(" ", "-"): np.array([run.shown[iteration] for iteration in iterations])
                for title, run in runs.items()
            },
            images=[name],
            seed=self.seed,
            parameters=self._long_parameters(bench),
        )

    def _tracks(self, bench: Bench, runs: Mapping[str, Sequence[LongRun]]) -> None:
        scores = {title: np.array([run.scores for run in group]) for title, group in runs.items()}
        moved = {title: np.array([run.moved for run in group]) for title, group in runs.items()}
        bench.results.chart(
            "trajets",
            _tracks_chart(scores, moved, bench.language),
            title="Le score et le mouvement de l’image",
            caption=(
                "À gauche, le score au fil des itérations, moyenne glissante sur 20 itérations. À droite, l’écart "
                f"entre deux images des {WINDOW} dernières itérations selon le nombre d’itérations qui les sépare, en "
                "niveaux de gris sur 255 : une image qui dérive tout droit suit une droite, une marche au hasard "
                "une racine (tirets), une image qui tourne autour d’un point finit par ne plus monter. Un trait fin "
                "par photographie, la moyenne en gras."
            ),
            alt="Deux graphiques : le score au fil des itérations, et l’écart entre images selon leur distance",
            arrays={
                f"{what}-{title.replace(' ', '-')}": values
                for what, group in (("scores", scores), ("moved", moved))
                for title, values in group.items()
            },
            images=self.starts[: self.long_runs],
            seed=self.seed,
            parameters=self._long_parameters(bench),
        )

    def _parameters(self, bench: Bench, iterations: int) -> dict[str, Any]:
        return {
            "régularisation": bench.language.say(f"classvis.penalty.{PENALTY}"),
            "poids λ": " ; ".join(map(number, self.ladder)),
            "itérations": iterations,
            **self.settings(bench.language),
        }

    def _long_parameters(self, bench: Bench) -> dict[str, Any]:
        return {
            **self._parameters(bench, self.long_iterations),
            "poids λ": self.long_weight,
            "dernier pas η du pas décroissant": self.final_step,
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
    for place, (panel, title) in enumerate(
        zip(axes, (*LOOKS.values(), "Probabilité selon l’autre réseau (%)"), strict=True)
    ):
        panel.plot(measured[:, :, place], color=COLOURS[1], alpha=0.35, linewidth=1)
        panel.plot(measured[:, :, place].mean(axis=1), color=COLOURS[0], linewidth=2.4, marker="o", markersize=4)
        panel.set_xticks(range(len(stages)), stages, rotation=30)
        panel.set_ylim(0, None if place < len(LOOKS) else 100)
        panel.set_title(title)
        if place < len(LOOKS):
            panel.axhspan(natural.low[place], natural.high[place], color=COLOURS[2], alpha=0.18, linewidth=0)
    for panel in axes[2:]:
        panel.set_xlabel("poids λ")
    return draw(figure, language)


def _tracks_chart(
    scores: Mapping[str, NDArray[np.float64]], moved: Mapping[str, NDArray[np.float64]], language: Language
) -> Chart:
    figure, (left, right) = canvas(8.4, 3.8, columns=2)
    window = np.ones(20) / 20
    for colour, title in zip(COLOURS, scores, strict=False):
        smooth = np.array([np.convolve(one, window, mode="valid") for one in scores[title]])
        iterations = np.arange(smooth.shape[1]) + len(window) / 2
        apart = SPACING * np.arange(1, moved[title].shape[1] + 1)
        for panel, x, values in ((left, iterations, smooth), (right, apart, moved[title])):
            panel.plot(x, values.T, color=colour, alpha=0.35, linewidth=1)
            panel.plot(x, values.mean(axis=0), color=colour, linewidth=2.4, label=title)
        walk = moved[title][:, 0].mean() * np.sqrt(apart / SPACING)
        right.plot(apart, walk, color=INK, linestyle="--", linewidth=1)
    left.set_xlabel("itération")
    left.set_title("Score de la classe")
    left.set_ylim(bottom=0)
    left.legend(loc="lower right")
    right.set_ylim(bottom=0)
    right.set_xlabel("itérations entre les deux images")
    right.set_title("Écart entre deux images")
    return draw(figure, language)
