"""Agreement: whether two networks give like maps of an image, beside maps that must not be alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts
from generator.experiments.shared.maps import map_part
from generator.schema import Fraction, ImageName, ImageSpec, NetworkName

PER_FIGURE = 5


class Agreement(Experiment):
    """Rank correlation of two networks' maps, with its floor, its ceiling and untrained networks."""

    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=2, description="all images of the lab if left out")
    other: NetworkName = Field(description="name of the second network")
    shown: ImageName = Field(description="image whose maps are shown while the network forgets")
    shares: tuple[Fraction, ...] = Field(
        (0.02, 0.25, 0.5, 0.75, 1),
        min_length=1,
        description="shares of the layers whose weights are shuffled, from the scores down; rising",
    )
    side: int = Field(112, ge=16, description="side of the grid on which maps are compared, in pixels")
    blur: float = Field(2, ge=0, description="standard deviation of the blur before they are, in its pixels")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, self.shown)))

    @property
    def figures(self) -> Iterator[str]:
        yield "accord"
        yield from self.plates
        yield "oubli"

    @property
    def measures(self) -> Iterator[str]:
        yield from ("networks", "shift", "images", *self.shuffled.values())
        yield from ("position", "recognised", "learned", "right.own", "right.other")

    @property
    def plates(self) -> dict[str, tuple[str, ...]]:
        """Images that are shown together, as evenly as possible."""
        count = ceil(len(self.images) / PER_FIGURE)
        short, longer = divmod(len(self.images), count)
        ends = [place * short + min(place, longer) for place in range(count + 1)]
        return {f"planche-{place}": self.images[ends[place - 1] : ends[place]] for place in range(1, count + 1)}

    @property
    def shuffled(self) -> dict[float, str]:
        """What the maps of each share of shuffled layers are called in parts and measures."""
        return {share: f"shuffled-{share:g}" for share in self.shares}

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        labels = {name: images[name].label for name in self.photographs}
        forgetful = {name: NetworkUse(self.network, share, self.seed) for share, name in self.shuffled.items()}
        parts: dict[PartName, Part] = {}
        for image, label in labels.items():
            parts["own", image] = map_part(self.network, image, label)
            parts["other", image] = map_part(self.other, image, label, seen_by=self.network)
            # Whoever shows a map only needs no ceiling.
            if image in self.images:
                parts["shift", image] = map_part(self.network, image, label, right=1)
        for name, use in forgetful.items():
            # One network after the other: each has to be opened.
            for image, label in labels.items():
                parts[name, image] = map_part(use, image, label)
        return parts
