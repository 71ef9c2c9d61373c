"""What somebody writes in questions and pages: what its links become, and each mistake told in one line."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest
import yaml

from generator.errors import LabError
from generator.lab import Lab, read_lab
from generator.lab.links import unlinked
from generator.report import render
from generator.report.checks import check_pages
from generator.report.text import environment
from generator.results.artefacts import MANIFEST, Table, read_manifest
from generator.results.folder import results_folder
from tests.conftest import FRENCH, Run

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
    "a figure in a statement": (
        TROMPER, "Trompez-le", "Trompez-le\n\n![](figure:alligator/oiseau)", 10, "is a result, and students read the"
    ),
    "a table in a statement": (TROMPER, "Trompez-le", "![](table:grain/x)", 8, "put it under ## Réponse"),
    "half a formula": (TROMPER, "Trompez-le", "Trompez $a^{$", 8, "$a^{$ is no formula"),
    "an experiment that is not there": (
        VOIR, 'metric("saillance"', 'metric("saillanse"', 27, 'did you mean "saillance"?'
    ),
    "a metric with half its name": (
        VOIR, 'metric("saillance", "mastiff.maximum")', 'metric("zzz")', 27, 'there is no experiment "zzz"'
    ),
    "a metric that is not there": (VOIR, 'mastiff.maximum"', 'mastif.maximum"', 27, 'did you mean "mastiff.maximum"?'),
    "a metric that no claim can have": (
        VOIR, "saillance/oiseau.maximum", "saillance/oiseau.maximun", 7, 'did you mean "oiseau.maximum"?'
    ),
    "a metric of a kind that measures nothing like it": (
        HOME, "# ", '# {{ metric("grain/x") }} ', 1, 'does not measure "x"; it measures chat-0001.score'
    ),
    "a filter that is not there": (VOIR, "| measure", "| mesure", 27, 'did you mean "measure"?'),
    "a brace too few": (VOIR, "| measure }}", "| measure }", 27, "check the braces"),
    "a name that is not known": (VOIR, "metric(", "metrique(", 27, 'did you mean "metric"?'),
    "a loop": (VOIR, "La carte", "{% for i in range(10**12) %}{% endfor %}La carte", 27, "for has no place in a text"),
    "what lies behind a value": (HOME, "# ", "# {{ lab.__class__ }} ", 1, "'__class__' cannot be asked for"),
    "a method": (HOME, "# ", "# {{ lab.model_copy() }} ", 1, "only metric, reference, listed can be asked"),
    "arithmetic": (HOME, "# ", "# {{ 'a' * 9999 }} ", 1, "mul has no place in a text"),
    "a file to include": (HOME, "# ", '{% include "figure.jinja" %}\n# ', 1, "include has no place in a text"),
    "more digits than there are": (VOIR, "| measure", ".value | number(999999999)", 27, "wants a number of digits"),
    "brackets without end": (HOME, "# ", "# {{ " + "(" * 900 + "1" + ")" * 900 + " }} ", 1, "too deep in one another"),
    "a script": (TROMPER, "Trompez-le", "<script>alert(1)</script>", 8, "<script> can run in a reader's browser"),
    "an event": (VOIR, "La carte", '<b onclick="alert(1)">La</b>', 27, "can run in a reader's browser"),
    "a link that runs": (HOME, "# ", "[x](javascript:alert(1))\n\n# ", 1, "javascript:alert(1 can run"),
    "a link that runs, in entities": (HOME, "# ", "[x](java&#115;cript&colon;f)\n\n# ", 1, "cript&colon;f can run"),
    "an address that runs, in lines": (HOME, "# ", '<a href="java\nscript:f()">x</a>\n\n# ', 1, "can run in a"),
    "an address of a page in itself": (HOME, "# ", "[x]: data:text/html,f\n\n# ", 1, "data:text/html,f can run"),
    "a link that runs, from its first letter": (HOME, "# ", "[x](&#106;avascript:f)\n\n# ", 1, "avascript:f can run"),
    "a link that runs, in lines": (HOME, "# ", "[x](java\nscript:f)\n\n# ", 1, "java script:f can run"),
    "an event in braces": (HOME, "# ", "[x](index.md){: onclick=f() }\n\n# ", 1, "{: onclick=f() } can run"),
    "what browsers close sooner": (HOME, "# ", "<![CDATA[><img onerror=f()>]]>\n\n# ", 1, "can hide what runs"),
    "a comment that browsers close sooner": (HOME, "# ", "<!--><img onerror=f()>-->\n\n# ", 1, "can hide what runs"),
    "a tag that is none": (HOME, "# ", "Le <nom> du réseau\n\n# ", 1, "<nom> is read as HTML"),
    "a sign that opens a tag": (HOME, "# ", "si a <b> c\n\n# ", 1, "<b> is read as HTML, and is never closed"),
    "a tag that closes nothing": (HOME, "# ", "fin</div>\n\n# ", 1, "</div> closes nothing"),
    "a title that runs": (TROMPER, "title: Tromper", "title: <svg onload=alert(1)>", 3, "holds <svg onload=alert(1)>"),
    "half a formula in a title": (TROMPER, "title: Tromper", "title: $a^{$", 3, "holds $a^{$, which is no formula"),
    "a claim that runs": (VOIR, "says: tête", 'says: "<img src=x>"', 5, "holds <img src=x>, and is no HTML"),
}  # fmt: skip

RENDERING: dict[str, tuple[str, str, str, int, str]] = {
    "a table that is not there": (TROMPER, "![un oiseau]", "![](table:grain/x)\n![]", 12, "table:grain/x was not made"),
    "a table of the home page": (HOME, "# ", "![](table:grain/x)\n\n# ", 1, "table:grain/x was not made"),
    "a network too many": (HOME, "# ", "# {{ networks[1].title }} ", 1, "it may use lab, edition, networks"),
    "a number for a measure": (HOME, "# ", "# {{ count.figures | measure }} ", 1, "is no measure; expected metric("),
    "a number's interval": (HOME, "# ", "# {{ count.figures | interval }} ", 1, "is no measure; expected metric("),
    "a key the lab has not": (HOME, "# ", "# {{ lab.titel }} ", 1, 'did you mean "title"?'),
}  # fmt: skip

LOST: dict[str, tuple[str, str, int, str]] = {
    "a key of the lab": (
        HOME,
        "{{ lab.titel }}",
        1,
        'lab has no "titel": the lab file does not say it; did you mean "title"?',
    ),
    "a key left at its default": (
        TROMPER,
        "{{ lab.experiments.grain.jitter }}",
        8,
        'lab.experiments.grain has no "jitter"',
    ),
    "an image too many": (HOME, "{{ lab.images[7].title }}", 1, "lab.images has no"),
    "a page": (TROMPER, "[x](../modalités.md)", 8, "../modalités.md leads nowhere"),
    "a page of another folder": (TROMPER, "[x](index.md)", 8, 'did you mean "../index.md"?'),
    "a question by half its name": (HOME, "[x](questions/q01.md)", 1, 'did you mean "questions/q01-voir.md"?'),
    "a page by name": (HOME, "[x][là].\n\n[là]: questions/q03.md", 3, "questions/q03.md leads nowhere"),
    "a page in HTML": (HOME, '<a href="questions/q03.html">x</a>', 1, "questions/q03.html leads nowhere"),
    "a picture": (TROMPER, "![](assets/plan.png)", 8, 'did you mean "../assets/plan.png"?'),
    "a picture with spaces": (HOME, "![](assets/mon%20plan.png)", 1, "assets/mon%20plan.png leads nowhere"),
    "a picture in HTML": (HOME, '<img src="plan.png" alt="">', 1, 'did you mean "assets/plan.png"?'),
    "a section": (TROMPER, "[x](../notes.md#definition)", 8, 'did you mean "../notes.md#definitions"?'),
    "a section in HTML": (HOME, '<a href="notes.html#rien">x</a>', 1, "notes.md has no such section"),
    "a section of a question": (
        HOME,
        "[x](questions/q01-voir.md#reponses)",
        1,
        'did you mean "questions/q01-voir.md#reponse"',
    ),
    "a section of the question itself": (TROMPER, "[x](#mesure)", 8, "q02-tromper.md has no such section"),
    "a figure of another question": (TROMPER, "[x](q01-voir.md#grain-chat-0001)", 8, "q01-voir.md has no such section"),
    "a table that a question does not show": (
        HOME,
        "[x](questions/q01-voir.html#tableau-saillance-x)",
        1,
        "no such section",
    ),
    "a figure of a gallery": (
        HOME,
        "[x](galeries/saliency.md#saillance-oiseaux)",
        1,
        'did you mean "galeries/saliency.md#saillance-oiseau"?',
    ),
    "a figure of another gallery": (HOME, "[x](galeries/saliency.md#grain-chat-0001)", 1, "has no such section"),
    "a section of the page that has all questions": (HOME, "[x](questions/tout.md#reponse_2)", 1, "no such section"),
    "a figure that a hand-written page does not show": (HOME, "[x](notes.md#saillance-oiseau)", 1, "no such section"),
    "the answer, in what students read": (
        TROMPER,
        "[x](#reponse)",
        8,
        "q02-tromper.md without its answer, as students get it, has no such section",
    ),
    "an answer, on a page for students": (
        "pages/notes.md",
        "[x](questions/q01-voir.md#mesures-1)",
        5,
        "as students get it",
    ),
    "a key of the reference": (
        HOME,
        "[x](reutiliser-reference.md#foolin)",
        1,
        'did you mean "reutiliser-reference.md#fooling"?',
    ),
}
FOUND = (
    "[x](q01-voir.md#question-1-voir), [y](tout.md#question-2-tromper)",
    '[x](../index.md#ici), [y](q01-voir.html), <a href="q01-voir.md">z</a> [n][n]\n\n[n]: ../bilan.md',
    "[g](../galeries/saliency.md), [t](tout.md), [c](../carnets.md), [e](../essayer.html#image=oiseau)",
    "![](../assets/plan.png), ![](../assets/le%20plan.png), ![](../assets/plan(1).png 'Plan')",
    "[x](https://example.org/rien.md), [y](mailto:a@b.fr), [z](#question-2-tromper), `[code](rien.md)`",
    "[d](../notes.md#definitions), [i](../notes.html#ici), [n](../notes.md#1-x)",
    "[k](../reutiliser-reference.md#fooling), [m](../lettre.md#tout)",
    "{{ lab.title }}, {{ lab.experiments.grain.iterations | number }}, {{ lab.images | length }}",
)


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


@pytest.fixture
def planned(mini: Path) -> Path:
    """The smallest lab, with pictures of its own."""
    (mini.parent / "assets").mkdir()
    for name in ("plan.png", "le plan.png", "plan(1).png"):
        (mini.parent / "assets" / name).touch()
    notes = "---\nfor: students\n---\n\n# Notes\n\n## Définitions\n\n[x](#definitions)\n\n## Là { #ici }\n\n## 1 $x$\n"
    (mini.parent / "pages" / "notes.md").write_text(notes, encoding="utf-8")
    (mini.parent / "pages" / "lettre.md").write_text("# {{ lab.title }}\n", encoding="utf-8")
    return mini


@pytest.mark.parametrize("name", LOST)
def test_a_link_to_nowhere_is_told_before_anything_is_computed(name: str, planned: Path) -> None:
    file, link, line, words = LOST[name]
    before = "Trompez-le" if file == TROMPER else "# "
    path = change(planned, file, before, f"{link}\n\n{before}")
    with pytest.raises(LabError) as error:
        check_pages(read(planned))
    (problem,) = error.value.problems
    assert problem.startswith(f"{path}:{line}: ")
    assert words in problem


@pytest.mark.parametrize("text", FOUND)
def test_a_link_to_what_a_site_has_is_right(text: str, planned: Path) -> None:
    change(planned, TROMPER, "Trompez-le", f"{text}\n\nTrompez-le")
    check_pages(read(planned))


@pytest.mark.parametrize(
    ("link", "problems"),
    [
        ("[x](../modalités.md)", ["experiments.saillance.note: ../modalités.md leads nowhere"]),
        ("[x](#saillance-oiseaux)", ["has no such section"]),
        ("[x](../notes.md#definition)", ['did you mean "../notes.md#definitions"?']),
        ("[x](../notes.md#definitions), [y](#saillance-oiseau), `[z](rien.md)`", []),
    ],
)
def test_the_note_of_an_experiment_leads_somewhere_too(link: str, problems: list[str], planned: Path) -> None:
    change(planned, "lab.yml", "    title: Cartes\n", f"    title: Cartes\n    note: '{link}'\n")
    found: tuple[str, ...] = ()
    try:
        check_pages(read(planned))
    except LabError as error:
        found = error.problems
    assert len(found) == len(problems)
    for line, words in zip(found, problems, strict=True):
        assert line.startswith(f"{planned}:21: ")
        assert words in line


def test_an_answer_may_lead_to_other_answers_measures_and_figures(planned: Path) -> None:
    links = (
        "[r](#reponse), [v](q01-voir.md#reponse), [m](q01-voir.html#mesures-1), [f](q01-voir.md#saillance-bande)",
        "[a](tout.md#reponse_1), [g](../galeries/saliency.md#saillance-oiseau), [o](#la)",
        "[e](../galeries/classvis.md#depuis-un-bruit), [d](../galeries/fooling-alligator.md#alligator-oiseau)",
        "![](table:grain/x) [t](#tableau-grain-x)",
    )
    change(planned, TROMPER, "## Réponse", "\n\n".join(["## Réponse", "### Là", *links]))
    check_pages(read(planned))


def test_a_measure_that_outcomes_left_without_a_value_is_told_when_the_pages_are_written(ran: Path) -> None:
    build = ran.parents[1] / "build"
    path = results_folder(build, "saillance") / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["metrics"] = [metric for metric in manifest["metrics"] if metric["name"] != "mastiff.maximum"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    (problem,) = told(ran, build)
    assert problem.startswith(f"{ran.parent / VOIR}:27: saillance/mastiff.maximum was not measured")


def test_a_measure_of_a_photograph_that_has_another_name_now_is_told(mini: Path) -> None:
    change(mini, "lab.yml", "name: mastiff", "name: mastif")
    change(mini, "lab.yml", "[oiseau, mastiff]", "[oiseau, mastif]")
    change(mini, "lab.yml", "start: mastiff", "start: mastif")
    (problem,) = told(mini)
    assert problem.startswith(f'{mini.parent / VOIR}:27: metric("saillance/mastiff.maximum"): ')
    assert 'did you mean "mastif.maximum"?' in problem


@pytest.mark.parametrize(
    "text",
    [
        "Les valeurs sont dans [0, 1[.\n\n![](figure:alligator/oiseau)",
        "Un [ seul, 5 $ et 6 $.",
        "Moins : a < b, <https://example.org>, x<sub>2</sub>.",
        'Des pages : [x](javascript-x.html), <a href="javascript-x.html">y</a>, [z](vbscript/).',
        "Du code : `<b>` et `{% raw %}{{ x }}{% endraw %}`.",
        "Une formule : $a<b$.",
    ],
)
def test_what_only_looks_like_a_mistake_is_none(text: str, mini: Path) -> None:
    change(mini, TROMPER, "![un oiseau]", f"{text}\n\n![un oiseau]")
    assert read(mini).questions[1].figures


def test_a_text_of_brackets_alone_is_read_at_once(mini: Path) -> None:
    path = change(mini, TROMPER, "Trompez-le", "![" * 40_000)
    before = time.process_time()
    assert told(mini) == (f"{path}:8: 40000 brackets [ are never closed, which takes Markdown for ever; close them",)
    assert time.process_time() - before < 5


LAB_TITLES = {
    "the lab": "title: Petit TP",
    "a network": "title: EfficientNet-Lite0",
    "a photograph": "title: Pygargue",
    "an experiment": "title: Cartes",
    "a run": "title: sans régularisation",
}


@pytest.mark.parametrize("title", LAB_TITLES.values(), ids=LAB_TITLES)
@pytest.mark.parametrize("evil", ["<svg onload=alert(1)>", "</title><script>", "a <b> c", "[x](javascript:alert(1))"])
def test_titles_are_text(title: str, evil: str, mini: Path) -> None:
    change(mini, "lab.yml", title, f'title: "{evil}"')
    (problem,) = told(mini)
    assert problem.startswith(f"{mini}:")
    assert "is no HTML" in problem or "can run in a reader's browser" in problem


def test_addresses_and_signs_in_titles_and_origins_are_text(mini: Path) -> None:
    change(mini, "lab.yml", "title: Petit TP", 'title: "a < b, 1<2, p<0,05"')
    origin = "Marie <marie@example.org>, <https://example.org/photos>"
    mini.write_text(f'{mini.read_text(encoding="utf-8")}\nfiles: {{x.png: {{origin: "{origin}"}}}}\n', encoding="utf-8")
    assert read(mini).file.files["x.png"].origin == origin


def test_names_of_classes_and_titles_of_a_table_are_text_too(mini: Path) -> None:
    lines = mini.read_text(encoding="utf-8")
    start, end = lines.index("images:"), lines.index("experiments:")
    mini.write_text(lines[:start] + "images: table.csv\n\n" + lines[end:], encoding="utf-8")
    (mini.parent / "table.csv").write_text(
        "file;label;title\noiseau.jpg;bald eagle;<img src=x onerror=alert(1)>\n", encoding="utf-8"
    )
    (mini.parent / "oiseau.jpg").touch()
    (problem,) = told(mini)
    assert problem.startswith(f"{mini.parent / 'table.csv'}:2: title: holds <img src=x onerror=alert(1)>")


class TestWhatLiesElsewhere:
    """A lab from a stranger publishes what lies in its own folder."""

    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        path = tmp_path / "secret.md"
        path.write_text("# Mot de passe\n", encoding="utf-8")
        return path

    def test_a_page_that_is_a_link_is_told(self, mini: Path, secret: Path) -> None:
        (mini.parent / "pages" / "a.md").symlink_to(secret)
        (problem,) = told(mini)
        assert problem.startswith(f"{mini.parent / 'pages' / 'a.md'} is {secret}, outside the lab's folder")

    @pytest.mark.parametrize("key", ["pages", "questions"])
    def test_a_folder_elsewhere_is_told(self, key: str, mini: Path, secret: Path) -> None:
        mini.write_text(f"{mini.read_text(encoding='utf-8')}\n{key}: {secret.parent}\n", encoding="utf-8")
        (problem,) = told(mini)
        assert problem == (
            f"{secret.parent} is {secret.parent}, outside the lab's folder; what is published lies in it: copy it there"
        )

    def test_an_asset_that_is_a_link_is_told(self, mini: Path, mini_results: Path, secret: Path) -> None:
        (mini.parent / "assets").mkdir()
        (mini.parent / "assets" / "x.txt").symlink_to(secret)
        assert "outside the lab's folder" in told(mini, mini_results)[0]


@pytest.mark.parametrize("command", ["check", "site"])
def test_a_lab_without_a_home_page_is_told_before_anything_is_computed(
    command: str, mini: Path, generator: Run
) -> None:
    home = mini.parent / "pages" / "index.md"
    home.unlink()
    done = generator(command, mini)
    assert done.returncode == 2
    assert done.stderr == f"{home}: no such page; expected the text of the home page\n"


def test_comments_do_not_leave_the_house(mini: Path, mini_results: Path) -> None:
    change(mini, TROMPER, "Trompez-le", "Trompez-le <!-- la réponse : oiseau --> et `<!-- ceci reste -->`")
    render(read(mini), mini_results)
    page = (mini_results / "docs" / "questions" / "q02-tromper.md").read_text(encoding="utf-8")
    assert "la réponse : oiseau" not in page
    assert "`<!-- ceci reste -->`" in page


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


def test_a_figure_in_the_code_of_an_answer_is_not_shown(mini: Path, mini_results: Path) -> None:
    change(mini, TROMPER, "![](figure:grain/chat-0004)", "![](figure:grain/chat-0004)\n\n```\n![](figure:a/b)\n```")
    render(read(mini), mini_results)
    assert "\n![](figure:a/b)\n" in (mini_results / "docs" / "questions" / "q02-tromper.md").read_text(encoding="utf-8")


def test_a_measure_without_a_filter_is_written_with_its_unit(mini: Path, mini_results: Path) -> None:
    render(read(mini), mini_results)
    page = mini_results / "docs" / "questions" / "q01-voir.md"
    before = page.read_text(encoding="utf-8")
    change(mini, VOIR, " | measure", "")
    render(read(mini), mini_results)
    assert page.read_text(encoding="utf-8") == before


def test_answers_and_notes_may_speak_of_measures_too(mini: Path, mini_results: Path) -> None:
    file = change(mini, TROMPER, "![un oiseau]", '{{ metric("saillance/oiseau.maximum") }} ici\n\n![un oiseau]')
    note = '\n## Note\n\n{{ metric("saillance/oiseau.maximum") }} là\n'
    file.write_text(file.read_text(encoding="utf-8") + note, encoding="utf-8")
    render(read(mini), mini_results)
    page = (mini_results / "docs" / "questions" / "q02-tromper.md").read_text(encoding="utf-8")
    here, there = re.search(r"^([\d,]+) ici$", page, re.MULTILINE), re.search(r"^([\d,]+) là$", page, re.MULTILINE)
    assert here
    assert there
    assert here[1] == there[1]


def test_a_wrong_name_in_a_question_does_not_hide_the_right_ones(mini: Path, generator: Run) -> None:
    change(mini, TROMPER, "figure:grain/chat-0004", "figure:grain/chat-0005")
    assert generator("check", mini).returncode == 2
    assert "figure:grain/chat-0004" in generator("list", mini).stdout


def test_a_page_for_nobody_is_told_by_check(mini: Path, generator: Run) -> None:
    (mini.parent / "pages" / "aide.md").write_text("---\nfor: student\n---\n\n# Aide\n", encoding="utf-8")
    assert "aide.md:2: for: found 'student'" in generator("check", mini).stderr


def test_quotes_do_no_harm_in_a_page_s_header_and_in_attributes(mini: Path, mini_results: Path) -> None:
    change(mini, TROMPER, "title: ", 'title: Le "grand" ')
    render(read(mini), mini_results)
    page = (mini_results / "docs" / "questions" / "q02-tromper.md").read_text(encoding="utf-8")
    header, _, body = page.removeprefix("---\n").partition("\n---\n")
    assert 'Le "grand"' in yaml.safe_load(header)["title"]
    assert '# Question 2 — Le "grand"' in body
    assert environment(FRENCH).filters["attribute"]('un "a" <i>b</i> & c') == "un &quot;a&quot; b &amp; c"


@pytest.mark.parametrize("under", ["[a]", "{a: b}", "3"])
def test_a_heading_that_is_no_text_is_told(under: str, mini: Path, generator: Run) -> None:
    (mini.parent / "pages" / "aide.md").write_text(f"---\nunder: {under}\n---\n\n# Aide\n", encoding="utf-8")
    assert "aide.md:2: under: found" in generator("check", mini).stderr


def test_a_page_for_nobody_is_told(mini: Path, mini_results: Path) -> None:
    (mini.parent / "pages" / "aide.md").write_text("---\nfor: student\n---\n\n# Aide\n", encoding="utf-8")
    assert told(mini, mini_results) == (
        f"{mini.parent / 'pages' / 'aide.md'}:2: for: found 'student', expected students, or no such key",
    )


@pytest.fixture
def with_table(mini_results: Path, tmp_path: Path) -> Path:
    """The same results, with a table of one number."""
    build = shutil.copytree(mini_results, tmp_path / "build")
    folder = build / "results" / "grain"
    manifest = read_manifest(folder)
    assert manifest is not None
    table = Table(name="x", caption="Une mesure.", columns=("image", "score"), rows=(("chat", 7.0),))
    written = manifest.model_copy(update={"tables": (table,)}).model_dump_json()
    (folder / MANIFEST).write_text(written, encoding="utf-8")
    return build


def test_the_first_page_shows_figures_and_tables_like_any_other(mini: Path, with_table: Path) -> None:
    links = "![Ce chat](figure:grain/chat-0001)\n\n![](table:grain/x)\n\nVoir la [](figure:alligator/oiseau).\n"
    change(mini, HOME, "{{ count.figures }}", links + "{{ count.figures }}")
    render(read(mini), with_table)
    page = (with_table / "docs" / "index.md").read_text(encoding="utf-8")
    assert '<p class="tp-said">Ce chat</p>' in page
    assert 'src="figures/grain/' in page, "its files are found from the top of the site"
    assert '<div class="tp-table" id="tableau-grain-x"' in page
    assert '<a href="questions/q02-tromper.html#alligator-oiseau">figure 2.1</a>' in plain_spaces(page)
    assert "](figure:" not in page
    assert "](table:" not in page


def test_an_answer_that_serves_two_questions_shows_all_it_has_at_home_and_leads_there_from_the_other(
    mini: Path, with_table: Path
) -> None:
    change(mini, TROMPER, "![un oiseau]", "![](table:grain/x)\n\nVoir la [](figure:grain/chat-0001).\n\n![un oiseau]")
    other = mini.parent / "questions" / "q03-encore.md"
    other.write_text(
        "---\nnumber: 3\ntitle: Encore\nanswered_with: 2\n---\n\n## Énoncé\n\nEt encore ?\n", encoding="utf-8"
    )
    render(read(mini), with_table)
    home, page = (
        plain_spaces((with_table / "docs" / "questions" / name).read_text(encoding="utf-8"))
        for name in ("q02-tromper.md", "q03-encore.md")
    )
    assert 'id="tableau-grain-x"' in home
    assert '<a href="q02-tromper.html#tableau-grain-x">Une mesure.</a>' in page
    assert '<a href="q02-tromper.html#alligator-oiseau"><img' in page
    assert '<a href="../questions/q02-tromper.html#grain-chat-0001">figure 2.2</a>' in page
    assert "](figure:" not in page
    assert "](table:" not in page


def plain_spaces(text: str) -> str:
    """A text with plain spaces only."""
    return re.sub(r"[\u00a0\u202f]", " ", text)


class TestSomeOfThem:
    def test_are_asked_and_links_to_the_others_are_words(self, mini: Path, mini_results: Path, tmp_path: Path) -> None:
        change(mini, "lab.yml", "language: fr", "language: fr\nquestions: [2]")
        change(mini, HOME, "# ", "[Voir](questions/q01-voir.md#note), [Tromper](questions/q02-tromper.md)\n\n# ")
        change(mini, VOIR, "![](figure:saillance/bande)", "![](figure:retiree/bande)")
        lab = read(mini)
        assert [question.number for question in lab.questions] == [2]
        render(lab, mini_results)
        home = (mini_results / "docs" / "index.md").read_text(encoding="utf-8")
        assert "Voir, [Tromper](questions/q02-tromper.md)" in home
        assert not (mini_results / "docs" / "questions" / "q01-voir.md").exists()

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ("[2, 7]", "no question 7, which the lab asks; there are 1, 2"),
            ("[0]", "questions: found [0], expected the name of a folder, or numbers of questions: [1, 3, 5]"),
            ("[un]", "questions: found ['un'], expected"),
            ("{1: oui}", "questions: found {1: 'oui'}, expected"),
        ],
    )
    def test_that_are_not_there_are_told(self, mini: Path, asked: str, words: str) -> None:
        change(mini, "lab.yml", "language: fr", f"language: fr\nquestions: {asked}")
        (problem,) = told(mini)
        assert words in problem

    def test_links_to_the_others_become_words_however_they_are_written(self) -> None:
        for link, words in {
            "[a `b[0]`](q01-voir.md 'Titre')": "a `b[0]`",
            "[a [b]](<../questions/q01-voir.md#note>)": "a [b]",
            '<a class="x" href="questions/q01-voir.html#note">a <b>b</b></a>': "a <b>b</b>",
            "[a][v] et [v][].\n\n[v]: q01-voir.md 'Voir'\n[w]: q02.md\n": "a et v.\n\n[w]: q02.md\n",
        }.items():
            assert unlinked(link, ["q01-voir"]) == words
        for other in (
            "![a](q01-voir.md)",
            "`[a](q01-voir.md)`",
            "```\n[a](q01-voir.md)\n```",
            "[a](q01-voir-mieux.md)",
            "[a](https://a.org/q01-voir.html)",
            "[[0, 1], [2, 3]][v]",
        ):
            assert unlinked(other, ["q01-voir"]) == other

    def test_links_to_the_others_are_refused_if_the_lab_says_so(self, mini: Path) -> None:
        change(mini, "lab.yml", "language: fr", "language: fr\nquestions: [2]\ndropped_links: refused")
        change(mini, HOME, "# ", "[Tromper](questions/q02-tromper.md)\n\n[Voir](questions/q01-voir.md#note)\n\n# ")
        change(mini, TROMPER, "## Réponse\n", "## Réponse\n\nComme [plus haut](q01-voir.md).\n")
        home, question = sorted(told(mini))
        assert re.search(r"pages/index\.md:3: \[Voir\]\(questions/q01-voir\.md#note\) leads to a question", home)
        assert re.search(r"q02-tromper\.md:12: \[plus haut\]\(q01-voir\.md\) leads to a question", question)

    def test_one_whose_answer_is_not_there_is_told(self, mini: Path) -> None:
        change(mini, "lab.yml", "language: fr", "language: fr\nquestions: [2]")
        change(mini, TROMPER, "number: 2", "number: 2\nanswered_with: 1")
        (problem,) = told(mini)
        assert "the lab does not ask question 1, whose answer is wanted; ask it too" in problem
