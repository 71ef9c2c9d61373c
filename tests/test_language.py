"""Languages: the same keys in each, every word that is asked for there, and a site without a foreign one."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

from generator.language import NBSP, OF_THE_MANUAL, languages, read_language
from tests.conftest import FRENCH, ROOT, Run, change

ENGLISH = read_language("en")
NARROW = "\N{NARROW NO-BREAK SPACE}"


def asked_for() -> Iterator[tuple[str, str]]:
    """Every key that code, templates or the scripts ask for by its whole name, and where."""
    for path in (ROOT / "generator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("say") and node.args:
                texts = [part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                whole = [] if isinstance(node.args[0], ast.JoinedStr) else texts
                yield from ((str(part.value), path.name) for part in whole if "." in str(part.value))
    pages = [*(ROOT / "templates").rglob("*.jinja"), *(ROOT / "content" / "assets").glob("*.js")]
    for path in pages:
        yield from ((key, path.name) for key in re.findall(r'\bsay\("([\w.-]+)"[,)]', path.read_text(encoding="utf-8")))


class TestWords:
    def test_every_language_has_the_same_keys(self) -> None:
        assert languages() == ["en", "fr"]
        french, english = (
            # The French reference of keys translates what the schema says in English.
            {key for key in language.words if not key.startswith("keys.")}
            for language in (FRENCH, ENGLISH)
        )
        assert french == english

    def test_a_text_has_the_same_braces_in_each(self) -> None:
        def braces(text: str) -> set[str]:
            return {name for _, name, _, _ in Formatter().parse(text) if name}

        for key, text in ENGLISH.words.items():
            if key.startswith("kinds."):
                continue  # YAML has braces of its own
            assert braces(text) == braces(FRENCH.words[key]), key

    def test_whatever_is_asked_for_is_there(self) -> None:
        asked = list(asked_for())
        assert len(asked) > 100
        for key, where in asked:
            assert key in FRENCH.words or f"{key}.one" in FRENCH.words, f"{where} asks for {key}"

    def test_no_text_says_that_a_lab_s_images_are_photographs_or_that_it_is_a_lab_or_a_tp(self) -> None:
        of_the_manual = (*OF_THE_MANUAL, "braces.")
        wrong = re.compile(r"\bphotograph(i?es?|s)?\b|(?<!Appareil )\bphotos?\b|\bTP\b|\blabs?\b", re.IGNORECASE)
        for language in map(read_language, languages()):
            texts = {key: text for key, text in language.words.items() if not key.startswith(of_the_manual)}
            assert [key for key, text in texts.items() if wrong.search(re.sub(r"{\w+", "", text))] == []

    def test_no_french_stands_in_the_code(self) -> None:
        for path in (ROOT / "generator").rglob("*.py"):
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            # A string that stands alone is a docstring.
            docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
            for node in nodes:
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                    assert not re.search(r"[éèàêôûçùœ]|« ", node.value) or "«" in node.value, (path.name, node.value)


class TestFrench:
    def test_numbers(self) -> None:
        assert FRENCH.number(0.04123) == "0,04123"
        assert FRENCH.number(-1.5) == "−1,5"
        assert FRENCH.number(12500) == f"12{NARROW}500"
        assert FRENCH.number(0.0000123, 3) == f"1,2{NBSP}×{NBSP}10<sup>−5</sup>"

    def test_spaces(self) -> None:
        assert FRENCH.typeset("« a » : b ?") == f"«{NBSP}a{NBSP}»{NBSP}: b{NARROW}?"
        assert FRENCH.typeset("`a : b`") == "`a : b`"
        assert FRENCH.typeset("| :--- |") == "| :--- |"

    def test_words_between_others_keep_their_spaces(self) -> None:
        assert FRENCH.list("34") == "3 et 4"
        assert FRENCH.list("345", "or") == "3, 4 ou 5"

    def test_forms(self) -> None:
        assert [FRENCH.say("count.figures", n=n) for n in (0, 1.5, 2)] == ["0 figure", "1,5 figure", "2 figures"]


class TestEnglish:
    def test_numbers(self) -> None:
        assert ENGLISH.number(0.04123) == "0.04123"
        assert ENGLISH.number(12500) == "12,500"
        assert ENGLISH.say("claim.interval", low=0.12345, high=12500, samples=4).startswith(
            "95% interval: 0.123 to 12,500"
        )

    def test_forms(self) -> None:
        assert [ENGLISH.say("count.figures", n=n) for n in (0, 0.5, 1)] == ["0 figures", "0.5 figures", "1 figure"]


class TestEnglishSite:
    def test_no_french_is_in_either_edition(self, everyday: tuple[Path, Path]) -> None:
        for edition in everyday:
            for page in edition.rglob("*.html"):
                text = page.read_text(encoding="utf-8")
                assert '<html lang="en"' in text, page
                # A person's name may have an accent; the manual shows code that has words in French.
                prose = re.sub(r"<pre.*?</pre>", "", text.split("<article")[-1], flags=re.DOTALL)
                assert not re.search(r"[éèàêôûçù]|« | (?:la|les|une|des) ", prose), page

    def test_the_manual_is_in_the_staffs_edition_and_the_home_page_leads_to_it(
        self, everyday: tuple[Path, Path]
    ) -> None:
        site, statement = everyday
        assert 'href="reuse.html">Reuse this</a>' in (site / "index.html").read_text(encoding="utf-8")
        assert "Reuse this lab" in (site / "reuse.html").read_text(encoding="utf-8")
        assert not [*statement.glob("reuse*"), *site.glob("reutiliser*")]

    def test_its_interface_its_search_and_its_numbers_are_english(self, everyday: tuple[Path, Path]) -> None:
        site, _ = everyday
        assert (site / "galleries" / "saliency.html").is_file()
        assert "Play the film" in (site / "assets" / "words.js").read_text(encoding="utf-8")
        assert '"lang":["en"]' in (site / "search" / "search_index.json").read_text(encoding="utf-8").replace(" ", "")
        page = (site / "questions" / "q03-fool.html").read_text(encoding="utf-8")
        assert re.search(r"L2 norm of the change.*?<b>0\.\d+</b>", page, re.DOTALL)
        assert "Verdicts" in (site / "index.html").read_text(encoding="utf-8")


def in_polish(value: Any) -> Any:
    """Words that nobody would publish: the English ones, with the forms that Polish has."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"one", "other"}:
        return {form: f"{value['other']} ({form})" for form in ("one", "few", "many", "other")}
    return {key: in_polish(text) for key, text in value.items()}


