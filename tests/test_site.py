"""The default lab's website, built for real and opened in a real browser."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.french import number, typeset
from generator.lab import read_lab
from tests.conftest import ROOT, Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def site() -> Path:
    """The website of the default lab; its experiments run first where their results are missing."""
    subprocess.run([sys.executable, "-m", "generator", "site"], cwd=ROOT, check=True)
    return ROOT / "site"


def article(page: Path) -> str:
    text = page.read_text()
    return text[text.index("<article") : text.index("</article>")]


def words(text: str) -> str:
    """Text without tags, Markdown's stars and differences of white space."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", text)).replace("**", "").replace("*", "")
    return re.sub(r"\s+", " ", re.sub(r"\s+([.,;:!?)])", r"\1", text))


def given_answers() -> dict[int, list[str]]:
    """Paragraphs of the write-up by question; the captions of 9-10 are looked at apart."""
    text = (ROOT / "tests" / "compte-rendu.txt").read_text()
    answers: dict[int, list[str]] = {}
    for head, body in re.findall(r"^(\d+)(?:-\d+)?\) (.*?)(?=^\d+(?:-\d+)?\) |\Z)", text, re.DOTALL | re.MULTILINE):
        paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", body) if p.strip()]
        answers[int(head)] = [p for p in paragraphs if not p.startswith(("*", "Tibetan")) or p.startswith("**")]
    return answers


class TestTexts:
    def test_there_are_ten_answers(self) -> None:
        assert sorted(given_answers()) == [1, 2, 3, 4, 5, 6, 7, 8, 9]

    @pytest.mark.parametrize("question", [*range(1, 10), 10])
    def test_the_answer_is_the_write_up_s_word_for_word(self, question: int, site: Path) -> None:
        (page,) = (site / "questions").glob(f"q{question:02d}-*.html")
        shown = words(article(page))
        for paragraph in given_answers()[min(question, 9)]:
            assert words(paragraph) in shown

    def test_bold_passages_are_bold(self, site: Path) -> None:
        text = (ROOT / "tests" / "compte-rendu.txt").read_text()
        bold = {words(passage) for passage in re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL)}
        shown = {
            words(passage).strip()
            for page in (site / "questions").glob("q*.html")
            for passage in re.findall(r"<strong>(.+?)</strong>", article(page), re.DOTALL)
        }
        assert len(bold) == 6
        assert bold <= shown

    def test_captions_of_question_10_are_in_their_right_order(self, site: Path) -> None:
        (page,) = (site / "questions").glob("q10-*.html")
        captions = re.findall(r'class="tp-said">(.+?)</p>', article(page), re.DOTALL)
        assert [words(caption) for caption in captions] == [
            "image en entrée",
            "après quelques epoch, certains traits caractéristiques sont accentués, des artefacts apparaissent déjà",
            "sans régularisation",
            "régularisation L2 de la distance à l'image initiale",
            "régularisation L2 de la norme de la valeur des pixels",
            "Image obtenue par une erreur d'implémentation",
        ]
        assert "Erratum" in article(page)

    def test_question_11_says_that_it_was_left_open(self, site: Path) -> None:
        (page,) = (site / "questions").glob("q11-*.html")
        assert "laisse cette question ouverte" in words(article(page))
        assert "<figure" in article(page)

    def test_numbers_in_the_pages_come_from_the_manifest(self, site: Path) -> None:
        raw = json.loads((ROOT / "build" / "results" / "alligator" / "manifest.json").read_text())
        norm = next(metric["value"] for metric in raw["metrics"] if metric["name"] == "oiseau.l2")
        (page,) = (site / "questions").glob("q05-*.html")
        assert number(norm) in article(page)


class TestProvenance:
    def test_stands_under_every_figure(self, site: Path) -> None:
        for page in site.rglob("*.html"):
            text = page.read_text()
            for figure in re.findall(r'<figure class="tp-figure.*?</figure>', text, re.DOTALL):
                for expected in ("SHA-256", "Graine", "torch", "make figure FIGURE=", ".png", ".npz", "Photographie"):
                    assert expected in figure or (expected == "Photographie" and "bruit gaussien" in figure)

    def test_every_figure_of_every_experiment_is_published(self, site: Path) -> None:
        for name in read_lab(ROOT / "content" / "tp.yml", ROOT / "data").experiments:
            raw = json.loads((ROOT / "build" / "results" / name / "manifest.json").read_text())
            gallery = (site / "galeries" / f"{raw['kind']}.html").read_text()
            for figure in raw["figures"]:
                assert f'id="{raw["experiment"]}-{figure["name"]}"' in gallery
                assert (site / "figures" / raw["experiment"] / figure["arrays"]).is_file()


