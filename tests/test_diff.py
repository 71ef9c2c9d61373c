"""What changed between two folders of results or two sites: what decides, what informs, and the exit status."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from generator.cli import main
from generator.results.differences.files import compare_pictures
from tests.conftest import Run, built

Edit = Callable[[dict[str, Any]], object]
IDENTICAL, CHANGED, MISTAKE = 0, 1, 2


@pytest.fixture(scope="session")
def published(mini_results: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The smallest lab's results with its pages, and the website built from them; to be copied."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(mini_results.parent, folder, dirs_exist_ok=True)
    return folder / "build", built("site", folder, "tests/mini/lab.yml")


@pytest.fixture
def old(published: tuple[Path, Path]) -> Path:
    """A folder of results that nobody touches."""
    return published[0]


@pytest.fixture
def new(published: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of it, to be changed at will."""
    return copied(published[0], tmp_path / "new")


def copied(build: Path, target: Path) -> Path:
    """A copy of results and verdicts."""
    shutil.copytree(build / "results", target / "results")
    (target / "docs").mkdir()
    shutil.copy2(build / "docs" / "verdicts.json", target / "docs")
    return target


def diff(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["diff", *map(str, arguments)])


def found(old: Path, new: Path, status: int) -> dict[str, Any]:
    """What the JSON says, once the exit status is as expected."""
    record = new.parent / "differences.json"
    result = diff(old, new, "--json", record)
    assert result.exit_code == status, result.output
    said: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    assert said["identical"] == (status == IDENTICAL)
    return said


def changed_sorts(said: dict[str, Any]) -> set[str]:
    """The sorts of what decides that changed."""
    sorts = ("experiments_gone", "experiments_new", "verdicts", "measures", "figures", "films", "tables")
    return {sort for sort in sorts if said[sort]}


