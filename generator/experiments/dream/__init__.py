"""Dreams: photographs driven to excite a whole layer, at several scales; they claim nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.schema import Fraction, ImageName, ImageSpec


class Dream(Experiment):
    """A film for each photograph and each layer (Mordvintsev et al. 2015)."""

    family: ClassVar[Family] = "classvis"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    depths: tuple[Fraction, ...] = Field(
        (0.3, 0.6, 0.9), min_length=1, description="places of the layers: 0 is the first one, 1 the last"
    )
    scales: tuple[Annotated[float, Field(ge=1)], ...] = Field(
        (1, 1.5, 2.2), min_length=1, description="how many times enlarged the network sees the image, in turn"
    )
    iterations: int = Field(ge=1, description="of each scale")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.0, 0.3), description="first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    jitter: int = Field(16, ge=0, description="random shift of up to this many pixels")

    @property
    def figures(self) -> Iterator[str]:
        yield from (self.figure(image, place) for image in self.images for place in range(len(self.depths)))

    @property
    def measures(self) -> Iterator[str]:
        yield from ()

    def figure(self, image: str, place: int) -> str:
        """Name of the figure, and of the film, of a photograph and a layer, whatever the lab's images are called."""
        return f"reve-{1 + self.images.index(image)}-couche-{1 + place}"

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        return {
            (name, place): Part(
                f"{__name__}.compute:film",
                (NetworkUse(self.network),),
                (name,),
                {
                    "depth": depth,
                    "scales": self.scales,
                    "iterations": self.iterations,
                    "step": self.step,
                    "gradient_sigma": self.gradient_sigma,
                    "jitter": self.jitter,
                },
                self.seed,
                passes=len(self.scales) * self.iterations,
            )
            for name in self.images
            for place, depth in enumerate(self.depths)
        }
