"""What pulls an image back while its class score is pushed up.

Each penalty P(x) is a plain function of one normalised image x, where 0 is the mean grey of the
training images, and of the image x0 it started from. Ascent subtracts its gradient, in closed form
here because a second backward pass would only be spent on a formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

_SOFTENING = 1e-6
"""Keeps the total variation differentiable where the image is flat."""


@dataclass(frozen=True)
class Penalty:
    """A penalty's value and gradient.

    Attributes:
        value: (x, x0, mean, std) -> P(x), scalar. ``x`` and ``x0`` are normalised, float (C, H, W);
            ``mean`` and ``std`` are the network's, float (C, 1, 1).
        gradient: the same arguments -> dP/dx, float (C, H, W).
    """

    value: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _slopes(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Differences to the pixel below and to the right, 0 at the border, and their joint length; each (C, H, W)."""
    down, right = F.pad(x.diff(dim=1), (0, 0, 0, 1)), F.pad(x.diff(dim=2), (0, 1))
    return down, right, (down.square() + right.square() + _SOFTENING).sqrt()


def _minus_divergence(x: Tensor) -> Tensor:
    """Gradient of the sum of the slopes' lengths: what each pixel gets from its own slope and its neighbours'."""
    down, right, length = _slopes(x)
    down, right = down / length, right / length
    return -down.diff(dim=1, prepend=0 * down[:, :1]) - right.diff(dim=2, prepend=0 * right[:, :, :1])


PENALTIES = {
    # The lab's definition: lambda * ||x||, without a square.
    "l2": Penalty(
        value=lambda x, x0, mean, std: x.norm(),
        gradient=lambda x, x0, mean, std: x / x.norm().clamp_min(1e-12),
    ),
    "squared-l2": Penalty(
        value=lambda x, x0, mean, std: x.square().sum(),
        gradient=lambda x, x0, mean, std: 2 * x,
    ),
    "squared-l2-to-start": Penalty(
        value=lambda x, x0, mean, std: (x - x0).square().sum(),
        gradient=lambda x, x0, mean, std: 2 * (x - x0),
    ),
    # The write-up's mistake: the norm of the pixel values themselves, where 0 is black, instead of
    # the normalised ones, where 0 is grey. It pulls the whole image towards black.
    "squared-pixels": Penalty(
        value=lambda x, x0, mean, std: (x * std + mean).square().sum(),
        gradient=lambda x, x0, mean, std: 2 * (x * std + mean) * std,
    ),
    # Rudin, Osher & Fatemi 1992; as a prior for pictures made from a network Mahendran & Vedaldi 2015,
    # section 3. It removes grain and, unlike a blur, leaves edges.
    "total-variation": Penalty(
        value=lambda x, x0, mean, std: _slopes(x)[2].sum(),
        gradient=lambda x, x0, mean, std: _minus_divergence(x),
    ),
}
