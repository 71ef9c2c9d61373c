"""Saliency maps as parts: one that several experiments ask for is computed once."""

from __future__ import annotations

from generator.experiments.base import NetworkUse, Part

TASK = "generator.experiments.shared.tasks:saliency_map"


def map_part(network: str | NetworkUse, image: str, target: int, *, right: int = 0) -> Part:
    """The part whose outcome has the saliency map of a photograph.

    Args:
        network: what to explain.
        image: name of the photograph.
        target: index of the class to explain.
        right: the photograph is moved to the right by so many pixels before, and its map back after.

    Returns:
        A part with the outcome ``values``, float32 (H, W), not rescaled.
    """
    use = network if isinstance(network, NetworkUse) else NetworkUse(network)
    return Part(TASK, (use,), (image,), {"target": target, "right": right}, passes=1)
