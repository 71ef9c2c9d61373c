"""A patch with the features of a class: does it fool the network it was made on, and another one?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat

from generator import vision
from generator.errors import LabError
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels, resize
from generator.schema import ImageName, ImageSpec, NetworkName
from generator.shades import to_bytes
from generator.statistics import rate

KINDS = ("patch", "photo", "noise")
NETWORKS = ("own", "other")


class Patch(Experiment):
    """A square at random places that raises a class over many photographs (Brown et al. 2017)."""

    kind: ClassVar[str] = "patch"
    family: ClassVar[Family] = "fooling"

    other: NetworkName = Field(description="name of the network that is never differentiated")
    images: tuple[ImageName, ...] = Field(min_length=3, description="all images of the lab if left out")
    photograph: ImageName = Field(description="a photograph of the target class, which is its label; a control")
    side: int = Field(64, ge=8, description="side of the patch, in pixels of the network's input")
    iterations: int = Field(ge=1, description="steps of each of the two patches")
    batch: int = Field(4, ge=1, description="photographs that each step looks at")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    places: int = Field(3, ge=1, description="random places tried on each photograph")
    shown: tuple[ImageName, ...] = Field(min_length=1, description="photographs of the figure, among the images")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.shown, self.photograph)))

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        target = images[self.photograph].label
        for name in self.shown:
            if images[name].label == target:
                yield "shown", f"{name} is of the target class, as {self.photograph} is; show photographs of others"
        others = [name for name in self.photographs if images[name].label != target]
        if len(others) < 2:  # the patch of each half is judged on the other
            yield (
                "images",
                f"found {len(others)} photographs of other classes than {self.photograph}; expected 2 or more",
            )

    @property
    def figures(self) -> Iterator[str]:
        yield from ("motifs", "exemples")

    @property
    def work(self) -> int:
        looked_at = len(self.photographs) * (1 + len(KINDS) * self.places)
        return 2 * self.iterations * self.batch + 2 * looked_at

    def run(self, bench: Bench) -> None:
        photographs, control = bench.photographs, bench.photographs[self.photograph]
        if self.side > bench.network.size:
            raise LabError(f"side: {self.side} is more than the {bench.network.size} pixels of the image; make it less")
        names = [name for name, one in photographs.items() if one.label != control.label]
        random = np.random.default_rng(self.seed)
        noise = random.integers(256, size=(self.side, self.side, 3), dtype=np.uint8)
        patches = self._patches(bench, names, control.label)
        squares = {
            name: {"patch": patches[name], "photo": resize(control.pixels, self.side), "noise": noise} for name in names
        }
        room = bench.network.size - self.side + 1
        pasted = {}
        for name in names:
            # The same places for all kinds: what a square hides is the same for all of them.
            corners = random.integers(room, size=(self.places, 2)).tolist()
            pasted[name] = {
                kind: [paste(photographs[name].pixels, square, *corner) for corner in corners]
                for kind, square in squares[name].items()
            }
        sees = self._judge(bench, pasted, control.label)
        self._show(bench, squares, pasted, sees)

    def _patches(self, bench: Bench, names: list[str], target: int) -> dict[str, Pixels]:
        """For each photograph, a patch made on the half of the photographs that it is not in."""
        rule = vision.patch.Rule(self.side, self.iterations, self.batch, self.step, self.gradient_sigma)
        halves = names[::2], names[1::2]
        patches: dict[str, Pixels] = {}
        for made_on, judged_on in (halves, halves[::-1]):
            pixels = [bench.photographs[name].pixels for name in made_on]
            patch = vision.patch.grow(bench.network, pixels, target, rule, seed=self.seed, on_step=bench.on_step)
            patches |= dict.fromkeys(judged_on, to_bytes(patch))
        return patches

    def _judge(
        self, bench: Bench, pasted: Mapping[str, Mapping[str, list[Pixels]]], target: int
    ) -> dict[tuple[str, str, str], bool]:
        """Record how often each network is fooled; say whether it sees the target at the first place of each kind."""
        say, title = bench.language.say, bench.class_title(target)
        networks = {key: say(f"patch.network.{key}") for key in NETWORKS}
        rows: dict[str, list[str | None]] = {kind: [say(f"patch.kind.{kind}")] for kind in ("none", *KINDS)}
        sees: dict[tuple[str, str, str], bool] = {}
        for key, network in zip(NETWORKS, (bench.network, bench.networks[self.other]), strict=True):
            clean = vision.gradients.answers(
                network, (bench.photographs[name].pixels for name in pasted), on_step=bench.on_step
            )
            rows["none"] += [rate(clean == target).cell(bench.language), None]
            for kind in KINDS:
                images = (image for kinds in pasted.values() for image in kinds[kind])
                found = vision.gradients.answers(network, images, on_step=bench.on_step).reshape(len(pasted), -1)
                estimates = {
                    "target": rate((found == target).mean(axis=1)),
                    "fooled": rate((found != clean[:, None]).mean(axis=1)),
                }
                for name, estimate in estimates.items():
                    label = say(
                        f"patch.metric.{name}", network=networks[key], kind=say(f"patch.kind.{kind}"), target=title
                    )
                    bench.results.metric(f"{key}.{kind}.{name}", estimate, label=label, unit="%")
                rows[kind] += [estimate.cell(bench.language) for estimate in estimates.values()]
                sees |= {
                    (key, kind, name): bool(answer == target) for name, answer in zip(pasted, found[:, 0], strict=True)
                }
        area = bench.results.metric(
            "area", 100 * (self.side / bench.network.size) ** 2, label=say("patch.area"), unit="%"
        )
        bench.results.table(
            "taux",
            caption=say("patch.table.caption", places=self.places, area=round(area.value)),
            columns=[
                say("patch.table.kind"),
                *(
                    say(f"patch.table.{name}", network=network, target=title)
                    for network in networks.values()
                    for name in ("target", "fooled")
                ),
            ],
            rows=list(rows.values()),
        )
        return sees

    def _show(
        self,
        bench: Bench,
        squares: Mapping[str, Mapping[str, Pixels]],
        pasted: Mapping[str, Mapping[str, list[Pixels]]],
        sees: Mapping[tuple[str, str, str], bool],
    ) -> None:
        results, label, say = bench.results, bench.photographs[self.photograph].label, bench.language.say
        title = bench.class_title(label)
        parameters = {
            say("common.target"): f"{title} ({label})",
            say("patch.side"): say("patch.pixels", side=self.side, all=bench.network.size),
            say("common.step"): self.step,
            say("patch.smoothing"): " → ".join(map(bench.language.number, self.gradient_sigma)) + " px",
            say("patch.iterations"): say("patch.batches", iterations=self.iterations, photographs=self.batch),
        }
        names = list(squares)
        enlarge = bench.network.size // self.side
        alone = {"motif-1": squares[names[1]]["patch"], "motif-2": squares[names[0]]["patch"]}
        alone |= {kind: squares[names[0]][kind] for kind in ("photo", "noise")}
        titles = {f"motif-{half}": say("patch.half", half=half) for half in (1, 2)}
        titles |= {kind: say(f"patch.kind.{kind}") for kind in ("photo", "noise")}
        pictures = [
            results.picture(
                f"carre-{key}",
                square.repeat(enlarge, axis=0).repeat(enlarge, axis=1),
                title=titles[key],
                alt=say("patch.squares.alt", target=title, kind=titles[key]),
            )
            for key, square in alone.items()
        ]
        results.figure(
            "motifs",
            title=say("patch.squares.title", target=title),
            caption=say("patch.squares.caption"),
            columns=[[picture] for picture in pictures],
            thumbnail=pictures[0],
            arrays=alone,
            images=list(bench.photographs),
            seed=self.seed,
            parameters=parameters,
        )
        columns = [
            [
                results.picture(
                    f"{name}-{kind}",
                    pasted[name][kind][0],
                    title=say(
                        "patch.pasted.answers",
                        **{key: say("claim.yes" if sees[key, kind, name] else "claim.no") for key in NETWORKS},
                    ),
                    alt=say(
                        "patch.pasted.alt", photograph=bench.photographs[name].title, kind=say(f"patch.kind.{kind}")
                    ),
                )
                for kind in KINDS
            ]
            for name in self.shown
        ]
        results.figure(
            "exemples",
            title=say("patch.pasted.title", target=title),
            caption=say("patch.pasted.caption", target=title),
            columns=columns,
            thumbnail=columns[0][0],
            arrays={f"{name}-{kind}": pasted[name][kind][0] for name in self.shown for kind in KINDS},
            images=[*self.shown, self.photograph],
            seed=self.seed,
            parameters=parameters,
        )


def paste(photograph: Pixels, square: Pixels, top: int, left: int) -> Pixels:
    """A copy of a photograph with a square laid over it."""
    copy = photograph.copy()
    copy[top : top + len(square), left : left + len(square)] = square
    return copy
