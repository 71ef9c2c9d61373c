"""An image for each class with what it is confused with, a chart of all, tables of the worst and of the nearest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from generator.charts import COLOURS, canvas
from generator.experiments.atlas import Atlas, figure
from generator.experiments.shared.recognised import recognised
from generator.experiments.stage import Stage
from generator.images import to_bytes
from generator.results.artefacts import Neighbour, Picture

NEIGHBOURS = 6
"""How many classes are named at most that one is confused with."""
CONFUSED = 0.001
"""How probable a class must be at least to be named among them."""
LISTED = 10
"""How many rows a table has."""


def show(experiment: Atlas, stage: Stage) -> None:
    """All of it; outcomes are read one after the other, as there may be a thousand."""
    pictures: dict[int, Picture] = {}
    answers, judged = [], []
    for target in experiment.shown:
        outcome = stage.outcomes[figure(target)]
        pictures[target] = _picture(stage, target, to_bytes(outcome["image"]), outcome["judged"])
        answers.append(int(outcome["answer"]))
        judged.append(outcome["judged"])
    chances = np.stack(judged)
    told = _told(experiment, stage)
    _chart(experiment, stage, told, chances, answers)
    near = confusions(chances, experiment.shown)
    for target, own, others in zip(experiment.shown, chances, near, strict=True):
        _figure(experiment, stage, target, pictures=pictures, told=told, judged=own, near=others)
    _least(experiment, stage, pictures, chances)
    _pairs(experiment, stage, pictures, near)


def confusions(chances: NDArray[np.floating], shown: tuple[int, ...]) -> NDArray[np.floating]:
    """How much a judge confuses classes.

    Args:
        chances: the probabilities that it gives all classes when it looks at the image of one, (N, classes).
        shown: the N classes that have an image.

    Returns:
        (N, classes): the mean of what it gives each of two classes when it looks at the other's image; where only one
        has an image, what it gives the other; 0 of a class and itself.
    """
    found, columns = chances.copy(), list(shown)
    found[:, columns] = (chances[:, columns] + chances[:, columns].T) / 2
    found[range(len(columns)), columns] = 0
    return found


def _told(experiment: Atlas, stage: Stage) -> dict[str, str]:
    return {
        stage.say("together.makers"): _makers(experiment, stage),
        stage.say("together.passes"): stage.language.number(next(iter(stage.parts.values())).passes),
        **experiment.told(stage.language, iterations=experiment.iterations),
    }


def _makers(experiment: Atlas, stage: Stage) -> str:
    return stage.language.list(stage.networks[name].title for name in experiment.together)


def _picture(stage: Stage, target: int, pixels: NDArray[np.uint8], judged: NDArray[np.floating]) -> Picture:
    answer = int(judged.argmax())
    verdict = stage.say(
        f"atlas.verdict.{'right' if answer == target else 'wrong'}",
        answer=stage.class_title(answer),
        chance=100 * judged[answer],
    )
    return stage.picture(figure(target), pixels, "atlas.picture", verdict=verdict, target=stage.class_title(target))


def _figure(  # noqa: PLR0913  # all that one is made of, named
    experiment: Atlas,
    stage: Stage,
    target: int,
    *,
    pictures: Mapping[int, Picture],
    told: Mapping[str, str],
    judged: NDArray[np.floating],
    near: NDArray[np.floating],
) -> None:
    name, title = figure(target), stage.class_title(target)
    nearest = [int(other) for other in np.argsort(-near, kind="stable")[:NEIGHBOURS] if near[other] >= CONFUSED]
    stage.figure(
        name,
        "atlas.class",
        of=[name],
        columns=[[pictures[target]]],
        thumbnail=pictures[target],
        arrays={"judged": judged},
        parameters={**told, stage.say("common.class"): f"{title} ({target})"},
        facts=[stage.metric(f"{name}.probability", 100 * judged[target], label=stage.say("atlas.chance"), unit="%")],
        classes=[title],
        neighbours=[
            Neighbour(
                title=stage.class_title(other),
                figure=figure(other) if other in pictures else None,
                share=100 * float(near[other]),
            )
            for other in nearest
        ],
        target=title,
        makers=_makers(experiment, stage),
        judge=stage.networks[experiment.other].title,
    )


def _chart(
    experiment: Atlas, stage: Stage, told: Mapping[str, str], chances: NDArray[np.floating], answers: list[int]
) -> None:
    say, shown = stage.say, experiment.shown
    of_target = 100 * chances[range(len(shown)), shown].astype(float)
    estimates = recognised(shown, answers, list(chances))
    in_order = np.sort(of_target)[::-1]
    drawing, (axes,) = canvas()
    # Each class is as wide as a rank: even one alone is seen.
    axes.stairs(in_order, np.arange(len(shown) + 1) + 0.5, fill=True, color=COLOURS[0], alpha=0.35)
    axes.stairs(in_order, np.arange(len(shown) + 1) + 0.5, color=COLOURS[0], linewidth=1.6)
    axes.set(xlabel=say("atlas.judge.rank"), ylabel=say("atlas.judge.probability"), ylim=(0, 102))
    axes.set_xlim(0.5, len(shown) + 0.5)
    stage.chart(
        "juge",
        "atlas.judge",
        drawing,
        arrays={"classes": np.array(shown), "probability": of_target},
        parameters=told,
        facts=[
            stage.metric(key, estimate, label=say(f"together.series.{key}"), unit="%")
            for key, estimate in estimates.items()
        ],
        count=len(shown),
        judge=stage.networks[experiment.other].title,
        highest=in_order[0],
        lowest=in_order[-1],
        middle=float(np.median(in_order)),
    )


def _least(experiment: Atlas, stage: Stage, pictures: Mapping[int, Picture], chances: NDArray[np.floating]) -> None:
    judged = dict(zip(experiment.shown, chances, strict=True))
    worst = sorted(experiment.shown, key=lambda target: float(judged[target][target]))[:LISTED]
    stage.results.table(
        "moins-convaincantes",
        caption=stage.say("atlas.least.caption"),
        columns=[stage.say(f"atlas.least.{column}") for column in ("class", "chance", "answer", "answer-chance")],
        rows=[
            (
                stage.class_title(target),
                float(100 * judged[target][target]),
                stage.class_title(int(judged[target].argmax())),
                float(100 * judged[target].max()),
            )
            for target in worst
        ],
        links=[(pictures[target], None, pictures.get(int(judged[target].argmax())), None) for target in worst],
    )


def _pairs(experiment: Atlas, stage: Stage, pictures: Mapping[int, Picture], near: NDArray[np.floating]) -> None:
    shown = experiment.shown
    pairs = [(float(near[row, b]), a, b) for row, a in enumerate(shown) for b in shown[row + 1 :]]
    nearest = sorted(pairs, key=lambda pair: -pair[0])[:LISTED]
    stage.results.table(
        "confusions",
        caption=stage.say("atlas.pairs.caption"),
        columns=[stage.say(f"atlas.pairs.{column}") for column in ("one", "other", "chance")],
        rows=[(stage.class_title(a), stage.class_title(b), 100 * chance) for chance, a, b in nearest],
        links=[(pictures[a], pictures[b], None) for _, a, b in nearest],
    )
