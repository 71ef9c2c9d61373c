"""Whatever an instructor brings: a network of their own, of grey images and ten classes; photographs in three forms."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import save_file
from torch import nn

from generator.catalogue import Classes
from generator.errors import LabError
from generator.images import read_image
from generator.lab import Lab, check_files, read_lab
from generator.networks import Own
from generator.opened import open_network
from generator.report import render, render_statement
from generator.report.common import manual
from generator.results.artefacts import Manifest, read_manifest
from generator.run import carry_out
from generator.run.keys import Dependencies, Keys
from generator.run.plan import Means, plan
from generator.run.reasons import changes
from generator.sources import sha256
from generator.vision import opening
from generator.vision.engine import distance
from tests.conftest import ROOT, Run, change, files

DIGITS = ROOT / "tests" / "digits"
CLASSES = ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf")


def drawing(digit: int, random: np.random.Generator) -> Image.Image:
    """A digit as somebody might write it: anywhere, larger or smaller, on paper of any colour, 32 pixels wide."""
    paper, ink = random.integers(150, 256, 3), random.integers(0, 80, 3)
    image = Image.new("RGB", (32, 32), tuple(paper.tolist()))
    place = tuple((random.normal(16, 1.5, 2)).tolist())
    font = ImageFont.load_default(int(random.integers(20, 29)))
    ImageDraw.Draw(image).text(place, str(digit), tuple(ink.tolist()), font, anchor="mm")
    return image


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab of digits: its network trained in some seconds, four photographs that it never saw."""
    folder = tmp_path_factory.mktemp("digits") / "lab"
    shutil.copytree(DIGITS, folder)
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)

    random = np.random.default_rng(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module: nn.Module = code.layers()
        optimizer = torch.optim.Adam(module.parameters(), lr=0.005)
        for _ in range(200):
            labels = random.integers(10, size=32)
            grey = np.stack([np.asarray(drawing(int(label), random).convert("L")) for label in labels])
            images = (torch.from_numpy(grey)[:, None] / 255 - 0.5) / 0.25
            loss = nn.functional.cross_entropy(module(images), torch.from_numpy(labels))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
    torch.save(module.state_dict(), folder / "digits.pth")

    for name, digit in (("deux/deux", 2), ("Sept barré/sept-1", 7), ("Sept barré/sept-2", 7), ("8/huit", 8)):
        path = folder / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawing(digit, random).save(path)
    return folder / "lab.yml"


@pytest.fixture(scope="session")
def computed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results of all three families, computed by the command line."""
    build = tmp_path_factory.mktemp("digits") / "build"
    command = [sys.executable, "-m", "generator", "run", "--lab", str(trained), "--build", str(build)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "3 of 3 experiments shown anew" in done.stdout, done.stderr
    return build


@pytest.fixture(scope="session")
def results(computed: Path) -> Callable[[str], Manifest]:
    def manifest(experiment: str) -> Manifest:
        found = read_manifest(computed / "results" / experiment)
        assert found is not None
        return found

    return manifest


@pytest.fixture
def digits(trained: Path, tmp_path: Path) -> Path:
    """A copy of the lab of digits, to be changed at will."""
    shutil.copytree(trained.parent, tmp_path / "digits")
    return tmp_path / "digits" / "lab.yml"


def read(lab: Path) -> Lab:
    return read_lab(lab, lab.parent)


class TestANetworkOfOnesOwn:
    def test_each_photograph_has_its_map(self, results: Callable[[str], Manifest]) -> None:
        manifest = results("saillance")
        assert [figure.name for figure in manifest.figures] == ["huit", "sept-1", "sept-2", "deux"]
        assert {(picture.width, picture.height) for f in manifest.figures for picture in f.pictures} == {(32, 32)}

    def test_no_page_calls_its_images_photographs_or_its_work_a_tp(self, trained: Path, computed: Path) -> None:
        lab = read(trained)
        render(lab, computed)
        render_statement(lab, computed / "enonce")
        of_the_project = {path.name for path in manual(lab.language)}
        folders = (computed / "docs", computed / "enonce" / "docs")
        pages = [
            page for folder in folders for page in files(folder).values() if page.suffix in (".md", ".ipynb", ".py")
        ]
        assert {"index.md", "q01-lire.md", "tout.md", "fooling.md"} <= {page.name for page in pages}
        assert {".md", ".ipynb", ".py"} == {page.suffix for page in pages}
        for page in pages:
            wrong = re.findall(
                r"[Pp]hotograph(?:i?es?|s)?\b|\bTP\b|trois canaux|coloré", page.read_text(encoding="utf-8")
            )
            assert page.name in of_the_project or wrong == [], page

    def test_it_is_fooled_in_grey(self, results: Callable[[str], Manifest]) -> None:
        manifest = results("vers-trois")
        reached = [manifest.metric(f"{figure.name}.reached").value for figure in manifest.figures]
        assert reached == [1] * 4
        before = [manifest.metric(f"{figure.name}.label-before").value for figure in manifest.figures]
        assert min(before) > 50, "it knew the digits"
        assert all(manifest.metric(f"{figure.name}.linf").value < 1 for figure in manifest.figures)

    def test_its_classes_are_visualised_from_noise_and_from_a_photograph(
        self, results: Callable[[str], Manifest]
    ) -> None:
        manifest = results("grain")
        assert [figure.name for figure in manifest.figures] == ["barre-0030", "huit-0030"]
        assert manifest.figure("barre-0030").classes == ("Sept barré",)
        assert manifest.metric("barre-0030.probability").value > 90

    def test_its_provenance_says_what_it_is(self, results: Callable[[str], Manifest], trained: Path) -> None:
        (network,) = results("saillance").provenance.networks
        assert network.title == "Deux convolutions"
        assert network.architecture == "network:digits"
        assert network.weights_sha256 == sha256(trained.parent / "digits.pth")
        assert (network.size, network.mean, network.std) == (32, (0.5,), (0.25,))

    def test_it_runs_again_when_its_code_changes_not_when_a_comment_does(self, digits: Path, generator: Run) -> None:
        change(digits, lambda lab: [lab["experiments"].pop(name) for name in ("vers-trois", "grain")])
        generator("run", digits)
        source = digits.with_name("network.py")
        source.write_text(source.read_text(encoding="utf-8") + "# nothing\n", encoding="utf-8")
        assert "up to date" in generator("explain", digits).stdout
        source.write_text(source.read_text(encoding="utf-8").replace("std=[0.25]", "std=[0.5]"), encoding="utf-8")
        assert "network chiffres.code network" in generator("explain", digits).stdout

    def test_without_weights_it_is_the_same_each_time(self, digits: Path) -> None:
        change(digits, lambda lab: lab["networks"].update(chiffres={"title": "x", "architecture": "network:untrained"}))
        lab = read(digits)
        first = open_network(lab, "chiffres")
        torch.rand(1)  # whatever was drawn in between
        second = open_network(lab, "chiffres")
        assert first.weights_sha256 == second.weights_sha256
        assert len(first.weights_sha256) == 64


class TestGrey:
    def network(self, channels: int = 1) -> opening.Network:
        mean = torch.full((channels, 1, 1), 0.5)
        return opening.Network(nn.Identity(), mean, mean / 2, size=8, batch=1, weights_sha256="")

    def colours(self) -> NDArray[np.uint8]:
        return np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)

    def test_is_what_pillow_makes_of_colours(self) -> None:
        image = self.network().normalise([self.colours()])
        assert image.shape == (1, 1, 8, 8)
        expected = np.asarray(Image.fromarray(self.colours()).convert("L")) / 255
        assert image[0, 0].numpy() == pytest.approx((expected - 0.5) / 0.25, abs=1e-6)

    def test_is_shown_as_a_colour(self) -> None:
        network = self.network()
        shown = network.pixels(network.normalise([self.colours()])[0])
        assert shown.shape == (8, 8, 3)
        assert np.round(255 * shown) == pytest.approx(network.seen(self.colours()))

    def test_colours_stay_as_they_are(self) -> None:
        assert (self.network(3).seen(self.colours()) == self.colours()).all()


FUNCTIONS = {
    "def digits(weights): return 1\n": ["returned int", "expected generator.networks.Own"],
    "def digits(weights): raise KeyError('x')\n": ["failed: KeyError"],
    "import nothing_of_that_name\ndigits = 1\n": ["failed: ModuleNotFoundError"],
    "def digit(weights): pass\n": ['no function "digits"', 'did you mean "digit"?'],
    "def digits(weights:\n": [".py:1: is no valid Python"],
    "from generator.networks import Own\nfrom torch import nn\n"
    "def digits(weights): return Own(nn.Flatten(), 7, [0], [1], 'ab')\n": ["size is 7, expected 8 to 1024"],
    "from generator.networks import Own\nfrom torch import nn\n"
    "def digits(weights): return Own(nn.Flatten(), 8, [0], [1], 'ab')\n": ["expected a list of the classes' names"],
    "from generator.networks import Own\nfrom torch import nn\n"
    "def digits(weights): return Own(nn.Flatten(), 8, [0], [1], ['a', 'b'])\n": ["class 0 is 'a', the lab's 'zéro'"],
    "from generator.networks import Own\nfrom torch import nn\n"
    f"def digits(weights): return Own(nn.Flatten(), 8, [0], [1], {CLASSES})\n": ["64 scores", "10 classes"],
    "from generator.networks import Own\nfrom torch import nn\n"
    f"def digits(weights): return Own(nn.Conv2d(3, 4, 3), 8, [0], [1], {CLASSES})\n": ["does not take images"],
    "from generator.networks import Own\nfrom torch import nn\n"
    f"def digits(weights): return Own(nn.Conv2d(1, 4, 3), 8, [0], [1], {CLASSES})\n": ["[2, 4, 6, 6]"],
    "from generator.networks import Own\nfrom torch import nn\n"
    "def digits(weights): return Own(nn.Flatten(), 8, [0], [1], {'a', 'b'})\n": ["expected a list of the classes'"],
    "def digits(weights): pass\n\x00": [".py:1: is no valid Python"],
}  # fmt: skip


STRANGER = """
import numpy, sys, torch
from torch import nn
from generator.networks import Own
from generator.opened import open_network

class Silent(Exception):
    def __str__(self):
        raise RuntimeError("it says nothing")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1024, 10)
        self.seen = 0

    def forward(self, x):
        self.seen += 1
        scores = self.layer(x.view(x.size(0), -1))
        return {forward}

