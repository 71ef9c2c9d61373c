"""First looks at a network: what it is, and what it sees in the lab's photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
    """A text as an outcome holds it."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


@dataclass(frozen=True)
class Look:
    """What a first look at a network found.

    Attributes:
        found: see :func:`look`; without what the network is opened from.
        file: of the store, from which the network is opened; None if it is opened by its library.
    """

    found: Outcome
    file: Path | None = None

    @property
    def way(self) -> str:
        """How the network runs."""
        return _text(self.found["way"])

    @property
    def as_made(self) -> str:
        """Why it runs as its library made it; empty if there is nothing to tell."""
        return _text(self.found["as_made"])


AS_MADE = Look({"way": written("as-made"), "as_made": written("")})
"""What is known of a network that is opened as its library made it, without a look."""


def seen(outcome: Outcome, file: Path | None = None) -> Look:
    """What a look found, and the file of its outcome, if the network may be opened from it."""
    found = {name: array for name, array in outcome.items() if not name.startswith("constant ")}
    return Look(found, file if "graph" in found else None)


def part(network: str) -> Part:
    """The part that makes sure of a network, whatever it is shown afterwards."""
    return Part(f"{__name__}:look", (NetworkUse(network),), ())


def look(given: Given) -> Outcome:
    """How a network runs, what showing and provenance say of it, and what it is opened from afterwards.

    It is here that a network is found right or not: whoever opens it afterwards is told the ``way``, and on this
    machine is given what was prepared.

    Args:
        given: the network.
    """
    from generator.vision.opening import kept

    network = given.network
    return {**kept(network), "way": written(network.way), "as_made": written(network.as_made or "")}


def answering(lab: Lab, network: str) -> Part:
    """The part that shows a network the first photographs of a lab."""
    images = tuple(lab.images)[:FIRST]
    return Part(
        f"{__name__}:answers",
        (NetworkUse(network),),
        images,
        {"classes": tuple(lab.classes.names)},
        passes=len(images) + 1,
    )


def answers(given: Given, *, classes: tuple[str, ...]) -> Outcome:
    """What a network sees in photographs: ``answers``, a class for each.

    Args:
        given: the network and the photographs.
        classes: names of the lab's classes.

    Raises:
        LabError: the network does not tell apart these classes.
    """
    from generator.vision import gradients
    from generator.vision.opening import check_classes

    check_classes(given.network, classes)
    return {"answers": gradients.answers(given.network, given.photographs)}


def _text(written: NDArray[np.uint8]) -> str:
    return written.tobytes().decode()
