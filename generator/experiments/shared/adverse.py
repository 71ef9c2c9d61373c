"""What the kinds that fool networks have in common: the part of one attack, its keys, and how a change is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator.experiments.base import NetworkUse, Part
from generator.experiments.shared.shades import around_grey, grey_scale
from generator.experiments.stage import Stage
from generator.language import Language
from generator.results.artefacts import Picture
from generator.schema import ClassIndex, Strict

USUAL = 20
"""Steps after which most photographs fool."""


class Attack(Strict):
    """How the lab fools a network: x <- x + step * g / ||g||, until the target has the highest score."""

    target: ClassIndex = Field(description="the class the network shall see: an index, a name or a title")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="give up after this many steps")
    clamp: bool = Field(description="keep pixels valid after each step; otherwise only what is shown is clipped")

    def told(self, class_title: str, language: Language) -> dict[str, object]:
        """The same for the reader."""
        say = language.say
        return {
            say("common.target"): f"{class_title} ({self.target})",
            say("common.step"): self.step,
            say("common.at-most"): self.iterations,
            say("common.clamp"): self.clamp,
        }


def attack_part(  # noqa: PLR0913  # what decides an attack, all named
    network: str, image: str, target: int, *, step: float, iterations: int, clamp: bool
) -> Part:
    """The part that fools a network about one photograph; several experiments may ask for the same.

    Returns:
        A part with the outcome of :func:`generator.experiments.shared.tasks.fool`.
    """
    return Part(
        "generator.experiments.shared.tasks:fool",
        (NetworkUse(network),),
        (image,),
        {"target": target, "step": step, "iterations": iterations, "clamp": clamp},
        # One more for the photograph, and two for what is saved.
        passes=iterations + 3,
        usual=USUAL,
    )


def tenfold(
    stage: Stage, name: str, change: NDArray[np.float32], words: str = "common.difference-x10", **values: object
) -> Picture:
    """A change ten times as large, about middle grey: picture NAME-difference-x10."""
    return stage.picture(
        f"{name}-difference-x10", around_grey(10 * change), words, scale=grey_scale(10), exact=False, **values
    )
