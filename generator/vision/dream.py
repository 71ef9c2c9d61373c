"""A photograph that excites a whole layer, at several scales, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.vision.ascent import Climb, Rule, View, ascend
from generator.vision.inside import power
from generator.vision.layers import Layer
from generator.vision.opening import Network


@dataclass(frozen=True)
class DreamRule:
    """How a dream goes.

    Attributes:
        scales: how many times enlarged the network sees the image, one scale after the other.
        iterations: of each scale.
        step: L2 norm of each step, in normalised space.
        gradient_sigma: see :class:`~generator.vision.ascent.Rule`.
        jitter: likewise.
    """

    scales: tuple[float, ...]
    iterations: int
    step: float
    gradient_sigma: tuple[float, float]
    jitter: int


def dream(
    network: Network, layer: Layer, image: Tensor, rule: DreamRule, *, seed: int
) -> tuple[list[Tensor], list[float]]:
    """Raise the mean square of a layer's maps, from a photograph.

    Mordvintsev, Olah & Tyka 2015, « Inceptionism ». They make the image larger from one scale to the next; here its
    size stays, and the network comes closer.

    Args:
        network: whose layer it is.
        layer: what to excite.
        image: normalised, float (C, H, W).
        rule: how to go.
        seed: of random shifts and places.

    Returns:
        The image at first and after each iteration, and the score before each one.
    """
    exciting, frames, scores = power(network, layer), [image], list[float]()
    for nth, scale in enumerate(rule.scales):
        summit = ascend(
            exciting,
            Climb(frames[-1], target=0, seed=seed + nth, snapshots=frozenset(range(1, rule.iterations + 1))),
            Rule(
                rule.iterations,
                rule.step,
                unit_gradient=True,
                gradient_sigma=rule.gradient_sigma,
                jitter=rule.jitter,
                view=closer(scale),
            ),
        )
        frames += summit.snapshots.values()
        scores += summit.scores
    return frames, scores


def closer(scale: float) -> View:
    """A view of a random place, so many times enlarged to the size of the image."""

    def view(images: Tensor, randoms: Sequence[torch.Generator]) -> Tensor:
        room = 1 - 1 / scale
        middle = torch.stack([room * (2 * torch.rand(2, generator=random) - 1) for random in randoms]).to(images)
        across = torch.eye(2).to(images).expand(len(images), 2, 2) / scale
        grid = F.affine_grid(torch.cat([across, middle[:, :, None]], dim=2), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    return view
