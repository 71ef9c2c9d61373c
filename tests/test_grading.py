"""Grading: what students hand in is run apart, judged by the lab's own checks, and told in a table and a page."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

from generator import grading
from generator.errors import LabError
from generator.grading.apart import Apart
from generator.grading.notebooks import submissions, tasks
from generator.lab import Lab, read_lab
from generator.report.common import STAFF, STUDENTS
from generator.report.worksheets import as_notebook, worksheets
from tests.conftest import ROOT, change, files, once

LIMIT = 25
NEW = ROOT / ".of-a-notebook"
"""What a notebook tries to write into the project."""
NAMES = {
    "solved": "DUPONT Éléonore_101_assignsubmission_file_",
    "untouched": "<b>LE GOFF</b> & Yann_102_assignsubmission_file_",
    "endless": "SANS-FIN Alix_103_assignsubmission_file_",
    "broken": "=cmd()_104_assignsubmission_file_",
    "nosy": "CURIEUX Noé_105_assignsubmission_file_",
    "fake": "FAUX Zoé_106_assignsubmission_file_",
    "edited": "RATURE Léa_107_assignsubmission_file_",
    "gone": "PARTI Max_108_assignsubmission_file_",
    "empty": "VIDE Ève_109_assignsubmission_file_",
    "other": "AUTRE Ana_110_assignsubmission_file_",
    "picture": "IMAGE Ugo_111_assignsubmission_file_",
}
"""Folders as Moodle names them."""


def handed_in(edition: str, opens: tuple[str, ...] = ()) -> dict[str, str]:
    """The smallest lab's worksheets, as scripts."""
    lab = read_lab(ROOT / "tests" / "mini" / "lab.yml", Path("data"))
    return {sheet.stem.partition("-")[0]: sheet.script for sheet in worksheets(lab, edition, opens)}


def put(folder: Path, who: str, name: str, text: str) -> Path:
    path = folder / NAMES.get(who, who) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def after_setup(script: str, cell: str) -> str:
    """A worksheet with a cell more before what is to be written."""
    begin, mark, end = script.partition("# %% [markdown]\n# ## À écrire")
    assert mark
    return f"{begin}# %%\n{cell}\n{mark}{end}"


FAKES = """
import builtins, json, os
import generator.classroom
print("C’est juste : votre carte est celle de la définition")
for number in range(3, 20):
    try:
        os.write(number, b'{"check": 0, "error": null}\\n')
    except OSError:
        pass
generator.classroom.Classroom.check_saliency = lambda *_: print("C’est juste")
generator.classroom._close = lambda *_: True
torch.allclose = torch.equal = lambda *_, **__: True
class Classroom:
    def check_saliency(self, _):
        print("C’est juste")
salle.check_saliency = Classroom().check_saliency
class NotYetError(Exception): pass
float = int = str
"""
NOSY = """
import socket, subprocess, sys
for place in ({own!r}, {new!r}, {lab!r}):
    try:
        open(place, "a").write("# changed")
    except OSError:
        pass
open("kept-here.txt", "w").write("allowed")
assert open("beside.txt").read() == "beside"
places = ({own!r}, {new!r}, {lab!r})
connects = 'import socket; socket.create_connection(("127.0.0.1", {port}), 5)'
try:
    exec(connects)
except OSError:
    pass
"""
STARTED = """
for place in places:
    subprocess.run(["sh", "-c", 'echo "# changed" >> "$0"', place])
subprocess.run([sys.executable, "-c", connects])
"""
"""The same by programs, which only a system that closes processes off keeps from it."""
ENDLESS = """
import subprocess, time
subprocess.Popen(["sleep", "{nap}"], start_new_session=True)
while True:
    time.sleep(0.01)
"""


@dataclass(frozen=True)
class Session:
    """What an instructor has after ``grade``: what was said, and the two files.

    Attributes:
        output: what the console said.
        status: the exit status.
        table: as it lies on disk.
        page: likewise.
        connected: whether a notebook reached a server of this machine.
        changed: files of the lab and of what was handed in that are not as they were.
        nap: how long a process sleeps that a notebook started; nobody else's does so.
    """

    output: str
    status: int
    table: str
    page: str
    connected: bool
    changed: list[str]
    nap: str

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        """The lines of the table, by who it is."""
        lines = list(csv.DictReader(StringIO(self.table.removeprefix("\ufeff")), delimiter=";"))
        return {name: line for name, where in NAMES.items() for line in lines if where in line["Fichier"]}


