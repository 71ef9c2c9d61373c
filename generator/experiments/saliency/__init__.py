"""Saliency maps: which pixels, changed a little, change the score of the true class most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, Parts
from generator.experiments.shared.maps import map_part
from generator.schema import ImageName, ImageSpec, Name


class Saliency(Experiment):
    """max over the colour channels of |d s_y / d x|, for the true class y (Simonyan et al. 2013)."""

    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    strips: dict[Name, tuple[ImageName, ...]] = Field(
        default_factory=dict, description="figures that show several images over their maps"
    )

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *(i for strip in self.strips.values() for i in strip))))

    @property
    def figures(self) -> Iterator[str]:
        yield from self.strips
        yield from self.images

    @property
    def measures(self) -> Iterator[str]:
        yield from (f"{image}.maximum" for image in self.photographs)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {name: map_part(self.network, name, images[name].label) for name in self.photographs}
