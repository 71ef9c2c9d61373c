"""Attacks of the literature, as foolbox implements them, on the networks of a lab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.images import Pixels
from generator.networks import Network

METHODS = {"fgsm": 11, "pgd": 45, "deepfool": 85, "carlini-wagner": 92, "hop-skip-jump": 600}
"""Names of the attacks, and how often each shows a photograph to the network, at most or nearly so."""

RADII = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Radii of FGSM and PGD, in grey levels of 1/255; the smallest one that fools is kept."""


@dataclass(frozen=True)
class Outcome:
    """Where an attack ended.

    Attributes:
        image: pixel values in [0, 1], float32 (H, W, 3).
        fooled: whether the network answers something else than for the photograph.
        gradients: how many times it went through the network, forward and back.
        queries: how many times it went forward only.
    """

    image: NDArray[np.float32]
    fooled: bool
    gradients: int
    queries: int


def attack(
    network: Network,
    photographs: Sequence[Pixels],
    method: str,
    *,
    seed: int,
    on_step: Callable[[int], None] = lambda images: None,
) -> list[Outcome]:
    """Change photographs until the network's answer changes, whatever the new one is.

    Args:
        network: whom to fool.
        photographs: RGB images, uint8 (H, W, 3) each.
        method: one of ``METHODS``.
        seed: of every random number the attack draws.
        on_step: told after each pass how many images it served.

    Returns:
        An outcome for each photograph, in their order.
    """
    from foolbox.models.pytorch import PyTorchModel

    counted = _Counted(network.scorer, on_step)
    preprocessing = {"mean": network.mean, "std": network.std}
    model = PyTorchModel(counted.eval(), bounds=(0, 1), device=network.mean.device, preprocessing=preprocessing)
    attacker, radii = _attacker(method)
    found = []
    # foolbox draws from torch's global generator; it is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # One by one: each photograph's passes are its own, and HopSkipJump keeps hundreds of copies at a time.
        for photograph in photographs:
            normalised = network.normalise([photograph])
            answer = network.scorer(normalised).argmax(dim=1)
            pixels = (normalised * network.std + network.mean).clamp(0, 1)
            counted.gradients = counted.queries = 0
            _, attempts, fooled = attacker(model, pixels, answer, epsilons=radii)
            outcomes = fooled[:, 0].tolist()
            best = outcomes.index(True) if any(outcomes) else -1
            # Grey is shown as a colour.
            image = np.ascontiguousarray(attempts[best][0].permute(1, 2, 0).expand(-1, -1, 3).cpu().numpy())
            found.append(Outcome(image, outcomes[best], counted.gradients, counted.queries))
    return found


def _attacker(method: str) -> tuple[Any, tuple[float | None, ...]]:
    """An attack and its radii; None for one that looks for the smallest change itself.

    Budgets are small, for a lab that runs on a laptop: more steps bring smaller changes.
    """
    from foolbox.attacks import FGSM, LinfPGD
    from foolbox.attacks.carlini_wagner import L2CarliniWagnerAttack
    from foolbox.attacks.deepfool import L2DeepFoolAttack
    from foolbox.attacks.hop_skip_jump import HopSkipJumpAttack

    radii = tuple(radius / 255 for radius in RADII)
    known: dict[str, tuple[Any, tuple[float | None, ...]]] = {
        # Goodfellow, Shlens & Szegedy 2014, section 4.
        "fgsm": (FGSM(), radii),
        # Madry, Makelov, Schmidt, Tsipras & Vladu 2017, section 2.1.
        "pgd": (LinfPGD(steps=8, rel_stepsize=0.25), radii),
        # Moosavi-Dezfooli, Fawzi & Frossard 2016, algorithm 2.
        "deepfool": (L2DeepFoolAttack(steps=20, candidates=5), (None,)),
        # Carlini & Wagner 2017, section VI-A.
        "carlini-wagner": (
            L2CarliniWagnerAttack(
                binary_search_steps=3, steps=30, stepsize=0.001, initial_const=0.01, abort_early=False
            ),
            (None,),
        ),
        # Chen, Jordan & Wainwright 2019: nothing but the network's answers. With the paper's gamma of 1
        # its steps are lost in the rounding of float32 at this size.
        "hop-skip-jump": (HopSkipJumpAttack(steps=4, initial_gradient_eval_steps=50, gamma=1000), (None,)),
    }
    return known[method]


class _Counted(nn.Module):
    """A network that counts the images it is shown."""

    def __init__(self, scorer: nn.Module, on_step: Callable[[int], None]) -> None:
        super().__init__()
        self.scorer = scorer
        self.on_step = on_step
        self.gradients = self.queries = 0

    def forward(self, images: Tensor) -> Tensor:
        if images.requires_grad:
            self.gradients += len(images)
        else:
            self.queries += len(images)
        self.on_step(len(images))
        scores: Tensor = self.scorer(images)
        return scores
