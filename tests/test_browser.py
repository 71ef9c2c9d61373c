"""The default lab's website in a real browser: what holds on every page, and all that can be done on them."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import Run, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_chromium

FILMED, FOOLED, MAPPED = (
    f"questions/{name}.html" for name in ("q10-image-reelle", "q05-images-adverses", "q01-saillance")
)
BORROWED = "questions/q09-hyperparametres.html"
GALLERY = "galeries/saliency.html"
VERDICTS = "bilan.html"
# One page of each kind, for what takes too long on all.
EVERY_KIND = [
    "index.html", FILMED, FOOLED, MAPPED, GALLERY, VERDICTS,
    "methode.html", "carnets.html", "execution.html", "reutiliser-experience.html",
]  # fmt: skip

COLOUR_SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
SETTLED = """() => Promise.all(document.getAnimations()
  .filter((one) => one instanceof CSSTransition).map((one) => one.finished.catch(() => null)))"""
UNFOLD = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    """All pages; that for a wrong address only works where there is a server to answer with it."""
    names = sorted(str(path.relative_to(site)) for path in site.rglob("*.html") if path.name != "404.html")
    assert len(names) >= 25
    return names


def axe(page: Page, options: dict[str, object]) -> dict[str, str]:
    """What axe finds wrong inside the article: the first element by rule."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context="article", options={"resultTypes": ["violations"]} | options).response
    return {rule["id"]: rule["nodes"][0]["html"] for rule in found["violations"]}


class TestEveryPage:
    def test_opens_by_itself_with_all_its_images(self, opened_at: str, pages: list[str], page: Page) -> None:
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        # What the next page's opening cuts short has not failed.
        page.on(
            "requestfailed",
            lambda r: None if r.failure == "net::ERR_ABORTED" else wrong.append(f"failed: {r.url} {r.failure}"),
        )
        page.on("request", lambda r: None if r.url.startswith((opened_at, "data:", "blob:")) else wrong.append(r.url))
        for name in pages:
            page.goto(f"{opened_at}/{name}")
            broken = page.evaluate(
                """async () => {
                  const images = [...document.images].filter((image) => !image.closest("dialog"));
                  images.forEach((image) => { image.loading = "eager"; });
                  await Promise.all(images.map((image) => image.decode().catch(() => null)));
                  return images.filter((image) => !image.naturalWidth).map((image) => image.src);
                }"""
            )
            assert not broken, name
        assert not wrong

    def test_has_nothing_axe_finds_wrong_and_colours_that_can_be_read(
        self, site: Path, pages: list[str], page: Page
    ) -> None:
        wrong = {}
        for name in pages:
            page.emulate_media(color_scheme="light")
            page.goto((site / name).as_uri())
            page.evaluate(UNFOLD)
            if found := axe(page, {"rules": {"color-contrast": {"enabled": False}}}):
                wrong[name] = found
            # The figures that follow the third have its colours, and each word takes its time.
            page.evaluate("[...document.querySelectorAll('figure')].slice(3).forEach((figure) => figure.remove())")
            for scheme in COLOUR_SCHEMES:
                page.emulate_media(color_scheme=scheme)
                if found := axe(page, {"runOnly": ["color-contrast"]}):
                    wrong[f"{name}, {scheme}"] = found
        assert not wrong

    def test_fits_the_window_and_nothing_overlaps_or_is_cut(self, site: Path, pages: list[str], page: Page) -> None:
        wrong = {}
        for name in pages:
            page.goto((site / name).as_uri())
            page.evaluate(UNFOLD)
            for width in (1440, 768, 360):
                page.set_viewport_size({"width": width, "height": 800})
                page.evaluate(SETTLED)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
                if found := page.evaluate(LAID_OUT_BADLY):
                    wrong[f"{name}, {width}"] = found
        assert not wrong

    def test_has_no_text_under_16_pixels_on_a_phone(self, site: Path, pages: list[str], phone: Page) -> None:
        small = {}
        for name in pages:
            phone.goto((site / name).as_uri())
            phone.evaluate(UNFOLD)
            if found := phone.evaluate(SMALL_TEXTS):
                small[name] = found
        assert not small

    def test_says_what_its_images_show_and_serves_them_as_large_as_they_are_shown(
        self, site: Path, pages: list[str], page: Page
    ) -> None:
        page.set_viewport_size({"width": 1440, "height": 900})
        silent, badly = {}, {}
        for name in pages:
            page.goto((site / name).as_uri())
            if found := page.evaluate(SILENT_IMAGES):
                silent[name] = found
            if found := page.evaluate(IMAGES_SERVED_BADLY):
                badly[name] = found
        assert not silent
        assert not badly


