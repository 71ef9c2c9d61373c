"""Recognition: does a network that had no part in an image see in it what it was grown to show?

A network can be sure of an image in which nothing is to be seen (Nguyen, Yosinski & Clune 2015); that
it is sure of one it was asked to be sure of says nothing. Another network's view is a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.experiments.shared.ascent import Ascent, moments
from generator.experiments.shared.thirds import thirds
from generator.schema import ClassIndex, ImageSpec, NetworkNames


class Recognition(Ascent, Experiment):
    """Grow classes from noise with one network, ask another one what it sees."""

    family: ClassVar[Family] = "classvis"

    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    other: NetworkNames = Field(description="the network that is asked, or several; without a part in the images")
    targets: tuple[ClassIndex, ...] = Field(min_length=1, description="the classes to grow")
    trials: int = Field(1, ge=1, description="how many images of each class to grow, each from a noise of its own")
    kin: tuple[ClassIndex, ...] = Field((), description="classes that are as good as the target")
    looks: int = Field(10, ge=2, description="about how many times each image is looked at on its way")

    @property
    def classes(self) -> None:
        return None  # the other network may name any

    @property
    def figures(self) -> Iterator[str]:
        yield from ("parcours", "images")

    @property
    def measures(self) -> Iterator[str]:
        yield from ("own", "probability", "first", "among-first", "among-first-start", "rank", "rank-start")
        if self.kin:
            yield from ("kin", "kin-start")
        earlier = ("among-first", "kin") if self.kin else ("among-first",)
        yield from (f"{name}.{part}" for part in thirds(self.iterations) for name in earlier)

    @property
    def moments(self) -> tuple[int, ...]:
        """Iterations at which each image is looked at; the noise it starts from is too."""
        return tuple(sorted({*moments(self.iterations, self.looks), *thirds(self.iterations).values()}))

    @property
    def grown(self) -> Iterator[tuple[int, int]]:
        """Class and trial of each image, in the order in which they are shown: names of the parts."""
        return ((target, trial) for target in dict.fromkeys(self.targets) for trial in range(self.trials))

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # it starts from noise
        return {
            (target, trial): Part(
                f"{__name__}.compute:grow",
                tuple(map(NetworkUse, self.networks)),
                settings={"target": target, "trial": trial, "show": self.moments, **self.rule(self.iterations)},
                seed=self.seed,
                passes=self.iterations + len(self.networks) * (1 + len(self.moments)),
            )
            for target, trial in self.grown
        }
