"""What a reader can look into, in a real browser: the matrix, tables that sort, scales, the frame at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.report.tables import shaded
from generator.results.artefacts import read_manifest
from tests.conftest import ROOT, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MATRIX = """\
  matrice:
    kind: matrix
    title: Matrice
    targets: [American alligator, goldfish, bull mastiff]
    step: 0.5
    iterations: 12
    clamp: true
"""
CLAIMS = """\
title: Tromper
claims:
  - {says: toujours, unmeasured: personne ne l’a compté}
  - {says: Partout, measured: attaques réussies, metric: matrice/success, confirmed: "> 200", refuted: "< 150"}
  - {says: souvent, measured: attaques réussies, metric: matrice/success, confirmed: "> 200", refuted: "< 1"}
  - {says: encore, measured: attaques menées, metric: matrice/cells, confirmed: "> 1", refuted: "< 1"}
"""
ANSWER = """\
Partout, toujours, souvent, encore.

## Mesures

![](table:matrice/grille)

![](table:matrice/mesures)
"""
FOOLED, SEEN, VERDICTS = "questions/q02-tromper.html", "questions/q01-voir.html", "bilan.html"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest lab's results and website, with a matrix of two photographs and three classes."""
    place = tmp_path_factory.mktemp("reading")
    shutil.copytree(ROOT / "tests" / "mini", place / "lab")
    lab, question = place / "lab" / "lab.yml", place / "lab" / "questions" / "q02-tromper.md"
    lab.write_text(lab.read_text() + MATRIX)
    question.write_text(question.read_text().replace("title: Tromper\n", CLAIMS) + "\n" + ANSWER)
    folders = ["--data", place / "data", "--build", place / "build", "--site", place / "site"]
    subprocess.run(
        [sys.executable, "-m", "generator", "site", "--lab", str(lab), *map(str, folders)], cwd=ROOT, check=True
    )
    return place


@pytest.fixture
def site(built: Path) -> Path:
    return built / "site"


def cell(page: Page, row: int, column: int) -> Locator:
    return page.locator(".tp-matrix tbody tr").nth(row).locator("td").nth(column)


def column(page: Page, table: str, at: int) -> list[str]:
    return page.locator(f"{table} tbody tr").locator(f":nth-child({at + 1})").all_inner_texts()


