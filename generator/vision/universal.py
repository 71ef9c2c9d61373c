"""One change that makes a network answer otherwise, whichever photograph it is added to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.images import Pixels
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.opening import Network

MARGIN = 10.0
"""By how much another class is to lead; a photograph that has got there says no more where to go."""


class Against(nn.Module):
    """By how much another class leads the first answer, at most ``MARGIN``, of photographs with a change each.

    Args:
        network: who answers.
        photographs: normalised, float (N, C, H, W).
    """

    def __init__(self, network: Network, photographs: Tensor) -> None:
        super().__init__()
        self.scorer, self.batch = network.scorer, network.batch
        self.photographs = photographs
        self.darkest, self.brightest = network.range
        with torch.no_grad():
            self.first = self._scores(torch.zeros_like(photographs)).argmax(dim=1)

    def forward(self, changes: Tensor) -> Tensor:
        """Normalised changes, float (N, C, H, W), one for each photograph in turn -> the leads, float (N, 1)."""
        scores = self._scores(changes)
        own = scores.gather(1, self.first[:, None])
        others = scores.scatter(1, self.first[:, None], -torch.inf).amax(dim=1, keepdim=True)
        return (others - own).clamp(max=MARGIN)

    def _scores(self, changes: Tensor) -> Tensor:
        seen = torch.minimum(torch.maximum(self.photographs + changes, self.darkest), self.brightest)
        return torch.cat([self.scorer(some) for some in torch.split(seen, self.batch)])


def grow(  # noqa: PLR0913  # how it grows, all named
    network: Network,
    photographs: Sequence[Pixels],
    *,
    radius: float,
    iterations: int,
    step: float,
    gradient_sigma: tuple[float, float],
) -> Tensor:
    """Raise the mean lead of other classes over all photographs, by one change within a norm.

    Moosavi-Dezfooli, Fawzi, Fawzi & Frossard 2017, « Universal Adversarial Perturbations »; they add up the changes of
    DeepFool, one photograph after the other, here the mean gradient is followed. The loop is that of all ascents: the
    change is the image, and each photograph is a view of it.

    Args:
        network: whose answers shall change.
        photographs: RGB images, uint8 (H, W, 3) each.
        radius: L2 norm of the change, in normalised space.
        iterations: number of steps.
        step: L2 norm of each.
        gradient_sigma: see :class:`~generator.vision.ascent.Rule`; without it, the change learns the photographs by
            heart and does nothing on others.

    Returns:
        The change, normalised, float (C, H, W).
    """
    images = network.normalise(photographs)
    against = replace(network, scorer=Against(network, images))
    rule = Rule(
        iterations,
        step,
        unit_gradient=True,
        gradient_sigma=gradient_sigma,
        view=lambda changes, _: changes,
        views=len(images),
        radius=radius,
        clamp=False,
    )
    return ascend(against, Climb(torch.zeros_like(images[0]), target=0), rule).image


def by_chance(network: Network, radius: float, seed: int) -> Tensor:
    """A change of the same norm in a random direction, normalised, float (C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(network.channels, network.size, network.size, generator=generator).to(network.mean)
    change: Tensor = radius * drawn / drawn.norm()
    return change


def in_pixels(network: Network, change: Tensor) -> NDArray[np.float32]:
    """What a normalised change, float (C, H, W), adds to pixel values of [0, 1]: float32 (H, W, 3)."""
    values = (change * network.std).permute(1, 2, 0).expand(-1, -1, 3)
    return np.ascontiguousarray(values.cpu().numpy(), dtype=np.float32)
