"""Two editions from one source: what answers a question is in the staff's only."""

from __future__ import annotations

import gzip
import html
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image, PngImagePlugin

from generator.lab import read_lab
from generator.report import render, render_statement
from generator.report.anchors import anchors
from generator.report.text import measure
from generator.results.artefacts import read_manifest
from tests.conftest import ROOT, Run, change

TEXTS = {".html", ".js", ".json", ".xml", ".css", ".txt", ".svg", ".md", ".ipynb", ".py"}


def plain(text: str) -> str:
    """A text without tags, escapes, emphasis and differences of space and apostrophe."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return re.sub(r"[\s*«»]+", " ", text.replace("’", "'").replace("\\u2019", "'"))


def contents(site: Path) -> str:
    """Everything a reader could find in a website's folder: texts, names of files, data of images."""
    pieces = []
    for path in sorted(site.rglob("*")):
        if "javascripts" in path.parts:
            continue  # the theme's own, where any number may stand
        pieces.append(path.name)
        if path.is_file() and path.suffix in TEXTS:
            pieces.append(plain(path.read_text(encoding="utf-8")))
        elif path.is_file():
            pieces.append(path.read_bytes().decode("latin-1"))
    return "\n".join(pieces)


def answers(lab_path: Path) -> Iterator[str]:
    """Sentences of the answers and notes, and what the claims quote."""
    lab = read_lab(lab_path, ROOT / "data")
    for question in lab.questions:
        text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\n\1\n", f"{question.answer}\n\n{question.note}")
        for sentence in re.split(r"(?<=[.!?])\s|\n\n|\n(?=!)", re.sub(r"(?<!\n)\n(?!\n)", " ", text)):
            if len(sentence.strip()) > 20 and "](" not in sentence:
                yield plain(sentence).strip()
        for claim in question.claims:
            yield plain(claim.measured or claim.unmeasured).strip()


def measures(lab_path: Path, build: Path) -> Iterator[str]:
    """Numbers that verdicts rest on, as the site writes them; short ones could stand anywhere."""
    lab = read_lab(lab_path, ROOT / "data")
    for question in lab.questions:
        for claim in question.claims:
            if claim.metric:
                experiment, _, name = claim.metric.partition("/")
                manifest = read_manifest(build / "results" / experiment)
                assert manifest is not None
                number = plain(measure(manifest.metric(name), lab.language)).strip()
                if len(re.findall(r"\d", number)) > 2:
                    yield number


@pytest.fixture
def editions(ran: Path, tmp_path: Path, generator: Run) -> tuple[Path, str, str]:
    """The mini lab, and all there is in its edition for staff and for students."""
    assert generator("site", ran).returncode == 0
    assert generator("statement", ran).returncode == 0
    return ran, contents(tmp_path / "build-site"), contents(tmp_path / "build-enonce")


def test_no_answer_and_no_number_of_a_verdict_is_in_the_students_edition(
    editions: tuple[Path, str, str], tmp_path: Path
) -> None:
    lab, staff, students = editions
    secrets = [*answers(lab), *measures(lab, tmp_path / "build")]
    assert len(secrets) > 3
    for secret in secrets:
        assert secret in staff, "what is looked for would be found"
        assert secret not in students


def test_no_figure_is_in_it(editions: tuple[Path, str, str]) -> None:
    _, staff, students = editions
    assert "bande.npz" in staff
    assert not re.search(r"\.npz|figures/|galeries", students)


def test_it_needs_no_results(mini: Path, tmp_path: Path, generator: Run) -> None:
    done = generator("statement", mini)
    assert done.returncode == 0
    assert not (tmp_path / "build" / "results").exists()
    page = (tmp_path / "build-enonce" / "questions" / "q01-voir.html").read_text()
    assert "Que regarde le réseau" in page
    assert "Figure 1.1" in plain(page), "the place of a figure is there"


