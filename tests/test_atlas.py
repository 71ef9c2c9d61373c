"""The atlas: parts shared with the ladder, what is confused, and the wall where a thousand pictures are looked for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageOps

from generator.catalogue import imagenet_classes
from generator.experiments.atlas import Atlas
from generator.experiments.ladder import Ladder
from generator.experiments.stage import Photograph
from generator.results.artefacts import Figure, Manifest, read_manifest
from generator.vision.opening import Network
from tests.conftest import ROOT, Quiet, needs_chromium, once, spec_of, tried

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONTEXT = {"networks": ["own", "other", "judge"], "images": ["one"]}
COMMON: dict[str, object] = {
    "title": "Essai", "network": "own", "other": "judge", "together": ["own", "other"], "images": ["one"], "degrees": 5,
}  # fmt: skip


def atlas(**changes: object) -> Atlas:
    return Atlas.model_validate({**COMMON, "iterations": 3, **changes}, context=CONTEXT)


@pytest.fixture
def photograph() -> Photograph:
    return Photograph(np.random.default_rng(0).integers(256, size=(12, 12, 3), dtype=np.uint8), 0, "", ())


class TestParts:
    def test_an_image_is_the_one_of_the_ladder_s_last_rung(self, photograph: Photograph) -> None:
        for same in ({}, {"seed": 3, "views": [0.5, 0.9], "naturalness": 0, "opening": [0.2, 1.5], "degrees": 9}):
            pixels = {"iterations": 2, "variation": 0.001, "rate": 0.05, "zoom": 1.1, "long_iterations": 3}
            ladder = Ladder.model_validate({**COMMON, **pixels, "targets": {"three": 3}, **same}, context=CONTEXT)
            images = {"one": spec_of("one", photograph)}
            assert atlas(**same).parts(images)["003"] == ladder.parts(images)["three", "iris"]

    def test_all_classes_have_one_or_every_so_many(self) -> None:
        assert len(list(atlas().figures)) == 1001
        tenth = atlas(every=10)
        assert list(tenth.figures)[:4] == ["juge", "000", "010", "020"]
        assert len(tenth.parts({})) == 100
        assert list(atlas(targets=["tabby", "tiger cat", "strawberry"], every=2).parts({})) == ["281", "949"]


class Seeing(torch.nn.Module):
    """A judge that gives each of its answers in turn: probabilities of five classes."""

    def __init__(self, answers: np.ndarray) -> None:
        super().__init__()
        self.answers = iter(torch.from_numpy(answers))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = next(self.answers)
        return answer.log().expand(len(images), 5)


class TestWhatIsConfused:
    @pytest.fixture
    def answers(self) -> np.ndarray:
        found = np.random.default_rng(1).dirichlet(np.full(5, 0.3), size=3)
        found[0] = [0.9, 0.0995, 0.0005, 0, 0]  # less than one in a thousand is no confusion
        return found

    @pytest.fixture
    def shown(self, toy: Network, photograph: Photograph, answers: np.ndarray) -> dict[str, Figure]:
        """Classes 0, 2 and 4 of five, by name; what the judge sees in them is known."""
        own = replace(toy, scorer=toy.scorer.float(), mean=toy.mean.float(), std=toy.std.float())
        networks = {"own": own, "other": own, "judge": replace(own, scorer=Seeing(answers))}
        results = tried(atlas(targets=range(5), every=2), networks, {"one": photograph})
        metrics = {metric.name: metric.value for metric in results._metrics}
        assert metrics["probability"] == pytest.approx(100 * answers[range(3), [0, 2, 4]].mean(), rel=1e-5)
        assert metrics["002.probability"] == pytest.approx(100 * answers[1, 2], rel=1e-5)
        (least, pairs) = results._tables
        assert [row[0] for row in least.rows] == sorted("024", key=lambda name: answers[int(name) // 2, int(name)])
        assert pairs.rows[0][2] == max(row[2] for row in pairs.rows)  # type: ignore[type-var]  # numbers, all of them
        return {figure.name: figure for figure in results._figures}

    def test_neighbours_are_named_both_ways_where_both_have_an_image(
        self, shown: dict[str, Figure], answers: np.ndarray
    ) -> None:
        rows = {0: answers[0], 2: answers[1], 4: answers[2]}
        for target, given in rows.items():
            expected = {}
            for other in set(range(5)) - {target}:
                back = [rows[other][target]] if other in rows else []
                share = 100 * float(np.mean([given[other], *back]))
                if share >= 0.1:
                    expected[str(other)] = share
            found = {one.title: one.share for one in shown[f"{target:03d}"].neighbours}
            assert found == pytest.approx(expected, rel=1e-4)
            assert list(found.values()) == sorted(found.values(), reverse=True)

    def test_only_those_that_have_an_image_lead_to_one(self, shown: dict[str, Figure]) -> None:
        leads = {one.title: one.figure for figure in shown.values() for one in figure.neighbours}
        assert leads == {"0": "000", "2": "002", "4": "004", "1": None, "3": None}


NETWORK = """
import torch
from torch import nn
from generator.catalogue import imagenet_classes
from generator.networks import Own

