"""Every kind of experiment on the smallest networks there may be: 9 pixels in colour, 32 pixels in grey."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from generator.errors import LabError
from generator.experiments import kinds
from generator.experiments.base import NetworkUse
from generator.experiments.stage import Photograph
from generator.images import read_image
from generator.lab import Lab, read_lab
from generator.language import Language
from generator.opened import open_network
from generator.results.artefacts import Recorder
from generator.run.keys import Dependencies, Keys
from generator.vision.opening import Network
from tests.conftest import FRENCH, tried

NETWORK = """
import torch
from torch import nn

from generator.networks import Own


def _own(channels, size, features):
    torch.manual_seed(features)
    layers = [nn.Conv2d(channels, features, 3), nn.Softplus(), nn.Flatten(), nn.Linear(features * (size - 2) ** 2, 5)]
    return Own(nn.Sequential(*layers), size=size, mean=[0.5] * channels, std=[0.25] * channels, classes=list("abcde"))


def colour():
    return _own(3, 9, 4)


def colour_too():
    return _own(3, 9, 6)


def grey():
    return _own(1, 32, 4)


def grey_too():
    return _own(1, 32, 6)
"""
CLASSES = "abcde"
PHOTOGRAPHS = {"un": "a", "deux": "b", "trois": "c", "quatre": "d", "cinq": "a"}
GROWN = {"step": 0.5, "jitter": 2}
PUSHED = {**GROWN, "other": "autre", "weights": [0.01], "iterations": 2}
LONG = {"iterations": 2, "long_iterations": 201, "final_step": 0.1}
FOOLED = {"target": "e", "step": 0.5, "clamp": True}
SETTINGS: dict[str, dict[str, Any]] = {
    "agreement": {"other": "autre", "shown": "un", "shares": [0.5]},
    "attacks": {"target": "e", "step": 0.5, "shown": "un", "iterations": 5, "images": ["un", "deux"]},
    "classvis": {**GROWN, "iterations": 3, "runs": [{"name": "chat", "title": "chat", "target": "b", "show": [3]}]},
    "detection": {},
    "fooling": {**FOOLED, "iterations": 3},
    "ladder": {
        "other": "autre",
        "targets": {"chat": "b"},
        "iterations": 3,
        "jitter": 2,
        "variation": 0.1,
        "rate": 0.05,
        "degrees": 5,
        "zoom": 1.1,
        "together": "principal",
        "long_iterations": 3,
    },
    "linearity": {"levels": [0.1, 1], "random": 2},
    "localisation": {"heads": {"un": [0.3, 0.3, 0.6, 0.6]}},
    "matrix": {"targets": ["d", "e"], "step": 0.5, "iterations": 20, "clamp": True},
    "patch": {"other": "autre", "photograph": "un", "side": 8, "iterations": 2, "step": 1, "shown": ["deux", "trois"]},
    "recognition": {**GROWN, "other": "autre", "iterations": 3, "targets": ["b"], "looks": 2},
    "resemblance": {**GROWN, "other": "autre", "iterations": 3, "show": [1, 3], "pulls": {"sans": {"title": "sans"}}},
    "saliency": {"strips": {"bande": ["un", "deux"]}},
    "stability": {"shown": ["un"], "shifts": [1, 2], "samples": 2},
    "survival": {**FOOLED, "radius": 1, "iterations": 3},
    "steps": {**PUSHED, "start": "un", "steps": [1]},
    "sweep": {**PUSHED, "starts": ["un"]},
    "transfer": {"other": "autre", "target": "e", "step": 0.5, "iterations": 3, "pushed_step": 0.5, "pushed": [2]},
    "universal": {"other": "autre", "radii": [1], "counts": [2], "iterations": 2, "step": 0.2, "shown": ["un", "deux"]},
    "walk": {**GROWN, **LONG, "other": "autre", "starts": ["un"], "weight": 0.01},
}


def _of_example(kind: str) -> dict[str, Any]:
    """The settings of a kind's example, on the photographs and the classes here."""
    ((_, entry),) = yaml.safe_load(FRENCH.words[f"kinds.{kind}.example"]).items()
    here = {"images": list(PHOTOGRAPHS), "targets": list(CLASSES)}
    return {key: here[key][: len(value)] if key in here else value for key, value in entry.items()}


