"""The ladder: what it takes, one rung at a time, to grow images that others recognise too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat

from generator import vision
from generator.artefacts import Picture
from generator.charts import canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.schema import ClassIndex, ImageName, Name, NetworkName
from generator.shades import to_bytes
from generator.statistics import Estimate, mean, share

BLUR = 0.5
"""σ, in pixels, of the lab's blur of the image."""
FAINT = 0.01
"""How much of the noise the last rung starts from: next to nothing, as Fourier's basis never gets rid of grain."""
ACROSS = 5
"""How many images of a rung stand side by side."""

SERIES = ("own", "first", "probability")
"""What is measured on a rung: how many images the network they were made for names first, how many the
other does, and how probable the other finds the target."""


@dataclass(frozen=True)
class Rung:
    """One way to grow images.

    Attributes:
        title: what it adds to the rung below.
        rule: how an image moves.
        told: its settings, for the reader.
        noise: factor of the standard normal noise that an image starts from.
        penalty: what pulls back.
        weight: the penalty's factor.
    """

    title: str
    rule: vision.ascent.Rule
    told: Mapping[str, str]
    noise: float = 1.0
    penalty: str | None = None
    weight: float = 0.0


@dataclass(frozen=True)
class Grown:
    """An image and what the networks see in it, rounded to 8 bits as it is saved.

    Attributes:
        values: pixel values, float32 (H, W, 3).
        picture: it, with the judge's answer.
        judged: the other network's probabilities, float32 (classes,).
        chance: the one it gives the target, in per cent.
        first: whether it names the target first.
        own: whether the network it was made for does.
    """

    values: NDArray[np.float32]
    picture: Picture
    judged: NDArray[np.float32]
    chance: float
    first: bool
    own: bool


