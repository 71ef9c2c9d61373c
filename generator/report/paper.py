"""What a page needs to be read on paper: its links as numbered notes, and a PDF of it."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from generator.atomic import write_atomically
from generator.errors import RunError
from generator.lab import Lab
from generator.lab.questions import Question, outside_code

EXTERNAL_LINK = re.compile(
    r"""(?<!!)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\((?P<markdown>https?://(?:[^\s()]|\([^\s()]*\))+)\)"""
    r"""|<a\b[^>]*\bhref="(?P<html>https?://[^"]+)"[^>]*>.*?</a>"""
    r"""|<(?P<bare>https?://[^>\s]+)>""",
    re.DOTALL,
)
"""A link that leaves the site: Markdown's two kinds, and HTML's."""
HREF = re.compile(r'(<a\b[^>]*?) href="(?P<page>[^"#]*)(?:#(?P<anchor>[^"]*))?"')
PICTURE = re.compile(r'<img src="(?P<file>[^":]+\.(?:png|webp))"')
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def with_link_notes(markdown: str, title: str) -> str:
    """Number the links of a page that leave the site, and list them under a title at its end, for paper only."""
    numbers: dict[str, int] = {}

    def noted(link: re.Match[str]) -> str:
        address = link["markdown"] or link["html"] or link["bare"]
        number = numbers.setdefault(address, len(numbers) + 1)
        return f'{link[0]}<sup class="tp-print">[{number}]</sup>'

    with_numbers = outside_code(markdown, lambda piece: EXTERNAL_LINK.sub(noted, piece))
    if not numbers:
        return markdown
    notes = "\n".join(f"<li>{address}</li>" for address in numbers)
    return with_numbers + f'\n<div class="tp-print">\n<p><b>{title}</b></p>\n<ol>\n{notes}\n</ol>\n</div>\n'


def print_site(lab: Lab, site: Path, pdf: Path) -> None:
    """Print a website's page that has it all, with bookmarks, by Chromium.

    Args:
        lab: the lab.
        site: folder of one of its websites, built.
        pdf: the file to write.

    Raises:
        RunError: there is no such website or no Chromium, or Chromium failed.
    """
    _print(site / "questions" / f"{lab.language.say('files.everything')}.html", pdf)


def print_handout(site: Path, question: Question, pdf: Path) -> None:
    """Print what a question asks, and its figures, without a word that answers it.

    Args:
        site: folder of the staff's website, built.
        question: one of its lab's.
        pdf: the file to write.

    Raises:
        RunError: as for :func:`print_site`.
    """
    _print(site / "questions" / f"{question.slug}.html", pdf, "tp-handout")


def _print(page: Path, pdf: Path, look: str = "") -> None:
    """Print a page; ``look`` is a class that the style sheet knows."""
    if not page.is_file():
        raise RunError(f"no page {page} to print; build the website first: make site, make enonce")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise RunError(f"no Chromium to print with: install one of {', '.join(BROWSERS)} (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as profile:
        copy = page.with_name(".paper.html")
        made = Path(profile, "page.pdf")
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}",
            # Chromium's sandbox wants rights that containers do not give; this page is our own, without a script.
            "--no-sandbox",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--no-pdf-header-footer", "--generate-pdf-document-outline", f"--print-to-pdf={made}",
            copy.resolve().as_uri(),
        ]  # fmt: skip
        try:
            copy.write_text(_for_paper(page, Path(profile), look), encoding="utf-8")
            # What it says on the way is about the desktop it does not find.
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        except subprocess.TimeoutExpired:
            raise RunError(f"{browser} did not print {page} within ten minutes; try again") from None
        finally:
            copy.unlink(missing_ok=True)
        if not made.is_file():
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise RunError(f"{browser} printed no {pdf} (status {done.returncode}): {said}")
        write_atomically(pdf, made.read_bytes())
        pdf.chmod(0o644)  # it is there to be read, whatever its maker's umask


def _for_paper(page: Path, folder: Path, look: str) -> str:
    """A page without scripts and without links to the site's other pages, all its pictures loaded at once.

    The pictures are JPEG copies in ``folder``: Chromium stores any others uncompressed, ten times as large.
    """
    html = re.sub(r"<script\b.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    anchors = set(re.findall(r'\bid="([^"]+)"', html))

    def kept(link: re.Match[str]) -> str:
        if link["page"].startswith(("http:", "https:")):
            return link[0]
        # The other pages are not in the PDF; a figure that they link to may be.
        return f'{link[1]} href="#{link["anchor"]}"' if link["anchor"] in anchors else link[1]

    def copied(picture: re.Match[str]) -> str:
        source = page.parent / picture["file"]
        target = folder / f"{hashlib.sha256(source.read_bytes()).hexdigest()}.jpg"
        if not target.is_file():
            with Image.open(source) as image:
                image.convert("RGB").save(target, quality=90)
        return f'<img src="{target.as_uri()}"'

    html = PICTURE.sub(copied, HREF.sub(kept, html))
    html = re.sub(r'(<html\b[^>]*?class=")', rf"\g<1>{look} ", html, count=1)
    return html.replace(' loading="lazy"', "")
