"""A network as a program, for the page on which readers try it: written, rounded, and compared with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.experiments.base import NetworkUse, Part
from generator.experiments.given import Given, Outcome
from generator.results.programs import program_file
from generator.run.look import FIRST, written
from generator.sources import sha256
from generator.statistics import rank_correlations

if TYPE_CHECKING:
    from pathlib import Path

    from generator.lab import Lab
    from generator.run.keys import Keys
    from generator.run.store import Store

HEAVIEST = 64 * 2**20
"""Bytes of weights that a reader can be asked to load."""

ALIKE = 0.95
"""Rank correlation, in the median of the photographs, below which a map is not the network's any more."""


def part(lab: Lab, network: str) -> Part:
    """The part that writes a network of a lab down; it is compared on the lab's first photographs."""
    images = tuple(lab.images)[: FIRST + 1]
    return Part(f"{__name__}:write", (NetworkUse(network),), images, passes=len(images))


def due(lab: Lab, build: Path, keys: Keys, store: Store) -> list[str]:
    """Networks whose programs do not lie among the results yet, or not these."""

    def there(name: str) -> bool:
        key, file = keys.key(part(lab, name)), program_file(build, name)
        return key in store and file.is_file() and sha256(file) == store.digest(key)

    return [name for name in lab.tried if not there(name)]


def write(given: Given) -> Outcome:
    """Write a network down as a program with weights of 16 bits, and compare what it comes to with the network.

    Returns:
        ``refused``: why it cannot be tried, empty if it can; else ``description`` and ``weights``: see
        :class:`~generator.vision.engine.program.Stored`; ``mean``, ``std`` and ``size``: of the network; for each
        photograph ``scores``: the largest difference of a score relative to the largest score, ``ranks``: rank
        correlation of the saliency maps of the network's first class, and ``same``: whether that is the program's too.
    """
    from generator.vision import gradients
    from generator.vision.engine import Refused
    from generator.vision.engine.flat import FlatNetwork
    from generator.vision.engine.program import stored
    from generator.vision.engine.program import written as written_down

    network = given.network
    if not isinstance(network.scorer, FlatNetwork):
        return _refused(network.as_made or "it is not prepared")
    try:
        program = stored(written_down(network.scorer))
    except Refused as refused:
        return _refused(str(refused))
    if len(program.weights) > HEAVIEST:
        return _refused(
            f"its weights take {len(program.weights) >> 20} MiB, more than the {HEAVIEST >> 20} that a page can load"
        )
    scores, ranks, same = [], [], []
    for photograph in given.photographs:
        image = network.normalise([photograph])
        first = int(gradients.answers(network, [photograph])[0])
        (right,), (slope,) = gradients.score_gradients(network.scorer, image, [first])
        (found,), (ours,) = gradients.score_gradients(program.program.scores, image, [first])
        scores.append(float((found - right).abs().max() / right.abs().max()))
        maps = (np.abs(values.numpy()).max(axis=0) for values in (slope, ours))
        ranks.append(_correlation(*maps))
        same.append(int(found.argmax()) == first)
    if np.median(ranks) < ALIKE:
        return _refused(f"with weights of 16 bits, its maps are others (rank correlation {np.median(ranks):.2f})")
    return {
        "refused": written(""),
        "description": written(json.dumps(program.description)),
        "weights": np.frombuffer(program.weights, dtype=np.uint8),
        "mean": network.mean.flatten().cpu().numpy(),
        "std": network.std.flatten().cpu().numpy(),
        "size": np.array(network.size),
        "scores": np.array(scores),
        "ranks": np.array(ranks),
        "same": np.array(same),
    }


def _refused(why: str) -> Outcome:
    return {"refused": written(why)}


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's, of two maps; those of one value throughout are alike if they are the same."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float(np.array_equal(one, other))
    return float(rank_correlations([one, other])[0, 1])
