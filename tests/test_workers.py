"""Workers: the same bytes however many there are and whatever befalls them, and none is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import Client

from generator.errors import LabError
from generator.results.folder import read_run_log
from generator.run.workers import Local, done, how_many
from tests.conftest import ROOT, Run, change, files


def results(build: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files(build / "results").items()}


def long(lab: Path) -> None:
    """Make a lab that computes for some minutes."""
    change(lab, lambda data: data["experiments"]["grain"].update(iterations=4000))
    change(lab, lambda data: data["experiments"]["grain"]["runs"][0].update(show=[1, 4, 4000]))
    change(lab, lambda data: data["experiments"]["grain"]["runs"][1].update(show=[3, 4000]))


def started(lab: Path, tmp_path: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "generator", "run", "--lab", str(lab), "--build", str(tmp_path / "build"), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def wait_for_results(tmp_path: Path, process: subprocess.Popen[bytes], experiment: str) -> list[psutil.Process]:
    """Wait until an experiment is shown; the workers there are then."""
    deadline = time.monotonic() + 240
    while not (tmp_path / "build" / "results" / experiment / "manifest.json").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "spawn_main" in "".join(child.cmdline())
    ]


def gone(workers: list[psutil.Process], seconds: float) -> bool:
    """Whether all of them have ended after so many seconds at most."""
    return not psutil.wait_procs(workers, timeout=seconds)[1]


class TestSameBytes:
    def test_with_more_workers_than_one(self, mini_results: Path, mini: Path, tmp_path: Path, generator: Run) -> None:
        done = generator("run", mini, "--workers", "3")
        assert done.returncode == 0, done.stderr
        assert "5 parts computed" in done.stdout
        assert results(tmp_path / "build") == results(mini_results)

    def test_after_a_worker_was_killed(self, mini_results: Path, mini: Path, tmp_path: Path) -> None:
        process = started(mini, tmp_path, "--workers", "2")
        deadline = time.monotonic() + 120
        killed = False
        while process.poll() is None and not killed:
            assert time.monotonic() < deadline
            for child in psutil.Process(process.pid).children():
                # Once torch is there it is in the middle of something.
                if "spawn_main" in "".join(child.cmdline()) and child.memory_info().rss > 350e6:
                    child.kill()
                    killed = True
                    break
            time.sleep(0.02)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert killed
        assert b"shown anew" in out
        assert results(tmp_path / "build") == results(mini_results)


class TestEnd:
    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    def test_of_the_parent_is_that_of_all_workers(
        self, how: signal.Signals, mini: Path, tmp_path: Path, mini_results: Path, generator: Run
    ) -> None:
        text = mini.read_text(encoding="utf-8")
        long(mini)
        process = started(mini, tmp_path, "--workers", "3")  # two are busy with the long programme
        for shown in ("alligator", "saillance"):
            workers = wait_for_results(tmp_path, process, shown)
        assert workers
        process.send_signal(how)
        _, err = process.communicate(timeout=20)
        assert gone(workers, 5)
        if how == signal.SIGINT:
            assert process.returncode == 130
            assert b"interrupted" in err
            assert b"Traceback" not in err
        # What was computed is kept: with the short programme only its own parts are missing.
        mini.write_text(text, encoding="utf-8")
        done = generator("run", mini)
        assert "2 parts computed" in done.stdout, done.stderr
        assert results(tmp_path / "build") == results(mini_results)

    def test_by_ctrl_c_in_a_terminal_says_it_in_a_line(self, mini: Path, tmp_path: Path) -> None:
        long(mini)
        process = started(mini, tmp_path, "--workers", "2")
        time.sleep(2)  # while the workers start
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert b"Traceback" not in err


def double(number: int) -> int:
    return 2 * number


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class TestCrew:
    def test_one_that_always_dies_is_given_up_and_the_others_are_done(self) -> None:
        tasks = iter([("doomed", die, 0), *((number, double, number) for number in range(5))])
        crew = Local(2)
        try:
            found = dict(done(crew, lambda: next(tasks, None)))
        finally:
            crew.stop()
        error = found.pop("doomed")
        assert isinstance(error, LabError)
        assert "killed" in str(error.problems)
        assert found == {number: 2 * number for number in range(5)}

    def test_is_as_large_as_cores_and_memory_allow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("generator.run.machine.cores", lambda: 8)
        monkeypatch.setattr("generator.run.machine.free_mib", lambda: 4096.0)
        assert how_many(None, 0) == 4
        assert how_many(None, 400) == 8
        assert how_many(None, 2000) == 2
        assert how_many(None, 9000) == 1
        assert how_many(3, 9000) == 3

    def test_is_no_larger_than_is_worth_its_beginning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("generator.run.machine.cores", lambda: 8)
        monkeypatch.setattr("generator.run.machine.free_mib", lambda: 64 * 1024.0)
        assert [how_many(None, 0, seconds) for seconds in (0, 2, 12, 3600)] == [1, 1, 3, 8]
        assert how_many(4, 0, 2) == 4

    def test_of_a_short_run_is_one(self, mini_results: Path) -> None:
        assert read_run_log(mini_results).workers == 1


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """A real scheduler on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with subprocess.Popen(_dask(*command), env=_env(), stderr=subprocess.DEVNULL) as process:
        yield f"tcp://127.0.0.1:{port}"
        process.terminate()


