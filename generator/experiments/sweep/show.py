"""Colour, contrast, grain and recognition by the weight of the penalty, beside those of photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, canvas
from generator.experiments.given import Outcome
from generator.experiments.shared.looks import LOOKS
from generator.experiments.shared.pushed import listed, told
from generator.experiments.shared.thirds import thirds
from generator.experiments.stage import Stage
from generator.experiments.sweep import Sweep
from generator.statistics import Estimate, mean, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NATURAL = (5, 95)
"""Between these percentiles of the photographs an image counts as natural."""


@dataclass(frozen=True)
class Natural:
    """What photographs look like: bounds of each of the ``LOOKS``, float (3,)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def contains(self, looks: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the looks of an image are natural, bool (3,)."""
        return (self.low <= looks) & (looks <= self.high)

    def realistic(self, image: Outcome) -> bool:
        """What stands in for a realistic image: it looks natural in each way, and the other networks recognise it."""
        return bool(image["recognised"]) and bool(self.contains(image["looks"]).all())


def show(experiment: Sweep, stage: Stage) -> None:
    """Measures, a chart and a table."""
    say, strongest = stage.say, experiment.ladder[-1]
    natural = _natural(experiment, stage)
    photographs = [stage.outcomes[name] for name in experiment.starts]
    grown = {weight: [stage.outcomes[name, weight] for name in experiment.starts] for weight in experiment.ladder}
    chroma = {weight: [image["looks"][0] for image in images] for weight, images in grown.items()}
    for weight, key in ((0.0, "free"), (strongest, "pulled")):
        gains = [after - before["looks"][0] for after, before in zip(chroma[weight], photographs, strict=True)]
        stage.metric(f"{key}.gain", mean(gains), label=say(f"sweep.gain.{key}"))
    facts = [
        stage.metric(key, found, label=say(f"sweep.{key}"), unit="%")
        for key, found in _found(experiment, natural, grown).items()
    ]
    # What stops earlier: does the length of the programme decide?
    for place, (part, iterations) in enumerate(thirds(experiment.iterations).items()):
        earlier = {weight: [_earlier(image, place) for image in images] for weight, images in grown.items()}
        for key, found in _found(experiment, natural, earlier).items():
            label = say("ascent.after", measured=say(f"sweep.{key}"), iterations=iterations)
            stage.metric(f"{key}.{part}", found, label=label, unit="%")
    names = [say("sweep.start"), *map(stage.language.number, grown)]
    stages: dict[str | float, Sequence[Outcome]] = {say("sweep.start"): photographs}
    stages.update(grown.items())  # numbers, for the table to be sorted by them
    _table(stage, natural, stages)
    measured = np.array([[[*image["looks"], image["other"]] for image in images] for images in stages.values()])
    stage.chart(
        "poids",
        "sweep",
        _chart(stage, names, measured, natural),
        arrays={
            "weights": np.array(experiment.ladder),
            "measured": measured,
            "low": natural.low,
            "high": natural.high,
        },
        parameters=told(
            experiment,
            stage.language,
            weight=listed(experiment.ladder, stage.language),
            iterations=experiment.iterations,
        ),
        facts=facts,
        low=NATURAL[0],
        high=NATURAL[1],
        photographs=len(experiment.images),
    )


def _found(experiment: Sweep, natural: Natural, grown: Mapping[float, Sequence[Outcome]]) -> dict[str, Estimate]:
    """How many photographs become too colourful without a penalty, too dull under the strongest, real in between."""
    pulled = zip(*(grown[weight] for weight in experiment.ladder[1:]), strict=True)
    return {
        "psychedelic": share([image["looks"][0] > natural.high[0] for image in grown[0.0]]),
        "dull": share([image["looks"][0] < natural.low[0] for image in grown[experiment.ladder[-1]]]),
        "between": share([any(map(natural.realistic, images)) for images in pulled]),
    }


def _earlier(image: Outcome, place: int) -> Outcome:
    return {key: image[f"earlier-{key}"][place] for key in ("looks", "recognised")}


def _natural(experiment: Sweep, stage: Stage) -> Natural:
    say, photographs = stage.say, [stage.outcomes[name] for name in experiment.images]
    natural = Natural(*np.percentile([photograph["looks"] for photograph in photographs], NATURAL, axis=0))
    for key, *bounds in zip(LOOKS, natural.low, natural.high, strict=True):
        for end, bound, percent in zip(("low", "high"), bounds, NATURAL, strict=True):
            label = say("sweep.natural", looks=say(f"pushed.looks.{key}"), percent=percent)
            stage.metric(f"natural.{key}.{end}", bound, label=label)
    realistic = share([natural.realistic(photograph) for photograph in photographs])
    stage.metric("natural.realistic", realistic, label=say("sweep.realistic"), unit="%")
    return natural


def _table(stage: Stage, natural: Natural, stages: Mapping[str | float, Sequence[Outcome]]) -> None:
    say = stage.say
    stage.results.table(
        "poids",
        caption=say("sweep.table", photographs=len(next(iter(stages.values()))), jury=stage.jury),
        columns=[
            *(say(f"pushed.column.{key}") for key in ("weight", "chroma")),
            say("sweep.column.colour"),
            *(say(f"pushed.column.{key}") for key in ("contrast", "grain")),
            *(say(f"sweep.column.{key}") for key in ("recognised", "all")),
        ],
        rows=[
            [
                name,
                float(np.mean([image["looks"][0] for image in images])),
                *np.sum([natural.contains(image["looks"]) for image in images], axis=0).tolist(),
                sum(bool(image["recognised"]) for image in images),
                sum(map(natural.realistic, images)),
            ]
            for name, images in stages.items()
        ],
    )


def _chart(stage: Stage, stages: Sequence[str], measured: NDArray[np.float64], natural: Natural) -> Figure:
    """``measured``: (stages, photographs, the looks and the other network's probability)."""
    figure, axes = canvas(8.4, 5.6, rows=2, columns=2)
    titles = [*(stage.say(f"pushed.looks.{key}") for key in LOOKS), stage.say("sweep.probability")]
    for place, (panel, title) in enumerate(zip(axes, titles, strict=True)):
        panel.plot(measured[:, :, place], color=COLOURS[1], alpha=0.35, linewidth=1)
        panel.plot(measured[:, :, place].mean(axis=1), color=COLOURS[0], linewidth=2.4, marker="o", markersize=4)
        panel.set_xticks(range(len(stages)), stages, rotation=30)
        panel.set_ylim(0, None if place < len(LOOKS) else 100)
        panel.set_title(title)
        if place < len(LOOKS):
            panel.axhspan(natural.low[place], natural.high[place], color=COLOURS[2], alpha=0.18, linewidth=0)
    for panel in axes[2:]:
        panel.set_xlabel(stage.say("ascent.settings.weight"))
    return figure
