"""A lab on its way to readers: shown while it is edited, on paper, in one file."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from generator.errors import RunError
from generator.lab import Lab, read_lab
from generator.report import pack_site, print_site
from generator.report.paper import with_link_notes
from generator.serve import Preview
from tests.conftest import ROOT, Run, begin_store, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

MINI = ROOT / "tests" / "mini" / "lab.yml"


def eventually(happened: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not (so := happened()) and time.monotonic() < end:
        time.sleep(0.2)
    return so


class Server:
    """``python -m generator serve`` on the mini lab."""

    def __init__(self, lab: Path, folder: Path, *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / "serve.log"
        self.command = [
            sys.executable, "-u", "-m", "generator", "serve", "--lab", str(lab), "--port", str(self.port),
            "--build", str(folder / "build"), "--site", str(folder / "site"), *more,
        ]  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    def page(self, name: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=60) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
def server(mini: Path, tmp_path: Path, generator: Run) -> Iterator[Server]:
    server = Server(mini, tmp_path)
    try:
        assert eventually(lambda: bool(server.page("index.html")), 180), server.said()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


class TestServe:
    def test_what_is_edited_is_shown_and_what_is_wrong_is_told(self, server: Server, mini: Path) -> None:
        question, page = mini.parent / "questions" / "q01-voir.md", "questions/q01-voir.html"
        assert "livereload(" in server.page(page), "the browser reloads by itself"

        text = question.read_text()
        question.write_text(text.replace("## Réponse\n", "## Réponse\n\nUne phrase toute neuve.\n"))
        assert eventually(lambda: "Une phrase toute neuve." in server.page(page)), server.said()
        assert "0 of 3 experiments shown anew" in server.said().splitlines()[-2], "nothing is computed for a word"

        question.write_text(question.read_text() + "\n![Perdue](figure:saillance/perdue)\n")
        assert eventually(lambda: "saillance/perdue" in server.said()), server.said()
        assert "Traceback" not in server.said()
        assert "Une phrase toute neuve." in server.page(page), "the old website stays"
        alert = server.page(page).partition('role="alert"')[2]
        assert f"{question}:" in alert, "what is wrong stands over it"
        assert "saillance/perdue" in alert

        question.write_text(text)
        lab = mini.read_text()
        mini.write_text(lab.replace("title: Petit TP", "title: Grand TP"))
        assert eventually(lambda: "Grand TP" in server.page("index.html")), server.said()
        assert 'role="alert"' not in server.page("index.html")
        mini.write_text(lab.replace("iterations: 4", "iterations: 5"))
        assert eventually(lambda: "1 of 3 experiments shown anew" in server.said()), server.said()

        browsers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        ahead = round(time.monotonic() * 1000) + 1_000_000
        for browser in browsers[1:]:  # the first says nothing, the others wait for what is new
            browser.sendall(f"GET /livereload/{ahead}/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(5) == 0, "browsers that look on do not hold it up"
        for browser in browsers:
            browser.close()
        assert server.said().endswith("ended; what was finished is kept\n")

    def test_what_students_get_is_shown(self, mini: Path, tmp_path: Path) -> None:
        server = Server(mini, tmp_path, "--edition", "enonce")
        try:
            assert eventually(lambda: bool(server.page("index.html")), 180), server.said()
            page, question = "questions/q01-voir.html", mini.parent / "questions" / "q01-voir.md"
            assert "Que regarde le réseau" in server.page(page)
            assert "oiseau et celle du dogue" not in server.page(page)
            question.write_text(question.read_text().replace("Que regarde", "Que voit"))
            assert eventually(lambda: "Que voit le réseau" in server.page(page)), server.said()
            assert not (tmp_path / "build" / "results").exists()
        finally:
            server.process.kill()
            server.process.wait()

    def test_a_taken_port_is_told_before_anything_is_computed(self, mini: Path, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            places = ["--build", str(tmp_path / "build"), "--site", str(tmp_path / "site"), "--port", str(port)]
            command = [sys.executable, "-m", "generator", "serve", "--lab", str(mini), *places]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == f"failed: port {port} is taken; give another: PORT={port + 1}\n"
        assert not (tmp_path / "build").exists()

    def test_a_taken_port_is_told(self, server: Server) -> None:
        again = subprocess.run(server.command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert again.returncode == 1
        assert again.stderr == f"failed: port {server.port} is taken; give another: PORT={server.port + 1}\n"


Show = Callable[[Callable[[], Lab]], tuple[Preview, list[Exception]]]


@pytest.fixture
def preview(mini: Path, tmp_path: Path) -> Iterator[Show]:
    """Shows a folder with one page as if it was the mini lab's website, with a way to rebuild it of the test's own."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<body>Bonjour</body>")
    failed: list[Exception] = []

    def tell(error: Exception) -> tuple[str, ...]:
        failed.append(error)
        return (f"<{error}>",)

    server = Preview(tmp_path / "site", 0)
    lab = read_lab(mini, tmp_path)
    shown = Thread(target=lambda: server.show(lab, rebuild.pop(), tell))
    rebuild: list[Callable[[], Lab]] = []

    def show(how: Callable[[], Lab]) -> tuple[Preview, list[Exception]]:
        rebuild.append(how)
        shown.start()
        return server, failed

    yield show
    server.shutdown()
    shown.join()


