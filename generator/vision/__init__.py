"""Gradients of class scores with respect to pixels, once (saliency) or many times (ascent); what maps point at.

The submodules need torch or scikit-image, whose import takes longer than reading a lab. They load on first use, so
that whatever only describes a computation can refer to this package freely.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.vision import (
        ascent,
        attacks,
        fourier,
        gradients,
        handlings,
        patch,
        penalties,
        perception,
        regions,
        transforms,
        views,
    )

__all__ = [
    "ascent",
    "attacks",
    "fourier",
    "gradients",
    "handlings",
    "patch",
    "penalties",
    "perception",
    "regions",
    "transforms",
    "views",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(name)
