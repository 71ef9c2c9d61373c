"""A patch grown on some photographs, and pasted on others beside its controls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from generator.errors import LabError
from generator.experiments.given import Given, Outcome
from generator.experiments.shared.thirds import thirds
from generator.images import paste, resize, to_bytes
from generator.vision import patch
from generator.vision.gradients import answers


def grow_and_judge(given: Given, *, made_on: int, target: int, places: int, **rule: Any) -> Outcome:
    """A patch, and what networks see where it and its controls are pasted.

    Args:
        given: the network it is grown on and others; the photographs it is grown on, those it is judged on, and
            the one that is a control.
        made_on: how many it is grown on.
        target: index of the class.
        places: random places tried on each photograph.
        rule: see :class:`generator.vision.patch.PatchRule`.

    Returns:
        ``patch``, ``photo``, ``noise``: the squares, uint8 (side, side, 3); ``corners``: top and left of each place,
        int64 (judged, places, 2). And the classes that each of the networks sees, int64: ``clean`` (networks,
        judged) in the photographs, ``seen`` (networks, squares, judged, places) with the squares pasted, ``earlier``
        (networks, thirds, judged, places) with the patch as it was at the thirds of its programme.

    Raises:
        LabError: the square is larger than the image.
    """
    network, side = given.network, rule["side"]
    if side > network.size:
        raise LabError(f"side: {side} is more than the {network.size} pixels of the image; make it less")
    *photographs, control = given.photographs
    judged = photographs[made_on:]
    stops = thirds(rule["iterations"]).values()
    *earlier, last = map(
        to_bytes,
        patch.grow(network, photographs[:made_on], target, patch.PatchRule(**rule), seed=given.seed, after=stops),
    )
    squares = {
        "patch": last,
        "photo": resize(control, side),
        "noise": np.random.default_rng(given.seed).integers(256, size=(side, side, 3), dtype=np.uint8),
    }
    # The same places for all squares: what they hide is the same for all of them.
    corners = np.stack(
        [
            np.random.default_rng(replace(given, photographs=(one,)).own_seed).integers(
                network.size - side + 1, size=(places, 2)
            )
            for one in judged
        ]
    )
    pasted = [
        paste(photograph, square, top, left)
        for square in (*squares.values(), *earlier)
        for photograph, own in zip(judged, corners, strict=True)
        for top, left in own
    ]
    shape = (len(squares) + len(earlier), len(judged), places)
    seen = np.stack([answers(eye, pasted).reshape(shape) for eye in given.networks])
    return {
        **squares,
        "corners": corners,
        "clean": np.stack([answers(eye, judged) for eye in given.networks]),
        "seen": seen[:, : len(squares)],
        "earlier": seen[:, len(squares) :],
    }
