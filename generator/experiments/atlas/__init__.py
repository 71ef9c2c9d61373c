"""The atlas: one image for each class, as the ladder's last rung makes them, and which of them are confused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, Parts
from generator.experiments.shared.together import GrownTogether
from generator.schema import AllClasses, ImageSpec


class Atlas(GrownTogether, Experiment):
    """One image per class; judged by another network, which also says what it is confused with."""

    family: ClassVar[Family] = "classvis"

    targets: AllClasses = Field(
        None, validate_default=True, min_length=1, description="the classes to visualise; all if left out"
    )
    every: int = Field(1, ge=1, description="of these, take the first one and then every so many: 10 for a tenth")
    iterations: int = Field(ge=1, description="of every image")

    @property
    def classes(self) -> None:
        return None  # the judge may name any

    @property
    def shown(self) -> tuple[int, ...]:
        """The classes that have an image."""
        return self.targets[:: self.every]

    @property
    def figures(self) -> Iterator[str]:
        yield "juge"
        yield from map(figure, self.shown)

    @property
    def measures(self) -> Iterator[str]:
        yield from ("own", "first", "probability")
        yield from (f"{figure(target)}.probability" for target in self.shown)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        return {figure(target): self.part(target, self.iterations, self.seed) for target in self.shown}


def figure(target: int) -> str:
    """Name of the figure of a class, and of its part: its number."""
    return f"{target:03d}"