def digits(weights):
    net = Net()
    {making}
    return Own(net, {size}, {mean}, [0.25], {classes})
"""


def strange(*, forward: str = "scores", making: str = "", size: str = "32", mean: str = "[0.5]") -> str:
    """A module whose network does one thing in another way than it should."""
    return STRANGER.format(forward=forward, making=making, size=size, mean=mean, classes=CLASSES)


def stranger(lab: Path, **how: str) -> None:
    """Have a lab's network do so."""
    lab.with_name("network.py").write_text(strange(**how), encoding="utf-8")


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"mean": "torch.tensor([0.5])"},
        {"mean": "numpy.array([0.5])", "size": "numpy.int64(32)"},
        {"forward": "torch.cat(scores.chunk(2, 1)[::-1], 1)"},
        {"making": "net = torch.compile(net)"},
    ],
)
def test_what_an_author_may_write_is_understood(how: dict[str, str], digits: Path) -> None:
    stranger(digits, **how)
    network = open_network(read(digits), "chiffres")
    assert (network.size, network.mean.flatten().tolist(), network.as_made) == (32, [0.5], None)


EXPORTED = "net = torch.export.export(nn.Sequential(nn.Flatten(), net.layer), (torch.zeros(2, 1, 32, 32),)).module()"
STRANGE: dict[str, tuple[dict[str, str], str]] = {
    "KeyError": ({"forward": "{}['x']"}, "forward does not take images [2, 1, 32, 32], float32 (KeyError: 'x')"),
    "AssertionError": ({"forward": "exec('assert False')"}, "(AssertionError: )"),
    "SystemExit": ({"forward": "sys.exit(3)"}, "(SystemExit: 3)"),
    "ZeroDivisionError": ({"forward": "1 / 0"}, "(ZeroDivisionError: division by zero)"),
    "in float64": ({"forward": "self.layer(x.double().flatten(1))"}, "correct forward, or the network's size or mean"),
    "gives float64": ({"forward": "scores.double()"}, "scores of float64, expected float32: end it with .float()"),
    "gives whole numbers": ({"forward": "scores.long()"}, "scores of int64, expected float32"),
    "of one dimension": ({"forward": "scores[:, 0]"}, "for 2 images forward gives [2], expected scores"),
    "several results": ({"forward": "(scores, scores)"}, "forward gives tuple, expected scores"),
    "rounded": ({"forward": "scores.detach()"}, "its scores have no gradient at the pixels"),
    "dropout": ({"forward": "nn.functional.dropout(scores)"}, "its scores differ when it sees the same images again"),
    "noise": ({"forward": "scores + torch.randn(10)"}, "its scores differ when it sees the same images again"),
    "counts": ({"forward": "scores * self.seen"}, "its scores differ when it sees the same images again"),
    "nan": ({"making": "net.layer.weight.data[0, 0] = float('nan')"}, "1 of the 10240 values of layer.weight"),
    "meta": ({"making": "net.to('meta')"}, "layer.weight is on the meta device"),
    "lazy": ({"making": "net.layer = nn.LazyLinear(10)"}, "layer.weight has no shape yet (a lazy layer)"),
    "quantised": ({"making": "net = torch.ao.quantization.quantize_dynamic(net)"}, "it is quantised"),
    "no class": ({"forward": "scores[:, :0]"}, "for 2 images forward gives [2, 0], expected scores"),
    "an error without words": ({"forward": "(_ for _ in ()).throw(Silent())"}, "float32 (Silent: ); correct forward"),
    "no evaluation": ({"making": "net.eval = lambda: 1 / 0"}, "put into evaluation mode (ZeroDivisionError: division"),
    "exported": ({"making": EXPORTED}, "evaluation mode (NotImplementedError: Calling eval() is not supported yet.)"),
    "methods": (
        {"making": "net.to = lambda device: 1 / 0"},
        "digits cannot be opened (ZeroDivisionError: div",
    ),
    "size": ({"size": "32.0"}, "size is 32.0, expected a whole number of pixels"),
    "mean": ({"mean": "torch.tensor(0.5)"}, "mean is 'tensor(0.5000)', expected 1 or 3 numbers"),
}