def test_of_figures_in_its_texts_only_the_names_stay(mini: Path, tmp_path: Path) -> None:
    shown = "![Ce chat](figure:grain/chat-0001)\n\n![](table:grain/x)\n\nVoir [](figure:alligator/oiseau).\n"
    for name, where in (("pages/index.md", "{{ count"), ("questions/q02-tromper.md", "Trompez-le")):
        path = mini.parent / name
        text = path.read_text(encoding="utf-8")
        added = shown if "index" in name else "Comme la [](figure:alligator/oiseau), [](figure:saillance/oiseau).\n"
        path.write_text(text.replace(where, f"{added}\n{where}"), encoding="utf-8")
    header = "---\nfor: students\n---\n\n# Aide\n\n"
    (mini.parent / "pages" / "aide.md").write_text(f"{header}{shown}\n```\n![](figure:a/b)\n```\n", encoding="utf-8")
    render_statement(read_lab(mini, tmp_path / "data"), tmp_path / "build")
    home, help_, question = (
        (tmp_path / "build" / "docs" / name).read_text(encoding="utf-8")
        for name in ("index.md", "aide.md", "questions/q02-tromper.md")
    )
    for page in (home, help_):
        assert "Voir figure 2.1." in plain(page)
        assert "Ce chat" not in page
        assert "](table:" not in page
    assert "](figure:" not in home
    assert help_.count("](figure:") == 1, "code stays as it stands"
    assert "Comme la figure 2.1, une figure de la réponse." in plain(question), "a title might tell"


WHOLE = """
{{ lab.title }} {{ edition }} {{ networks | titles }} {{ count.images }} {{ count.figures | number }}
{{ listed("glossary") }}
{% if edition == "staff" %}{{ metric("saillance/oiseau.maximum") | measure }} {{ reference("braces") }}{% endif %}
"""
"""Everything that a text may look into, and ask for."""


