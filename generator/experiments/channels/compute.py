"""An image that excites a channel, and how much a photograph does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from generator.experiments.given import Given, Outcome
from generator.images import to_bytes
from generator.vision import ascent
from generator.vision.ascent import Climb, Rule, ascend
from generator.vision.fourier import Fourier, colours
from generator.vision.inside import at_depth, before_rectifying, means_of_channels
from generator.vision.layers import Layer, layers
from generator.vision.opening import Network
from generator.vision.views import wobble


def spread(layer: Layer, count: int) -> list[int]:
    """Numbers of ``count`` channels, evenly spread: the first of each of as many equal shares."""
    return [nth * layer.channels // count for nth in range(count)]


def facts(network: Network, layer: Layer) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which layer it is: its number, from 1; of how many; its channels; the side of its maps."""
    found = layers(network)
    return np.array([1 + found.index(layer), len(found), layer.channels, layer.side])


def look(given: Given, *, depth: float, count: int) -> Outcome:
    """How much a photograph excites channels.

    Returns:
        ``mean``, ``most``: of each channel's map, float32 (count); ``places``: of its maximum, from the top and from
        the left, as shares of the side, float64 (count, 2); ``channels``: their numbers; ``layer``: see :func:`facts`.
    """
    network = given.network
    layer = at_depth(network, depth)
    chosen = spread(layer, count)
    maps = _maps(network, layer, network.normalise([given.photograph]))[chosen]
    top = [np.unravel_index(int(one.argmax()), one.shape) for one in maps]
    return {
        "mean": maps.mean(axis=(1, 2)),
        "most": maps.max(axis=(1, 2)),
        "places": (np.array(top) + 0.5) / layer.side,
        "channels": np.array(chosen),
        "layer": facts(network, layer),
    }


def grow(  # noqa: PLR0913  # settings of a part, all named
    given: Given, *, depth: float, count: int, nth: int, noise: float, degrees: float, zoom: float, **rule: Any
) -> Outcome:
    """Grow an image that excites a channel, as rung 4 of the ladder grows a class (Olah et al. 2017).

    Args:
        given: the network, and the photographs whose colours go together.
        depth: of the layer.
        count: how many channels are chosen of it.
        nth: which of these.
        noise: factor of the noise that it starts from.
        degrees: see :func:`~generator.vision.views.wobble`.
        zoom: likewise.
        rule: see :class:`~generator.vision.ascent.Rule`; its step is Adam's rate.

    Returns:
        ``image``: as it is saved, uint8 (H, W, 3); ``mean``: of the channel's map in it.
    """
    network = given.network
    layer = at_depth(network, depth)
    channel = spread(layer, count)[nth]
    canvas = partial(Fourier, colours(given.photographs, network.channels))
    through = Rule(view=wobble(degrees, zoom), canvas=canvas, **rule)
    start = noise * ascent.noise(network, given.seed)
    summit = ascend(means_of_channels(network, layer), Climb(start, channel, given.seed), through)
    saved = to_bytes(network.pixels(summit.image))
    return {"image": saved, "mean": _maps(network, layer, network.normalise([saved]))[channel].mean()}


def _maps(network: Network, layer: Layer, images: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The layer's maps of one image, float32 (channels, side, side)."""
    found: np.ndarray[Any, np.dtype[np.float32]] = (
        before_rectifying(network, layer)(images)[0].detach().float().cpu().numpy()
    )
    return found
