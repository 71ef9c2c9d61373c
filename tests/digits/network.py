"""A network of ten classes on grey images of 32 pixels, as somebody who reuses the project may bring it."""

# ruff: noqa: INP001  # no package: it lies beside a lab file
from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from generator.networks import Own

CLASSES = ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf")


def layers() -> nn.Sequential:
    """Two convolutions and a linear layer, not trained."""
    features = [nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()]
    return nn.Sequential(*features, nn.Flatten(), nn.Linear(16 * 6 * 6, len(CLASSES)))


def digits(weights: Path) -> Own:
    """The network with trained weights."""
    module = layers()
    module.load_state_dict(torch.load(weights, weights_only=True))
    return Own(module, size=32, mean=[0.5], std=[0.25], classes=CLASSES)


def untrained() -> Own:
    """The network as it is born."""
    return Own(layers(), size=32, mean=[0.5], std=[0.25], classes=CLASSES)
