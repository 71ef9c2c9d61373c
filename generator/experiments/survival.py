"""Survival: do fooling images still fool after what befalls pictures on their way to a network?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import INK, canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName, ImageSpec
from generator.shades import around_grey, grey_scale, to_bytes
from generator.statistics import Estimate, share

if TYPE_CHECKING:
    from generator.vision.perception import Difference

ATTACKS = ("juste", "marge", "robuste")


@dataclass(frozen=True)
class _Trial:
    """One photograph fooled by one attack: the picture saved, its change, the class seen after each handling."""

    saved: Pixels
    difference: Difference
    seen: Mapping[str, int]


Trials = Mapping[str, Mapping[str, _Trial]]
"""Attack -> image -> what came of it."""


class Survival(Experiment):
    """Three attacks, seen again by the network after their pictures were compressed, resized, blurred, brightened."""

    kind: ClassVar[str] = "survival"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class the network shall see: an index, a name or a title")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    radius: float = Field(gt=0, description="L2 norm of the whole change that the two stronger attacks may make")
    iterations: int = Field(50, ge=1, description="steps of each attack; the first one stops at the target")
    views: int = Field(2, ge=1, description="random handlings that the robust attack looks through at each step")
    clamp: bool = Field(description="keep pixels valid after each step; otherwise only what is shown is clipped")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:
        for name in self.images:
            if images[name].label == self.target:
                yield "images", f"{name} is of the target class already; leave it out"

    @property
    def figures(self) -> Iterator[str]:
        yield "survie"
        yield from self.images

    @property
    def work(self) -> int:
        return len(self.images) * (2 * self.iterations + 1 + self.iterations * self.views)

    def run(self, bench: Bench) -> None:
        brief = vision.ascent.Rule(
            iterations=self.iterations, step=self.step, unit_gradient=True, clamp=self.clamp, stop_at_target=True
        )
        wide = replace(brief, stop_at_target=False, radius=self.radius)
        rules = {
            "juste": brief,
            "marge": wide,
            "robuste": replace(wide, view=vision.transforms.handling_view(bench.network), views=self.views),
        }
        trials = {attack: self._trials(bench, rule) for attack, rule in rules.items()}
        self._measure(bench, trials)
        self._compare(bench, trials)
        for name in self.images:
            self._figure(bench, name, {attack: trials[attack][name] for attack in ATTACKS})

    def _trials(self, bench: Bench, rule: vision.ascent.Rule) -> dict[str, _Trial]:
        network = bench.network
        climbs = (
            vision.ascent.Climb(network.normalise([photograph.pixels])[0], self.target, seed=self.seed + place)
            for place, photograph in enumerate(bench.photographs.values())
        )
        trials = {}
        for place, summit in vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step):
            name, saved = self.images[place], to_bytes(network.pixels(summit.image))
            difference = vision.perception.difference(bench.photographs[name].pixels, saved)
            trials[name] = _Trial(saved, difference, self._seen(bench, saved))
        return trials

    @staticmethod
    def _seen(bench: Bench, pixels: Pixels) -> dict[str, int]:
        """The class the network sees after each handling."""
        handlings = vision.transforms.HANDLINGS
        handled = bench.network.normalise([vision.transforms.handled(pixels, handling) for handling in handlings])
        seen = vision.gradients.probabilities(bench.network.scorer, handled).argmax(axis=1)
        return dict(zip(handlings, map(int, seen), strict=True))

    def _measure(self, bench: Bench, trials: Trials) -> None:
        say = bench.language.say
        bench.results.table(
            "mesures",
            caption=say("survival.sizes.caption", photographs=len(self.images)),
            columns=[say("survival.sizes.measure"), *_by_attack(bench)],
            rows=[
                [
                    say(f"matrix.summary.{key}"),
                    *(fmean(getattr(trial.difference, key) for trial in of.values()) for of in trials.values()),
                ]
                for key in vision.perception.MEASURES
            ],
        )
        robust = trials["robuste"].values()
        for key, outcomes in (
            ("unseen", [self._unseen(trial) for trial in robust]),
            (
                "real",
                [
                    self._unseen(trial) and trial.seen["jpeg-75"] == trial.seen["brighter"] == self.target
                    for trial in robust
                ],
            ),
        ):
            bench.results.metric(key, share(outcomes), label=say(f"survival.{key}"), unit="%")

    @staticmethod
    def _unseen(trial: _Trial) -> bool:
        return trial.difference.delta_e < vision.perception.UNSEEN

    def _compare(self, bench: Bench, trials: Trials) -> None:
        """How many images still fool after each handling, and how many are still not seen as what they are."""
        say, aim = bench.language.say, bench.class_title(self.target)
        handlings = {handling: say(f"survival.handling.{handling}") for handling in vision.transforms.HANDLINGS}
        originals = {name: self._seen(bench, photograph.pixels) for name, photograph in bench.photographs.items()}
        labels = {name: photograph.label for name, photograph in bench.photographs.items()}
        target, right, intact = {}, {}, {}
        for handling, title in handlings.items():
            for attack, of in trials.items():
                target[attack, handling] = share([t.seen[handling] == self.target for t in of.values()])
                right[attack, handling] = share([t.seen[handling] == labels[name] for name, t in of.items()])
                bench.results.metric(
                    f"{attack}.{handling}",
                    target[attack, handling],
                    label=say("survival.fooling", attack=say(f"survival.attack.{attack}"), handling=title),
                    unit="%",
                )
            intact[handling] = share([originals[name][handling] == label for name, label in labels.items()])

        def with_interval(of: Estimate) -> str:
            return say("survival.share", value=of.value, low=of.low, high=of.high)

        bench.results.table(
            "cible",
            caption=say("survival.target", target=aim, photographs=len(self.images)),
            columns=[say("survival.handled"), *_by_attack(bench)],
            rows=[
                [title, *(with_interval(target[attack, key]) for attack in ATTACKS)] for key, title in handlings.items()
            ],
        )
        bench.results.table(
            "vraie-classe",
            caption=say("survival.true-class", photographs=len(self.images)),
            columns=[say("survival.handled"), say("survival.intact"), *_by_attack(bench)],
            rows=[
                [title, *map(with_interval, (intact[key], *(right[attack, key] for attack in ATTACKS)))]
                for key, title in handlings.items()
            ],
        )
        self._chart(bench, handlings, target)

    def _chart(self, bench: Bench, handlings: Mapping[str, str], target: Mapping[tuple[str, str], Estimate]) -> None:
        say = bench.language.say
        figure, (axes,) = canvas(7.6, 4.2)
        for shift, attack in zip((-0.2, 0, 0.2), ATTACKS, strict=True):
            shares = [target[attack, handling] for handling in handlings]
            axes.errorbar(
                [one.value for one in shares],
                np.arange(len(handlings)) + shift,
                xerr=[[one.value - one.low for one in shares], [one.high - one.value for one in shares]],
                fmt="o",
                capsize=3,
                label=say(f"survival.attack.{attack}"),
            )
        axes.set_yticks(range(len(handlings)), handlings.values())
        axes.invert_yaxis()
        axes.set(xlabel=say("survival.chart.axis", target=bench.class_title(self.target)), xlim=(-3, 103))
        axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
        bench.results.chart(
            "survie",
            draw(figure, bench.language),
            title=say("survival.chart.title"),
            caption=say("survival.chart.caption"),
            alt=say("survival.chart.alt"),
            arrays={
                attack: np.array([(one.value, one.low, one.high) for one in (target[attack, key] for key in handlings)])
                for attack in ATTACKS
            },
            images=self.images,
            seed=self.seed,
            parameters=self._parameters(bench),
        )

    def _figure(self, bench: Bench, name: str, trials: Mapping[str, _Trial]) -> None:
        photograph, results, say = bench.photographs[name], bench.results, bench.language.say
        original = results.picture(
            name,
            photograph.pixels,
            title=say("common.original"),
            alt=say("common.original-alt", title=photograph.title),
        )
        columns: list[list[Picture]] = [[original]]
        for title, (attack, trial) in zip(_by_attack(bench), trials.items(), strict=True):
            change = (trial.saved.astype(np.float32) - photograph.pixels) / np.float32(255)
            columns.append(
                [
                    results.picture(
                        f"{name}-{attack}",
                        trial.saved,
                        title=title,
                        alt=say("survival.fooled-alt", title=photograph.title, attack=say(f"survival.attack.{attack}")),
                    ),
                    results.picture(
                        f"{name}-{attack}-difference-x10",
                        around_grey(10 * change),
                        title=say("common.difference-x10"),
                        alt=say("common.difference-x10-alt"),
                        scale=grey_scale(10),
                    ),
                ]
            )
        results.figure(
            name,
            title=say("survival.title", photograph=photograph.title, target=bench.class_title(self.target)),
            caption=say(
                "survival.caption",
                attacks=" ".join(self._told(bench, attack, trial) for attack, trial in trials.items()),
            ),
            columns=columns,
            thumbnail=columns[-1][0],
            # The fooling images themselves are in their PNG files, which lose nothing.
            arrays={
                attack: np.array([seen == self.target for seen in t.seen.values()]) for attack, t in trials.items()
            },
            images=[name],
            seed=self.seed,
            parameters=self._parameters(bench),
        )

    def _told(self, bench: Bench, attack: str, trial: _Trial) -> str:
        survived = [seen == self.target for seen in trial.seen.values()]
        return bench.language.say(
            "survival.told",
            attack=bench.language.say(f"survival.attack.{attack}"),
            delta_e=trial.difference.delta_e,
            n=sum(survived),
            all=len(survived),
        )

    def _parameters(self, bench: Bench) -> dict[str, str | float | bool]:
        say = bench.language.say
        return {
            say("common.target"): f"{bench.class_title(self.target)} ({self.target})",
            say("common.step"): self.step,
            say("survival.radius"): self.radius,
            say("survival.iterations"): self.iterations,
            say("survival.views"): self.views,
            say("common.clamp"): self.clamp,
        }


def _by_attack(bench: Bench) -> list[str]:
    """Headings of what came of each attack."""
    say = bench.language.say
    return [say("survival.of-attack", attack=say(f"survival.attack.{attack}")) for attack in ATTACKS]
