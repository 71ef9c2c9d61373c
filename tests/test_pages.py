"""Pages are written when something they are made of has changed, each to a place of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.errors import LabError
from generator.lab import read_lab
from generator.report import render, render_statement
from generator.results.artefacts import Picture, read_manifest


def rendered(lab: Path, build: Path) -> int:
    """How many files a rendering changed."""
    return render(read_lab(lab, lab.parent / "data"), build)


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "a word of an answer": lambda lab, _: edit(lab.parent / "questions" / "q01-voir.md", "celle du dogue", "le dogue"),
    "a title": lambda lab, _: edit(lab, "Petit TP", "Un petit TP"),
    "a page that is new": lambda lab, _: (lab.parent / "pages" / "a.md").write_text("# A\n", encoding="utf-8"),
    "a page that somebody removed": lambda _, build: (build / "docs" / "index.md").unlink(),
    "a page that somebody changed": lambda _, build: (build / "docs" / "index.md").write_text("x", encoding="utf-8"),
    "settings that somebody removed": lambda _, build: (build / "mkdocs.yml").unlink(),
}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_nothing_is_written_where_nothing_changed(mini: Path, mini_results: Path) -> None:
    assert rendered(mini, mini_results) > 0
    before = {path: path.stat().st_mtime_ns for path in mini_results.rglob("*")}
    assert rendered(mini, mini_results) == 0
    assert {path: path.stat().st_mtime_ns for path in mini_results.rglob("*")} == before


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_written_again(name: str, mini: Path, mini_results: Path) -> None:
    rendered(mini, mini_results)
    whole = {path: path.read_bytes() for path in (mini_results / "docs").glob("*.md")}
    CHANGES[name](mini, mini_results)
    rendered(mini, mini_results)
    assert (mini_results / "mkdocs.yml").is_file()
    now = {path: path.read_bytes() for path in (mini_results / "docs").rglob("*.md")}
    if "somebody" in name:
        assert whole.items() <= now.items()
    else:
        assert any(word in b"".join(now.values()) for word in (b"et le dogue", b"Un petit TP", b"# A\n"))


@pytest.mark.parametrize("name", ["bilan.md", "execution.md"])
def test_a_page_does_not_take_the_place_of_the_site_s_own(name: str, mini: Path, mini_results: Path) -> None:
    (mini.parent / "pages" / name).write_text("# La mienne\n", encoding="utf-8")
    with pytest.raises(LabError, match=f"{name}: two pages of the site have this name"):
        rendered(mini, mini_results)


def test_a_fooling_image_is_shown_to_the_pixel_and_other_pictures_light(mini: Path, mini_results: Path) -> None:
    rendered(mini, mini_results)
    manifest = read_manifest(mini_results / "results" / "alligator")
    assert manifest is not None
    before, fooling, *_ = (picture for column in manifest.figures[0].columns for picture in column)
    page = (mini_results / "docs" / "questions" / "q02-tromper.md").read_text(encoding="utf-8")

    def is_as_made(picture: Picture) -> bool:
        copy = Path(picture.file).with_suffix(".webp").name
        assert f'figures/alligator/{copy}" width' in page
        with (
            Image.open(mini_results / "results" / "alligator" / picture.file) as made,
            Image.open(mini_results / "docs" / "figures" / "alligator" / copy) as shown,
        ):
            return made.convert("RGB").tobytes() == shown.convert("RGB").tobytes()

    assert is_as_made(fooling)
    assert not is_as_made(before)


def test_a_thumbnail_shows_a_map_over_its_photograph(mini: Path, mini_results: Path) -> None:
    rendered(mini, mini_results)
    shown = mini_results / "docs" / "figures" / "saillance"
    with (
        Image.open(shown / "oiseau-carte-over-160.webp") as thumbnail,
        Image.open(shown / "oiseau-image.webp") as photograph,
    ):
        small = np.asarray(thumbnail.convert("L"), dtype=float).ravel()
        seen = np.asarray(photograph.convert("L").resize(thumbnail.size), dtype=float).ravel()
    assert np.corrcoef(small, seen)[0, 1] > 0.7


def test_students_get_the_assets_of_what_they_read_and_no_others(mini: Path, tmp_path: Path) -> None:
    assets = mini.parent / "assets"
    assets.mkdir()
    for name in ("donnee.txt", "reponse.txt"):
        (assets / name).write_text(name, encoding="utf-8")
    edit(mini.parent / "questions" / "q01-voir.md", "Que regarde", "[Donnée](../assets/donnee.txt). Que regarde")
    edit(mini.parent / "questions" / "q01-voir.md", "La **tête**", "[Voir](../assets/reponse.txt). La **tête**")
    render_statement(read_lab(mini, mini.parent / "data"), tmp_path / "enonce")
    shown = {path.name for path in (tmp_path / "enonce" / "docs" / "assets").iterdir()}
    assert "donnee.txt" in shown
    assert "reponse.txt" not in shown


def test_the_title_of_an_experiment_does_not_reach_students_by_a_figure_that_no_answer_shows(
    mini: Path, tmp_path: Path
) -> None:
    edit(mini, "title: Cartes", "title: La tête décide")
    edit(mini.parent / "questions" / "q02-tromper.md", "Trompez-le", "Voyez [](figure:saillance/oiseau). Trompez-le")
    render_statement(read_lab(mini, mini.parent / "data"), tmp_path / "enonce")
    texts = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "enonce" / "docs").rglob("*.md"))
    assert "La tête décide" not in texts
    assert "Voyez une figure de la réponse." in texts
