"""A table of what each method reaches and costs, and what each makes of one photograph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.experiments.attacks import LITERATURE, METHODS, RADII, Attacks
from generator.experiments.given import Outcome
from generator.experiments.shared.adverse import tenfold
from generator.experiments.stage import Stage
from generator.images import to_bytes
from generator.results.artefacts import Cell
from generator.statistics import mean, share


@dataclass(frozen=True)
class _End:
    """Where a method ended on a photograph; see :class:`generator.vision.attacks.Attempt`."""

    image: NDArray[np.float32]
    change: NDArray[np.float64]
    fooled: bool
    saved_fools: bool
    gradients: int
    queries: int


def show(experiment: Attacks, stage: Stage) -> None:
    """The table, and the figure of one photograph."""
    say, rows = stage.say, []
    for method in METHODS:
        ends = [_end(stage, name, method) for name in experiment.photographs]
        rows.append([say(f"attacks.method.{method}"), *_measure(stage, method, ends)])
    stage.results.table(
        "methodes",
        caption=say("attacks.table.caption", photographs=len(experiment.photographs)),
        columns=[
            say(f"attacks.table.{heading}")
            for heading in ("method", "fooled", "saved", "l2", "linf", "gradients", "queries")
        ],
        rows=rows,
    )
    _figure(experiment, stage)


def _end(stage: Stage, name: str, method: str) -> _End:
    outcome: Outcome = stage.outcomes[name, method]
    image = outcome["image"]
    change = image - stage.photographs[name].pixels / 255
    if method in LITERATURE:
        rest = (outcome[key].item() for key in ("fooled", "saved_fools", "gradients", "queries"))
        return _End(image, change, *rest)
    before, after = outcome["chances"].argmax(axis=1)
    # Each look at the score is one at its gradient too.
    return _End(image, change, bool(outcome["reached"]), bool(before != after), len(outcome["scores"]), 0)


def _measure(stage: Stage, method: str, ends: Sequence[_End]) -> Iterator[Cell]:
    """Record what a method reached, and give the cells of its row."""
    changes = [end.change for end in ends if end.fooled]
    title = stage.say(f"attacks.method.{method}")
    measures = {
        "fooled": (share([end.fooled for end in ends]), "%"),
        "saved": (share([end.saved_fools for end in ends]), "%"),
        "l2": (mean([float(np.linalg.norm(change)) for change in changes]) if changes else None, ""),
        "linf": (mean([255 * float(np.abs(change).max()) for change in changes]) if changes else None, ""),
        "gradients": (float(np.mean([end.gradients for end in ends])), ""),
        "queries": (float(np.mean([end.queries for end in ends])), ""),
    }
    for key, (value, unit) in measures.items():
        if value is None:  # nothing was fooled: there is no distance
            yield None
            continue
        metric = stage.metric(
            f"{method}.{key}", value, label=stage.say(f"attacks.metric.{key}", method=title), unit=unit
        )
        yield value if unit else metric.value


def _figure(experiment: Attacks, stage: Stage) -> None:
    name, say = experiment.shown, stage.say
    photograph = stage.photographs[name]
    original = photograph.pixels.astype(np.float32) / np.float32(255)
    images = {"original": original} | {method: stage.outcomes[name, method]["image"] for method in METHODS}
    titles = [say("attacks.original"), *(say(f"attacks.method.{method}") for method in METHODS)]
    pairs = [
        (
            stage.picture(
                f"{name}-{key}",
                to_bytes(image),
                "attacks.made",
                exact=True,
                photograph=photograph.title,
                method=title,
            ),
            tenfold(stage, f"{name}-{key}", image - original, "attacks.difference-x10", method=title),
        )
        for (key, image), title in zip(images.items(), titles, strict=True)
    ]
    width = len(pairs) // 2
    stage.figure(
        name,
        "attacks",
        of=[(name, method) for method in METHODS],
        columns=[[*above, *below] for above, below in zip(pairs[:width], pairs[width:], strict=True)],
        thumbnail=pairs[-1][0],
        arrays=images,
        parameters={
            say("attacks.step"): experiment.step,
            say("attacks.chosen"): f"{stage.class_title(experiment.target)} ({experiment.target})",
            say("attacks.radii"): ", ".join(map(str, RADII)),
            say("attacks.others"): say("attacks.in-code"),
        },
        photograph=photograph.title,
    )
