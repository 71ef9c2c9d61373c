"""The ladder: what it takes, one rung at a time, to grow images that others recognise too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts, Setting
from generator.schema import ClassIndex, ImageName, ImageSpec, Name, NetworkName, NetworkNames

BLUR, BLUR_EVERY = 0.5, 10
"""σ, in pixels, of the lab's blur of the image, and every how many iterations it comes."""
FAINT = 0.01
"""How much of the noise the later rungs start from: next to nothing, as Fourier's basis never gets rid of grain."""
RUNGS = ("raw", "smoothed", "variation", "fourier", "together", "natural", "iris")
"""What each rung adds to the one below."""
COLOURED = RUNGS[3:]
"""Those that know photographs."""
TOGETHER = RUNGS[4:]
"""Those whose images several networks make together."""


class Ladder(Experiment):
    """One image per class and rung; judged by another network."""

    family: ClassVar[Family] = "classvis"

    other: NetworkName = Field(description="the network that judges; the images are not made for it")
    targets: dict[Name, ClassIndex] = Field(min_length=1, description="the classes to visualise, by figure name")
    together: NetworkNames = Field(description="rungs 5 to 7: the networks that make an image together")
    images: tuple[ImageName, ...] = Field(
        min_length=1,
        description="whose colours rungs 4 to 7 are given, and what rungs 6 and 7 shall resemble inside the networks; "
        "all images of the lab if left out",
    )
    iterations: int = Field(ge=1, description="of every image up to rung 6")
    jitter: int = Field(16, ge=0, description="rungs 1 to 4: random shift of up to this many pixels")
    raw_step: float = Field(5.0, gt=0, description="rung 1: factor of the raw gradient (η)")
    step: float = Field(8.0, gt=0, description="rungs 2 and 3: length of a step (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="rungs 2 and 3: first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    variation: float = Field(gt=0, description="rung 3: factor of the total variation (λ)")
    rate: float = Field(gt=0, description="rung 4: Adam's rate")
    degrees: float = Field(ge=0, description="rungs 4 to 7: random rotation by up to this angle")
    zoom: float = Field(ge=1, description="rung 4: random scaling by up to this factor, either way")
    rates: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.04, 0.004), description="rungs 5 to 7: Adam's first and last rate"
    )
    views: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.65, 1.2), description="rungs 5 to 7: how much of the image's side a view shows, at least and at most"
    )
    tint: float = Field(0.15, ge=0, description="rungs 5 to 7: how much a view's colours change")
    noise: float = Field(
        0.4,
        ge=0,
        description="rungs 5 to 7: standard deviation of a view's noise at first, in normalised values; then less",
    )
    naturalness: float = Field(
        66.0, ge=0, description="rungs 6 and 7: how much it matters that layers find what they find in photographs"
    )
    opening: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.3, 2.0), description="rung 7: first and last radius of the opening, in half the image's sides"
    )
    opened: float = Field(0.8, gt=0, le=1, description="rung 7: share of the programme in which it opens")
    long_iterations: int = Field(ge=1, description="rung 7: iterations of every image")

    @field_validator("views")
    @classmethod
    def _views_in_order(cls, views: tuple[float, float]) -> tuple[float, float]:
        if views[0] > views[1]:
            raise ValueError(f"found {list(views)}, should be at least and at most, in this order")
        return views

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
                f"{__name__}.compute:{task}",
                tuple(NetworkUse(network) for network in (*self.makers(rung), self.other)),
                # All the photographs, for what they have in common.
                self.images if rung in COLOURED else (),
                {"target": target, **settings},
                self.seed,
                passes=self.passes(rung) + 2,  # two networks look at the image as it is saved
            )
            for name, target in self.targets.items()
            for rung, (task, settings) in self._settings.items()
        }

    def makers(self, rung: str) -> tuple[str, ...]:
        """The networks whose scores an image of a rung climbs."""
        return self.together if rung in TOGETHER else (self.network,)

    def passes(self, rung: str) -> int:
        """How many images go through networks while one of a rung is made."""
        iterations = self.long_iterations if rung == "iris" else self.iterations
        seen = len(self.images) if self._settings[rung][1].get("naturalness") else 0
        return len(self.makers(rung)) * (iterations + seen)

    @property
    def _settings(self) -> dict[str, tuple[str, dict[str, Setting]]]:
        """How the images of each rung grow: the function that does it, and its settings beside the class."""
        always: dict[str, Setting] = {"iterations": self.iterations, "jitter": self.jitter}
        pixels = {**always, "blur_sigma": BLUR, "blur_every": BLUR_EVERY, "penalty": None, "weight": 0.0}
        smooth = {**pixels, "step": self.step, "unit_gradient": True, "gradient_sigma": self.gradient_sigma}
        nearest, furthest = self.views
        first, last = self.rates
        shared: dict[str, Setting] = {
            "iterations": self.iterations,
            "step": first,
            "final_step": last,
            "start": FAINT,
            "degrees": self.degrees,
            "nearest": nearest,
            "furthest": furthest,
            "tint": self.tint,
            "noise": (self.noise, 0.0),
            "naturalness": 0.0,
            "iris": None,
        }
        natural = {**shared, "naturalness": self.naturalness}
        return {
            "raw": ("grow", {**pixels, "step": self.raw_step}),
            "smoothed": ("grow", smooth),
            "variation": ("grow", {**smooth, "penalty": "total-variation", "weight": self.variation}),
            "fourier": (
                "grow_spectrum",
                {**always, "step": self.rate, "start": FAINT, "degrees": self.degrees, "zoom": self.zoom},
            ),
            "together": ("grow_together", shared),
            "natural": ("grow_together", natural),
            "iris": (
                "grow_together",
                {**natural, "iterations": self.long_iterations, "iris": (*self.opening, self.opened)},
            ),
        }
