"""What the search finds: the same pages however a word is written, questions before galleries before the manual."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlparse

import pytest

from tests.conftest import built, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium

# What is asked, and other ways to ask for it.
FRENCH = {
    "saillance": ["saillances", "SAILLANCE", "la saillance", "saillence", "sailance", "saillanec", "« saillance »"],
    "réseau": ["reseau", "réseaux", "reseaux", "re\u0301seau", "RÉSEAU", "du réseau", "resau", "reaseau", "réseua"],
    "l’image": ["l'image", "image", "images", "d’images", "d'image", "qu’une image", "les images", "imgae", "inages"],
    "conséquences": ["consequence", "les consequences", "conséquance", "consequenses"],
    "régularisation": ["regularisation", "regularization", "régularisations", "la régularisation"],
    "itérations": ["iteration", "iterations", "l’itération", "d'iterations", "itértions"],
    "gradient": ["gradients", "du gradient", "gradiant", "gradiants"],
    "pas": ["PAS", "Pas"],
    "carte de saillance": ["cartes de saillances", "saillance carte", "carte saillence", "carte saillance l"],
}
ENGLISH = {
    "network": ["networks", "network's", "network’s", "the network", "Networks", "netwrok", "netwrk"],
    "photograph": ["photographs", "a photograph", "photgraph", "photographe"],
    "question": ["questions", "the questions", "quesiton"],
    "saliency map": ["saliency maps", "a saliency map", "salency map"],
}


class Found(NamedTuple):
    """A page that was found: its name in the site, where the result leads, the words it is said to lack."""

    page: str
    address: str
    missing: list[str]


def type_into_the_search(page: Page, at: str, query: str) -> None:
    """Ask on the home page, and take away what was told before."""
    told = "document.querySelector('.md-search-result__meta')"
    field = page.locator("input[name=query]")
    if page.url != f"{at}/index.html":
        page.goto(f"{at}/index.html")
        field.click()
        page.wait_for_function(f"/Taper|Type/.test({told}.textContent)")
    page.evaluate(f"{told}.textContent = ''")
    field.fill(query)
    field.press("End")  # the theme waits for a key


def ask(page: Page, at: str, query: str) -> list[Found]:
    """All that the search answers; the same must not be asked twice in a row."""
    type_into_the_search(page, at, query)
    page.wait_for_function("document.querySelector('.md-search-result__meta').textContent")
    count = re.search(r"\d+", page.locator(".md-search-result__meta").inner_text())
    page.wait_for_function(
        # Results that are out of sight are listed once they come into it.
        """count => {
          const list = document.querySelector(".md-search__scrollwrap");
          list.scrollTop = list.scrollTop ? 0 : list.scrollHeight;
          return document.querySelectorAll(".md-search-result__item").length === count;
        }""",
        arg=int(count[0]) if count else 0,
    )
    found = page.locator(".md-search-result__item").evaluate_all(
        """items => items.map((item) => [
          item.querySelector("a").href, [...item.querySelectorAll("del")].map((word) => word.textContent),
        ])"""
    )
    path = urlparse(at).path.rstrip("/")
    return [Found(unquote(urlparse(to).path).removeprefix(f"{unquote(path)}/"), to, missing) for to, missing in found]


def pages(page: Page, at: str, query: str) -> list[str]:
    return [found.page for found in ask(page, at, query)]


def led_elsewhere(page: Page, at: str, queries: dict[str, list[str]]) -> dict[str, list[str]]:
    """The pages that other ways to ask lead to, where they are not those of the first way, in its order."""
    wrong: dict[str, list[str]] = {}
    for asked, others in queries.items():
        expected = pages(page, at, asked)
        assert expected, asked
        wrong |= {other: found for other in others if (found := pages(page, at, other)) != expected}
    return wrong


@pytest.fixture(scope="session")
def english(everyday: tuple[Path, Path]) -> Path:
    """The English example's website for students."""
    return everyday[1]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, mini_results: Path) -> Path:
    """The smallest lab's website, with galleries, and with the manual."""
    place = tmp_path_factory.mktemp("whole")
    shutil.copytree(mini_results.parent, place, dirs_exist_ok=True)
    return built("site", place, "tests/mini/lab.yml")


