"""A first look at a network: what it is, and what it sees in the lab's photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.experiments.base import NetworkUse, Part
from generator.experiments.given import Given, Outcome

if TYPE_CHECKING:
    from generator.lab import Lab

FIRST = 20
"""How many photographs a network is shown before anything is computed."""


def written(text: str) -> NDArray[np.uint8]:
    """A text as an outcome holds it; :func:`text` reads it."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


AS_MADE: Outcome = {"way": written("as-made")}
"""What is known of a network that is opened as its library made it, without a look."""


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
    """How a network runs, what showing and provenance say of it, and its answers for some photographs.

    It is here that a network is found right or not: whoever opens it afterwards is told the ``way``.

    Args:
        given: the network and the photographs.
        classes: names of the lab's classes.

    Raises:
        LabError: the network does not tell apart these classes.
    """
    from generator.vision import gradients
    from generator.vision.opening import check_classes

    network = given.network
    check_classes(network, classes)
    return {
        "way": written(network.way),
        "as_made": written(network.as_made or ""),
        "size": np.array(network.size),
        "mean": network.mean.flatten().cpu().numpy(),
        "std": network.std.flatten().cpu().numpy(),
        "weights": np.frombuffer(bytes.fromhex(network.weights_sha256), dtype=np.uint8),
        "answers": gradients.answers(network, given.photographs),
    }


def text(written: NDArray[np.uint8]) -> str:
    """A text of an outcome: its ``way``, or why it runs ``as_made``, empty if there is nothing to tell."""
    return written.tobytes().decode()
