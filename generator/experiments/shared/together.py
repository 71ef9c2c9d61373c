"""What the kinds have in common whose images several networks make together: their keys, their part, how it is told."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, field_validator

from generator.experiments.base import NetworkUse, Part
from generator.language import Language
from generator.schema import ImageName, NetworkName, NetworkNames, Strict

FAINT = 0.01
"""How much of the noise an image starts from: next to nothing, as Fourier's basis never gets rid of grain."""
LOOKS = 2
"""How many networks look at an image as it is saved: the one it was made for, and the judge."""


class GrownTogether(Strict):
    """How an image grows as a spectrum, for several networks, like photographs inside them, from its middle."""

    other: NetworkName = Field(description="the network that judges; the images are not made for it")
    together: NetworkNames = Field(description="the networks that make an image together")
    images: tuple[ImageName, ...] = Field(
        min_length=1,
        description="whose colours images are given, and what they shall resemble inside the networks; "
        "all images of the lab if left out",
    )
    degrees: float = Field(ge=0, description="random rotation by up to this angle")
    rates: tuple[PositiveFloat, PositiveFloat] = Field((0.04, 0.004), description="Adam's first and last rate")
    views: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.65, 1.2), description="how much of the image's side a view shows, at least and at most"
    )
    tint: float = Field(0.15, ge=0, description="how much a view's colours change")
    noise: float = Field(
        0.4, ge=0, description="standard deviation of a view's noise at first, in normalised values; then less"
    )
    naturalness: float = Field(
        66.0, ge=0, description="how much it matters that layers find what they find in photographs"
    )
    opening: tuple[PositiveFloat, PositiveFloat] = Field(
        (0.3, 2.0), description="first and last radius of the opening, in half the image's sides"
    )
    opened: float = Field(0.8, gt=0, le=1, description="share of the programme in which it opens")

    @field_validator("views")
    @classmethod
    def _views_in_order(cls, views: tuple[float, float]) -> tuple[float, float]:
        if views[0] > views[1]:
            raise ValueError(f"found {list(views)}, should be at least and at most, in this order")
        return views

    def part(self, target: int, iterations: int, seed: int, *, natural: bool = True, opens: bool = True) -> Part:
        """The part of one image; several experiments may ask for the same.

        Args:
            target: its class.
            iterations: length of the programme.
            seed: of its random numbers.
            natural: whether its layers shall find what they find in photographs.
            opens: whether it is seen from its middle outwards.

        Returns:
            A part with the outcome of :func:`generator.experiments.shared.growing.grow_together`.
        """
        (nearest, furthest), (first, last) = self.views, self.rates
        naturalness = self.naturalness if natural else 0.0
        # The networks look at the photographs once, to know what their layers find there.
        seen = len(self.images) if naturalness else 0
        return Part(
            "generator.experiments.shared.growing:grow_together",
            tuple(map(NetworkUse, (*self.together, self.other))),
            self.images,
            {
                "target": target,
                "iterations": iterations,
                "step": first,
                "final_step": last,
                "start": FAINT,
                "degrees": self.degrees,
                "nearest": nearest,
                "furthest": furthest,
                "tint": self.tint,
                "noise": (self.noise, 0.0),
                "naturalness": naturalness,
                "iris": (*self.opening, self.opened) if opens else None,
            },
            seed,
            passes=len(self.together) * (iterations + seen) + LOOKS,
        )

    def spectral(self, language: Language) -> dict[str, str]:
        """What is said of all images that grow as a spectrum."""
        say = language.say
        return {
            say("ascent.settings.start"): say("together.faint", factor=FAINT),
            say("together.rotation"): say("together.degrees", degrees=self.degrees),
            say("together.colours"): say("together.decorrelated"),
        }

    def told(self, language: Language, *, iterations: int, natural: bool = True, opens: bool = True) -> dict[str, str]:
        """Settings of such a part for the reader; see :meth:`part`."""
        say = language.say
        (nearest, furthest), (fastest, slowest), (begins, ends) = self.views, self.rates, self.opening
        told = self.spectral(language) | {
            say("together.iterations"): str(iterations),
            say("together.rate"): say("together.slowing", first=fastest, last=slowest),
            say("together.part"): say("together.parts", nearest=100 * nearest, furthest=100 * furthest),
            say("together.tint"): language.number(self.tint),
            say("together.noise"): say("together.fading", first=self.noise),
        }
        if natural:
            told[say("together.naturalness")] = language.number(self.naturalness)
        if opens:
            told[say("together.opening")] = say("together.opens", first=begins, last=ends, share=100 * self.opened)
        return told
