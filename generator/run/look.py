"""A first look at a network: what it is, and what it sees in the lab's photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.experiments.base import NetworkUse, Part
from generator.experiments.given import Given, Outcome

if TYPE_CHECKING:
    from generator.lab import Lab

FIRST = 20
"""How many photographs a network is shown before anything is computed."""


def part(lab: Lab, network: str) -> Part:
    """The part that looks at a network of a lab."""
    images = tuple(lab.images)[:FIRST]
    return Part(
        f"{__name__}:look",
        (NetworkUse(network),),
        images,
        {"classes": tuple(lab.classes.names)},
        passes=len(images) + 1,
    )


def look(given: Given, *, classes: tuple[str, ...]) -> Outcome:
    """What showing and provenance say of a network, and its answers for some photographs.

    Args:
        given: the network and the photographs.
        classes: names of the lab's classes.

    Raises:
        LabError: the network does not tell apart these classes.
    """
    from generator.networks import check_classes
    from generator.vision import gradients

    network = given.network
    check_classes(network, classes)
    return {
        "size": np.array(network.size),
        "mean": network.mean.flatten().cpu().numpy(),
        "std": network.std.flatten().cpu().numpy(),
        "weights": np.frombuffer(bytes.fromhex(network.weights_sha256), dtype=np.uint8),
        "answers": gradients.answers(network, given.photographs),
    }
