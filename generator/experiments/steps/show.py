"""The images side by side, steps below weights, and their measures."""

from __future__ import annotations

import numpy as np

from generator.experiments.shared.looks import LOOKS
from generator.experiments.shared.pushed import listed, told
from generator.experiments.stage import Stage
from generator.experiments.steps import Steps


def show(experiment: Steps, stage: Stage) -> None:
    """A figure and a table."""
    say, photograph = stage.say, stage.photographs[experiment.start]
    grid = {(step, weight): stage.outcomes[step, weight] for step in experiment.lengths for weight in experiment.ladder}
    pictures = {
        (step, weight): stage.picture(
            f"grille-{experiment.lengths.index(step)}-{experiment.ladder.index(weight)}",
            outcome["image"],
            "steps.picture",
            target=stage.class_title(photograph.label),
            step=step,
            weight=weight,
        )
        for (step, weight), outcome in grid.items()
    }
    # The most telling one: the experiment's own step, neither without penalty nor under the strongest.
    middle = experiment.ladder[(len(experiment.ladder) - 1) // 2]
    parameters = told(
        experiment,
        stage.language,
        weight=listed(experiment.ladder, stage.language),
        iterations=experiment.iterations,
    )
    stage.figure(
        "grille",
        "steps",
        columns=[[pictures[step, weight] for step in experiment.lengths] for weight in experiment.ladder],
        thumbnail=pictures[experiment.step, middle],
        arrays={
            "images": np.array(
                [[grid[step, weight]["image"] for weight in experiment.ladder] for step in experiment.lengths]
            )
        },
        parameters=parameters | {say("ascent.settings.step"): listed(experiment.lengths, stage.language)},
        photograph=photograph.title,
        iterations=experiment.iterations,
        steps=say("steps.then").join(map(stage.language.number, experiment.lengths)),
    )
    stage.results.table(
        "grille",
        caption=say("steps.table", jury=stage.jury),
        columns=[say(f"pushed.column.{key}") for key in ("step", "weight", *LOOKS, "score", "other")],
        rows=[
            [step, weight, *image["looks"].tolist(), float(image["score"]), round(float(image["other"]), 1)]
            for (step, weight), image in grid.items()
        ],
        links=[[picture, *[None] * (len(LOOKS) + 3)] for picture in pictures.values()],
    )