def various(name: str) -> Image.Image:
    """A photograph like no other."""
    random = np.random.default_rng(list(name.encode()))
    small = Image.fromarray(random.integers(256, size=(6, 6, 3), dtype=np.uint8))
    return small.resize((40, 40), Image.Resampling.BICUBIC)


def plain(name: str) -> Image.Image:
    """A photograph of nothing: one colour, black, white, half and half, and all but one pixel alike."""
    image = Image.new("RGB", (40, 40), {"un": "teal", "deux": "black", "trois": "white"}.get(name, "grey"))
    if name == "quatre":
        image.paste("white", (0, 0, 20, 40))
    elif name == "cinq":
        image.putpixel((20, 20), (129, 128, 128))
    return image


@pytest.fixture(params=["colour", "grey"])
def sees(request: pytest.FixtureRequest) -> str:
    """Which network the experiments run on."""
    return str(request.param)


def written(kind: str, sees: str, photograph: Callable[[str], Image.Image], folder: Path) -> Lab:
    """A lab of one experiment of a kind."""
    for name in PHOTOGRAPHS:
        photograph(name).save(folder / f"{name}.png")
    (folder / "network.py").write_text(NETWORK, encoding="utf-8")
    data = {
        "title": "Petit",
        "language": "fr",
        "classes": list(CLASSES),
        "networks": {
            "principal": {"title": "un", "architecture": f"network:{sees}"},
            "autre": {"title": "autre", "architecture": f"network:{sees}_too"},
        },
        "images": [
            {"name": name, "file": f"{name}.png", "label": label, "title": name, "boxes": [[0.2, 0.2, 0.7, 0.8]]}
            for name, label in PHOTOGRAPHS.items()
        ],
        "experiments": {"essai": {"kind": kind, "title": kind, **(SETTINGS.get(kind) or _of_example(kind))}},
    }
    (folder / "lab.yml").write_text(json.dumps(data), encoding="utf-8")
    return read_lab(folder / "lab.yml", folder, texts=False)


def run(lab: Lab) -> Recorder:
    """Compute and show its experiment."""

    def opened(use: NetworkUse) -> Network:
        return open_network(lab, use.name, way="as-made", shuffled=use.shuffled, seed=use.seed)

    experiment = lab.experiments["essai"]
    eyes = {name: opened(NetworkUse(name)) for name in lab.file.networks}
    (size,) = {eye.size for eye in eyes.values()}
    photographs = {
        name: Photograph(eyes["principal"].seen(read_image(lab.locate(spec.file), size)), spec.label, name, spec.boxes)
        for name, spec in lab.images.items()
    }
    return tried(experiment, eyes, photographs, shuffled=opened)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_runs_to_its_end_and_says_nothing_that_would_not_show_it_again(
    kind: str, sees: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: set[str] = set()
    say = Language.say

    def listen(self: Language, key: str, **values: object) -> str:
        said.add(key)
        return say(self, key, **values)

    monkeypatch.setattr(Language, "say", listen)
    lab = written(kind, sees, various, tmp_path)
    run(lab)
    machine = {"device": "cpu"}
    fingerprint = Dependencies(lab, "essai", Keys(lab, machine), machine).fingerprint
    hashed = {line.removeprefix("word ") for line in fingerprint}
    assert {key for key in said if not {key, f"{key}.one", f"{key}.other"} & hashed} == set()


# The outermost counts first: foolbox imports scipy by a name that scipy has moved.
@pytest.mark.filterwarnings("ignore:Please import .* from the .*scipy:DeprecationWarning")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", kinds())
def test_photographs_of_nothing_are_measured_or_named(kind: str, sees: str, tmp_path: Path) -> None:
    try:
        run(written(kind, sees, plain, tmp_path))
    except LabError as error:
        (problem,) = error.problems
        assert "\n" not in problem
        assert any(re.search(rf"\b{name}\b", problem) for name in PHOTOGRAPHS), problem