def _dask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dask", *arguments]


def _env() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def dask_workers(scheduler: str, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two workers of the scheduler, each with a nanny that replaces it."""
    processes = [
        subprocess.Popen(
            _dask("worker", scheduler, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / name)),
            env=_env(),
            stderr=subprocess.DEVNULL,
        )
        for name in ("one", "two")
    ]
    with Client(scheduler, timeout=60) as client:
        client.wait_for_workers(2, timeout=120)
    yield processes
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(20)


class TestCluster:
    def test_gives_the_same_bytes_although_a_worker_is_killed(
        self,
        scheduler: str,
        dask_workers: list[subprocess.Popen[bytes]],
        mini: Path,
        mini_results: Path,
        tmp_path: Path,
    ) -> None:
        process = started(mini, tmp_path, "--workers", "1", "--scheduler", scheduler)
        deadline = time.monotonic() + 180
        killed = False
        while process.poll() is None and not killed:
            assert time.monotonic() < deadline
            for nanny in dask_workers:
                for child in psutil.Process(nanny.pid).children():
                    if child.memory_info().rss > 450e6:  # torch is there: it is at work
                        child.kill()
                        killed = True
                        break
                if killed:
                    break
            time.sleep(0.02)
        _, err = process.communicate(timeout=300)
        assert killed
        assert process.returncode == 0, err
        assert results(tmp_path / "build") == results(mini_results)

    def test_without_workers_is_told(self, scheduler: str, mini: Path, generator: Run) -> None:
        done = generator("run", mini, "--scheduler", scheduler)
        assert done.returncode == 1
        assert done.stderr.startswith(f"failed: SCHEDULER={scheduler}: it has no workers")

    def test_that_is_not_there_is_told(self, mini: Path, generator: Run) -> None:
        done = generator("run", mini, "--scheduler", "tcp://127.0.0.1:1")
        assert done.returncode == 1
        assert done.stderr.startswith("failed: SCHEDULER=tcp://127.0.0.1:1: no scheduler answers")

    def test_a_worker_that_differs_is_refused(
        self, scheduler: str, mini: Path, tmp_path: Path, project: Path, generator: Run
    ) -> None:
        path = project / "generator" / "vision" / "ascent.py"
        path.write_text(path.read_text(encoding="utf-8") + "\nOTHER = 1\n", encoding="utf-8")
        command = _dask(
            "worker", scheduler, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / "d")
        )
        env = os.environ | {"PYTHONPATH": str(project)}
        with subprocess.Popen(command, cwd=project, env=env, stderr=subprocess.DEVNULL) as process:
            deadline, told = time.monotonic() + 120, ""
            while "no workers" in (told := generator("run", mini, "--scheduler", scheduler).stderr):
                assert time.monotonic() < deadline
            process.terminate()
        assert "is not like this machine: code generator.vision.ascent is " in told
        assert len(told.splitlines()) == 1

    def test_a_network_of_one_s_own_is_refused_with_its_reason(self, mini: Path, generator: Run) -> None:
        (mini.parent / "reseau.py").write_text("def petit():\n    pass\n", encoding="utf-8")
        own = {"title": "Petit", "architecture": "reseau:petit"}
        change(mini, lambda lab: lab["networks"].update(principal=own))
        done = generator("run", mini, "--scheduler", "tcp://127.0.0.1:1")
        assert done.returncode == 2
        assert "networks.principal.architecture: a function of one's own cannot be sent to a cluster" in done.stderr
