"""Transfer: do images that fool one network fool another, whose gradient was never used?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts, Setting
from generator.experiments.shared.adverse import USUAL
from generator.schema import ClassIndex, ImageName, ImageSpec, NetworkName

RULE = "regle"
"""Images that stop as soon as the attacked network sees the target."""
BEYOND = "pas"
"""Images that go on behind it."""


class Transfer(Experiment):
    """Fooling images made on one network, shown to another (Szegedy et al. 2013, section 4.2)."""

    family: ClassVar[Family] = "fooling"

    other: NetworkName = Field(description="name of the network that is never differentiated")
    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class the networks shall see: an index, a name or a title")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="give up after this many steps, where the target ends the climb")
    pushed_step: float = Field(gt=0, description="the same for the images that go on behind the target")
    pushed: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, description="how many steps those make")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        if not self.attacked(images):
            yield "images", "all of them are of the target class already; add others"

    def attacked(self, images: Mapping[str, ImageSpec]) -> list[str]:
        """Names of its images but those of the target, which would count as fooled without any change."""
        return [name for name in self.images if images[name].label != self.target]

    @property
    def figures(self) -> Iterator[str]:
        yield "taux"

    @property
    def measures(self) -> Iterator[str]:
        of_each = ("own-target", "other-target", "other-fooled", "noise-fooled", "l2")
        levels = (RULE, *(f"pas-{steps}" for steps in self.pushed))
        yield from (f"{level}.{name}" for level in levels for name in of_each)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        """Each photograph under each of the two rules."""
        networks = (NetworkUse(self.network), NetworkUse(self.other))
        task, seen = f"{__name__}.compute:transferred", 3  # by the one network, by the other, and its noise
        brief: dict[str, Setting] = {
            "target": self.target,
            "step": self.step,
            "iterations": self.iterations,
            "moments": None,
        }
        beyond: dict[str, Setting] = {
            "target": self.target,
            "step": self.pushed_step,
            "iterations": max(self.pushed),
            "moments": self.pushed,
        }
        parts: dict[PartName, Part] = {}
        for name in self.attacked(images):
            parts[name, RULE] = Part(
                task, networks, (name,), brief, self.seed, passes=self.iterations + 2 + seen, usual=USUAL
            )
            passes = max(self.pushed) + 1 + seen * len(self.pushed)
            parts[name, BEYOND] = Part(task, networks, (name,), beyond, self.seed, passes=passes)
        return parts
