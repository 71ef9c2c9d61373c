"""Detection and segmentation: what can be drawn from a saliency map alone, against what needs no map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.experiments.shared.boxes import Boxed
from generator.schema import Fraction, ImageSpec

RULES = ("map", "whole", "centred")
MASKS = ("map", "centred")
"""Where boxes and masks come from: the map, and the controls that owe nothing to it."""


class Detection(Boxed, Experiment):
    """A box and a mask drawn from the saliency map, beside boxes and masks that owe nothing to it."""

    family: ClassVar[Family] = "saliency"

    blur: float = Field(8, gt=0, description="standard deviation of the Gaussian that smooths the map, in pixels")
    threshold: Fraction = Field(
        0.2, description="share of the maximum above which the map is object (Zhou et al. 2016)"
    )
    object_share: Fraction = Field(
        0.05, description="share of the pixels, the most salient, that a mask grows from (Simonyan et al. 2013)"
    )
    background_share: Fraction = Field(
        0.3, description="share of the pixels, the least salient, that are surely background (Simonyan et al. 2013)"
    )

    @property
    def figures(self) -> Iterator[str]:
        yield from ("controles", "exemples")

    @property
    def measures(self) -> Iterator[str]:
        yield from (f"{name}-{rule}" for rule in RULES for name in ("iou", "found"))
        yield from (f"mask-iou-{rule}" for rule in MASKS)
        yield from ("box-gain", "mask-gain")

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {
            name: Part(
                f"{__name__}.compute:draw",
                (NetworkUse(self.network),),
                (name,),
                {
                    "target": images[name].label,
                    "blur": self.blur,
                    "threshold": self.threshold,
                    "object_share": self.object_share,
                    "background_share": self.background_share,
                },
                passes=1,
            )
            for name in self.images
            if images[name].boxes
        }
