"""How often the squares fool each network, the squares themselves, and some photographs they are pasted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.experiments.patch import KINDS, PATCHES, RATES, Patch
from generator.experiments.shared.thirds import thirds
from generator.experiments.stage import Stage
from generator.images import paste
from generator.results.artefacts import Cell
from generator.statistics import Estimate, rate

NETWORKS = {"own": slice(1), "other": slice(1, None)}
"""The network that the patch is grown on, and those that judge it: how they are called, and where they stand."""


def show(experiment: Patch, stage: Stage) -> None:
    """The measures, and two figures."""
    _judge(experiment, stage)
    _squares(experiment, stage)
    _pasted(experiment, stage)


def _target(experiment: Patch, stage: Stage) -> int:
    return stage.photographs[experiment.photograph].label


def _judge(experiment: Patch, stage: Stage) -> None:
    """Record how often the networks are fooled; a photograph is one sample, however many networks look at it."""
    say, target = stage.say, _target(experiment, stage)
    title = stage.class_title(target)
    networks = [say(f"patch.network.{key}") for key in NETWORKS]
    outcomes = [stage.outcomes[patch] for patch in PATCHES]
    clean = np.concatenate([outcome["clean"] for outcome in outcomes], axis=1)
    seen, earlier = (np.concatenate([outcome[key] for outcome in outcomes], axis=2) for key in ("seen", "earlier"))
    rows: dict[str, list[Cell]] = {kind: [say(f"patch.kind.{kind}")] for kind in ("none", *KINDS)}
    for (key, those), network in zip(NETWORKS.items(), networks, strict=True):
        before = clean[those]
        rows["none"] += [rate((before == target).mean(axis=0)), None]
        for kind, found in zip(KINDS, np.moveaxis(seen[those], 1, 0), strict=True):
            estimates = _rates(found, before, target)
            for name, estimate in estimates.items():
                label = say(f"patch.metric.{name}", network=network, kind=say(f"patch.kind.{kind}"), target=title)
                stage.metric(f"{key}.{kind}.{name}", estimate, label=label, unit="%")
            rows[kind] += estimates.values()
        moments = thirds(experiment.iterations).items()
        for (moment, iterations), found in zip(moments, np.moveaxis(earlier[those], 1, 0), strict=True):
            kind = say("patch.earlier", iterations=iterations)
            for name, estimate in _rates(found, before, target).items():
                label = say(f"patch.metric.{name}", network=network, kind=kind, target=title)
                stage.metric(f"{key}.patch.{name}.{moment}", estimate, label=label, unit="%")
    share = 100 * (experiment.side / stage.network.size) ** 2
    area = stage.metric("area", share, label=say("patch.area"), unit="%")
    stage.results.table(
        "taux",
        caption=say("patch.table.caption", places=experiment.places, area=round(area.value), jury=stage.jury),
        columns=[
            say("patch.table.kind"),
            *(say(f"patch.table.{name}", network=network, target=title) for network in networks for name in RATES),
        ],
        rows=list(rows.values()),
    )


def _rates(found: NDArray[np.int64], before: NDArray[np.int64], target: int) -> dict[str, Estimate]:
    """How often networks are fooled by a square, in per cent.

    Args:
        found: the classes they see with it, (networks, photographs, places).
        before: those that they see without it, (networks, photographs).
        target: index of the class of the patch.
    """
    fooled = {"target": found == target, "fooled": found != before[..., None]}
    return {name: rate(fooled[name].mean(axis=(0, 2))) for name in RATES}


def _squares(experiment: Patch, stage: Stage) -> None:
    say, title = stage.say, stage.class_title(_target(experiment, stage))
    first = stage.outcomes[PATCHES[0]]
    squares = {patch: stage.outcomes[patch]["patch"] for patch in PATCHES}
    squares |= {kind: first[kind] for kind in ("photo", "noise")}
    titles = [say("patch.half", half=half) for half in (1, 2)]
    titles += [say(f"patch.kind.{kind}") for kind in ("photo", "noise")]
    enlarge = stage.network.size // experiment.side
    pictures = [
        stage.picture(
            f"carre-{key}",
            square.repeat(enlarge, axis=0).repeat(enlarge, axis=1),
            "patch.square",
            target=title,
            kind=kind,
        )
        for (key, square), kind in zip(squares.items(), titles, strict=True)
    ]
    stage.figure(
        "motifs",
        "patch.squares",
        columns=[[picture] for picture in pictures],
        thumbnail=pictures[0],
        arrays=squares,
        parameters=_parameters(experiment, stage),
        target=title,
    )


def _pasted(experiment: Patch, stage: Stage) -> None:
    say, target = stage.say, _target(experiment, stage)
    columns, arrays, shown_in = [], {}, []
    for name in experiment.shown:
        patch, place = _judged(stage, name)
        photograph, outcome = stage.photographs[name], stage.outcomes[patch]
        shown_in.append(patch)
        column = []
        for kind, seen in zip(KINDS, np.moveaxis(outcome["seen"][:, :, place, 0], 1, 0), strict=True):
            pixels = paste(photograph.pixels, outcome[kind], *outcome["corners"][place, 0])
            said = (say("claim.yes" if answer == target else "claim.no") for answer in seen)
            column.append(
                stage.picture(
                    f"{name}-{kind}",
                    pixels,
                    "patch.pasted.answers",
                    exact=True,
                    seen=say("patch.list").join(said),
                    photograph=photograph.title,
                    kind=say(f"patch.kind.{kind}"),
                )
            )
            arrays[f"{name}-{kind}"] = pixels
        columns.append(column)
    stage.figure(
        "exemples",
        "patch.pasted",
        of=shown_in,
        columns=columns,
        thumbnail=columns[0][0],
        arrays=arrays,
        parameters=_parameters(experiment, stage),
        target=stage.class_title(target),
        jury=stage.jury,
    )


def _judged(stage: Stage, name: str) -> tuple[str, int]:
    """The patch that is judged on a photograph, and where it stands among those."""
    for patch in PATCHES:
        images = stage.parts[patch].images
        judged = images[int(str(stage.parts[patch].settings["made_on"])) : -1]
        if name in judged:
            return patch, judged.index(name)
    raise KeyError(name)


def _parameters(experiment: Patch, stage: Stage) -> dict[str, object]:
    say, target = stage.say, _target(experiment, stage)
    return {
        say("common.target"): f"{stage.class_title(target)} ({target})",
        say("patch.side"): say("patch.pixels", side=experiment.side, all=stage.network.size),
        say("common.step"): experiment.step,
        say("patch.smoothing"): " → ".join(map(stage.language.number, experiment.gradient_sigma)) + " px",
        say("patch.iterations"): say("patch.batches", iterations=experiment.iterations, photographs=experiment.batch),
    }
