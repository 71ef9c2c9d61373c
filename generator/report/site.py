"""The Markdown pages -> a checked website that takes its place in one move."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from generator.atomic import fresh_folder, leftovers, swap, write_atomically
from generator.errors import LabError, RunError
from generator.lab.markup import HTMLReader, runs
from generator.project import ROOT
from generator.report.mirror import state_of

RECORD = "site-files.json"
"""The file by which a website of this project says that it is one, and which of its files a build wrote."""


def check_site(site: Path, build: Path) -> None:
    """Say before anything is computed if a website cannot go where it shall.

    Args:
        site: folder of the website.
        build: folder of results.

    Raises:
        LabError: ``site`` is a file, holds something that is no website of this project, cannot be moved, or is
            mixed up with ``build``.
    """
    place = _place(site)
    put_right(place)
    above = next(folder for folder in (place, *place.parents) if folder.exists())
    results = _place(build)
    problem = None
    if not above.is_dir():
        problem = f"{above} is a file; give a folder"
    elif results.is_relative_to(place) or place.is_relative_to(results / "docs"):
        problem = f"would hold BUILD={build}, or lie in its pages; give each a folder of its own"
    elif os.path.ismount(place):  # Windows has no Path.is_mount before Python 3.12
        problem = f"is a whole file system, which cannot be exchanged; give a folder in it: SITE={site / 'site'}"
    elif place.exists() and not _own(place) and any(not path.name.startswith(".") for path in place.iterdir()):
        problem = f"holds other files, and no {RECORD} that says it is a website of this project; give a new folder"
    elif not os.access(place.parent if above == place else above, os.W_OK | os.X_OK):
        problem = "its folder cannot be written to; give another one"
    if problem:
        raise LabError(f"SITE={site}: {problem}")


def build_site(build: Path, site: Path) -> bool:
    """Build the website with MkDocs, check all its links, and put it in place of the old one.

    Args:
        build: folder that holds ``docs`` and ``mkdocs.yml``.
        site: folder of the website; replaced in one move, only when the new one is right and on the same disk.
            What no build wrote stays in it.

    Returns:
        Whether it had to be built: not if nothing it is made of changed, and nobody changed what was built.

    Raises:
        LabError: ``site`` cannot be a website's folder, see :func:`check_site`.
        RunError: MkDocs failed, or a link or an image of the result leads nowhere.
    """
    check_site(site, build)
    place, state = _place(site), build / "site.sha256"
    made_of = _made_of(build, place)
    if _own(place) and state.is_file() and state.read_bytes() == f"{made_of} {_published(place)}".encode():
        return False
    with fresh_folder(place) as fresh:
        _mkdocs(build, fresh)
        with ThreadPoolExecutor(1) as beside:
            links = beside.submit(_check_links, fresh)
            _check_harmless(fresh)
            links.result()
        publish(fresh, place)
    write_atomically(state, f"{made_of} {_published(place)}")
    return True


def publish(fresh: Path, place: Path) -> None:
    """Put a folder of pages in the place of a website, with what the old one holds and no build wrote.

    Args:
        fresh: the new pages, on the same file system; the old website, if any, is removed from there.
        place: the website.

    Raises:
        LabError: a file that no build wrote stands where the website has one of its own.
    """
    files = [entry for entry in _entries(fresh) if not (fresh / entry).is_dir()]
    record = {
        "": "What a build of tp-visualisation wrote here, and replaces; it leaves all else alone.",
        "files": files,
    }
    (fresh / RECORD).write_text(json.dumps(record, indent=0), encoding="utf-8")
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # a website is there to be read, whatever its maker's umask
    if place.exists():
        if _own(place):
            shutil.copymode(place, fresh)
        for entry in _strangers(place):
            _carry(place, entry, fresh)
    swap(fresh, place)
    _remove(fresh, place)


def files_of(site: Path) -> list[str]:
    """The files of a website that a build wrote, but its record; none if it is no website of this project."""
    return sorted(_own(site) - {RECORD})


def put_right(place: Path) -> None:
    """Finish what a kill left undone where a website goes."""
    for leftover in leftovers(place):
        _remove(leftover, place)


def remove_site(site: Path) -> None:
    """Remove a website; what no build wrote stays."""
    place = _place(site)
    put_right(place)
    own = _own(place)
    written = [entry for entry in _entries(place) if entry in own]
    for entry in written:
        (place / entry).unlink()
    for folder in sorted({place / parent for entry in written for parent in Path(entry).parents}, reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _place(folder: Path) -> Path:
    """Where a folder really lies: a link to it stays."""
    return Path(os.path.realpath(folder))


def _own(site: Path) -> frozenset[str]:
    """The files that a build wrote, as its record says; none if it is no website of this project."""
    try:
        files = json.loads((site / RECORD).read_bytes())["files"]
        return frozenset([RECORD, *map(str, files)])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _entries(folder: Path) -> Iterator[str]:
    """All that has nothing below it: files, links, empty folders; relative, in a fixed order."""
    for here, folders, files in os.walk(folder):
        folders.sort()
        linked = [name for name in folders if Path(here, name).is_symlink()]
        for name in sorted([*files, *linked]):
            yield Path(here, name).relative_to(folder).as_posix()
        if not folders and not files and Path(here) != folder:
            yield Path(here).relative_to(folder).as_posix()


def _strangers(site: Path) -> list[str]:
    own = _own(site)
    return [entry for entry in _entries(site) if entry not in own]


def _carry(place: Path, entry: str, fresh: Path) -> None:
    """Have a file, a link or an empty folder in the new website too: the same one, so that it is never missing."""
    old, new = place / entry, fresh / entry
    try:
        _same_folder(place, Path(entry).parent, fresh)
        if old.is_dir() and not old.is_symlink():
            _same_folder(place, Path(entry), fresh)
            return
        if os.path.lexists(new):
            raise FileExistsError  # noqa: TRY301  # as the system does where a folder is to be
        try:
            os.link(old, new, follow_symlinks=False)
        except (OSError, NotImplementedError):  # file systems, or systems, without second names
            shutil.copy2(old, new, follow_symlinks=False)
    except (FileExistsError, NotADirectoryError):
        raise LabError(
            f"{old}: no build wrote it, and it stands where the website has a file; rename or move it"
        ) from None


def _same_folder(place: Path, folder: Path, fresh: Path) -> None:
    if folder == Path():
        return
    _same_folder(place, folder.parent, fresh)
    new = fresh / folder
    if new.is_symlink() or not new.is_dir():
        new.mkdir()
        shutil.copystat(place / folder, new)


def _remove(old: Path, place: Path) -> None:
    """Remove a folder that a website has left; what no build wrote goes into the one that is there."""
    if _own(old):  # else it was never a website
        for entry in _strangers(old):
            if not os.path.lexists(place / entry):
                try:
                    (place / entry).parent.mkdir(parents=True, exist_ok=True)
                    (old / entry).rename(place / entry)
                except OSError:
                    return
    shutil.rmtree(old, ignore_errors=True)


def _published(site: Path) -> str:
    """Hash of all that a build wrote, as it is now."""
    digest = hashlib.sha256()
    for entry in sorted(_own(site)):
        path = site / entry
        digest.update(f"{entry} {hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''}\n".encode())
    return digest.hexdigest()


def _made_of(build: Path, place: Path) -> str:
    """Hash of all that the website is made of, and of where it goes."""
    digest = hashlib.sha256(os.fsencode(f"{place} {state_of(build / 'docs')}"))
    for path in (ROOT / "mkdocs.yml", build / "mkdocs.yml"):
        digest.update(path.read_bytes())
    for package in ("mkdocs", "mkdocs-material", "pymdown-extensions", "markdown"):
        digest.update(version(package).encode())
    return digest.hexdigest()


def _mkdocs(build: Path, fresh: Path) -> None:
    command = [
        sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet",
        "--config-file", str(build / "mkdocs.yml"), "--site-dir", str(fresh),
    ]  # fmt: skip
    # One and the same date in every build: the pages depend on nothing else that moves, nor on the locale.
    environment = os.environ | {"SOURCE_DATE_EPOCH": "315532800", "NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1"}
    # It may outlive this process, and holds the folder it writes into until its own end.
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False, close_fds=False
    )
    said = done.stderr.strip()
    if done.returncode < 0:
        raise RunError(
            f"MkDocs was ended by signal {-done.returncode}; is there enough memory? Run the same command again"
        )
    if done.returncode and "Traceback (most recent call last)" in said:
        # The last one: what came of it.
        for number, reason, file in re.findall(r"\[Errno (\d+)\] ([^:\n]+)(?:: '(.+)')?$", said, re.MULTILINE)[-1:]:
            raise OSError(int(number), reason, file or None)
        traceback = build / "mkdocs.traceback"
        write_atomically(traceback, said)
        raise RunError(f"MkDocs: {said.splitlines()[-1][:160]} (the traceback is in {traceback})")
    if done.returncode:
        raise RunError(f"mkdocs build --strict:\n{said}\nmend the page it names")


class _Page(HTMLReader):
    """What a page runs: its scripts, and tags that run something by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: set[str] = set()
        self.others: set[str] = set()
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        source = next((value or "" for name, value in attrs if name == "src"), None)
        if tag == "script":
            self.scripts.add(_LEADS_UP.sub("", source or ""))
        elif tag not in {"meta", "link", "style", "base"} and runs(tag, attrs):
            self.others.add(self.get_starttag_text() or tag)

    def handle_unlike_browsers(self, shown: str) -> None:
        self.others.add(shown)

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.add(_LEADS_UP.sub("", data))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # a script holds no other tag
        self._in_script = False


