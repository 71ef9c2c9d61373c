"""Linearity: how far the gradient's forecast of a score holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, PositiveFloat

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.schema import ImageName, ImageSpec


class Linearity(Experiment):
    """Change of s_y that the gradient foretells, against the actual one, for longer and longer steps."""

    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    levels: tuple[PositiveFloat, ...] = Field(
        (0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        min_length=2,
        description="sizes of the change, root mean square over all values, in grey levels of 255; rising",
    )
    random: int = Field(4, ge=1, description="how many random directions per image")

    @property
    def figures(self) -> Iterator[str]:
        yield "erreur"

    @property
    def measures(self) -> Iterator[str]:
        for direction in ("gradient", "random"):
            yield from (f"error.{direction}.{level:g}" for level in self.levels)
            yield f"half.{direction}"

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {
            name: Part(
                f"{__name__}.compute:foretell",
                (NetworkUse(self.network),),
                (name,),
                {"target": images[name].label, "levels": self.levels, "random": self.random},
                self.seed,
                passes=1 + (2 + self.random) * len(self.levels),
            )
            for name in self.images
        }
