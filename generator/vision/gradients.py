"""The only backward pass: gradients of class scores with respect to pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.images import Pixels
from generator.vision.opening import Network

Scorer = Callable[[Tensor], Tensor]
"""Maps normalised images, float (N, C, H, W), to raw class scores (logits), float (N, classes)."""


def score_gradients(scorer: Scorer, images: Tensor, targets: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Differentiate the score of one class per image with respect to that image's pixels.

    Args:
        scorer: the network, frozen and in evaluation mode.
        images: normalised images, float (N, C, H, W); left as they are.
        targets: N indices of the classes to differentiate.

    Returns:
        The raw scores before the softmax, float (N, classes), and the gradient d s_y / d x of each
        image's own target, float (N, C, H, W). Both are detached.
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
        images: normalised images, float (N, C, H, W).
        targets: N indices of the classes to explain.

    Returns:
        Maps of values >= 0, float (N, H, W), not rescaled.
    """
    _, gradient = score_gradients(scorer, images, targets)
    return gradient.abs().amax(dim=1)


def explained(network: Network, pixels: Pixels, target: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a network says of one photograph, and its saliency map, in one pass.

    Args:
        network: what to explain.
        pixels: an RGB image, uint8 (H, W, 3).
        target: index of the class to explain.

    Returns:
        The raw scores, float32 (classes), and the map of :func:`saliency`, float32 (H, W).
    """
    (scores,), (gradient,) = score_gradients(network.scorer, network.normalise([pixels]), [target])
    return scores.cpu().numpy(), gradient.abs().amax(dim=0).cpu().numpy()


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


def smoothgrad(  # noqa: PLR0913  # the method's parameters, all named
    network: Network, pixels: Pixels, target: int, *, spread: float, samples: int, seed: int
) -> NDArray[np.float32]:
    """Saliency map of a photograph, averaged over noisy copies of it.

    Smilkov et al. 2017, « SmoothGrad: removing noise by adding noise », section 3. What is averaged
    is the gradient's absolute value; with its sign, much of it cancels, and a few copies say little.

    Args:
        network: what to explain.
        pixels: an RGB image, uint8 (H, W, 3).
        target: index of the class to explain.
        spread: standard deviation of the noise, as a share of the image's range of values.
        samples: how many noisy copies.
        seed: of the noise.

    Returns:
        Values >= 0, float32 (H, W), not rescaled.
    """
    from captum.attr import NoiseTunnel, Saliency  # the other maps need not wait for its import

    image = network.normalise([pixels])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        gradient = NoiseTunnel(Saliency(network.scorer)).attribute(
            image.requires_grad_(),
            target=target,
            nt_type="smoothgrad",
            nt_samples=samples,
            nt_samples_batch_size=network.batch,
            stdevs=spread * (image.max() - image.min()).item(),
        )
    smooth: NDArray[np.float32] = gradient.amax(dim=1)[0].cpu().numpy()
    return smooth


def score_changes(  # noqa: PLR0913  # where to go from, and how far, all named
    network: Network, pixels: Pixels, target: int, *, lengths: Sequence[float], random: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the gradient foretells of a score along straight lines, and what becomes of it.

    The first lines go up and down the gradient, the others in random directions, all alike likely.
    Pixel values may leave [0, 1]: they are changed as foretold, and nothing else.

    Args:
        network: what to explain.
        pixels: an RGB image, uint8 (H, W, 3), where the lines begin.
        target: index of the class whose score is followed.
        lengths: how far to go, L2 norms in pixel values of [0, 1].
        random: number of random directions.
        seed: of these.

    Returns:
        The changes of the raw score by the first order, and the actual ones, each float32
        (2 + random, lengths). Where the score has no slope, nothing is foretold.
    """
    image = network.normalise([pixels])
    (score,), (gradient,) = score_gradients(network.scorer, image, [target])
    slope = gradient / network.std
    generator = torch.Generator().manual_seed(seed)
    chance = torch.randn(random, *slope.shape, generator=generator, dtype=slope.dtype).to(slope.device)
    lines = torch.cat([slope[None], -slope[None], chance])
    # A slope of nothing has no direction, and stays what it is.
    lines /= lines.flatten(1).norm(dim=1)[:, None, None, None].clamp(min=torch.finfo(lines.dtype).tiny)
    steps = torch.tensor(lengths, dtype=slope.dtype, device=slope.device)[:, None, None, None]
    with torch.no_grad():
        actual = [
            torch.cat([network.scorer(image + part * line / network.std) for part in torch.split(steps, network.batch)])
            for line in lines
        ]
    foretold = (lines * slope).sum(dim=(1, 2, 3))[:, None] * steps.flatten()
    changes = torch.stack(actual)[:, :, target] - score[target]
    return foretold.cpu().numpy(), changes.cpu().numpy()


def probabilities(scorer: Scorer, images: Tensor) -> NDArray[np.float32]:
    """Softmax of the scores of normalised images, float (N, C, H, W) -> float32 (N, classes)."""
    with torch.no_grad():
        chances: NDArray[np.float32] = scorer(images).softmax(dim=1).cpu().numpy()
    return chances


@dataclass(frozen=True)
class Opinion:
    """What a network says of an image on its way towards a class.

    Attributes:
        chances: probability of each class, float (images, classes).
        probability: of the target class, in per cent, float (images).
        rank: of the target class, from 1, int (images).
    """

    chances: NDArray[np.float32]
    probability: NDArray[np.float32]
    rank: NDArray[np.int64]


def ask(network: Network, images: Sequence[Pixels], target: int) -> Opinion:
    """Ask a network what images show, as they are saved; one by one, so that no answer depends on the others.

    Args:
        network: any; images of another size than its own are resized.
        images: RGB, uint8 (H, W, 3) each.
        target: the class they should show.
    """
    chances = np.concatenate([probabilities(network.scorer, network.normalise([image])) for image in images])
    chance = chances[:, target]
    return Opinion(chances, 100 * chance, 1 + (chances > chance[:, None]).sum(axis=1))


def answers(network: Network, photographs: Iterable[Pixels]) -> NDArray[np.int64]:
    """The class that a network gives the highest score, each photograph by itself.

    Args:
        network: who answers.
        photographs: any number of RGB images, uint8 (H, W, 3) each.

    Returns:
        Indices of classes, int64 (N,).
    """
    found = [int(probabilities(network.scorer, network.normalise([pixels])).argmax()) for pixels in photographs]
    return np.array(found, dtype=np.int64)
