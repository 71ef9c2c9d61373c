"""What the other network sees, rung by rung: as a chart, as sheets, class by class, and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from generator.charts import canvas
from generator.experiments.ladder import BLUR, BLUR_EVERY, RUNGS, Ladder
from generator.experiments.shared.points import points
from generator.experiments.shared.recognised import SERIES, recognised
from generator.experiments.stage import Stage
from generator.images import to_bytes
from generator.results.artefacts import Picture
from generator.statistics import Estimate

ACROSS = 5
"""How many images of a rung stand side by side."""

Told = Mapping[str, str]
"""Settings of a rung, for the reader."""


def show(experiment: Ladder, stage: Stage) -> None:
    """A chart of all rungs, a sheet of each, a strip of each class, a table of probabilities."""
    told = {f"{place}. {_title(stage, place)}": one for place, one in enumerate(_told(experiment, stage), start=1)}
    pictures = {
        (name, place): _picture(experiment, stage, name, place)
        for place in range(1, 1 + len(RUNGS))
        for name in experiment.targets
    }
    estimates = [_rung(experiment, stage, place, one, pictures) for place, one in enumerate(told.values(), start=1)]
    lines = {
        heading: stage.say("ladder.list").join(
            stage.say("ladder.setting", name=name, value=value) for name, value in one.items()
        )
        for heading, one in told.items()
    }
    for name, target in experiment.targets.items():
        strip = [pictures[name, place] for place in range(1, 1 + len(RUNGS))]
        stage.figure(
            name,
            "ladder.class",
            of=[(name, rung) for rung in RUNGS],
            columns=[[picture] for picture in strip],
            thumbnail=strip[-1],
            arrays={f"rung-{place}": stage.outcomes[name, rung]["image"] for place, rung in enumerate(RUNGS, start=1)},
            parameters=lines,
            target=stage.class_title(target),
            rungs=", ".join(told),
            answer=stage.say("ladder.answer"),
        )
    _chart(experiment, stage, lines, estimates)
    stage.results.table(
        "prix",
        caption=stage.say("ladder.price.caption"),
        columns=(
            *(stage.say(f"ladder.price.{column}") for column in ("rung", "makers", "passes")),
            *(stage.say(f"together.series.{key}") + " (%)" for key in SERIES),
        ),
        rows=[
            (
                heading,
                _makers(experiment, stage, rung),
                experiment.passes(rung),
                *(round(of_rung[key].value, 1) for key in SERIES),
            )
            for heading, rung, of_rung in zip(told, RUNGS, estimates, strict=True)
        ],
    )
    stage.results.table(
        "probabilites",
        caption=stage.say("ladder.table.caption"),
        columns=(stage.say("ladder.table.class"), *told),
        rows=[
            (
                stage.class_title(target),
                *(round(_chance(experiment, stage, name, rung), 1) for rung in RUNGS),
            )
            for name, target in experiment.targets.items()
        ],
        links=[(None, *(pictures[name, place] for place in range(1, 1 + len(RUNGS)))) for name in experiment.targets],
        shaded=True,
    )


def _title(stage: Stage, place: int) -> str:
    return stage.say(f"ladder.rung.{RUNGS[place - 1]}")


def _chance(experiment: Ladder, stage: Stage, name: str, rung: str) -> float:
    """Probability of the class of that name by the other network, in per cent."""
    return 100 * float(stage.outcomes[name, rung]["judged"][experiment.targets[name]])


def _told(experiment: Ladder, stage: Stage) -> list[Told]:
    """Settings of each rung, its price first."""
    return [_price(experiment, stage, rung) | settings for rung, settings in _settings(experiment, stage).items()]


def _price(experiment: Ladder, stage: Stage, rung: str) -> dict[str, str]:
    return {
        stage.say("together.makers"): _makers(experiment, stage, rung),
        stage.say("together.passes"): stage.language.number(experiment.passes(rung)),
    }


def _makers(experiment: Ladder, stage: Stage, rung: str) -> str:
    return stage.language.list(stage.networks[name].title for name in experiment.makers(rung))


def _settings(experiment: Ladder, stage: Stage) -> dict[str, dict[str, str]]:
    say, number = stage.say, stage.language.number
    always = {
        say("together.iterations"): str(experiment.iterations),
        say("ascent.settings.jitter"): say("ascent.jitter", n=experiment.jitter),
    }
    in_pixels = always | {
        say("ascent.settings.start"): say("classvis.from-noise"),
        say("ascent.settings.blur"): say("ascent.blur", sigma=BLUR, every=BLUR_EVERY),
    }
    first, last = experiment.gradient_sigma
    smoothed = in_pixels | {
        say("ascent.settings.step"): say("ascent.unit-step", step=experiment.step),
        say("ladder.smoothing"): say("ladder.smoothed", first=first, last=last),
    }
    grown = partial(experiment.told, stage.language)
    return {
        "raw": in_pixels | {say("ascent.settings.step"): say("ladder.raw-step", step=experiment.raw_step)},
        "smoothed": smoothed,
        "variation": smoothed | {say("ladder.variation"): number(experiment.variation)},
        "fourier": always
        | experiment.spectral(stage.language)
        | {
            say("together.rate"): say("ladder.adam", rate=experiment.rate),
            say("ladder.scale"): say("ladder.zoom", factor=experiment.zoom),
        },
        "together": grown(iterations=experiment.iterations, natural=False, opens=False),
        "natural": grown(iterations=experiment.iterations, opens=False),
        "iris": grown(iterations=experiment.long_iterations),
    }


def _picture(experiment: Ladder, stage: Stage, name: str, place: int) -> Picture:
    """An image with the judge's answer."""
    outcome, target = stage.outcomes[name, RUNGS[place - 1]], experiment.targets[name]
    answer = int(outcome["judged"].argmax())
    return stage.picture(
        f"{name}-{place}",
        to_bytes(outcome["image"]),
        "ladder.picture",
        target=stage.class_title(target),
        verdict=stage.say(
            f"ladder.verdict.{'right' if answer == target else 'wrong'}",
            answer=stage.class_title(answer),
            chance=100 * outcome["judged"][answer],
        ),
        place=place,
        rung=_title(stage, place),
    )


