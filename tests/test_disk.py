"""What lies on disk is a whole website, the old one or the new one, beside whatever else lies there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from generator.atomic import leftovers, sweep, write_atomically
from generator.errors import LabError
from generator.report.site import RECORD, check_site, publish, put_right, remove_site
from tests.conftest import ROOT, Run

KILLS = 100


def pages(folder: Path, edition: str, size: int = 2_000) -> Path:
    """Pages as MkDocs might leave them: each says which edition it is of, and one is in one edition only."""
    for name in ("index.html", "404.html", "questions/q01.html", "assets/lab.css", f"assets/only-{edition}.js"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(edition * size)
    return folder


def edition(site: Path) -> str:
    """Which edition a website is of; it must be whole."""
    files = json.loads((site / RECORD).read_text())["files"]
    (found,) = {str((site / file).read_text()[0]) for file in files}
    assert len(files) == 5
    assert f"assets/only-{found}.js" in files
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def beside(place: Path) -> list[str]:
    """What lies beside a place and is about it."""
    return [path.name for path in place.parent.iterdir() if path.name.startswith(f".{place.name}")]


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    said = [line for line in done.stderr.splitlines() if "passes" not in line]
    assert len(said) == 1, done.stderr
    assert done.returncode == status
    return said[0]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A website of edition a."""
    publish(pages(tmp_path / "fresh", "a"), tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(disk)]
    if os.name != "posix" or os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount a file system can test with one that is full")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: S607


