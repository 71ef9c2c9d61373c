"""The ladder: what it takes, one rung at a time, to grow images that others recognise too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field, NonNegativeFloat

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts, Setting
from generator.experiments.shared.together import FAINT, LOOKS, GrownTogether
from generator.schema import ClassIndex, ImageSpec, Name

BLUR, BLUR_EVERY = 0.5, 10
"""σ, in pixels, of the lab's blur of the image, and every how many iterations it comes."""
RUNGS = ("raw", "smoothed", "variation", "fourier", "together", "natural", "iris")
"""What each rung adds to the one below."""
TOGETHER = RUNGS[4:]
"""Those whose images several networks make together."""


class Ladder(GrownTogether, Experiment):
    """One image per class and rung, judged by another network; keys that name no rung are of rungs 5 to 7."""

    family: ClassVar[Family] = "classvis"

    targets: dict[Name, ClassIndex] = Field(min_length=1, description="the classes to visualise, by figure name")
    iterations: int = Field(ge=1, description="of every image up to rung 6")
    jitter: int = Field(16, ge=0, description="rungs 1 to 4: random shift of up to this many pixels")
    raw_step: float = Field(5.0, gt=0, description="rung 1: factor of the raw gradient (η)")
    step: float = Field(8.0, gt=0, description="rungs 2 and 3: length of a step (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="rungs 2 and 3: first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    variation: float = Field(gt=0, description="rung 3: factor of the total variation (λ)")
    rate: float = Field(gt=0, description="rung 4: Adam's rate")
    zoom: float = Field(ge=1, description="rung 4: random scaling by up to this factor, either way")
    long_iterations: int = Field(ge=1, description="rung 7: iterations of every image")

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
        return {(name, rung): self._part(rung, target) for name, target in self.targets.items() for rung in RUNGS}

    def makers(self, rung: str) -> tuple[str, ...]:
        """The networks whose scores an image of a rung climbs."""
        return self.together if rung in TOGETHER else (self.network,)

    def passes(self, rung: str) -> int:
        """How many images go through networks while one of a rung is made."""
        return self._part(rung, target=0).passes - LOOKS

    def _part(self, rung: str, target: int) -> Part:
        if rung in TOGETHER:
            opens = rung == "iris"
            iterations = self.long_iterations if opens else self.iterations
            return self.part(target, iterations, self.seed, natural=rung != "together", opens=opens)
        task, settings = self._settings[rung]
        return Part(
            f"{__name__}.compute:{task}",
            (NetworkUse(self.network), NetworkUse(self.other)),
            # All the photographs, for the colours that they have in common.
            self.images if rung == "fourier" else (),
            {"target": target, **settings},
            self.seed,
            passes=self.iterations + LOOKS,
        )

    @property
    def _settings(self) -> dict[str, tuple[str, dict[str, Setting]]]:
        """How the images of each rung by one network grow: the function that does it, its settings beside the class."""
        always: dict[str, Setting] = {"iterations": self.iterations, "jitter": self.jitter}
        pixels = {**always, "blur_sigma": BLUR, "blur_every": BLUR_EVERY, "penalty": None, "weight": 0.0}
        smooth = {**pixels, "step": self.step, "unit_gradient": True, "gradient_sigma": self.gradient_sigma}
        return {
            "raw": ("grow", {**pixels, "step": self.raw_step}),
            "smoothed": ("grow", smooth),
            "variation": ("grow", {**smooth, "penalty": "total-variation", "weight": self.variation}),
            "fourier": (
                "grow_spectrum",
                {**always, "step": self.rate, "start": FAINT, "degrees": self.degrees, "zoom": self.zoom},
            ),
        }
