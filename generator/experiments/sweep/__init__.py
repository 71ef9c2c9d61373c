"""A sweep over the weight of the penalty: what becomes of photographs between none and too much of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, PositiveFloat

from generator.experiments.base import Experiment, Family, Part, PartName, Parts
from generator.experiments.shared.ascent import Ascent
from generator.experiments.shared.looks import LOOKS
from generator.experiments.shared.pushed import look_part, push_part
from generator.experiments.shared.thirds import thirds
from generator.schema import ImageName, ImageSpec, NetworkNames


class Sweep(Ascent, Experiment):
    """Photographs driven towards their own class (Simonyan et al. 2013, section 2) under many weights."""

    family: ClassVar[Family] = "classvis"

    other: NetworkNames = Field(
        description="the network that says whether it recognises the class, or several; all must"
    )
    images: tuple[ImageName, ...] = Field(
        min_length=1, description="photographs that tell what is natural; all images of the lab if left out"
    )
    starts: tuple[ImageName, ...] = Field(min_length=1, description="photographs to start from")
    weights: tuple[PositiveFloat, ...] = Field(min_length=1, description="factors of the penalty (λ), beside 0")
    iterations: int = Field(ge=1, description="length of a programme")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.starts, *self.images)))

    @property
    def figures(self) -> Iterator[str]:
        yield "poids"

    @property
    def measures(self) -> Iterator[str]:
        yield from (f"natural.{look}.{end}" for look in LOOKS for end in ("low", "high"))
        yield from ("natural.realistic", "free.gain", "pulled.gain")
        for after in ("", *(f".{part}" for part in thirds(self.iterations))):
            yield from (f"{name}{after}" for name in ("psychedelic", "dull", "between"))

    @property
    def ladder(self) -> tuple[float, ...]:
        """All weights, from none to the strongest."""
        return tuple(sorted({0.0, *self.weights}))

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        looked: dict[PartName, Part] = {
            name: look_part(self.networks, name, images[name].label) for name in self.photographs
        }
        return looked | {
            (name, weight): push_part(
                self,
                self.networks,
                name,
                images[name].label,
                iterations=self.iterations,
                weight=weight,
                seed=self.seed,
            )
            for name in self.starts
            for weight in self.ladder
        }