def answered(server: Preview, target: str, host: str | None = "localhost") -> str:
    """The server's answer to a request, from its status on."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as browser:
        header = f"Host: {host}\r\n" if host else ""
        browser.sendall(f"GET {target} HTTP/1.0\r\n{header}\r\n".encode())
        return b"".join(iter(lambda: browser.recv(4096), b"")).decode().partition(" ")[2]


class TestPreview:
    @pytest.mark.parametrize("target", ["/%00", "/a%00.html", f"/livereload/{'9' * 5000}/1", f"/{'x' * 5000}", "/%"])
    def test_an_address_that_no_file_can_have_is_not_found(self, target: str, preview: Show, mini: Path) -> None:
        server, _ = preview(lambda: read_lab(mini, mini.parent))
        assert answered(server, target).startswith("404")
        assert "Bonjour" in answered(server, "/index.html")

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8000", None])
    def test_this_machine_is_answered(self, host: str | None, preview: Show, mini: Path) -> None:
        server, _ = preview(lambda: read_lab(mini, mini.parent))
        assert "Bonjour" in answered(server, "/index.html", host)

    @pytest.mark.parametrize("host", ["example.org", "localhost.example.org", "127.0.0.1.example.org:80", "", "[::1]"])
    def test_a_page_from_elsewhere_is_not(self, host: str, preview: Show, mini: Path) -> None:
        server, _ = preview(lambda: read_lab(mini, mini.parent))
        answer = answered(server, "/index.html", host or " ")
        assert answer.startswith("403")
        assert "Bonjour" not in answer

    def test_goes_on_after_what_nobody_foresaw(self, preview: Show, mini: Path) -> None:
        wrong: list[Exception] = [RecursionError()]

        def rebuild() -> Lab:
            if wrong:
                raise wrong[0]
            (mini.parents[1] / "site" / "index.html").write_text("<body>Bonsoir</body>")
            return read_lab(mini, mini.parent)

        def edited() -> bool:
            mini.write_text(f"{mini.read_text()}\n# an edit\n")
            return True

        server, failed = preview(rebuild)
        assert eventually(lambda: edited() and wrong[0] in failed)
        wrong[0] = KeyError("x")
        assert eventually(lambda: edited() and wrong[0] in failed)
        assert "Bonjour" in answered(server, "/index.html"), "the old website stays"
        wrong.clear()
        assert eventually(lambda: edited() and "Bonsoir" in answered(server, "/index.html"))


class TestLinkNotes:
    def test_each_address_has_one_number_and_stands_in_the_list(self) -> None:
        page = with_link_notes(
            "Selon [Zhou *et al.*](https://a.org/1), <https://a.org/2> et <a href='x' href=\"https://a.org/1\">lui</a>,"
            " voir [ici](galeries/x.md), [là](https://a.org/3(92)90242-F) et `[code](https://a.org/4)`.",
            "Liens",
        )
        assert '](https://a.org/1)<sup class="tp-print">[1]</sup>' in page
        assert '<https://a.org/2><sup class="tp-print">[2]</sup>' in page
        assert 'lui</a><sup class="tp-print">[1]</sup>' in page
        assert re.findall("<li>(.+?)</li>", page) == [
            "https://a.org/1",
            "https://a.org/2",
            "https://a.org/3(92)90242-F",
        ]

    def test_a_page_without_links_is_left_alone(self) -> None:
        assert with_link_notes("[ici](x.md)\n", "Liens") == "[ici](x.md)\n"


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory, mini_results: Path) -> list[Path]:
    """The mini lab's two websites, with a link that leaves them in the first statement."""
    folder = tmp_path_factory.mktemp("editions")
    shutil.copytree(ROOT / "tests" / "mini", folder / "mini")
    begin_store(folder / "outcomes", mini_results)
    question = folder / "mini" / "questions" / "q01-voir.md"
    question.write_text(question.read_text().replace("## Réponse", "Voir [ceci](https://example.org/a).\n\n## Réponse"))
    sites = [folder / "site", folder / "site-enonce"]
    for edition, site in zip(("site", "statement"), sites, strict=True):
        where = ["--lab", str(folder / "mini" / "lab.yml"), "--build", str(folder / "build"), "--site", str(site)]
        subprocess.run([sys.executable, "-m", "generator", edition, *where], cwd=ROOT, check=True)
    return sites


