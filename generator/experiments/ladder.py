"""The ladder: what it takes, one rung at a time, to grow images that others recognise too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat

from generator import vision
from generator.artefacts import Picture
from generator.charts import canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.experiments.fooling import to_bytes
from generator.french import number
from generator.schema import ClassIndex, ImageName, Name, NetworkName
from generator.statistics import mean, share

RUNGS = {
    1: "gradient brut",
    2: "gradient lissé",
    3: "variation totale",
    4: "base de Fourier",
}
FAINT = 0.01
"""How much of the noise the last rung starts from: next to nothing, as Fourier's basis never gets rid of grain."""
BLUR = 0.5
"""σ, in pixels, of the lab's blur of the image."""
ACROSS = 5
"""How many images of a rung stand side by side."""

ANSWER = (
    "✓ : l’autre réseau, pour lequel elle n’a pas été faite, nomme d’abord la classe visée, avec cette probabilité ; "
    "✗ : ce qu’il nomme à la place."
)


@dataclass(frozen=True)
class Grown:
    """An image and what the networks see in it, rounded to 8 bits as it is saved.

    Attributes:
        values: pixel values, float32 (H, W, 3).
        picture: it, with the judge's answer.
        judged: the other network's probabilities, float32 (classes,).
        chance: the one it gives the target, in per cent.
        first: whether it names the target first.
        own_first: whether the network it was made for does.
    """

    values: NDArray[np.float32]
    picture: Picture
    judged: NDArray[np.float32]
    chance: float
    first: bool
    own_first: bool


