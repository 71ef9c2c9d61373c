"""The matrix of fooling images: every photograph towards every target class, and how visible it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts
from generator.experiments.shared.adverse import USUAL
from generator.schema import AllClasses, ImageName, ImageSpec


class Matrix(Experiment):
    """The attack of ``fooling`` on all images, towards all targets, until the picture of 8 bits fools."""

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

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        if {images[name].label for name in self.images} == set(self.targets) and len(set(self.targets)) == 1:
            yield "targets", "all images are of that class already; name another one"

    @property
    def figures(self) -> Iterator[str]:
        yield from ("iterations", "delta-e", "spectre")
        yield from self.images

    @property
    def measures(self) -> Iterator[str]:
        yield from ("images", "classes", "cells", "steps", "success", "unseen", "unseen-strict")
        yield from ("exponent", "exponent-photographs")

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        """The spectrum of each photograph, by its name, and each attack, by photograph and target."""
        network = (NetworkUse(self.network),)
        rule = {"step": self.step, "iterations": self.iterations, "clamp": self.clamp}
        parts: dict[PartName, Part] = {
            name: Part(f"{__name__}.compute:spectrum_of", network, (name,)) for name in self.images
        }
        return parts | {
            (name, target): Part(
                f"{__name__}.compute:fool_saved",
                network,
                (name,),
                {"target": target, **rule},
                passes=self.iterations + 1,
                usual=USUAL,
            )
            for name in self.images
            for target in self.targets
            if target != images[name].label
        }