@needs_chromium
class TestTheMatrix:
    def test_a_mouse_over_a_cell_shows_all_its_numbers(self, built: Path, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        cell(page, 0, 1).hover()
        panel = page.locator(".tp-matrix__panel")
        told = panel.inner_text()
        assert "Pygargue → goldfish" in told
        for measure in ("Nombre de pas", "ΔE*ab, moyenne", "99ᵉ centile", "L2", "L∞", "SSIM", "PSNR"):
            assert measure in told
        manifest = read_manifest(built / "build" / "results" / "matrice")
        assert manifest
        grid = manifest.grid("grille")
        assert grid
        steps = grid.measures[0].values[0][1]
        assert re.search(rf"Nombre de pas\s+{steps:g}\b", told)
        assert str(panel.locator("img").get_attribute("src")).endswith("/oiseau-1.webp")
        assert panel.locator("img").evaluate("async (image) => (await image.decode(), image.naturalWidth)") > 0

    def test_a_click_leads_to_the_images(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        cell(page, 0, 1).click()
        page.wait_for_url("**/galeries/fooling.html#image-matrice-oiseau-1")
        assert page.locator("#image-matrice-oiseau-1 img").count() == 1

    def test_a_finger_looks_first_and_follows_the_panel_s_link(self, site: Path, phone: Page) -> None:
        phone.goto((site / FOOLED).as_uri())
        cell(phone, 1, 0).tap()
        panel = phone.locator(".tp-matrix__panel")
        assert "Bull-mastiff → American alligator" in panel.inner_text()
        assert panel.evaluate("panel => panel.getBoundingClientRect().bottom <= innerHeight + 1")
        panel.get_by_role("link", name="Voir ses images").tap()
        phone.wait_for_url("**/galeries/fooling.html#image-matrice-mastiff-50")

    def test_is_one_tab_stop_with_arrow_keys_within(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        panel = page.locator(".tp-matrix__panel")
        page.get_by_label("Montrer").focus()
        page.keyboard.press("Tab")
        assert cell(page, 0, 0).locator("a").evaluate("link => link === document.activeElement")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        assert "Bull-mastiff → goldfish" in panel.inner_text()
        page.keyboard.press("End")  # its own class: nothing to attack, but a cell all the same
        assert "Bull-mastiff → bull mastiff" in panel.inner_text()
        page.keyboard.press("Home")
        assert page.evaluate("document.activeElement.textContent") == "Bull-mastiff"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Voir ses images"

    def test_shows_the_measure_that_is_chosen(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        before = cell(page, 0, 0).inner_text()
        page.get_by_label("Montrer").select_option("SSIM")
        assert cell(page, 0, 0).inner_text() != before
        assert cell(page, 0, 0).inner_text().startswith("0,9")
        assert page.locator(".tp-matrix__shown").inner_text() == "SSIM"
        shades = page.locator(".tp-matrix td a").evaluate_all(
            "links => links.map((link) => Number(link.parentElement.style.getPropertyValue('--shade')))"
        )
        assert {min(shades), max(shades)} == {0, 1}

    def test_keeps_its_rows_names_in_sight_on_a_phone(self, site: Path, phone: Page) -> None:
        phone.goto((site / FOOLED).as_uri())
        box = phone.locator(".tp-matrix .tp-table")
        box.evaluate("box => { box.style.width = '12rem'; box.scrollLeft = 60; }")
        left = phone.locator(".tp-matrix tbody th").first.evaluate("name => name.getBoundingClientRect().left")
        assert left == box.evaluate("box => box.getBoundingClientRect().left")

    def test_is_a_table_of_links_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        assert cell(still, 0, 0).inner_text().isdigit()
        assert "Nombre de pas" in still.locator(".tp-matrix caption").inner_text()
        assert not still.locator(".tp-matrix__panel").is_visible()
        cell(still, 0, 1).locator("a").click()
        still.wait_for_url("**/galeries/fooling.html#image-matrice-oiseau-1")

    def test_axe_finds_nothing_wrong(self, site: Path, page: Page) -> None:
        from axe_playwright_python.sync_playwright import Axe

        for name in (FOOLED, SEEN, VERDICTS, "index.html"):
            page.goto((site / name).as_uri())
            wrong = Axe().run(page, context="article").response["violations"]
            assert not [(rule["id"], rule["nodes"][0]["html"]) for rule in wrong], name


def test_a_failed_attack_does_not_darken_the_others(built: Path) -> None:
    manifest = read_manifest(built / "build" / "results" / "matrice")
    assert manifest
    grid = manifest.grid("grille")
    assert grid
    steps = grid.measures[0].model_copy(update={"values": ((5.0, 100.0, 10.0, None),)})
    ((five, hundred, ten, nothing),) = shaded(steps, ((None, "échec", None, None),), str)
    assert (five[1], hundred[1], ten[1], nothing[1]) == (0, None, 1, None)


@needs_chromium
class TestSorting:
    TABLE = "#tableau-matrice-mesures"

    def numbers(self, page: Page) -> list[float]:
        return [float(text.replace(",", ".")) for text in column(page, self.TABLE, 1)]

    def test_by_mouse_goes_up_down_and_back(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        given = self.numbers(page)
        heading = page.get_by_role("columnheader", name="Moyenne", exact=True)
        for order, expected in (("ascending", sorted(given)), ("descending", sorted(given, reverse=True))):
            heading.get_by_role("button").click()
            assert heading.get_attribute("aria-sort") == order
            assert self.numbers(page) == expected
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") is None
        assert self.numbers(page) == given

    def test_by_keyboard(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.locator(f"{self.TABLE} th button").nth(1).focus()
        page.keyboard.press("Enter")
        assert self.numbers(page) == sorted(self.numbers(page))

    def test_by_touch_and_the_verdicts_by_what_they_say(self, site: Path, phone: Page) -> None:
        phone.goto((site / VERDICTS).as_uri())
        given = column(phone, "table", 4)
        phone.get_by_role("button", name="Verdict").tap()
        assert column(phone, "table", 4) != given
        assert column(phone, "table", 4) == sorted(given, key=["confirmé", "nuancé", "infirmé", "non mesuré"].index)

    def test_what_is_not_there_comes_last_either_way(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        cell(page, 1, 2).hover()
        assert cell(page, 1, 2).inner_text() == "—"
        heading = page.locator(".tp-matrix thead th").nth(3)
        for _ in ("ascending", "descending"):
            heading.get_by_role("button").click()
            assert cell(page, 1, 2).inner_text() == "—"

    def test_a_matrix_stays_sorted_when_another_measure_is_chosen(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.locator(".tp-matrix thead button").nth(1).click()
        for measure in ("Nombre de pas", "SSIM", "PSNR (dB)", "Norme L2"):
            page.get_by_label("Montrer").select_option(measure)
            shown = [float(text.replace(",", ".")) for text in column(page, ".tp-matrix", 1)]
            assert shown == sorted(shown), measure

    def test_french_numbers_are_numbers(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.evaluate(
            """([table, texts]) => [...document.querySelectorAll(`${table} tbody tr`)].forEach((row, at) => {
              row.cells[1].innerHTML = texts[at] ?? "—";
            })""",
            [self.TABLE, ["12\u202f500", "−3,5", "1,2\xa0×\xa010<sup>−5</sup>", "0,9", "0,85"]],
        )
        page.locator(f"{self.TABLE} th button").nth(1).click()
        assert column(page, self.TABLE, 1)[:3] == ["−3,5", "1,2\xa0×\xa010−5", "0,85"]
        assert column(page, self.TABLE, 1)[3:6] == ["0,9", "12\u202f500", "—"]

    def test_keeps_the_given_order_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        assert not still.locator(f"{self.TABLE} button").count()
        assert column(still, self.TABLE, 0)[0].startswith("Norme L2")


@needs_chromium
class TestScales:
    def test_stand_beside_differences(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        cells = page.locator("#alligator-oiseau .tp-cell")
        scales = [one.locator(".tp-scale").all_inner_texts() for one in cells.all()]
        assert [" ".join(one).split() for one in scales] == [[], [], ["−0,5", "0", "+0,5"], ["−0,05", "0", "+0,05"]]
        tops = cells.locator("img").evaluate_all("images => images.map((one) => one.getBoundingClientRect().top)")
        assert len(set(tops)) == 1

    def test_of_a_saliency_map_ends_at_its_maximum(self, built: Path, site: Path, page: Page) -> None:
        manifest = read_manifest(built / "build" / "results" / "saillance")
        assert manifest
        page.goto((site / SEEN).as_uri())
        scale = page.locator(".tp-scale--hot").first
        assert scale.get_attribute("role") == "img"
        low, high = scale.inner_text().split()
        assert low == "0"
        assert float(high.replace(",", ".")) == pytest.approx(manifest.metric("oiseau.maximum").value, rel=0.05)


@needs_chromium
class TestTheFrameAtHand:
    def test_is_what_is_enlarged(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        figure = page.locator("#alligator-oiseau")
        figure.get_by_role("slider", name="Itération").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        figure.locator(".tp-cell--screen a").click()
        dialog = page.get_by_role("dialog", name="Image agrandie")
        assert re.search(r"Itération 1 / \d+\.", dialog.locator("p").inner_text())
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-film-0001.webp")
        assert str(dialog.get_by_role("link").get_attribute("href")).endswith("oiseau-film-0001.webp")

    def test_is_the_lossless_picture_at_the_end(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        figure = page.locator("#alligator-oiseau")
        figure.get_by_role("slider", name="Itération").focus()
        page.keyboard.press("Home")
        page.keyboard.press("End")
        figure.locator(".tp-cell--screen a").click()
        dialog = page.get_by_role("dialog", name="Image agrandie")
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-trompeuse.webp")
        last = re.search(r"Itération (\d+) / (\d+)", dialog.locator("p").inner_text())
        assert last
        assert last[1] == last[2]