class Ladder(Experiment):
    """One image per class and rung, with the same number of iterations; judged by another network."""

    kind: ClassVar[str] = "ladder"
    family: ClassVar[Family] = "classvis"

    other: NetworkName = Field(description="the network that judges; the images are not made for it")
    targets: dict[Name, ClassIndex] = Field(min_length=1, description="the classes to visualise, by figure name")
    images: tuple[ImageName, ...] = Field(
        min_length=1, description="whose colours the last rung is given; all images of the lab if left out"
    )
    iterations: int = Field(ge=1, description="of every image")
    jitter: int = Field(16, ge=0, description="random shift of up to this many pixels")
    raw_step: float = Field(5.0, gt=0, description="rung 1: factor of the raw gradient (η)")
    step: float = Field(8.0, gt=0, description="rungs 2 and 3: length of a step (η)")
    gradient_sigma: tuple[NonNegativeFloat, NonNegativeFloat] = Field(
        (1.3, 0.3), description="rungs 2 and 3: first and last σ, in pixels, of the Gaussian that smooths the gradient"
    )
    variation: float = Field(gt=0, description="rung 3: factor of the total variation (λ)")
    rate: float = Field(gt=0, description="rung 4: Adam's rate")
    degrees: float = Field(ge=0, description="rung 4: random rotation by up to this angle")
    zoom: float = Field(ge=1, description="rung 4: random scaling by up to this factor, either way")

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(self.targets.values())

    @property
    def figures(self) -> Iterator[str]:
        yield "juge"
        yield from (f"barreau-{place}" for place in range(1, 5))
        yield from self.targets

    @property
    def work(self) -> int:
        return 4 * len(self.targets) * self.iterations

    def run(self, bench: Bench) -> None:
        say, rungs = bench.language.say, self._rungs(bench)
        grown = [self._grow(bench, place, rung) for place, rung in enumerate(rungs, start=1)]
        estimates = [
            self._rung(bench, place, rung, images)
            for place, (rung, images) in enumerate(zip(rungs, grown, strict=True), start=1)
        ]
        headings = [f"{place}. {rung.title}" for place, rung in enumerate(rungs, start=1)]
        told = {
            heading: say("ladder.list").join(
                say("ladder.setting", name=name, value=value) for name, value in rung.told.items()
            )
            for heading, rung in zip(headings, rungs, strict=True)
        }
        for name in self.targets:
            self._class(bench, name, told, [images[name] for images in grown])
        self._chart(bench, told, estimates)
        bench.results.table(
            "probabilites",
            caption=say("ladder.table.caption"),
            columns=(say("ladder.table.class"), *headings),
            rows=[
                (bench.class_title(target), *(round(images[name].chance, 1) for images in grown))
                for name, target in self.targets.items()
            ],
            links=[(None, *(images[name].picture for images in grown)) for name in self.targets],
            shaded=True,
        )

    def _rungs(self, bench: Bench) -> list[Rung]:
        say, number = bench.language.say, bench.language.number
        raw = vision.ascent.Rule(self.iterations, self.raw_step, jitter=self.jitter, blur_sigma=BLUR)
        smooth = replace(raw, step=self.step, unit_gradient=True, gradient_sigma=self.gradient_sigma)
        colours = vision.fourier.colours(
            [photograph.pixels for photograph in bench.photographs.values()], bench.network.channels
        )
        fourier = vision.ascent.Rule(
            self.iterations,
            self.rate,
            jitter=self.jitter,
            view=vision.views.wobble(self.degrees, self.zoom),
            canvas=partial(vision.fourier.Fourier, colours),
        )
        always = {
            say("ladder.iterations"): str(self.iterations),
            say("ascent.settings.jitter"): say("ascent.jitter", n=self.jitter),
        }
        in_pixels = always | {
            say("ascent.settings.start"): say("classvis.from-noise"),
            say("ascent.settings.blur"): say("ascent.blur", sigma=BLUR, every=raw.blur_every),
        }
        first, last = self.gradient_sigma
        smoothed = in_pixels | {
            say("ascent.settings.step"): say("ascent.unit-step", step=self.step),
            say("ladder.smoothing"): say("ladder.smoothed", first=first, last=last),
        }
        in_spectrum = always | {
            say("ascent.settings.start"): say("ladder.faint", factor=FAINT),
            say("ladder.rate"): say("ladder.adam", rate=self.rate),
            say("ladder.rotation"): say("ladder.degrees", degrees=self.degrees),
            say("ladder.scale"): say("ladder.zoom", factor=self.zoom),
            say("ladder.colours"): say("ladder.decorrelated"),
        }
        return [
            Rung(
                say("ladder.rung.raw"),
                raw,
                in_pixels | {say("ascent.settings.step"): say("ladder.raw-step", step=self.raw_step)},
            ),
            Rung(say("ladder.rung.smoothed"), smooth, smoothed),
            Rung(
                say("ladder.rung.variation"),
                smooth,
                smoothed | {say("ladder.variation"): number(self.variation)},
                penalty="total-variation",
                weight=self.variation,
            ),
            Rung(say("ladder.rung.fourier"), fourier, in_spectrum, noise=FAINT),
        ]

    def _grow(self, bench: Bench, place: int, rung: Rung) -> dict[str, Grown]:
        """One image for each class, by the name of its figure."""
        names = list(self.targets)
        start = rung.noise * vision.ascent.noise(bench.network, self.seed)
        climbs = (
            vision.ascent.Climb(start, target, seed=self.seed, penalty=rung.penalty, weight=rung.weight)
            for target in self.targets.values()
        )
        grown = {
            names[position]: self._judged(bench, place, rung, names[position], summit)
            for position, summit in vision.ascent.ascend(bench.network, climbs, rung.rule, on_step=bench.on_step)
        }
        return {name: grown[name] for name in names}

    def _judged(self, bench: Bench, place: int, rung: Rung, name: str, summit: vision.ascent.Summit) -> Grown:
        say, target, values = bench.language.say, self.targets[name], bench.network.pixels(summit.image)
        saved = to_bytes(values)
        own, judged = (
            vision.gradients.probabilities(network.scorer, network.normalise([saved]))[0]
            for network in (bench.network, bench.networks[self.other])
        )
        answer, title = int(judged.argmax()), bench.class_title(target)
        picture = bench.results.picture(
            f"{name}-{place}",
            saved,
            title=say(
                f"ladder.picture.{'right' if answer == target else 'wrong'}",
                target=title,
                answer=bench.class_title(answer),
                chance=100 * judged[answer],
            ),
            alt=say("ladder.picture.alt", target=title, place=place, rung=rung.title),
        )
        return Grown(
            values, picture, judged, 100 * float(judged[target]), answer == target, int(own.argmax()) == target
        )

    def _rung(self, bench: Bench, place: int, rung: Rung, images: Mapping[str, Grown]) -> dict[str, Estimate]:
        """The images of one rung, and what was measured on them: an estimate for each of the series."""
        say = bench.language.say
        estimates = {
            "own": share([image.own for image in images.values()]),
            "first": share([image.first for image in images.values()]),
            "probability": mean([image.chance for image in images.values()]),
        }
        pictures = [image.picture for image in images.values()]
        bench.results.figure(
            f"barreau-{place}",
            title=say("ladder.sheet.title", place=place, rung=rung.title),
            caption=say("ladder.sheet.caption", answer=say("ladder.answer")),
            columns=[pictures[column::ACROSS] for column in range(min(ACROSS, len(pictures)))],
            thumbnail=pictures[0],
            arrays={name: image.judged for name, image in images.items()},
            images=self.images,
            seed=self.seed,
            parameters=rung.told,
            facts=[
                bench.results.metric(f"rung-{place}.{key}", estimate, label=say(f"ladder.series.{key}"), unit="%")
                for key, estimate in estimates.items()
            ],
        )
        return estimates

    def _class(self, bench: Bench, name: str, told: Mapping[str, str], images: list[Grown]) -> None:
        """The images of one class, rung by rung."""
        say = bench.language.say
        bench.results.figure(
            name,
            title=say("ladder.class.title", target=bench.class_title(self.targets[name])),
            caption=say("ladder.class.caption", rungs=", ".join(told), answer=say("ladder.answer")),
            columns=[[image.picture] for image in images],
            thumbnail=images[-1].picture,
            arrays={f"rung-{place}": image.values for place, image in enumerate(images, start=1)},
            images=self.images,
            seed=self.seed,
            parameters=told,
        )

    def _chart(self, bench: Bench, told: Mapping[str, str], estimates: list[dict[str, Estimate]]) -> None:
        say, number = bench.language.say, bench.language.number
        figure, (axes,) = canvas(height=4.4)
        places = np.arange(len(estimates))
        for nth, key in enumerate(SERIES):
            measured = [of_rung[key] for of_rung in estimates]
            values = np.array([one.value for one in measured])
            around = np.array([(one.value - one.low, one.high - one.value) for one in measured]).T
            label = say(f"ladder.series.{key}")
            axes.errorbar(places + 0.12 * (nth - 1), values, around, fmt="o", capsize=3, label=label)
        axes.set_xticks(places, list(told))
        axes.set_ylim(-4, 104)
        axes.set_ylabel("%")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.1))
        series = (
            say(
                "ladder.judge.series",
                label=say(f"ladder.series.{key}"),
                values=say("ladder.judge.then").join(number(of_rung[key].value, 2) for of_rung in estimates),
            )
            for key in SERIES
        )
        bench.results.chart(
            "juge",
            draw(figure, bench.language),
            title=say("ladder.judge.title"),
            caption=say("ladder.judge.caption", classes=len(self.targets)),
            alt=say("ladder.judge.alt", series=say("ladder.list").join(series)),
            arrays={key: np.array([(e[key].value, e[key].low, e[key].high) for e in estimates]) for key in SERIES},
            images=self.images,
            seed=self.seed,
            parameters=told,
        )