class TestPaper:
    @needs_chromium
    def test_both_editions_are_printed_with_bookmarks_and_all_their_images(self, editions: list[Path]) -> None:
        before = {path for site in editions for path in site.rglob("*")}
        command = [sys.executable, "-m", "generator", "pdf", "--lab", str(MINI), *map(str, editions)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        staff, students = (site.with_name(f"{site.name}.pdf").read_bytes() for site in editions)
        for paper, site in zip((staff, students), editions, strict=True):
            assert str(site.with_name(f"{site.name}.pdf")) in done.stdout
            assert paper.startswith(b"%PDF-")
            assert b"/Type /Outlines" in paper
            assert paper.count(b"/Title ") >= 3, "the title and two questions are bookmarks"
            assert b"/StructTreeRoot" in paper, "it can be read aloud"
            assert b"https://example.org/a" in paper
            assert b"file:" not in paper, "a link to another page would name a folder of this machine"
        page = editions[0] / "questions" / "tout.html"
        files = re.findall(r'<img src="([^"#]+\.(?:webp|png))"', page.read_text())
        shown = {(page.parent / file).read_bytes() for file in files}
        assert len(shown) > 4
        assert staff.count(b"/Subtype /Image") >= len(shown)
        assert b"/Subtype /Image" not in students
        assert {path for site in editions for path in site.rglob("*")} == before, "nothing stays in the websites"

    @needs_chromium
    def test_one_question_is_handed_out_with_its_figures(self, editions: list[Path]) -> None:
        command = [sys.executable, "-m", "generator", "handout", "--lab", str(MINI), "--site", str(editions[0])]
        done = subprocess.run([*command, "2"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        paper = editions[0].with_name("site-q02-tromper.pdf")
        assert str(paper) in done.stdout
        assert paper.read_bytes().count(b"/Title ") == 2, (
            "of the document, and of the question: no answer has a bookmark"
        )
        assert paper.read_bytes().count(b"/Subtype /Image") > 2
        for wrong, told in (("7", "QUESTION=7: no question 7; there are 1, 2"), ("", "QUESTION=: expected the number")):
            done = subprocess.run([*command, wrong], cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 2
            assert told in done.stderr

    def test_without_chromium_one_line_says_so(self, editions: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
        lab = read_lab(MINI, Path("data"))
        monkeypatch.setenv("PATH", "")
        with pytest.raises(RunError, match=r"^no Chromium to print with: install one of chromium, .*$"):
            print_site(lab, editions[0], editions[0].with_suffix(".pdf"))

    def test_without_the_website_one_line_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(RunError, match="build the website first"):
            print_site(read_lab(MINI, Path("data")), tmp_path, tmp_path / "x.pdf")

    def test_the_students_have_all_questions_on_a_page_too(self, editions: list[Path]) -> None:
        students = editions[1]
        text = (students / "questions" / "tout.html").read_text()
        assert text.count("Votre réponse</h3>") + text.count("Votre réponse<a") == 2
        assert "<li>https://example.org/a</li>" in text
        assert "questions/tout.html" in (students / "index.html").read_text()
        assert "tout.html" not in (students / "search" / "search_index.json").read_text()


class TestZip:
    """What ``make zip`` packs, unpacked elsewhere and opened by double-click."""

    @needs_chromium
    @pytest.mark.parametrize("edition", [0, 1], ids=["staff", "students"])
    def test_the_unpacked_website_opens_and_its_search_finds(
        self, edition: int, editions: list[Path], tmp_path: Path, page: Page
    ) -> None:
        site = editions[edition]
        packed = tmp_path / "packed.zip"
        subprocess.run([sys.executable, "-m", "zipfile", "-c", packed, f"{site.name}/"], cwd=site.parent, check=True)
        subprocess.run([sys.executable, "-m", "zipfile", "-e", packed, tmp_path], check=True)
        unpacked = tmp_path / site.name
        wrong: list[str] = []
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.goto((unpacked / "index.html").as_uri())
        page.locator("input[name=query]").click()
        page.locator("input[name=query]").press_sequentially("regarde", delay=20)
        page.locator(".md-search-result__item").first.wait_for(timeout=20_000)
        assert "q01-voir.html" in str(page.locator(".md-search-result__link").first.get_attribute("href"))
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Toutes les questions sur une page").click()
        assert page.locator("h2").count() >= 2
        assert not wrong
        assert all(address.startswith((unpacked.as_uri(), "about:", "data:", "blob:")) for address in asked)


@pytest.fixture(scope="module")
def packed(editions: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The students' website, packed, and unpacked as a platform does; a file that no build wrote lay in it."""
    stranger = editions[1] / "CNAME"
    stranger.write_text("example.org")
    command = [sys.executable, "-m", "generator", "moodle", "--lab", str(MINI), str(editions[1])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    stranger.unlink()
    assert done.returncode == 0, done.stderr
    archive = editions[1].with_name("site-enonce-moodle.zip")
    assert str(archive) in done.stdout
    folder = tmp_path_factory.mktemp("moodle")
    with zipfile.ZipFile(archive) as package:
        assert package.namelist()[0] == "imsmanifest.xml", "it stands at the top"
        package.extractall(folder)
    return folder


def manifest_of(packed: Path) -> ET.Element:
    return ET.fromstring((packed / "imsmanifest.xml").read_bytes())  # noqa: S314  # our own


class TestMoodle:
    """What ``make moodle`` packs: SCORM 1.2, which is an IMS content package too."""

    def test_its_manifest_is_what_the_format_wants(self, packed: Path) -> None:
        root = manifest_of(packed)
        assert root.tag == f"{PACKAGING}manifest"
        assert [child.tag for child in root] == [
            f"{PACKAGING}{tag}" for tag in ("metadata", "organizations", "resources")
        ]
        for element in root.iter():
            required, allowed, children = CONTENT_MODEL[element.tag.removeprefix(PACKAGING)]
            names = [child.tag.removeprefix(PACKAGING) for child in element]
            assert set(required) <= set(element.attrib) <= {*required, *allowed}
            assert names == sorted(names, key=children.index), "in the order that the schema says"
            assert len((element.text or "").strip()) <= 200
        identifiers = [element.attrib["identifier"] for element in root.iter() if "identifier" in element.attrib]
        assert len(set(identifiers)) == len(identifiers)
        assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", identifier) for identifier in identifiers)
        (item,), (resource,) = root.iter(f"{PACKAGING}item"), root.iter(f"{PACKAGING}resource")
        (organizations,), (organization,) = (
            root.iter(f"{PACKAGING}organizations"),
            root.iter(f"{PACKAGING}organization"),
        )
        assert organizations.attrib["default"] == organization.attrib["identifier"]
        assert item.attrib["identifierref"] == resource.attrib["identifier"]
        assert resource.attrib[f"{SCORM}scormtype"] == "asset"
        metadata = [(element.tag.removeprefix(PACKAGING), element.text) for element in root[0]]
        assert metadata == [("schema", "ADL SCORM"), ("schemaversion", "1.2")]

    def test_it_names_all_files_and_no_other(self, packed: Path) -> None:
        root = manifest_of(packed)
        named = {unquote(file.attrib["href"]) for file in root.iter(f"{PACKAGING}file")}
        there = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
        assert named == there - {"imsmanifest.xml"}
        (resource,) = root.iter(f"{PACKAGING}resource")
        assert resource.attrib["href"] in named
        assert "CNAME" not in named

    def test_it_is_the_same_each_time(self, editions: list[Path], packed: Path, tmp_path: Path) -> None:
        again = tmp_path / "again.zip"
        pack_site(read_lab(MINI, Path("data")), editions[1], again)
        assert again.read_bytes() == editions[1].with_name("site-enonce-moodle.zip").read_bytes()

    def test_a_long_title_and_strange_letters_do_no_harm(
        self, editions: list[Path], mini: Path, tmp_path: Path
    ) -> None:
        mini.write_text(mini.read_text().replace("title: Petit TP", f"title: Été & «{'x' * 300}»"))
        pack_site(read_lab(mini, Path("data")), editions[1], tmp_path / "x.zip")
        shutil.unpack_archive(tmp_path / "x.zip", tmp_path / "x")
        root = manifest_of(tmp_path / "x")
        titles = [title.text or "" for title in root.iter(f"{PACKAGING}title")]
        assert all(title.startswith("Été & «xxx") and len(title) == 200 for title in titles)

    @needs_chromium
    def test_it_opens_in_a_frame_of_a_platform(self, packed: Path, page: Page) -> None:
        frame = packed.parent / "platform.html"
        frame.write_text(f'<iframe src="{packed.name}/index.html" width="900" height="700"></iframe>')
        page.goto(frame.as_uri())
        inside = page.frame_locator("iframe")
        inside.locator(".tp-card").first.click()
        inside.locator(".tp-statement").wait_for()

    def test_without_the_website_one_line_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(RunError, match="build it first: make enonce"):
            pack_site(read_lab(MINI, Path("data")), tmp_path, tmp_path / "x.zip")


PACKAGING, SCORM = "{http://www.imsproject.org/xsd/imscp_rootv1p1p2}", "{http://www.adlnet.org/xsd/adlcp_rootv1p2}"
CONTENT_MODEL: dict[str, tuple[list[str], list[str], list[str]]] = {
    "manifest": (["identifier"], ["version"], ["metadata", "organizations", "resources"]),
    "metadata": ([], [], ["schema", "schemaversion"]),
    "schema": ([], [], []),
    "schemaversion": ([], [], []),
    "organizations": (["default"], [], ["organization"]),
    "organization": (["identifier"], ["structure"], ["title", "item"]),
    "title": ([], [], []),
    "item": (["identifier", "identifierref"], ["isvisible", "parameters"], ["title", "item"]),
    "resources": ([], [], ["resource"]),
    "resource": (["identifier", "type", "href", f"{SCORM}scormtype"], [], ["file", "dependency"]),
    "file": (["href"], [], []),
}
"""Of each element, the attributes that it must have and may have, and what stands in it, in this order: IMS CP 1.1.2 as
ADL SCORM 1.2 narrows it."""


def what_make_would_do(*arguments: str) -> str:
    """Ask make for its plan as from a new shell: what runs these tests may hand down a lab and its own settings."""
    command = ["make", "--dry-run", "--old-file=.venv/installed", *arguments]
    shell = {"PATH": os.environ["PATH"]}
    plan = subprocess.run(command, cwd=ROOT, env=shell, capture_output=True, text=True, check=False)
    assert plan.returncode == 0, plan.stderr
    return plan.stdout.rstrip()


class TestWorkflows:
    @pytest.mark.parametrize(
        ("schema", "file", "more"),
        [
            ("vendor.github-workflows", ".github/workflows/pages.yml", ()),
            ("vendor.gitlab-ci", ".gitlab-ci.yml", ("--data-transform", "gitlab-ci")),
        ],
    )
    def test_each_is_what_its_forge_expects(self, schema: str, file: str, more: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, file]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    @pytest.mark.parametrize(
        ("lab", "site"),
        [
            ("content/tp.yml", "site"),
            ("content/tp9.yml", "site-tp9"),
            ("mon-tp/lab.yml", "site-mon-tp"),
            ("labs/autre/lab.yml", "site-autre"),
            ("mon-tp/tp.yml", "site-tp"),
        ],
    )
    def test_each_lab_has_a_website_of_its_own(self, lab: str, site: str) -> None:
        plan = what_make_would_do("site", f"LAB={lab}")
        assert plan.endswith(f"--build {site.replace('site', 'build')} --site {site}")

    @pytest.mark.parametrize("file", [".github/workflows/pages.yml", ".gitlab-ci.yml"])
    def test_each_runs_commands_that_there_are(self, file: str) -> None:
        text = (ROOT / file).read_text()
        (targets,) = re.findall(r"make ([a-z ]+)$", text, re.MULTILINE)
        plan = what_make_would_do(*targets.split())
        assert os.access(ROOT / ".ci" / "run", os.X_OK)
        assert ".ci/run" in text
        for made in ("site.zip", "site.pdf", "site-enonce.zip", "site-enonce.pdf"):
            assert made in text
            assert made.partition(".")[0] in plan