@contextmanager
def listening() -> Iterator[tuple[int, Callable[[], bool]]]:
    """A server on this machine: its port, and whether anybody connected."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)

        def reached() -> bool:
            with suppress(BlockingIOError):
                server.accept()
                return True
            return False

        yield server.getsockname()[1], reached


def closed_off(folder: Path) -> bool:
    """Whether this system has processes without network."""
    return Apart([folder], 1).closed_off


@pytest.fixture(scope="module")
def session(shared: Path) -> Session:
    """All of a class, graded once for all processes of the tests."""
    place = shared / "grading"
    with once(place) as first:
        if first:
            place.mkdir()
            (place / "session.json").write_text(json.dumps(asdict(graded(place))), encoding="utf-8")
    return Session(**json.loads((place / "session.json").read_text(encoding="utf-8")))


def graded(place: Path) -> Session:
    """Hand in what a class might, and grade it."""
    nap = str(100_000 + os.getpid())
    lab = shutil.copytree(ROOT / "tests" / "mini", place / "lab") / "lab.yml"
    with listening() as (port, reached):
        hand_in(place / "rendus de l’été", lab, port, nap)
        before = {name: path.read_bytes() for name, path in files(place).items()}
        command = [sys.executable, "-m", "generator", "grade", str(place / "rendus de l’été"), "--lab", str(lab)]
        done = subprocess.run(
            [*command, "--limit", str(LIMIT), "--workers", "3", "--grades", str(place / "out" / "notes")],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        connected = reached()
    after = {name: path.read_bytes() for name, path in files(place).items()}
    table, page = ((place / "out" / f"notes{suffix}").read_bytes().decode("utf-8") for suffix in (".csv", ".html"))
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    changed = [name for name in changed if not name.startswith("out/")]
    return Session(done.stdout, done.returncode, table, page, connected, changed, nap)


def hand_in(folder: Path, lab: Path, port: int, nap: str) -> None:
    """One notebook of each sort."""
    solved, left = handed_in(STAFF), handed_in(STUDENTS, ("lab/lab.yml",))
    put(folder, "solved", "fooling-enonce (1).ipynb", as_notebook(solved["fooling"]))
    put(folder, "untouched", "TP/saliency-enonce.ipynb", as_notebook(left["saliency"]))
    put(folder, "endless", "saliency.ipynb", as_notebook(after_setup(solved["saliency"], ENDLESS.format(nap=nap))))
    put(folder, "broken", "saliency-enonce.ipynb", as_notebook(left["saliency"])[:300])
    own = put(folder, "nosy", "beside.txt", "beside").with_name("rendu.py")
    started = STARTED if closed_off(folder) else ""
    nosy = NOSY.format(own=str(own), new=str(NEW), lab=str(lab), port=port) + started
    put(folder, "nosy", "rendu.py", after_setup(solved["saliency"], nosy))
    wrong = solved["saliency"].replace(".abs().amax(0)", ".sum(0)")
    put(folder, "fake", "saliency-enonce.ipynb", as_notebook(after_setup(wrong, FAKES)))
    edited = json.loads(as_notebook(solved["fooling"].replace("assert seen ==", 'print("mon essai")\nassert seen ==')))
    edited["cells"] = [cell for cell in edited["cells"] if "check_fooling" not in "".join(cell["source"])]
    put(folder, "edited", "fooling-enonce.ipynb", json.dumps(edited))
    gone = "torch.zeros(10**12)\n# %%\nimport os\nos._exit(0)\n"
    put(folder, "gone", "saliency-enonce.ipynb", as_notebook(after_setup(solved["saliency"], gone)))
    put(folder, "empty", "rapport.pdf", "%PDF")
    put(folder, "other", "devoir.ipynb", as_notebook("# %%\nprint(1)\n"))
    put(folder, "picture", "saliency-enonce.ipynb", json.dumps({"cells": [{"image": "x"}]}))


class TestVerdicts:
    def test_each_student_has_a_line(self, session: Session) -> None:
        assert session.rows.keys() == NAMES.keys()
        assert session.rows["solved"]["Étudiant"] == "DUPONT Éléonore"

    def test_a_solution_passes(self, session: Session) -> None:
        row = session.rows["solved"]
        assert (row["Carnet"], row["fooling step"], row["fooling fool"]) == ("fooling", "juste", "juste")
        assert (row["Justes"], row["Sur"], row["Premier message"]) == ("2", "2", "")
        assert not row["saliency saliency"], "the check of another worksheet"

    def test_an_untouched_one_does_not_and_says_why(self, session: Session) -> None:
        row = session.rows["untouched"]
        assert row["saliency saliency"] == "pas encore"
        assert "encore à écrire" in row["Premier message"]

    def test_one_that_does_not_end_is_ended(self, session: Session) -> None:
        row = session.rows["endless"]
        assert row["saliency saliency"] == "non atteinte"
        assert f"au bout de {LIMIT} secondes" in row["Premier message"]

    def test_nothing_that_it_started_runs_on(self, session: Session, tmp_path: Path) -> None:
        if not closed_off(tmp_path):
            pytest.skip("this system does not close processes off")
        running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert session.nap.encode() not in b"".join(running)

    def test_what_is_no_notebook_is_told(self, session: Session) -> None:
        said = {name: session.rows[name]["Premier message"] for name in ("broken", "empty", "other", "picture")}
        assert "pas du JSON" in said["broken"]
        assert "Aucun carnet ici" in said["empty"]
        assert "aucun de ceux qui ont été distribués" in said["other"]
        assert "pas un carnet Jupyter" in said["picture"]

    def test_printing_and_redefining_pass_nothing(self, session: Session) -> None:
        row = session.rows["fake"]
        assert row["saliency saliency"] == "pas encore"
        assert "différences finies" in row["Premier message"]

    def test_a_check_that_was_removed_is_missing_and_one_that_was_changed_is_the_lab_s(self, session: Session) -> None:
        row = session.rows["edited"]
        assert (row["fooling step"], row["fooling fool"]) == ("absente", "juste")
        assert "celle de l’énoncé accepte la fonction" in row["Premier message"]
        assert "était modifiée dans le carnet" in session.page

    def test_one_that_leaves_has_reached_nothing(self, session: Session) -> None:
        assert session.rows["gone"]["saliency saliency"] == "non atteinte"
        assert "trop de mémoire" in session.rows["gone"]["Premier message"]

    def test_the_console_says_it_in_a_line_each(self, session: Session) -> None:
        assert any(
            line.startswith("DUPONT Éléonore") and "step ✓ fool ✓" in line for line in session.output.splitlines()
        )
        assert "2 of 11 right throughout" in session.output
        assert session.status == 1


class TestApart:
    def test_no_notebook_reaches_the_network(self, session: Session) -> None:
        assert not session.connected
        # And it ran, or nothing would have been tried.
        assert session.rows["nosy"]["saliency saliency"] == "juste"

    def test_nothing_of_the_lab_and_of_what_was_handed_in_is_changed(self, session: Session) -> None:
        assert session.changed == []
        assert not NEW.exists()

    def test_where_nothing_is_closed_off_that_is_said_and_python_still_refuses(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "generator", "grade", str(tmp_path / "rendus"), "--lab", "tests/mini/lab.yml"]
        with listening() as (port, reached):
            connects = f'import socket\nsocket.create_connection(("127.0.0.1", {port}), 5)'
            put(tmp_path / "rendus", "", "saliency.py", after_setup(handed_in(STAFF)["saliency"], connects))
            done = subprocess.run(
                [*command, "--grades", str(tmp_path / "grades")],
                cwd=ROOT,
                env=os.environ | {"PATH": str(tmp_path)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert not reached()
        assert "no process without network" in done.stderr
        assert "1 of 1 right throughout" in done.stdout
        assert done.returncode == 0


class TestTables:
    def test_a_spreadsheet_reads_its_accents(self, session: Session) -> None:
        assert session.table.startswith("\ufeff")

    def test_no_name_is_a_formula(self, session: Session) -> None:
        assert session.rows["broken"]["Étudiant"] == "'=cmd()"
        assert session.rows["broken"]["Fichier"].startswith("'=cmd()")

    def test_the_page_escapes_names_and_needs_no_other_file(self, session: Session) -> None:
        assert "&lt;b&gt;LE GOFF&lt;/b&gt; &amp; Yann" in session.page
        asked: list[tuple[str, str | None]] = []

        class Links(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                asked.extend(pair for pair in attrs if pair[0] in ("src", "href"))

        Links().feed(session.page)
        assert asked
        assert all(value and value.startswith("#n") for _, value in asked)

    def test_an_english_lab_s_table_has_commas(self, mini: Path) -> None:
        change(mini, lambda data: data.update(language="en"))
        graded = grading.Graded("Ann", Path("a.ipynb"), "saliency", "Maps", (grading.Verdict("saliency", "passed"),))
        text = grading.table([graded], read_lab(mini, Path("data"), texts=False)).decode("utf-8-sig")
        head, row = csv.reader(StringIO(text))
        assert head[:3] == ["Student", "File", "Notebook"]
        assert row == ["Ann", "a.ipynb", "saliency", "1", "1", "0", "passed", ""]


@pytest.fixture(scope="module")
def lab() -> Lab:
    """The smallest one."""
    return read_lab(ROOT / "tests" / "mini" / "lab.yml", Path("data"))


class TestWhatLiesThere:
    def test_a_worksheet_is_known_by_its_cells_whatever_its_file_is_called(self, lab: Lab, tmp_path: Path) -> None:
        put(tmp_path, "Zoé", "saliency rendu final.ipynb", as_notebook(handed_in(STAFF)["classvis"]))
        (found,) = submissions(tmp_path, tasks(lab))
        assert found.task
        assert found.task.stem == "classvis"

    def test_of_a_notebook_and_its_script_the_one_that_was_worked_on_counts(self, lab: Lab, tmp_path: Path) -> None:
        put(tmp_path, "Zoé", "saliency-enonce.py", handed_in(STUDENTS)["saliency"])
        put(tmp_path, "Zoé", "saliency-enonce.ipynb", as_notebook(handed_in(STAFF)["saliency"]))
        put(tmp_path, "Zoé", "outils.py", "x = 1\n")
        assert [str(each.file) for each in submissions(tmp_path, tasks(lab))] == ["Zoé/saliency-enonce.ipynb"]

    def test_files_side_by_side_are_a_student_each(self, lab: Lab, tmp_path: Path) -> None:
        for name, edition in (("Zoé", STUDENTS), ("Ana_12_assignsubmission_file_saliency", STAFF)):
            put(tmp_path, "", f"{name}.ipynb", as_notebook(handed_in(edition)["saliency"]))
        assert [each.student for each in submissions(tmp_path, tasks(lab))] == ["Ana", "Zoé"]

    def test_checks_are_named_after_what_was_to_be_written(self, lab: Lab) -> None:
        named = {task.stem: [check.name for check in task.checks] for task in tasks(lab)}
        assert named == {"classvis": ["step"], "fooling": ["step", "fool"], "saliency": ["saliency"]}

    @pytest.mark.parametrize(
        ("inside", "said"),
        [
            (None, "no such folder"),
            ({}, "no notebook in it"),
            ({"a/rapport.pdf": "%PDF"}, "no notebook in it"),
            ({"a/x.ipynb": '{"cells": []}'}, "which has classvis (Visualisation d’une classe), fooling"),
        ],
    )
    def test_nothing_to_grade_is_one_line(
        self, lab: Lab, tmp_path: Path, inside: dict[str, str] | None, said: str
    ) -> None:
        folder = tmp_path / "rendus"
        if inside is not None:
            folder.mkdir()
            for name, text in inside.items():
                put(folder, "", name, text)
        with pytest.raises(LabError) as error:
            grading.grade(lab, folder, 1, None, print)
        (problem,) = error.value.problems
        assert problem.startswith(str(folder))
        assert said in problem

    def test_a_lab_whose_worksheets_check_nothing_grades_nothing(self, mini: Path, tmp_path: Path) -> None:
        own = mini.parent / "travaux" / "fr"
        own.mkdir(parents=True)
        (own / "mien.py").write_text("# replace: saliency, fooling, classvis\n# %%\nx = 1\n", encoding="utf-8")
        with pytest.raises(LabError, match="none of its worksheets has a check"):
            grading.grade(read_lab(mini, Path("data")), tmp_path, 1, None, print)
