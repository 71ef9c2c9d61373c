"""The website on a local address, built anew when a file it is made of changes."""

from __future__ import annotations

import errno
import html
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.livereload import LiveReloadServer

from generator.errors import LabError, RunError
from generator.lab import Lab
from generator.project import CONTENT, TEMPLATES
from generator.report.common import manual

TROUBLE = (
    '<pre role="alert" style="position: fixed; z-index: 99; inset: auto 0 0 0; max-height: 50vh; margin: 0; '
    "overflow: auto; padding: 1rem; background: #a3272f; color: #fff; font: 16px/1.5 monospace; "
    'white-space: pre-wrap">{}</pre>'
)
"""How a page shows what went wrong."""


class Preview(LiveReloadServer):
    """Serves a website to this machine alone, and reloads the browsers that show it when it was built anew.

    The port is this server's from the start, so that one that is taken is told before anything is computed.

    Args:
        site: folder of the website; need not be there before :meth:`show`.
        port: of 127.0.0.1; with 0 the system chooses one, then in ``server_port``.

    Raises:
        RunError: the port is taken.
    """

    def __init__(self, site: Path, port: int) -> None:
        super().__init__(lambda: None, "127.0.0.1", port, str(site))
        self.trouble = ""
        try:
            self.server_bind()
            self.server_activate()
        except OSError as error:
            self.server_close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise RunError(f"port {port} is taken; give another: PORT={port + 1}") from None

    def show(self, lab: Lab, rebuild: Callable[[], Lab], failed: Callable[[Exception], Iterable[str]]) -> None:
        """Serve until interrupted.

        Args:
            lab: the lab that the website was built from.
            rebuild: brings the website up to date after a change; returns the lab as it is then.
            failed: tells what ``rebuild`` raised, and returns the lines of it. They stand over the pages of the old
                website, which stays; the next change is another try.
        """
        seen: set[Path] = set()

        def watch(lab: Lab) -> None:
            for folder in sorted(watched(lab) - seen):
                seen.add(folder)
                self.watch(str(folder), recursive=False)

        def rebuild_and_watch() -> None:
            try:
                watch(rebuild())
                self.trouble = ""
            except Exception as error:  # noqa: BLE001  # a lab may hold anybody's code, which is about to be mended
                self.trouble = "\n".join(failed(error))

        self.builder = rebuild_and_watch
        watch(lab)
        self.observer.start()
        self.serve_thread.start()
        try:
            self._build_loop()  # type: ignore[no-untyped-call]  # MkDocs
        finally:
            self.shutdown()

    def serve_request(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer a request, if it is for this machine: a page from elsewhere may give its own name this address."""
        host = environ.get("HTTP_HOST", "localhost").partition(":")[0].lower()
        if host in ("127.0.0.1", "localhost"):
            return super().serve_request(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"403 Forbidden: only http://127.0.0.1 and http://localhost are served\n"]

    def _serve_request(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes] | None:
        try:
            return super()._serve_request(environ, start_response)
        except ValueError:  # an address that no file can have
            return None

    def _inject_js_into_html(self, content: bytes, epoch: int) -> bytes:
        """A page that waits for the next build, and shows what went wrong with the last one."""
        page: bytes = super()._inject_js_into_html(content, epoch)  # type: ignore[no-untyped-call]  # MkDocs
        if not self.trouble:
            return page
        shown = TROUBLE.format(html.escape(self.trouble)).encode()
        before, end, after = page.rpartition(b"</body>")
        return before + shown + end + after if end else page + shown

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what went wrong with a request, but not that a browser left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def watched(lab: Lab) -> set[Path]:
    """The folders whose files a lab's website is made of: an editor may well put a new file in place of the old."""
    return {folder.resolve() for folder in _folders(lab) if folder.is_dir()}


def _folders(lab: Lab) -> Iterator[Path]:
    yield from (path.parent for path, _ in lab.places.values())  # the lab file and those it extends
    yield from (lab.questions_folder, lab.folder / lab.file.pages, manual(lab.language)[0].parent)
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