# In the page: which pieces of text, images and controls cover one another, and which boxes hide a part of their text.
# Meant to overlap: what lies in one .tp-stack, a grid's panel, which sticks to the end of the window, and the theme's
# button over a listing that scrolls.
LAID_OUT_BADLY = """() => {
  const root = document.querySelector(".md-content");
  const hidden = (box) => !box.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const clipped = (rect, owner) => {
    let { left, top, right, bottom } = rect;
    for (let box = owner; box && box !== root; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (style.position === "fixed") break;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const frame = box.getBoundingClientRect();
      left = Math.max(left, frame.left); right = Math.min(right, frame.right);
      top = Math.max(top, frame.top); bottom = Math.min(bottom, frame.bottom);
    }
    return { left, top, right, bottom };
  };
  const pieces = [];
  const add = (rect, owner, slack, told) => {
    const { left, top, right, bottom } = clipped(rect, owner);
    const rim = slack * (bottom - top);  // a line of text is lower than its box
    const piece = { left: left + 1, right: right - 1, top: top + rim + 1, bottom: bottom - rim - 1, owner, told };
    if (piece.right > piece.left && piece.bottom > piece.top) pieces.push(piece);
  };
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement: owner, data } = texts.currentNode;
    if (!data.trim() || hidden(owner)) continue;
    if (owner.closest("svg, select, script, style, .tp-stack, .tp-matrix__panel")) continue;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    for (const rect of range.getClientRects()) add(rect, owner, 0.2, data.trim().slice(0, 40));
  }
  for (const box of root.querySelectorAll("img, svg, input, select, button, .tp-stack")) {
    if (hidden(box) || box.parentElement.closest("svg, .tp-stack, .tp-matrix__panel, .md-code__nav")) continue;
    add(box.getBoundingClientRect(), box, 0, box.outerHTML.slice(0, 80));
  }
  pieces.sort((one, other) => one.top - other.top);
  const wrong = new Set();
  pieces.forEach((one, at) => {
    for (const other of pieces.slice(at + 1)) {
      if (other.top >= one.bottom) break;
      if (other.left >= one.right || one.left >= other.right) continue;
      if (one.owner.contains(other.owner) || other.owner.contains(one.owner)) continue;
      wrong.add(`${one.told} × ${other.told}`);
    }
  });
  for (const box of root.querySelectorAll("*")) {
    const { overflowX, overflowY } = getComputedStyle(box);
    const hides = (overflow) => overflow === "hidden" || overflow === "clip";
    if (hidden(box) || box.matches("select, svg")) continue;
    if ((hides(overflowX) && box.scrollWidth > box.clientWidth + 1) ||
        (hides(overflowY) && box.scrollHeight > box.clientHeight + 1)) wrong.add(`cut: ${box.outerHTML.slice(0, 120)}`);
  }
  return [...wrong].slice(0, 8);
}"""

