"""The lab's way to fool a network beside those of the literature: how small a change each finds, at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts, Setting
from generator.experiments.shared.adverse import USUAL, attack_part
from generator.schema import ClassIndex, ImageName, ImageSpec

RADII = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Radii of FGSM and PGD, in grey levels of 1/255; the smallest one that fools is kept."""


class Cost(NamedTuple):
    """What an attack of the literature needs.

    Attributes:
        passes: how often it shows a photograph to the network, at most.
        usual: how often it usually does, where it may stop early.
        draws: whether it draws random numbers.
        radii: those that it tries; none if it looks for the smallest change itself.
    """

    passes: int
    usual: int | None = None
    draws: bool = False
    radii: tuple[float, ...] = ()


LITERATURE = {
    "fgsm": Cost(10, radii=RADII),
    "pgd": Cost(45, draws=True, radii=RADII),
    "deepfool": Cost(85, usual=20),
    "carlini-wagner": Cost(91),
    "hop-skip-jump": Cost(2500, usual=500, draws=True),
}
METHODS = ("runner-up", "target", *LITERATURE)
"""In the order of the table; the first two are the lab's, towards the second class and towards a chosen one."""


class Attacks(Experiment):
    """Untargeted attacks on the same photographs, and the norms of the changes they find."""

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
    def measures(self) -> Iterator[str]:
        of_each = ("fooled", "saved", "l2", "linf", "gradients", "queries")
        yield from (f"{method}.{name}" for method in METHODS for name in of_each)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        """Each photograph under each method."""
        network = (NetworkUse(self.network),)
        rule: dict[str, Setting] = {"step": self.step, "iterations": self.iterations, "clamp": True}
        parts: dict[PartName, Part] = {}
        for name in self.photographs:
            # Beside what an attack needs, the photograph is looked at once, and the image as it is saved once.
            parts[name, "runner-up"] = Part(
                f"{__name__}.compute:runner_up", network, (name,), rule, passes=self.iterations + 4, usual=USUAL
            )
            parts[name, "target"] = attack_part(
                self.network, name, self.target, step=self.step, iterations=self.iterations, clamp=True
            )
            for method, cost in LITERATURE.items():
                parts[name, method] = Part(
                    f"{__name__}.compute:literature",
                    network,
                    (name,),
                    {"method": method, "radii": cost.radii},
                    self.seed if cost.draws else None,
                    passes=cost.passes + 2,
                    usual=cost.usual,
                )
        return parts
