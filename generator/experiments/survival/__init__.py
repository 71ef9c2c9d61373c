"""Survival: do fooling images still fool after what befalls pictures on their way to a network?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts
from generator.experiments.shared.adverse import USUAL, Attack
from generator.schema import ImageName, ImageSpec
from generator.vision.handlings import HANDLINGS

ATTACKS = ("juste", "marge", "robuste")


class Survival(Attack, Experiment):
    """Three attacks, seen again by the network after their pictures were compressed, resized, blurred, brightened."""

    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    radius: float = Field(gt=0, description="L2 norm of the whole change that the two stronger attacks may make")
    iterations: int = Field(50, ge=1, description="steps of each attack; the first one stops at the target")
    views: int = Field(2, ge=1, description="random handlings that the robust attack looks through at each step")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        for name in self.images:
            if images[name].label == self.target:
                yield "images", f"{name} is of the target class already; leave it out"

    @property
    def figures(self) -> Iterator[str]:
        yield "survie"
        yield from self.images

    @property
    def measures(self) -> Iterator[str]:
        yield from ("unseen", "real")
        yield from (f"{attack}.{handling}" for attack in ATTACKS for handling in HANDLINGS)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        """What is seen in each photograph, by its name, and what came of it, by photograph and attack."""
        parts: dict[PartName, Part] = {
            name: Part(f"{__name__}.compute:intact", (NetworkUse(self.network),), (name,), passes=len(HANDLINGS))
            for name in self.images
        }
        return parts | {(name, attack): self._attack(name, attack) for name in self.images for attack in ATTACKS}

    def _attack(self, name: str, attack: str) -> Part:
        looked_at = self.iterations * (self.views if attack == "robuste" else 1) + len(HANDLINGS)
        brief = attack == "juste"
        return Part(
            f"{__name__}.compute:attacked",
            (NetworkUse(self.network),),
            (name,),
            {
                "target": self.target,
                "step": self.step,
                "iterations": self.iterations,
                "clamp": self.clamp,
                "radius": None if brief else self.radius,
                "views": self.views if attack == "robuste" else 0,
            },
            self.seed if attack == "robuste" else None,
            passes=looked_at + brief,  # one that stops at the target looks once more
            usual=USUAL + len(HANDLINGS) if brief else None,
        )
