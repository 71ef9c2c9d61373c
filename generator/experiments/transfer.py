"""Transfer: do images that fool one network fool another, whose gradient was never used?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.charts import COLOURS, INK, canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName, NetworkName
from generator.shades import to_bytes
from generator.statistics import Estimate, share

RULE = "regle"
"""Level of the images that stop as soon as the attacked network sees the target."""
MEASURES = ("own-target", "other-target", "other-fooled", "noise-fooled")


class Transfer(Experiment):
    """Fooling images made on one network, shown to another (Szegedy et al. 2013, section 4.2)."""

    kind: ClassVar[str] = "transfer"
    family: ClassVar[Family] = "fooling"

    other: NetworkName = Field(description="name of the network that is never differentiated")
    images: tuple[ImageName, ...] = Field(min_length=1, description="all images of the lab if left out")
    target: ClassIndex = Field(description="the class the networks shall see: an index, a name or a title")
    step: float = Field(gt=0, description="L2 norm of each step, in normalised space (η)")
    iterations: int = Field(100, ge=1, description="give up after this many steps, where the target ends the climb")
    pushed_step: float = Field(gt=0, description="the same for the images that go on behind the target")
    pushed: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, description="how many steps those make")

    @property
    def classes(self) -> tuple[int, ...]:
        return (self.target,)

    @property
    def figures(self) -> Iterator[str]:
        yield "taux"

    @property
    def work(self) -> int:
        shown = 3 * (1 + len(self.pushed)) + 1
        return len(self.images) * (self.iterations + 1 + max(self.pushed) + shown)

    def run(self, bench: Bench) -> None:
        # An image of the target would count as fooled without any change.
        photographs = [one.pixels for one in bench.photographs.values() if one.label != self.target]
        other, say = bench.networks[self.other], bench.language.say
        titles = {measure: say(f"transfer.measure.{measure}") for measure in MEASURES}
        before = vision.gradients.answers(other, photographs, on_step=bench.on_step)
        rows: list[list[str | float]] = []
        shares, distances = [], []
        for level, title, images in self._levels(bench, photographs):
            sizes = [float(np.linalg.norm((a / 255.0) - (b / 255.0))) for a, b in zip(images, photographs, strict=True)]
            random = np.random.default_rng(self.seed)
            noisy = [add_noise(pixels, size, random) for pixels, size in zip(photographs, sizes, strict=True)]
            own, others, disturbed = (
                vision.gradients.answers(network, shown, on_step=bench.on_step)
                for network, shown in ((bench.network, images), (other, images), (other, noisy))
            )
            estimates = {
                "own-target": share(own == self.target),
                "other-target": share(others == self.target),
                "other-fooled": share(others != before),
                "noise-fooled": share(disturbed != before),
            }
            for key, estimate in estimates.items():
                label = say("transfer.measured", images=title, measure=titles[key])
                bench.results.metric(f"{level}.{key}", estimate, label=label, unit="%")
            bench.results.metric(f"{level}.l2", float(np.mean(sizes)), label=say("transfer.distance", images=title))
            rows.append(
                [title, float(np.mean(sizes)), *(estimate.cell(bench.language) for estimate in estimates.values())]
            )
            shares.append(estimates)
            distances.append(float(np.mean(sizes)))
        bench.results.table(
            "taux",
            caption=say("transfer.table.caption"),
            columns=[say("transfer.table.images"), say("transfer.table.l2"), *titles.values()],
            rows=rows,
        )
        self._chart(bench, titles, distances, shares)

    def _levels(self, bench: Bench, photographs: Sequence[Pixels]) -> Iterator[tuple[str, str, list[Pixels]]]:
        """Name, title and images, as they would be saved, of each way to make them."""
        network, say = bench.network, bench.language.say
        until_target = vision.ascent.Rule(self.iterations, self.step, unit_gradient=True, stop_at_target=True)
        beyond = vision.ascent.Rule(max(self.pushed), self.pushed_step, unit_gradient=True)

        def climb(rule: vision.ascent.Rule) -> list[vision.ascent.Summit]:
            climbs = (
                vision.ascent.Climb(network.normalise([pixels])[0], self.target, snapshots=frozenset(self.pushed))
                for pixels in photographs
            )
            arrivals = dict(vision.ascent.ascend(network, climbs, rule, on_step=bench.on_step))
            return [arrivals[position] for position in sorted(arrivals)]

        stopped = climb(until_target)
        yield RULE, say("transfer.rule"), [to_bytes(network.pixels(summit.image)) for summit in stopped]
        pushed = climb(beyond)
        for steps in self.pushed:
            images = [to_bytes(network.pixels(summit.snapshots[steps])) for summit in pushed]
            yield f"pas-{steps}", say("transfer.pushed", steps=str(steps)), images

    def _chart(
        self,
        bench: Bench,
        titles: Mapping[str, str],
        distances: Sequence[float],
        shares: Sequence[Mapping[str, Estimate]],
    ) -> None:
        say = bench.language.say
        figure, (axes,) = canvas(7.2, 4.2)
        arrays = {"l2": np.array(distances)}
        for place, (key, title) in enumerate(titles.items()):
            estimates = [at_level[key] for at_level in shares]
            values, low, high = np.array([(e.value, e.low, e.high) for e in estimates]).T
            axes.errorbar(
                # Side by side, or the intervals would cover one another.
                np.array(distances) + 0.01 * max(distances) * (place - 1.5),
                values,
                yerr=[values - low, high - values],
                color=INK if key == "noise-fooled" else COLOURS[place],
                linestyle="--" if key == "noise-fooled" else "-",
                marker="o",
                capsize=3,
                label=title,
            )
            arrays[key] = np.array([values, low, high])
        axes.set_xlabel(say("transfer.chart.distance"))
        axes.set_ylabel(say("transfer.chart.images"))
        axes.set_ylim(-4, 104)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.32), ncols=1, fontsize=9)
        target, pushed = bench.class_title(self.target), ", ".join(map(str, self.pushed))
        bench.results.chart(
            "taux",
            draw(figure, bench.language),
            title=say("transfer.chart.title", target=target),
            caption=say("transfer.chart.caption", pushed=pushed),
            alt=say("transfer.chart.alt"),
            arrays=arrays,
            images=[name for name, one in bench.photographs.items() if one.label != self.target],
            seed=self.seed,
            parameters={
                say("common.target"): f"{target} ({self.target})",
                say("common.step"): self.step,
                say("transfer.iterations"): self.iterations,
                say("transfer.pushed-step"): self.pushed_step,
                say("transfer.pushed-iterations"): pushed,
            },
        )


def add_noise(pixels: Pixels, size: float, random: np.random.Generator) -> Pixels:
    """A photograph under Gaussian noise of a given L2 norm (pixel values of [0, 1]), as it would be saved."""
    noise: NDArray[np.float64] = random.standard_normal(pixels.shape)
    return to_bytes((pixels / 255 + size * noise / np.linalg.norm(noise)).astype(np.float32))
