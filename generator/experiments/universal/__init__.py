"""One change for all photographs: grown on some of them, does it fool a network about others, and another network?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts
from generator.schema import ImageName, ImageSpec, NetworkName

HALVES = (1, 2)


class Universal(Experiment):
    """A change of a given norm that makes a network answer otherwise (Moosavi-Dezfooli et al. 2017)."""

    family: ClassVar[Family] = "fooling"

    other: NetworkName = Field(description="name of the network that is never differentiated")
    images: tuple[ImageName, ...] = Field(min_length=4, description="all images of the lab if left out")
    radii: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        min_length=1, description="L2 norms that the change may have, in normalised space"
    )
    counts: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="how many photographs the change is grown on, of one half of the images"
    )
    iterations: int = Field(ge=1, description="steps of each change, each on all photographs that it is grown on")
    step: float = Field(gt=0, description="length of a step, as a share of the norm that is allowed (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (3.0, 1.0), description="first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    shown: tuple[ImageName, ...] = Field(min_length=1, description="photographs of the figure, among the images")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.shown)))

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:  # noqa: ARG002  # labels do not matter
        most = min(map(len, self.halves.values()))
        for count in self.counts:
            if count > most:
                yield "counts", f"{count} is more than half of the {len(self.images)} images; give {most} at most"
        for name in self.shown:
            if name not in self.images:
                yield "shown", f"{name} is none of its images; show one of these"

    @property
    def figures(self) -> Iterator[str]:
        yield from ("taux", "changements", "exemples")

    @property
    def measures(self) -> Iterator[str]:
        series = ("made", "held", "other", "chance", "other-chance")
        for place in range(1, 1 + len(self.radii)):
            for nth in range(1, 1 + len(self.counts)):
                yield from (f"radius-{place}.count-{nth}.{name}" for name in series)

    @property
    def halves(self) -> dict[int, tuple[str, ...]]:
        """Images of either half: every other one."""
        return {half: self.images[half - 1 :: 2] for half in HALVES}

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        """Each change by its norm, the number of photographs, and the half that it is grown on."""
        parts: dict[PartName, Part] = {}
        for radius in self.radii:
            for count in self.counts:
                for half, others in zip(HALVES, HALVES[::-1], strict=True):
                    made_on, judged_on = self.halves[half][:count], self.halves[others]
                    judged = len(made_on) + len(judged_on)
                    parts[radius, count, half] = Part(
                        f"{__name__}.compute:grow_and_judge",
                        (NetworkUse(self.network), NetworkUse(self.other)),
                        (*made_on, *judged_on),
                        {
                            "made_on": count,
                            "radius": radius,
                            "iterations": self.iterations,
                            "step": self.step * radius,
                            "gradient_sigma": self.gradient_sigma,
                        },
                        self.seed,
                        # Both networks look at each photograph as it is, changed, and changed at random.
                        passes=count + self.iterations * count + 2 * 3 * judged,
                    )
        return parts