class Ladder(Experiment):
    """One image per class and rung, with the same number of iterations; judged by another network."""

    kind: ClassVar[str] = "ladder"
    family: ClassVar[Family] = "classvis"

    other: NetworkName = Field(description="the network that judges; the images are not made for it")
    targets: dict[Name, ClassIndex] = Field(min_length=1, description="the classes to visualise, by figure name")
    images: tuple[ImageName, ...] = Field(
        min_length=1, description="whose colours the last rung is given; all images of the lab if left out"
    )
    iterations: int = Field(ge=1, description="of every image")
    jitter: int = Field(16, ge=0, description="random shift of up to this many pixels")
    raw_step: float = Field(5.0, gt=0, description="rung 1: factor of the raw gradient (η)")
    step: float = Field(8.0, gt=0, description="rungs 2 and 3: length of a step (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="rungs 2 and 3: first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    variation: float = Field(gt=0, description="rung 3: factor of the total variation (λ)")
    rate: float = Field(gt=0, description="rung 4: Adam's rate")
    degrees: float = Field(ge=0, description="rung 4: random rotation by up to this angle")
    zoom: float = Field(ge=1, description="rung 4: random scaling by up to this factor, either way")

    @property
    def networks(self) -> tuple[str, ...]:
        return (self.network, self.other)

    @property
    def photographs(self) -> tuple[str, ...]:
        return self.images

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(self.targets.values())

    @property
    def figures(self) -> Iterator[str]:
        yield "juge"
        yield from (f"barreau-{rung}" for rung in RUNGS)
        yield from self.targets

    @property
    def work(self) -> int:
        return len(RUNGS) * len(self.targets) * self.iterations

    def run(self, bench: Bench) -> None:
        grown = {rung: self._grow(bench, rung, rule) for rung, rule in self._rules(bench).items()}
        for rung, images in grown.items():
            self._rung(bench, rung, images)
        for name in self.targets:
            self._class(bench, name, {rung: images[name] for rung, images in grown.items()})
        self._chart(bench, grown)
        bench.results.table(
            "probabilites",
            caption="Probabilité, en %, que l’autre réseau donne à la classe visée.",
            columns=("Classe", *(f"{rung}. {title}" for rung, title in RUNGS.items())),
            rows=[
                (bench.class_title(target), *(round(images[name].chance, 1) for images in grown.values()))
                for name, target in self.targets.items()
            ],
            links=[(None, *(images[name].picture for images in grown.values())) for name in self.targets],
            shaded=True,
        )

    def _rules(self, bench: Bench) -> dict[int, vision.ascent.Rule]:
        raw = vision.ascent.Rule(self.iterations, self.raw_step, jitter=self.jitter, blur_sigma=BLUR)
        smooth = replace(raw, step=self.step, unit_gradient=True, gradient_sigma=self.gradient_sigma)
        colours = vision.fourier.colours([photograph.pixels for photograph in bench.photographs.values()])
        fourier = vision.ascent.Rule(
            self.iterations,
            self.rate,
            jitter=self.jitter,
            view=vision.views.wobble(self.degrees, self.zoom),
            canvas=partial(vision.fourier.Fourier, colours),
        )
        return {1: raw, 2: smooth, 3: smooth, 4: fourier}

    def _grow(self, bench: Bench, rung: int, rule: vision.ascent.Rule) -> dict[str, Grown]:
        """One image for each class, by the name of its figure."""
        network, names = bench.network, list(self.targets)
        noise = vision.ascent.noise(network.size, self.seed)
        climbs = (
            vision.ascent.Climb(
                start=FAINT * noise if rung == 4 else noise,
                target=target,
                seed=self.seed,
                penalty="total-variation" if rung == 3 else None,
                weight=self.variation,
            )
            for target in self.targets.values()
        )
        arrivals = vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step)
        grown = {names[position]: self._judged(bench, rung, names[position], summit) for position, summit in arrivals}
        return {name: grown[name] for name in names}

    def _judged(self, bench: Bench, rung: int, name: str, summit: vision.ascent.Summit) -> Grown:
        target, values = self.targets[name], bench.network.pixels(summit.image)
        saved = to_bytes(values)
        own, judged = (
            vision.gradients.probabilities(network.scorer, network.normalise([saved]))[0]
            for network in (bench.network, bench.networks[self.other])
        )
        answer, title = int(judged.argmax()), bench.class_title(target)
        seen = "✓" if answer == target else f"✗ {bench.class_title(answer)},"
        picture = bench.results.picture(
            f"{name}-{rung}",
            saved,
            title=f"{title} {seen} {number(100 * judged[answer], 2)} %",
            alt=f"Visualisation de la classe « {title} », barreau {rung} : {RUNGS[rung]}",
        )
        return Grown(
            values, picture, judged, 100 * float(judged[target]), answer == target, int(own.argmax()) == target
        )

    def _rung(self, bench: Bench, rung: int, images: dict[str, Grown]) -> None:
        """The images of one rung and what was measured on them."""
        facts = [
            bench.results.metric(f"rung-{rung}.{key}", estimate, label=label, unit="%")
            for key, estimate, label in (
                ("first", share([one.first for one in images.values()]), "Nommées d’abord par l’autre réseau"),
                ("probability", mean([one.chance for one in images.values()]), "Probabilité moyenne, autre réseau"),
                ("own", share([one.own_first for one in images.values()]), "Nommées d’abord par le réseau suivi"),
            )
        ]
        pictures = [one.picture for one in images.values()]
        bench.results.figure(
            f"barreau-{rung}",
            title=f"Barreau {rung} : {RUNGS[rung]}",
            caption="Sous chaque image, la classe visée. " + ANSWER,
            columns=[pictures[place::ACROSS] for place in range(min(ACROSS, len(pictures)))],
            thumbnail=pictures[0],
            arrays={name: one.judged for name, one in images.items()},
            images=self.images if rung == 4 else (),
            seed=self.seed,
            parameters=self._told(rung),
            facts=facts,
        )

    def _class(self, bench: Bench, name: str, images: dict[int, Grown]) -> None:
        """The images of one class, rung by rung."""
        bench.results.figure(
            name,
            title=f"{bench.class_title(self.targets[name])}, barreau par barreau",
            caption=f"De gauche à droite : {', '.join(f'{rung}. {title}' for rung, title in RUNGS.items())}. {ANSWER}",
            columns=[[image.picture] for image in images.values()],
            thumbnail=images[max(RUNGS)].picture,
            arrays={f"rung-{rung}": image.values for rung, image in images.items()},
            images=self.images,
            seed=self.seed,
            parameters={key: value for rung in RUNGS for key, value in self._told(rung).items()},
        )

    def _told(self, rung: int) -> dict[str, str | float]:
        """The settings of a rung, for the reader."""
        told: dict[str, str | float] = {
            "itérations": self.iterations,
            "décalage aléatoire": f"jusqu’à {self.jitter} px",
        }
        if rung < 4:
            told["départ, barreaux 1 à 3"] = "un bruit gaussien"
            told["flou de l’image, barreaux 1 à 3"] = f"σ = {BLUR} px toutes les 10 itérations"
        if rung == 1:
            told["pas η, barreau 1"] = f"{number(self.raw_step)} (gradient brut)"
        if rung in {2, 3}:
            told["pas η, barreaux 2 et 3"] = f"{number(self.step)} (gradient ramené à la norme 1)"
            sigmas = " → ".join(map(number, self.gradient_sigma))
            told["lissage du gradient σ (début → fin), barreaux 2 et 3"] = f"{sigmas} px"
        if rung == 3:
            told["poids λ de la variation totale, barreau 3"] = self.variation
        if rung == 4:
            told["départ, barreau 4"] = f"le même bruit, × {number(FAINT)}"
            told["pas, barreau 4"] = f"Adam, {number(self.rate)}, sur le spectre"
            told["rotation au hasard, barreau 4"] = f"jusqu’à {number(self.degrees)}°"
            told["échelle au hasard, barreau 4"] = f"jusqu’à × {number(self.zoom)} ou ÷ {number(self.zoom)}"
            told["couleurs, barreau 4"] = "décorrélées, d’après les photographies du TP"
        return told

    def _chart(self, bench: Bench, grown: dict[int, dict[str, Grown]]) -> None:
        series = {
            "nommée d’abord par le réseau suivi": [share([g.own_first for g in i.values()]) for i in grown.values()],
            "nommée d’abord par l’autre réseau": [share([g.first for g in i.values()]) for i in grown.values()],
            "probabilité moyenne, autre réseau": [mean([g.chance for g in i.values()]) for i in grown.values()],
        }
        figure, (axes,) = canvas()
        places = np.arange(len(grown))
        for nth, (label, estimates) in enumerate(series.items()):
            values = np.array([estimate.value for estimate in estimates])
            around = np.array([[e.value - e.low, e.high - e.value] for e in estimates]).T
            axes.errorbar(places + 0.12 * (nth - 1), values, around.clip(0), fmt="o", capsize=3, label=label)
        axes.set_xticks(places, [f"{rung}. {title}" for rung, title in RUNGS.items()])
        axes.set_ylim(-4, 104)
        axes.set_ylabel("%")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=len(series), fontsize=9)
        bench.results.chart(
            "juge",
            draw(figure),
            title="Ce que voit un réseau pour lequel les images n’ont pas été faites",
            caption=f"Pour chaque barreau, {len(self.targets)} classes : part des images dont un réseau nomme d’abord "
            "la classe visée (intervalle de Wilson à 95 %), et probabilité moyenne (intervalle par bootstrap).",
            alt="Part des images nommées d’abord par chaque réseau, barreau par barreau : "
            + " ; ".join(
                f"{label} : {', '.join(number(e.value, 2) for e in estimates)} %" for label, estimates in series.items()
            ),
            arrays={f"series-{nth}": np.array([e.value for e in es]) for nth, es in enumerate(series.values())},
            seed=self.seed,
            parameters={key: value for rung in RUNGS for key, value in self._told(rung).items()},
        )