SMALL_TEXTS = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = new Set();
  while (texts.nextNode()) {
    const { parentElement: owner, data } = texts.currentNode;
    const size = parseFloat(getComputedStyle(owner).fontSize);
    if (!data.trim() || size >= 16 || !owner.checkVisibility({ visibilityProperty: true })) continue;
    if (!owner.closest("svg, sup, sub, :is(msub, msup, msubsup) > :not(:first-child)"))
      small.add(`${owner.outerHTML.slice(0, 80)} ${size}`);
  }
  return [...small].slice(0, 8);
}"""

# A picture may be silent only where it decorates a link that has words of its own.
SILENT_IMAGES = """() => {
  const plain = (text) => text.replace(/\\s+/g, " ").trim().toLowerCase();
  return [...document.querySelectorAll("article img")].filter((image) => {
    if (!image.hasAttribute("alt")) return true;
    const alt = plain(image.alt);
    if (!alt) return !plain(image.closest("a:not(.tp-picture), .tp-peek > summary")?.textContent ?? "");
    const around = image.closest("figure")?.querySelectorAll("figcaption p, .tp-figure__title, .tp-cell__title") ?? [];
    return [...around].some((words) => plain(words.textContent).endsWith(alt));
  }).map((image) => image.outerHTML).slice(0, 8);
}"""

# Twice the size shown, for fine screens, and a little, so that one file serves several places; drawings have no size.
IMAGES_SERVED_BADLY = """async () => {
  const images = [...document.querySelectorAll("article img")].filter((image) => image.checkVisibility());
  const wrong = images
    .filter((image) => !image.hasAttribute("width") || !image.hasAttribute("height") ||
      (image.getBoundingClientRect().top > innerHeight && image.loading !== "lazy"));
  images.forEach((image) => { image.loading = "eager"; });
  await Promise.all(images.map((image) => image.decode().catch(() => null)));
  wrong.push(...images.filter((image) => !/\\.svg/.test(image.src) && image.naturalWidth > 2.3 * image.clientWidth));
  return wrong.map((image) => `${image.src} ${image.naturalWidth} as ${image.clientWidth}`).slice(0, 8);
}"""


class FirstLoad(NamedTuple):
    """What opening a page for the first time costs."""

    weight: int  # bytes
    paint: float  # milliseconds until something is seen
    shift: float  # cumulative layout shift, scrolled down three windows


def first_load(browser: Browser, address: str) -> FirstLoad:
    """Open a page in a browser that has seen nothing yet."""
    asked: list[Path] = []
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(Path(unquote(urlparse(request.url).path))))
        page.goto(address)
        paint = page.evaluate(FIRST_PAINT)
        weight = sum(map(sent, {path for path in asked if path.is_file()}))
        return FirstLoad(weight, paint, page.evaluate(SHIFT))


def sent(path: Path) -> int:
    """Bytes of a file as servers send it: texts are compressed on the way."""
    data = path.read_bytes()
    return len(gzip.compress(data)) if path.suffix in {".html", ".css", ".js", ".svg", ".json"} else len(data)


@pytest.fixture(scope="session")
def first_loads(site: Path, pages: list[str], browser: Browser) -> dict[str, FirstLoad]:
    """Each page opened from disk; up to three times, as another program may have had the processor."""
    loads = {}
    for name in pages:
        for _ in range(3):
            loads[name] = first_load(browser, (site / name).as_uri())
            if loads[name].paint < 1000:
                break
    return loads


FIRST_PAINT = """() => new Promise((told) => {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") told(entry.startTime);
  }).observe({ type: "paint", buffered: true });
})"""

SHIFT = """async () => {
  let sum = 0;
  const add = (entries) => entries.forEach((entry) => { sum += entry.value; });
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  for (let y = 0; y < document.body.scrollHeight && y < 2400; y += 800) {
    scrollTo(0, y);
    await new Promise((shown) => { requestAnimationFrame(() => requestAnimationFrame(shown)); });
  }
  await new Promise((shown) => { setTimeout(shown, 100); });
  add(observer.takeRecords());
  return sum;
}"""


class TestFirstLoad:
    def test_is_light(self, first_loads: dict[str, FirstLoad]) -> None:
        assert not {name: load for name, load in first_loads.items() if load.weight >= 1_500_000}

    def test_shows_something_within_a_second(self, first_loads: dict[str, FirstLoad]) -> None:
        assert not {name: load for name, load in first_loads.items() if load.paint >= 1000}

    def test_does_not_jump(self, first_loads: dict[str, FirstLoad]) -> None:
        assert not {name: load for name, load in first_loads.items() if load.shift >= 0.05}


def test_a_word_without_end_stays_on_the_page(ran: Path, tmp_path: Path, generator: Run, browser: Browser) -> None:
    for path, old in ((ran, "Cartes"), (ran, "Pygargue"), (ran.parent / "questions" / "q01-voir.md", "Voir")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"title: {old}", f"title: {'interminablement' * 26}", 1), encoding="utf-8")
    done = generator("site", ran)
    assert done.returncode == 0, done.stderr
    for width in (390, 1280):
        with browser.new_context(viewport={"width": width, "height": 800}) as context:
            page = context.new_page()
            for path in sorted((tmp_path / "build-site").rglob("*.html")):
                if path.name == "404.html":  # made for a server's top, it has no style on a disk
                    continue
                page.goto(path.as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name


# Notes each element of the article that the focus comes to, and whether one sees that it is there.
WATCH_FOCUS = """() => {
  window.reached = new Map();
  document.addEventListener("focusin", ({ target }) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(target);
    reached.set(target, (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none");
  });
}"""

UNREACHED = """() => [...document.querySelectorAll("article :is(a[href], button, input, select, summary, [tabindex])")]
  .filter((control) => control.checkVisibility({ visibilityProperty: true }) && control.tabIndex >= 0)
  .filter((control) => !reached.get(control))
  .map((control) => `${control.outerHTML.slice(0, 120)}: ${reached.has(control) ? "no outline" : "not reached"}`)
  .slice(0, 8)"""


class TestKeyboard:
    @pytest.mark.parametrize("name", EVERY_KIND)
    def test_comes_to_every_control_and_shows_where_it_is(self, name: str, site: Path, page: Page) -> None:
        page.goto((site / name).as_uri())
        page.wait_for_load_state("load")
        page.evaluate(UNFOLD)
        page.evaluate(WATCH_FOCUS)
        for _ in range(
            page.evaluate("document.querySelectorAll('a, button, input, select, summary, [tabindex]').length")
        ):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('.md-footer') !== null"):
                break
        assert page.evaluate("reached.size") > 0
        assert not page.evaluate(UNREACHED)


class TestReducedMotion:
    def test_nothing_moves_but_what_was_asked_to(self, site: Path, page: Page) -> None:
        page.emulate_media(reduced_motion="reduce")
        for name in EVERY_KIND:
            page.goto((site / name).as_uri())
            moving = page.evaluate(
                """() => [...document.querySelectorAll("*")].filter((box) => {
                  const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(box);
                  return /[1-9]/.test(transitionDuration) || animationName !== "none" || scrollBehavior === "smooth";
                }).map((box) => box.outerHTML.slice(0, 80)).slice(0, 8)"""
            )
            assert not moving, name

    @pytest.mark.parametrize(("motion", "frames"), [("no-preference", range(5, 20)), ("reduce", range(1, 4))])
    def test_a_film_goes_slowly(
        self, motion: Literal["no-preference", "reduce"], frames: range, site: Path, page: Page
    ) -> None:
        page.emulate_media(reduced_motion=motion)
        page.goto((site / FILMED).as_uri())
        film = page.locator(".tp-film").first
        film.get_by_role("button", name="Lire le film").click()
        page.wait_for_timeout(2000)
        assert int(film.get_by_role("slider").input_value()) in frames


class Hand(Protocol):
    """One way to touch a page."""

    page: Page

    def press(self, target: Locator) -> None:
        """Activate a control."""

    def slide(self, slider: Locator, end: Literal["first", "last"]) -> None:
        """Move a slider to one of its ends."""


class Mouse(NamedTuple):
    page: Page

    def press(self, target: Locator) -> None:
        target.click()

    def slide(self, slider: Locator, end: Literal["first", "last"]) -> None:
        x, y, width = place(slider)
        self.page.mouse.move(x + width / 2, y)
        self.page.mouse.down()
        self.page.mouse.move(x + (0 if end == "first" else width), y, steps=3)
        self.page.mouse.up()


class Finger(NamedTuple):
    page: Page

    def press(self, target: Locator) -> None:
        target.tap()

    def slide(self, slider: Locator, end: Literal["first", "last"]) -> None:
        x, y, width = place(slider)
        self.page.touchscreen.tap(x + (2 if end == "first" else width - 2), y)


class Keys(NamedTuple):
    page: Page

    def press(self, target: Locator) -> None:
        target.focus()
        self.page.keyboard.press("Space" if target.get_attribute("type") == "checkbox" else "Enter")

    def slide(self, slider: Locator, end: Literal["first", "last"]) -> None:
        slider.focus()
        self.page.keyboard.press("Home" if end == "first" else "End")


def place(slider: Locator) -> tuple[float, float, float]:
    """Where a slider begins, its middle height, and its width, once it is in sight."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    return box["x"], box["y"] + box["height"] / 2, box["width"]


@pytest.fixture(params=[Mouse, Finger, Keys])
def hand(request: pytest.FixtureRequest) -> Hand:
    """A mouse and a keyboard on a desktop, a finger on a phone."""
    touched: Page = request.getfixturevalue("phone" if request.param is Finger else "page")
    hand: Hand = request.param(touched)
    return hand


class TestSearch:
    def test_finds_a_word(self, opened_at: str, page: Page) -> None:
        page.goto(f"{opened_at}/index.html")
        page.locator("input[name=query]").click()
        page.locator("input[name=query]").press_sequentially("alligator", delay=20)
        result = page.locator(".md-search-result__item").first
        result.wait_for(timeout=10_000)
        assert "alligator" in result.inner_text().lower()


class TestLinks:
    def test_a_card_leads_to_its_question(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / "index.html").as_uri())
        hand.press(hand.page.locator("article").get_by_role("link", name="Les images adverses").first)
        hand.page.wait_for_url("**/q05-*.html")
        assert hand.page.locator("h1").inner_text().startswith("Question 5")


