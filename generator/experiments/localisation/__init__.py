"""Localisation: is the saliency where the objects are?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, Parts
from generator.experiments.shared.boxes import Boxed
from generator.experiments.shared.maps import map_part
from generator.schema import Box, ImageName, ImageSpec


class Localisation(Boxed, Experiment):
    """The saliency inside the annotated boxes, against what a map that knows nothing would put there."""

    family: ClassVar[Family] = "saliency"

    heads: dict[ImageName, Box] = Field(
        default_factory=dict, description="the dog's head inside its box, in photographs of dogs"
    )

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.heads)))

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        yield from super().problems(images)
        for name, head in self.heads.items():
            if not any(_overlap(head, box) for box in images[name].boxes):
                yield (
                    "heads",
                    f"the head of {name} lies in none of its boxes; give it boxes: under images, or correct it",
                )

    @property
    def figures(self) -> Iterator[str]:
        yield from ("energie", "couverture", "exemples")

    @property
    def measures(self) -> Iterator[str]:
        yield from ("area", "energy", "energy-gain", "pointing", "coverage")
        if self.heads:
            yield "head-gain"

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {
            name: map_part(self.network, name, images[name].label) for name in self.photographs if images[name].boxes
        }


def _overlap(one: Box, other: Box) -> bool:
    return max(one[0], other[0]) < min(one[2], other[2]) and max(one[1], other[1]) < min(one[3], other[3])
