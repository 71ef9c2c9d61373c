"""Class visualisation: the image that the network finds most typical of a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from generator import vision
from generator.experiments.ascent import Ascent, Moments, PenaltyName, check_moments, moments
from generator.experiments.base import Bench, Experiment, Family
from generator.images import Pixels
from generator.schema import ClassIndex, ImageName, Name, Strict
from generator.shades import to_bytes


class Run(Strict):
    """One image grown towards one class."""

    name: Name = Field(description="its figures are called NAME-0001 and so on, after the iteration")
    title: str = Field(description="what distinguishes it, for the reader")
    target: ClassIndex = Field(description="the class to visualise: an index, a name or a title")
    start: ImageName | None = Field(None, description="image to start from; standard normal noise if left out")
    penalty: PenaltyName | None = Field(None, description="what pulls back")
    weight: float = Field(0.0, ge=0, description="the penalty's factor (λ)")
    show: Moments = Field(min_length=1, description="iterations to show, counted from 1; it stops after the last one")


class ClassVisualisation(Ascent, Experiment):
    """Raise s_y(x) minus a penalty by gradient ascent (Simonyan et al. 2013, section 2)."""

    kind: ClassVar[str] = "classvis"
    family: ClassVar[Family] = "classvis"

    runs: tuple[Run, ...] = Field(min_length=1, description="the images to grow")
    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    frames: int = Field(24, ge=2, description="about how many frames the film of each run has")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        for place, run in enumerate(self.runs):
            check_moments(f"runs.{place}.show", run.show, self.iterations)
        return self

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.start for run in self.runs if run.start))

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(run.target for run in self.runs)

    @property
    def figures(self) -> Iterator[str]:
        for run in self.runs:
            for iteration in run.show:
                yield _figure_name(run, iteration)

    @property
    def work(self) -> int:
        return sum(run.show[-1] for run in self.runs)

    def run(self, bench: Bench) -> None:
        climbs = (self._climb(bench, run) for run in self.runs)
        for position, summit in vision.ascent.ascend(
            bench.network, climbs, self.rule(self.iterations), on_step=bench.on_step
        ):
            self._record(bench, self.runs[position], summit)

    def _climb(self, bench: Bench, run: Run) -> vision.ascent.Climb:
        network = bench.network
        return vision.ascent.Climb(
            start=network.normalise([bench.photographs[run.start].pixels])[0]
            if run.start
            else vision.ascent.noise(network, self.seed),
            target=run.target,
            seed=self.seed,
            penalty=run.penalty,
            weight=run.weight,
            snapshots=frozenset(run.show).union(self._film(run.show[-1])),
            last=run.show[-1],
        )

    def _film(self, last: int) -> list[int]:
        """Iterations of a film's frames, the start included."""
        return [0, *moments(last, self.frames)]

    def _record(self, bench: Bench, run: Run, summit: vision.ascent.Summit) -> None:
        say, target = bench.language.say, bench.class_title(run.target)
        images = {iteration: to_bytes(bench.network.pixels(image)) for iteration, image in summit.snapshots.items()}
        for iteration in run.show:
            self._figure(bench, run, iteration, images[iteration], summit)
        bench.results.film(
            run.name,
            title=say("classvis.film", target=target, setting=run.title),
            figures=[_figure_name(run, iteration) for iteration in run.show],
            frames={iteration: images[iteration] for iteration in self._film(run.show[-1])},
            total=self.iterations,
            scores=summit.scores,
            alt=say("classvis.film-alt", target=target, setting=run.title),
        )

    def _figure(self, bench: Bench, run: Run, iteration: int, pixels: Pixels, summit: vision.ascent.Summit) -> None:
        name, target, say = _figure_name(run, iteration), bench.class_title(run.target), bench.language.say
        # A programme's iterations are numbered: they are names, not quantities.
        at, all_ = str(iteration), str(self.iterations)
        chances = vision.gradients.probabilities(bench.network.scorer, bench.network.normalise([pixels]))
        start = (
            say("classvis.from-photograph", title=bench.photographs[run.start].title)
            if run.start
            else say("classvis.from-noise")
        )
        facts = [
            bench.results.metric(
                f"{name}.score", summit.scores[iteration - 1], label=say("classvis.score", target=target)
            ),
            bench.results.metric(
                f"{name}.probability",
                100 * chances[0, run.target],
                label=say("classvis.probability", target=target),
                unit="%",
            ),
        ]
        origin = "from-photograph" if run.start else "from-noise"
        picture = bench.results.picture(
            name,
            pixels,
            alt=say(f"classvis.alt.{origin}", start=start, target=target, setting=run.title, iteration=at),
        )
        bench.results.figure(
            name,
            title=say("classvis.title", target=target, iteration=at, all=all_),
            caption=say("classvis.caption", start=start, setting=run.title, iteration=at, target=target),
            columns=[[picture]],
            thumbnail=picture,
            arrays={"image": bench.network.pixels(summit.snapshots[iteration])},
            images=[run.start] if run.start else [],
            seed=self.seed,
            classes=[target],
            parameters={
                say("common.class"): f"{target} ({run.target})",
                say("ascent.settings.start"): start,
                say("ascent.settings.iteration"): say("ascent.iteration", iteration=at, all=all_),
                say("ascent.settings.penalty"): say(f"ascent.penalty.{run.penalty or 'none'}"),
                say("ascent.settings.weight"): run.weight,
                **self.settings(bench.language),
            },
            facts=facts,
        )


def _figure_name(run: Run, iteration: int) -> str:
    return f"{run.name}-{iteration:04d}"
