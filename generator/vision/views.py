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
        drawn = torch.stack([2 * torch.rand(2, generator=random) - 1 for random in randoms]).to(images)
        angle, scale = math.radians(degrees) * drawn[:, 0], zoom ** drawn[:, 1]
        across, along, none = scale * angle.cos(), scale * angle.sin(), torch.zeros_like(angle)
        maps = torch.stack([across, -along, none, along, across, none], dim=1).reshape(-1, 2, 3)
        grid = F.affine_grid(maps, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    return view
