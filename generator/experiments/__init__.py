"""One folder per kind of experiment; whatever folder lies here is found by itself."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from generator.experiments.base import Experiment

SHARED = "shared"
"""The one folder that is no kind: what several kinds have in common."""


@cache
def kinds() -> dict[str, type[Experiment]]:
    """All kinds of experiments, by name, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg and module.name != SHARED:
            import_module(f"{__name__}.{module.name}")
    return {kind.kind: kind for kind in sorted(Experiment.__subclasses__(), key=lambda kind: kind.kind)}