@pytest.fixture(scope="session")
def refused(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path]]:
    """What is told of modules that make no network to work with, and where the traceback is, if there is one.

    All are networks of one lab, which is run until each was told of: those first that no code has to run for.
    """
    folder = tmp_path_factory.mktemp("wrong") / "lab"
    shutil.copytree(trained.parent, folder)
    lab, build = folder / "lab.yml", folder.parent / "build"
    codes = dict(enumerate((*FUNCTIONS, *(strange(**how) for how, _ in STRANGE.values()))))
    for number, code in codes.items():
        (folder / f"wrong_{number}.py").write_text(code, encoding="utf-8")
    network = yaml.safe_load(lab.read_text(encoding="utf-8"))["networks"]["chiffres"]
    told: dict[str, tuple[str, Path]] = {}
    while waiting := [number for number, code in codes.items() if code not in told]:
        networks = {f"n{number}": {**network, "architecture": f"wrong_{number}:digits"} for number in waiting}
        looks = {f"of-{name}": {"kind": "saliency", "title": name, "network": name} for name in networks}
        change(lab, partial(dict.update, networks=networks, experiments=looks))
        means = Means(build)
        with pytest.raises(LabError) as error:
            carry_out.run(read(lab), means, plan(read(lab), means), print)
        for line in map(str, error.value.problems):
            assert line.startswith(f"{lab}:")
            (number,) = re.findall(r"networks\.n(\d+)\.architecture", line)
            assert codes[int(number)] not in told, "one line"
            told[codes[int(number)]] = line, build / f"network-n{number}.traceback"
    return told