class TestAThirdLanguage:
    """Files of words are all that it takes."""

    @pytest.fixture
    def polish(self, project: Path, mini_results: Path) -> Path:
        """A copy of the project that speaks Polish, and its smallest lab, computed already; where it is."""
        for path in [project / "content" / "words" / "en.yml", *project.glob("generator/experiments/*/words/en.yml")]:
            words = yaml.safe_load(path.read_text(encoding="utf-8"))
            words.pop("writing", None)
            path.with_name("pl.yml").write_text(yaml.safe_dump(in_polish(words), allow_unicode=True), encoding="utf-8")
        for name in ("build", "outcomes"):
            shutil.copytree(mini_results.parent / name, project / name)
        lab = project / "tests" / "mini"
        change(lab / "lab.yml", lambda data: data.update(language="pl"))
        shutil.rmtree(lab / "questions")
        (lab / "questions").mkdir()
        rule = "metric: alligator/oiseau.reached, measured: Czy, confirmed: '> 0.1', refuted: '< 0.1'"
        claim = f"claims: [{{says: Widzę, {rule}}}]"
        question = f"---\nnumber: 1\ntitle: Patrz\n{claim}\n---\n\n## Statement\n\nPatrz.\n\n## Answer\n\nWidzę.\n"
        (lab / "questions" / "q01-patrz.md").write_text(question, encoding="utf-8")
        return project

    def test_builds_a_site_and_computes_nothing(self, polish: Path) -> None:
        command = [sys.executable, "-m", "generator", "site", "--lab", "tests/mini/lab.yml"]
        done = subprocess.run(command, cwd=polish, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "0 parts computed; 3 of 3 experiments shown anew" in done.stdout
        gallery = (polish / "site" / "galleries" / "classvis.html").read_text(encoding="utf-8")
        assert '<html lang="pl"' in gallery
        assert "(few)" in gallery, "two to four have a form of their own"
        assert re.search(r"\b\d+,\d+\b", gallery), "a comma before the decimals"
        assert "content/manual/pl: no such folder; the site has the manual in English" in done.stderr
        assert 'href="reuse.html"' in (polish / "site" / "index.html").read_text(encoding="utf-8")

    def test_lacks_what_is_missing_and_says_so(self, polish: Path) -> None:
        (polish / "generator" / "experiments" / "fooling" / "words" / "pl.yml").unlink()
        command = [sys.executable, "-m", "generator", "check", "--lab", "tests/mini/lab.yml"]
        done = subprocess.run(command, cwd=polish, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert "fooling/words/pl.yml: no such file" in line


def test_an_unknown_language_is_told(mini: Path, generator: Run) -> None:
    mini.write_text(mini.read_text().replace("language: fr", "language: fe"))
    done = generator("check", mini)
    assert done.returncode == 2
    assert "expected en, fr" in done.stderr
    assert len(done.stderr.splitlines()) == 1
