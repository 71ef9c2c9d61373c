"""Other maps than the gradient's: what each says of every pixel's part in a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from generator.images import Pixels
from generator.vision.ascent import blur, reach
from generator.vision.gradients import score_gradients, smoothgrad
from generator.vision.layers import beyond, guided, last_layer, up_to
from generator.vision.opening import Network

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Care:
    """How much is spent on the maps that may be made more or less carefully.

    Attributes:
        spread: of SmoothGrad, see :func:`~generator.vision.gradients.smoothgrad`.
        samples: likewise.
        steps: of the integral, from grey to the image.
        squares: how many are hidden in a row, and in a column.
    """

    spread: float
    samples: int
    steps: int
    squares: int


def attributions(network: Network, pixels: Pixels, target: int, care: Care, *, seed: int) -> dict[str, Map]:
    """Maps of one photograph by all methods, float32 (H, W) each, values >= 0, not rescaled.

    Grey is the mean of the normalisation: 0 in what the network is given.

    Args:
        network: what to explain.
        pixels: an RGB image, uint8 (H, W, 3).
        target: index of the class to explain.
        care: how much to spend.
        seed: of SmoothGrad's noise.
    """
    image = network.normalise([pixels])
    _, (gradient,) = score_gradients(network.scorer, image, [target])
    _, (positive,) = score_gradients(guided(network), image, [target])
    return {
        "gradient": _plain(gradient.abs().amax(dim=0)),
        "product": _plain((gradient * image[0]).sum(dim=0).abs()),
        "smoothgrad": smoothgrad(network, pixels, target, spread=care.spread, samples=care.samples, seed=seed),
        "integrated": _plain(integrated(network, image, target, care.steps).sum(dim=0).abs()),
        "guided": _plain(positive.abs().amax(dim=0)),
        "gradcam": _plain(gradcam(network, image, target)),
        "occlusion": _plain(occlusion(network, image, target, care.squares).clamp(min=0)),
    }


def _plain(values: Tensor) -> Map:
    found: Map = values.float().cpu().numpy()
    return found


def integrated(network: Network, image: Tensor, target: int, steps: int) -> Tensor:
    """What each value adds to the score on the straight way from grey to the image.

    Sundararajan, Taly & Yan 2017, « Axiomatic Attribution for Deep Networks », section 3.

    Args:
        network: what to explain.
        image: normalised, float (1, C, H, W).
        target: index of the class.
        steps: places on the way, by Gauss and Legendre's rule.

    Returns:
        Float (C, H, W); the sum is about the score of the image minus that of grey.
    """
    from captum.attr import IntegratedGradients  # the other maps need not wait for its import

    found: Tensor = IntegratedGradients(network.scorer).attribute(
        image.clone().requires_grad_(), target=target, n_steps=steps, internal_batch_size=network.batch
    )
    return found[0].detach().to(image)


def gradcam(network: Network, image: Tensor, target: int) -> Tensor:
    """The last layer's maps, each counting as much as the score rises with it, where their sum is positive.

    Selvaraju et al. 2017, « Grad-CAM », section 3.

    Args:
        network: what to explain.
        image: normalised, float (1, C, H, W).
        target: index of the class.

    Returns:
        Values >= 0, float (H, W), between the layer's pixels interpolated.
    """
    layer = last_layer(network)
    with torch.no_grad():
        maps = up_to(network, layer)(image)
    _, gradient = score_gradients(beyond(network, layer, image), maps, [target])
    found = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu()
    whole: Tensor = F.interpolate(found, size=image.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    return whole


def occlusion(network: Network, image: Tensor, target: int, squares: int) -> Tensor:
    """By how much the score falls when a grey square hides a place.

    Zeiler & Fergus 2014, « Visualizing and Understanding Convolutional Networks », section 4.2; squares do not overlap.

    Args:
        network: what to explain.
        image: normalised, float (1, C, H, W).
        target: index of the class.
        squares: in a row, and in a column; fewer where they do not fit.

    Returns:
        Float (H, W).
    """
    from captum.attr import Occlusion  # likewise

    side = -(-network.size // squares)
    with torch.no_grad():
        found: Tensor = Occlusion(network.scorer).attribute(
            image,
            sliding_window_shapes=(network.channels, side, side),
            strides=(network.channels, side, side),
            target=target,
            perturbations_per_eval=network.batch,
        )
    return found[0, 0]


def replaced(network: Network, pixels: Pixels, values: Map, target: int, levels: int) -> NDArray[np.float64]:
    """The probability of a class while an image is taken away, and while it comes, most salient pixels first.

    Petsiuk, Das & Saenko 2018, « RISE », section 4.2: deletion and insertion. What is taken away becomes grey; what
    comes stands in a blurred copy.

    Args:
        network: what is asked.
        pixels: an RGB image, uint8 (H, W, 3).
        values: its map, float (H, W).
        target: index of the class.
        levels: at how many shares of the pixels to look, from the first to the last but one: 1 / levels, 2 / levels, …

    Returns:
        Probabilities where 1 / levels, …, (levels - 1) / levels of the pixels were replaced, float (2, levels - 1).
    """
    image = network.normalise([pixels])[0]
    falling = np.argsort(-values, axis=None, kind="stable")
    place = np.empty_like(falling)
    place[falling] = np.arange(len(falling))
    ways = ((image, torch.zeros_like(image)), (_blurred(image), image))
    shares = range(1, levels)
    chances = []
    for before, after in ways:
        for share in shares:
            taken = torch.from_numpy((place < share * len(place) / levels).reshape(values.shape)).to(image.device)
            chances.append(chance(network, torch.where(taken, after, before), target))
    return np.array(chances).reshape(2, levels - 1)


def ends(network: Network, pixels: Pixels, target: int) -> NDArray[np.float64]:
    """The probability of a class in an image, in grey alone, and in a blurred copy: where all curves begin and end."""
    image = network.normalise([pixels])[0]
    return np.array([chance(network, one, target) for one in (image, torch.zeros_like(image), _blurred(image))])


def chance(network: Network, image: Tensor, target: int) -> float:
    """The probability that a network gives a class, in a normalised image, float (C, H, W)."""
    with torch.no_grad():
        return float(network.scorer(image[None]).softmax(dim=1)[0, target])


def _blurred(image: Tensor) -> Tensor:
    """A copy in which nothing but large areas is left: a twentieth of the side wide."""
    sigma = image.shape[1] / 20
    return blur(image[None], [sigma], reach(sigma))[0]
