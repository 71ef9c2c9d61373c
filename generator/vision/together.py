"""Several networks that look at one image, and score it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.vision.opening import Network


def together(networks: Sequence[Network]) -> Network:
    """A network whose raw scores are the sums of several networks' scores; what raises them has to please them all.

    Args:
        networks: of the same classes; images are of the first one's size and normalised for it, and the others see
            them resized and normalised anew.
    """
    return replace(networks[0], scorer=_Together(networks))


class _Together(nn.Module):
    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, images: Tensor) -> Tensor:
        """Sums of raw scores, float (N, classes), of images that are normalised for the first network."""
        first = self.networks[0]
        return torch.stack([network.scorer(_shown(images, first, network)) for network in self.networks]).sum(dim=0)


def _shown(images: Tensor, first: Network, network: Network) -> Tensor:
    """Images of the first network, as another one sees them."""
    if images.shape[-1] != network.size:
        images = F.interpolate(images, (network.size, network.size), mode="bilinear", align_corners=False)
    if not (first.mean.equal(network.mean) and first.std.equal(network.std)):
        images = (images * first.std + first.mean - network.mean) / network.std
    return images
