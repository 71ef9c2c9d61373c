"""What the kinds that hold maps against boxes have in common: their images, their colours, their examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from generator.schema import ImageName, ImageSpec, Strict

GREEN = (60, 220, 110)
"""Of the boxes that somebody drew."""
BLUE = (70, 170, 255)
"""Of what was read from a map."""


class Boxed(Strict):
    """Photographs of which some have boxes around their objects."""

    images: tuple[ImageName, ...] = Field(
        min_length=1, description="all images of the lab if left out; those without boxes are passed over"
    )

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        """See :meth:`generator.experiments.base.Experiment.problems`: none of its images may have a box."""
        if not any(images[name].boxes for name in self.images):
            yield "images", "none of these images has boxes; give them to some under images, boxes: [[…]]"


def best_and_worst(ranked: Sequence[str]) -> list[str]:
    """The first two and the last two of a ranking: examples that nobody picked."""
    return list(dict.fromkeys((*ranked[:2], *ranked[-2:])))
