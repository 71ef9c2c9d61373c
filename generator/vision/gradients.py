"""The only backward pass: gradients of class scores with respect to pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.images import Pixels
from generator.networks import Network

Scorer = Callable[[Tensor], Tensor]
"""Maps normalised images, float (N, 3, H, W), to raw class scores (logits), float (N, classes)."""


def score_gradients(scorer: Scorer, images: Tensor, targets: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Differentiate the score of one class per image with respect to that image's pixels.

    Args:
        scorer: the network, frozen and in evaluation mode.
        images: normalised images, float (N, 3, H, W); left as they are.
        targets: N indices of the classes to differentiate.

    Returns:
        The raw scores before the softmax, float (N, classes), and the gradient d s_y / d x of each
        image's own target, float (N, 3, H, W). Both are detached.
    """
    pixels = images.detach().requires_grad_()
    with torch.enable_grad():
        scores = scorer(pixels)
        # The images of a batch do not see one another, so the sum's gradient is each one's own.
        chosen = scores.gather(1, torch.tensor(targets, device=scores.device)[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, pixels)
    return scores.detach(), gradient


def saliency(scorer: Scorer, images: Tensor, targets: Sequence[int]) -> Tensor:
    """Saliency maps: the largest absolute gradient over the colour channels.

    Simonyan, Vedaldi & Zisserman 2013, « Deep Inside Convolutional Networks », section 3.1.

    Args:
        scorer: the network, frozen and in evaluation mode.
        images: normalised images, float (N, 3, H, W).
        targets: N indices of the classes to explain.

    Returns:
        Maps of values >= 0, float (N, H, W), not rescaled.
    """
    _, gradient = score_gradients(scorer, images, targets)
    return gradient.abs().amax(dim=1)


def saliency_maps(network: Network, photographs: Iterable[tuple[Pixels, int]]) -> Iterator[NDArray[np.float32]]:
    """Saliency maps of any number of photographs, a batch in memory at a time.

    Args:
        network: what to explain.
        photographs: RGB images, uint8 (H, W, 3), each with the index of the class to explain.

    Yields:
        A map, float32 (H, W), for each photograph in turn.
    """
    waiting = iter(photographs)
    while batch := list(islice(waiting, network.batch)):
        images = network.normalise([pixels for pixels, _ in batch])
        yield from saliency(network.scorer, images, [target for _, target in batch]).cpu().numpy()


def probabilities(scorer: Scorer, images: Tensor) -> NDArray[np.float32]:
    """Softmax of the scores of normalised images, float (N, 3, H, W) -> float32 (N, classes)."""
    with torch.no_grad():
        chances: NDArray[np.float32] = scorer(images).softmax(dim=1).cpu().numpy()
    return chances


def answers(
    network: Network, photographs: Iterable[Pixels], *, on_step: Callable[[int], None] = lambda images: None
) -> NDArray[np.int64]:
    """The class that a network gives the highest score, a batch of photographs in memory at a time.

    Args:
        network: who answers.
        photographs: any number of RGB images, uint8 (H, W, 3) each.
        on_step: told after each pass how many images it served.

    Returns:
        Indices of classes, int64 (N,).
    """
    waiting, found = iter(photographs), []
    while batch := list(islice(waiting, network.batch)):
        found.append(probabilities(network.scorer, network.normalise(batch)).argmax(axis=1))
        on_step(len(batch))
    return np.concatenate(found)
