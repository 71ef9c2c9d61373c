"""Other maps: seven methods that explain a score, and one control, measured alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from generator.experiments.base import Experiment, Family, NetworkUse, Part, PartName, Parts
from generator.experiments.shared.boxes import Boxed
from generator.schema import Fraction, ImageSpec, NetworkName
from generator.statistics import PER_CENT

METHODS = ("gradient", "product", "smoothgrad", "integrated", "guided", "gradcam", "occlusion")
"""Kinds of maps, in the order in which outcomes hold them."""
CONTROL = "centre"
"""A map that knows nothing of network or image: bright in the middle."""
RIVALS = (*METHODS, CONTROL)


@dataclass(frozen=True)
class Measure:
    """Something that maps are measured by.

    Attributes:
        unit: of its values.
        falls: whether less is better.
        bounds: that its values do not leave.
    """

    unit: str = ""
    falls: bool = False
    bounds: tuple[float, float] = (0, 1)


MEASURES = {
    "energy": Measure("%", bounds=PER_CENT),
    "pointing": Measure("%", bounds=PER_CENT),
    "coverage": Measure("%", bounds=PER_CENT),
    "shift": Measure(bounds=(-1, 1)),
    "noise": Measure(bounds=(-1, 1)),
    "box": Measure(),
    "mask": Measure(),
    "networks": Measure(bounds=(-1, 1)),
    "shuffled": Measure(falls=True, bounds=(-1, 1)),
    "deletion": Measure(falls=True),
    "insertion": Measure(),
}
"""In the order in which they are told."""


class Maps(Boxed, Experiment):
    """A board of maps for each photograph, and what each method is worth by measures of one's choice."""

    family: ClassVar[Family] = "saliency"

    other: NetworkName = Field(description="name of the second network")
    spread: float = Field(0.15, gt=0, description="SmoothGrad: noise, as a share of the image's range of values")
    samples: int = Field(8, ge=1, description="SmoothGrad: how many noisy copies are averaged")
    steps: int = Field(8, ge=1, description="Integrated Gradients: how many images between grey and the photograph")
    squares: int = Field(7, ge=2, description="occlusion: how many squares are hidden in a row, and in a column")
    shift: int = Field(1, ge=1, description="stability: by how many pixels the photograph is moved")
    noise: float = Field(4, gt=0, description="stability: standard deviation of the noise, in grey levels of 255")
    share: Fraction = Field(1, gt=0, description="sanity: share of the layers whose weights are shuffled")
    levels: int = Field(8, ge=2, description="deletion and insertion: how many steps lead from one image to the other")

    @property
    def figures(self) -> Iterator[str]:
        yield from ("mesures", "courbes")
        yield from self.boards.values()

    @property
    def measures(self) -> Iterator[str]:
        yield from (f"{rival}.{name}" for rival in RIVALS for name in MEASURES)

    @property
    def boards(self) -> dict[str, str]:
        """Figures by the images they show; pages name them whatever the lab's images are."""
        return {image: f"planche-{place}" for place, image in enumerate(self.images, 1)}

    @property
    def passes(self) -> dict[str, int]:
        """Passes of each method, for one photograph; with occlusion, the way back is none of them."""
        # Grad-CAM goes through the first layers, and then through the last.
        several = {"smoothgrad": self.samples, "integrated": self.steps, "gradcam": 2, "occlusion": 1 + self.squares**2}
        return {method: several.get(method, 1) for method in METHODS}

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        care = {"spread": self.spread, "samples": self.samples, "steps": self.steps, "squares": self.squares}
        own, other = NetworkUse(self.network), NetworkUse(self.other)
        shuffled = NetworkUse(self.network, self.share, self.seed)
        together = sum(self.passes.values()) - 1  # the product is made of the gradient
        passes = 3 * together + 3 + 2 * len(RIVALS) * (self.levels - 1)
        parts: dict[PartName, Part] = {}
        for name in self.images:
            settings = {"target": images[name].label, **care}
            parts["own", name] = Part(
                f"{__name__}.compute:measure",
                (own,),
                (name,),
                {**settings, "right": self.shift, "noise": self.noise, "levels": self.levels},
                self.seed,
                passes=passes,
                usual=passes,  # fewer where the squares of occlusion do not fit
            )
            for whose, networks in (("other", (own, other)), ("shuffled", (shuffled,))):
                parts[whose, name] = Part(
                    f"{__name__}.compute:look",
                    networks,
                    (name,),
                    settings,
                    self.seed,
                    passes=together,
                    usual=together,
                )
        return parts
