"""Channels: what those of chosen layers answer to, grown from noise and found in photographs, by two networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts
from generator.schema import Fraction, ImageName, ImageSpec, NetworkName

FAINT = 0.01
"""How much of the noise the images start from: next to nothing, as in rung 4 of the ladder."""
WHOSE = ("own", "other")


class Channels(Experiment):
    """Images that excite a channel, beside the photographs that do; layer by layer, channels chosen by a rule."""

    family: ClassVar[Family] = "classvis"

    other: NetworkName = Field(description="name of the second network, looked at in the same depths")
    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    depths: tuple[Fraction, ...] = Field(
        (0, 0.25, 0.5, 0.75, 1),
        min_length=1,
        description="places of the layers: 0 is the first one, 1 the last; rising",
    )
    count: int = Field(3, ge=1, description="how many channels of each layer, evenly spread over their numbers")
    starts: int = Field(2, ge=1, description="how many images of each channel of the first network, from other noises")
    iterations: int = Field(ge=1, description="of every image")
    rate: float = Field(gt=0, description="Adam's rate")
    jitter: int = Field(16, ge=0, description="random shift of up to this many pixels")
    degrees: float = Field(ge=0, description="random rotation by up to this angle")
    zoom: float = Field(ge=1, description="random scaling by up to this factor, either way")

    @property
    def figures(self) -> Iterator[str]:
        for place in range(1, 1 + len(self.depths)):
            yield from (f"couche-{place}", f"couche-{place}-autre")

    @property
    def measures(self) -> Iterator[str]:
        for place in range(1, 1 + len(self.depths)):
            yield from (f"{whose}.{place}.beaten" for whose in WHOSE)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        """Each image by whose it is, its layer, its channel and its start; what each photograph does to each layer."""
        parts: dict[PartName, Part] = {}
        for whose, network, starts in zip(WHOSE, (self.network, self.other), (self.starts, 1), strict=True):
            use = (NetworkUse(network),)
            for place, depth in enumerate(self.depths):
                chosen = {"depth": depth, "count": self.count}
                for name in self.images:
                    parts[whose, place, name] = Part(f"{__name__}.compute:look", use, (name,), chosen, passes=1)
                for nth in range(self.count):
                    for start in range(starts):
                        parts[whose, place, nth, start] = Part(
                            f"{__name__}.compute:grow",
                            use,
                            self.images,
                            {
                                **chosen,
                                "nth": nth,
                                "noise": FAINT,
                                "iterations": self.iterations,
                                "step": self.rate,
                                "jitter": self.jitter,
                                "degrees": self.degrees,
                                "zoom": self.zoom,
                            },
                            self.seed + start,
                            # It looks at the image as it is saved.
                            passes=self.iterations + 1,
                        )
        return parts