def _rung(
    experiment: Ladder, stage: Stage, place: int, told: Told, pictures: Mapping[tuple[str, int], Picture]
) -> dict[str, Estimate]:
    """The images of one rung, and what was measured on them: an estimate for each of the series."""
    rung = RUNGS[place - 1]
    outcomes = {name: stage.outcomes[name, rung] for name in experiment.targets}
    estimates = recognised(
        list(experiment.targets.values()),
        [int(outcome["answer"]) for outcome in outcomes.values()],
        [outcome["judged"] for outcome in outcomes.values()],
    )
    shown = [pictures[name, place] for name in experiment.targets]
    stage.figure(
        f"barreau-{place}",
        "ladder.sheet",
        of=[(name, rung) for name in experiment.targets],
        columns=[shown[column::ACROSS] for column in range(min(ACROSS, len(shown)))],
        thumbnail=shown[0],
        arrays={name: outcome["judged"] for name, outcome in outcomes.items()},
        parameters=told,
        facts=[
            stage.metric(f"rung-{place}.{key}", estimate, label=stage.say(f"together.series.{key}"), unit="%")
            for key, estimate in estimates.items()
        ],
        place=place,
        rung=_title(stage, place),
        answer=stage.say("ladder.answer"),
    )
    return estimates


def _chart(
    experiment: Ladder, stage: Stage, lines: Mapping[str, str], estimates: Sequence[Mapping[str, Estimate]]
) -> None:
    say, number = stage.say, stage.language.number
    figure, (axes,) = canvas(height=4.8)
    places = np.arange(len(estimates))
    for nth, key in enumerate(SERIES):
        of_key, label = [of_rung[key] for of_rung in estimates], say(f"together.series.{key}")
        points(axes, places + 0.12 * (nth - 1), of_key, label=label, linestyle="none")
    axes.set_xticks(places, list(lines), rotation=20, ha="right")
    axes.set_ylim(-4, 104)
    axes.set_ylabel("%")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.25))
    series = (
        say(
            "ladder.judge.series",
            label=say(f"together.series.{key}"),
            values=say("ladder.judge.then").join(number(of_rung[key].value, 2) for of_rung in estimates),
        )
        for key in SERIES
    )
    stage.chart(
        "juge",
        "ladder.judge",
        figure,
        arrays={key: np.array([(e[key].value, e[key].low, e[key].high) for e in estimates]) for key in SERIES},
        parameters=lines,
        count=len(experiment.targets),
        series=say("ladder.list").join(series),
    )
