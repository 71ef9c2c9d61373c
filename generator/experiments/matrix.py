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
from generator.experiments.fooling import around_grey, to_bytes
from generator.images import Pixels
from generator.schema import AllClasses, ImageName
from generator.statistics import mean, share

if TYPE_CHECKING:
    from generator.vision.perception import Difference

UNSEEN = 1.0
"""ΔE*ab (CIE 1976) below which an observer notices no difference (Mokrzycki & Tatol 2011)."""
JUST_NOTICEABLE = 2.3
"""ΔE*ab (CIE 1976) of a just noticeable difference (Mahy, Van Eycken & Oosterlinck 1994)."""
MOST_NAMED = 40
"""How many target classes are named at most; more are only counted."""

MEASURES = {
    "l2": "Norme L2 (pixels dans [0, 1])",
    "linf": "Norme L∞ (pixels dans [0, 1])",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "delta_e": "ΔE*ab (CIE 1976), moyenne des pixels",
    "delta_e_high": "ΔE*ab (CIE 1976), 99ᵉ centile",
    "delta_e00": "ΔE CIEDE2000, moyenne des pixels",
    "delta_e00_high": "ΔE CIEDE2000, 99ᵉ centile",
}


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
        self._tables(bench, cells, {key: fooled for key, (fooled, *_) in pictures.items()})
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
        photograph, seen = bench.photographs[name].title, bench.class_title(target)
        return [
            bench.results.picture(
                f"{name}-{target}",
                saved,
                title=f"→ {seen}",
                alt=f"« {photograph} », modifiée en {steps} pas vers {seen}",
            ),
            bench.results.picture(
                f"{name}-{target}-difference",
                around_grey(change),
                title="Différence",
                alt="Différence entre les deux images : gris presque uniforme",
            ),
            bench.results.picture(
                f"{name}-{target}-difference-x10",
                around_grey(10 * change),
                title="Différence × 10",
                alt="Différence multipliée par dix : grain coloré sur fond gris",
            ),
        ]

    def _measure(self, bench: Bench, cells: Cells) -> None:
        metric, rows = bench.results.metric, self._by_image(cells)
        columns = {target: [cell for (_, t), cell in cells.items() if t == target] for target in self.targets}
        hardest = min(
            (column for column in columns.values() if column),
            key=lambda cells: fmean(cell.fooled for cell in cells),
        )
        metric(
            "images",
            share([all(cell.fooled for cell in row) for row in rows.values()]),
            label="Images qui trompent le réseau vers chacune des classes visées",
            unit="%",
        )
        metric(
            "classes",
            share([cell.fooled for cell in hardest]),
            label="Images qui trompent le réseau vers la classe visée la plus difficile",
            unit="%",
        )
        metric("cells", len(cells), label="Attaques menées")
        averaged: tuple[tuple[str, str, str, Callable[[_Cell], float]], ...] = (
            ("steps", "Itérations", "", lambda cell: cell.steps),
            ("success", "Images trompeuses réussies", "%", lambda cell: 100 * cell.fooled),
            (
                "unseen",
                "Réussies avec un ΔE*ab moyen sous 1",
                "%",
                lambda cell: 100 * (cell.fooled and cell.difference.delta_e < UNSEEN),
            ),
            (
                "unseen-strict",
                "Réussies avec un ΔE*ab sous 2,3 pour 99 % des pixels",
                "%",
                lambda cell: 100 * (cell.fooled and cell.difference.delta_e_high < JUST_NOTICEABLE),
            ),
            (
                "exponent",
                "Exposant α du spectre des changements",
                "",
                lambda cell: vision.perception.exponent(cell.spectrum),
            ),
        )
        for key, label, unit, value in averaged:
            means = [fmean(map(value, row)) for row in rows.values()]
            metric(key, mean(means), label=label, unit=unit)
        metric(
            "exponent-photographs",
            mean([vision.perception.exponent(power) for power in self._photographs(bench).values()]),
            label="Exposant α du spectre des photographies",
        )

    def _tables(self, bench: Bench, cells: Cells, fooled: Mapping[tuple[str, int], Picture]) -> None:
        headings = ["Photographie", *map(bench.class_title, self.targets)]
        links = [[None, *(fooled.get((name, target)) for target in self.targets)] for name in self.images]

        def rows(value: str) -> list[list[str | float | None]]:
            return [
                [
                    bench.photographs[name].title,
                    *(_shown(cells.get((name, target)), value) for target in self.targets),
                ]
                for name in self.images
            ]

        explained = (
            "Une ligne par photographie, une colonne par classe visée ; chaque case mène à ses images (la "
            "photographie, la même modifiée, leur différence, la différence × 10). « — » : la "
            "photographie est déjà de cette classe, ou le réseau l’y voit déjà ; « échec » : la classe visée n’est pas "
            f"atteinte en {self.iterations} pas."
        )
        for name, value, caption in (
            ("iterations", "steps", "Nombre de pas jusqu’à la classe visée."),
            ("delta-e", "delta_e", "ΔE*ab moyen (CIE 1976) entre la photographie et l’image trompeuse."),
            ("ssim", "ssim", "SSIM entre la photographie et l’image trompeuse."),
        ):
            bench.results.table(
                name, caption=f"{caption} {explained}", columns=headings, rows=rows(value), links=links, shaded=True
            )
        by_image = self._by_image(cells).values()
        summary: list[list[str | float | None]] = []
        for value, title in MEASURES.items():
            values = [[getattr(cell.difference, value) for cell in row] for row in by_image]
            estimate = mean([fmean(row) for row in values])
            every = [one for row in values for one in row]
            summary.append([title, estimate.value, estimate.low, estimate.high, min(every), max(every)])
        bench.results.table(
            "mesures",
            caption=f"Écart entre la photographie et l’image trompeuse, sur {len(cells)} attaques. La moyenne et son "
            "intervalle à 95 % comptent une valeur par photographie, la moyenne de ses classes visées.",
            columns=["Mesure", "Moyenne", "de", "à", "Plus petite", "Plus grande"],
            rows=summary,
        )

    def _steps(self, bench: Bench, cells: Cells) -> None:
        steps = np.array([[_number(cells.get((n, t)), "steps") for t in self.targets] for n in self.images])
        figure, (axes,) = canvas(8.6, 2.4 + 0.23 * len(self.images))
        heatmap(axes, steps, low=0, high=np.nanmax(steps), label="Itérations")
        axes.set_yticks(range(len(self.images)), [bench.photographs[name].title for name in self.images])
        if len(self.targets) <= MOST_NAMED:
            axes.set_xticks(range(len(self.targets)), map(bench.class_title, self.targets), rotation=40, ha="right")
        else:
            axes.set_xlabel("Classe visée")
        bench.results.chart(
            "iterations",
            draw(figure, bench.language),
            title="Nombre de pas, par photographie et par classe visée",
            caption="Plus la case est claire, plus il a fallu de pas. Une case vide : la photographie est déjà de "
            "cette classe, ou le réseau l’y voit déjà.",
            alt="Carte de chaleur : une ligne par photographie, une colonne par classe visée",
            arrays={"steps": steps, "targets": np.array(self.targets)},
            images=self.images,
            parameters=self._parameters(bench),
        )

    def _visibility(self, bench: Bench, cells: Cells) -> None:
        measures = {
            "delta_e": ("moyenne des pixels", np.sort([cell.difference.delta_e for cell in cells.values()])),
            "delta_e_high": ("99ᵉ centile", np.sort([cell.difference.delta_e_high for cell in cells.values()])),
        }
        figure, (axes,) = canvas()
        for label, values in measures.values():
            axes.step(values, 100 * np.arange(1, len(values) + 1) / len(values), where="post", label=label)
        for threshold, text, side in (
            (UNSEEN, "invisible ", "right"),
            (JUST_NOTICEABLE, " tout juste visible", "left"),
        ):
            axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
            axes.text(threshold, 103, text, ha=side, fontsize=9, color=INK)
        axes.set(xlabel="ΔE*ab (CIE 1976)", ylabel="Images en dessous (%)", xlim=(0, None), ylim=(0, 101))
        axes.legend(loc="lower right")
        bench.results.chart(
            "delta-e",
            draw(figure, bench.language),
            title="À quel point les changements se voient",
            caption=f"Part des {len(cells)} images attaquées dont l’écart de couleur avec la photographie est sous la "
            "valeur en abscisse : en moyenne sur l’image, et pour le centième des pixels qui a le plus changé. "
            "Tirets : sous 1, un observateur ne remarque rien (Mokrzycki et Tatol 2011) ; à 2,3, la différence "
            "devient tout juste visible (Mahy et al. 1994).",
            alt="Deux courbes cumulées du ΔE*ab, de 0 à 100 % des images, et deux seuils de visibilité",
            arrays={key: values for key, (_, values) in measures.items()},
            images=self.images,
            parameters=self._parameters(bench),
        )

    def _spectra(self, bench: Bench, cells: Cells) -> None:
        spectra = {
            "photographs": ("photographies", np.array(list(self._photographs(bench).values()))),
            "changes": (
                "changements",
                np.array([np.mean([c.spectrum for c in row], axis=0) for row in self._by_image(cells).values()]),
            ),
        }
        figure, (axes,) = canvas()
        for label, powers in spectra.values():
            relative = 100 * powers / powers.sum(axis=1, keepdims=True)
            axes.loglog(np.arange(1, powers.shape[1] + 1), relative.mean(axis=0), label=label)
        axes.set(xlabel="Fréquence spatiale (cycles par image)", ylabel="Puissance (%)")
        axes.legend()
        bench.results.chart(
            "spectre",
            draw(figure, bench.language),
            title="Où se trouvent les détails : photographies et changements",
            caption="Puissance de chaque fréquence spatiale, moyenne des directions, en pour cent de la somme du "
            "spectre. À gauche les grandes formes, à droite le grain.",
            alt="Deux spectres en échelles logarithmiques : celui des photographies et celui des changements",
            arrays={key: values for key, (_, values) in spectra.items()},
            images=self.images,
            parameters=self._parameters(bench),
        )

    def _figure(self, bench: Bench, name: str, cells: Cells, pictures: Mapping[tuple[str, int], list[Picture]]) -> None:
        photograph = bench.photographs[name]
        original = bench.results.picture(
            name, photograph.pixels, title="Originale", alt=f"Photographie d’origine : {photograph.title}"
        )
        own = {target: cells[name, target] for target in self.targets if (name, target) in pictures}
        columns = zip(*(pictures[name, target] for target in own), strict=True)
        bench.results.figure(
            name,
            title=f"{photograph.title} → {len(own)} classes",
            caption="De gauche à droite : la photographie ; la même, modifiée jusqu’à ce que le réseau y voie la "
            "classe nommée dessous ; leur différence ; cette différence multipliée par dix. Aucune image n’est "
            "réétalée : dans les différences, le gris moyen veut dire « aucun changement ».",
            columns=[[original], *columns],
            thumbnail=next((pictures[name, target][0] for target in own), original),
            # The fooling images themselves are in their PNG files, which lose nothing.
            arrays={
                "targets": np.array(list(own)),
                "steps": np.array([cell.steps for cell in own.values()]),
                "fooled": np.array([cell.fooled for cell in own.values()]),
                **{key: np.array([getattr(cell.difference, key) for cell in own.values()]) for key in MEASURES},
            },
            images=[name],
            parameters=self._parameters(bench),
        )

    def _parameters(self, bench: Bench) -> dict[str, str | float | bool]:
        named = len(self.targets) <= MOST_NAMED
        return {
            "classes visées": ", ".join(map(bench.class_title, self.targets)) if named else len(self.targets),
            "pas η (norme L2, espace normalisé)": self.step,
            "itérations au plus": self.iterations,
            "pixels gardés valides à chaque pas": self.clamp,
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


def _shown(cell: _Cell | None, value: str) -> str | float | None:
    if cell is None:
        return None
    return _number(cell, value) if cell.fooled else "échec"


def _number(cell: _Cell | None, value: str) -> float:
    """A cell's number of steps or one of its measures; NaN where there was nothing to do."""
    if cell is None:
        return float("nan")
    return float(cell.steps if value == "steps" else getattr(cell.difference, value))
