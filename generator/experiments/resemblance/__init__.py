"""Resemblance: does a photograph pushed towards its own class look more like it, or less?

The eye that the write-up speaks of is stood in for by a network that had no part in the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.experiments.shared.ascent import Ascent, Moments, PenaltyName, check_moments
from generator.schema import ImageName, ImageSpec, Name, NetworkNames, Strict


class Pull(Strict):
    """What pulls the photograph back, and how hard."""

    title: str = Field(description="what it is called, for the reader; in few words")
    penalty: PenaltyName | None = Field(None, description="what pulls back")
    weight: float = Field(0.0, ge=0, description="the penalty's factor (λ)")


class Resemblance(Ascent, Experiment):
    """Push photographs towards their own classes under several penalties, ask another network."""

    family: ClassVar[Family] = "classvis"

    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    other: NetworkNames = Field(description="the network that is asked, or several; without a part in the images")
    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    pulls: dict[Name, Pull] = Field(min_length=1, description="the penalties to compare; the first is the reference")
    show: Moments = Field(
        min_length=1, description="iterations to look at, counted from 1; it stops after the last one"
    )

    @model_validator(mode="after")
    def _inside(self) -> Self:
        check_moments("show", self.show, self.iterations)
        return self

    @property
    def figures(self) -> Iterator[str]:
        yield from ("parcours", "images")

    @property
    def measures(self) -> Iterator[str]:
        for pull in self.pulls:
            yield from (f"{pull}.{name}" for name in ("own", "other", "rank", "distance", "similarity"))
            yield from (f"{pull}.{name}{end}" for name in ("gain", "way") for end in self.ends.values())

    @property
    def ends(self) -> dict[int, str]:
        """How the names of measures end after the iterations that are looked at: those of the last one as they are."""
        return {iterations: f".after-{iterations}" for iterations in self.show[:-1]} | {self.show[-1]: ""}

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {
            (key, name): Part(
                f"{__name__}.compute:push",
                tuple(map(NetworkUse, self.networks)),
                (name,),
                {
                    "target": images[name].label,
                    "penalty": pull.penalty,
                    "weight": pull.weight,
                    "show": self.show,
                    **self.rule(self.iterations),
                },
                self.seed,
                passes=self.show[-1] + len(self.networks) * (1 + len(self.show)),
            )
            for key, pull in self.pulls.items()
            for name in self.images
        }
