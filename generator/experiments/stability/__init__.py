"""Stability: how much of a saliency map is left when the image changes by next to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.schema import ImageName, ImageSpec

Kind = Literal["shift", "noise", "light"]
METHODS = ("plain", "blurred", "smoothgrad")
"""Kinds of maps, in the order in which outcomes hold them."""


@dataclass(frozen=True)
class Change:
    """A change of a photograph that leaves what it shows as it is.

    Attributes:
        kind: what is changed.
        size: by how much: pixels to the right; standard deviation in grey levels; per cent.
    """

    kind: Kind
    size: float

    @property
    def name(self) -> str:
        """What its metrics are called after."""
        return f"{self.kind}{self.size:+g}"


class Stability(Experiment):
    """Likeness of the maps of a photograph and of the same one, shifted, noisy, or brighter."""

    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=2, description="all images of the lab if left out")
    shown: tuple[ImageName, ...] = Field(description="images whose maps are shown")
    shifts: tuple[PositiveInt, ...] = Field((1, 2, 4, 8), min_length=1, description="to the right, in pixels")
    noises: tuple[float, ...] = Field(
        (1, 4, 16), min_length=1, description="standard deviations, in grey levels of 255"
    )
    lights: tuple[float, ...] = Field((-10, 10), min_length=1, description="changes of the brightness, in per cent")
    blur: float = Field(2, gt=0, description="standard deviation of the blur of the blurred map, in pixels")
    spread: float = Field(0.15, gt=0, description="SmoothGrad: noise, as a share of the image's range of values")
    samples: int = Field(8, ge=1, description="SmoothGrad: how many noisy copies are averaged")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, *self.shown)))

    @property
    def figures(self) -> Iterator[str]:
        yield "stabilite"
        yield from self.examples.values()

    @property
    def measures(self) -> Iterator[str]:
        for change in self.changes:
            yield from (f"{name}.{change.name}" for name in ("kept", *METHODS))
        yield from (f"{method}.other" for method in METHODS)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is done to each photograph."""
        return (
            *(Change("shift", size) for size in self.shifts),
            *(Change("noise", size) for size in self.noises),
            *(Change("light", size) for size in self.lights),
        )

    @property
    def examples(self) -> dict[str, str]:
        """Figures by the images they show; questions name them whatever the lab's images are."""
        return {image: f"exemple-{place}" for place, image in enumerate(self.shown, 1)}

    @property
    def telling(self) -> tuple[int, ...]:
        """Places of the changes that are shown."""
        chosen = (
            Change("shift", self.shifts[0]),
            Change("shift", self.shifts[-1]),
            Change("noise", self.noises[-1]),
            Change("light", self.lights[-1]),
        )
        return tuple(dict.fromkeys(map(self.changes.index, chosen)))

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        return {
            name: Part(
                f"{__name__}.compute:compare",
                (NetworkUse(self.network),),
                (name,),
                {
                    "target": images[name].label,
                    "changes": tuple((change.kind, change.size) for change in self.changes),
                    "blur": self.blur,
                    "spread": self.spread,
                    "samples": self.samples,
                    "kept": (0, *(1 + place for place in self.telling)) if name in self.shown else (),
                },
                self.seed,
                passes=(1 + len(self.changes)) * (1 + self.samples),
            )
            for name in self.photographs
        }
