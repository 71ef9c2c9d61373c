"""Survival: do fooling images still fool after what befalls pictures on their way to a network?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import INK, canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.experiments.fooling import around_grey, grey_scale, to_bytes
from generator.experiments.matrix import MEASURES, UNSEEN
from generator.french import number
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName
from generator.statistics import Estimate, share

if TYPE_CHECKING:
    from generator.vision.perception import Difference

HANDLINGS = {
    "png": "Fichier PNG, 8 bits",
    "jpeg-95": "JPEG, qualité 95",
    "jpeg-75": "JPEG, qualité 75",
    "half": "Réduite de moitié, puis agrandie",
    "larger": "Agrandie de moitié",
    "blur": "Flou gaussien, σ = 1 px",
    "brighter": "Éclaircie de 20 %",
}
ATTACKS = {"juste": "au plus juste", "marge": "avec marge", "robuste": "robuste (EOT)"}


@dataclass(frozen=True)
class _Trial:
    """One photograph fooled by one attack: the picture saved, its change, the class seen after each handling."""

    saved: Pixels
    difference: Difference
    seen: Mapping[str, int]


Trials = Mapping[str, Mapping[str, _Trial]]
"""Attack -> image -> what came of it."""


class Survival(Experiment):
    """Three attacks, seen again by the network after their pictures were compressed, resized, blurred, brightened."""

    kind: ClassVar[str] = "survival"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class the network shall see: an index or an English name")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    radius: float = Field(gt=0, description="L2 norm of the whole change that the two stronger attacks may make")
    iterations: int = Field(50, ge=1, description="steps of each attack; the first one stops at the target")
    views: int = Field(2, ge=1, description="random handlings that the robust attack looks through at each step")
    clamp: bool = Field(description="keep pixels valid after each step; otherwise only what is shown is clipped")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield "survie"
        yield from self.images

    @property
    def work(self) -> int:
        return len(self.images) * (2 * self.iterations + 1 + self.iterations * self.views)

    def run(self, bench: Bench) -> None:
        brief = vision.ascent.Rule(
            iterations=self.iterations, step=self.step, unit_gradient=True, clamp=self.clamp, stop_at_target=True
        )
        wide = replace(brief, stop_at_target=False, radius=self.radius)
        rules = {
            "juste": brief,
            "marge": wide,
            "robuste": replace(wide, view=vision.transforms.handling_view(bench.network), views=self.views),
        }
        trials = {attack: self._trials(bench, rule) for attack, rule in rules.items()}
        self._measure(bench, trials)
        self._compare(bench, trials)
        for name in self.images:
            self._figure(bench, name, {attack: trials[attack][name] for attack in ATTACKS})

    def _trials(self, bench: Bench, rule: vision.ascent.Rule) -> dict[str, _Trial]:
        network = bench.network
        climbs = (
            vision.ascent.Climb(network.normalise([photograph.pixels])[0], self.target, seed=self.seed + place)
            for place, photograph in enumerate(bench.photographs.values())
        )
        trials = {}
        for place, summit in vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step):
            name, saved = self.images[place], to_bytes(network.pixels(summit.image))
            difference = vision.perception.difference(bench.photographs[name].pixels, saved)
            trials[name] = _Trial(saved, difference, self._seen(bench, saved))
        return trials

    @staticmethod
    def _seen(bench: Bench, pixels: Pixels) -> dict[str, int]:
        """The class the network sees after each handling."""
        handled = bench.network.normalise([vision.transforms.handled(pixels, handling) for handling in HANDLINGS])
        seen = vision.gradients.probabilities(bench.network.scorer, handled).argmax(axis=1)
        return dict(zip(HANDLINGS, map(int, seen), strict=True))

    def _measure(self, bench: Bench, trials: Trials) -> None:
        bench.results.table(
            "mesures",
            caption=f"Taille du changement de chaque attaque, en moyenne sur {len(self.images)} photographies.",
            columns=["Mesure", *(f"Attaque {title}" for title in ATTACKS.values())],
            rows=[
                [
                    bench.language.say(f"matrix.summary.{key}"),
                    *(fmean(getattr(trial.difference, key) for trial in of.values()) for of in trials.values()),
                ]
                for key in MEASURES
            ],
        )
        robust = trials["robuste"].values()
        for key, label, outcomes in (
            ("unseen", "Images de l’attaque robuste au ΔE*ab moyen sous 1", [self._unseen(trial) for trial in robust]),
            (
                "real",
                "Images au ΔE*ab moyen sous 1 qui trompent encore le réseau après JPEG 75, et aussi éclaircies",
                [
                    self._unseen(trial) and trial.seen["jpeg-75"] == trial.seen["brighter"] == self.target
                    for trial in robust
                ],
            ),
        ):
            bench.results.metric(key, share(outcomes), label=label, unit="%")

    @staticmethod
    def _unseen(trial: _Trial) -> bool:
        return trial.difference.delta_e < UNSEEN

    def _compare(self, bench: Bench, trials: Trials) -> None:
        """How many images still fool after each handling, and how many are still not seen as what they are."""
        originals = {name: self._seen(bench, photograph.pixels) for name, photograph in bench.photographs.items()}
        labels = {name: photograph.label for name, photograph in bench.photographs.items()}
        target, right, intact = {}, {}, {}
        for handling, title in HANDLINGS.items():
            for attack, of in trials.items():
                target[attack, handling] = share([t.seen[handling] == self.target for t in of.values()])
                right[attack, handling] = share([t.seen[handling] == labels[name] for name, t in of.items()])
                bench.results.metric(
                    f"{attack}.{handling}",
                    target[attack, handling],
                    label=f"Images qui trompent le réseau, attaque {ATTACKS[attack]}, {title}",
                    unit="%",
                )
            intact[handling] = share([originals[name][handling] == label for name, label in labels.items()])
        count = f"{len(self.images)} photographies, intervalle de Wilson à 95 % entre parenthèses."
        bench.results.table(
            "cible",
            caption=f"Images où le réseau voit encore « {bench.class_title(self.target)} », en %, sur {count}",
            columns=["Traitement de l’image", *(f"Attaque {title}" for title in ATTACKS.values())],
            rows=[
                [title, *(_with_interval(target[attack, key]) for attack in ATTACKS)]
                for key, title in HANDLINGS.items()
            ],
        )
        bench.results.table(
            "vraie-classe",
            caption=f"Images où le réseau voit la vraie classe, en %, sur {count}",
            columns=[
                "Traitement de l’image",
                "Photographie intacte",
                *(f"Attaque {title}" for title in ATTACKS.values()),
            ],
            rows=[
                [title, *map(_with_interval, (intact[key], *(right[attack, key] for attack in ATTACKS)))]
                for key, title in HANDLINGS.items()
            ],
        )
        self._chart(bench, target)

    def _chart(self, bench: Bench, target: Mapping[tuple[str, str], Estimate]) -> None:
        figure, (axes,) = canvas(7.6, 4.2)
        for shift, (attack, title) in zip((-0.2, 0, 0.2), ATTACKS.items(), strict=True):
            shares = [target[attack, handling] for handling in HANDLINGS]
            axes.errorbar(
                [one.value for one in shares],
                np.arange(len(HANDLINGS)) + shift,
                xerr=[[one.value - one.low for one in shares], [one.high - one.value for one in shares]],
                fmt="o",
                capsize=3,
                label=title,
            )
        axes.set_yticks(range(len(HANDLINGS)), HANDLINGS.values())
        axes.invert_yaxis()
        axes.set(xlabel=f"Images encore vues comme « {bench.class_title(self.target)} » (%)", xlim=(-3, 103))
        axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
        bench.results.chart(
            "survie",
            draw(figure, bench.language),
            title="Ce qui reste des images trompeuses après un traitement",
            caption="Part des images où le réseau voit encore la classe visée, pour trois attaques ; traits : "
            "intervalle de Wilson à 95 %.",
            alt="Pour chaque traitement, trois points avec leur intervalle : la part des images qui trompent encore",
            arrays={
                attack: np.array([(one.value, one.low, one.high) for one in (target[attack, key] for key in HANDLINGS)])
                for attack in ATTACKS
            },
            images=self.images,
            seed=self.seed,
            parameters=self._parameters(bench),
        )

    def _figure(self, bench: Bench, name: str, trials: Mapping[str, _Trial]) -> None:
        photograph, results = bench.photographs[name], bench.results
        original = results.picture(
            name, photograph.pixels, title="Originale", alt=f"Photographie d’origine : {photograph.title}"
        )
        columns: list[list[Picture]] = [[original]]
        for attack, trial in trials.items():
            change = (trial.saved.astype(np.float32) - photograph.pixels) / np.float32(255)
            columns.append(
                [
                    results.picture(
                        f"{name}-{attack}",
                        trial.saved,
                        title=f"Attaque {ATTACKS[attack]}",
                        alt=f"« {photograph.title} », modifiée par l’attaque {ATTACKS[attack]}",
                    ),
                    results.picture(
                        f"{name}-{attack}-difference-x10",
                        around_grey(10 * change),
                        title="Différence × 10",
                        alt="Différence multipliée par dix : grain coloré sur fond gris",
                        scale=grey_scale(10),
                    ),
                ]
            )
        results.figure(
            name,
            title=f"{photograph.title} → {bench.class_title(self.target)}, trois attaques",
            caption="La photographie, puis les images de trois attaques et leurs changements multipliés par dix : "
            "celle qui s’arrête dès que la classe visée est atteinte, celle qui continue, celle qui suit le gradient à "
            "travers des traitements tirés au hasard. "
            + " ".join(f"Attaque {ATTACKS[attack]} : {self._told(trial)}." for attack, trial in trials.items()),
            columns=columns,
            thumbnail=columns[-1][0],
            # The fooling images themselves are in their PNG files, which lose nothing.
            arrays={
                attack: np.array([seen == self.target for seen in t.seen.values()]) for attack, t in trials.items()
            },
            images=[name],
            seed=self.seed,
            parameters=self._parameters(bench),
        )

    def _told(self, trial: _Trial) -> str:
        survived = [title for key, title in HANDLINGS.items() if trial.seen[key] == self.target]
        mean = number(trial.difference.delta_e, 2)
        return f"ΔE*ab moyen {mean}, {len(survived)} traitements sur {len(HANDLINGS)} passés"

    def _parameters(self, bench: Bench) -> dict[str, str | float | bool]:
        return {
            "classe visée": f"{bench.class_title(self.target)} ({self.target})",
            "pas η (norme L2, espace normalisé)": self.step,
            "norme L2 permise (espace normalisé)": self.radius,
            "itérations": self.iterations,
            "traitements au hasard par pas": self.views,
            "pixels gardés valides à chaque pas": self.clamp,
        }


def _with_interval(of: Estimate) -> str:
    return f"{number(of.value, 3)} ({number(of.low, 2)} à {number(of.high, 3)})"