def edit(build: Path, experiment: str, change: Edit) -> None:
    """Change an experiment's manifest by hand."""
    path = build / "results" / experiment / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def named(things: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(thing for thing in things if thing["name"] == name)


def measure(build: Path, experiment: str, name: str, **values: object) -> None:
    """Change a measure by hand, wherever the manifest tells it."""

    def change(manifest: dict[str, Any]) -> None:
        for metric in (*manifest["metrics"], *(fact for figure in manifest["figures"] for fact in figure["facts"])):
            if metric["name"] == name:
                metric.update(values)

    edit(build, experiment, change)


class TestIdentical:
    def test_a_copy_is_identical(self, old: Path, new: Path) -> None:
        result = diff(old, new)
        assert result.exit_code == IDENTICAL
        assert result.output.splitlines()[-1] == "identical in what decides"
        assert "measures: identical (" in result.output

    def test_a_site_is_what_its_folder_of_results_is(self, published: tuple[Path, Path]) -> None:
        build, site = published
        for sides in ((build, site), (site, build), (site, site)):
            result = diff(*sides)
            assert result.exit_code == IDENTICAL, result.output
            assert "note:" not in result.output
            assert re.search(r"verdicts: identical \(2\)\nmeasures: identical \([1-9]", result.output)

    def test_versions_and_words_inform_and_decide_nothing(self, old: Path, new: Path) -> None:
        def change(manifest: dict[str, Any]) -> None:
            manifest["provenance"]["versions"]["torch"] = "1.0"
            manifest["figures"][0]["caption"] = "Autrement dit"
            manifest["figures"][0]["columns"][0][0]["alt"] = "Vu autrement"
            manifest["fingerprint"]["threads"] = "64"

        edit(new, "saillance", change)
        edit(new, "alligator", lambda manifest: manifest["provenance"]["versions"].update(torch="1.0"))
        notes = {note["what"]: note for note in found(old, new, IDENTICAL)["notes"]}
        assert notes["provenance versions torch"]["after"] == "1.0"
        assert sorted(notes["provenance versions torch"]["experiments"]) == ["alligator", "saillance"]
        assert {"fingerprint threads", "figures bande caption"} <= notes.keys()
        assert any(what.endswith("alt") for what in notes)

    def test_the_same_pixels_in_other_bytes_decide_nothing(self, old: Path, new: Path) -> None:
        path = new / "results" / "saillance" / "oiseau-carte.png"
        Image.open(path).save(path, compress_level=1)
        said = found(old, new, IDENTICAL)
        assert any("oiseau-carte.png" in note["what"] for note in said["notes"])

    def test_the_same_values_in_other_bytes_decide_nothing(self, old: Path, new: Path) -> None:
        path = new / "results" / "saillance" / "oiseau.npz"
        arrays = dict(np.load(path))
        np.savez(path, **arrays)
        found(old, new, IDENTICAL)

    def test_results_left_over_from_another_lab_do_not_count(self, old: Path, new: Path) -> None:
        shutil.copytree(new / "results" / "saillance", new / "results" / "ancienne")
        (remark,) = found(old, new, IDENTICAL)["remarks"]
        assert "ancienne" in remark


class TestVerdicts:
    def test_a_measure_that_refutes_flips_its_verdict(self, old: Path, new: Path) -> None:
        measure(new, "saillance", "oiseau.maximum", value=-1.0)
        said = found(old, new, CHANGED)
        assert changed_sorts(said) == {"verdicts", "measures"}
        (verdict,) = said["verdicts"]
        assert (verdict["question"], verdict["says"]) == (1, "tête")
        assert (verdict["before"], verdict["after"]) == ("confirmed", "refuted")
        assert verdict["measure_after"]["value"] == -1
        text = diff(old, new).output
        assert "question 1 “tête”: confirmed -> refuted (saillance/oiseau.maximum: 1.5" in text

    def test_a_flipped_verdict_of_a_site_is_told(self, published: tuple[Path, Path], tmp_path: Path) -> None:
        build, site = published
        shutil.copytree(site, tmp_path / "site")
        path = tmp_path / "site" / "verdicts.json"
        path.write_text(path.read_text(encoding="utf-8").replace('"confirmed",', '"qualified",', 1), encoding="utf-8")
        said = found(build, tmp_path / "site", CHANGED)
        assert changed_sorts(said) == {"verdicts"}
        assert said["verdicts"][0]["after"] == "qualified"

    def test_a_picture_of_a_site_is_told_by_its_hash(self, published: tuple[Path, Path], new: Path) -> None:
        name = "oiseau-carte.png"

        def change(manifest: dict[str, Any]) -> None:
            figure = named(manifest["figures"], "oiseau")
            pictures = [picture for column in figure["columns"] for picture in column]
            next(picture for picture in pictures if picture["file"] == name)["sha256"] = "0" * 64
            manifest["files"][figure["arrays"]] = "0" * 64

        edit(new, "saillance", change)
        site = published[1]
        (figure,) = found(site, new, CHANGED)["figures"]
        assert [picture["file"] for picture in figure["pictures"]] == [name]
        assert [array["name"] for array in figure["arrays"]] == ["oiseau.npz"]
        assert diff(site, new, "--page", new / "page.html").exit_code == CHANGED
        assert "oiseau-carte.png" in (new / "page.html").read_text(encoding="utf-8")

    def test_a_claim_that_is_gone_is_told(self, old: Path, new: Path) -> None:
        path = new / "docs" / "verdicts.json"
        verdicts = json.loads(path.read_text(encoding="utf-8"))
        del verdicts["claims"][1]
        path.write_text(json.dumps(verdicts), encoding="utf-8")
        (verdict,) = found(old, new, CHANGED)["verdicts"]
        assert (verdict["says"], verdict["before"], verdict["after"]) == ("La tête", "unmeasured", None)

    def test_another_rule_with_the_same_verdict_informs(self, old: Path, new: Path) -> None:
        path = new / "docs" / "verdicts.json"
        path.write_text(path.read_text(encoding="utf-8").replace("> 0.001", "> 0.002"), encoding="utf-8")
        (note,) = found(old, new, IDENTICAL)["notes"]
        assert (note["before"], note["after"]) == ("confirmed > 0.001, refuted <= 0", "confirmed > 0.002, refuted <= 0")

    def test_a_folder_without_pages_is_judged_by_the_other_sides_rules(self, old: Path, new: Path) -> None:
        shutil.rmtree(new / "docs")
        measure(new, "saillance", "oiseau.maximum", value=-1.0)
        said = found(old, new, CHANGED)
        assert [verdict["after"] for verdict in said["verdicts"]] == ["refuted"]
        assert any("the other side's rules" in remark for remark in said["remarks"])


class TestMeasures:
    @pytest.fixture
    def old(self, published: tuple[Path, Path], tmp_path: Path) -> Path:
        old = copied(published[0], tmp_path / "old")
        measure(old, "alligator", "oiseau.l2", value=10.0, interval=[8.0, 14.0], samples=5)
        return old

    @pytest.mark.parametrize(
        ("value", "within", "reaches"), [(11.0, True, 0.25), (9.0, True, 0.5), (22.0, False, 3.0), (4.0, False, 3.0)]
    )
    def test_a_move_is_counted_against_the_old_interval(
        self, old: Path, new: Path, value: float, *, within: bool, reaches: float
    ) -> None:
        measure(new, "alligator", "oiseau.l2", value=value, interval=[value - 1, value + 1], samples=5)
        said = found(old, new, CHANGED)
        assert changed_sorts(said) == {"measures"}
        (change,) = said["measures"]
        assert change["name"] == "alligator/oiseau.l2"
        assert change["change"] == value - 10
        assert (change["within"], change["reaches"]) == (within, reaches)
        assert ("within its interval" if within else "BEYOND its interval") in diff(old, new).output

    def test_what_lies_beyond_its_interval_comes_first(self, old: Path, new: Path) -> None:
        measure(old, "alligator", "oiseau.iterations", value=5.0, interval=[4.0, 6.0], samples=5)
        measure(new, "alligator", "oiseau.iterations", value=9.0, interval=[8.0, 10.0], samples=5)
        measure(new, "alligator", "oiseau.l2", value=11.0, interval=[8.0, 14.0], samples=5)
        assert [change["within"] for change in found(old, new, CHANGED)["measures"]] == [False, True]

    def test_a_measure_without_interval_tells_its_share(self, old: Path, new: Path) -> None:
        measure(old, "alligator", "oiseau.l2", value=10.0, interval=None, samples=None)
        measure(new, "alligator", "oiseau.l2", value=11.0)
        (change,) = found(old, new, CHANGED)["measures"]
        assert change["within"] is None
        assert "10 -> 11, +1 (+10 %), no interval" in diff(old, new).output


class TestFigures:
    def test_one_pixel(self, old: Path, new: Path) -> None:
        path = new / "results" / "saillance" / "oiseau-carte.png"
        with Image.open(path) as image:
            red, green, blue = image.getpixel((3, 4))  # type: ignore[misc]  # it has three channels
            image.putpixel((3, 4), (red, green + 7, blue + 2))
            image.save(path)
        said = found(old, new, CHANGED)
        assert changed_sorts(said) == {"figures"}
        assert {figure["name"] for figure in said["figures"]} == {"saillance/bande", "saillance/oiseau"}
        (picture,) = said["figures"][0]["pictures"]
        assert (picture["pixels"], picture["of"], picture["largest"]) == (1, 224 * 224, 7)
        assert "oiseau-carte.png 1 of 50176 pixels, largest difference 7/255" in diff(old, new).output
        assert any("oiseau-carte.png: is not the file that its manifest describes" in r for r in said["remarks"])

    def test_another_size(self, old: Path, new: Path) -> None:
        path = new / "results" / "grain" / "chat-0004.png"
        Image.open(path).resize((100, 50)).save(path)
        (figure,) = found(old, new, CHANGED)["figures"]
        assert figure["pictures"][0]["sizes"] == [[224, 224], [100, 50]]

    def test_one_value_of_an_array(self, old: Path, new: Path) -> None:
        path = new / "results" / "grain" / "chat-0004.npz"
        arrays = dict(np.load(path))
        name = next(iter(arrays))
        arrays[name].flat[5] += 0.25
        np.savez_compressed(path, **arrays)
        (figure,) = found(old, new, CHANGED)["figures"]
        (array,) = figure["arrays"]
        assert (array["name"], array["values"], array["of"]) == (name, 1, arrays[name].size)
        assert array["largest"] == pytest.approx(0.25, abs=1e-6)

    def test_a_figure_that_is_gone_or_new(self, old: Path, new: Path) -> None:
        def without_oiseau(manifest: dict[str, Any]) -> None:
            manifest["figures"].remove(named(manifest["figures"], "oiseau"))

        edit(new, "saillance", without_oiseau)
        gone = named(found(old, new, CHANGED)["figures"], "saillance/oiseau")
        assert gone["status"] == "gone"
        back = diff(new, old)
        assert back.exit_code == CHANGED
        assert "saillance/oiseau: new" in back.output

    def test_an_experiment_that_is_gone(self, old: Path, new: Path) -> None:
        shutil.rmtree(new / "results" / "grain")
        said = found(old, new, CHANGED)
        assert said["experiments_gone"] == ["grain"]
        assert changed_sorts(said) == {"experiments_gone"}

    def test_charts_are_compared_as_they_are_drawn(self, tmp_path: Path) -> None:
        one, same, other = (tmp_path / f"{name}.svg" for name in ("one", "same", "other"))
        for path, end in ((one, "1"), (same, "1"), (other, "2")):
            path.write_text(f"<svg><path d='M0 {end}'/></svg>")
        assert compare_pictures(one, same) is None
        assert compare_pictures(one, other) is not None


class TestFilms:
    def test_a_frame(self, old: Path, new: Path) -> None:
        path = new / "results" / "grain" / "chat-film-0001.webp"
        with Image.open(path) as image:
            negative = Image.eval(image, lambda value: 255 - value)
        negative.save(path)
        said = found(old, new, CHANGED)
        assert changed_sorts(said) == {"films"}
        (film,) = said["films"]
        assert (film["name"], len(film["frames"]), film["scores"]) == ("grain/chat", 1, 0)

    def test_a_score(self, old: Path, new: Path) -> None:
        def change(manifest: dict[str, Any]) -> None:
            named(manifest["films"], "chat")["scores"][1] += 0.5

        edit(new, "grain", change)
        (film,) = found(old, new, CHANGED)["films"]
        assert (film["scores"], film["largest_score"]) == (1, pytest.approx(0.5))


TABLE: dict[str, Any] = {
    "name": "bilan",
    "caption": "Un tableau",
    "columns": ["Image", "Part"],
    "rows": [["a", 1.0], ["b", None]],
}

GRID: dict[str, Any] = {
    "name": "carte",
    "caption": "Une grille",
    "corner": "Image",
    "rows": ["a", "b"],
    "columns": ["x", "y"],
    "measures": [{"label": "Pas", "values": [[1, 2], [3, 4]]}],
    "remarks": [[None, None], [None, None]],
    "links": [[None, None], [None, None]],
}


class TestTables:
    @pytest.fixture
    def old(self, published: tuple[Path, Path], tmp_path: Path) -> Path:
        old = copied(published[0], tmp_path / "old")
        self.give(old)
        return old

    def give(self, build: Path, table: dict[str, Any] = TABLE, grid: dict[str, Any] = GRID) -> None:
        edit(build, "grain", lambda manifest: manifest.update(tables=[table], grids=[grid]))

    def test_the_same(self, old: Path, new: Path) -> None:
        self.give(new)
        assert found(old, new, IDENTICAL)["compared"]["tables"] == 2

    def test_a_cell(self, old: Path, new: Path) -> None:
        self.give(new, TABLE | {"rows": [["a", 1.5], ["b", None]]})
        said = found(old, new, CHANGED)
        assert changed_sorts(said) == {"tables"}
        (table,) = said["tables"]
        (cell,) = table["cells"]
        assert (cell["row"], cell["before"], cell["after"]) == ("a", 1.0, 1.5)

    def test_a_row_between_others_is_new_and_moves_none(self, old: Path, new: Path) -> None:
        self.give(new, TABLE | {"rows": [["a", 1.0], ["nouvelle", 2.0], ["b", None]]})
        (table,) = found(old, new, CHANGED)["tables"]
        assert {(cell["row"], cell["status"]) for cell in table["cells"]} == {("nouvelle", "new")}

    def test_a_cell_of_a_grid_and_its_remark(self, old: Path, new: Path) -> None:
        measures = [{"label": "Pas", "values": [[1, 2], [3, 9]]}]
        self.give(new, grid=GRID | {"measures": measures, "remarks": [["échec", None], [None, None]]})
        (grid,) = found(old, new, CHANGED)["tables"]
        assert [(cell["row"], cell["column"], cell["measure"]) for cell in grid["cells"]] == [
            ("b", "y", "Pas"),
            ("a", "x", ""),
        ]

    def test_headings_only_inform(self, old: Path, new: Path) -> None:
        self.give(new, TABLE | {"columns": ["Image", "Part (%)"]}, GRID | {"rows": ["a", "c"]})
        notes = {note["what"] for note in found(old, new, IDENTICAL)["notes"]}
        assert notes == {"tables bilan columns", "grids carte rows"}


class TestMistakes:
    """Each is told in a line with its file, with a status that is not that of a change."""

    def told(self, old: Path | str, new: Path | str, *more: Path | str) -> str:
        result = diff(old, new, *more)
        assert result.exit_code == MISTAKE, result.output
        (line,) = result.output.splitlines()
        return line

    @pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 2}', b"\xff\xfe", b'{"version": 2, "x": NaN}'])
    def test_a_damaged_manifest(self, old: Path, new: Path, damage: bytes) -> None:
        path = new / "results" / "grain" / "manifest.json"
        path.write_bytes(damage)
        assert self.told(old, new).startswith(f"{path}: ")

    @pytest.mark.parametrize("file", ["oiseau-carte.png", "oiseau.npz"])
    def test_a_damaged_file(self, old: Path, new: Path, file: str) -> None:
        path = new / "results" / "saillance" / file
        path.write_bytes(path.read_bytes()[:100])
        assert self.told(old, new).startswith(f"{path}: is damaged")

    @pytest.mark.parametrize("file", ["saillance/oiseau.npz", "grain/chat-0004.png", "grain/chat-film-0001.webp"])
    def test_a_missing_file(self, old: Path, new: Path, file: str) -> None:
        path = new / "results" / file
        path.unlink()
        assert self.told(old, new).startswith(f"{path}: is missing")

    def test_damaged_verdicts(self, old: Path, new: Path) -> None:
        path = new / "docs" / "verdicts.json"
        path.write_text("{")
        assert self.told(old, new).startswith(f"{path}: ")

    def test_no_results(self, old: Path, tmp_path: Path) -> None:
        assert "no results in it" in self.told(old, tmp_path)
        assert "no such folder" in self.told(tmp_path / "nowhere", old)

    def test_a_place_that_cannot_be_written_to(self, old: Path, new: Path) -> None:
        (new / "a-file").touch()
        for option in ("--json", "--page"):
            assert str(new / "a-file") in self.told(old, new, option, new / "a-file" / "within")

    def test_the_help_tells_the_exit_status(self) -> None:
        text = " ".join(CliRunner().invoke(main, ["diff", "--help"]).output.split())
        assert "Exit status: 0 if all that decides is identical, 1 if something changed, 2" in text


