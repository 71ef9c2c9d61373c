"""The website on a local address, built anew when a file it is made of changes."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from generator.errors import LabError, RunError
from generator.lab import Lab
from generator.project import CONTENT, TEMPLATES


def serve(site: Path, port: int, lab: Lab, rebuild: Callable[[], Lab | None]) -> None:
    """Serve a website until interrupted.

    Args:
        site: folder of the website, built.
        port: of 127.0.0.1; with 0 the system chooses one.
        lab: the lab it was built from.
        rebuild: brings the website up to date after a change; returns the lab as it is then, or None if
            something is wrong with it: then the old website stays.

    Raises:
        RunError: the port is taken.
    """
    from mkdocs.livereload import LiveReloadServer

    def rebuild_and_watch() -> None:
        if now := rebuild():
            watch(now)

    def watch(lab: Lab) -> None:
        for folder in sorted(watched(lab) - seen):
            seen.add(folder)
            server.watch(str(folder), recursive=False)

    seen: set[Path] = set()
    server = LiveReloadServer(rebuild_and_watch, "127.0.0.1", port, str(site))
    watch(lab)
    try:
        server.serve()  # type: ignore[no-untyped-call]  # MkDocs
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise RunError(f"port {port} is taken; give another: PORT={port + 1}") from None
    finally:
        server.shutdown()


def watched(lab: Lab) -> set[Path]:
    """The folders whose files a lab's website is made of: an editor may well put a new file in place of the old."""
    return {folder.resolve() for folder in _folders(lab) if folder.is_dir()}


def _folders(lab: Lab) -> Iterator[Path]:
    yield from (path.parent for path, _ in lab.places.values())  # the lab file and those it extends
    yield from (lab.folder / lab.file.questions, lab.folder / lab.file.pages)
    yield from (folder / "travaux" / lab.language.code for folder in (lab.folder, CONTENT))
    for assets in (lab.folder / "assets", CONTENT / "assets"):
        yield from (assets, *(path for path in assets.rglob("*") if path.is_dir()))
    yield TEMPLATES
    for image in lab.images.values():
        # What comes inside a package does not change.
        if not image.file.startswith("package:"):
            try:
                yield lab.locate(image.file).parent
            except LabError:
                continue  # told by whoever opens it
