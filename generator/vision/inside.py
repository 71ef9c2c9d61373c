"""What a layer inside a network does, as scores that an image can climb.

Layers count before their ReLU: where it gives nothing there is no slope, and what starts from grey would stay so.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.steps import Activation, Convolution, Step
from generator.vision.layers import Layer, last_layer, layers, up_to
from generator.vision.opening import Network


def at_depth(network: Network, depth: float) -> Layer:
    """The layer at a share of the way from the first one (0) to the last one that still says where something is (1)."""
    found = layers(network)
    found = found[: 1 + found.index(last_layer(network))]
    if not isinstance(network.scorer, FlatNetwork):
        modules = list(network.scorer.modules())
        found = [layer for layer in found if not isinstance(modules[layer.place], nn.ReLU | nn.ReLU6)]
    return found[round(depth * (len(found) - 1))]


def before_rectifying(network: Network, layer: Layer) -> nn.Module:
    """Normalised images, float (N, C, H, W) -> the layer's maps before its ReLU, float (N, channels, side, side)."""
    part = up_to(network, layer)
    if isinstance(part, FlatNetwork):
        part.steps = [*part.steps[:-1], _opened(part.steps[-1])]
    return part


def _opened(step: Step) -> Step:
    """A step without its activation."""
    if isinstance(step, Activation):
        return _Nothing(step)
    if isinstance(step, Convolution):
        plain = copy.copy(step)
        plain.limits = plain.mask = None
        plain.activation = ("none", [])
        return plain
    return step


class _Nothing(Step):
    """What stands in an activation's place."""

    def __init__(self, step: Step) -> None:
        self.node, self.inputs, self.varying = step.node, step.inputs, step.varying

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        return values[0], []

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: ARG002, FBT001
        return [gradient]


def means_of_channels(network: Network, layer: Layer) -> Network:
    """A network whose scores are the means of a layer's maps, one for each channel."""
    return replace(network, scorer=_Means(before_rectifying(network, layer)))


class _Means(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, images: Tensor) -> Tensor:
        """Float (N, channels), of normalised images."""
        means: Tensor = self.part(images).mean(dim=(2, 3))
        return means


def power(network: Network, layer: Layer) -> Network:
    """A network whose only score is the mean square of a layer's maps: what excites the whole layer."""
    return replace(network, scorer=_Power(before_rectifying(network, layer)))


class _Power(nn.Module):
    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, images: Tensor) -> Tensor:
        """Float (N, 1), of normalised images."""
        squares: Tensor = self.part(images).square().mean(dim=(1, 2, 3))[:, None]
        return squares
