"""Mistakes that somebody makes who writes questions and pages: each is told in one line, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import LabError
from generator.lab import Lab, read_lab
from generator.report import render
from tests.conftest import Run

VOIR, TROMPER, HOME = "questions/q01-voir.md", "questions/q02-tromper.md", "pages/index.md"

# File, what stands there, what somebody writes instead, the line told, and words of what is told.
READING: dict[str, tuple[str, str, str, int, str]] = {
    "a number in words": (TROMPER, "number: 2", "number: deux", 2, "number: found 'deux', should be a valid integer"),
    "a colon in a title": (TROMPER, "title: Tromper", "title: Tromper : non", 3, 'a text with ": " in it needs quotes'),
    "emphasis in a title": (TROMPER, "title: Tromper", "title: *Tromper*", 3, "begins with * or & needs quotes"),
    "a key given twice": (TROMPER, "title: T", "title: x\ntitle: T", 4, "title: given twice, first on line 3"),
    "a missing title": (TROMPER, "title: Tromper\n", "", 1, "title: missing; expected: what it is about"),
    "a number already given": (TROMPER, "number: 2", "number: 1", 2, "number: 1 is the number of q01-voir.md too"),
    "an answer that is nowhere": (
        TROMPER, "number: 2", "number: 2\nanswered_with: 7", 3, "answered_with: there is no question 7"
    ),
    "a wrong illustration": (
        TROMPER, "number: 2", "number: 2\nillustration: grain/x", 3, "illustration: no experiment makes grain/x"
    ),
    "claims that are no list": (TROMPER, "number: 2", "number: 2\nclaims: oui", 3, "found 'oui', should be a list"),
    "a rule without quotes": (VOIR, '"> 0.001"', "> 0.001", 8, 'a text that begins with > or | needs quotes: "> 1.5"'),
    "a rule in words": (VOIR, '"> 0.001"', '"beaucoup"', 8, "should be a comparison with a number"),
    "a metric of no experiment": (VOIR, "saillance/oiseau.m", "saillance.m", 7, "should be EXPERIMENT/METRIC"),
    "words the answer has not": (VOIR, "says: tête", "says: queue", 5, '"queue" does not stand in the answer'),
    "a tab": (VOIR, "    see:", "\tsee:", 10, "no line begins with a tab"),
    "a misspelt section": (TROMPER, "## Réponse", "## Reponse", 10, 'unknown section "Reponse"'),
    "a section given twice": (TROMPER, "## Réponse", "## Énoncé", 10, 'section "Énoncé" given twice'),
    "text before all sections": (TROMPER, "## Énoncé", "Bonjour\n\n## Énoncé", 6, "text before the first section"),
    "a space in a link": (TROMPER, "figure:all", "figure: all", 12, "is not understood; expected ![caption]"),
    "a link with words": (TROMPER, "![un oiseau]", "[un oiseau]", 12, "is not understood; expected ![caption]"),
    "half a formula": (TROMPER, "Trompez-le", "Trompez $a^{$", 8, "$a^{$ is no formula"),
}  # fmt: skip

RENDERING: dict[str, tuple[str, str, str, int, str]] = {
    "a metric that is not there": (
        VOIR, '"mastiff.maximum"', '"mastif.maximum"', 27, 'did you mean "saillance/mastiff.maximum"?'
    ),
    "an experiment that is not there": (
        VOIR, 'metric("saillance"', 'metric("saillanse"', 27, "saillanse/mastiff.maximum was not measured"
    ),
    "a metric with half its name": (
        VOIR, 'metric("saillance", "mastiff.maximum")', 'metric("zzz")', 27, "there are saillance/oiseau.maximum"
    ),
    "a filter that is not there": (VOIR, "| measure", "| mesure", 27, 'did you mean "measure"?'),
    "a brace too few": (VOIR, "| measure }}", "| measure }", 27, "check the braces"),
    "a name that is not known": (VOIR, "metric(", "metrique(", 27, 'did you mean "metric"?'),
    "a table that is not there": (TROMPER, "Trompez-le", "![](table:grain/x)", 8, "table:grain/x was not made"),
    "a table of the home page": (HOME, "# ", "![](table:grain/x)\n\n# ", 1, "table:grain/x was not made"),
    "a network too many": (HOME, "# ", "# {{ networks[1].title }} ", 1, "it may use lab, edition, networks"),
    "a key the lab has not": (HOME, "# ", "# {{ lab.titel }} ", 1, 'did you mean "title"?'),
}  # fmt: skip


def change(lab: Path, name: str, old: str, new: str) -> Path:
    path = lab.parent / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def told(lab: Path, build: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(LabError) as error:
        read(lab) if build is None else render(read(lab), build)
    return error.value.problems


def read(lab: Path) -> Lab:
    return read_lab(lab, lab.parent / "data")


@pytest.mark.parametrize("name", READING)
def test_a_mistake_is_told_when_the_lab_is_read(name: str, mini: Path) -> None:
    file, old, new, line, words = READING[name]
    path = change(mini, file, old, new)
    (problem,) = told(mini)
    assert problem.startswith(f"{path}:{line}: ")
    assert words in problem


@pytest.mark.parametrize("name", RENDERING)
def test_a_mistake_is_told_when_the_pages_are_written(name: str, mini: Path, mini_results: Path) -> None:
    file, old, new, line, words = RENDERING[name]
    path = change(mini, file, old, new)
    (problem,) = told(mini, mini_results)
    assert problem.startswith(f"{path}:{line}: ")
    assert words in problem


def test_all_mistakes_of_all_questions_are_told_at_once(mini: Path) -> None:
    change(mini, TROMPER, "number: 2", "number: deux")
    change(mini, VOIR, "## Mesures", "## Mesure")
    assert len(told(mini)) == 2


def test_a_file_in_another_encoding_is_told(mini: Path, generator: Run) -> None:
    path = mini.parent / TROMPER
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    done = generator("check", mini)
    assert done.returncode == 2
    assert done.stderr == f"{path}: is not text in UTF-8; save it as such\n"


def test_a_mark_of_utf_8_and_other_line_ends_do_no_harm(mini: Path) -> None:
    path = mini.parent / TROMPER
    path.write_bytes(b"\xef\xbb\xbf" + path.read_text(encoding="utf-8").replace("\n", "\r\n").encode())
    assert len(read(mini).questions) == 2


def test_what_stands_in_code_is_no_section_and_no_link(mini: Path) -> None:
    change(mini, TROMPER, "Trompez-le", "```\n## Titre\n![](figure:a/b)\n```\n\nTrompez-le")
    assert "## Titre" in read(mini).questions[1].statement


def test_a_measure_without_a_filter_is_written_with_its_unit(mini: Path, mini_results: Path) -> None:
    render(read(mini), mini_results)
    page = mini_results / "docs" / "questions" / "q01-voir.md"
    before = page.read_text(encoding="utf-8")
    change(mini, VOIR, " | measure", "")
    render(read(mini), mini_results)
    assert page.read_text(encoding="utf-8") == before


def test_a_page_for_nobody_is_told(mini: Path, mini_results: Path) -> None:
    (mini.parent / "pages" / "aide.md").write_text("---\nfor: student\n---\n\n# Aide\n", encoding="utf-8")
    assert told(mini, mini_results) == (
        f"{mini.parent / 'pages' / 'aide.md'}:2: for: found 'student', expected students, or no such key",
    )
