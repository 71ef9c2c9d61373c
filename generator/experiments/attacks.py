"""The lab's way to fool a network beside those of the literature: how small a change each finds, at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from generator import vision
from generator.experiments.base import Bench, Experiment, Family
from generator.experiments.fooling import around_grey, grey_scale, to_bytes
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName
from generator.statistics import mean, share

TITLES = {
    "runner-up": "TP, 2e classe",
    "target": "TP, classe choisie",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "deepfool": "DeepFool",
    "carlini-wagner": "Carlini-Wagner",
    "hop-skip-jump": "HopSkipJump",
}


class Attacks(Experiment):
    """Untargeted attacks on the same photographs, and the norms of the changes they find."""

    kind: ClassVar[str] = "attacks"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class chosen for the lab's own, targeted method")
    step: float = Field(gt=0, description="L2 norm of the lab's steps, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="the lab's method gives up after this many steps")
    shown: ImageName = Field(description="photograph of the figure, one of the images")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, self.shown)))

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield self.shown

    @property
    def work(self) -> int:
        passes = 2 * (self.iterations + 1) + sum(vision.attacks.METHODS.values()) + len(TITLES) + 1
        return len(self.photographs) * passes

    def run(self, bench: Bench) -> None:
        network = bench.network
        originals = [one.pixels for one in bench.photographs.values()]
        ranked = [
            vision.gradients.probabilities(network.scorer, network.normalise([pixels]))[0].argsort()[::-1]
            for pixels in originals
        ]
        bench.on_step(len(originals))
        outcomes = {
            "runner-up": self._climb(bench, originals, [int(ranks[1]) for ranks in ranked]),
            "target": self._climb(bench, originals, [self.target] * len(originals)),
        }
        for method in vision.attacks.METHODS:
            outcomes[method] = vision.attacks.attack(network, originals, method, seed=self.seed, on_step=bench.on_step)
        rows = []
        for method, ends in outcomes.items():
            saved = vision.gradients.answers(network, (to_bytes(end.image) for end in ends), on_step=bench.on_step)
            survives = [bool(answer != ranks[0]) for answer, ranks in zip(saved, ranked, strict=True)]
            rows.append([TITLES[method], *self._measure(bench, method, ends, originals, survives)])
        bench.results.table(
            "methodes",
            caption=f"Sur {len(originals)} photographies, part des images qui changent la réponse du réseau, en %, "
            "telles quelles puis arrondies à 8 bits comme dans un fichier ; moyennes de la norme L2 (pixels dans "
            "[0, 1]) et de la norme L∞ (en niveaux de gris, 1/255) des changements qui y parviennent ; par image, "
            "nombre de passages avec gradient et sans. Entre crochets, intervalles de confiance à 95 % (Wilson).",
            columns=["Méthode", "trompe", "enregistrée", "L2", "L∞", "gradients", "réponses"],
            rows=rows,
        )
        place = list(bench.photographs).index(self.shown)
        self._figure(bench, {method: ends[place] for method, ends in outcomes.items()})

    def _climb(self, bench: Bench, originals: Sequence[Pixels], targets: Sequence[int]) -> list[vision.attacks.Outcome]:
        network = bench.network
        rule = vision.ascent.Rule(self.iterations, self.step, unit_gradient=True, stop_at_target=True)
        climbs = (
            vision.ascent.Climb(network.normalise([pixels])[0], target)
            for pixels, target in zip(originals, targets, strict=True)
        )
        summits = dict(vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step))
        return [
            vision.attacks.Outcome(
                network.pixels(summits[place].image), summits[place].reached, len(summits[place].scores), 0
            )
            for place in sorted(summits)
        ]

    def _measure(
        self,
        bench: Bench,
        method: str,
        ends: Sequence[vision.attacks.Outcome],
        originals: Sequence[Pixels],
        survives: Sequence[bool],
    ) -> Iterator[str | float | None]:
        """Record what a method reached, and give the cells of its row."""
        changes = [end.image - pixels / 255 for end, pixels in zip(ends, originals, strict=True) if end.fooled]
        measures = {
            "fooled": (share([end.fooled for end in ends]), "images qui trompent", "%"),
            "saved": (share(survives), "images enregistrées qui trompent", "%"),
            "l2": (changes and mean([float(np.linalg.norm(change)) for change in changes]), "norme L2 moyenne", ""),
            "linf": (
                changes and mean([255 * float(np.abs(change).max()) for change in changes]),
                "norme L∞ moyenne, en 1/255",
                "",
            ),
            "gradients": (float(np.mean([end.gradients for end in ends])), "passages avec gradient par image", ""),
            "queries": (float(np.mean([end.queries for end in ends])), "passages sans gradient par image", ""),
        }
        for key, (value, label, unit) in measures.items():
            if isinstance(value, list):  # nothing was fooled: there is no distance
                yield None
                continue
            bench.results.metric(f"{method}.{key}", value, label=f"{TITLES[method]} : {label}", unit=unit)
            yield value if isinstance(value, float) else value.cell(bench.language) if unit else value.value

    def _figure(self, bench: Bench, ends: Mapping[str, vision.attacks.Outcome]) -> None:
        results, photograph = bench.results, bench.photographs[self.shown]
        original = photograph.pixels.astype(np.float32) / np.float32(255)
        shown = {"original": original} | {method: end.image for method, end in ends.items()}
        pairs = [
            (
                results.picture(
                    f"{self.shown}-{key}",
                    to_bytes(image),
                    title=title,
                    alt=f"Photographie « {photograph.title} » : {title}",
                ),
                results.picture(
                    f"{self.shown}-{key}-difference-x10",
                    around_grey(10 * (image - original)),
                    title="différence × 10",
                    alt=f"Sa différence avec l’originale, multipliée par dix, autour d’un gris moyen : {title}",
                    scale=grey_scale(10),
                ),
            )
            for (key, image), title in zip(shown.items(), ("originale", *TITLES.values()), strict=True)
        ]
        width = len(pairs) // 2
        results.figure(
            self.shown,
            title=f"{photograph.title} : une image, plusieurs attaques",
            caption="La photographie, puis ce qu’en fait chaque méthode ; sous chaque image, sa différence avec "
            "l’originale multipliée par dix, où le gris moyen veut dire « aucun changement ».",
            columns=[[*above, *below] for above, below in zip(pairs[:width], pairs[width:], strict=True)],
            thumbnail=pairs[-1][0],
            arrays=shown,
            images=[self.shown],
            seed=self.seed,
            parameters={
                "pas η de la méthode du TP (norme L2, espace normalisé)": self.step,
                "classe choisie": f"{bench.class_title(self.target)} ({self.target})",
                "rayons de FGSM et PGD, en 1/255": ", ".join(map(str, vision.attacks.RADII)),
                "autres réglages": "ceux de generator/vision/attacks.py, pour foolbox",
            },
        )
