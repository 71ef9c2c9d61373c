"""The ladder: what it takes, one rung at a time, to grow images that others recognise too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, NonNegativeFloat

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts, Setting
from generator.schema import ClassIndex, ImageName, ImageSpec, Name, NetworkName

BLUR, BLUR_EVERY = 0.5, 10
"""σ, in pixels, of the lab's blur of the image, and every how many iterations it comes."""
FAINT = 0.01
"""How much of the noise the last rung starts from: next to nothing, as Fourier's basis never gets rid of grain."""
RUNGS = ("raw", "smoothed", "variation", "fourier")
"""What each rung adds to the one below."""


class Ladder(Experiment):
    """One image per class and rung, with the same number of iterations; judged by another network."""

    family: ClassVar[Family] = "classvis"

    other: NetworkName = Field(description="the network that judges; the images are not made for it")
    targets: dict[Name, ClassIndex] = Field(min_length=1, description="the classes to visualise, by figure name")
    images: tuple[ImageName, ...] = Field(
        min_length=1, description="whose colours the last rung is given; all images of the lab if left out"
    )
    iterations: int = Field(ge=1, description="of every image")
    jitter: int = Field(16, ge=0, description="random shift of up to this many pixels")
    raw_step: float = Field(5.0, gt=0, description="rung 1: factor of the raw gradient (η)")
    step: float = Field(8.0, gt=0, description="rungs 2 and 3: length of a step (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="rungs 2 and 3: first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    variation: float = Field(gt=0, description="rung 3: factor of the total variation (λ)")
    rate: float = Field(gt=0, description="rung 4: Adam's rate")
    degrees: float = Field(ge=0, description="rung 4: random rotation by up to this angle")
    zoom: float = Field(ge=1, description="rung 4: random scaling by up to this factor, either way")

    @property
    def classes(self) -> None:
        return None  # the other network may name any

    @property
    def figures(self) -> Iterator[str]:
        yield "juge"
        yield from (f"barreau-{place}" for place in range(1, 1 + len(RUNGS)))
        yield from self.targets

    @property
    def measures(self) -> Iterator[str]:
        of_each = ("own", "first", "probability")
        yield from (f"rung-{place}.{name}" for place in range(1, 1 + len(RUNGS)) for name in of_each)

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        return {
            (name, rung): Part(
                f"{__name__}.compute:{'grow_spectrum' if rung == 'fourier' else 'grow'}",
                (NetworkUse(self.network), NetworkUse(self.other)),
                # Only the last rung knows photographs: all of them, for the colours they have in common.
                self.images if rung == "fourier" else (),
                {"target": target, **settings},
                self.seed,
                # Both networks look at the image as it is saved.
                passes=self.iterations + 2,
            )
            for name, target in self.targets.items()
            for rung, settings in self._settings.items()
        }

    @property
    def _settings(self) -> dict[str, dict[str, Setting]]:
        """How the images of each rung grow: settings of its parts, beside the class."""
        always: dict[str, Setting] = {"iterations": self.iterations, "jitter": self.jitter}
        pixels = {**always, "blur_sigma": BLUR, "blur_every": BLUR_EVERY, "penalty": None, "weight": 0.0}
        smooth = {**pixels, "step": self.step, "unit_gradient": True, "gradient_sigma": self.gradient_sigma}
        return {
            "raw": {**pixels, "step": self.raw_step},
            "smoothed": smooth,
            "variation": {**smooth, "penalty": "total-variation", "weight": self.variation},
            "fourier": {**always, "step": self.rate, "noise": FAINT, "degrees": self.degrees, "zoom": self.zoom},
        }