class TestProvenance:
    def test_unfolds(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / FOOLED).as_uri())
        fold = hand.page.locator("details.tp-provenance").first
        assert not fold.locator("dl").is_visible()
        hand.press(fold.locator("summary"))
        assert fold.locator("dl").is_visible()
        assert "make figure FIGURE=alligator/oiseau" in fold.inner_text()
        hand.press(fold.locator("summary"))
        assert not fold.locator("dl").is_visible()

    def test_unfolds_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        fold = still.locator("details.tp-provenance").first
        fold.locator("summary").click()
        assert "make figure FIGURE=alligator/oiseau" in fold.inner_text()

    def test_its_command_is_copied(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / FOOLED).as_uri())
        hand.press(hand.page.get_by_role("button", name="Copier la commande").first)
        hand.page.evaluate(
            "document.querySelector('article').insertAdjacentHTML('afterbegin', '<textarea id=pasted></textarea>')"
        )
        hand.page.locator("#pasted").focus()
        hand.page.keyboard.press("Control+V")
        assert hand.page.locator("#pasted").input_value() == "make figure FIGURE=alligator/oiseau"

    def test_no_button_copies_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        assert not still.locator(".tp-copy:visible").count()


class TestFilms:
    def test_cost_nothing_until_they_are_touched(self, site: Path, page: Page) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / FILMED).as_uri())
        film = page.locator(".tp-film").first
        film.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert film.locator("output").inner_text() == "Itération 575 / 1000"
        assert not [url for url in asked if "-film-" in url]

    def test_are_wound_back_and_forth(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / FILMED).as_uri())
        figure = hand.page.locator(".tp-figure", has=hand.page.locator(".tp-film")).first
        slider, screen = figure.get_by_role("slider", name="Itération"), figure.locator("#mastiff-norme-0575 img")
        end = screen.get_attribute("src")
        hand.slide(slider, "first")
        assert figure.locator("output").inner_text() == "Itération 0 / 1000"
        assert (
            figure.locator(".tp-curve__mark").evaluate_all("marks => marks.map((mark) => mark.getAttribute('x1'))")
            == ["0"] * 4
        )
        assert screen.get_attribute("src") != end
        hand.slide(slider, "last")
        assert figure.locator("output").inner_text() == "Itération 575 / 1000"
        assert str(screen.get_attribute("src")).endswith(str(end).removeprefix("../"))

    def test_follow_the_arrow_keys(self, site: Path, page: Page) -> None:
        page.goto((site / FILMED).as_uri())
        figure = page.locator(".tp-figure", has=page.locator(".tp-film")).first
        slider = figure.get_by_role("slider", name="Itération")
        slider.focus()
        page.keyboard.press("Home")
        first = figure.locator("#mastiff-norme-0575 img").get_attribute("src")
        page.keyboard.press("ArrowRight")
        assert figure.locator("#mastiff-norme-0575 img").get_attribute("src") != first
        assert (slider.get_attribute("aria-valuetext") or "").startswith("Itération 1 / 1000, score ")

    def test_play_when_asked_and_stop_when_asked(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / FILMED).as_uri())
        film = hand.page.locator(".tp-film").first
        hand.press(film.get_by_role("button", name="Lire le film"))
        hand.page.wait_for_function("document.querySelector('.tp-film input').value >= 2")
        hand.press(film.get_by_role("button", name="Arrêter"))
        value = film.locator("input").input_value()
        hand.page.wait_for_timeout(600)
        assert film.locator("input").input_value() == value

    def test_are_strips_of_key_frames_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FILMED).as_uri())
        assert still.locator(".tp-strip").first.locator("img").count() == 6
        assert still.locator(".tp-strip").first.is_visible()
        assert not still.locator(".tp-control:visible").count()


class TestHome:
    def test_one_large_picture_moves_when_asked(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / "index.html").as_uri())
        front = hand.page.locator(".tp-front__film")
        picture = front.locator(".tp-picture img")
        assert picture.evaluate("image => image.getBoundingClientRect().width") > 300
        end = picture.get_attribute("src")
        hand.slide(front.get_by_role("slider", name="Itération"), "first")
        assert picture.get_attribute("src") != end

    def test_says_where_to_start(self, site: Path, page: Page) -> None:
        page.goto((site / "index.html").as_uri())
        for link, address in (("Lire", "questions/q01-"), ("Essayer", "essayer.html"), ("Réutiliser", "reutiliser")):
            start = page.locator(".tp-start").get_by_role("link", name=link)
            assert str(start.get_attribute("href")).startswith(address)
            assert start.evaluate("link => link.getBoundingClientRect().bottom < innerHeight")


