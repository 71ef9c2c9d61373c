"""Every kind of experiment on the smallest networks there may be: 9 pixels in colour, 32 pixels in grey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generator import cache, pipeline
from generator.artefacts import Manifest, read_manifest
from generator.experiments import kinds
from generator.lab import Lab, read_lab
from generator.language import Language

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
    "walk": {**GROWN, **LONG, "other": "autre", "starts": ["un"], "weight": 0.01},
}

Runs = Callable[[str], tuple[Lab, Manifest]]


@pytest.fixture(params=["colour", "grey"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    """Run a kind of experiment on a network of that name."""
    random = np.random.default_rng(0)
    for name in PHOTOGRAPHS:
        small = Image.fromarray(random.integers(256, size=(6, 6, 3), dtype=np.uint8))
        small.resize((40, 40), Image.Resampling.BICUBIC).save(tmp_path / f"{name}.png")
    (tmp_path / "network.py").write_text(NETWORK, encoding="utf-8")

    def run(kind: str) -> tuple[Lab, Manifest]:
        data = {
            "title": "Petit",
            "language": "fr",
            "classes": list("abcde"),
            "networks": {
                "principal": {"title": "un", "architecture": f"network:{request.param}"},
                "autre": {"title": "autre", "architecture": f"network:{request.param}_too"},
            },
            "images": [
                {"name": name, "file": f"{name}.png", "label": label, "title": name, "boxes": [[0.2, 0.2, 0.7, 0.8]]}
                for name, label in PHOTOGRAPHS.items()
            ],
            "experiments": {"essai": {"kind": kind, "title": kind, **SETTINGS[kind]}},
        }
        (tmp_path / "lab.yml").write_text(json.dumps(data), encoding="utf-8")
        lab = read_lab(tmp_path / "lab.yml", tmp_path, texts=False)
        pipeline.run(lab, tmp_path / "build", pipeline.plan(lab, tmp_path / "build", "cpu"), print)
        manifest = read_manifest(tmp_path / "build" / "results" / "essai")
        assert manifest is not None
        return lab, manifest

    return run


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_runs_to_its_end_and_says_nothing_that_would_not_rerun_it(
    kind: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: set[str] = set()
    say = Language.say

    def listen(self: Language, key: str, **values: object) -> str:
        said.add(key)
        return say(self, key, **values)

    monkeypatch.setattr(Language, "say", listen)
    lab, manifest = runs(kind)
    assert [figure.name for figure in manifest.figures] == list(dict.fromkeys(lab.experiments["essai"].figures))
    hashed = {line.removeprefix("word ") for line in manifest.fingerprint}
    assert {key for key in said if not {key, f"{key}.one", f"{key}.other"} & hashed} == set()
    assert cache.changes(manifest.fingerprint, cache.fingerprint(lab, "essai", "cpu")) == []
