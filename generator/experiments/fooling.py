"""Fooling images: a photograph changed, hardly visibly, until the network sees another class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from generator import vision
from generator.artefacts import YES_NO
from generator.experiments.base import Bench, Experiment, Family
from generator.schema import ClassIndex, ImageName
from generator.shades import around_grey, grey_scale, to_bytes

FILMED = frozenset((*range(20), *range(20, 1000, 10)))
"""Iterations whose image becomes a frame of the film: all at first, when most images arrive."""


class Fooling(Experiment):
    """x <- x + step * g / ||g||, until the target has the highest score (Szegedy et al. 2013)."""

    kind: ClassVar[str] = "fooling"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class the network shall see: an index, a name or a title")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="give up after this many steps")
    clamp: bool = Field(description="keep pixels valid after each step; otherwise only what is shown is clipped")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield from self.images

    @property
    def work(self) -> int:
        return len(self.images) * (self.iterations + 1)

    def run(self, bench: Bench) -> None:
        network, names = bench.network, list(bench.photographs)
        rule = vision.ascent.Rule(
            iterations=self.iterations,
            step=self.step,
            unit_gradient=True,
            clamp=self.clamp,
            stop_at_target=True,
        )
        climbs = (
            vision.ascent.Climb(network.normalise([photograph.pixels])[0], self.target, snapshots=FILMED)
            for photograph in bench.photographs.values()
        )
        for position, summit in vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step):
            self._record(bench, names[position], summit)

    def _record(self, bench: Bench, name: str, summit: vision.ascent.Summit) -> None:
        photograph, results, network = bench.photographs[name], bench.results, bench.network
        say = bench.language.say
        before = photograph.pixels.astype(np.float32) / np.float32(255)
        after = network.pixels(summit.image)
        saved = to_bytes(after)
        change = after - before
        chances = vision.gradients.probabilities(network.scorer, network.normalise([photograph.pixels, saved]))
        target, title = bench.class_title(self.target), photograph.title
        own = bench.class_title(photograph.label)
        facts = [
            results.metric(f"{name}.{key}", float(value), label=label, unit=unit)
            for key, value, label, unit in (
                ("reached", summit.reached, say("fooling.reached"), YES_NO),
                ("iterations", summit.steps, say("fooling.iterations"), ""),
                ("l2", np.linalg.norm(change), say("common.l2"), ""),
                ("linf", np.abs(change).max(), say("common.linf"), ""),
                ("score-before", summit.scores[0], say("fooling.score-before", target=target), ""),
                ("score-after", summit.scores[-1], say("fooling.score-after", target=target), ""),
                ("target-before", 100 * chances[0, self.target], say("fooling.probability-before", title=target), "%"),
                ("target-after", 100 * chances[1, self.target], say("fooling.probability-after", title=target), "%"),
                ("label-before", 100 * chances[0, photograph.label], say("fooling.probability-before", title=own), "%"),
                ("label-after", 100 * chances[1, photograph.label], say("fooling.probability-after", title=own), "%"),
                ("survives", chances[1].argmax() == self.target, say("fooling.survives"), YES_NO),
            )
        ]  # fmt: skip
        shown = {
            "originale": (photograph.pixels, say("common.original"), say("common.original-alt", title=title), None),
            "trompeuse": (saved, say("common.fooled"), say("fooling.fooled-alt", title=title), None),
            "difference": (
                around_grey(change),
                say("common.difference"),
                say("common.difference-alt"),
                grey_scale(1),
            ),
            "difference-x10": (
                around_grey(10 * change),
                say("common.difference-x10"),
                say("common.difference-x10-alt"),
                grey_scale(10),
            ),
        }
        pictures = {
            key: results.picture(f"{name}-{key}", pixels, title=heading, alt=alt, scale=scale)
            for key, (pixels, heading, alt, scale) in shown.items()
        }
        outcome = (
            say("fooling.success", target=target)
            if summit.reached
            else say("fooling.failure", target=target, steps=summit.steps)
        )
        clipped = 100 * float(np.mean(np.abs(10 * change) > 0.5))
        results.figure(
            name,
            title=say("fooling.title", photograph=title, target=target),
            caption=say("fooling.caption", outcome=outcome, clipped=clipped),
            columns=[[picture] for picture in pictures.values()],
            thumbnail=pictures["trompeuse"],
            arrays={"original": photograph.pixels, "fooled": after},
            images=[name],
            classes=[target],
            compare=[(pictures["originale"], pictures["trompeuse"])],
            seed=None,
            parameters={
                say("common.target"): f"{target} ({self.target})",
                say("common.step"): self.step,
                say("common.at-most"): self.iterations,
                say("common.clamp"): self.clamp,
            },
            facts=facts,
        )
        frames = {iteration: to_bytes(network.pixels(image)) for iteration, image in summit.snapshots.items()}
        results.film(
            name,
            title=say("fooling.title", photograph=title, target=target),
            figures=[name],
            frames=frames | {summit.steps: saved},
            total=summit.steps,
            scores=summit.scores,
            alt=say("fooling.film-alt", title=title, target=target),
        )
