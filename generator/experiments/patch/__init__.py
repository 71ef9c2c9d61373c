"""A patch with the features of a class: does it fool the network it was made on, and another one?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, NonNegativeFloat

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.experiments.shared.thirds import thirds
from generator.schema import ImageName, ImageSpec, NetworkNames

KINDS = ("patch", "photo", "noise")
"""What is pasted: the patch, and its two controls."""
PATCHES = ("motif-1", "motif-2")
RATES = ("target", "fooled")
"""What is measured: how often the target is seen, and how often anything else than before."""


class Patch(Experiment):
    """A square at random places that raises a class over many photographs (Brown et al. 2017)."""

    family: ClassVar[Family] = "fooling"

    other: NetworkNames = Field(description="the network that is never differentiated, or several")
    images: tuple[ImageName, ...] = Field(min_length=3, description="all images of the lab if left out")
    photograph: ImageName = Field(description="a photograph of the target class, which is its label; a control")
    side: int = Field(64, ge=8, description="side of the patch, in pixels of the network's input")
    iterations: int = Field(ge=1, description="steps of each of the two patches")
    batch: int = Field(4, ge=1, description="photographs that each step looks at")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    places: int = Field(3, ge=1, description="random places tried on each photograph")
    shown: tuple[ImageName, ...] = Field(min_length=1, description="photographs of the figure, among the images")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.shown, self.photograph)))

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        target = images[self.photograph].label
        for name in self.shown:
            if images[name].label == target:
                yield "shown", f"{name} is of the target class, as {self.photograph} is; show photographs of others"
        others = self._others(images)
        if len(others) < 2:  # the patch of each half is judged on the other
            yield (
                "images",
                f"found {len(others)} photographs of other classes than {self.photograph}; expected 2 or more",
            )

    @property
    def figures(self) -> Iterator[str]:
        yield from ("motifs", "exemples")

    @property
    def measures(self) -> Iterator[str]:
        for network in ("own", "other"):
            yield from (f"{network}.{kind}.{name}" for kind in KINDS for name in RATES)
            yield from (f"{network}.patch.{name}.{moment}" for name in RATES for moment in thirds(self.iterations))
        yield "area"

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        """Each patch, grown on one half of the photographs and judged on the other."""
        others = self._others(images)
        looks = 1 + (len(KINDS) + len(thirds(self.iterations))) * self.places
        halves = others[::2], others[1::2]
        return {
            patch: Part(
                f"{__name__}.compute:grow_and_judge",
                tuple(map(NetworkUse, self.networks)),
                (*made_on, *judged_on, self.photograph),
                {
                    "made_on": len(made_on),
                    "target": images[self.photograph].label,
                    "side": self.side,
                    "iterations": self.iterations,
                    "batch": self.batch,
                    "step": self.step,
                    "gradient_sigma": self.gradient_sigma,
                    "places": self.places,
                },
                self.seed,
                passes=self.iterations * self.batch + len(self.networks) * len(judged_on) * looks,
            )
            for patch, (made_on, judged_on) in zip(PATCHES, (halves, halves[::-1]), strict=True)
        }

    def _others(self, images: Mapping[str, ImageSpec]) -> list[str]:
        """Its photographs of other classes than the target."""
        return [name for name in self.photographs if images[name].label != images[self.photograph].label]
