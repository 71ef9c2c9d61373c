"""What a network may see of an image instead of the image itself; see ``Rule.view``."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.vision.ascent import View


def wobble(degrees: float, zoom: float) -> View:
    """A view that turns and scales each image a little, at random, about its middle.

    What survives is drawn in strokes that do not depend on the pixel grid (Olah et al. 2017, section
    « Transformation Robustness »). Outside, the image goes on as in a mirror.

    Args:
        degrees: turn by up to this angle, either way.
        zoom: enlarge or shrink by up to this factor, above 1.
    """

    def view(images: Tensor, randoms: list[torch.Generator]) -> Tensor:
        drawn = _drawn(2, images, randoms)
        return _turned(images, math.radians(degrees) * drawn[:, 0], zoom ** drawn[:, 1])

    return view


def glimpse(degrees: float, nearest: float, furthest: float, tint: float) -> View:
    """A view of a part of each image or of more than all of it, at random: turned, mirrored, in other colours.

    Cropping and mirroring as networks are trained; other brightness and contrast of each channel as in Ghiasi et al.
    2022, « Plug-In Inversion » (« ColorShift »). Outside, the image goes on as in a mirror.

    Args:
        degrees: turn by up to this angle, either way.
        nearest: how much of the image's side a view shows at least, somewhere inside the image.
        furthest: and at most; above 1, the whole image stands in the middle, about.
        tint: how much each channel changes: factors of up to e to the power of it, and as much more or less, in the
            network's normalised values.
    """
    middle, reach = math.log(nearest * furthest) / 2, math.log(furthest / nearest) / 2

    def view(images: Tensor, randoms: list[torch.Generator]) -> Tensor:
        channels = images.shape[1]
        drawn = _drawn(5 + 2 * channels, images, randoms)
        scale = (middle + reach * drawn[:, 0]).exp()
        room = (1 - scale).clamp_min(0) + _ASIDE
        mirror = torch.where(drawn[:, 4] < 0, -1.0, 1.0)
        aside = room[:, None] * drawn[:, 2:4]
        seen = _turned(images, math.radians(degrees) * drawn[:, 1], scale, mirror, aside)
        factors, added = (tint * drawn[:, 5:]).reshape(-1, 2, channels, 1, 1).unbind(dim=1)
        return seen * factors.exp() + added

    return view


_ASIDE = 0.07
"""How far aside of where it fits in a view may lie, as a share of half the image's side."""


def _drawn(count: int, images: Tensor, randoms: list[torch.Generator]) -> Tensor:
    """Numbers from -1 to 1 for each image, float (N, count)."""
    return torch.stack([2 * torch.rand(count, generator=random) - 1 for random in randoms]).to(images)


def _turned(
    images: Tensor, angle: Tensor, scale: Tensor, mirror: Tensor | float = 1.0, aside: Tensor | float = 0.0
) -> Tensor:
    """Images seen turned, scaled and mirrored, a number of each for each image, and from aside, float (N, 2)."""
    across, along = scale * angle.cos(), scale * angle.sin()
    turn = torch.stack([mirror * across, -along, mirror * along, across], dim=1).reshape(-1, 2, 2)
    move = torch.zeros_like(turn[:, :, 0]) + aside
    grid = F.affine_grid(torch.cat([turn, move[:, :, None]], dim=2), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
