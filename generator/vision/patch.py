"""A patch that makes a network see a class wherever it is pasted, on whatever photograph."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from generator.images import Pixels
from generator.vision.ascent import blur, reach
from generator.vision.gradients import score_gradients
from generator.vision.opening import Network


@dataclass(frozen=True)
class PatchRule:
    """How a patch grows.

    Attributes:
        side: of the square, in pixels of the network's input.
        iterations: number of steps, each on ``batch`` photographs, drawn at random.
        batch: photographs that a step looks at.
        step: L2 norm of each step, in normalised space.
        gradient_sigma: standard deviation, in pixels, of the Gaussian that smooths the gradient; it
            goes linearly from the first value to the second.
    """

    side: int
    iterations: int
    batch: int
    step: float
    gradient_sigma: tuple[float, float]


def grow(  # noqa: PLR0913  # what a patch is made from, all named
    network: Network,
    photographs: Sequence[Pixels],
    target: int,
    rule: PatchRule,
    *,
    seed: int,
    after: Collection[int] = (),
) -> list[NDArray[np.float32]]:
    """Raise the target's score on average over photographs and places, by changing the patch alone.

    Brown, Mané, Roy, Abadi & Gilmer 2017, « Adversarial Patch », section 2: stochastic gradient ascent
    on the expectation over photographs and places (rotations and scales are left out here).

    Args:
        network: whose score to raise.
        photographs: RGB images, uint8 (H, W, 3) each.
        target: index of the class.
        rule: how to move.
        seed: of the photographs and places drawn.
        after: numbers of iterations, in order, after which it is asked for too, before the end.

    Returns:
        The patch after each of these, and at the end: pixel values in [0, 1], float32 (side, side, 3).
    """
    random = np.random.default_rng(seed)
    backgrounds = network.normalise(photographs)
    darkest, brightest = network.range
    patch = torch.zeros_like(backgrounds[0, :, : rule.side, : rule.side])
    grown = []
    for iteration in range(rule.iterations):
        chosen = random.integers(len(backgrounds), size=rule.batch)
        corners = random.integers(network.size - rule.side + 1, size=(rule.batch, 2))
        gradient = torch.zeros_like(patch)
        for place, (top, left) in zip(chosen, corners, strict=True):
            square = (slice(None), slice(top, top + rule.side), slice(left, left + rule.side))
            image = backgrounds[place].clone()
            image[square] = patch
            _, (whole,) = score_gradients(network.scorer, image[None], [target])
            gradient += whole[square] / rule.batch
        first, last = rule.gradient_sigma
        sigma = first + (last - first) * iteration / max(rule.iterations - 1, 1)
        if any(rule.gradient_sigma):
            gradient = blur(gradient[None], [sigma], reach(max(rule.gradient_sigma)))[0]
        patch += rule.step * gradient / gradient.norm().clamp_min(1e-12)
        patch = torch.minimum(torch.maximum(patch, darkest), brightest)
        if iteration + 1 in {*after, rule.iterations}:
            grown.append(network.pixels(patch))
    return grown
