"""What several tests work with: a toy network whose every number is known, labs on disk, the site in a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from filelock import FileLock
from numpy.typing import NDArray
from torch import nn

from generator.experiments.base import Experiment, NetworkUse, Part
from generator.experiments.given import Given
from generator.experiments.stage import Eye, Photograph, Stage
from generator.lab import read_lab
from generator.language import read_language
from generator.results.artefacts import MANIFEST, Manifest, Recorder
from generator.run.machine import cores
from generator.run.meter import Meter
from generator.run.store import Store, decode, encode
from generator.schema import ImageSpec
from generator.vision import opening
from generator.vision.opening import Network

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FRENCH = read_language("fr")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here (in CI this is not skipped)"
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes run the tests: one more than cores, as tests wait for browsers, servers and time to pass."""
    return cores() + 1


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
    return opening.load(lab.file.networks["principal"], lab.weights("principal"), way="prepared")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@contextmanager
def once(place: Path) -> Iterator[bool]:
    """Whether this process is the one that makes what lies at a place; the others wait for it."""
    with FileLock(f"{place}.lock"):
        yield not place.exists()


def built(edition: str, folder: Path, lab: str = "content/tp.yml") -> Path:
    """A website of one of the project's labs, in a folder beside ``build`` and the outcomes; where it is."""
    places = ["--build", str(folder / "build"), "--site", str(folder / edition)]
    subprocess.run([sys.executable, "-m", "generator", edition, "--lab", lab, *places], cwd=ROOT, check=True)
    return folder / edition


