"""Fooling images: a photograph changed, hardly visibly, until the network sees another class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, Parts
from generator.experiments.shared.adverse import Attack, attack_part
from generator.schema import ImageName, ImageSpec

MEASURES = (
    "reached", "iterations", "l2", "linf", "score-before", "score-after", "target-before", "target-after",
    "label-before", "label-after", "survives",
)  # fmt: skip
"""What is measured on each photograph."""


class Fooling(Attack, Experiment):
    """Every photograph towards one class, with the film of its change (Szegedy et al. 2013)."""

    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield from self.images

    @property
    def measures(self) -> Iterator[str]:
        yield from (f"{image}.{name}" for image in self.images for name in MEASURES)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        return {
            name: attack_part(
                self.network, name, self.target, step=self.step, iterations=self.iterations, clamp=self.clamp
            )
            for name in self.images
        }
