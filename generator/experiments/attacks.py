"""The lab's way to fool a network beside those of the literature: how small a change each finds, at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from generator import vision
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName
from generator.shades import around_grey, grey_scale, to_bytes
from generator.statistics import mean, share


class Attacks(Experiment):
    """Untargeted attacks on the same photographs, and the norms of the changes they find."""

    kind: ClassVar[str] = "attacks"
    family: ClassVar[Family] = "fooling"

    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class chosen for the lab's own, targeted method")
    step: float = Field(gt=0, description="L2 norm of the lab's steps, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="the lab's method gives up after this many steps")
    shown: ImageName = Field(description="photograph of the figure, one of the images")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, self.shown)))

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield self.shown

    @property
    def work(self) -> int:
        literature = vision.attacks.METHODS
        own = 2 * (self.iterations + 1)
        # Beside what makes them, each image is shown once as it is saved, and the photograph once.
        return len(self.photographs) * (own + sum(literature.values()) + 2 + len(literature) + 1)

    def run(self, bench: Bench) -> None:
        network, say = bench.network, bench.language.say
        originals = [one.pixels for one in bench.photographs.values()]
        ranked = [
            vision.gradients.probabilities(network.scorer, network.normalise([pixels]))[0].argsort()[::-1]
            for pixels in originals
        ]
        bench.on_step(len(originals))
        outcomes = {
            "runner-up": self._climb(bench, originals, [int(ranks[1]) for ranks in ranked]),
            "target": self._climb(bench, originals, [self.target] * len(originals)),
        }
        for method in vision.attacks.METHODS:
            outcomes[method] = vision.attacks.attack(network, originals, method, seed=self.seed, on_step=bench.on_step)
        rows = []
        for method, ends in outcomes.items():
            saved = vision.gradients.answers(network, (to_bytes(end.image) for end in ends), on_step=bench.on_step)
            survives = [bool(answer != ranks[0]) for answer, ranks in zip(saved, ranked, strict=True)]
            rows.append([say(f"attacks.method.{method}"), *self._measure(bench, method, ends, originals, survives)])
        bench.results.table(
            "methodes",
            caption=say("attacks.table.caption", photographs=len(originals)),
            columns=[
                say(f"attacks.table.{heading}")
                for heading in ("method", "fooled", "saved", "l2", "linf", "gradients", "queries")
            ],
            rows=rows,
        )
        place = list(bench.photographs).index(self.shown)
        self._figure(bench, {method: ends[place] for method, ends in outcomes.items()})

    def _climb(self, bench: Bench, originals: Sequence[Pixels], targets: Sequence[int]) -> list[vision.attacks.Outcome]:
        network = bench.network
        rule = vision.ascent.Rule(self.iterations, self.step, unit_gradient=True, stop_at_target=True)
        climbs = (
            vision.ascent.Climb(network.normalise([pixels])[0], target)
            for pixels, target in zip(originals, targets, strict=True)
        )
        summits = dict(vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step))
        return [
            vision.attacks.Outcome(
                network.pixels(summits[place].image), summits[place].reached, len(summits[place].scores), 0
            )
            for place in sorted(summits)
        ]

    def _measure(
        self,
        bench: Bench,
        method: str,
        ends: Sequence[vision.attacks.Outcome],
        originals: Sequence[Pixels],
        survives: Sequence[bool],
    ) -> Iterator[str | float | None]:
        """Record what a method reached, and give the cells of its row."""
        changes = [end.image - pixels / 255 for end, pixels in zip(ends, originals, strict=True) if end.fooled]
        title = bench.language.say(f"attacks.method.{method}")
        measures = {
            "fooled": (share([end.fooled for end in ends]), "%"),
            "saved": (share(survives), "%"),
            "l2": (changes and mean([float(np.linalg.norm(change)) for change in changes]), ""),
            "linf": (changes and mean([255 * float(np.abs(change).max()) for change in changes]), ""),
            "gradients": (float(np.mean([end.gradients for end in ends])), ""),
            "queries": (float(np.mean([end.queries for end in ends])), ""),
        }
        for key, (value, unit) in measures.items():
            if isinstance(value, list):  # nothing was fooled: there is no distance
                yield None
                continue
            label = bench.language.say(f"attacks.metric.{key}", method=title)
            bench.results.metric(f"{method}.{key}", value, label=label, unit=unit)
            yield value if isinstance(value, float) else value.cell(bench.language) if unit else value.value

    def _figure(self, bench: Bench, ends: Mapping[str, vision.attacks.Outcome]) -> None:
        results, photograph, say = bench.results, bench.photographs[self.shown], bench.language.say
        original = photograph.pixels.astype(np.float32) / np.float32(255)
        shown = {"original": original} | {method: end.image for method, end in ends.items()}
        titles = [say("attacks.original"), *(say(f"attacks.method.{method}") for method in ends)]
        pairs = [
            (
                results.picture(
                    f"{self.shown}-{key}",
                    to_bytes(image),
                    title=title,
                    alt=say("attacks.alt", photograph=photograph.title, method=title),
                ),
                results.picture(
                    f"{self.shown}-{key}-difference-x10",
                    around_grey(10 * (image - original)),
                    title=say("attacks.difference-x10"),
                    alt=say("attacks.difference-x10-alt", method=title),
                    scale=grey_scale(10),
                ),
            )
            for (key, image), title in zip(shown.items(), titles, strict=True)
        ]
        width = len(pairs) // 2
        results.figure(
            self.shown,
            title=say("attacks.title", photograph=photograph.title),
            caption=say("attacks.caption"),
            columns=[[*above, *below] for above, below in zip(pairs[:width], pairs[width:], strict=True)],
            thumbnail=pairs[-1][0],
            arrays=shown,
            images=[self.shown],
            seed=self.seed,
            parameters={
                say("attacks.step"): self.step,
                say("attacks.chosen"): f"{bench.class_title(self.target)} ({self.target})",
                say("attacks.radii"): ", ".join(map(str, vision.attacks.RADII)),
                say("attacks.others"): say("attacks.in-code"),
            },
        )
