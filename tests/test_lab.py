"""Reading a lab: what is right is read, what is wrong is told in one line with its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generator.errors import LabError
from generator.images import read_image
from generator.lab import read_lab
from tests.conftest import ROOT, Run, change

Lab = dict[str, Any]


def image(**entry: object) -> Callable[[Lab], object]:
    return lambda lab: lab["images"][0].update(entry)


def experiment(name: str, **entry: object) -> Callable[[Lab], object]:
    return lambda lab: lab["experiments"][name].update(entry)


def network(**entry: object) -> Callable[[Lab], object]:
    return lambda lab: lab["networks"]["principal"].update(entry)


def added(**entry: object) -> Callable[[Lab], object]:
    return lambda lab: lab["experiments"].update(essai={"title": "Essai", **entry})


PATCH = {"kind": "patch", "other": "principal", "photograph": "oiseau", "iterations": 1, "step": 1}

MISTAKES: dict[str, tuple[Callable[[Lab], object], list[str]]] = {
    "unknown key": (lambda lab: lab.update(titel="x"), ["titel", "unknown key", 'did you mean "title"?']),
    "unknown key of an experiment": (
        experiment("alligator", stpe=1),
        ["experiments.alligator.stpe", "unknown key", 'did you mean "step"?'],
    ),
    "missing key": (lambda lab: lab.pop("title"), ["title", "missing", "title of the lab"]),
    "unknown kind of experiment": (
        experiment("alligator", kind="foling"),
        ["experiments.alligator.kind", "'foling'", 'did you mean "fooling"?'],
    ),
    "misspelt class": (
        experiment("alligator", target="American aligator"),
        ["experiments.alligator.target", 'did you mean "American alligator"?'],
    ),
    "class out of range": (image(label=1000), ["images.0.label", "class 1000", "0 to 999"]),
    "misspelt network": (
        network(architecture="timm/tf_eficientnet_lite0"),
        ["networks.principal.architecture", 'did you mean "tf_efficientnet_lite0"?'],
    ),
    "decimal commas in a list": (
        network(mean=[0, 5, 0, 5, 0, 5]),
        ["networks.principal.mean", "found 6 values, should be 3 at most", "decimals have a point: 0.5"],
    ),
    "normalisation by nothing": (network(std=[0, 0.5, 0.5]), ["networks.principal.std.0", "greater than 0"]),
    "network of no library": (
        network(architecture="keras/vgg"),
        ["networks.principal.architecture", "expected timm/NAME, torchvision/NAME or MODULE:FUNCTION"],
    ),
    "name with an accent": (
        lambda lab: lab["images"].append(lab["images"][0] | {"name": "café"}),
        ["images.2.name", "'café'", "short name", "without accents"],
    ),
    "unknown image": (
        experiment("alligator", images=["oizeau"]),
        ["experiments.alligator.images.0", 'did you mean "oiseau"?'],
    ),
    "unknown network of an experiment": (
        experiment("alligator", network="principall"),
        ["experiments.alligator.network", 'did you mean "principal"?'],
    ),
    "number out of range": (experiment("alligator", step=-1), ["experiments.alligator.step", "-1", "greater than 0"]),
    "two images of one name": (
        lambda lab: lab["images"].append(dict(lab["images"][1])),
        ["images.2.name", "two images", "mastiff"],
    ),
    "two figures of one name": (
        lambda lab: lab["experiments"]["grain"]["runs"][1].update(name="chat", show=[4]),
        ["experiments.grain: ", 'two figures are named "chat-0004"'],
    ),
    "class that YAML takes for a yes": (image(label=True), ["images.0.label", "found true", "put it into quotes"]),
    "package of no package": (image(file="package:nosuch.pkg/a.jpg"), ["images.0.file", 'package "nosuch.pkg"']),
    "package with a point first": (image(file="package:.foo/x"), ["images.0.file", 'package ".foo"']),
    "package that is the program": (image(file="package:__main__/x"), ["images.0.file", 'package "__main__"']),
    "missing image file": (
        image(file="package:foolbox/data/imagenet_17_23.jpg"),
        ["images.0.file", "no file", 'did you mean "imagenet_17_22.jpg"?'],
    ),
    "missing package": (image(file="package:foolbocks/a.jpg"), ["images.0.file", 'no installed package "foolbocks"']),
    "missing data file": (image(file="data:a.npz", index=0), ["images.0.file", "DATA=folder"]),
    "file that is no image": (image(file="lab.yml"), ["images.0.file", "is no image", "expected a JPEG"]),
    "wrong hash": (
        lambda lab: lab.update(files={"package:foolbox/data/imagenet_17_22.jpg": {"sha256": "0" * 64, "origin": "o"}}),
        ["images.0.file", "SHA-256", "expected " + "0" * 64],
    ),
    "no boxes anywhere": (
        added(kind="detection"),
        ["experiments.essai.images", "none of these images has boxes"],
    ),
    "head of a dog without a box": (
        lambda lab: (
            image(boxes=[[0.1, 0.1, 0.5, 0.5]])(lab),
            added(kind="localisation", heads={"mastiff": [0.2, 0.2, 0.4, 0.4]})(lab),
        ),
        ["experiments.essai.heads", "the head of mastiff lies in none of its boxes"],
    ),
    "survival of what is of the target class": (
        added(kind="survival", target="bull mastiff", step=1, radius=1, clamp=True),
        ["experiments.essai.images", "mastiff is of the target class already; leave it out"],
    ),
    "patch shown on its own class": (
        lambda lab: (
            lab["images"].extend(lab["images"][1] | {"name": name} for name in ("b", "c")),
            added(**PATCH, shown=["oiseau"])(lab),
        ),
        ["experiments.essai.shown", "oiseau is of the target class"],
    ),
    "patch without other classes": (
        lambda lab: (
            lab["images"].append(lab["images"][0] | {"name": "aigle"}),
            added(**PATCH, shown=["mastiff"])(lab),
        ),
        ["experiments.essai.images", "found 1 photographs of other classes than oiseau"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_its_place(name: str, mini: Path, generator: Run) -> None:
    edit, expected = MISTAKES[name]
    change(mini, edit)
    done = generator("run", mini)
    lines = done.stderr.splitlines()
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{mini}:"), "file and line come first"
    for part in expected:
        assert part in lines[0]
    assert not (mini.parents[1] / "build").exists(), "nothing may be written"


def test_the_line_is_the_mistake_s_line(mini: Path, generator: Run) -> None:
    text = mini.read_text()
    mini.write_text(text.replace("step: 0.5", "stepp: 0.5"))
    number = next(k for k, line in enumerate(text.splitlines(), 1) if "step: 0.5" in line)
    assert f"{mini}:{number}: experiments.alligator.stepp" in generator("check", mini).stderr


def test_all_mistakes_of_a_file_are_told_at_once(mini: Path, generator: Run) -> None:
    change(mini, lambda lab: (lab.update(titel="x"), image(label=5000)(lab), experiment("alligator", step=0)(lab)))
    assert len(generator("check", mini).stderr.splitlines()) == 3


@pytest.mark.parametrize("text", ["a: [1", "title: a\n  b: c", "- a\n- b", ""])
def test_what_is_no_lab_file_is_told_in_one_line(text: str, mini: Path, generator: Run) -> None:
    mini.write_text(text)
    done = generator("check", mini)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(str(mini))


def test_two_experiments_of_one_name(mini: Path, generator: Run) -> None:
    mini.write_text(mini.read_text() + "  saillance:\n    kind: saliency\n    title: encore\n")
    done = generator("check", mini)
    assert done.returncode == 2
    assert "experiments.saillance: given twice, first on line" in done.stderr


def test_a_missing_lab_file(mini: Path, generator: Run) -> None:
    done = generator("check", mini.with_name("labb.yml"))
    assert done.returncode == 2
    assert 'did you mean "lab.yml"?' in done.stderr


class TestQuestions:
    def told(self, mini: Path, generator: Run, old: str, new: str) -> str:
        path = mini.parent / "questions" / "q02-tromper.md"
        path.write_text(path.read_text().replace(old, new))
        done = generator("run", mini)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert str(path) in done.stderr
        assert not (mini.parents[1] / "build").exists()
        return str(done.stderr)

    def test_a_figure_no_experiment_makes(self, mini: Path, generator: Run) -> None:
        told = self.told(mini, generator, "figure:grain/chat-0004", "figure:grain/chat-0005")
        assert ":15: " in told
        assert 'did you mean "grain/chat-0004"?' in told

    def test_an_unknown_section(self, mini: Path, generator: Run) -> None:
        assert 'did you mean "Réponse"?' in self.told(mini, generator, "## Réponse", "## Response")

    def test_an_unknown_key_of_the_header(self, mini: Path, generator: Run) -> None:
        assert 'did you mean "number"?' in self.told(mini, generator, "title: Tromper", "title: Tromper\nnumbre: 3")

    def test_two_questions_of_one_number(self, mini: Path, generator: Run) -> None:
        assert "q01-voir.md" in self.told(mini, generator, "number: 2", "number: 1")

    def test_no_header(self, mini: Path, generator: Run) -> None:
        assert "no header" in self.told(mini, generator, "---", "")


class TestImages:
    """Images that can be read properly are; the others are named."""

    def pixels(self, tmp_path: Path, name: str, picture: Image.Image, **options: Any) -> np.ndarray[Any, Any]:
        from generator.images import read_image

        picture.save(tmp_path / name, **options)
        return read_image(tmp_path / name, 32)

    def test_cmyk(self, tmp_path: Path) -> None:
        pixels = self.pixels(tmp_path, "a.jpg", Image.new("CMYK", (40, 40), (0, 255, 255, 0)))
        assert pixels[16, 16] == pytest.approx([255, 0, 0], abs=12)

    def test_exif_rotation(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (40, 40), "white")
        picture.paste("black", (0, 0, 40, 20))
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown turned by a quarter, clockwise
        pixels = self.pixels(tmp_path, "a.png", picture, exif=exif)
        assert pixels[16, 30].max() < 10
        assert pixels[16, 2].min() > 245

    def test_transparency_is_laid_on_white(self, tmp_path: Path) -> None:
        pixels = self.pixels(tmp_path, "a.png", Image.new("RGBA", (40, 40), (255, 0, 0, 0)))
        assert (pixels == 255).all()

    def test_palette_with_transparency(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (40, 40), "red").quantize(4)
        pixels = self.pixels(tmp_path, "a.gif", picture, transparency=picture.getpixel((0, 0)))
        assert (pixels == 255).all()

    def test_sixteen_bits(self, tmp_path: Path) -> None:
        picture = Image.fromarray(np.full((40, 40), 257 * 100, np.uint16))
        assert (self.pixels(tmp_path, "a.png", picture) == 100).all()

    def test_the_middle_of_a_wide_image(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (120, 40), "white")
        picture.paste("black", (40, 0, 80, 40))
        assert self.pixels(tmp_path, "a.png", picture).max() < 40

    def test_too_many_pixels(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
        with pytest.raises(LabError, match=r"more than 2 million pixels.*make it smaller"):
            self.pixels(tmp_path, "a.png", Image.new("L", (2000, 2000)))

    @pytest.mark.parametrize("size", [100, 0])
    def test_truncated(self, size: int, mini: Path, generator: Run) -> None:
        Image.effect_noise((200, 200), 50).save(mini.with_name("cut.jpg"))
        data = mini.with_name("cut.jpg").read_bytes()
        mini.with_name("cut.jpg").write_bytes(data[: len(data) * size // 200])
        change(mini, image(file="cut.jpg"))
        done = generator("run", mini)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "images.0.file" in done.stderr
        assert "cut.jpg" in done.stderr


class TestArchives:
    def told(self, mini: Path, generator: Run, index: int | None = 0, **arrays: Any) -> str:
        np.savez(mini.with_name("a.npz"), **arrays)
        change(mini, image(file="a.npz", index=index))
        done = generator("run", mini)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return str(done.stderr)

    def test_pickled_content_is_never_loaded(self, mini: Path, generator: Run) -> None:
        class Trap:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return Path.touch, (mini.with_name("sprung"),)  # type: ignore[return-value]  # what pickle calls

        told = self.told(mini, generator, X=np.array([Trap()], dtype=object))
        assert "pickled" in told
        assert not mini.with_name("sprung").exists()

    def test_a_single_array_under_another_name(self, mini: Path) -> None:
        np.save(mini.with_name("a.npy"), np.zeros((1, 9, 9), np.uint8))
        with pytest.raises(LabError, match=r"no readable \.npz"):
            read_image(mini.with_name("a.npy").rename(mini.with_name("A.NPZ")), 9, 0)

    def test_damaged_inside(self, mini: Path) -> None:
        path = mini.with_name("a.npz")
        np.savez_compressed(path, X=np.random.default_rng(0).integers(256, size=(4, 20, 20), dtype=np.uint8))
        damaged = bytearray(path.read_bytes())
        damaged[60:200] = bytes(140)
        path.write_bytes(damaged)
        with pytest.raises(LabError, match=r"no readable \.npz"):
            read_image(path, 9, 0)

    def test_no_array_x(self, mini: Path, generator: Run) -> None:
        assert 'no array "X"; found Y' in self.told(mini, generator, Y=np.zeros(3))

    def test_wrong_kind_of_array(self, mini: Path, generator: Run) -> None:
        assert "expected uint8" in self.told(mini, generator, X=np.zeros((2, 8, 8, 3)))

    def test_index_out_of_range(self, mini: Path, generator: Run) -> None:
        assert "has 2 images" in self.told(mini, generator, index=2, X=np.zeros((2, 8, 8, 3), np.uint8))

    def test_no_index(self, mini: Path, generator: Run) -> None:
        assert "add index" in self.told(mini, generator, index=None, X=np.zeros((2, 8, 8, 3), np.uint8))


class TestWeights:
    def told(self, mini: Path, generator: Run, content: object) -> str:
        if isinstance(content, bytes):
            mini.with_name("w.pth").write_bytes(content)
        else:
            torch.save(content, mini.with_name("w.pth"))
        change(mini, network(weights=["w.pth"]))
        done = generator("run", mini)
        assert done.returncode == 2
        assert "networks.principal.weights" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (mini.parents[1] / "build" / "results" / "saillance").exists()
        return str(done.stderr)

    def test_of_another_network(self, mini: Path, generator: Run) -> None:
        assert "does not fit" in self.told(mini, generator, {"conv.weight": torch.zeros(3)})

    def test_no_file_of_weights(self, mini: Path, generator: Run) -> None:
        assert "no readable file of weights" in self.told(mini, generator, b"hello")

    def test_no_state_dict(self, mini: Path, generator: Run) -> None:
        assert "holds no state dict" in self.told(mini, generator, [1, 2])


def test_the_original_input_is_asked_for_in_one_line(generator: Run, tmp_path: Path) -> None:
    done = generator("run", ROOT / "content" / "tp9.yml")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "imagenet_val_25.npz" in done.stderr
    assert "DATA=folder" in done.stderr


def test_the_labs_that_come_with_the_project_are_right(generator: Run) -> None:
    assert generator("check", ROOT / "content" / "tp.yml").returncode == 0


def test_extending_replaces_lists_merges_mappings_and_removes(mini: Path, generator: Run) -> None:
    child = mini.with_name("child.yml")
    child.write_text("extends: lab.yml\ntitle: Autre\nexperiments:\n  alligator: {step: 1}\n  grain: null\n")
    shutil.rmtree(mini.parent / "questions")
    (mini.parent / "questions").mkdir()
    (mini.parent / "questions" / "q.md").write_text("---\nnumber: 1\ntitle: t\n---\n## Énoncé\n\nx\n")
    listed = generator("list", child).stdout
    assert "alligator/oiseau" in listed
    assert "grain" not in listed


class TestWithout:
    def test_nothing_of_a_key_is_taken_over(self, mini: Path) -> None:
        child = mini.with_name("child.yml")
        bird = "{name: oiseau, file: package:foolbox/data/imagenet_17_22.jpg, label: bald eagle, title: Pygargue}"
        maps = "experiments: {cartes: {kind: saliency, title: Cartes, strips: {}}}"
        child.write_text(f"extends: lab.yml\nwithout: [experiments, images]\nimages: [{bird}]\n{maps}\nquestions: []\n")
        lab = read_lab(child, mini.parent)
        assert list(lab.experiments) == ["cartes"]
        assert list(lab.images) == ["oiseau"]
        assert not lab.questions

    @pytest.mark.parametrize(
        ("says", "line", "told"),
        [
            ("extends: lab.yml\nwithout: [experiment]\n", 2, 'no key .experiment.; .* did you mean "experiments"'),
            ("extends: lab.yml\nwithout: 3\n", 2, "has no key 3; expected a list of some of title, language"),
            ("without: [images]\ntitle: Seul\n", 1, "only a file that extends another one"),
        ],
    )
    def test_what_cannot_be_left_is_told_with_its_line(self, says: str, line: int, told: str, mini: Path) -> None:
        child = mini.with_name("child.yml")
        child.write_text(says)
        with pytest.raises(LabError, match=rf"child\.yml:{line}: without: .*{told}"):
            read_lab(child, mini.parent)


def test_a_lab_that_asks_nothing_needs_no_folder_of_questions(mini: Path) -> None:
    shutil.rmtree(mini.parent / "questions")
    with pytest.raises(LabError, match="no question there"):
        read_lab(mini, mini.parent)
    change(mini, lambda lab: lab.update(questions=[]))
    assert not read_lab(mini, mini.parent).questions


def test_a_file_that_extends_itself(mini: Path, generator: Run) -> None:
    mini.write_text("extends: lab.yml\n")
    assert "extends itself" in generator("check", mini).stderr


def test_a_device_that_is_not_there(mini: Path, generator: Run) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has it")
    done = generator("run", mini, "--device", "cuda")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "leave it out to use the CPU" in done.stderr
