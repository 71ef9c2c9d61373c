"""What several tests work with: a toy network whose every number is known, and labs on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from generator import networks
from generator.lab import read_lab
from generator.language import read_language
from generator.networks import Network

ROOT = Path(__file__).parents[1]
FRENCH = read_language("fr")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def toy() -> Network:
    """A smooth network on 12-pixel images with 5 classes, in float64 for finite differences."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Softplus(), nn.Conv2d(8, 4, 3), nn.Softplus(), nn.Flatten())
    module.append(nn.Linear(4 * 8 * 8, 5)).double().requires_grad_(False)
    mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3)))
    return Network(module, mean, std, size=12, batch=3, weights_sha256="")


@pytest.fixture(scope="session")
def lite0() -> Network:
    """The default lab's network, with its real weights."""
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    return networks.load(lab.file.networks["principal"], lab.weights("principal"))


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    """A copy of the smallest lab, to be changed at will; returns its lab file."""
    shutil.copytree(ROOT / "tests" / "mini", tmp_path / "mini")
    return tmp_path / "mini" / "lab.yml"


@pytest.fixture
def generator(tmp_path: Path) -> Run:
    """Run ``python -m generator`` in a process of its own; results and website go to tmp_path."""

    def run(
        command: str, lab: Path, *more: str, hash_seed: str = "0", name: str = "build"
    ) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "generator", command, "--lab", str(lab), "--data", str(tmp_path / "data")]
        if command not in ("check", "list"):
            arguments += ["--build", str(tmp_path / name)]
        if command in ("site", "statement"):
            edition = "site" if command == "site" else "enonce"
            arguments += ["--site", str(tmp_path / f"{name}-{edition}")]
        return subprocess.run(
            [*arguments, *more],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