_LEADS_UP = re.compile(r'^/|\.\./|"base": *"[^"]*"|__md_scope=new URL\("[^"]*"|(?<=")/?(?=assets/)')
"""What differs from page to page: how an address leads from it to the top."""


def _check_harmless(site: Path) -> None:
    """Make sure that no page runs anything but what the page of those who are lost runs: nothing that a text holds.

    Raises:
        RunError: one does.
    """

    def read(path: Path) -> _Page:
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        page.close()
        return page

    ours = read(site / "404.html")
    for path in sorted(site.rglob("*.html")):
        page = read(path)
        if strange := sorted(page.others | (page.scripts - ours.scripts)):
            raise RunError(
                f"{path.relative_to(site)} would run {strange[0]:.60}; remove it from the text it comes from"
            )


def _check_links(site: Path) -> None:
    lychee = Path(sys.executable).with_name("lychee")
    command = [
        str(lychee), "--offline", "--include-fragments", "--no-progress", "--quiet",
        # What the page where networks are tried is told after #, no place in it.
        "--exclude", "#image=",
        "--root-dir", str(site), str(site),
    ]  # fmt: skip
    # Its output has signs that not every locale has.
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise RunError(f"broken links in the site:\n{done.stdout.strip()}\n{done.stderr.strip()}")
