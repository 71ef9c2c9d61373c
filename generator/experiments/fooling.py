"""Fooling images: a photograph changed, hardly visibly, until the network sees another class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import YES_NO, Scale
from generator.experiments.base import Bench, Experiment, Family
from generator.french import number
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName

FILMED = frozenset((*range(20), *range(20, 1000, 10)))
"""Iterations whose image becomes a frame of the film: all at first, when most images arrive."""


class Fooling(Experiment):
    """x <- x + step * g / ||g||, until the target has the highest score (Szegedy et al. 2013)."""

    kind: ClassVar[str] = "fooling"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class the network shall see: an index or an English name")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="give up after this many steps")
    clamp: bool = Field(description="keep pixels valid after each step; otherwise only what is shown is clipped")

    @property
    def photographs(self) -> tuple[str, ...]:
        return self.images

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield from self.images

    @property
    def work(self) -> int:
        return len(self.images) * (self.iterations + 1)

    def run(self, bench: Bench) -> None:
        network, names = bench.network, list(bench.photographs)
        rule = vision.ascent.Rule(
            iterations=self.iterations,
            step=self.step,
            unit_gradient=True,
            clamp=self.clamp,
            stop_at_target=True,
        )
        climbs = (
            vision.ascent.Climb(network.normalise([photograph.pixels])[0], self.target, snapshots=FILMED)
            for photograph in bench.photographs.values()
        )
        for position, summit in vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step):
            self._record(bench, names[position], summit)

    def _record(self, bench: Bench, name: str, summit: vision.ascent.Summit) -> None:
        photograph, results, network = bench.photographs[name], bench.results, bench.network
        before = photograph.pixels.astype(np.float32) / np.float32(255)
        after = network.pixels(summit.image)
        saved = to_bytes(after)
        change = after - before
        chances = vision.gradients.probabilities(network.scorer, network.normalise([photograph.pixels, saved]))
        target, title = bench.class_title(self.target), photograph.title
        own = bench.class_title(photograph.label)
        facts = [
            results.metric(f"{name}.{key}", float(value), label=label, unit=unit)
            for key, value, label, unit in (
                ("reached", summit.reached, "Classe visée atteinte", YES_NO),
                ("iterations", summit.steps, "Itérations", ""),
                ("l2", np.linalg.norm(change), "Norme L2 du changement (pixels dans [0, 1])", ""),
                ("linf", np.abs(change).max(), "Norme L∞ du changement (pixels dans [0, 1])", ""),
                ("score-before", summit.scores[0], f"Score « {target} » avant", ""),
                ("score-after", summit.scores[-1], f"Score « {target} » après", ""),
                ("target-before", 100 * chances[0, self.target], f"Probabilité « {target} » avant", "%"),
                ("target-after", 100 * chances[1, self.target], f"Probabilité « {target} » après *", "%"),
                ("label-before", 100 * chances[0, photograph.label], f"Probabilité « {own} » avant", "%"),
                ("label-after", 100 * chances[1, photograph.label], f"Probabilité « {own} » après *", "%"),
                ("survives", chances[1].argmax() == self.target, "L’image enregistrée trompe le réseau *", YES_NO),
            )
        ]  # fmt: skip
        shown = {
            "originale": (photograph.pixels, "Originale", f"Photographie d’origine : {title}", None),
            "trompeuse": (saved, "Modifiée", f"La même photographie, modifiée : à l’œil, toujours « {title} »", None),
            "difference": (
                around_grey(change),
                "Différence",
                "Différence entre les deux images : gris presque uniforme",
                grey_scale(1),
            ),
            "difference-x10": (
                around_grey(10 * change),
                "Différence × 10",
                "Différence multipliée par dix : grain coloré sur fond gris",
                grey_scale(10),
            ),
        }
        pictures = {
            key: results.picture(f"{name}-{key}", pixels, title=heading, alt=alt, scale=scale)
            for key, (pixels, heading, alt, scale) in shown.items()
        }
        outcome = (
            f"jusqu’à ce que le réseau y voie « {target} »"
            if summit.reached
            else f"sans que le réseau y voie « {target} » au bout de {summit.steps} pas"
        )
        clipped = 100 * float(np.mean(np.abs(10 * change) > 0.5))
        results.figure(
            name,
            title=f"{title} → {target}",
            caption=(
                f"De gauche à droite : la photographie ; la même, modifiée {outcome} ; leur différence ; cette "
                "différence multipliée par dix. Aucune image n’est réétalée : dans les différences, le gris moyen "
                "veut dire « aucun changement » et un écart de 1/255 vaut un niveau de gris (dix à droite, où "
                f"{number(clipped, 2)} % des valeurs sortent de l’échelle et sont écrêtées). * Mesuré sur l’image "
                "telle qu’elle est enregistrée, arrondie à 8 bits."
            ),
            columns=[[picture] for picture in pictures.values()],
            thumbnail=pictures["trompeuse"],
            arrays={"original": photograph.pixels, "fooled": after},
            images=[name],
            classes=[target],
            compare=[(pictures["originale"], pictures["trompeuse"])],
            seed=None,
            parameters={
                "classe visée": f"{target} ({self.target})",
                "pas η (norme L2, espace normalisé)": self.step,
                "itérations au plus": self.iterations,
                "pixels gardés valides à chaque pas": self.clamp,
            },
            facts=facts,
        )
        frames = {iteration: to_bytes(network.pixels(image)) for iteration, image in summit.snapshots.items()}
        results.film(
            name,
            title=f"{title} → {target}",
            figures=[name],
            frames=frames | {summit.steps: saved},
            total=summit.steps,
            scores=summit.scores,
            alt=f"« {title} », modifiée peu à peu vers « {target} »",
        )


def to_bytes(values: NDArray[np.float32]) -> Pixels:
    """Pixel values -> what an image file holds: clipped to [0, 1], rounded to uint8."""
    return np.round(values.clip(0, 1) * 255).astype(np.uint8)


def around_grey(change: NDArray[np.float32]) -> Pixels:
    """Signed changes of pixel values -> a picture whose middle grey means « no change »."""
    return to_bytes(0.5 + change)


def grey_scale(times: float) -> Scale:
    """Which changes of pixel values in [0, 1] black and white mean in ``around_grey(times * change)``."""
    return Scale(palette="grey", low=-0.5 / times, high=0.5 / times)