class TestOtherVersions:
    def test_what_is_understood_is_compared(self, old: Path, new: Path) -> None:
        def change(manifest: dict[str, Any]) -> None:
            manifest |= {"version": 7, "pieces": [1, 2], "provenance": {"machine": "another"}}
            manifest["figures"][0]["part"] = "a1b2"
            del manifest["fingerprint"]

        edit(new, "saillance", change)
        (remark,) = found(old, new, IDENTICAL)["remarks"]
        assert "schema version 7" in remark
        measure(new, "saillance", "oiseau.maximum", value=-1.0)
        assert changed_sorts(found(old, new, CHANGED)) == {"verdicts", "measures"}

    def test_what_is_not_understood_is_told(self, old: Path, new: Path) -> None:
        edit(new, "saillance", lambda manifest: manifest.update(version=7, figures="elsewhere"))
        result = diff(old, new)
        assert result.exit_code == MISTAKE
        assert "schema version 7, and not understood (figures" in result.output


class TestPage:
    def test_needs_no_other_file_and_shows_what_changed(self, old: Path, new: Path, tmp_path: Path) -> None:
        path = new / "results" / "saillance" / "oiseau-carte.png"
        with Image.open(path) as image:
            image.putpixel((3, 4), (250, 250, 250))
            image.save(path)
        measure(new, "saillance", "oiseau.maximum", value=-1.0)
        edit(new, "saillance", lambda manifest: manifest["fingerprint"].update(code="<script>"))
        diff(old, new, "--page", tmp_path / "page.html")
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert '<html lang="fr">' in text
        assert "Ce qui a changé" in text
        assert "infirmé" in text
        assert "1 pixel sur 50\N{NARROW NO-BREAK SPACE}176" in text
        sources = re.findall(r'(?:src|href)="([^"]*)"', text)
        assert len(sources) == 3
        assert all(source.startswith("data:image/webp;base64,") for source in sources)
        assert "<script" not in text

    def test_speaks_the_labs_language(self, old: Path, new: Path, tmp_path: Path) -> None:
        path = new / "docs" / "verdicts.json"
        path.write_text(path.read_text(encoding="utf-8").replace('"fr"', '"en"'), encoding="utf-8")
        diff(old, new, "--page", tmp_path / "page.html")
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert '<html lang="en">' in text
        assert "All that decides is identical." in text


