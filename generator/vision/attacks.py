"""Attacks of the literature, as foolbox implements them, on the networks of a lab."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.images import Pixels
from generator.vision.opening import Network


@dataclass(frozen=True)
class Attempt:
    """Where an attack ended.

    Attributes:
        image: pixel values in [0, 1], float32 (H, W, 3).
        fooled: whether the network answers something else than for the photograph.
        answer: the class that it answers for the photograph.
        gradients: how many times it went through the network, forward and back.
        queries: how many times it went forward only.
    """

    image: NDArray[np.float32]
    fooled: bool
    answer: int
    gradients: int
    queries: int


def attack(network: Network, photograph: Pixels, method: str, *, radii: Sequence[float] = (), seed: int = 0) -> Attempt:
    """Change a photograph until the network's answer changes, whatever the new one is.

    Args:
        network: whom to fool.
        photograph: an RGB image, uint8 (H, W, 3).
        method: fgsm, pgd, deepfool, carlini-wagner or hop-skip-jump.
        radii: of fgsm and pgd, in grey levels of 1/255; the first one that fools is kept, else the last one.
        seed: of every random number the attack draws.
    """
    from foolbox.models.pytorch import PyTorchModel

    counted = _Counted(network)
    preprocessing = {"mean": network.mean, "std": network.std}
    model = PyTorchModel(counted.eval(), bounds=(0, 1), device=network.mean.device, preprocessing=preprocessing)
    normalised = network.normalise([photograph])
    answer = network.scorer(normalised).argmax(dim=1)
    pixels = (normalised * network.std + network.mean).clamp(0, 1)
    bounds: list[float | None] = [radius / 255 for radius in radii] or [None]
    # foolbox draws from torch's global generator; it is left as it was. Its doubts are told by what came of it.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        try:
            _, attempts, fooled = _attacker(method)(model, pixels, answer, epsilons=bounds)
        except (ValueError, AssertionError):
            # HopSkipJump gives up so where it finds no image to begin with, or loses it by rounding.
            attempts, fooled = [pixels], torch.zeros(1, 1, dtype=torch.bool)
    outcomes = fooled[:, 0].tolist()
    best = outcomes.index(True) if any(outcomes) else -1
    # Grey is shown as a colour.
    image = np.ascontiguousarray(attempts[best][0].permute(1, 2, 0).expand(-1, -1, 3).cpu().numpy())
    return Attempt(image, outcomes[best], int(answer), counted.gradients, counted.queries)


def _attacker(method: str) -> Any:
    """An attack of foolbox.

    Budgets are small, for a lab that runs on a laptop: more steps bring smaller changes.
    """
    from foolbox.attacks import FGSM, LinfPGD
    from foolbox.attacks.carlini_wagner import L2CarliniWagnerAttack
    from foolbox.attacks.deepfool import L2DeepFoolAttack
    from foolbox.attacks.hop_skip_jump import HopSkipJumpAttack

    known = {
        # Goodfellow, Shlens & Szegedy 2014, section 4.
        "fgsm": FGSM(),
        # Madry, Makelov, Schmidt, Tsipras & Vladu 2017, section 2.1.
        "pgd": LinfPGD(steps=8, rel_stepsize=0.25),
        # Moosavi-Dezfooli, Fawzi & Frossard 2016, algorithm 2.
        "deepfool": L2DeepFoolAttack(steps=20, candidates=5),
        # Carlini & Wagner 2017, section VI-A.
        "carlini-wagner": L2CarliniWagnerAttack(
            binary_search_steps=3, steps=30, stepsize=0.001, initial_const=0.01, abort_early=False
        ),
        # Chen, Jordan & Wainwright 2019: nothing but the network's answers. With the paper's gamma of 1
        # its steps are lost in the rounding of float32 at this size.
        "hop-skip-jump": HopSkipJumpAttack(steps=4, initial_gradient_eval_steps=50, gamma=1000),
    }
    return known[method]


class _Counted(nn.Module):
    """A network that counts the images it is shown; what it is merely asked goes through a batch at a time."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.scorer, self.batch = network.scorer, network.batch
        self.gradients = self.queries = 0

    def forward(self, images: Tensor) -> Tensor:
        if images.requires_grad:
            self.gradients += len(images)
            scores: Tensor = self.scorer(images)
            return scores
        self.queries += len(images)
        return torch.cat([self.scorer(part) for part in torch.split(images, self.batch)])