class TestFrench:
    @pytest.fixture
    def site(self, handed_out: Path) -> Path:
        return handed_out

    def test_a_word_written_otherwise_leads_to_the_same_pages(self, opened_at: str, page: Page) -> None:
        assert not led_elsewhere(page, opened_at, FRENCH)

    def test_half_a_word_leads_there_while_one_types(self, opened_at: str, page: Page) -> None:
        for word in ("saillance", "visualisation", "conséquences", "régularisation"):
            expected = set(pages(page, opened_at, word))
            for length in range(3, len(word)):
                assert expected <= set(pages(page, opened_at, word[:length])), word[:length]

    def test_half_a_word_with_a_wrong_letter_does_too(self, opened_at: str, page: Page) -> None:
        expected = set(pages(page, opened_at, "saillance"))
        for begun in ("saila", "saillq", "asilla", "saaill"):
            assert expected <= set(pages(page, opened_at, begun)), begun

    @pytest.mark.parametrize(
        ("asked", "first"),
        [
            ("saillance", "questions/q01-saillance.html"),
            ("image adverse", "questions/q05-images-adverses.html"),
            ("consequence", "questions/q06-consequences.html"),
            ("pas", "questions/q09-hyperparametres.html"),
            ("d'une vraie image", "questions/q10-image-reelle.html"),
            ("glossaire", "glossaire.html"),
            ("simoniyan", "references.html"),
        ],
    )
    def test_the_page_that_is_about_it_comes_first(self, asked: str, first: str, opened_at: str, page: Page) -> None:
        assert pages(page, opened_at, asked)[0] == first

    @pytest.mark.parametrize("asked", ["reseaux", "resau"])
    def test_the_words_are_marked_on_the_page_as_it_writes_them(self, asked: str, opened_at: str, page: Page) -> None:
        # One page has only the word's singular in its title, one is found by its sections.
        for found in ask(page, opened_at, asked):
            page.goto(found.address)
            page.locator("article mark").first.wait_for()
            marks = page.locator("article mark").all_inner_texts()
            assert {mark.lower() for mark in marks} <= {"réseau", "réseaux"}, found.page
            assert marks, found.page

    def test_results_show_the_word_they_were_found_by(self, opened_at: str, page: Page) -> None:
        ask(page, opened_at, "reseau")
        marks = page.locator(".md-search-result__item mark").all_text_contents()
        assert {mark.lower() for mark in marks} == {"réseau", "réseaux"}

    def test_no_page_is_found_by_a_word_like_no_other(self, opened_at: str, page: Page) -> None:
        assert ask(page, opened_at, "xylophone") == []

    def test_it_tells_which_word_is_missing(self, opened_at: str, page: Page) -> None:
        found = ask(page, opened_at, "Saillences xylophone")
        assert [one.page for one in found] == pages(page, opened_at, "saillance")
        assert {word for one in found for word in one.missing} == {"xylophone"}

    def test_a_page_that_has_all_the_words_is_preferred(self, opened_at: str, page: Page) -> None:
        both = pages(page, opened_at, "gradient réseau")
        assert set(both) == set(pages(page, opened_at, "gradient")) & set(pages(page, opened_at, "réseau"))

    @pytest.mark.parametrize("asked", ['"', "l'", "+", "image:", "-réseau", "a~b^c*", "<b>&amp;", "œ", "🦆"])
    def test_signs_are_no_commands_and_do_no_harm(self, asked: str, opened_at: str, page: Page) -> None:
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((opened_at, "data:")) else wrong.append(r.url))
        type_into_the_search(page, opened_at, asked)
        page.wait_for_timeout(300)
        assert not wrong
        assert pages(page, opened_at, f"réseau {asked}")


class TestEnglish:
    @pytest.fixture
    def site(self, english: Path) -> Path:
        return english

    def test_a_word_written_otherwise_leads_to_the_same_pages(self, opened_at: str, page: Page) -> None:
        assert not led_elsewhere(page, opened_at, ENGLISH)

    def test_half_a_word_leads_there_while_one_types(self, opened_at: str, page: Page) -> None:
        expected = set(pages(page, opened_at, "photograph"))
        for length in range(3, len("photograph")):
            assert expected <= set(pages(page, opened_at, "photograph"[:length]))

    @pytest.mark.parametrize(
        ("asked", "first"),
        [
            ("cats", "questions/q04-cat.html"),
            ("another networks", "questions/q02-other.html"),
            ("definition", "definitions.html"),
        ],
    )
    def test_the_page_that_is_about_it_comes_first(self, asked: str, first: str, opened_at: str, page: Page) -> None:
        assert pages(page, opened_at, asked)[0] == first


class TestOrder:
    @pytest.fixture
    def site(self, whole: Path) -> Path:
        return whole

    @pytest.mark.parametrize("asked", ["image", "classes", "alligator", "carte"])
    def test_questions_come_before_galleries_before_the_manual(self, asked: str, opened_at: str, page: Page) -> None:
        found = [match[1] for name in pages(page, opened_at, asked) if (match := re.match("(quest|galer|reut)", name))]
        assert found == sorted(found, key=["quest", "galer", "reut"].index)
        assert set(found) == {"quest", "galer", "reut"}

    def test_what_only_the_manual_has_is_found_there(self, opened_at: str, page: Page) -> None:
        assert pages(page, opened_at, "empreintes")
        assert pages(page, opened_at, "slur")[0].startswith("reutiliser")
