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
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlparse

import pytest

from generator.lab import read_lab
from tests.conftest import FRENCH, ROOT, Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

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
    text = re.sub(r"</?abbr[^>]*>", "", text)  # a word explained is the same word
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
        assert FRENCH.number(norm) in article(page)


class TestProvenance:
    def test_stands_under_every_figure(self, site: Path) -> None:
        for page in site.rglob("*.html"):
            text = page.read_text()
            for figure in re.findall(r'<figure class="tp-figure.*?</figure>', text, re.DOTALL):
                for expected in ("SHA-256", "Graine", "torch", "make figure FIGURE=", ".npz"):
                    assert expected in figure
                if "tp-figure--chart" in figure:
                    assert ".svg" in figure
                else:
                    assert ".png" in figure
                    assert "Photographie" in figure or "bruit" in figure

    def test_every_figure_of_every_experiment_is_published(self, site: Path) -> None:
        galleries = {path.name: path.read_text() for path in (site / "galeries").glob("*.html")}
        for name, experiment in read_lab(ROOT / "content" / "tp.yml", ROOT / "data").experiments.items():
            raw = json.loads((ROOT / "build" / "results" / name / "manifest.json").read_text())
            gallery = galleries.get(f"{experiment.family}-{name}.html") or galleries[f"{experiment.family}.html"]
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
        assert FRENCH.number(0.04123) == "0,04123"
        assert FRENCH.number(-1.5) == "−1,5"
        assert FRENCH.number(12500) == "12\N{NARROW NO-BREAK SPACE}500"
        assert FRENCH.number(0.0000123, 3) == "1,2\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10<sup>−5</sup>"

    def test_spaces(self) -> None:
        assert FRENCH.typeset("« a » : b ?") == "«\xa0a\xa0»\xa0: b\N{NARROW NO-BREAK SPACE}?"
        assert FRENCH.typeset("`a : b`") == "`a : b`"
        assert FRENCH.typeset("| :--- |") == "| :--- |"


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
                  return images
                    .filter((image) => !image.closest("dialog"))
                    .filter((image) => !image.naturalWidth || !image.hasAttribute("alt"))
                    .map((image) => image.src);
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


FILMED, FOOLED = "questions/q10-image-reelle.html", "questions/q05-images-adverses.html"
GALLERY = "galeries/fooling.html"
EVERY_KIND = [
    "index.html",
    FILMED,
    "questions/tout.html",
    GALLERY,
    "bilan.html",
    "execution.html",
    "reutiliser-experience.html",
]


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page of a phone's size, with a finger."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def still(browser: Browser) -> Iterator[Page]:
    """A page without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def touch(page: Page, target: Locator, across: float) -> None:
    """Tap a control at a fraction of its width."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + across * box["width"], box["y"] + box["height"] / 2)


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here (in CI this is not skipped)"
)


@needs_chromium
class TestFilms:
    def test_stand_still_and_cost_nothing_until_they_are_touched(self, site: Path, page: Page) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / FILMED).as_uri())
        film = page.locator(".tp-film").first
        film.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert film.locator("output").inner_text() == "Itération 525 / 1000"
        assert not [url for url in asked if "-film-" in url]

    def test_follow_the_arrow_keys(self, site: Path, page: Page) -> None:
        page.goto((site / FILMED).as_uri())
        figure = page.locator(".tp-figure", has=page.locator(".tp-film")).first
        slider = figure.get_by_role("slider", name="Itération")
        slider.focus()
        page.keyboard.press("Home")
        assert figure.locator("output").inner_text() == "Itération 0 / 1000"
        assert figure.locator(".tp-curve__mark").get_attribute("x1") == "0"
        first = figure.locator(".tp-cell img").get_attribute("src")
        page.keyboard.press("ArrowRight")
        second = figure.locator(".tp-cell img").get_attribute("src")
        assert first != second
        assert (slider.get_attribute("aria-valuetext") or "").startswith("Itération 1 / 1000, score ")

    def test_play_when_asked_and_stop_when_asked(self, site: Path, page: Page) -> None:
        page.goto((site / FILMED).as_uri())
        film = page.locator(".tp-film").first
        film.get_by_role("button", name="Lire le film").click()
        page.wait_for_function("document.querySelector('.tp-film input').value >= 2")
        film.get_by_role("button", name="Arrêter").click()
        value = film.locator("input").input_value()
        page.wait_for_timeout(600)
        assert film.locator("input").input_value() == value

    def test_follow_the_finger(self, site: Path, phone: Page) -> None:
        phone.goto((site / FOOLED).as_uri())
        touch(phone, phone.locator(".tp-film input"), 0.02)
        assert phone.locator(".tp-film output").inner_text().startswith("Itération 0 / ")

    def test_every_frame_is_there(self, site: Path) -> None:
        films = 0
        for path in (site / "galeries").glob("*.html"):
            for data, base in re.findall(r"data-film='(.+?)' data-base=\"(.+?)\"", path.read_text()):
                played, films = json.loads(html.unescape(data)), films + 1
                assert len(played["frames"]) == len(played["iterations"]) == len(played["scores"])
                for frame in played["frames"]:
                    assert (path.parent / base / frame).is_file()
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
        assert films >= sum(experiment.kind == "classvis" for experiment in lab.experiments.values())

    def test_are_strips_of_key_frames_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FILMED).as_uri())
        assert still.locator(".tp-strip").first.locator("img").count() == 6
        assert still.locator(".tp-strip").first.is_visible()
        assert not still.locator(".tp-control:visible").count()


