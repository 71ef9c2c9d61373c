"""Running and running again: what is kept, what is made anew and why, and the same bits each time."""

from __future__ import annotations

import filecmp
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from generator import cache, pipeline
from generator.artefacts import Manifest, read_manifest
from generator.errors import LabError, RunError
from generator.experiments.saliency import Saliency
from generator.lab import read_lab
from generator.results import alone, read_manifests
from tests.conftest import FRENCH, ROOT, Run


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def manifest(tmp_path: Path, experiment: str) -> Manifest:
    found = read_manifest(tmp_path / "build" / "results" / experiment)
    assert found is not None
    return found


def files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


class TestRunningAgain:
    def test_nothing_runs_twice_without_a_reason(self, mini: Path, generator: Run) -> None:
        assert "3 of 3 experiments run" in generator("run", mini).stdout
        assert "0 of 3 experiments run, 3 up to date" in generator("run", mini).stdout
        assert generator("explain", mini).stdout.count("up to date") == 3

    def test_a_parameter_reruns_its_experiment_only_and_is_named(self, ran: Path, generator: Run) -> None:
        ran.write_text(ran.read_text().replace("step: 0.5", "step: 0.6"))
        explained = generator("explain", ran).stdout
        assert "alligator: must run\n  parameter step: 0.5 → 0.6" in explained
        assert explained.count("up to date") == 2
        done = generator("run", ran)
        assert "alligator: parameter step: 0.5 → 0.6" in done.stdout
        assert "1 of 3 experiments run" in done.stdout

    def test_what_the_reader_sees_of_it_is_a_reason_too(self, ran: Path, generator: Run) -> None:
        ran.write_text(ran.read_text().replace("title: Pygargue", "title: Aigle"))
        explained = generator("explain", ran).stdout
        assert 'image oiseau.title: "Pygargue" → "Aigle"' in explained
        assert "grain: up to date" in explained

    def test_a_note_or_an_answer_reruns_nothing(self, ran: Path, generator: Run) -> None:
        ran.write_text(ran.read_text().replace("target: American", "note: Remarque.\n    target: American"))
        question = ran.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text().replace("tête", "patte"))
        assert "0 of 3 experiments run" in generator("run", ran).stdout

    def test_the_same_bytes_under_another_date_are_no_reason(self, ran: Path, generator: Run) -> None:
        ran.touch()
        assert "0 of 3 experiments run" in generator("run", ran).stdout

    def test_another_number_of_threads_is_a_reason(
        self, ran: Path, generator: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert "threads: " in generator("explain", ran).stdout

    def test_one_family_only(self, mini: Path, generator: Run, tmp_path: Path) -> None:
        assert "1 of 1 experiments run" in generator("run", mini, "--family", "saliency").stdout
        assert [path.name for path in (tmp_path / "build" / "results").iterdir()] == ["saillance"]


class TestFingerprint:
    def test_follows_the_code_that_is_used(self) -> None:
        used = cache.code_used("generator.experiments.saliency")
        assert "generator.vision.gradients" in used
        assert "generator.networks" in used
        assert "generator.vision.ascent" not in used
        assert "generator.vision.penalties" in cache.code_used("generator.experiments.classvis")

    def test_names_the_versions_that_matter(self) -> None:
        versions = cache.versions(cache.code_used("generator.experiments.fooling"))
        assert {"torch", "timm", "torchvision", "numpy", "pillow"} <= versions.keys()

    def test_holds_bytes_of_images_and_weights(self, mini: Path, tmp_path: Path) -> None:
        lines = cache.fingerprint(read_lab(mini, tmp_path), "alligator", "cpu")
        assert len(lines["image oiseau bytes"]) == 64
        assert len(lines["weights of principal"]) == 64
        assert "image mastiff bytes" not in lines

    @pytest.mark.parametrize(
        ("word", "said_by"),
        [
            ("saliency.map", {"saillance"}),
            ("saliency.true-class", {"saillance", "droites"}),
            ("saliency.brightest.middle-centre", {"saillance"}),
            ("ascent.jitter", {"grain"}),
            ("fooling.caption", {"alligator"}),
            ("home.title", set()),
        ],
    )
    def test_a_word_is_a_reason_for_those_that_say_it(
        self, mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said_by: set[str]
    ) -> None:
        mini.write_text(mini.read_text() + "  droites: {kind: linearity, title: Droites}\n")
        lab = read_lab(mini, tmp_path)
        before = {name: cache.fingerprint(lab, name, "cpu") for name in lab.experiments}
        edited = replace(FRENCH, words={**FRENCH.words, word: "autrement"})
        monkeypatch.setattr("generator.lab.read_language", lambda code: edited)
        reasons = {name: cache.changes(before[name], cache.fingerprint(lab, name, "cpu")) for name in lab.experiments}
        assert {name for name, changed in reasons.items() if changed} == said_by
        assert all(changed[0].startswith(f"word {word}: ") for changed in reasons.values() if changed)

    def test_a_key_may_be_said_by_another_name_or_from_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sources = {
            "alias": "tell, n = language.say, 1\ntell('saliency.map')",
            "table": "TITLES = {'a': 'saliency.map'}\nlanguage.say(TITLES[a])",
            "filled": "language.say(f'saliency.m{what}p')",
            "joined": "section = 'saliency'\nlanguage.say(f'{section}.{key}')",
            "counted": "say('count.claims-of', n=2)",
        }
        monkeypatch.setattr(cache, "_source", lambda module: sources[module.removeprefix("source of ")])
        asked = {name: cache.words_asked([f"source of {name}"], FRENCH) for name in sources}
        assert asked["alias"] == asked["filled"] == {"saliency.map"}
        assert "saliency.map" in asked["table"]
        assert asked["joined"] == {key for key in FRENCH.words if key.startswith("saliency.")}
        assert asked["counted"] == {"count.claims-of.one", "count.claims-of.other"}

    def test_comments_and_docstrings_do_not_count(self) -> None:
        sources = ("x = 1\n", "# why\nx = 1\n", '"""Doc."""\nx = 1\n', "x = 2\n")
        hashes = [cache.hash_of_code(source) for source in sources]
        assert hashes[0] == hashes[1] == hashes[2] != hashes[3]

    def test_is_taken_without_torch(self, mini: Path, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from generator import cache, lab;"
            f"cache.fingerprint(lab.read_lab(Path({str(mini)!r}), Path({str(tmp_path)!r})), 'grain', 'cpu');"
            "sys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


class TestInterruption:
    def interrupt(self, mini: Path, tmp_path: Path, how: signal.Signals) -> None:
        """Stop a run once its first experiment is published and the long one is under way."""
        mini.write_text(
            mini.read_text()
            .replace("iterations: 4\n", "iterations: 4000\n")
            .replace("show: [1, 4]", "show: [1, 4, 4000]")
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "generator", "run", "--lab", str(mini), "--build", str(tmp_path / "build")],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        staging = tmp_path / "build" / "results" / ".grain.staging"
        deadline = time.monotonic() + 120
        while not staging.exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(how)
        process.wait()

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    def test_loses_the_experiment_under_way_at_most(
        self, how: signal.Signals, mini: Path, tmp_path: Path, generator: Run
    ) -> None:
        text = mini.read_text()
        self.interrupt(mini, tmp_path, how)
        kept = (tmp_path / "build" / "results" / "alligator" / "manifest.json").read_bytes()
        assert not (tmp_path / "build" / "results" / "grain").exists()
        mini.write_text(text)
        assert "1 of 3 experiments run, 2 up to date" in generator("run", mini).stdout
        assert (tmp_path / "build" / "results" / "alligator" / "manifest.json").read_bytes() == kept
        assert manifest(tmp_path, "grain").figure("chat-0004")


class TestManifest:
    def test_is_a_contract(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        raw = json.loads((tmp_path / "build" / "results" / "alligator" / "manifest.json").read_text())
        assert raw["version"] == 2
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
        path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
        assert "1 of 3 experiments run" in generator("run", ran).stdout

    def test_facts_of_a_run_are_kept_apart(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        log = json.loads((tmp_path / "build" / "run.json").read_text())
        assert set(log["experiments"]) == {"saillance", "alligator", "grain"}
        assert log["experiments"]["grain"]["passes"] == 7
        assert "seconds" not in (tmp_path / "build" / "results" / "grain" / "manifest.json").read_text()


class TestFailing:
    def failed(self, lab: Path, tmp_path: Path) -> tuple[str, list[str]]:
        """What a run that fails says, and which experiments have results all the same."""
        read = read_lab(lab, tmp_path)
        with pytest.raises(RunError) as error:
            pipeline.run(read, tmp_path / "build", pipeline.plan(read, tmp_path / "build", "cpu"), print)
        return str(error.value), list(read_manifests(read, tmp_path / "build"))

    def test_what_an_experiment_misses_is_told_with_its_place_and_the_others_run(
        self, mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Saliency, "run", raising(LabError("none of these images has boxes")))
        said, kept = self.failed(mini, tmp_path)
        first, *lines = said.splitlines()
        assert "the other experiments are kept" in first
        assert len(lines) == 1
        assert lines[0].startswith(f"{mini}:")
        assert lines[0].endswith("experiments.saillance: none of these images has boxes")
        assert kept == ["alligator", "grain"]

    @pytest.mark.parametrize("error", [KeyError("x"), ValueError("a\nb"), MemoryError()])
    def test_what_nobody_foresaw_is_one_line_and_its_traceback_is_kept(
        self, error: Exception, mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        traceback = tmp_path / "build" / "saillance.traceback"
        with monkeypatch.context() as broken:
            broken.setattr(Saliency, "run", raising(error))
            said, kept = self.failed(mini, tmp_path)
        assert len(said.splitlines()) == 2
        assert f"experiments.saillance: {type(error).__name__}: " in said
        assert said.endswith(f"(the traceback is in {traceback})")
        assert "in fail" in traceback.read_text()
        assert kept == ["alligator", "grain"]
        read = read_lab(mini, tmp_path)
        pipeline.run(read, tmp_path / "build", pipeline.plan(read, tmp_path / "build", "cpu"), print)
        assert not traceback.exists(), "what is mended leaves none"


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
    def test_a_number_of_threads_that_is_none(
        self, given: str, mini: Path, generator: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        done = generator("explain", mini)
        assert done.returncode == 2
        assert done.stderr.startswith(f"OMP_NUM_THREADS={given}: expected a number of threads")

    def test_a_port_that_there_cannot_be(self, mini: Path, generator: Run) -> None:
        done = generator("serve", mini, "--port", "99999")
        assert done.returncode == 2
        assert "99999 is not in the range" in done.stderr


def test_threads_for_loops_inside_loops_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert cache.threads() == 4


def test_a_log_of_another_schema_is_none(ran: Path, tmp_path: Path, generator: Run) -> None:
    (tmp_path / "build" / "run.json").write_text('{"experiments": {"grain": {"hours": 1}}}')
    assert generator("render", ran).returncode == 0


def test_one_figure_can_be_made_again_to_the_bit(ran: Path, tmp_path: Path, generator: Run) -> None:
    done = generator("figure", ran, "grain/chat-0004")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("identical")
    picture = tmp_path / "build" / "results" / "grain" / "chat-0004.png"
    again = tmp_path / "build" / "again" / "results" / "grain" / "chat-0004.png"
    assert picture.read_bytes() == again.read_bytes()


def test_a_figure_that_does_not_exist_is_told(mini: Path, generator: Run) -> None:
    done = generator("figure", mini, "grain/chat-0003")
    assert done.returncode == 2
    assert "did you mean" in done.stderr


def test_two_builds_in_two_processes_are_the_same_bytes(mini: Path, tmp_path: Path, generator: Run) -> None:
    for name, hash_seed in (("one", "1"), ("two", "4242")):
        done = generator("site", mini, name=name, hash_seed=hash_seed)
        assert done.returncode == 0, done.stderr
    one, two = (files(tmp_path / f"{name}-site") for name in ("one", "two"))
    assert one.keys() == two.keys()
    different = {name for name in one if not filecmp.cmp(one[name], two[name], shallow=False)}
    # Durations are facts of a run; the search index holds a copy of the page that tells them.
    assert different <= {"execution.html", "search/search_index.js", "search/search_index.json"}
