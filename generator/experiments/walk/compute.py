"""One photograph on a long way: where it ends, and how it moves at last."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.experiments.given import Given, Outcome
from generator.experiments.shared.pushing import climb, seen
from generator.images import to_bytes
from generator.vision.ascent import Rule


def walk(  # noqa: PLR0913  # settings of a part, all named
    given: Given,
    *,
    target: int,
    penalty: str,
    weight: float,
    shown: tuple[int, ...],
    window: int,
    spacing: int,
    edge: int,
    **rule: Any,
) -> Outcome:
    """A photograph driven towards its own class, and the end of its way looked at closely.

    Args:
        given: the network that it is driven with, and the one that is asked; the photograph.
        target: its class.
        penalty: a name in ``PENALTIES``.
        weight: its factor.
        shown: iterations whose images are wanted, rising.
        window: how many of the last iterations are its end.
        spacing: how many iterations apart the end is looked at.
        edge: how many iterations at the beginning and at the end of the end give a mean score.
        rule: see :class:`~generator.vision.ascent.Rule`.

    Returns:
        What :func:`~generator.experiments.shared.pushing.seen` says of the last image; ``shown``: the images wanted,
        uint8 (N, H, W, 3); ``scores``: before each step, (iterations); ``moved``: root mean square difference, in
        grey levels, of images of the end that lie ``spacing``, twice ``spacing``, … iterations apart;
        ``confinement``: see :func:`confinement`; ``late-rise``: part of the score's whole rise that falls into its
        end, in per cent.
    """
    how = Rule(**rule)
    looked_at = range(how.iterations - window, how.iterations + 1, spacing)
    snapshots = frozenset((*shown, *looked_at))
    summit = climb(given, how, target=target, penalty=penalty, weight=weight, snapshots=snapshots)
    images = {iteration: given.network.pixels(image) for iteration, image in summit.snapshots.items()}
    track = np.stack([images[iteration].ravel() for iteration in looked_at])
    scores = np.array(summit.scores)
    late = scores[-edge:].mean()
    return {
        **seen(given, to_bytes(images[how.iterations]), target),
        "shown": np.stack([to_bytes(images[iteration]) for iteration in shown]),
        "scores": scores,
        "moved": 255 * displacements(track),
        "confinement": np.array(confinement(track)),
        "late-rise": np.array(100 * (late - scores[-window : edge - window].mean()) / (late - scores[0])),
    }


def displacements(track: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Root mean square difference of the points of a track that lie 1, 2, … apart.

    Args:
        track: points in order, (N, dimensions).

    Returns:
        One value for each lag up to half of the track; of longer ones it has too few examples.
    """
    return np.array([np.sqrt(np.mean((track[lag:] - track[:-lag]) ** 2)) for lag in range(1, len(track) // 2 + 1)])


def confinement(track: NDArray[np.floating[Any]]) -> float:
    """How much nearer to its beginning a track ends than a random walk of the same length.

    A random walk of n steps ends √n steps away, so this is the length of the path over the distance
    of its ends, over √n: 1 for a random walk, less for what drifts, more for what stays around a point.

    Args:
        track: points in order, (N, dimensions).
    """
    path = np.linalg.norm(np.diff(track, axis=0), axis=1).sum()
    return float(path / np.linalg.norm(track[-1] - track[0]) / np.sqrt(len(track) - 1))
