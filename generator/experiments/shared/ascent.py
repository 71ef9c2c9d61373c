"""What the kinds that grow images have in common: their keys, and how these are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat

from generator.experiments.base import Setting
from generator.language import Language
from generator.schema import Strict

PenaltyName = Literal["l2", "squared-l2", "squared-l2-to-start", "squared-pixels"]

Moments = tuple[Annotated[int, Field(ge=1)], ...]
"""Iterations to look at, counted from 1; :func:`check_moments` knows their programme."""


class Ascent(Strict):
    """How images climb."""

    step: float = Field(gt=0, description="η: factor of the gradient, or length of a step if unit_gradient")
    unit_gradient: bool = Field(False, description="divide the gradient by its L2 norm")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (0.0, 0.0), description="first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    jitter: int = Field(16, ge=0, description="random shift of up to this many pixels")
    blur_sigma: float = Field(0.5, ge=0, description="σ, in pixels, of the Gaussian that smooths the image")
    blur_every: int = Field(10, ge=1, description="smooth the image every so many iterations")

    def rule(self, iterations: int, **more: Setting) -> dict[str, Setting]:
        """The rule of a programme of that length: settings of a part, for :class:`generator.vision.ascent.Rule`."""
        return {
            "iterations": iterations,
            "step": self.step,
            "unit_gradient": self.unit_gradient,
            "gradient_sigma": self.gradient_sigma,
            "jitter": self.jitter,
            "blur_sigma": self.blur_sigma,
            "blur_every": self.blur_every,
            **more,
        }

    def settings(self, language: Language) -> dict[str, object]:
        """The same for the reader."""
        say, step = language.say, language.number(self.step)
        return {
            say("ascent.settings.step"): say("ascent.unit-step", step=step) if self.unit_gradient else step,
            say("ascent.settings.gradient"): " → ".join(map(language.number, self.gradient_sigma)) + " px",
            say("ascent.settings.jitter"): say("ascent.jitter", n=self.jitter),
            say("ascent.settings.blur"): say("ascent.blur", sigma=self.blur_sigma, every=self.blur_every),
        }


def check_moments(key: str, show: Sequence[int], iterations: int) -> None:
    """Make sure that iterations to look at rise, and that their programme is as long.

    Args:
        key: under which they stand, for the message.
        show: the iterations.
        iterations: length of the programme.

    Raises:
        ValueError: it is not so.
    """
    if list(show) != sorted(set(show)) or show[-1] > iterations:
        raise ValueError(f"{key}: {list(show)} should rise, up to {iterations} (iterations) at most")


def moments(last: int, count: int) -> list[int]:
    """About ``count`` iterations up to the last one: close together at first, when most happens."""
    return sorted({max(1, round(last * (k / count) ** 2)) for k in range(1, count + 1)})
