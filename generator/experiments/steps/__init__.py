"""A grid of steps and weights: what each of them does to one photograph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, PositiveFloat

from generator.experiments.base import Experiment, Family, Parts
from generator.experiments.shared.ascent import Ascent
from generator.experiments.shared.pushed import push_part
from generator.schema import ImageName, ImageSpec, NetworkNames


class Steps(Ascent, Experiment):
    """One photograph driven towards its own class (Simonyan et al. 2013, section 2) by steps under weights."""

    family: ClassVar[Family] = "classvis"

    other: NetworkNames = Field(description="the network that is asked, or several; without a part in the images")
    start: ImageName = Field(description="the photograph to start from")
    weights: tuple[PositiveFloat, ...] = Field(min_length=1, description="factors of the penalty (λ), beside 0")
    steps: tuple[PositiveFloat, ...] = Field(min_length=1, description="other steps to try (η)")
    iterations: int = Field(ge=1, description="length of a programme")

    @property
    def photographs(self) -> tuple[str, ...]:
        return (self.start,)

    @property
    def figures(self) -> Iterator[str]:
        yield "grille"

    @property
    def measures(self) -> Iterator[str]:
        yield from ()

    @property
    def ladder(self) -> tuple[float, ...]:
        """All weights, from none to the strongest."""
        return tuple(sorted({0.0, *self.weights}))

    @property
    def lengths(self) -> tuple[float, ...]:
        """All steps, from the shortest to the longest."""
        return tuple(sorted({self.step, *self.steps}))

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {
            (step, weight): push_part(
                self,
                self.networks,
                self.start,
                images[self.start].label,
                iterations=self.iterations,
                weight=weight,
                seed=self.seed,
                step=step,
            )
            for step in self.lengths
            for weight in self.ladder
        }