@pytest.mark.parametrize("under", [None, "Aide et conseils"])
def test_a_page_for_students_stands_in_both_editions_under_its_heading(
    under: str | None, mini: Path, mini_results: Path, tmp_path: Path
) -> None:
    headed = f"under: {under}\n" if under else ""
    (mini.parent / "pages" / "aide.md").write_text(
        f"---\nfor: students\n{headed}---\n\n# Aide\n{WHOLE}", encoding="utf-8"
    )
    lab = read_lab(mini, tmp_path / "data")
    render(lab, mini_results)
    render_statement(lab, tmp_path / "build")
    staff, students = (
        yaml.load((build / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)["nav"]  # noqa: S506  # no objects
        for build in (mini_results, tmp_path / "build")
    )
    (pages,) = (entry[under or "Aller plus loin"] for entry in staff if (under or "Aller plus loin") in entry)
    assert "aide.md" in pages
    assert (({under: ["aide.md"]} if under else "aide.md") in students) is True
    for build, edition in ((mini_results, "staff"), (tmp_path / "build", "students")):
        text = (build / "docs" / "aide.md").read_text(encoding="utf-8")
        assert f" {edition} " in text
        assert ("- `edition`" in text) is (edition == "staff")


def test_of_the_default_lab_nothing_is_in_it(site: Path, handed_out: Path) -> None:
    lab = ROOT / "content" / "tp.yml"
    students = contents(handed_out)
    secrets = [*answers(lab), *measures(lab, site.parent / "build")]
    assert len(secrets) > 60
    assert [secret for secret in secrets if secret in students] == []
    assert "Calculez les cartes de saillance" in students


@pytest.mark.parametrize("edition", ["staff", "students"])
def test_where_links_may_lead_on_a_page_is_known_before_it_is_built(
    edition: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("site" if edition == "staff" else "handed_out")
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    pages = [*(folder / "questions").glob("*.html"), *(folder / lab.language.say("files.galleries")).glob("*.html")]
    pages += [path for path in map(folder.joinpath, ("methode.html", "glossaire.html")) if path.exists()]
    assert len(pages) >= len(lab.questions) + 1
    for page in pages:
        told = anchors(lab, page.relative_to(folder).with_suffix(".md").as_posix(), edition)
        assert told is not None
        built = set(re.findall(r'<[a-z][^>]* id="(?!__)([^"]+)"', page.read_text(encoding="utf-8")))
        assert [name for name in built if not told.may_have(name)] == []
        if page.parent.name == "questions":
            assert told.known <= built


def test_students_get_the_answers_whose_time_has_come(ran: Path, tmp_path: Path, generator: Run) -> None:
    spoken = "la carte](../galeries/saliency.md), la [](figure:grain/chat-0001), [](figure:grain/dogue-0003)"
    question = ran.parent / "questions" / "q01-voir.md"
    text = question.read_text(encoding="utf-8")
    question.write_text(text.replace("## Mesures", f"## Mesures\n\nVoir [{spoken}"), encoding="utf-8")
    done = generator("statement", ran, "--answers", "1")
    assert done.returncode == 0, done.stderr
    students = tmp_path / "build-enonce"
    first, second, whole = (
        plain((students / "questions" / name).read_text(encoding="utf-8"))
        for name in ("q01-voir.html", "q02-tromper.html", "tout.html")
    )
    for page in (first, whole):
        assert "tête de l'oiseau et celle du dogue" in page
        assert "confirmé" in page, "verdicts are there"
        assert "Voir la carte, la figure 2.2, une figure de la réponse" in page, "what students have not is only named"
    assert "Votre réponse" in second
    assert "tête de l'oiseau" not in second
    shown = {path.parent.name for path in (students / "figures").rglob("*.webp")}
    assert shown == {"saillance"}, "only the figures of that answer are there"
    everything = contents(students)
    assert "un oiseau" not in everything
    assert "manifest.json" not in everything
    assert generator("statement", ran).returncode == 0
    assert not (students / "figures").exists(), "the next time, without answers, none stays"


def test_a_borrowed_answer_brings_its_figures_along(ran: Path, tmp_path: Path, generator: Run) -> None:
    question = ran.parent / "questions" / "q01-voir.md"
    text = question.read_text(encoding="utf-8").partition("claims:")[0]
    asked = "answered_with: 2\n---\n\n## Énoncé\n\nQue regarde le réseau ?\n"
    question.write_text(text + asked, encoding="utf-8")
    assert generator("statement", ran, "--answers", "1").returncode == 0
    students = tmp_path / "build-enonce" / "questions"
    assert 'id="alligator-oiseau"' in (students / "q01-voir.html").read_text(encoding="utf-8")
    assert "alligator-oiseau" not in (students / "q02-tromper.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ("7", "ANSWERS=7: no question 7; there are 1, 2"),
        ("1-", 'ANSWERS=1-: "1-" is no number of a question; expected something like 1-4 or 1,3'),
        ("2-1", "ANSWERS=2-1: no question 2-1; there are 1, 2"),
        ("1", "no results yet of saillance, alligator, grain; run make run first"),
    ],
)
def test_answers_that_cannot_be_given_are_told(mini: Path, generator: Run, answers: str, told: str) -> None:
    done = generator("statement", mini, "--answers", answers)
    assert done.returncode
    assert done.stderr.strip().endswith(told)


SENTINEL = "SENTINELLE"
"""What stands in everything that is not for students."""


def secretive(lab: Path) -> None:
    """Put the sentinel wherever an answer, or what is said of a result, can stand: texts, titles, names of files."""
    folder, small = lab.parent, SENTINEL.lower()
    (folder / "assets").mkdir()
    for name in (f"{small}.png", "croquis.png"):
        secret = Image.new("RGB", (8, 8))
        note = PngImagePlugin.PngInfo()
        note.add_text("Comment", SENTINEL)
        secret.save(folder / "assets" / name, pnginfo=note)
    (folder / "pages" / f"{small}.md").write_text(f"# {SENTINEL}\n\n{SENTINEL}\n", encoding="utf-8")
    home = folder / "pages" / "index.md"
    home.write_text(f"{home.read_text(encoding='utf-8')}\n<!-- {SENTINEL} -->\n", encoding="utf-8")
    for path in (folder / "questions").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        said = f"{SENTINEL}. ![{SENTINEL}](../assets/{small}.png) ![{SENTINEL}](../assets/croquis.png)"
        text = text.replace("## Réponse\n", f"<!-- {SENTINEL} -->\n\n## Réponse\n\n{said}\n")
        path.write_text(f"{text}\n## Note\n\n{SENTINEL}\n", encoding="utf-8")
    sheets = folder / "travaux" / "fr"
    sheets.mkdir(parents=True)
    (sheets / "mien.py").write_text(
        "# %%\nsalle = Classroom()\n\n# %%\ndef f():\n"
        f"    # À ÉCRIRE\n    # <solution>\n    return '{SENTINEL}'\n    # </solution>\n"
    )
    (sheets / f"{small}.txt").write_text(SENTINEL)

    def edit(data: dict[str, Any]) -> None:
        for name, experiment in data["experiments"].items():
            experiment |= {"title": f"{SENTINEL} {name}", "note": f"{SENTINEL} {name}"}
            for run in experiment.get("runs", ()):
                run["title"] = SENTINEL
        data["experiments"]["saillance"]["strips"][f"bande-{small}"] = ["mastiff", "oiseau"]
        data["experiments"][small] = data["experiments"]["alligator"] | {"step": 0.123456}

    change(lab, edit)


def test_nothing_that_students_get_holds_what_is_not_for_them(mini: Path, tmp_path: Path, generator: Run) -> None:
    secretive(mini)
    for command in ("site", "statement"):
        done = generator(command, mini)
        assert done.returncode == 0, done.stderr
    kit = tmp_path / "carnets.zip"
    made = [sys.executable, "-m", "generator", "kit", "--lab", str(mini), str(kit)]
    subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
    staff, students = tmp_path / "build-site", tmp_path / "build-enonce"
    with zipfile.ZipFile(kit) as packed:
        packed.extractall(students / "kit")
    for folder in (staff, students):
        for path in folder.rglob("*.gz"):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    holds = {folder: list(holding(folder)) for folder in (staff, students)}
    assert len(holds[staff]) > 10, "what is looked for would be found"
    assert holds[students] == []
    assert any(path.name == "mien-enonce.ipynb" for path in students.rglob("*"))


def holding(folder: Path) -> Iterator[str]:
    """Files that hold the sentinel, in their names, their text, or anywhere in their bytes."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if SENTINEL.lower() in name.lower() or "0.123456" in name:
            yield name
        elif path.is_file():
            content = path.read_bytes().lower()
            if any(word in content for word in (SENTINEL.lower().encode(), b"0.123456", b"0,123456")):
                yield name


def test_a_lab_says_whose_it_is_in_both_editions(ran: Path, tmp_path: Path, generator: Run) -> None:
    assets = ran.parent / "assets"
    assets.mkdir()
    (assets / "lab.css").write_text("h1 { color: teal; }\n")
    (assets / "mien.css").write_text("h2 { color: teal; }\n")
    Image.new("RGB", (16, 16)).save(assets / "logo.png")
    says = {
        "author": "Marie & Irène",
        "course": "M2",
        "date": "2026-11-26",
        "licence": "CC BY",
        "logo": "assets/logo.png",
    }
    change(ran, lambda data: data.update(says))
    for command, edition in (("site", "site"), ("statement", "enonce")):
        done = generator(command, ran)
        assert done.returncode == 0, done.stderr
        site = tmp_path / f"build-{edition}"
        home = (site / "index.html").read_text(encoding="utf-8")
        for place in ("tp-whose", "md-copyright__highlight"):
            said = plain(home[home.index(place) :][:400])
            assert "Marie & Irène · M2 · 26 nov. 2026 · CC BY" in said
        assert "assets/logo.png" in home
        order = [home.index(name) for name in ("assets/lab.css", "assets/lab-own.css", "assets/mien.css")]
        assert order == sorted(order)
        assert "--tp-ink" in (site / "assets" / "lab.css").read_text()
        assert "teal" in (site / "assets" / "lab-own.css").read_text()


@pytest.mark.parametrize(
    ("logo", "told"),
    [("assets/lgo.png", 'did you mean "assets/logo.png"?'), ("pages/index.md", "of the folder assets")],
)
def test_a_logo_that_is_not_there_is_told(mini: Path, generator: Run, logo: str, told: str) -> None:
    (mini.parent / "assets").mkdir()
    Image.new("RGB", (16, 16)).save(mini.parent / "assets" / "logo.png")
    change(mini, lambda data: data.update(logo=logo))
    done = generator("statement", mini)
    assert done.returncode == 2
    assert "logo: " in done.stderr
    assert told in done.stderr
