"""Running and running again: what is kept, what is made anew and why, and the same bits each time."""

from __future__ import annotations

import filecmp
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generator.results.artefacts import Manifest, read_manifest
from generator.results.folder import alone
from tests.conftest import Run, change, files


def manifest(tmp_path: Path, experiment: str) -> Manifest:
    found = read_manifest(tmp_path / "build" / "results" / experiment)
    assert found is not None
    return found


class TestRunningAgain:
    def test_nothing_is_made_twice_without_a_reason(self, ran: Path, generator: Run) -> None:
        done = generator("run", ran)
        assert "0 parts computed; 0 of 3 experiments shown anew, 3 up to date" in done.stdout
        assert generator("explain", ran).stdout.count("up to date") == 3

    def test_a_parameter_makes_its_parts_anew_and_is_named(self, ran: Path, generator: Run) -> None:
        change(ran, lambda lab: lab["experiments"]["alligator"].update(step=0.6))
        explained = generator("explain", ran).stdout
        assert "alligator: 0 parts are there, 1 must be computed" in explained
        assert "1 parts must be computed first\n  parameter step: 0.5 → 0.6 (alligator)" in explained
        assert explained.count("up to date") == 2
        done = generator("run", ran)
        assert "  parameter step: 0.5 → 0.6" in done.stdout
        assert "1 parts computed; 1 of 3 experiments shown anew" in done.stdout

    def test_one_photograph_more_is_its_own_part_and_no_more(self, ran: Path, generator: Run, tmp_path: Path) -> None:
        before = {name: path.read_bytes() for name, path in files(tmp_path / "build" / "results" / "saillance").items()}
        chair = {"name": "chaise", "file": "package:foolbox/data/imagenet_01_559.jpg", "label": 559, "title": "Chaise"}
        change(ran, lambda lab: lab["images"].append(chair))
        assert "saillance: 2 parts are there, 1 must be computed" in generator("explain", ran).stdout
        assert "1 parts computed; 1 of 3 experiments shown anew" in generator("run", ran).stdout
        after = files(tmp_path / "build" / "results" / "saillance")
        assert {name: after[name].read_bytes() for name in before if name != "manifest.json"} == {
            name: content for name, content in before.items() if name != "manifest.json"
        }
        change(ran, lambda lab: lab["images"].pop())
        assert "0 parts computed; 1 of 3 experiments shown anew" in generator("run", ran).stdout
        again = files(tmp_path / "build" / "results" / "saillance")
        assert {name: path.read_bytes() for name, path in again.items()} == before

    def test_what_a_reader_sees_is_shown_anew_and_nothing_is_computed(self, ran: Path, generator: Run) -> None:
        ran.write_text(ran.read_text().replace("title: Pygargue", "title: Aigle"))
        explained = generator("explain", ran).stdout
        assert 'titles of images: oiseau "Pygargue" → "Aigle" (saillance, alligator)' in explained
        assert "alligator: all 1 parts are there, it must be shown anew" in explained
        assert "grain: up to date" in explained
        assert "0 parts computed; 2 of 3 experiments shown anew" in generator("run", ran).stdout

    def test_another_language_computes_nothing(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        change(ran, lambda lab: lab.update(language="en"))
        shutil.rmtree(ran.parent / "questions")
        (ran.parent / "questions").mkdir()
        question = "---\nnumber: 1\ntitle: Look\n---\n\n## Statement\n\nLook.\n\n## Answer\n\nSeen.\n"
        (ran.parent / "questions" / "q01-look.md").write_text(question, encoding="utf-8")
        assert "0 parts computed; 3 of 3 experiments shown anew" in generator("run", ran).stdout
        assert "Image given to the network" in manifest(tmp_path, "saillance").figures[0].pictures[0].alt

    def test_another_lab_of_the_project_takes_what_there_is(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        other = ran.parent / "autre.yml"
        other.write_text("extends: lab.yml\ntitle: Autre\nexperiments:\n  grain: {seed: 3}\n", encoding="utf-8")
        done = generator("run", other, name="build-autre")
        assert "2 parts computed; 3 of 3 experiments shown anew" in done.stdout, done.stderr
        shared = f"3 of 5 parts are shared with {ran}: computed once for both"
        assert done.stdout.splitlines()[0] == shared
        assert generator("explain", other, name="build-autre").stdout.splitlines()[0] == shared
        assert "shared" not in generator("explain", ran).stdout

    def test_images_of_another_name_are_told_in_a_line(self, ran: Path, generator: Run) -> None:
        ran.write_text(ran.read_text().replace("name: oiseau", "name: aigle").replace("[oiseau", "[aigle"))
        assert generator("explain", ran).stdout.splitlines() == [
            "saillance: all 2 parts are there, it must be shown anew",
            "alligator: all 1 parts are there, it must be shown anew",
            "grain: up to date (2 parts)",
            "2 of 3 experiments must be shown anew, 0 parts must be computed first",
            "  images renamed: oiseau → aigle (saillance, alligator)",
        ]

    def test_what_a_first_run_will_do_is_told_in_two_lines(self, mini: Path, generator: Run) -> None:
        assert generator("explain", mini).stdout.splitlines()[3:] == [
            "3 of 3 experiments must be shown anew, 5 parts must be computed first",
            "  never shown to its end (saillance, alligator, grain)",
        ]

    def test_a_note_or_an_answer_is_no_reason(self, ran: Path, generator: Run) -> None:
        change(ran, lambda lab: lab["experiments"]["alligator"].update(note="Remarque."))
        question = ran.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text(encoding="utf-8") + "\nEncore.\n", encoding="utf-8")
        assert "0 of 3 experiments shown anew" in generator("run", ran).stdout

    @pytest.mark.parametrize("damage", ["gone", "truncated", "another picture"])
    def test_what_is_damaged_on_disk_is_told_and_shown_anew(
        self, damage: str, ran: Path, tmp_path: Path, generator: Run
    ) -> None:
        folder = tmp_path / "build" / "results" / "alligator"
        path = folder / "oiseau-trompeuse.png"
        before = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            other = (folder / "oiseau-originale.png").read_bytes()
            path.write_bytes(before[:1000] if damage == "truncated" else other)
        done = generator("run", ran)
        assert f"{path} is {'gone' if damage == 'gone' else 'damaged'}" in done.stdout
        assert "0 parts computed; 1 of 3 experiments shown anew" in done.stdout
        assert path.read_bytes() == before

    def test_one_family_only(self, mini: Path, generator: Run, tmp_path: Path) -> None:
        assert "1 of 1 experiments shown anew" in generator("run", mini, "--family", "saliency").stdout
        assert [path.name for path in (tmp_path / "build" / "results").iterdir()] == ["saillance"]


class TestManifest:
    def test_is_a_contract(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        raw = json.loads((tmp_path / "build" / "results" / "alligator" / "manifest.json").read_text())
        assert raw["version"] == 3
        (figure,) = manifest(tmp_path, "alligator").figures
        assert len(figure.columns) == 4
        for picture in figure.pictures:
            assert (tmp_path / "build" / "results" / "alligator" / picture.file).is_file()
            assert picture.alt
        assert figure.caption
        facts = {metric.name: metric.value for metric in manifest(tmp_path, "alligator").metrics}
        assert facts["oiseau.reached"] == 1
        assert facts["oiseau.score-after"] > facts["oiseau.score-before"]
        assert 0 < facts["oiseau.linf"] < 0.1

    def test_another_schema_is_no_result(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        path = tmp_path / "build" / "results" / "alligator" / "manifest.json"
        path.write_text(path.read_text().replace('"version": 3', '"version": 4'))
        assert "0 parts computed; 1 of 3 experiments shown anew" in generator("run", ran).stdout

    def test_facts_of_a_run_are_kept_apart(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        log = json.loads((tmp_path / "build" / "run.json").read_text())
        assert set(log["experiments"]) == {"saillance", "alligator", "grain"}
        assert log["experiments"]["grain"]["passes"] == 10
        assert "seconds" not in (tmp_path / "build" / "results" / "grain" / "manifest.json").read_text()


@pytest.mark.usefixtures("mini")  # which has looked at the network
class TestFailing:
    """In a copy of the project, a kind fails; the others are made all the same."""

    def failed(self, project: Path, tmp_path: Path, task: str) -> subprocess.CompletedProcess[str]:
        path = project / "generator" / "experiments" / "shared" / "tasks.py"
        mark = "    scores, values = gradients.explained("
        text = path.read_text(encoding="utf-8")
        assert mark in text
        path.write_text(text.replace(mark, f"    {task}\n{mark}"), encoding="utf-8")
        return self.run(project, tmp_path)

    @staticmethod
    def run(project: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "generator", "run", "--lab", "tests/mini/lab.yml"]
        return subprocess.run(
            [*command, "--build", str(tmp_path / "build")], cwd=project, capture_output=True, text=True, check=False
        )

    def test_what_an_experiment_misses_is_told_with_its_place(self, project: Path, tmp_path: Path) -> None:
        task = "from generator.errors import LabError; raise LabError('no boxes')"
        done = self.failed(project, tmp_path, task)
        assert done.returncode == 1
        first, line = done.stderr.splitlines()[-2:]
        assert "the other experiments are kept" in first
        assert line.startswith("tests/mini/lab.yml:")
        assert line.endswith("experiments.saillance: no boxes")
        kept = sorted(path.name for path in (tmp_path / "build" / "results").iterdir())
        assert kept == ["alligator", "grain"]

    def test_what_nobody_foresaw_is_one_line_and_its_traceback_is_kept(self, project: Path, tmp_path: Path) -> None:
        done = self.failed(project, tmp_path, r"raise ValueError('a\nb')")
        traceback = tmp_path / "build" / "saillance.traceback"
        line = done.stderr.splitlines()[-1]
        assert re.search(r"experiments\.saillance: saillance (oiseau|mastiff): ValueError: a", line)
        assert line.endswith(f"(the traceback is in {traceback})")
        assert "in saliency_map" in traceback.read_text(encoding="utf-8")
        path = project / "generator" / "experiments" / "shared" / "tasks.py"
        path.write_text(
            path.read_text(encoding="utf-8").replace(r"    raise ValueError('a\nb')" + "\n", ""), encoding="utf-8"
        )
        assert "3 parts computed" in self.run(project, tmp_path).stdout, "the other task of that module counts too"
        assert not traceback.exists(), "what is mended leaves none"

    def test_a_figure_promised_and_not_made_is_told(self, project: Path, tmp_path: Path) -> None:
        path = project / "generator" / "experiments" / "fooling" / "__init__.py"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("yield from self.images", 'yield from (*self.images, "autre")'), encoding="utf-8")
        done = self.run(project, tmp_path)
        assert done.returncode == 1
        assert "experiments.alligator: alligator: KeyError: 'autre'" in done.stderr.splitlines()[-1]


class TestTold:
    """What the system refuses, one line each."""

    def told(self, done: subprocess.CompletedProcess[str]) -> str:
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        return line

    def test_a_folder_that_is_a_file(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / ".lock").touch()
        (tmp_path / "build" / "results").write_text("")
        line = self.told(generator("run", mini))
        assert str(tmp_path / "build" / "results") in line
        assert "can be written to" in line

    @pytest.mark.parametrize("command", ["run", "render"])
    def test_another_run_in_the_same_folder(self, command: str, mini: Path, tmp_path: Path, generator: Run) -> None:
        with alone(tmp_path / "build"):
            line = self.told(generator(command, mini))
        assert f"another run is under way in {tmp_path / 'build'}" in line
        assert not (tmp_path / "build" / "results").exists()

    @pytest.mark.parametrize("given", ["abc", "0", "-1"])
    def test_a_number_of_workers_that_is_none(self, given: str, mini: Path, generator: Run) -> None:
        done = generator("run", mini, "--workers", given)
        assert done.returncode == 2
        assert "--workers" in done.stderr

    def test_a_port_that_there_cannot_be(self, mini: Path, generator: Run) -> None:
        done = generator("serve", mini, "--port", "99999")
        assert done.returncode == 2
        assert "99999 is not in the range" in done.stderr


def test_a_log_of_another_schema_is_none(ran: Path, tmp_path: Path, generator: Run) -> None:
    (tmp_path / "build" / "run.json").write_text('{"experiments": {"grain": {"hours": 1}}}')
    assert generator("render", ran).returncode == 0


def test_one_figure_can_be_made_again_to_the_bit(ran: Path, tmp_path: Path, generator: Run) -> None:
    done = generator("figure", ran, "grain/chat-0004")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("identical")
    picture = tmp_path / "build" / "results" / "grain" / "chat-0004.png"
    again = tmp_path / "build" / "again" / "build" / "results" / "grain" / "chat-0004.png"
    assert picture.read_bytes() == again.read_bytes()


def test_a_figure_that_does_not_exist_is_told(mini: Path, generator: Run) -> None:
    done = generator("figure", mini, "grain/chat-0003")
    assert done.returncode == 2
    assert "did you mean" in done.stderr


def test_two_builds_in_two_processes_are_the_same_bytes(mini: Path, tmp_path: Path, generator: Run) -> None:
    for name, hash_seed in (("one", "1"), ("two", "4242")):
        # Each with a folder around it, where its outcomes go.
        done = generator("site", mini, name=f"{name}/build", hash_seed=hash_seed)
        assert done.returncode == 0, done.stderr
        assert "0 parts computed" not in done.stdout
    one, two = (files(tmp_path / name / "build-site") for name in ("one", "two"))
    assert one.keys() == two.keys()
    different = {name for name in one if not filecmp.cmp(one[name], two[name], shallow=False)}
    # Durations are facts of a run; the search index holds a copy of the pages that tell them.
    facts = {"execution.html", "performances.html", "search/search_index.js", "search/search_index.json"}
    assert {name for name in different if not name.startswith("performances/")} <= facts