@needs_chromium
class TestComparisons:
    def seen(self, page: Page) -> str:
        upper = page.locator(".tp-compare[open] .tp-stack__over")
        return str(upper.evaluate("image => getComputedStyle(image).clipPath"))

    def test_by_keyboard(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.locator(".tp-compare summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("End")
        assert self.seen(page) == "inset(0px 0px 0px 100%)"
        page.keyboard.press("ArrowLeft")
        assert self.seen(page) == "inset(0px 0px 0px 99%)"

    def test_by_mouse(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.locator(".tp-compare summary").click()
        box = page.locator(".tp-stack").bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
        page.mouse.up()
        assert self.seen(page) == "inset(0px 0px 0px 25%)"

    def test_by_touch(self, site: Path, phone: Page) -> None:
        phone.goto((site / FOOLED).as_uri())
        phone.locator(".tp-compare summary").tap()
        touch(phone, phone.locator(".tp-stack input"), 0.5)
        assert self.seen(phone) == "inset(0px 0px 0px 50%)"
        touch(phone, phone.locator(".tp-stack input"), 0.99)
        assert self.seen(phone) == "inset(0px 0px 0px 100%)"

    def test_a_map_lies_over_its_image(self, site: Path, page: Page) -> None:
        page.goto((site / "questions/q01-saillance.html").as_uri())
        panel = page.locator(".tp-compare--overlay").first
        panel.locator("summary").click()
        panel.get_by_role("slider", name="Opacité : Carte de saillance").focus()
        page.keyboard.press("Home")
        maps = panel.locator(".tp-stack__over")
        assert maps.evaluate_all("maps => maps.map((map) => getComputedStyle(map).opacity)") == ["0"] * 5


@needs_chromium
class TestEnlargedPictures:
    def test_go_from_one_to_the_next_by_keyboard(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        links = page.locator(".tp-picture")
        links.nth(0).focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Image agrandie")
        assert "plus proche voisin" in dialog.inner_text()
        assert dialog.locator("img").evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
        page.keyboard.press("ArrowRight")
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-trompeuse.png")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-difference-x10.png")
        download = dialog.get_by_role("link", name="Télécharger en pleine résolution")
        assert str(download.get_attribute("href")).endswith("oiseau-difference-x10.png")
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert links.nth(3).evaluate("link => link === document.activeElement")

    def test_by_mouse_and_by_touch(self, site: Path, page: Page, phone: Page) -> None:
        for one in (page, phone):
            one.goto((site / FOOLED).as_uri())
            one.locator(".tp-picture").first.click()
            dialog = one.get_by_role("dialog", name="Image agrandie")
            dialog.get_by_role("button", name="Suivante").click()
            assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-trompeuse.png")
            dialog.get_by_role("button", name="Fermer").click()
            assert not dialog.is_visible()

    def test_are_plain_links_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        still.locator(".tp-picture").first.click()
        still.wait_for_url("**/oiseau-originale.png")


@needs_chromium
class TestControls:
    def test_the_command_is_copied_with_one_click(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.get_by_role("button", name="Copier la commande").first.click()
        page.locator("input[name=query]").click()
        page.keyboard.press("Control+V")
        assert page.locator("input[name=query]").input_value() == "make figure FIGURE=alligator/oiseau"

    def test_a_gallery_narrows_down(self, site: Path, page: Page) -> None:
        page.goto((site / "galeries/saliency.html").as_uri())
        everything = page.locator(".tp-figure:visible").count()
        page.locator("select[name=réseau]").select_option("EfficientNet-Lite2")
        page.locator("select[name=image]").focus()
        page.keyboard.type("Oies")
        figures = page.locator(".tp-figure:visible")
        assert 0 < figures.count() < everything / 2
        for facets in figures.evaluate_all("figures => figures.map((figure) => figure.dataset.facets)"):
            assert "Oies" in json.loads(facets)["image"]
        assert f"{figures.count()} figures sur {everything}" in page.locator(".tp-filter output").inner_text()
        assert not page.get_by_role("heading", name="Cartes de saillance", exact=True, level=3).is_visible()
        page.get_by_role("button", name="Tout montrer").click()
        page.wait_for_function(f"!document.querySelector('figure[hidden]') || {everything} === 0")

    def test_verdicts_can_be_chosen(self, site: Path, page: Page) -> None:
        page.goto((site / "bilan.html").as_uri())
        everything = page.locator("tbody tr:visible").count()
        page.get_by_label("confirmé").focus()
        page.keyboard.press("Space")
        left = page.locator("tbody tr:visible")
        assert 0 < left.count() < everything
        assert "confirmé" not in left.locator(".tp-verdict").all_inner_texts()

    def test_everything_is_shown_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / GALLERY).as_uri())
        assert still.locator(".tp-figure:visible").count() == still.locator(".tp-figure").count()
        assert not still.locator(".tp-filter").is_visible()


@needs_chromium
class TestPages:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_finds_nothing_wrong(self, scheme: Literal["light", "dark"], site: Path, page: Page) -> None:
        from axe_playwright_python.sync_playwright import Axe

        page.emulate_media(color_scheme=scheme)
        for name in EVERY_KIND:
            page.goto((site / name).as_uri())
            page.wait_for_load_state("load")
            page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
            wrong = Axe().run(page, context="article").response["violations"]
            assert not [(rule["id"], rule["nodes"][0]["html"]) for rule in wrong], name

    def test_no_text_is_under_16_pixels_on_a_phone(self, site: Path, phone: Page) -> None:
        for name in EVERY_KIND:
            phone.goto((site / name).as_uri())
            small = phone.evaluate(
                """() => {
                  document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
                  const texts = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
                  const small = new Set();
                  while (texts.nextNode()) {
                    const { parentElement: owner, data } = texts.currentNode;
                    const size = parseFloat(getComputedStyle(owner).fontSize);
                    if (data.trim() && owner.getClientRects().length && size < 16 && !owner.closest("sup, sub, svg"))
                      small.add(`${owner.outerHTML.slice(0, 80)} ${size}`);
                  }
                  return [...small];
                }"""
            )
            assert not small, name

    def test_the_first_load_is_light_and_nothing_jumps(self, site: Path, page: Page) -> None:
        asked: set[Path] = set()
        page.on("request", lambda request: asked.add(Path(unquote(urlparse(request.url).path))))
        for name in EVERY_KIND:
            asked.clear()
            page.goto((site / name).as_uri())
            page.wait_for_timeout(500)
            assert sum(path.stat().st_size for path in asked if path.is_file()) < 1_500_000, name
            jumps = page.evaluate(
                """() => new Promise((told) => {
                  new PerformanceObserver((list) => told(list.getEntries().reduce((sum, one) => sum + one.value, 0)))
                    .observe({ type: "layout-shift", buffered: true });
                  setTimeout(() => told(0), 200);
                })"""
            )
            assert jumps < 0.05, name

    def test_on_paper_there_are_key_frames_and_the_command(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print", color_scheme="dark")
        page.goto((site / FILMED).as_uri())
        assert page.locator(".tp-strip").first.is_visible()
        assert page.locator(".tp-provenance pre").first.is_visible()
        assert not page.locator(".tp-provenance dl").first.is_visible()
        assert not page.locator(".tp-control:visible").count()

    def test_one_page_has_it_all_and_the_search_leaves_it_out(self, site: Path) -> None:
        text = (site / "questions" / "tout.html").read_text()
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
        for question in lab.questions:
            assert f"Question {question.number} — " in text
        names = re.findall(r'\bid="(.+?)"', text)
        assert len(names) == len(set(names))
        assert "tout.html" not in (site / "search" / "search_index.json").read_text()

    def test_the_site_s_own_script_and_style_are_small(self) -> None:
        for name in ("lab.css", "lab.js"):
            assert (ROOT / "content" / "assets" / name).stat().st_size < 20_000