class TestSeries:
    def test_shows_pictures_side_by_side_and_says_once_what_they_share(self, site: Path, page: Page) -> None:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto((site / FILMED).as_uri())
        series = page.locator(".tp-series")
        assert series.locator(".tp-cell").count() == 6
        for once in (".tp-film", ".tp-table", ".tp-copy:not(.tp-try)", ".tp-provenance", "figcaption > p"):
            assert series.locator(once).count() == 1
        assert series.locator(".tp-table tbody tr").count() == 6
        boxes = series.locator(".tp-picture").evaluate_all(
            "them => them.map((one) => one.getBoundingClientRect().toJSON())"
        )
        assert len({box["top"] for box in boxes}) == 2
        assert min(box["width"] for box in boxes) > 300

    def test_each_picture_keeps_its_number_and_its_address(self, site: Path, page: Page) -> None:
        page.goto((site / FILMED).as_uri() + "#mastiff-sans-0525")
        link = page.locator("#mastiff-sans-0525").get_by_role("link", name="Figure\u00a010.3")
        assert link.get_attribute("href") == "#mastiff-sans-0525"
        top = page.locator("#mastiff-sans-0525").evaluate("cell => cell.getBoundingClientRect().top")
        assert 0 <= top < 200

    def test_films_end_where_their_pictures_were_taken(self, site: Path, page: Page) -> None:
        page.goto((site / FILMED).as_uri())
        slider = page.locator(".tp-series").get_by_role("slider", name="Itération")
        short = page.locator("#mastiff-depart-0200 img")
        end = str(short.get_attribute("src")).removeprefix("../")
        slider.fill("12")  # iteration 144 of 200
        assert "-film-" in str(short.get_attribute("src"))
        slider.fill("20")
        assert str(short.get_attribute("src")).endswith(end)


class TestComparisons:
    def seen(self, page: Page) -> str:
        upper = page.locator(".tp-compare[open] .tp-stack__over").first
        return str(upper.evaluate("image => getComputedStyle(image).clipPath"))

    def test_uncover_one_picture_and_the_other(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / FOOLED).as_uri())
        hand.press(hand.page.locator(".tp-compare summary").first)
        handle = hand.page.locator(".tp-stack input").first
        assert self.seen(hand.page) == "inset(0px 0px 0px 50%)"
        hand.slide(handle, "last")
        assert self.seen(hand.page) == "inset(0px 0px 0px 100%)"
        hand.slide(handle, "first")
        assert self.seen(hand.page) == "inset(0px 0px 0px 0%)"

    def test_the_edge_is_where_the_mouse_is(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.locator(".tp-compare summary").first.click()
        x, y, width = place(page.locator(".tp-stack").first)
        page.mouse.move(x + width / 2, y)
        page.mouse.down()
        page.mouse.move(x + width / 4, y, steps=4)
        page.mouse.up()
        assert self.seen(page) == "inset(0px 0px 0px 25%)"

    def test_a_map_lies_over_its_image(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / MAPPED).as_uri())
        panel = hand.page.locator(".tp-compare--overlay").first
        hand.press(panel.locator("summary"))
        maps = panel.locator(".tp-stack__over")
        slider = panel.get_by_role("slider", name="Opacité : Carte de saillance")
        seen = "maps => maps.map((map) => getComputedStyle(map).opacity)"
        hand.slide(slider, "first")
        assert maps.evaluate_all(seen) == ["0"] * 5
        hand.slide(slider, "last")
        assert maps.evaluate_all(seen) == ["1"] * 5

    @pytest.mark.parametrize("name", [FOOLED, MAPPED])
    def test_their_pictures_stand_side_by_side_without_javascript(self, name: str, site: Path, still: Page) -> None:
        still.goto((site / name).as_uri())
        assert not still.locator(".tp-compare:visible").count()
        figure = still.locator(".tp-figure", has=still.locator(".tp-compare")).first
        assert figure.locator(".tp-cell:visible").count() >= 2