class TestSite:
    def test_publishes_verdicts_with_their_rules_and_measures(self, published: tuple[Path, Path]) -> None:
        said = json.loads((published[1] / "verdicts.json").read_text(encoding="utf-8"))
        assert said["experiments"] == ["saillance", "alligator", "grain"]
        claim = said["claims"][0]
        assert (claim["says"], claim["verdict"], claim["confirmed"]) == ("tête", "confirmed", "> 0.001")
        manifest = json.loads((published[1] / "figures" / "saillance" / "manifest.json").read_text(encoding="utf-8"))
        assert named(manifest["metrics"], "oiseau.maximum")["value"] == claim["value"]
        assert (published[1] / claim["address"]).is_file()

    def test_students_get_neither(self, mini: Path, generator: Run, tmp_path: Path) -> None:
        assert generator("statement", mini).returncode == 0
        names = {path.name for path in (tmp_path / "build-enonce").rglob("*")}
        assert "index.html" in names
        assert not names & {"verdicts.json", "manifest.json", "changements.html"}

    def test_ends_with_the_verdicts_that_changed(self, ran: Path, generator: Run) -> None:
        first = generator("site", ran)
        assert "verdicts changed" not in first.stdout, first.stderr
        question = ran.parent / "questions" / "q01-voir.md"
        text = question.read_text(encoding="utf-8").replace('"> 0.001"', '"> 1000"')
        question.write_text(text, encoding="utf-8")
        line = generator("site", ran).stdout.splitlines()[-1]
        assert line == ("verdicts changed since the last build of this site: question 1 “tête” confirmed -> qualified")
        assert "verdicts changed" not in generator("site", ran).stdout

    def test_tells_what_changed_since_a_reference(self, ran: Path, new: Path, generator: Run, tmp_path: Path) -> None:
        measure(new, "saillance", "oiseau.maximum", value=-1.0)
        done = generator("site", ran, "--reference", str(new))
        assert done.returncode == 0, done.stderr
        page = tmp_path / "build-site" / "changements.html"
        text = page.read_text(encoding="utf-8")
        assert "<title>Ce qui a changé" in text
        assert re.search(r"infirmé</span></td><td><span[^>]*>confirmé", text)
        assert 'href="changements.html"' in (page.parent / "index.html").read_text(encoding="utf-8")
        assert generator("site", ran).returncode == 0
        assert not page.exists()

    def test_refuses_a_reference_before_anything_is_computed(self, mini: Path, generator: Run, tmp_path: Path) -> None:
        done = generator("site", mini, "--reference", str(tmp_path / "nowhere"))
        assert done.returncode == MISTAKE
        assert done.stderr.startswith(f"{tmp_path / 'nowhere'}: no such folder")
        assert not (tmp_path / "build" / "results").exists()
        itself = generator("site", mini, "--reference", str(tmp_path / "build"))
        assert itself.returncode == MISTAKE
