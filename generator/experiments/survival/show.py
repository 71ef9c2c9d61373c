"""How many images still fool after each handling, how large the changes are, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from statistics import fmean

import numpy as np

from generator.charts import INK, canvas
from generator.experiments.given import Outcome
from generator.experiments.shared.adverse import tenfold
from generator.experiments.shared.points import points
from generator.experiments.stage import Stage
from generator.experiments.survival import ATTACKS, Survival
from generator.images import change_of
from generator.results.artefacts import Picture
from generator.statistics import Estimate, share
from generator.vision.handlings import HANDLINGS
from generator.vision.perception import MEASURES, UNSEEN

Trials = Mapping[str, Mapping[str, Outcome]]
"""Attack -> image -> what came of it, without the pictures."""


def show(experiment: Survival, stage: Stage) -> None:
    """The measures, a chart, and a figure for each photograph."""
    trials: dict[str, dict[str, Outcome]] = {attack: {} for attack in ATTACKS}
    for name in experiment.images:
        outcomes = {attack: stage.outcomes[name, attack] for attack in ATTACKS}
        _figure(experiment, stage, name, outcomes)
        for attack, outcome in outcomes.items():
            trials[attack][name] = {key: array for key, array in outcome.items() if key != "saved"}
    _measure(experiment, stage, trials)
    _compare(experiment, stage, trials)


def _measure(experiment: Survival, stage: Stage, trials: Trials) -> None:
    say = stage.say

    def average(of: Mapping[str, Outcome], key: str) -> float | None:
        # An image in which nothing had to be changed has no noise ratio.
        values = [value for value in (float(trial[key]) for trial in of.values()) if isfinite(value)]
        return fmean(values) if values else None

    stage.results.table(
        "mesures",
        caption=say("survival.sizes.caption", photographs=len(experiment.images)),
        columns=[say("survival.sizes.measure"), *_by_attack(stage)],
        rows=[[say(f"common.measure.{key}"), *(average(of, key) for of in trials.values())] for key in MEASURES],
    )
    robust = trials["robuste"].values()
    unseen = [bool(trial["delta_e"] < UNSEEN) for trial in robust]
    fools = [_fools(experiment, trial) for trial in robust]
    real = [one and after["jpeg-75"] and after["brighter"] for one, after in zip(unseen, fools, strict=True)]
    for key, outcomes in (("unseen", unseen), ("real", real)):
        stage.metric(key, share(outcomes), label=say(f"survival.{key}"), unit="%")


def _fools(experiment: Survival, trial: Outcome) -> dict[str, bool]:
    """Whether the network still sees the target after each handling."""
    return dict(zip(HANDLINGS, (trial["seen"] == experiment.target).tolist(), strict=True))


def _compare(experiment: Survival, stage: Stage, trials: Trials) -> None:
    """How many images still fool after each handling, and how many are still not seen as what they are."""
    say, aim, photographs = stage.say, stage.class_title(experiment.target), len(experiment.images)
    labels = np.array([stage.photographs[name].label for name in experiment.images])[:, None]
    intact = np.array([stage.outcomes[name]["seen"] for name in experiment.images])
    seen = {attack: np.array([trial["seen"] for trial in of.values()]) for attack, of in trials.items()}
    target = {attack: list(map(share, (found == experiment.target).T)) for attack, found in seen.items()}
    right = [list(map(share, (found == labels).T)) for found in (intact, *seen.values())]
    handlings = [say(f"survival.handling.{handling}") for handling in HANDLINGS]
    for attack in ATTACKS:
        for handling, title, estimate in zip(HANDLINGS, handlings, target[attack], strict=True):
            label = say("survival.fooling", attack=say(f"survival.attack.{attack}"), handling=title)
            stage.metric(f"{attack}.{handling}", estimate, label=label, unit="%")
    stage.results.table(
        "cible",
        caption=say("survival.target", target=aim, photographs=photographs),
        columns=[say("survival.handled"), *_by_attack(stage)],
        rows=list(zip(handlings, *target.values(), strict=True)),
    )
    stage.results.table(
        "vraie-classe",
        caption=say("survival.true-class", photographs=photographs),
        columns=[say("survival.handled"), say("survival.intact"), *_by_attack(stage)],
        rows=list(zip(handlings, *right, strict=True)),
    )
    _chart(experiment, stage, handlings, target)


def _chart(experiment: Survival, stage: Stage, handlings: list[str], target: Mapping[str, list[Estimate]]) -> None:
    figure, (axes,) = canvas(7.6, 4.2)
    for shift, (attack, shares) in zip((-0.2, 0, 0.2), target.items(), strict=True):
        places, label = np.arange(len(shares)) + shift, stage.say(f"survival.attack.{attack}")
        points(axes, places, shares, across=True, linestyle="", label=label)
    axes.set_yticks(range(len(handlings)), handlings)
    axes.invert_yaxis()
    aim = stage.class_title(experiment.target)
    axes.set(xlabel=stage.say("survival.chart.axis", target=aim), xlim=(-3, 103))
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
    stage.chart(
        "survie",
        "survival.chart",
        figure,
        of=[(name, attack) for name in experiment.images for attack in ATTACKS],
        arrays={
            attack: np.array([(one.value, one.low, one.high) for one in shares]) for attack, shares in target.items()
        },
        parameters=_parameters(experiment, stage),
    )


def _figure(experiment: Survival, stage: Stage, name: str, outcomes: Mapping[str, Outcome]) -> None:
    photograph, say = stage.photographs[name], stage.say
    columns: list[list[Picture]] = [[stage.picture(name, photograph.pixels, "common.original", title=photograph.title)]]
    fools, told = {}, []
    for attack, trial in outcomes.items():
        spoken, file = say(f"survival.attack.{attack}"), f"{name}-{attack}"
        columns.append(
            [
                stage.picture(
                    file, trial["saved"], "survival.fooled", exact=True, title=photograph.title, attack=spoken
                ),
                tenfold(stage, file, change_of(trial["saved"], photograph.pixels)),
            ]
        )
        fools[attack] = np.array(list(_fools(experiment, trial).values()))
        n, all_ = int(fools[attack].sum()), len(HANDLINGS)
        told.append(say("survival.told", attack=spoken, delta_e=trial["delta_e"].item(), n=n, all=all_))
    stage.figure(
        name,
        "survival",
        of=[(name, attack) for attack in ATTACKS],
        columns=columns,
        thumbnail=columns[-1][0],
        # The fooling images themselves are in their PNG files, which lose nothing.
        arrays=fools,
        parameters=_parameters(experiment, stage),
        photograph=photograph.title,
        target=stage.class_title(experiment.target),
        attacks=" ".join(told),
    )


def _parameters(experiment: Survival, stage: Stage) -> dict[str, object]:
    say = stage.say
    return {
        say("common.target"): f"{stage.class_title(experiment.target)} ({experiment.target})",
        say("common.step"): experiment.step,
        say("survival.radius"): experiment.radius,
        say("survival.iterations"): experiment.iterations,
        say("survival.views"): experiment.views,
        say("common.clamp"): experiment.clamp,
    }


def _by_attack(stage: Stage) -> list[str]:
    """Headings of what came of each attack."""
    return [stage.say("survival.fooled", attack=stage.say(f"survival.attack.{attack}")) for attack in ATTACKS]
