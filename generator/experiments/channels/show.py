"""Layer by layer: the images that excite channels, above the places of photographs that do."""

from __future__ import annotations

import numpy as np

from generator.experiments.channels import WHOSE, Channels
from generator.experiments.stage import Stage
from generator.images import Pixels
from generator.results.artefacts import Cell, Picture
from generator.statistics import Estimate, share

CELLS, LEAST = 3, 24
"""Side of the patches: as many pixels of the layer's maps, and at least so many of the photograph."""


def show(experiment: Channels, stage: Stage) -> None:
    """Two figures of each layer, one for each network, and a table of all layers."""
    rows: list[list[Cell]] = []
    for place in range(len(experiment.depths)):
        beaten = {whose: _figure(experiment, stage, whose, place) for whose in WHOSE}
        for whose, estimate in beaten.items():
            number, count, channels, side = _layer(experiment, stage, whose, place)
            network = stage.say(f"channels.network.{whose}")
            label = stage.say("channels.metric", network=network, number=number, count=count)
            stage.metric(f"{whose}.{place + 1}.beaten", estimate, label=label, unit="%")
            rows.append([network, stage.say("channels.number", number=number, count=count), channels, side, estimate])
    stage.results.table(
        "couches",
        caption=stage.say("channels.table.caption", photographs=len(experiment.images)),
        columns=[stage.say(f"channels.table.{key}") for key in ("network", "layer", "channels", "side", "beaten")],
        rows=rows,
    )


def _layer(experiment: Channels, stage: Stage, whose: str, place: int) -> list[int]:
    facts: list[int] = stage.outcomes[whose, place, experiment.images[0]]["layer"].tolist()
    return facts


def _figure(experiment: Channels, stage: Stage, whose: str, place: int) -> Estimate:
    """The chosen channels of a layer; how many of the images excite theirs more than any photograph does."""
    number, count, _, side = _layer(experiment, stage, whose, place)
    looked = {name: stage.outcomes[whose, place, name] for name in experiment.images}
    starts = experiment.starts if whose == "own" else 1
    name = f"couche-{place + 1}" + ("" if whose == "own" else "-autre")
    columns: list[list[Picture]] = []
    arrays, wins = {}, []
    for nth in range(experiment.count):
        channel = int(next(iter(looked.values()))["channels"][nth])
        file, column = f"{name}-canal-{channel}", []
        for start in range(starts):
            outcome = stage.outcomes[whose, place, nth, start]
            wins.append(float(outcome["mean"]) > max(float(one["mean"][nth]) for one in looked.values()))
            arrays[f"{channel}-{start + 1}"] = outcome["image"]
            column.append(
                stage.picture(
                    f"{file}-{start + 1}", outcome["image"], "channels.grown", channel=channel, start=start + 1
                )
            )
        best = max(looked, key=lambda image: float(looked[image]["most"][nth]))
        photograph = stage.photographs[best]
        patch = cut(photograph.pixels, looked[best]["places"][nth], side)
        arrays[f"{channel}-photographie"] = patch
        column.append(stage.picture(f"{file}-photographie", patch, "channels.patch", title=photograph.title))
        columns.append(column)
    stage.figure(
        name,
        f"channels.{whose}",
        of=[part for part in stage.parts if isinstance(part, tuple) and part[:2] == (whose, place)],
        columns=columns,
        thumbnail=columns[0][0],
        arrays=arrays,
        parameters=_settings(experiment, stage),
        number=number,
        count=count,
    )
    return share(wins)


def cut(pixels: Pixels, place: np.ndarray[tuple[int], np.dtype[np.float64]], side: int) -> Pixels:
    """The square of a photograph around a place, enlarged to about the size of the whole.

    Args:
        pixels: the photograph, uint8 (H, H, 3).
        place: from the top and from the left, as shares of its side.
        side: of the layer's maps.
    """
    whole = len(pixels)
    width = min(whole, max(LEAST, CELLS * whole // side))
    top, left = (int(np.clip(round(share * whole - width / 2), 0, whole - width)) for share in place)
    times = max(1, whole // width)
    return pixels[top : top + width, left : left + width].repeat(times, axis=0).repeat(times, axis=1)


def _settings(experiment: Channels, stage: Stage) -> dict[str, object]:
    say = stage.say
    return {
        say("channels.settings.iterations"): experiment.iterations,
        say("channels.settings.rate"): experiment.rate,
        say("ascent.settings.jitter"): say("ascent.jitter", n=experiment.jitter),
        say("channels.settings.rotation"): say("channels.settings.degrees", degrees=experiment.degrees),
        say("channels.settings.scale"): say("channels.settings.zoom", factor=experiment.zoom),
        say("channels.settings.chosen"): say("channels.settings.spread"),
        say("channels.settings.patch"): say("channels.settings.cells", cells=CELLS, least=LEAST),
    }
