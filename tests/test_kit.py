"""What students get to work with: an archive that is whole, works by itself, and has no answer in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image

from generator.lab import read_lab
from generator.report.common import STAFF
from generator.report.worksheets import worksheets
from tests.conftest import ROOT, Run, change


@pytest.fixture
def kit(mini: Path, tmp_path: Path, generator: Run) -> Path:
    """The smallest lab's, unpacked somewhere else."""
    return unpacked(mini, tmp_path, generator)


def unpacked(lab: Path, tmp_path: Path, generator: Run) -> Path:
    archive = tmp_path / "carnets.zip"
    command = [sys.executable, "-m", "generator", "kit", "--lab", str(lab), str(archive)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "elsewhere")
    return tmp_path / "elsewhere" / "carnets"


def in_the_kit(kit: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a notebook's kernel is run: from the notebooks' folder, the kit's modules to be found."""
    environment = os.environ | {"PYTHONPATH": str(kit), "MPLBACKEND": "Agg"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=kit / "notebooks",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_notebooks_run_once_they_are_filled_in(kit: Path, mini: Path) -> None:
    solved = {sheet.stem: sheet.script for sheet in worksheets(read_lab(mini, Path("data")), STAFF, ("lab/lab.yml",))}
    script = kit / "notebooks" / "saliency-enonce.py"
    assert "raise NotImplementedError" in script.read_text()
    script.write_text(solved["saliency-corrige"])
    done = in_the_kit(kit, "-W", "error", script.name)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "C’est juste" in done.stdout


def test_it_works_with_what_it_has_itself(kit: Path) -> None:
    told = in_the_kit(kit, "-c", "import generator.classroom as c; print(c.__file__); c.Classroom('lab/lab.yml')")
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == str(kit / "generator" / "classroom.py")
    lab = yaml.safe_load((kit / "lab" / "lab.yml").read_text())
    named = [*(image["file"] for image in lab["images"]), *lab["networks"]["principal"]["weights"]]
    assert all((kit / "lab" / name).is_file() for name in named)
    does = subprocess.run(["/usr/bin/env", "make", "-n"], cwd=kit, capture_output=True, text=True, check=True).stdout
    assert "jupyter lab notebooks" in does
    assert re.search(r"^torch==", (kit / "requirements.txt").read_text(), re.MULTILINE)


def test_it_is_the_same_each_time(mini: Path, tmp_path: Path, generator: Run) -> None:
    unpacked(mini, tmp_path, generator)
    first = (tmp_path / "carnets.zip").read_bytes()
    unpacked(mini, tmp_path, generator)
    assert (tmp_path / "carnets.zip").read_bytes() == first


def test_a_network_of_one_s_own_is_in_it(mini: Path, tmp_path: Path, generator: Run) -> None:
    (mini.parent / "parts.py").write_text("from torch import nn\n\nscores = nn.Linear(8, 1000)\n")
    (mini.parent / "own.py").write_text(
        "from torch import nn\n"
        "from generator.catalogue import imagenet_classes\n"
        "from generator.networks import Own\n"
        "import parts\n"
        "def network():\n"
        "    module = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),"
        " nn.Flatten(), parts.scores)\n"
        "    return Own(module, size=32, mean=(0.5,) * 3, std=(0.5,) * 3, classes=imagenet_classes())\n"
    )
    own = {"sien": {"title": "Le sien", "architecture": "own:network"}}
    change(mini, lambda data: data.update(networks=own))
    kit = unpacked(mini, tmp_path, generator)
    told = in_the_kit(kit, "-c", "from generator.classroom import Classroom; print(Classroom('lab/lab.yml').names)")
    assert told.returncode == 0, told.stderr
    assert "oiseau" in told.stdout


def test_photographs_say_nothing_but_what_they_show(mini: Path, tmp_path: Path, generator: Run) -> None:
    secret = Image.Exif()
    secret[0x010E] = "SENTINELLE"
    (mini.parent / "images").mkdir()
    Image.new("RGB", (300, 300)).save(mini.parent / "images" / "SENTINELLE.jpg", exif=secret, comment="SENTINELLE")
    change(mini, lambda data: data["images"][0].update(file="images/SENTINELLE.jpg"))
    kit = unpacked(mini, tmp_path, generator)
    files = [path for path in kit.rglob("*") if path.is_file()]
    assert not any(b"SENTINELLE" in path.read_bytes() or "SENTINELLE" in path.name for path in files)
