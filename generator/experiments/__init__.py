"""One file per kind of experiment; whatever file lies here is found by itself."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from generator.experiments.base import Experiment


@cache
def kinds() -> dict[str, type[Experiment]]:
    """All kinds of experiments, by name, in alphabetical order of their files."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return {kind.kind: kind for kind in sorted(Experiment.__subclasses__(), key=lambda k: k.kind)}
