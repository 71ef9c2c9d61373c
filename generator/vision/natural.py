"""Images that a network's layers take for photographs: their maps are as bright and as varied as those of photographs.

Yin et al. 2020, « Dreaming to Distill: Data-free Knowledge Transfer via DeepInversion », section 3.2. They compare with
what batch normalisation remembers of the training images; a network may have none, so that here photographs say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from generator.images import Pixels
from generator.vision.layers import Layer, layers, pulled
from generator.vision.opening import Network

_FINEST = 16
"""Layers count that have a place for every so many pixels of the image's side, or more: what coarser ones see are
objects, and those of the photographs are not what is to be seen."""
_LEAST = 0.1
"""Spread of a map, as a share of its layer's mean spread, under which it is not told apart from a map without any."""


@dataclass(frozen=True)
class Usual:
    """What the maps of a layer usually are.

    Attributes:
        mean: of each map, over all places of all photographs, float (channels).
        spread: likewise their standard deviation, float (channels), greater than 0.
    """

    mean: Tensor
    spread: Tensor


def usual(network: Network, photographs: Sequence[Pixels]) -> dict[Layer, Usual]:
    """What photographs make of a network's layers, of those that it can be cut at and that still see details.

    Layers after a ReLU are left out where there are others: as most of their maps are empty most of the time, an image
    would come to look like these photographs themselves.

    Args:
        network: each photograph goes through it once.
        photographs: RGB, uint8 (H, W, 3) each; one at least.
    """
    chosen = [layer for layer in layers(network) if layer.clean and layer.side * _FINEST >= network.size]
    moments: dict[Layer, list[Tensor]] = {layer: [] for layer in chosen}
    signed = set()

    def note(layer: Layer, maps: Tensor) -> None:
        if maps.min() < 0:
            signed.add(layer)
        moments[layer].append(torch.stack([maps.mean(dim=(0, 2, 3)), maps.square().mean(dim=(0, 2, 3))]))

    watched = pulled(network, chosen, note)
    with torch.no_grad():
        for photograph in photographs:
            watched(network.normalise([photograph]))
    found = {}
    for layer in [layer for layer in chosen if layer in signed] or chosen:
        mean, square = torch.stack(moments[layer]).mean(dim=0)
        spread = (square - mean.square()).clamp_min(0).sqrt()
        found[layer] = Usual(mean, spread.clamp_min(_LEAST * spread.mean()).clamp_min(torch.finfo(spread.dtype).eps))
    return found


def natural(network: Network, known: Mapping[Layer, Usual], weight: float) -> Network:
    """A network with the same scores, whose gradients also lead to images whose maps are as usual.

    The gradient of one score s comes back as that of s - weight * R, where R is the mean over layers of the
    :func:`strangeness` of their maps.

    Args:
        network: any.
        known: of its layers, from :func:`usual`.
        weight: how much it matters.
    """

    def pull(layer: Layer, maps: Tensor) -> Tensor:
        return -weight / len(known) * _slope(maps, known[layer])

    return replace(network, scorer=pulled(network, list(known), pull))


def strangeness(maps: Tensor, as_usual: Usual) -> Tensor:
    """How far an image's maps, float (N, channels, side, side), are from what is usual; float (N).

    The mean over maps of ((m - m0) / s0)^2 + (s / s0 - 1)^2, m and s being a map's mean and standard deviation.
    """
    mean, _, spread = _moments(maps)
    m0, s0 = _as_maps(as_usual)
    return (((mean - m0) / s0).square() + (spread / s0 - 1).square()).mean(dim=(1, 2, 3))


def _slope(maps: Tensor, as_usual: Usual) -> Tensor:
    """Gradient of :func:`strangeness`, with respect to the maps."""
    mean, apart, spread = _moments(maps)
    m0, s0 = _as_maps(as_usual)
    values = maps[0].numel()
    return apart * ((spread / s0 - 1) / (s0 * spread)).mul_(2 / values) + ((mean - m0) / s0.square()).mul_(2 / values)


def _moments(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of each map, how far each place is from it, and the standard deviation."""
    mean = maps.mean(dim=(2, 3), keepdim=True)
    apart = maps - mean
    return mean, apart, (apart.square().mean(dim=(2, 3), keepdim=True) + 1e-8).sqrt()


def _as_maps(as_usual: Usual) -> tuple[Tensor, Tensor]:
    return as_usual.mean[:, None, None], as_usual.spread[:, None, None]