KILLER = """
import os, shutil, signal, sys, time
from pathlib import Path
from generator import atomic
from generator.report.site import publish
what, target = sys.argv[1], Path(sys.argv[2])
if what == "renames":
    atomic.renameat2 = atomic.syncfs = None

def write():
    while True:
        for edition in "ab":
            if what == "file":
                atomic.write_atomically(target, edition * 1_000_000)
                continue
            with atomic.fresh_folder(target) as fresh:
                shutil.copytree(target.with_name(edition), fresh, dirs_exist_ok=True)
                publish(fresh, target)

for line in sys.stdin:
    child = os.fork()
    if not child:
        write()
    time.sleep(float(line))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""
"""Writes the two editions in turn, in a process of its own, and kills it after each of the times that it is given."""


def kills(what: str, target: Path, times: Iterable[float]) -> Iterator[None]:
    """Go on after each kill."""
    command = [sys.executable, "-c", KILLER, what, str(target)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        assert process.stdin
        assert process.stdout
        for seconds in times:
            process.stdin.write(f"{seconds}\n")
            assert process.stdout.readline() == "killed\n"
            yield
        process.stdin.close()


def longer(step: float, seen: set[str]) -> Iterator[float]:
    """Times that grow by a step; on a slow machine more of them, until both editions were seen."""
    yield from (kill * step for kill in range(KILLS))
    seconds = KILLS * step
    while seen != {"a", "b"} and seconds < 20:
        yield seconds
        seconds *= 1.2


class TestKills:
    @pytest.mark.parametrize("how", ["exchange", "renames"])
    def test_leave_the_old_website_or_the_new_one(self, how: str, site: Path) -> None:
        if how == "exchange" and sys.platform != "linux":
            pytest.skip("only Linux exchanges two folders in one step")
        strangers = {".git/HEAD": "ref", ".git/refs/heads/main": "0", "CNAME": "tp.example.org", "assets/mine.txt": "m"}
        for name, text in strangers.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
        (site / ".git" / "refs" / "tags").mkdir()
        for letter in "ab":
            pages(site.with_name(letter), letter)
        seen: set[str] = set()
        for _ in kills(how, site, longer(1 / 2500, seen)):
            if how == "exchange":
                seen.add(edition(site))
                assert {name: (site / name).read_text() for name in strangers} == strangers
            put_right(site)  # as the next start does
            seen.add(edition(site))
            assert {name: (site / name).read_text() for name in strangers} == strangers
            assert (site / ".git" / "refs" / "tags").is_dir()
            assert not beside(site)
        assert seen == {"a", "b"}

    def test_between_two_renames_the_old_website_comes_back(self, site: Path) -> None:
        (site / "CNAME").write_text("tp.example.org")
        site.rename(site.with_name(".site.retired"))
        put_right(site)
        assert edition(site) == "a"
        assert (site / "CNAME").is_file()

    def test_leave_the_old_file_or_the_new_one(self, tmp_path: Path) -> None:
        file, seen = tmp_path / "run.json", set[str]()
        write_atomically(file, "a" * 1_000_000)
        for _ in kills("file", file, longer(1 / 1000, seen)):
            text = file.read_text()
            assert len(text) == 1_000_000
            assert len(set(text)) == 1
            seen.add(text[0])
        assert seen == {"a", "b"}
        sweep(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]

    def test_of_a_build_leave_nothing_that_the_next_one_does_not_take_away(
        self, mini: Path, tmp_path: Path, generator: Run
    ) -> None:
        assert generator("statement", mini).returncode == 0
        old = contents(tmp_path / "build-enonce")
        mini.write_text(mini.read_text().replace("title: Petit TP", "title: Autre TP"))
        (tmp_path / "build" / "enonce" / ".run.json.partial").write_text("{")
        (tmp_path / "build" / "enonce" / "pictures").mkdir(exist_ok=True)
        (tmp_path / "build" / "enonce" / "pictures" / ".x.webp.partial").write_text("R")
        self.stop(mini, tmp_path, signal.SIGKILL)
        assert contents(tmp_path / "build-enonce") == old
        # MkDocs goes on without the one who started it, and what it writes into is its own as long as it does.
        place = (tmp_path / "build-enonce").resolve()
        assert len(beside(place)) == 1
        assert not leftovers(place) or not mkdocs_on(place)
        end = time.monotonic() + 60
        while mkdocs_on(place) and time.monotonic() < end:
            time.sleep(0.1)
        assert "built: open" in generator("statement", mini).stdout
        assert "Autre TP" in (place / "index.html").read_text()
        assert not beside(place)
        assert not list((tmp_path / "build").rglob("*.partial"))

    def test_by_sigterm_are_told_and_mkdocs_ends_too(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        assert generator("statement", mini).returncode == 0
        old = contents(tmp_path / "build-enonce")
        mini.write_text(mini.read_text().replace("title: Petit TP", "title: Autre TP"))
        status, said = self.stop(mini, tmp_path, signal.SIGTERM)
        assert status == 143
        assert said.strip().startswith("interrupted: ")
        assert len(said.strip().splitlines()) == 1
        assert not mkdocs_on(tmp_path / "build-enonce")
        assert contents(tmp_path / "build-enonce") == old
        assert not beside(tmp_path / "build-enonce")

    def stop(self, lab: Path, tmp_path: Path, how: signal.Signals) -> tuple[int, str]:
        """Stop a build while MkDocs writes; its status and what it said."""
        place = (tmp_path / "build-enonce").resolve()
        command = [sys.executable, "-m", "generator", "statement", "--lab", str(lab)]
        command += ["--build", str(tmp_path / "build"), "--site", str(place)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 300
        while not mkdocs_on(place):
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(how)
        _, said = process.communicate()
        return process.returncode, said


def mkdocs_on(place: Path) -> bool:
    """Whether a MkDocs is writing a website for a place."""
    if not Path("/proc").is_dir():
        pytest.skip("asks Linux's /proc which programs run")
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return any(
        "mkdocs" in command and f".{place.name}." in command and str(place.parent) in command for command in commands
    )


class TestWhatNoBuildWrote:
    def test_survives_a_build(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        place = tmp_path / "build-enonce"
        assert generator("statement", mini).returncode == 0
        git = ["git", "-C", str(place), "-c", "user.name=x", "-c", "user.email=x@example.org"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Published"], ["gc", "-q"]):
            subprocess.run([*git, *command], check=True)
        clone = tmp_path / "clone"
        subprocess.run(["git", "clone", "-q", str(place), str(clone)], check=True)  # noqa: S607
        (clone / "CNAME").write_text("tp.example.org")
        (clone / "questions" / "corrigé.txt").write_text("à moi")
        (clone / "latest").symlink_to("index.html")
        mini.write_text(mini.read_text().replace("title: Petit TP", "title: Autre TP"))
        done = generator("statement", mini, "--site", str(clone))
        assert done.returncode == 0, done.stderr
        assert "Autre TP" in (clone / "index.html").read_text()
        assert (clone / "CNAME").read_text() == "tp.example.org"
        assert (clone / "questions" / "corrigé.txt").read_text() == "à moi"
        assert (clone / "latest").readlink() == Path("index.html")
        git[2] = str(clone)
        subprocess.run([*git, "fsck", "--strict"], check=True, capture_output=True)
        changed = subprocess.run([*git, "diff", "--stat"], check=True, capture_output=True, text=True).stdout
        assert "index.html" in changed

    def test_stays_as_it_is(self, site: Path) -> None:
        (site / "CNAME").write_text("tp.example.org")
        (site / "CNAME").chmod(0o600)
        before = (site / "CNAME").stat()
        publish(pages(site.parent / "fresh", "b"), site)
        after = (site / "CNAME").stat()
        assert edition(site) == "b"
        assert (before.st_mode, before.st_mtime_ns, before.st_ino) == (after.st_mode, after.st_mtime_ns, after.st_ino)
        assert not (site / "assets" / "only-a.js").exists(), "what a build wrote goes with it"

    @pytest.mark.parametrize("name", ["questions/q01.html/x", "assets/only-b.js", "404.html"])
    def test_is_not_overwritten(self, name: str, site: Path) -> None:
        for file in ("questions/q01.html", "404.html"):
            (site / file).unlink()
        record = json.loads((site / RECORD).read_text())
        record["files"].remove("404.html")
        (site / RECORD).write_text(json.dumps(record))
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("mine")
        before = contents(site)
        with pytest.raises(LabError, match=rf"{re.escape(name)}: no build wrote it"):
            publish(pages(site.parent / "fresh", "b"), site)
        assert contents(site) == before

    def test_may_be_all_there_is(self, tmp_path: Path) -> None:
        (tmp_path / "site" / ".git").mkdir(parents=True)
        (tmp_path / "site" / ".git" / "HEAD").write_text("ref")
        check_site(tmp_path / "site", tmp_path / "build")
        publish(pages(tmp_path / "fresh", "a"), tmp_path / "site")
        assert edition(tmp_path / "site") == "a"
        assert (tmp_path / "site" / ".git" / "HEAD").is_file()

    def test_survives_the_website(self, site: Path) -> None:
        (site / "assets" / "mine.txt").write_text("m")
        remove_site(site)
        assert list(contents(site)) == ["assets/mine.txt"]
        (site / "assets" / "mine.txt").unlink()

    def test_is_not_reached_by_a_record_from_elsewhere(self, site: Path) -> None:
        secret = site.parent / "secret"
        secret.mkdir()
        (secret / "x").write_text("s")
        (site / "link").symlink_to(secret)
        record = {"files": ["../secret/x", "link/x", str(secret / "x"), "index.html", 7, None]}
        (site / RECORD).write_text(json.dumps(record))
        remove_site(site)
        assert (secret / "x").read_text() == "s"
        assert (site / "404.html").is_file()
        assert not (site / "index.html").exists()


class TestPlaces:
    """What cannot be a website's place, or one of results, is told before anything is computed."""

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"site": "file"}, "SITE={}/file: {}/file is a file"),
            ({"site": "file/site"}, "SITE={}/file/site: {}/file is a file"),
            ({"site": "mini"}, "SITE={}/mini: holds other files"),
            ({"site": "build"}, "SITE={}/build: would hold BUILD={}/build"),
            ({"build": "new/build", "site": "new"}, "SITE={}/new: would hold BUILD={}/new/build"),
            ({"site": "build/docs/site"}, "SITE={}/build/docs/site: would hold BUILD={}/build, or lie in its pages"),
            ({"build": "file"}, "BUILD={}/file: {}/file is a file"),
            ({"build": "file/build"}, "BUILD={}/file/build: {}/file is a file"),
            ({"build": "mini"}, "BUILD={}/mini: holds other files"),
            ({"site": "/proc"}, "SITE=/proc: is a whole file system"),
        ],
        ids=lambda value: " ".join(f"{key}={place}" for key, place in value.items()) if isinstance(value, dict) else "",
    )
    @pytest.mark.parametrize("command", ["site", "statement"])
    def test_that_are_none(self, command: str, given: dict[str, str], said: str, mini: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("precious")
        before = contents(tmp_path)
        places = {"build": "build", "site": "site"} | given
        arguments = [argument for key, place in places.items() for argument in (f"--{key}", str(tmp_path / place))]
        done = subprocess.run(
            [sys.executable, "-m", "generator", command, "--lab", str(mini), *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert one_line(done, 2).startswith(said.format(tmp_path, tmp_path))
        assert contents(tmp_path) == before

    def test_of_a_lab_are_not_cleaned(self, mini: Path, tmp_path: Path) -> None:
        before = contents(tmp_path)
        command = [sys.executable, "-m", "generator", "clean", "--build", str(mini.parent), str(mini.parent)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert one_line(done, 2).startswith(f"BUILD={mini.parent}: holds other files")
        assert contents(tmp_path) == before

    def test_that_are_ours_are_cleaned(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        assert generator("statement", mini).returncode == 0
        (tmp_path / "build-enonce" / "CNAME").write_text("tp.example.org")
        command = [sys.executable, "-m", "generator", "clean", "--build", str(tmp_path / "build")]
        command.append(str(tmp_path / "build-enonce"))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert not (tmp_path / "build").exists()
        assert list(contents(tmp_path / "build-enonce")) == ["CNAME"]


class TestPublished:
    def test_is_what_was_built_or_is_built_again(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        assert "built: open" in generator("statement", mini).stdout
        built = contents(tmp_path / "build-enonce")
        (tmp_path / "build-enonce" / "index.html").write_text("")
        (tmp_path / "build-enonce" / "404.html").unlink()
        (tmp_path / "build" / "enonce" / "site.sha256").write_bytes(b"\xff")
        assert "built: open" in generator("statement", mini).stdout
        assert contents(tmp_path / "build-enonce") == built
        (tmp_path / "build-enonce" / "index.html").write_text("")
        assert "built: open" in generator("statement", mini).stdout
        assert contents(tmp_path / "build-enonce") == built
        assert "up to date: open" in generator("statement", mini).stdout

    @pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
    def test_can_be_read_by_a_web_server_whatever_the_umask(self, mini: Path, tmp_path: Path, generator: Run) -> None:
        before = os.umask(0o077)
        try:
            done = generator("statement", mini)
        finally:
            os.umask(before)
        assert done.returncode == 0, done.stderr
        place = tmp_path / "build-enonce"
        rights = {path: path.stat().st_mode & 0o777 for path in (place, *place.rglob("*"))}
        assert {rights[path] for path in rights if path.is_file()} == {0o644}
        assert {rights[path] for path in rights if path.is_dir()} == {0o755}

    @pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")
    def test_keeps_the_rights_somebody_gave_it(self, site: Path) -> None:
        site.chmod(0o750)
        publish(pages(site.parent / "fresh", "b"), site)
        assert site.stat().st_mode & 0o777 == 0o750


class TestOtherDisk:
    def test_gets_a_whole_website(self, small_disk: Path, mini: Path, tmp_path: Path, generator: Run) -> None:
        place = small_disk / "site"
        done = generator("statement", mini, "--site", str(place))
        assert done.returncode == 0, done.stderr
        assert place.stat().st_dev != (tmp_path / "build").stat().st_dev
        (tmp_path / "link").symlink_to(place)
        assert "up to date" in generator("statement", mini, "--site", str(tmp_path / "link")).stdout

    def test_that_is_full_keeps_the_old_one(self, small_disk: Path, mini: Path, tmp_path: Path, generator: Run) -> None:
        place = small_disk / "site"
        publish(pages(small_disk / "fresh", "a", 2_300_000), place)
        before = contents(small_disk)
        done = generator("statement", mini, "--site", str(place))
        assert one_line(done, 1).startswith("failed: No space left on device; free some space")
        assert contents(small_disk) == before
        assert edition(place) == "a"

    def test_that_is_full_of_results_is_told_in_a_line(self, small_disk: Path, mini: Path, tmp_path: Path) -> None:
        with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
            while filler.write(bytes(10_000)):
                filler.flush()
        command = [
            sys.executable,
            "-m",
            "generator",
            "statement",
            "--lab",
            str(mini),
            "--build",
            str(small_disk / "build"),
        ]
        done = subprocess.run(
            [*command, "--site", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "No space left on device; free some space" in one_line(done, 1)
        assert not (tmp_path / "site").exists()


class TestLocales:
    @pytest.mark.parametrize(
        "locale",
        [
            {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
            {"PYTHONIOENCODING": "ascii"},
            {"PYTHONIOENCODING": "cp1252"},
        ],
        ids=["C", "ascii", "cp1252"],
    )
    def test_change_nothing(
        self, locale: dict[str, str], mini: Path, tmp_path: Path, generator: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (mini.parent / "assets").mkdir()
        (mini.parent / "assets" / "été.svg").write_text("<svg/>")
        question = mini.parent / "questions" / "q01-voir.md"
        text = question.read_text(encoding="utf-8")
        question.write_text(text.replace("## Réponse", "![Été](../assets/été.svg)\n\n## Réponse"), encoding="utf-8")
        assert generator("statement", mini).returncode == 0
        expected = contents(tmp_path / "build-enonce")
        shutil.rmtree(tmp_path / "build-enonce")
        for name, value in locale.items():
            monkeypatch.setenv(name, value)
        done = generator("statement", mini)
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "build-enonce") == expected
        question.write_text(text.replace("## Réponse", '<img src="../été.png" alt="">\n\n## Réponse'), encoding="utf-8")
        done = generator("statement", mini)
        assert done.returncode == 1
        assert "broken links in the site" in done.stderr
        assert "Traceback" not in done.stderr

    def test_no_file_is_opened_with_that_of_the_system(self, ran: Path, tmp_path: Path) -> None:
        strict = [sys.executable, "-X", "warn_default_encoding"]
        for command, *more in (
            ("site", "--site", str(tmp_path / "site")),
            ("statement", "--site", str(tmp_path / "e")),
        ):
            done = subprocess.run(
                [*strict, "-m", "generator", command, "--lab", str(ran), "--build", str(tmp_path / "build"), *more],
                cwd=ROOT, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert not re.findall(r"^.*/generator/.*EncodingWarning.*$", done.stderr, re.MULTILINE)


def test_ctrl_c_in_the_first_second_leaves_no_traceback(mini: Path, tmp_path: Path) -> None:
    for wait in (0.1, 0.2, 0.4, 0.8):
        command = [sys.executable, "-m", "generator", "run", "--lab", str(mini), "--build", str(tmp_path / "build")]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        # Before the project's first line, it is the interpreter that is interrupted.
        assert "generator/" not in said
        assert process.returncode in (-signal.SIGINT, 130, 1)