class TestBuilding:
    def test_a_second_build_does_nothing(self, mini: Path, generator: Run) -> None:
        assert "built: open" in generator("site", mini).stdout
        assert "up to date: open" in generator("site", mini).stdout

    def test_an_edited_answer_is_published_without_an_experiment(
        self, mini: Path, tmp_path: Path, generator: Run
    ) -> None:
        generator("site", mini)
        question = mini.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text().replace("tête", "crinière"))
        done = generator("site", mini)
        assert "0 of 3 experiments run" in done.stdout
        assert "built: open" in done.stdout
        assert "crinière" in (tmp_path / "build-site" / "questions" / "q01-voir.html").read_text()

    @pytest.mark.parametrize(
        ("text", "message"),
        [("[x](nulle-part.md)", "nulle-part.md"), ('<img src="../rien.png" alt="">', "rien.png")],
        ids=["link", "image"],
    )
    def test_what_leads_nowhere_stops_the_build_and_leaves_the_old_site(
        self, text: str, message: str, mini: Path, tmp_path: Path, generator: Run
    ) -> None:
        generator("site", mini)
        old = (tmp_path / "build-site" / "questions" / "q01-voir.html").read_bytes()
        question = mini.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text() + f"\n{text}\n")
        done = generator("site", mini)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert (tmp_path / "build-site" / "questions" / "q01-voir.html").read_bytes() == old

    def test_a_folder_of_other_files_is_not_replaced(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        (tmp_path / "build-site").mkdir()
        (tmp_path / "build-site" / "thesis.tex").write_text("precious")
        done = generator("site", mini)
        assert done.returncode == 2
        assert (tmp_path / "build-site" / "thesis.tex").read_text() == "precious"

    def test_an_unknown_name_in_a_page_is_told(self, mini: Path, generator: Run) -> None:
        (mini.parent / "pages" / "index.md").write_text("# {{ titel }}")
        done = generator("site", mini)
        assert done.returncode == 2
        assert "index.md" in done.stderr
        assert "titel" in done.stderr


class TestFrench:
    def test_numbers(self) -> None:
        assert number(0.04123) == "0,04123"
        assert number(-1.5) == "−1,5"
        assert number(12500) == "12\N{NARROW NO-BREAK SPACE}500"
        assert number(0.0000123, 3) == "1,2\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10<sup>−5</sup>"

    def test_spaces(self) -> None:
        assert typeset("« a » : b ?") == "«\xa0a\xa0»\xa0: b\N{NARROW NO-BREAK SPACE}?"
        assert typeset("`a : b`") == "`a : b`"
        assert typeset("| :--- |") == "| :--- |"


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
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here (in CI this is not skipped)"
)
class TestBrowser:
    def test_every_page_opens_offline_without_an_error(self, site: Path, page: Page) -> None:
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        # What the next page's opening cuts short has not failed.
        page.on(
            "requestfailed",
            lambda r: None if r.failure == "net::ERR_ABORTED" else wrong.append(f"failed: {r.url} {r.failure}"),
        )
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
        pages = sorted(path for path in site.rglob("*.html") if path.name != "404.html")
        assert len(pages) >= 18
        for path in pages:
            page.goto(path.as_uri())
            broken = page.evaluate(
                """async () => {
                  const images = [...document.images];
                  images.forEach((image) => { image.loading = "eager"; });
                  await Promise.all(images.map((image) => image.decode().catch(() => null)));
                  return images.filter((image) => !image.naturalWidth || !image.hasAttribute("alt")).map((i) => i.src);
                }"""
            )
            assert not broken, path
        assert not wrong

    @pytest.mark.parametrize("width", [360, 768, 1440])
    def test_nothing_is_wider_than_the_window(self, width: int, site: Path, page: Page) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        for path in sorted(site.rglob("*.html")):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path

    def test_the_search_finds_a_word_offline(self, site: Path, page: Page) -> None:
        page.goto((site / "index.html").as_uri())
        page.locator("input[name=query]").click()
        page.locator("input[name=query]").press_sequentially("alligator", delay=20)
        result = page.locator(".md-search-result__item").first
        result.wait_for(timeout=10_000)
        assert "alligator" in result.inner_text().lower()

    def test_a_card_leads_to_its_question(self, site: Path, page: Page) -> None:
        page.goto((site / "index.html").as_uri())
        page.get_by_role("link", name="Les images adverses").first.click()
        assert page.locator("h1").inner_text().startswith("Question 5")

    def test_provenance_opens_by_keyboard(self, site: Path, page: Page) -> None:
        page.goto((site / "questions" / "q05-images-adverses.html").as_uri())
        details = page.locator("details.tp-provenance").first
        assert details.get_attribute("open") is None
        details.locator("summary").focus()
        page.keyboard.press("Enter")
        assert details.get_attribute("open") is not None
        assert "make figure FIGURE=alligator/oiseau" in details.inner_text()