@pytest.fixture(scope="session")
def mini_results(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest lab's folder of results, its outcomes beside it; made once for all processes, a copy for each.

    Among the outcomes is its network as a program, so that no site has to write that down.
    """
    made = shared / "mini"
    with once(made) as first:
        if first:
            shutil.rmtree(built("site", made, "tests/mini/lab.yml"))
            for name in ("docs", "mkdocs.yml", "pages.sha256", "pictures", "programs", "site.sha256"):
                path = made / "build" / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    own = tmp_path_factory.mktemp("mini")
    return shutil.copytree(made, own, dirs_exist_ok=True) / "build"


def begin_store(folder: Path, mini_results: Path) -> None:
    """Have a store begin with what was computed before, looks at networks above all, not from nothing."""
    shutil.copytree(mini_results.parent / "outcomes", folder)
    if (made := ROOT / "outcomes").is_dir():  # by ``make site``
        ignored = shutil.ignore_patterns("machine.json")
        shutil.copytree(made, folder, copy_function=link, ignore=ignored, dirs_exist_ok=True)


def link(source: str, target: str) -> None:
    """Put a file where it is not yet, without copying it."""
    if not Path(target).exists():
        os.link(source, target)


@pytest.fixture
def mini(tmp_path: Path, mini_results: Path) -> Path:
    """A copy of the smallest lab, to be changed at will; its network was looked at and written down before.

    Returns its lab file.
    """
    shutil.copytree(ROOT / "tests" / "mini", tmp_path / "mini")
    shutil.copytree(mini_results.parent / "outcomes", tmp_path / "outcomes")
    manifests = [Manifest.model_validate_json(path.read_bytes()) for path in mini_results.glob(f"results/*/{MANIFEST}")]
    for key in {key for one in manifests for part, key in one.parts.items() if "principal" not in part}:
        Store(tmp_path / "outcomes").remove(key)
    return tmp_path / "mini" / "lab.yml"


@pytest.fixture
def ran(mini: Path, mini_results: Path, tmp_path: Path) -> Path:
    """A copy of the smallest lab whose experiments ran already, into ``tmp_path/build``; returns its lab file."""
    for name in ("build", "outcomes"):
        shutil.copytree(mini_results.parent / name, tmp_path / name, dirs_exist_ok=True)
    return mini


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, whose code may be changed; ``python -m generator`` runs there."""
    folder = tmp_path / "project"
    for name in ("generator", "templates", "content", "examples", "tests/mini"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", folder)
    return folder


def change(lab: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit what a lab file says."""
    data = yaml.safe_load(lab.read_text(encoding="utf-8"))
    edit(data)
    lab.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


def files(folder: Path) -> dict[str, Path]:
    """All files in a folder, by their paths in it."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def tried(
    experiment: Experiment,
    networks: Mapping[str, Network],
    photographs: Mapping[str, Photograph],
    shuffled: Callable[[NetworkUse], Network] | None = None,
) -> Recorder:
    """Compute and show an experiment on networks and photographs of the test's own; what it recorded.

    It must have said the passes it needs, and kept its promise of figures and measures.
    """
    images = {name: spec_of(name, photograph) for name, photograph in photographs.items()}
    parts = experiment.parts(images)
    outcomes = {name: computed(part, networks, photographs, shuffled) for name, part in parts.items()}
    eyes = {name: Eye(name, networks[name].size, networks[name].channels) for name in experiment.networks}
    stage = Stage(
        parts=parts,
        keys={name: f"key of {name}" for name in parts},
        outcomes=outcomes,
        photographs=photographs,
        networks=eyes,
        class_title=str,
        language=FRENCH,
        seed=experiment.seed,
        results=Recorder(),
    )
    import_module(f"generator.experiments.{experiment.kind}.show").show(experiment, stage)
    assert sorted(figure.name for figure in stage.results._figures) == sorted(experiment.figures)
    assert {metric.name for metric in stage.results._metrics} <= set(experiment.measures)
    return stage.results


def computed(
    part: Part,
    networks: Mapping[str, Network],
    photographs: Mapping[str, Photograph],
    shuffled: Callable[[NetworkUse], Network] | None = None,
) -> dict[str, NDArray[Any]]:
    """The outcome of a part, as it comes out of the store; it must have counted its passes rightly."""
    used = tuple(
        shuffled(use) if use.shuffled and shuffled is not None else networks[use.name] for use in part.networks
    )
    module, _, function = part.task.partition(":")
    meter = Meter()
    # Settings come through JSON and pickle to a worker: only what survives both is a setting.
    assert json.loads(json.dumps(dict(part.settings))) is not None
    with meter.running({id(network.scorer): network.scorer for network in used}.values()):
        outcome = getattr(import_module(module), function)(
            Given(used, tuple(photographs[name].pixels for name in part.images), part.seed or 0), **part.settings
        )
    if part.usual is None:
        assert meter.passes == part.passes, part.task
    else:
        assert meter.passes <= part.passes, part.task
    return decode(encode(outcome))


def spec_of(name: str, photograph: Photograph) -> ImageSpec:
    """What a lab file would say of a photograph."""
    return ImageSpec.model_construct(
        name=name, file="", index=None, label=photograph.label, title=photograph.title, boxes=photograph.boxes
    )


@pytest.fixture
def generator(tmp_path: Path) -> Run:
    """Run ``python -m generator`` in a process of its own; results and website go to tmp_path."""

    def run(
        command: str, lab: Path, *more: str, hash_seed: str = "0", name: str = "build"
    ) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "generator", command, "--lab", str(lab), "--data", str(tmp_path / "data")]
        if command != "list":
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


@pytest.fixture(scope="session")
def site(shared: Path) -> Path:
    """The website of the default lab; what ``make site`` left is taken, and what is missing is computed first."""
    folder = shared / "default"
    with once(folder) as first:
        if first:
            for name in ("build", "outcomes"):
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, folder / name, copy_function=link)
            built("site", folder)
    return folder / "site"


@pytest.fixture(scope="session")
def handed_out(shared: Path) -> Path:
    """The website of the default lab for students; it needs no results."""
    folder = shared / "handed-out"
    with once(folder) as first:
        if first:
            built("statement", folder)
    return folder / "statement"


@pytest.fixture(scope="session")
def everyday(shared: Path, mini_results: Path) -> tuple[Path, Path]:
    """Both editions of the English example: for staff, and for students."""
    folder = shared / "everyday"
    with once(folder) as first:
        if first:
            begin_store(folder / "outcomes", mini_results)
            for edition in ("site", "statement"):
                built(edition, folder, "examples/everyday/lab.yml")
    return folder / "site", folder / "statement"


class Quiet(SimpleHTTPRequestHandler):
    """A file server that keeps no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(params=["file", "http"])
def opened_at(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """The address of the website: a folder on disk, then a server on this machine."""
    if request.param == "file":
        yield site.as_uri()
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page of a desktop's size."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page of a phone's size, with a finger."""
    with browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True) as context:
        yield context.new_page()


@pytest.fixture
def still(browser: Browser) -> Iterator[Page]:
    """A page without JavaScript."""
    with browser.new_context(java_script_enabled=False) as context:
        yield context.new_page()
