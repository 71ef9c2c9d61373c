"""A lab of one's own: started by one command, and right as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import skimage.data
from PIL import Image

from generator.catalogue import imagenet_classes
from generator.lab import read_lab
from tests.conftest import ROOT, Run, begin_store


def new(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "generator", "new", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_builds_as_it_is(tmp_path: Path, mini_results: Path, generator: Run) -> None:
    begin_store(tmp_path / "outcomes", mini_results)
    assert new(str(tmp_path / "mon-tp")).returncode == 0
    lab = read_lab(tmp_path / "mon-tp" / "lab.yml", tmp_path)
    assert len(lab.images) == 3
    assert len(lab.questions) == 2
    assert {experiment.family for experiment in lab.experiments.values()} == {"saliency", "fooling", "classvis"}
    done = generator("site", lab.path)
    assert done.returncode == 0, done.stderr
    assert ">confirmé<" in (tmp_path / "build-site" / "questions" / "q02-tromper.html").read_text()
    assert "De la copie au site publié" in (tmp_path / "build-site" / "reutiliser.html").read_text()


def test_it_takes_photographs_and_proposes_their_classes(tmp_path: Path, generator: Run) -> None:
    image = tmp_path / "Café « crème ».jpg"
    Image.fromarray(skimage.data.coffee()).save(image)
    assert new(str(tmp_path / "mon-tp"), str(image)).returncode == 0
    (spec,) = read_lab(tmp_path / "mon-tp" / "lab.yml", tmp_path).file.images
    assert spec.name == "1-cafe-creme"
    assert spec.title == "Café « crème »"
    assert spec.label == 967, "espresso"
    assert generator("check", tmp_path / "mon-tp" / "lab.yml").returncode == 0


def test_it_takes_a_folder_and_says_how_sure_the_network_is(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(skimage.data.coffee()).save(tmp_path / "photos" / "IMG_2031.jpg")
    Image.fromarray(skimage.data.chelsea()).save(tmp_path / "photos" / "mon_chat-roux.PNG")
    (tmp_path / "photos" / "notes.txt").touch()
    done = new(str(tmp_path / "tp"), str(tmp_path / "photos"), "--language", "en")
    assert done.returncode == 0
    assert "content/manual/en/reuse.md" in done.stdout
    lab = tmp_path / "tp" / "lab.yml"
    coffee, cat = read_lab(lab, tmp_path).file.images
    assert coffee.title == "espresso", "a camera's name says nothing"
    assert cat.title == "Mon chat roux"
    said = re.findall(r"^  - \{name: .*\} +# (.+?), (\d+) %(: doubtful; or .+, \d+ %)?$", lab.read_text(), re.MULTILINE)
    assert [name for name, _, _ in said] == ["espresso", imagenet_classes()[cat.label]]
    assert [bool(doubt) for _, _, doubt in said] == [int(chance) < 50 for _, chance, _ in said]
    assert {path.name for path in (tmp_path / "tp" / "questions").iterdir()} == {"q01-see.md", "q02-fool.md"}
    assert "The manual is on its site, and in content/manual/en/reuse.md" in lab.read_text()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mon-tp").mkdir()
    done = new(str(tmp_path / "mon-tp"))
    assert done.returncode == 2
    assert "is there already" in done.stderr
    done = new(str(tmp_path / "TP 3"))
    assert done.returncode == 2
    assert "make takes no folder with such a name" in done.stderr
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    done = new(str(tmp_path / "autre"), str(text))
    assert done.returncode == 2
    assert "is no image" in done.stderr
    (tmp_path / "vide").mkdir()
    done = new(str(tmp_path / "autre"), str(tmp_path / "vide"))
    assert done.returncode == 2
    assert "no image lies in this folder itself" in done.stderr
    assert not (tmp_path / "autre").exists()
