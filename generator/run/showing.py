"""From outcomes to figures, films, tables and measures, in a worker: what a kind's ``show`` is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from generator.catalogue import Classes
from generator.experiments.base import Experiment, PartName, Parts
from generator.experiments.stage import Eye, Photograph, Stage
from generator.images import grey, read_image
from generator.language import read_language
from generator.results.artefacts import Recorder
from generator.run.store import Store
from generator.schema import ImageSpec

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Showing:
    """An experiment with all that it is shown with, so that any process of this machine can.

    Attributes:
        name: of the experiment.
        experiment: its parameters.
        parts, keys: see :class:`~generator.experiments.stage.Stage`.
        outcomes: folder of the store.
        images: descriptions and paths of its photographs, by name.
        networks: see :class:`~generator.experiments.stage.Stage`.
        classes: of the lab.
        language: code of the lab's.
    """

    name: str
    experiment: Experiment
    parts: Parts
    keys: Mapping[PartName, str]
    outcomes: Path
    images: Mapping[str, tuple[ImageSpec, Path]]
    networks: Mapping[str, Eye]
    classes: Classes
    language: str


def show(showing: Showing) -> tuple[Recorder, float]:
    """Show an experiment.

    Returns:
        What was recorded, and the seconds that it took.

    Raises:
        DamagedError: an outcome is not what was written.
    """
    began = time.perf_counter()
    store = Store(showing.outcomes)
    eye = next(iter(showing.networks.values()))

    def photograph(name: str) -> Photograph:
        spec, path = showing.images[name]
        pixels = read_image(path, eye.size, spec.index)
        return Photograph(pixels if eye.channels > 1 else grey(pixels), spec.label, spec.title, spec.boxes)

    stage = Stage(
        parts=showing.parts,
        keys=showing.keys,
        outcomes=_Read(showing.keys, lambda part: store.read(showing.keys[part])),
        photographs=_Read(showing.images, photograph),
        networks=showing.networks,
        class_title=showing.classes.title,
        language=read_language(showing.language),
        seed=showing.experiment.seed,
        results=Recorder(),
    )
    import_module(f"generator.experiments.{showing.experiment.kind}.show").show(showing.experiment, stage)
    return stage.results, time.perf_counter() - began


class _Read(Mapping[Key, Value]):
    """Values that are read when they are asked for, and kept a while, so that any number of them fits."""

    def __init__(self, names: Mapping[Key, object], read: Callable[[Key], Value]) -> None:
        self._names = names
        self._recent: Callable[[Key], Value] = lru_cache(maxsize=64)(read)

    def __getitem__(self, name: Key) -> Value:
        if name not in self._names:
            raise KeyError(name)
        return self._recent(name)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