@pytest.mark.parametrize("code", FUNCTIONS)
def test_a_function_that_is_wrong_is_told_in_one_line(code: str, refused: dict[str, tuple[str, Path]]) -> None:
    line, _ = refused[code]
    for part in FUNCTIONS[code]:
        assert part in line


@pytest.mark.parametrize("kind", STRANGE)
def test_a_stranger_s_network_is_refused_in_one_line(kind: str, refused: dict[str, tuple[str, Path]]) -> None:
    how, said = STRANGE[kind]
    line, traceback = refused[strange(**how)]
    assert said in line
    assert traceback.exists() == (str(traceback) in line)
    if "forward does not take" in line:
        assert "wrong_" in traceback.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"forward": "scores if scores.abs().sum() > -1 else 2 * scores"}, "GuardOnDataDependentSymNode"),
        ({"forward": "scores - scores.mean(0) * (len(scores) > 1)"}, "its images see one another in a batch"),
    ],
)
def test_what_cannot_be_prepared_runs_as_it_is_and_is_told(
    how: dict[str, str], why: str, digits: Path, generator: Run
) -> None:
    stranger(digits, **how)
    done = generator("check", digits)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "as its library made it" in line]
    assert len(told) == 1
    assert why in told[0]
    assert len(done.stderr.splitlines()) <= 2, "and, perhaps, that it recognises nothing"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_network_of_torchscript_runs_as_it_is(digits: Path) -> None:
    stranger(digits, making="net = torch.jit.script(nn.Sequential(nn.Flatten(), net.layer))")
    network = open_network(read(digits), "chiffres")
    assert network.as_made is not None
    image = torch.zeros(1, 1, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(network.scorer(image)[0, 3], image)
    weights = dict(network.scorer.named_parameters())
    (of_three,) = (weight[3] for weight in weights.values() if weight.ndim == 2)
    assert torch.allclose(gradient.flatten(), of_three)


SHUFFLED = {
    "a layer that is normalised": "net.layer = nn.utils.parametrizations.weight_norm(net.layer)",
    "a layer of one's own": "net.layer = type(net)(); net.layer.layer = nn.Bilinear(1, 1024, 10); net.layer.forward ="
    " lambda x: net.layer.layer(x[:, :1], x)",
    "TorchScript": "net = torch.jit.script(nn.Sequential(nn.Flatten(), net.layer))",
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", SHUFFLED)
def test_whatever_a_network_has_learned_is_forgotten_when_it_is_shuffled(kind: str, digits: Path) -> None:
    stranger(digits, making=SHUFFLED[kind])
    trained, shuffled = (open_network(read(digits), "chiffres", way="as-made", shuffled=s).scorer for s in (0, 1))
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert distance(shuffled(images), trained(images)) > 0.1


def test_a_network_without_weights_cannot_be_shuffled(digits: Path) -> None:
    stranger(digits, making="net.layer = nn.AdaptiveMaxPool1d(10)")
    with pytest.raises(LabError, match="that could be shuffled"):
        open_network(read(digits), "chiffres", shuffled=1)


def broken_weights(path: Path, how: str) -> None:
    weights = torch.load(locate_lite0(), weights_only=True)
    if how == "not finite":
        weights[next(name for name in weights if name.endswith("bias"))][7] = float("nan")
    elif how == "of another network":
        weights = {"layer.weight": torch.zeros(3, 3)}
    torch.save(weights, path)
    if how == "cut short":
        path.write_bytes(path.read_bytes()[:100_000])


def locate_lite0() -> Path:
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    found = lab.weights("principal")
    assert isinstance(found, Path)
    return found


@pytest.mark.parametrize("how", ["not finite", "of another network", "cut short"])
def test_weights_that_cannot_be_used_are_told_by_check(how: str, mini: Path, generator: Run) -> None:
    broken_weights(mini.with_name("poids.pth"), how)
    change(mini, lambda lab: lab["networks"]["principal"].update(weights=["poids.pth"]))
    done = generator("check", mini)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{mini}:")
    assert "networks.principal.weights: " in line


def fingerprint(lab: Lab) -> dict[str, str]:
    return Dependencies(lab, "saillance", Keys(lab, {}), {}).fingerprint


class TestModulesOfTheLab:
    def test_that_a_network_imports_are_found_and_count(self, digits: Path, generator: Run) -> None:
        stranger(digits, making="import blocks.parts; net.layer = blocks.parts.layer()")
        folder = digits.parent / "blocks"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "parts.py").write_text(
            "from .numbers_ import COUNT\nfrom torch import nn\ndef layer(): return nn.Linear(1024, COUNT)\n"
        )
        (folder / "numbers_.py").write_text("COUNT = 10\n")
        lab = read(digits)
        assert sorted(lab.modules("chiffres")) == ["blocks", "blocks.numbers_", "blocks.parts", "network"]
        before = fingerprint(lab)
        open_network(lab, "chiffres")
        (folder / "numbers_.py").write_text("COUNT = 11\n")
        changed = changes(before, fingerprint(read(digits)))
        assert [reason.about.partition(":")[0] for reason in changed] == ["network chiffres.code blocks.numbers_"]
        with pytest.raises(LabError, match="11 scores"):
            open_network(read(digits), "chiffres")

    def test_of_an_installed_one_s_name_are_refused(self, digits: Path) -> None:
        digits.with_name("torch.py").write_text("def digits(): pass\n")
        change(digits, lambda lab: lab["networks"]["chiffres"].update(architecture="torch:digits"))
        with pytest.raises(LabError, match=r'torch.py: "torch" is the name of an installed module too; rename it'):
            read(digits).source("chiffres")


def test_a_network_of_a_library_has_the_lab_s_number_of_classes(mini: Path, tmp_path: Path) -> None:
    change(
        mini,
        lambda lab: lab.update(
            classes=["oiseau", "chien", "chat"], experiments={"s": {"kind": "saliency", "title": "t"}}
        ),
    )
    change(mini, lambda lab: [image.update(label="chien") for image in lab["images"]])
    shutil.copytree(DIGITS / "questions", mini.parent / "others")
    change(mini, lambda lab: lab.update(questions="others"))
    lab, means = read(mini), Means(tmp_path / "build")
    with pytest.raises(LabError, match="1000 scores, but the lab has 3 classes") as error:
        carry_out.run(lab, means, plan(lab, means), print)
    (line,) = error.value.problems
    assert "networks.principal." in line


def test_a_network_that_recognises_nothing_is_told_and_runs(mini: Path, generator: Run) -> None:
    change(mini, lambda lab: lab["networks"]["principal"].update({"mean": [0, 0, 0], "std": [0.02, 0.02, 0.02]}))
    done = generator("run", mini, "--family", "saliency")
    assert done.returncode == 0
    assert "networks.principal: sees the right class in 0 of 2 photographs" in done.stderr
    again = generator("run", mini, "--family", "saliency")
    assert "right class" not in again.stderr, "nothing ran"


class TestWeightsOfALibrary:
    """They are in the library's cache already, with the values of a file: nothing leaves this machine."""

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        return tmp_path / "cache" / "hub"

    def named(self, lab: Path, architecture: str, weights: str, **more: object) -> Path:
        keys: dict[str, object] = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
        keys |= {"architecture": architecture, "weights": [weights], **more}
        change(lab, lambda lab: lab["networks"]["principal"].update(keys))
        return lab

    def test_of_torchvision_give_what_they_give_in_a_file(self, cache: Path, mini: Path, generator: Run) -> None:
        file = cache / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
        file.parent.mkdir(parents=True)
        torch.manual_seed(0)
        torch.save(torchvision.models.squeezenet1_1().state_dict(), file)
        self.alike(mini, "torchvision/squeezenet1_1", [str(file), "torchvision:IMAGENET1K_V1"], generator)

    def test_of_timm_give_what_they_give_in_a_file(self, cache: Path, mini: Path, generator: Run) -> None:
        repository = cache / "models--timm--lcnet_050.ra2_in1k"
        (repository / "snapshots" / "0").mkdir(parents=True)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0")
        torch.manual_seed(0)
        weights = timm.create_model("lcnet_050").state_dict()
        save_file(weights, repository / "snapshots" / "0" / "model.safetensors")
        torch.save(weights, mini.with_name("weights.pth"))
        self.alike(mini, "timm/lcnet_050", ["weights.pth", "timm:ra2_in1k"], generator)
        done = generator("run", self.named(mini, "timm/lcnet_050", "timm:ra2_in1k", std=[0.5, 0.5, 0.5]), name="other")
        assert done.returncode == 2
        assert "trained with std: [0.229, 0.224, 0.225], the lab says [0.5, 0.5, 0.5]" in done.stderr

    def alike(self, lab: Path, architecture: str, references: list[str], generator: Run) -> None:
        pictures = []
        for name, reference in enumerate(references):
            done = generator("run", self.named(lab, architecture, reference), "--family", "saliency", name=str(name))
            assert done.returncode == 0, done.stderr
            manifest = read_manifest(lab.parents[1] / str(name) / "results" / "saillance")
            assert manifest is not None
            pictures.append([picture.sha256 for figure in manifest.figures for picture in figure.pictures])
        assert pictures[0] == pictures[1]

    @pytest.mark.parametrize(
        ("weights", "said"),
        [
            ("timm:ra_in1k", 'no weights "ra_in1k" for lcnet_050; it has ra2_in1k; did you mean "ra2_in1k"?'),
            ("timm:ra2_in1k", "timm's ra2_in1k could not be downloaded"),
            ("torchvision:DEFAULT", "is not for timm/lcnet_050; expected timm:WEIGHTS, or a file"),
        ],
    )
    def test_that_cannot_be_had_are_told_in_one_line(self, weights: str, said: str, mini: Path, generator: Run) -> None:
        done = generator("run", self.named(mini, "timm/lcnet_050", weights))
        assert done.returncode == 2
        assert "networks.principal.weights: " in done.stderr.splitlines()[-1]
        assert said in done.stderr.splitlines()[-1]


class TestClasses:
    known = Classes(("tabby", "goose", "7", "crane", "crane"), {0: "Chat tigré"})

    @pytest.mark.parametrize("given", ["tabby", "TABBY", "chat tigré", "Chat Tigré", 0, "0"])
    def test_are_known_by_name_by_title_and_by_index(self, given: int | str) -> None:
        assert self.known.index(given) == 0

    def test_a_name_that_is_a_number_is_a_name(self) -> None:
        assert self.known.index("7") == 2

    def test_the_first_one_of_a_name_is_meant(self) -> None:
        assert self.known.index("crane") == 3

    @pytest.mark.parametrize(("given", "meant"), [("chat tigre", "Chat tigré"), ("goos", "goose")])
    def test_what_was_meant_is_found_among_names_and_titles(self, given: str, meant: str) -> None:
        with pytest.raises(ValueError, match=f'did you mean "{meant}"'):
            self.known.index(given)

    def test_french_titles_stand_for_classes_in_the_default_lab_too(self, mini: Path) -> None:
        change(mini, lambda lab: lab.update(class_titles={"tabby": "Chat tigré"}))
        change(mini, lambda lab: lab["experiments"]["alligator"].update(target="chat tigré"))
        assert read(mini).experiments["alligator"].classes == (281,)

    def test_all_of_them_are_those_of_the_lab(self, digits: Path) -> None:
        matrix = {"kind": "matrix", "title": "t", "step": 1, "clamp": True}
        change(digits, lambda lab: lab["experiments"].update(matrice=matrix))
        assert read(digits).experiments["matrice"].classes == tuple(range(10))

    def test_a_list_does_as_well_as_a_file(self, digits: Path) -> None:
        listed = read(digits).classes
        change(digits, lambda lab: lab.update(classes=list(CLASSES)))
        assert read(digits).classes == listed


def written_out(lab: Lab) -> Iterator[tuple[str, int, str, bytes]]:
    for image in lab.images.values():
        pixels = read_image(lab.locate(image.file), 32, image.index)
        yield image.name, image.label, image.title, pixels.tobytes()


class TestImages:
    def test_a_folder_has_a_subfolder_for_each_class(self, digits: Path) -> None:
        titles = {image.name: (image.label, image.title) for image in read(digits).images.values()}
        assert titles == {
            "huit": (8, "huit"),
            "sept-1": (7, "Sept barré 1"),
            "sept-2": (7, "Sept barré 2"),
            "deux": (2, "deux"),
        }

    @pytest.mark.parametrize("separator", [",", ";"])
    def test_a_table_says_the_same(self, separator: str, digits: Path) -> None:
        folder = list(written_out(read(digits)))
        with (digits.parent / "photos" / "photos.csv").open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file, delimiter=separator)
            rows = [("8/huit.png", "huit"), ("Sept barré/sept-1.png", "7"), ("Sept barré/sept-2.png", "SEPT BARRÉ")]
            table.writerows([("file", "label"), *rows, ("deux/deux.png", "deux")])
        change(digits, lambda lab: lab.update(images="photos/photos.csv"))
        assert list(written_out(read(digits))) == folder

    def test_an_archive_says_the_same_but_for_names(self, digits: Path) -> None:
        folder = list(written_out(read(digits)))
        pixels = [np.frombuffer(content, np.uint8).reshape(32, 32, 3) for *_, content in folder]
        np.savez(digits.with_name("photos.npz"), X=np.stack(pixels), y=[label for _, label, _, _ in folder])
        change(digits, lambda lab: (lab.update(images="photos.npz"), lab["experiments"].pop("grain")))
        archive = list(written_out(read(digits)))
        assert [entry[1:] for entry in archive] == [entry[1:] for entry in folder]
        assert [name for name, *_ in archive] == ["huit", "sept-barre-1", "sept-barre-2", "deux"]

    def test_an_archive_of_grey_images(self, digits: Path) -> None:
        np.savez(digits.with_name("photos.npz"), X=np.full((2, 32, 32), 99, np.uint8), y=[7, 7])
        lab = read_lab_with(digits, images="photos.npz")
        assert {content for *_, content in written_out(lab)} == {bytes([99]) * 32 * 32 * 3}

    def test_a_table_may_give_names_and_titles(self, digits: Path) -> None:
        digits.with_name("p.csv").write_text(
            "name,label,file,title\n,huit,photos/8/huit.png,\nici,8,photos/8/huit.png,Un huit\n", encoding="utf-8"
        )
        lab = read_lab_with(digits, images="p.csv")
        assert [(i.name, i.title) for i in lab.images.values()] == [("huit", "huit 1"), ("ici", "Un huit")]

    def test_names_of_files_that_are_alike_are_made_different(self, digits: Path) -> None:
        shutil.copy(digits.parent / "photos" / "8" / "huit.png", digits.parent / "photos" / "deux" / "huit.png")
        names = list(read(digits).images)
        assert names == ["8-huit", "sept-1", "sept-2", "deux", "deux-huit"]

    def test_a_long_name_of_a_folder_hides_no_file_s(self, digits: Path) -> None:
        photos, long = digits.parent / "photos", "huit, " * 15 + "le chiffre"
        (digits.parent / "classes.txt").write_text(
            "\n".join([*CLASSES[:8], long, *CLASSES[9:]]) + "\n", encoding="utf-8"
        )
        (photos / "8").rename(photos / long)
        for folder in (long, "deux"):
            for name in ("a", "b"):
                shutil.copy(photos / "deux" / "deux.png", photos / folder / f"{name}.png")
        names = list(read_lab_with(digits, images="photos").images)
        assert len(names) == 8
        assert {name[-2:] for name in names if name.startswith("huit-huit")} == {"-a", "-b"}
        assert {"deux-a", "deux-b"} <= set(names)

    def test_other_files_of_a_folder_do_not_count(self, digits: Path) -> None:
        for other in ("notes.txt", ".DS_Store", "._huit.png"):
            (digits.parent / "photos" / "8" / other).write_text("x")
        (digits.parent / "photos" / ".cache").mkdir()
        assert len(read(digits).images) == 4


