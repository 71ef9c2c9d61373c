"""What the installed packages offer by name, read without importing torch."""

from __future__ import annotations

import re
import runpy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from generator.errors import LabError, did_you_mean


@cache
def imagenet_classes() -> tuple[str, ...]:
    """English names of the 1,000 ImageNet classes, in the order of the networks' scores."""
    # The list stands in a module of plain data; importing it the usual way would import torch.
    names = runpy.run_path(str(_models_folder("torchvision") / "_meta.py"))["_IMAGENET_CATEGORIES"]
    return tuple(cast("list[str]", names))


def class_index(given: int | str) -> int:
    """Index of an ImageNet class given by index or by English name.

    Raises:
        ValueError: there is no such class; the message says what to try.
    """
    names = imagenet_classes()
    if isinstance(given, int):
        if 0 <= given < len(names):
            return given
        raise ValueError(f"class {given} does not exist; expected 0 to {len(names) - 1}")
    for index, name in enumerate(names):
        if name.lower() == given.lower():
            return index
    raise ValueError(
        f'"{given}" is no ImageNet class; expected an English class name or an index'
        + did_you_mean(given.lower(), names)
    )


@cache
def architectures(library: str) -> frozenset[str]:
    """Names of the architectures that ``timm`` or ``torchvision`` registers."""
    registered = re.compile(r"^@register_model\b.*?^def (\w+)\(", re.DOTALL | re.MULTILINE)
    return frozenset(
        name
        for module in _models_folder(library).rglob("*.py")
        for name in registered.findall(module.read_text(encoding="utf-8"))
    )


def _models_folder(library: str) -> Path:
    spec = find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise LabError(f'the package "{library}" is not installed; run make site, which installs it')
    return Path(spec.submodule_search_locations[0]) / "models"
