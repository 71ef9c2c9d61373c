"""Long programmes, whose step stays or shrinks: does the image come to rest, drift, or walk about?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import ClassVar

from pydantic import Field, PositiveFloat

from generator.experiments.base import Experiment, Family, Part, PartName, Parts
from generator.experiments.shared.ascent import Ascent
from generator.experiments.shared.pushed import push_part
from generator.schema import ImageName, ImageSpec, NetworkNames

WINDOW, SPACING, EDGE = 200, 5, 50
"""The last iterations looked at, how far apart, and how many of them at each end give a mean score."""
SHOWN = (1, 10, 30, 100)
"""Iterations that are shown, beside the last one."""
STEPS = ("constant", "decroissant")
"""How the step of a long programme goes: it stays, or it shrinks."""


class Walk(Ascent, Experiment):
    """Photographs driven towards their own class (Simonyan et al. 2013, section 2), for longer than elsewhere."""

    family: ClassVar[Family] = "classvis"

    other: NetworkNames = Field(description="the network that is asked, or several; without a part in the images")
    starts: tuple[ImageName, ...] = Field(min_length=1, description="photographs to start from")
    weight: PositiveFloat = Field(description="factor of the penalty (λ)")
    iterations: int = Field(ge=1, description="length of the short programme that the long ones are compared with")
    long_iterations: int = Field(gt=WINDOW, description="length of a long programme")
    final_step: PositiveFloat = Field(description="last step of the long programme whose step shrinks")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.starts))

    @property
    def figures(self) -> Iterator[str]:
        yield from ("iterations", "trajets")

    @property
    def measures(self) -> Iterator[str]:
        for effect in ("impact", "impact.iterations", "impact.step"):
            yield from (effect, f"{effect}.score")
        ends = ("confinement", "late-rise", "moved", "score", "other")
        yield from (f"{step}.{name}" for step in STEPS for name in ends)

    @property
    def shown(self) -> tuple[int, ...]:
        """Iterations of the long programmes that are shown."""
        return (*SHOWN, self.long_iterations)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        found: dict[PartName, Part] = {}
        for name in self.photographs:
            short = partial(
                push_part, self, self.networks, name, images[name].label, weight=self.weight, seed=self.seed
            )
            long = partial(
                short,
                task=f"{__name__}.compute:walk",
                iterations=self.long_iterations,
                shown=self.shown,
                window=WINDOW,
                spacing=SPACING,
                edge=EDGE,
            )
            found["court", name] = short(iterations=self.iterations)
            found["constant", name] = long()
            found["decroissant", name] = long(final_step=self.final_step)
        return found
