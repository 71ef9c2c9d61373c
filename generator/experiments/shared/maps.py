"""Saliency maps as parts: one that several experiments ask for is computed once."""

from __future__ import annotations

from generator.errors import LabError
from generator.experiments.base import NetworkUse, Part

TASK = "generator.experiments.shared.tasks:saliency_map"


def map_part(network: str | NetworkUse, image: str, target: int, *, right: int = 0, seen_by: str | None = None) -> Part:
    """The part whose outcome has the saliency map of a photograph.

    Args:
        network: what to explain.
        image: name of the photograph.
        target: index of the class to explain.
        right: the photograph is moved to the right by so many pixels before, and its map back after.
        seen_by: another network, of whose size the photograph is, so that both see the same; its own if left out.

    Returns:
        A part with the outcome of :func:`generator.experiments.shared.tasks.saliency_map`.
    """
    use = network if isinstance(network, NetworkUse) else NetworkUse(network)
    networks = (use,) if seen_by is None else (NetworkUse(seen_by), use)
    return Part(TASK, networks, (image,), {"target": target, "right": right}, passes=1)


def same_everywhere(image: str) -> LabError:
    """The mistake of comparing a map that says nothing."""
    return LabError(
        f"images: the saliency map of {image} is the same everywhere and can be compared with no other; leave it out"
    )