def _own(seed: int) -> Own:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1152, 70)]
    return Own(nn.Sequential(*layers), size=16, mean=[0.5] * 3, std=[0.25] * 3, classes=imagenet_classes()[:70])

def maker() -> Own:
    return _own(0)

def judge() -> Own:
    return _own(1)
"""
LAB = {
    "title": "Soixante-dix classes",
    "language": "fr",
    "classes": list(imagenet_classes()[:70]),
    "class_titles": {"goldfish": "poisson rouge", "bald eagle": "pygargue à tête blanche", "vulture": "vautour"},
    "networks": {
        "principal": {"title": "Deux convolutions", "architecture": "network:maker"},
        "juge": {"title": "Deux autres", "architecture": "network:judge"},
    },
    "images": [{"name": "chat", "file": "package:skimage/data/chelsea.png", "label": 0, "title": "Chat"}],
    "questions": [],
    "live": False,
    "experiments": {
        "planche": {
            "kind": "atlas", "title": "Planche", "other": "juge", "together": "principal",
            "iterations": 2, "degrees": 5,
        }
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def place(shared: Path) -> Path:
    """The folder of a small lab with a wall: its results and its website; made once for all processes."""
    folder = shared / "wall"
    with once(folder) as first:
        if first:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "lab" / "pages").mkdir(parents=True)
            shown = "![](figure:planche/juge)\n\n![](figure:planche/033)\n\n![](table:planche/confusions)"
            (folder / "lab" / "pages" / "index.md").write_text(f"# Soixante-dix\n\n{shown}\n", encoding="utf-8")
            (folder / "lab" / "network.py").write_text(NETWORK, encoding="utf-8")
            (folder / "lab" / "lab.yml").write_text(yaml.safe_dump(LAB, allow_unicode=True), encoding="utf-8")
            command = [sys.executable, "-m", "generator", "site", "--lab", str(folder / "lab" / "lab.yml")]
            where = ["--build", str(folder / "build"), "--site", str(folder / "site"), "--workers", "1"]
            subprocess.run([*command, *where], cwd=ROOT, check=True)
    return folder


@pytest.fixture
def wall(place: Path) -> Path:
    return place / "site" / "galeries" / "classvis-planche.html"


@pytest.fixture
def manifest(place: Path) -> Manifest:
    found = read_manifest(place / "build" / "results" / "planche")
    assert found is not None
    return found


class TestWall:
    def test_every_figure_has_one_tile_and_one_page(self, place: Path, wall: Path, manifest: Manifest) -> None:
        pages = {path.stem: path.read_text(encoding="utf-8") for path in wall.with_suffix("").glob("*.html")}
        leads = re.findall(r'href="\.\./galeries/classvis-planche/(\d+)\.html#(planche-\d+)"', wall.read_text())
        assert [anchor for _, anchor in leads] == [
            f"planche-{name}" for name in sorted(f.name for f in manifest.figures)[:-1]
        ]
        assert all(f'id="{anchor}"' in pages[page] for page, anchor in leads)
        assert [len(re.findall('<figure class="tp-figure', pages[page])) for page in "12"] == [50, 20]
        assert wall.read_text().count('id="planche-juge"') == 1, "a chart, small, says nothing"

    def test_a_tile_is_the_figure_s_thumbnail(self, place: Path, wall: Path) -> None:
        text, folder = wall.read_text(encoding="utf-8"), place / "site" / "figures" / "planche"
        tiles = re.findall(r'#planche-(\d+)".*?(sheet-\d\.webp)" width="104".*?--at:(\d+)"', text)
        assert len(tiles) == 70
        for name, file, at in tiles:
            with Image.open(folder / file) as sheet, Image.open(folder / f"{name}-160.webp") as thumbnail:
                tile = sheet.crop((0, 104 * int(at), 104, 104 * (int(at) + 1)))
                expected = ImageOps.fit(thumbnail.convert("RGB"), (104, 104), Image.Resampling.LANCZOS)
                apart = np.abs(np.asarray(tile, dtype=float) - np.asarray(expected, dtype=float)).mean()
            assert apart < 8, name

    def test_a_thousand_of_them_would_be_light(self, wall: Path) -> None:
        text = wall.read_text(encoding="utf-8")
        listed = text[text.index('class="tp-wall"') :]
        assert len(listed[: listed.index("</div>")].encode()) / 70 < 300

    def test_the_navigation_names_the_wall_alone(self, place: Path) -> None:
        home = (place / "site" / "index.html").read_text(encoding="utf-8")
        navigation = "".join(re.findall(r"<nav.*?</nav>", home, re.DOTALL))
        assert "galeries/classvis-planche.html" in navigation
        assert "classvis-planche/" not in navigation

    def test_pages_lead_to_one_another(self, wall: Path) -> None:
        first, second = (wall.with_suffix("").joinpath(f"{n}.html").read_text() for n in "12")
        assert 'rel="next" href="2.html"' in first
        assert 'class="tp-ways"' in second
        assert not re.search(r'<a rel="next"', second)

    def test_a_table_leads_to_the_page_that_has_the_picture(self, place: Path, manifest: Manifest) -> None:
        home = (place / "site" / "index.html").read_text(encoding="utf-8")
        for row in manifest.table("confusions").links:
            for file in filter(None, row):
                stem = file.partition(".")[0]
                at = int(stem) // 50 + 1
                assert f'galeries/classvis-planche/{at}.html#image-planche-{stem}"' in home

    def test_a_lab_without_questions_has_no_empty_sections(self, place: Path, wall: Path) -> None:
        home = (place / "site" / "index.html").read_text(encoding="utf-8")
        assert "Les questions" not in home
        assert home.count('class="tp-wall"') == 1
        assert not (place / "site" / "questions").exists()
        assert not (place / "site" / "carnets.html").exists()
        command = [sys.executable, "-m", "generator", "statement", "--lab", str(place / "lab" / "lab.yml")]
        where = ["--build", str(place / "other"), "--site", str(place / "enonce")]
        subprocess.run([*command, *where], cwd=ROOT, check=True)
        assert "Les questions" not in (place / "enonce" / "index.html").read_text(encoding="utf-8")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@needs_chromium
class TestLooking:
    def found(self, page: Page) -> list[str]:
        return page.locator(".tp-wall > a:visible span").all_inner_texts()

    @pytest.mark.parametrize(
        ("typed", "found"),
        [
            ("poissons", ["Poisson rouge"]),
            ("ROU poi", ["Poisson rouge"]),
            ("goldfis", ["Poisson rouge"]),
            ("pygargue tete", ["Pygargue à tête blanche"]),
            ("l’eagle", []),
            ("eagles", ["Pygargue à tête blanche"]),
            ("sharks", ["Great white shark", "Tiger shark"]),
            ("x", []),
        ],
    )
    def test_a_name_is_found_however_it_is_typed(self, typed: str, found: list[str], wall: Path, page: Page) -> None:
        page.goto(wall.as_uri())
        page.get_by_label("Chercher un nom").fill(typed)
        assert self.found(page) == found
        assert page.locator(".tp-find output").inner_text() == f"{len(found)} figure{'s' * (len(found) > 1)} sur 70"
        page.get_by_label("Chercher un nom").fill("")
        assert len(self.found(page)) == 70
        assert page.locator(".tp-find output").inner_text() == "70 figures"

    def test_by_keyboard_to_the_figure_and_on_to_its_neighbour(self, wall: Path, page: Page) -> None:
        page.goto(wall.as_uri())
        page.get_by_label("Chercher un nom").focus()
        page.keyboard.type("vautour")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.wait_for_url("**/classvis-planche/1.html#planche-023")
        figure = page.locator("#planche-023")
        figure.wait_for(state="visible")
        neighbour = figure.locator(".tp-neighbours a").first
        name = neighbour.inner_text()
        neighbour.press("Enter")
        page.locator(".tp-figure:visible", has_text=name).last.wait_for()

    def test_without_javascript_it_is_a_plain_wall(self, wall: Path, still: Page) -> None:
        still.goto(wall.as_uri())
        assert still.locator(".tp-wall > a:visible").count() == 70
        assert not still.locator(".tp-find").is_visible()
        still.locator(".tp-wall > a").nth(60).click()
        still.locator("#planche-060").wait_for(state="visible")

    def test_nothing_is_fetched_before_it_is_near(self, place: Path, phone: Page) -> None:
        asked: list[str] = []
        phone.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))

        def sheets() -> list[str]:
            return sorted({name for name in asked if name.startswith("sheet")})

        with server(place / "site") as at:
            phone.goto(f"{at}/galeries/classvis-planche.html")
            phone.wait_for_load_state("networkidle")
            assert sheets() == ["sheet-1.webp"]
            with phone.expect_request("**/sheet-2.webp"):
                phone.locator(".tp-wall > a").last.scroll_into_view_if_needed()
            assert sheets() == ["sheet-1.webp", "sheet-2.webp"]
            assert phone.evaluate("document.documentElement.scrollWidth") == 390
