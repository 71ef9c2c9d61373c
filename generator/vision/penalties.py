"""What pulls an image back while its class score is pushed up.

Each penalty P(x) is a plain function of one normalised image x, where 0 is the mean grey of the
training images, and of the image x0 it started from. Ascent subtracts its gradient, in closed form
here because a second backward pass would only be spent on a formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Penalty:
    """A penalty's value and gradient.

    Attributes:
        value: (x, x0, mean, std) -> P(x), scalar. ``x`` and ``x0`` are normalised, float (3, H, W);
            ``mean`` and ``std`` are the network's, float (3, 1, 1).
        gradient: the same arguments -> dP/dx, float (3, H, W).
    """

    value: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


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
}
