"""What a part depends on, and the key that stands for all of it; what an experiment's page depends on besides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from generator.experiments.base import Experiment, NetworkUse, Part, PartName, Parts
from generator.lab import Lab
from generator.results.artefacts import to_json
from generator.run import code
from generator.sources import sha256

OPENING = ("generator.vision.opening", "generator.images", "generator.experiments.given")
"""Code that every part goes through: how networks are opened, photographs read, seeds drawn."""


class Keys:
    """Keys of the parts of one lab, on one machine.

    Args:
        lab: the lab.
        machine: what decides the last bits: the device, and the instructions that torch and oneDNN use.
    """

    def __init__(self, lab: Lab, machine: Mapping[str, str]) -> None:
        self._lab, self._machine = lab, machine
        self._tasks: dict[str, dict[str, str]] = {}
        self._networks: dict[str, dict[str, str]] = {}
        self._images: dict[str, dict[str, str]] = {}

    def key(self, part: Part) -> str:
        """The key of a part: alike for parts that give the same outcome, whichever lab and name they have."""
        return hashlib.sha256(
            to_json(
                {
                    "task": part.task,
                    "code": self.task(part.task),
                    "machine": dict(self._machine),
                    "networks": [self._use(use) for use in part.networks],
                    "images": [self.image(image) for image in part.images],
                    "settings": dict(part.settings),
                    "seed": part.seed,
                }
            ).encode()
        ).hexdigest()

    def task(self, task: str) -> dict[str, str]:
        """The code and the packages that a task uses, by their names in messages."""
        if task not in self._tasks:
            modules = {used for start in (*OPENING, task.partition(":")[0]) for used in code.code_used(start)}
            lines = {f"code {module}": code.hash_of_module(module) for module in sorted(modules)}
            versions = code.versions(tuple(sorted(modules)))
            self._tasks[task] = lines | {f"version of {package}": v for package, v in versions.items()}
        return self._tasks[task]

    def versions(self, task: str) -> dict[str, str]:
        """Versions of the packages that a task uses, by their names."""
        mark = "version of "
        return {line.removeprefix(mark): v for line, v in self.task(task).items() if line.startswith(mark)}

    def network(self, name: str) -> dict[str, str]:
        """What a network is, beside its title."""
        if name not in self._networks:
            spec = self._lab.file.networks[name]
            says = spec.model_dump(mode="json", exclude={"weights", "title"}, exclude_none=True)
            lines = {key: to_json(value) for key, value in says.items()}
            weights, source = self._lab.weights(name), self._lab.source(name)
            if weights is not None:
                lines["weights"] = sha256(weights) if isinstance(weights, Path) else weights
            if source is not None:
                for module, file in self._lab.modules(name).items():
                    lines[f"code {module}"] = code.hash_of_code(file.read_text(encoding="utf-8"))
            self._networks[name] = lines
        return self._networks[name]

    def image(self, name: str) -> dict[str, str]:
        """What a photograph is, beside what is said of it."""
        if name not in self._images:
            spec = self._lab.images[name]
            self._images[name] = {"bytes": sha256(self._lab.locate(spec.file)), "index": to_json(spec.index)}
        return self._images[name]

    def _use(self, use: NetworkUse) -> dict[str, object]:
        return {**self.network(use.name), "shuffled": use.shuffled, "seed": use.seed}


class Dependencies:
    """What the results of one experiment depend on: its parts, and what is said of them.

    Args:
        lab: the lab.
        name: of the experiment.
        keys: of the lab's parts.
        machine: see :class:`Keys`.
    """

    def __init__(self, lab: Lab, name: str, keys: Keys, machine: Mapping[str, str]) -> None:
        self.lab, self.name, self._keys, self._machine = lab, name, keys, machine
        self.experiment: Experiment = lab.experiments[name]
        self.parts: Parts = self.experiment.parts(lab.images)

    @cached_property
    def keys(self) -> dict[PartName, str]:
        """The key of each part."""
        return {part: self._keys.key(what) for part, what in self.parts.items()}

    @property
    def images(self) -> tuple[str, ...]:
        """Photographs that its parts or its figures need."""
        of_parts = (image for part in self.parts.values() for image in part.images)
        return tuple(dict.fromkeys((*self.experiment.photographs, *of_parts)))

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """The code that shows it."""
        return code.code_used(f"generator.experiments.{self.experiment.kind}.show")

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """A line for everything, so that two fingerprints can be compared and the difference told.

        Raises:
            LabError: an image or the weights are not there.
        """
        lines = dict(self._computed())
        lines["parts"] = hashlib.sha256(to_json(sorted(self.keys.values())).encode()).hexdigest()
        return lines | dict(self._shown())

    def _computed(self) -> Iterator[tuple[str, str]]:
        for task in sorted({part.task for part in self.parts.values()}):
            yield from self._keys.task(task).items()
        yield from ((f"instructions of {part}", value) for part, value in self._machine.items())
        for network in self.experiment.networks:
            yield from ((f"network {network}.{key}", value) for key, value in self._keys.network(network).items())
        for image in self.images:
            yield from ((f"image {image} {key}", value) for key, value in self._keys.image(image).items())
        yield "kind", self.experiment.kind
        parameters = self.experiment.model_dump(mode="json", exclude={"note"})
        yield from _flat("parameter", parameters)

    def _shown(self) -> Iterator[tuple[str, str]]:
        language, classes = self.lab.language, self.experiment.classes
        yield "language", language.code
        for network in self.experiment.networks:
            yield f"network {network}.title", to_json(self.lab.file.networks[network].title)
        for image in self.images:
            says = self.lab.images[image].model_dump(mode="json", include={"title", "label", "boxes"})
            yield from ((f"image {image}.{key}", to_json(value)) for key, value in says.items())
        named = range(len(self.lab.classes.names)) if classes is None else classes
        for index in sorted({*named, *(self.lab.images[image].label for image in self.images)}):
            yield f"name of class {index}", self.lab.class_title(index)
        yield from ((f"code {module}", code.hash_of_module(module)) for module in self.modules)
        yield from ((f"version of {package}", v) for package, v in code.versions(self.modules).items())
        for key in sorted(code.words_asked(self.modules, language, self.experiment.kind)):
            yield f"word {key}", hashlib.sha256(language.words[key].encode()).hexdigest()


def part_text(part: PartName) -> str:
    """What a part is called in messages and manifests."""
    return part if isinstance(part, str) else " ".join(map(str, part))


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name != "parameter" else f"parameter {key}", inner)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for position, inner in enumerate(value):
            label = inner.get("name", position) if isinstance(inner, dict) else position
            yield from _flat(f"{name}.{label}", inner)
    else:
        yield name, to_json(value)
