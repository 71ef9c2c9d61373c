"""One photograph made to fool one network, shown to another."""

from __future__ import annotations

import numpy as np

from generator.experiments.given import Given, Outcome
from generator.images import Pixels, to_bytes
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.gradients import answers


def transferred(given: Given, *, target: int, step: float, iterations: int, moments: tuple[int, ...] | None) -> Outcome:
    """Images made on the first network, as they would be saved, shown to it and to the second one.

    Args:
        given: the two networks, and the photograph.
        target: index of the class.
        step: L2 norm of each step, in normalised space.
        iterations: at most so many steps.
        moments: numbers of the iterations whose images are shown; None shows the one in which the target is reached.

    Returns:
        For each image: ``l2``, norm of its change, pixels in [0, 1], float64; the classes seen, int64, ``own`` by the
        first network, ``other`` by the second, and ``noise`` by the second in the photograph under as much noise. And
        ``before``: what the second one sees in the photograph.
    """
    network, other = given.networks
    photograph = given.photograph
    rule = Rule(iterations, step, unit_gradient=True, stop_at_target=moments is None)
    climb = Climb(network.normalise([photograph])[0], target, snapshots=frozenset(moments or ()))
    summit = ascend(network, climb, rule)
    made = [summit.image] if moments is None else [summit.snapshots[iteration] for iteration in moments]
    images = [to_bytes(network.pixels(image)) for image in made]
    sizes = [float(np.linalg.norm((image / 255.0) - (photograph / 255.0))) for image in images]
    # At all sizes the noise has one direction, so that it is its size that makes the difference.
    noisy = [add_noise(photograph, size, np.random.default_rng(given.own_seed)) for size in sizes]
    return {
        "l2": np.array(sizes),
        "own": answers(network, images),
        "other": answers(other, images),
        "noise": answers(other, noisy),
        "before": answers(other, [photograph])[0],
    }


def add_noise(pixels: Pixels, size: float, random: np.random.Generator) -> Pixels:
    """A photograph under Gaussian noise of a given L2 norm (pixel values of [0, 1]), as it would be saved."""
    noise = random.standard_normal(pixels.shape)
    return to_bytes((pixels / 255 + size * noise / np.linalg.norm(noise)).astype(np.float32))