class TestEnlargedPictures:
    def test_go_from_one_to_the_next(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / FOOLED).as_uri())
        hand.press(hand.page.locator(".tp-picture").first)
        dialog = hand.page.get_by_role("dialog", name="Image agrandie")
        assert "plus proche voisin" in dialog.inner_text()
        assert dialog.locator("img").evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-originale.webp")
        hand.press(dialog.get_by_role("button", name="Suivante"))
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-trompeuse.webp")
        download = dialog.get_by_role("link", name="Télécharger")
        assert str(download.get_attribute("href")).endswith("oiseau-trompeuse.webp")
        hand.press(dialog.get_by_role("button", name="Précédente"))
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-originale.webp")
        hand.press(dialog.get_by_role("button", name="Fermer"))
        assert not dialog.is_visible()

    def test_follow_the_arrow_keys_and_close_with_escape(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        links = page.locator(".tp-picture")
        links.nth(0).focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Image agrandie")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-difference-x10.webp")
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert links.nth(3).evaluate("link => link === document.activeElement")

    def test_follow_a_swipe(self, site: Path, phone: Page) -> None:
        phone.goto((site / FOOLED).as_uri())
        phone.locator(".tp-picture").first.tap()
        dialog = phone.get_by_role("dialog", name="Image agrandie")
        finger = phone.context.new_cdp_session(phone)
        for kind, x in (("Start", 300), ("Move", 200), ("Move", 100), ("End", None)):
            points = [] if x is None else [{"x": x, "y": 400}]
            finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        assert str(dialog.locator("img").get_attribute("src")).endswith("oiseau-trompeuse.webp")

    def test_are_plain_links_without_javascript(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        still.locator(".tp-picture").first.click()
        still.wait_for_url("**/oiseau-originale.webp")


class TestColoursOfMaps:
    def test_are_those_of_the_lab_or_cividis_of_the_same_values(self, site: Path, page: Page) -> None:
        page.goto((site / "questions/q01-saillance.html").as_uri())
        page.evaluate("""() => {
            const cell = document.querySelector(".tp-cell:has(.tp-scale--hot)");
            const paper = document.createElement("canvas");
            [paper.width, paper.height] = [256, 1];
            self.strip = cell.querySelector("img");
            self.colour = (colours) => {
                colours.forEach((rgb, x) => {
                    paper.getContext("2d").fillStyle = `rgb(${rgb})`;
                    paper.getContext("2d").fillRect(x, 0, 1, 1);
                });
                Object.assign(strip, { src: paper.toDataURL(), loading: "eager" });
                Object.assign(strip.style, { position: "fixed", inset: "0 auto auto 0", zIndex: 99, borderRadius: 0,
                    width: "256px", maxWidth: "none", height: "8px", imageRendering: "pixelated" });
                return strip.decode();
            };
        }""")
        levels = np.linspace(0, 1, 256)
        hot, cividis = (np.rint(255 * colormaps[name](levels)[:, :3]) for name in ("hot", "cividis"))
        page.evaluate("(colours) => colour(colours)", hot.tolist())

        def seen() -> NDArray[np.float64]:
            clip = {"x": 0, "y": 2, "width": 256, "height": 1}
            with Image.open(BytesIO(page.screenshot(clip=clip))) as shot:  # type: ignore[arg-type]  # a dict will do
                return np.asarray(shot.convert("RGB"), dtype=np.float64).reshape(-1, 3)

        button = page.get_by_role("button", name="cividis")
        assert np.abs(seen() - hot).max() <= 4  # a place may show its neighbour
        button.click()
        assert np.abs(seen() - cividis).max() <= 8  # straight from one twelfth to the next
        assert (np.diff(seen() @ [0.2126, 0.7152, 0.0722]) > -1).all(), "its order is kept in grey"
        page.reload()
        assert button.get_attribute("aria-pressed") == "true", "the choice is kept"
        button.click()
        assert page.locator(".tp-ordered").count() == 0

    def test_are_no_choice_where_there_are_no_maps(self, site: Path, page: Page) -> None:
        page.goto((site / "glossaire.html").as_uri())
        assert page.locator(".tp-colours").count() == 0


class TestGalleries:
    def test_are_thumbnails_first(self, site: Path, page: Page) -> None:
        page.set_viewport_size({"width": 1440, "height": 900})
        for path in (site / "galeries").glob("*.html"):
            page.goto(path.as_uri())
            assert not page.locator(".tp-figure:visible").count()
            assert page.locator(".tp-peek > summary:visible").count()
            assert page.evaluate("document.documentElement.scrollHeight") < 5.3 * 900

    def test_open_a_figure_when_asked_and_close_it(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / GALLERY).as_uri())
        summary = hand.page.locator(".tp-peek > summary").nth(2)
        figure = hand.page.locator(".tp-peek .tp-figure").nth(2)
        hand.press(summary)
        assert figure.is_visible()
        assert hand.page.locator(".tp-figure:visible").count() == 1
        hand.press(summary)
        assert not figure.is_visible()

    def test_an_address_opens_its_figure_with_and_without_javascript(self, site: Path, page: Page, still: Page) -> None:
        for anchor in ("saillance-oies", "localisation-energie"):
            for opened in (page, still):
                opened.goto((site / GALLERY).as_uri() + f"#{anchor}")
                opened.locator(f"#{anchor}").wait_for(state="visible")
                top = opened.locator(f"#{anchor}").evaluate("figure => figure.getBoundingClientRect().top")
                assert 0 < top < 200

    def test_are_printed_whole(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print")
        page.goto((site / GALLERY).as_uri())
        assert page.locator(".tp-peek .tp-figure:visible").count() == page.locator(".tp-peek").count()


class TestFilters:
    def test_a_gallery_narrows_down(self, site: Path, hand: Hand) -> None:
        page = hand.page
        page.goto((site / GALLERY).as_uri())
        everything = page.locator(".tp-peek:visible").count()
        image = page.locator("select[name=image]")
        if isinstance(hand, Keys):
            image.focus()
            page.keyboard.type("Oies")
        else:  # the list that opens is the system's own
            image.select_option("Oies")
        page.locator("select[name=network]").select_option("EfficientNet-Lite2")
        figures = page.locator(".tp-peek:visible")
        assert 0 < figures.count() < everything / 2
        for facets in figures.evaluate_all("figures => figures.map((figure) => figure.dataset.facets)"):
            assert "Oies" in json.loads(facets)["image"]
        assert f"{figures.count()} figures sur {everything}" in page.locator(".tp-filter output").inner_text()
        assert not page.get_by_role("heading", name="Cartes de saillance", exact=True, level=2).is_visible()
        hand.press(page.get_by_role("button", name="Tout montrer"))
        page.wait_for_function("!document.querySelector('.tp-peek[hidden]')")

    def test_verdicts_can_be_chosen(self, site: Path, hand: Hand) -> None:
        hand.page.goto((site / VERDICTS).as_uri())
        everything = hand.page.locator("tbody tr:visible").count()
        hand.press(hand.page.get_by_label("confirmé"))
        left = hand.page.locator("tbody tr:visible")
        assert 0 < left.count() < everything
        assert "confirmé" not in left.locator(".tp-verdict").all_inner_texts()
        hand.press(hand.page.get_by_label("confirmé"))
        assert left.count() == everything

    @pytest.mark.parametrize("name", [GALLERY, VERDICTS])
    def test_everything_is_shown_without_javascript(self, name: str, site: Path, still: Page) -> None:
        still.goto((site / name).as_uri())
        assert still.locator("[data-facets]:visible").count() == still.locator("[data-facets]").count() > 0
        assert not still.locator(".tp-filter").is_visible()


class TestPaper:
    def test_there_are_key_frames_and_the_command(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print", color_scheme="dark")
        page.goto((site / FILMED).as_uri())
        assert page.locator(".tp-strip").first.is_visible()
        assert page.locator(".tp-provenance pre").first.is_visible()
        assert not page.locator(".tp-provenance dl").first.is_visible()
        assert not page.locator(".tp-control:visible").count()

    def test_a_series_uses_the_page_s_width(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 720, "height": 1100})
        page.goto((site / FILMED).as_uri())
        share = page.evaluate(
            """() => {
              const { left, right } = document.querySelector(".tp-series").getBoundingClientRect();
              const pictures = [...document.querySelectorAll(".tp-series .tp-picture")];
              const boxes = pictures.map((one) => one.getBoundingClientRect());
              return (Math.max(...boxes.map((box) => box.right)) - boxes[0].left) / (right - left);
            }"""
        )
        assert share > 0.95

    def test_a_figure_of_two_pictures_does_too(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 794, "height": 1100})
        page.goto((site / MAPPED).as_uri())
        share = page.evaluate(
            """() => {
              const columns = document.querySelector(".tp-figure .tp-columns");
              columns.style.cssText = "--columns: 2; --rows: 1";
              return columns.getBoundingClientRect().width / (8.8 * 2 * 96 / 2.54);
            }"""
        )
        assert share == pytest.approx(1, abs=0.02)

    def test_no_page_has_one_line(self, site: Path, page: Page) -> None:
        page.goto((site / "questions" / "tout.html").as_uri())
        printed = lines_of_pages(page.pdf(prefer_css_page_size=True))
        assert len(printed) > 20
        assert {number: lines for number, lines in enumerate(printed, start=1) if lines < 3} == {}

    def test_a_handout_asks_and_shows_and_does_not_answer(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print")
        page.goto((site / FOOLED).as_uri())
        everything = page.inner_text("article")
        page.evaluate("document.documentElement.classList.add('tp-handout')")
        text = page.inner_text("article")
        assert "Modifiez une image en suivant le gradient" in text
        assert "Figure\u00a05.1" in text
        assert page.locator(".tp-picture img:visible").count() >= 4
        for answer in (
            "on arrive à tromper",
            "confirmé",
            "Ce que mesure cette exécution",
            "compte rendu d’origine",
            "oui",
        ):
            assert answer in everything, "what is looked for would be found"
            assert answer not in text

    def test_a_handout_of_a_borrowed_answer_has_its_figures_without_its_words(self, site: Path, page: Page) -> None:
        page.emulate_media(media="print")
        page.goto((site / BORROWED).as_uri())
        page.evaluate("document.documentElement.classList.add('tp-handout')")
        assert page.locator(".tp-thumbnails img:visible").count() >= 4
        assert "erreur d'implémentation" not in page.inner_text("article")


def lines_of_pages(pdf: bytes) -> list[int]:
    """How many lines of text each page of a PDF has, in the order of the file; pictures count as many."""
    objects = {int(m[1]): m[2] for m in re.finditer(rb"(\d+) 0 obj\b(.*?)\bendobj\b", pdf, re.DOTALL)}
    lines = []
    for content in objects.values():
        if not re.search(rb"/Type\s*/Page\b", content):
            continue
        (number,) = re.findall(rb"/Contents (\d+) 0 R", content)
        drawn = zlib.decompress(objects[int(number)].partition(b"stream")[2].lstrip(b"\r\n"))
        heights = {m[1] for m in re.finditer(rb"([-\d.]+) Tm\b", drawn)}
        lines.append(len(heights) + 10 * len(re.findall(rb"/X\d+ Do\b", drawn)))
    return lines


class TestInClass:
    """What a teacher does with a question before everybody's eyes."""

    def test_answers_are_hidden_and_opened_one_by_one(self, site: Path, hand: Hand) -> None:
        page = hand.page
        page.goto((site / FOOLED).as_uri())
        parts = page.locator(".tp-part")
        everything = parts.count()
        assert everything >= 3
        assert page.locator(".tp-part:visible").count() == everything
        hand.press(page.get_by_role("button", name="Cacher les réponses"))
        assert page.locator(".tp-part:visible").count() == 0
        assert page.locator(".tp-statement").is_visible()
        assert not page.locator(".md-nav--secondary").get_by_text("Réponse").is_visible(), "the contents tell nothing"
        hand.press(page.get_by_role("button", name="Montrer : Réponse"))
        assert parts.first.is_visible()
        assert page.locator(".tp-part:visible").count() == 1
        hand.press(page.get_by_role("button", name="Montrer les réponses"))
        assert page.locator(".tp-part:visible").count() == everything

    def test_it_is_remembered_from_page_to_page_and_forgotten_with_the_tab(
        self, opened_at: str, page: Page, browser: Browser
    ) -> None:
        page.goto(f"{opened_at}/{FOOLED}")
        page.keyboard.press("h")
        page.keyboard.press("o")
        opened = page.locator(".tp-part:visible")
        page.reload()
        assert opened.count() == 1
        page.goto(f"{opened_at}/{MAPPED}")
        assert opened.count() == 0
        page.goto(f"{opened_at}/index.html")
        assert not page.locator(".tp-cards img").first.is_visible(), "the figures on the cards answer too"
        with browser.new_context() as other:
            fresh = other.new_page()
            fresh.goto(f"{opened_at}/{FOOLED}")
            assert fresh.locator(".tp-part:visible").count() > 1

    def test_letters_that_are_written_hide_nothing(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.locator("input[name=query]").click()
        page.locator("input[name=query]").press_sequentially("hod")
        assert page.locator(".tp-part:visible").count() > 1
        assert not page.locator(".tp-slides").is_visible()

    def test_whoever_follows_a_link_to_what_is_hidden_sees_it(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        page.keyboard.press("h")
        page.goto((site / VERDICTS).as_uri())
        page.locator(f"a[href='{FOOLED}#mesures-5']").first.click()
        page.wait_for_url(f"**/{FOOLED}#mesures-5", wait_until="load")
        assert page.locator("#mesures-5").is_visible()
        assert not page.locator(".tp-answer").is_visible()

    def test_a_print_has_none_that_is_hidden(self, site: Path, page: Page) -> None:
        page.goto((site / "questions" / "tout.html").as_uri())
        page.keyboard.press("h")
        page.emulate_media(media="print")
        text = page.inner_text("article")
        assert "Modifiez une image en suivant le gradient" in text
        assert "on arrive à tromper" not in text
        assert "Montrer" not in text
        assert not page.locator("figure:visible").count()

    def test_a_question_is_projected_figure_by_figure(self, site: Path, page: Page) -> None:
        page.goto((site / FOOLED).as_uri())
        article = page.evaluate(WHOLE)
        anchors = page.evaluate(
            "[...document.querySelectorAll('article figure, article .tp-matrix, article .tp-table')]"
            ".filter((one) => !one.parentElement.closest('.tp-matrix')).map((one) => one.id)"
        )
        claims = page.locator(".tp-claim").count()
        page.get_by_role("button", name="Projeter").click()
        slide, told = page.locator(".tp-slides__slide"), page.locator(".tp-slides__bar output")
        told.filter(has_text="1 / ").wait_for()
        assert page.evaluate("document.fullscreenElement !== null")
        assert "Modifiez une image en suivant le gradient" in slide.inner_text()
        shown: list[str] = []
        verdicts = 0
        count = int(told.inner_text().partition("/")[2])
        for at in range(2, count + 1):
            page.keyboard.press("ArrowRight" if at % 2 else "PageDown")
            assert told.inner_text() == f"{at} / {count}"
            shown += slide.evaluate("(box) => [...box.children].map((one) => one.id).filter(Boolean)")
            verdicts += slide.locator(".tp-claim").count()
            assert page.evaluate(FITS), at
        assert shown == anchors
        assert verdicts == claims > 0
        page.keyboard.press("ArrowRight")
        assert told.inner_text() == f"{count} / {count}", "after the last there is none"
        page.keyboard.press("Home")
        assert told.inner_text() == f"1 / {count}"
        page.keyboard.press("ArrowLeft")
        assert told.inner_text() == f"1 / {count}"
        page.keyboard.press("Escape")
        page.locator("button:focus", has_text="Projeter").wait_for()  # a dialog tells after it has closed
        assert page.locator(".tp-slides").is_hidden()
        assert page.evaluate(WHOLE) == article, "everything is back in its place"

    def test_what_moves_still_does(self, site: Path, page: Page) -> None:
        page.goto((site / FILMED).as_uri())
        page.keyboard.press("d")
        slider = page.locator(".tp-slides__slide input[type=range]").first
        while not slider.is_visible():
            page.keyboard.press("ArrowRight")
        at = page.locator(".tp-slides__bar output").inner_text()
        slider.focus()
        page.keyboard.press("Home")
        assert "Itération 0" in page.locator(".tp-slides__slide output").first.inner_text()
        page.keyboard.press("ArrowRight")
        assert page.locator(".tp-slides__bar output").inner_text() == at, "an arrow on a slider moves the film"

    def test_a_finger_can_do_it(self, site: Path, phone: Page) -> None:
        phone.goto((site / FOOLED).as_uri())
        phone.get_by_role("button", name="Projeter").tap()
        dialog = phone.get_by_role("dialog")
        dialog.get_by_role("button", name="Suivante").tap()
        assert phone.locator(".tp-slides__slide figure").is_visible()
        assert phone.evaluate(FITS)
        dialog.get_by_role("button", name="Fermer").tap()
        phone.locator(".tp-slides").wait_for(state="hidden")

    def test_without_javascript_nothing_is_offered(self, site: Path, still: Page) -> None:
        still.goto((site / FOOLED).as_uri())
        assert not still.locator(".tp-class").is_visible()
        assert still.locator(".tp-part:visible").count() >= 3


# All that stands in the article, in its order.
WHOLE = """() => [...document.querySelectorAll("article *")].map((one) => `${one.tagName} ${one.id}`).join()"""

FITS = """() => {
  const { left, top, right, bottom } = document.querySelector(".tp-slides__slide").getBoundingClientRect();
  const room = document.querySelector(".tp-slides__room").getBoundingClientRect();
  return left >= room.left - 1 && top >= room.top - 1 && right <= room.right + 1 && bottom <= room.bottom + 1;
}"""