def read_lab_with(lab: Path, **keys: object) -> Lab:
    """The lab with other images, and no run that names one of the old."""
    change(lab, lambda data: (data.update(keys), data["experiments"].pop("grain")))
    return read(lab)


def table(text: str) -> Callable[[Path], object]:
    def write(lab: Path) -> None:
        lab.with_name("p.csv").write_text(text, encoding="utf-8")
        change(lab, lambda data: data.update(images="p.csv"))

    return write


def archive(**arrays: Any) -> Callable[[Path], object]:
    def write(lab: Path) -> None:
        np.savez(lab.with_name("p.npz"), **arrays)
        change(lab, lambda data: data.update(images="p.npz"))

    return write


def lab(**keys: object) -> Callable[[Path], object]:
    return lambda path: change(path, lambda data: data.update(keys))


def network(**keys: object) -> Callable[[Path], object]:
    return lambda path: change(path, lambda data: data["networks"]["chiffres"].update(keys))


def without(key: str) -> Callable[[Path], object]:
    return lambda path: change(path, lambda data: data["networks"]["chiffres"].pop(key))


GREY = np.zeros((2, 8, 8), np.uint8)
MISTAKES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no such folder": (lab(images="photo"), ["images: no folder", 'did you mean "photos"?']),
    "folder of no class": (
        lambda path: (path.parent / "photos" / "deux").rename(path.parent / "photos" / "deuxx"),
        ["images:", 'deuxx: "deuxx" is no class of the lab', 'did you mean "deux"?'],
    ),
    "folder without subfolders": (lab(images="questions"), ["images:", "has no subfolders"]),
    "empty subfolder": (lambda path: (path.parent / "photos" / "un").mkdir(), ["un has no photographs", ".jpg"]),
    "no such table": (lab(images="p.csv"), ["images: no file"]),
    "class of a table": (
        table("file\tlabel\nphotos/8/huit.png\thuit\nphotos/8/huit.png\tuit\n"),
        ["p.csv:3: images.1.label:", 'did you mean "huit"?'],
    ),
    "file of a table": (table("file,label\nphotos/8/hui.png,8\n"), ["p.csv:2:", "no file", 'did you mean "huit.png"?']),
    "column of a table": (table("fil,label\na.png,8\n"), ["p.csv:1:", 'unknown column "fil"', 'did you mean "file"?']),
    "no label in a table": (table("file\na.png\n"), ["p.csv:1:", 'no column "label"']),
    "cells of a table": (table("file,label\na.png,8,9\n"), ["p.csv:2:", "expected 2 cells"]),
    "empty table": (table("file,label\n"), ["images: no photograph in p.csv"]),
    "two names in a table": (
        table("file,label,name\nphotos/8/huit.png,8,a\nphotos/8/huit.png,8,a\n"),
        ["p.csv:3: images.1.name:", 'two images are named "a"'],
    ),
    "half a formula in a table": (
        table("file,label,title\nphotos/8/huit.png,8,$a^{$\n"),
        ["p.csv:2: title: holds $a^{$, which is no formula"],
    ),
    "half a formula in a class": (
        lambda path: path.with_name("classes.txt").write_text("$a^{$\nb\n", encoding="utf-8"),
        ["classes:", "class 0 holds $a^{$, which is no formula"],
    ),
    "photograph of a telephone": (
        lambda path: (path.parent / "photos" / "8" / "neuf.HEIC").write_bytes(b"heic"),
        ["neuf.HEIC: cannot be read; export it as PNG or JPEG"],
    ),
    "name of a file in another encoding": (
        lambda path: shutil.copy(path.parent / "photos/8/huit.png", path.parent / os.fsdecode(b"photos/8/\xe9.png")),
        [r"\udce9.png: its name holds what no text has"],
    ),
    "archive without labels": (archive(X=GREY), ["images:", 'no array "y"', "found X"]),
    "archive with a class too many": (archive(X=GREY, y=[3, 10]), ["y[1]: class 10 does not exist", "0 to 9"]),
    "archive with too many labels": (archive(X=GREY, y=[3, 3, 3]), ["images:", "y has 3 classes, X 2 images"]),
    "archive of names": (archive(X=GREY, y=["un", "deux"]), ["images:", "expected one index of a class per image"]),
    "pickled labels": (archive(X=GREY, y=np.array([None, None])), ["images:", "y is pickled"]),
    "classes that are no text": (lab(classes=[0, 1]), ["classes: found 0", "quotes"]),
    "no classes": (lab(classes=[]), ["classes: no class"]),
    "no file of classes": (lab(classes="class.txt"), ["classes: no file", 'did you mean "classes.txt"?']),
    "hole in the classes": (
        lambda path: path.with_name("classes.txt").write_text("a\n\nb\n"),
        ["classes.txt:2: an empty line"],
    ),
    "no such module": (network(architecture="networks:digits"), ["no module", 'did you mean "network"?']),
    "size of a function": (network(size=32), ["networks.chiffres.size: the function network:digits says it"]),
    "mean of a function": (network(mean=[0.5, 0.5, 0.5]), ["networks.chiffres.mean: the function", "remove the key"]),
    "weights from a hub for a function": (network(weights=["timm:in1k"]), ["weights:", "wants a file"]),
    "no such weights": (network(weights=["digit.pth"]), ["weights: no file", 'did you mean "digits.pth"?']),
    "title of no class": (
        lab(class_titles={"neuff": "x", "sept": "Sept barré"}),
        ["class_titles.neuff", 'did you mean "neuf"?'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_its_place(name: str, digits: Path) -> None:
    edit, expected = MISTAKES[name]
    change(digits, lambda data: data["experiments"].pop("grain"))  # the only one that names an image
    edit(digits)
    with pytest.raises(LabError) as error:
        check_files(read(digits))
    (line,) = error.value.problems
    assert line.startswith(str(digits.parent)), "file and line come first"
    for part in expected:
        assert part in line


@pytest.mark.parametrize("key", ["weights", "mean", "std"])
def test_a_network_of_a_library_needs_what_a_function_says(key: str, mini: Path) -> None:
    change(mini, lambda lab: lab["networks"]["principal"].pop(key))
    with pytest.raises(LabError, match=rf"networks\.principal\.{key}: missing; expected"):
        read(mini)


def test_an_own_network_says_what_is_wrong_with_it() -> None:
    for wrong in ({"mean": [0, 0]}, {"std": [0]}, {"std": [1, 1, 1]}, {"module": print}):
        with pytest.raises(ValueError, match="expected"):
            Own(**{"module": nn.Flatten(), "size": 8, "mean": [0], "std": [1], "classes": "ab"} | wrong)  # type: ignore[arg-type]
