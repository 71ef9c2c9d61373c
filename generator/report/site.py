"""The Markdown pages -> a checked website that takes its place in one move."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from generator.artefacts import write_atomically
from generator.errors import LabError, RunError
from generator.project import ROOT


def build_site(build: Path, site: Path) -> bool:
    """Build the website with MkDocs, check all its links, and put it in place of the old one.

    Args:
        build: folder that holds ``docs`` and ``mkdocs.yml``.
        site: folder of the website; replaced as a whole, only when the new one is right.

    Returns:
        Whether it had to be built: not if nothing it is made of changed.

    Raises:
        LabError: ``site`` holds something that is no website of this project.
        RunError: MkDocs failed, or a link or an image of the result leads nowhere.
    """
    state = build / "site.sha256"
    made_of = _digest(build, site)
    if state.is_file() and state.read_bytes() == made_of.encode() and (site / "index.html").is_file():
        return False
    if site.exists() and any(site.iterdir()) and not (site / "sitemap.xml").is_file():
        raise LabError(f"SITE={site}: holds other files, which a build would remove; give a new folder")
    fresh = build / "site"
    _mkdocs(build, fresh)
    _check_links(fresh)
    place = site.resolve()
    retired = place.with_name(f".{place.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        # What cannot be removed would take the new site in.
        place.rename(retired)
    shutil.move(fresh, place)
    shutil.rmtree(retired, ignore_errors=True)
    write_atomically(state, made_of)
    return True


def _digest(build: Path, site: Path) -> str:
    """Hash of all that the website is made of, and of where it goes."""
    digest = hashlib.sha256(str(site.resolve()).encode())
    docs = build / "docs"
    for path in sorted(path for path in docs.rglob("*") if path.is_file()):
        stat = path.stat()
        digest.update(f"{path.relative_to(docs)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    for path in (ROOT / "mkdocs.yml", build / "mkdocs.yml"):
        digest.update(path.read_bytes())
    for package in ("mkdocs", "mkdocs-material", "pymdown-extensions", "markdown"):
        digest.update(version(package).encode())
    return digest.hexdigest()


def _mkdocs(build: Path, site: Path) -> None:
    command = [
        sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet",
        "--config-file", str(build / "mkdocs.yml"), "--site-dir", str(site.resolve()),
    ]  # fmt: skip
    # One and the same date in every build: the pages depend on nothing else that moves.
    environment = os.environ | {"SOURCE_DATE_EPOCH": "315532800", "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"mkdocs build --strict:\n{done.stderr.strip()}\nmend the page it names")


def _check_links(site: Path) -> None:
    lychee = Path(sys.executable).with_name("lychee")
    command = [
        str(lychee), "--offline", "--include-fragments", "--no-progress", "--quiet",
        "--root-dir", str(site.resolve()), str(site),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"broken links in the site:\n{done.stdout.strip()}\n{done.stderr.strip()}")
