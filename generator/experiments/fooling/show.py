"""The photograph, the image that fools, their difference and ten times that; and the film of it."""

from __future__ import annotations

import numpy as np

from generator.experiments.fooling import Fooling
from generator.experiments.shared.adverse import tenfold
from generator.experiments.shared.shades import around_grey, grey_scale
from generator.experiments.stage import Stage
from generator.images import to_bytes
from generator.results.artefacts import YES_NO


def show(experiment: Fooling, stage: Stage) -> None:
    """A figure and a film for each image."""
    for name in experiment.images:
        _figure(experiment, stage, name)


def _figure(experiment: Fooling, stage: Stage, name: str) -> None:
    say, photograph, outcome = stage.say, stage.photographs[name], stage.outcomes[name]
    after, chances, scores, steps = (outcome[key] for key in ("image", "chances", "scores", "steps"))
    saved = to_bytes(after)
    change = after - photograph.pixels.astype(np.float32) / np.float32(255)
    goal, target, title = experiment.target, stage.class_title(experiment.target), photograph.title
    own = stage.class_title(photograph.label)
    facts = [
        stage.metric(f"{name}.{key}", float(value), label=label, unit=unit)
        for key, value, label, unit in (
            ("reached", outcome["reached"], say("fooling.reached"), YES_NO),
            ("iterations", steps, say("fooling.iterations"), ""),
            ("l2", np.linalg.norm(change), say("common.l2"), ""),
            ("linf", np.abs(change).max(), say("common.linf"), ""),
            ("score-before", scores[0], say("fooling.score-before", target=target), ""),
            ("score-after", scores[-1], say("fooling.score-after", target=target), ""),
            ("target-before", 100 * chances[0, goal], say("fooling.probability-before", title=target), "%"),
            ("target-after", 100 * chances[1, goal], say("fooling.probability-after", title=target), "%"),
            ("label-before", 100 * chances[0, photograph.label], say("fooling.probability-before", title=own), "%"),
            ("label-after", 100 * chances[1, photograph.label], say("fooling.probability-after", title=own), "%"),
            ("survives", chances[1].argmax() == goal, say("fooling.survives"), YES_NO),
        )
    ]
    before = stage.picture(f"{name}-originale", photograph.pixels, "common.original", title=title)
    fooled = stage.picture(f"{name}-trompeuse", saved, "common.fooled", exact=True, title=title)
    as_it_is = stage.picture(f"{name}-difference", around_grey(change), "common.difference", scale=grey_scale(1))
    stage.figure(
        name,
        "fooling",
        of=[name],
        columns=[[picture] for picture in (before, fooled, as_it_is, tenfold(stage, name, change))],
        thumbnail=fooled,
        arrays={"original": photograph.pixels, "fooled": after},
        classes=[target],
        compare=[(before, fooled)],
        parameters=experiment.told(target, stage.language),
        facts=facts,
        photograph=title,
        target=target,
        outcome=say(f"fooling.{'success' if outcome['reached'] else 'failure'}", target=target, steps=int(steps)),
        clipped=100 * float(np.mean(np.abs(10 * change) > 0.5)),
    )
    stage.results.film(
        name,
        title=say("fooling.title", photograph=title, target=target),
        figures=[name],
        frames=dict(zip(outcome["filmed"].tolist(), outcome["frames"], strict=True)) | {int(steps): saved},
        total=int(steps),
        scores=scores.tolist(),
        alt=say("fooling.film-alt", title=title, target=target),
    )
