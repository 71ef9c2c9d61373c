"""Whatever a file holds, it is read as it was meant, or refused in one line that names it, within five seconds."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from generator import language
from generator.catalogue import Classes
from generator.cli import main
from generator.errors import LabError, RunError
from generator.images import array, read_image
from generator.lab import check_files, read_lab
from generator.lab.photographs import Entry, read_photographs
from generator.report.speed import read_bench
from generator.schema import NetworkSpec
from generator.sources import locate
from generator.vision import opening
from tests.conftest import ROOT, change

Edit = Callable[[Path], object]
LONGEST = 5
"""Seconds of a processor that reading anything may take."""


@contextmanager
def soon() -> Iterator[None]:
    """Whatever comes of it, it comes in time."""
    start = time.process_time()
    try:
        yield
    finally:
        assert time.process_time() - start < LONGEST


@contextmanager
def told_of(path: Path, *others: str) -> Iterator[None]:
    """If it is not right, it is told in lines that begin with a path, or with other words."""
    try:
        yield
    except LabError as error:
        told = error.problems
    else:
        return
    assert told
    for line in told:
        assert line.startswith((str(path), *others))
        assert len(line.splitlines()) == 1


FUZZED = settings(
    deadline=None,  # the machine may be busy with something else
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # what is changed is written anew each time
)


def check(lab: Path) -> Result:
    """``python -m generator check``, in this process."""
    with soon():
        return CliRunner().invoke(main, ["check", "--lab", str(lab), "--data", str(lab.parent), "--build", "none"])


def refused(lab: Path) -> str:
    """The one line in which a lab is refused."""
    result = check(lab)
    assert result.exit_code == 2, (result.output, result.exception)
    (line,) = result.stderr.splitlines()
    assert len(line) < 1500
    return line


def added(text: str) -> Edit:
    """Text below a lab file."""
    return lambda lab: lab.write_text(lab.read_text(encoding="utf-8") + text, encoding="utf-8")


def swapped(old: str, new: str) -> Edit:
    """Another text instead of one that the lab file has."""

    def edit(lab: Path) -> None:
        text = lab.read_text(encoding="utf-8")
        assert old in text
        lab.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def keys(**values: object) -> Edit:
    return lambda lab: change(lab, lambda data: data.update(values))


def image(**values: object) -> Edit:
    return lambda lab: change(lab, lambda data: data["images"][0].update(values))


def pipe(name: str) -> Edit:
    def edit(lab: Path) -> None:
        (lab.parent / name).parent.mkdir(exist_ok=True)
        os.mkfifo(lab.parent / name)

    return edit


def folder(name: str) -> Edit:
    return lambda lab: (lab.parent / name).mkdir(parents=True)


def child(text: str) -> Edit:
    """A lab file that extends the one there was."""

    def edit(lab: Path) -> None:
        lab.rename(lab.with_name("parent.yml"))
        lab.write_text("extends: parent.yml\n" + text, encoding="utf-8")

    return edit


def bomb(nine: str = "[{}]", first: str = "[x]") -> str:
    """Aliases of aliases: a short text that stands for 9 to the power of 8 values."""
    lines = [f"a0: &a0 {first}"] + [f"a{k}: &a{k} {nine.format(', '.join([f'*a{k - 1}'] * 9))}" for k in range(1, 9)]
    return "\n".join(lines) + "\n"


STEP = "step: 0.5"
REFUSED: dict[str, tuple[Edit, list[str]]] = {
    # YAML that is none, or stands for something else than it says
    "an anchor in itself": (added("glossary: &g {x: *g}\n"), ["contains itself", "write it out"]),
    "a list in itself": (added("files: &i [*i]\n"), ["contains itself"]),
    "2,000 brackets": (added(f"glossary: {'[' * 2000}\n"), ["more than 50 values stand in one another"]),
    "brackets that are closed": (added(f"glossary: {'[' * 60}{']' * 60}\n"), ["more than 50 values"]),
    "100,000 brackets on as many lines": (added("glossary:\n" + "  [\n" * 100_000), ["more than 50 values"]),
    "aliases of aliases": (added(bomb()), ["its aliases (*) written out"]),
    "merged aliases": (
        added(bomb("{{<<: [{}]}}", "{a: 1}")),
        ["its aliases (*) written out"],
    ),
    "half a character": (swapped("title: Petit TP", r'title: "\ud800"'), [":2: ", "U+D800"]),
    "a sign that none is": (swapped("title: Petit TP", r'title: "a\0b"'), [":2: ", "U+0000"]),
    "a control character": (added("# \x01\n"), ["U+0001"]),
    "a tag with a wrong value": (added("glossary: {x: !!bool peut-être}\n"), ["is no valid YAML"]),
    "a date of no calendar": (added("glossary: {x: !!timestamp hier}\n"), ["is no valid YAML"]),
    "Python's own tags": (added("glossary: {x: !!python/object/apply:os.getcwd []}\n"), ["is no valid YAML"]),
    "a number to the base of 60": (swapped(STEP, "step: 1:30"), ["1:30 is a number to the base of 60", "quotes"]),
    "a number to the base of 8": (swapped("label: bald eagle", "label: 010"), ["010", "base of 8", "write 10"]),
    "a key that is a list": (added("? [a, b]\n: c\n"), ["is no valid YAML"]),
    "a key that is a number": (added("7: sept\n"), ["7"]),
    "a title that is a date": (swapped("title: Petit TP", "title: 2026-11-26"), ["title: found 2026-11-26", "quotes"]),
    "a title that is a yes": (swapped("title: Petit TP", "title: yes"), ["title: found true", "quotes"]),
    # Numbers
    "infinity": (swapped(STEP, "step: .inf"), ["experiments.alligator.step: found inf", "finite"]),
    "infinity, spelt out": (swapped(STEP, "step: 1e999"), ["experiments.alligator.step: found inf"]),
    "no number": (swapped(STEP, "step: .nan"), ["experiments.alligator.step: found nan"]),
    "a power of ten for a count": (swapped("iterations: 4", "iterations: 1e3"), ["found 1000", "write 1000"]),
    "yes for a number": (swapped(STEP, "step: true"), ["experiments.alligator.step: found true", "valid number"]),
    "yes for an index": (image(index=True), ["images.0.index: found true", "valid integer"]),
    "yes for a side of a box": (image(boxes=[[0, 0, True, 1]]), ["images.0.boxes.0.2: found true"]),
    "a number in quotes": (swapped(STEP, 'step: "0.5"'), ["write 0.5, without quotes"]),
    "a number of 26 digits": (
        swapped("iterations: 4", f"iterations: {10**25 + 1}"),
        ["iterations: found 1000", "1000000000"],
    ),
    "a number of 5,000 digits": (swapped("iterations: 4", f"iterations: {'9' * 5000}"), ["no valid YAML"]),
    "a number that float32 does not have": (swapped(STEP, "step: 1.0e+300"), ["found 1e+300", "1000000000"]),
    "more work than a life is long": (
        lambda lab: change(
            lab,
            lambda data: data["experiments"]["alligator"].update(iterations=10**9, images=["oiseau", "mastiff"]),
        ),
        ["experiments.alligator: sends", "which takes years"],
    ),
    # Classes
    "a class with a nought before it": (swapped("label: bald eagle", "label: 08"), ['"08" is no class', "write 8"]),
    "a class in other digits": (image(label="٣"), ["is no class of the lab"]),
    "a class that nobody knows": (image(label="moto"), ['"moto" is no class', "generator classes WORD"]),
    "a class titled twice": (added("class_titles: {1: a, '1': b}\n"), ["class 1 has a title already", "remove one"]),
    "a class titled by name and number": (
        added("class_titles: {tabby: a, 281: b}\n"),
        ["class 281 has a title already"],
    ),
    "two classes of one name": (keys(classes=["un", "deux", "un"]), ["classes:", '0 and 2 are both called "un"']),
    # Photographs
    "a box narrower than a pixel": (
        image(boxes=[[0.5, 0, 0.504, 1]]),
        ["images.0.boxes.0", "narrower than a pixel", "224"],
    ),
    "a file that is a folder": (image(file="pages"), ["images.0.file", "is a folder, expected a file"]),
    "a name longer than a file may have": (swapped("name: dogue", f"name: {'d' * 200}"), ["runs.1.name", "80 of them"]),
    "an index of what is no archive": (image(index=0), ["is one image; remove index: 0"]),
    "a blank title": (image(title=" \u200b"), ["images.0.title: found no letter in it, expected a title"]),
    "a blank title of the lab": (keys(title=""), ["lab.yml:", "title: found no letter in it"]),
    "a name of 1,500 letters": (image(file="x" * 1500), ["images.0.file"]),
    # Files that are none
    "a pipe among the pages": (pipe("pages/tuyau.md"), ["tuyau.md: is a folder or a device"]),
    "a folder among the pages": (folder("pages/dossier.md"), ["dossier.md: is a folder or a device"]),
    "a pipe among the questions": (pipe("questions/q9.md"), ["q9.md: is a folder or a device"]),
    "a folder among the questions": (folder("questions/q9.md"), ["q9.md: is a folder or a device"]),
    "a file that is not text": (lambda lab: (lab.parent / "pages" / "a.md").write_bytes(bytes(range(256))), ["UTF-8"]),
    "a page without end": (
        lambda lab: os.truncate(os.open(lab.parent / "pages" / "a.md", os.O_CREAT | os.O_WRONLY), 10**11),
        ["a.md: has 100000000000 bytes"],
    ),
    # Labs that extend others
    "nothing removed": (child("inexistante: null\n"), ["inexistante: there is no such key in", "parent.yml"]),
    "nothing removed further in": (
        child("experiments: {alligator: {stepp: null}}\n"),
        ["experiments.alligator.stepp", 'did you mean "step"?'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_line(name: str, mini: Path) -> None:
    edit, expected = REFUSED[name]
    edit(mini)
    line = refused(mini)
    assert line.startswith(str(mini.parent)), "the file comes first"
    for part in expected:
        assert part in line


ACCEPTED: dict[str, Edit] = {
    "nothing changed": lambda lab: None,
    "a small number as a power of ten": swapped(STEP, "step: 5e-1"),
    "a whole number for a length": swapped(STEP, "step: 1"),
    "an alias": added("glossary: {bruit: &b des pixels au hasard, hasard: *b}\n"),
    "a merged mapping": added("files: {a: &o {origin: moi}, b: {<<: *o, sha256: null}}\n"),
    "a parent's key removed": child("experiments: {grain: null}\nquestions: vides\n"),
    "a box of a pixel": image(boxes=[[0.5, 0, 0.505, 1]]),
    "a class in capitals, its accents in two pieces": lambda lab: (
        added("class_titles: {tabby: Chat tigré}\n")(lab),
        image(label=unicodedata.normalize("NFD", "CHAT TIGRÉ"))(lab),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_meant_is_right(name: str, mini: Path) -> None:
    if "parent" in name:
        (mini.parent / "vides").mkdir()
        (mini.parent / "vides" / "q01.md").write_text(
            "---\nnumber: 1\ntitle: Q\n---\n\n## Énoncé\n\nQuoi ?\n", encoding="utf-8"
        )
    ACCEPTED[name](mini)
    result = check(mini)
    if "parent" in name:
        (mini.parent / "vides" / "q01.md").unlink()
    assert result.exit_code == 0, result.stderr
    assert "is right" in result.stdout


# Photographs -------------------------------------------------------------------------------------

CLASSES = Classes(("chat", "chien", "Été"), {0: "Chat tigré"})


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of two photographs, one of a cat and one of a dog, with an accent in a name."""
    for name in ("chat/a", "chien/été"):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir()
        Image.new("RGB", (9, 9), "red").save(path)
    return tmp_path


def found(album: Path, reference: str) -> list[dict[str, Any]]:
    """What a lab's ``images`` would say."""
    with soon():
        entries: list[Entry] = read_photographs(reference, CLASSES, lab_folder=album, data_folder=album)
        for entry in entries:
            file = locate(entry.says["file"], lab_folder=album, data_folder=album)
            read_image(file, 8, entry.says.get("index"))
    return [entry.says for entry in entries]


def table(album: Path, text: str) -> list[dict[str, Any]]:
    (album / "t.csv").write_bytes(text.encode())
    return found(album, "t.csv")


ROW = "chat/a.png;chat"


class TestTables:
    @pytest.mark.parametrize(
        "text",
        [
            f"file;label\n{ROW}\n",
            f"file;label\r\n{ROW}\r\n;\r\n;;\r\n",
            f"\n\nfile;label\n{ROW}",
            f"sep=;\nfile;label\n{ROW}\n",
            f"file;label;\n{ROW};\n",
            f"file;label;;;\n{ROW}\n",
            'file;label\n"chat/a.png" ; "Chat tigré"\n'.replace(" ;", ";"),
            "sep=|\nfile|label\nchat/a.png|0\n",
            f"\ufeffsep=;\r\n file ; label \r\n{ROW}\r\n",
        ],
    )
    def test_of_a_spreadsheet_are_read_as_it_wrote_them(self, text: str, album: Path) -> None:
        (entry,) = table(album, text)
        assert (entry["file"], entry["name"], entry["title"]) == ("chat/a.png", "a", "Chat tigré")

    def test_a_title_that_goes_on_in_the_next_line_is_one_text(self, album: Path) -> None:
        (entry,) = table(album, 'file;label;title\nchat/a.png;chat;"Un chat\r\nsur un mur"\n')
        assert entry["title"] == "Un chat sur un mur"

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_a_path_is_found_in_whatever_form_its_accents_are(self, form: Any, album: Path) -> None:
        (entry,) = table(album, f"file,label\n{unicodedata.normalize(form, 'chien/été.png')},chien\n")
        assert entry["label"] == "chien"
        lab = album / "lab.yml"
        shutil.copy(ROOT / "tests" / "mini" / "lab.yml", lab)
        change(lab, lambda data: data.update(images="t.csv", classes=["chat", "chien"], questions="none"))
        change(lab, lambda data: data.update(experiments={"s": {"kind": "saliency", "title": "t"}}))
        check_files(read_lab(lab, album, texts=False))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (f"file;label;label\n{ROW};chat\n", '1: two columns "label"'),
            (f"\nfile;label;;\n{ROW};;x\n", "3: expected 2 cells"),
            ("file;label\nchat/a.png\n", "2: expected 2 cells"),
            ('file,label\n"chat/a.png,chat\n', "no valid CSV"),
            ("file,label\nchat/a.png,ch\x00at\n", "2: holds the sign U+0000"),
            ("file,label\n" + "x" * 200_000 + ",chat\n", "no valid CSV (field larger"),
            ("\n\n", 'no column "file"'),
        ],
    )
    def test_that_are_none_are_told_with_their_line(self, text: str, said: str, album: Path) -> None:
        with pytest.raises(LabError) as error:
            table(album, text)
        assert said in error.value.problems[0]
        assert str(album / "t.csv") in error.value.problems[0]

    @settings(FUZZED, max_examples=200)
    @given(noise=st.text(st.sampled_from("file,;label\t\n\r\"' chat/a.png0sep=\0é"), max_size=60), head=st.booleans())
    def test_that_are_noise_are_read_or_told(self, album: Path, *, noise: str, head: bool) -> None:
        with soon(), told_of(album, "no "):  # the table, or what it names
            table(album, f"file;label\n{noise}" if head else noise)


class TestFolders:
    def test_photographs_called_alike_keep_the_names_of_their_classes(self, album: Path) -> None:
        shutil.copy(album / "chat" / "a.png", album / "chien" / "a.png")
        assert [entry["name"] for entry in found(album, ".")] == ["chat-a", "chien-a", "ete"]

    def test_one_more_changes_no_name_that_was_told_apart(self, album: Path) -> None:
        for path in ("chien/a.png", "Été/a.png"):
            (album / path).parent.mkdir(exist_ok=True)
            shutil.copy(album / "chat" / "a.png", album / path)
        assert [entry["name"] for entry in found(album, ".")] == ["chat-a", "chien-a", "ete", "ete-a"]

    @pytest.mark.parametrize(
        ("edit", "said"),
        [
            (folder("chat/x.jpg"), "x.jpg: is a folder inside"),
            (folder("chat/node_modules"), "node_modules: is a folder inside"),
            (folder("node_modules"), "name begins with _ is left out"),
            (pipe("chat/x.jpg"), "x.jpg: is no file"),
            (lambda lab: (lab.parent / "chat" / "x.png").symlink_to("nowhere.png"), "x.png: is no file"),
        ],
    )
    def test_what_only_looks_like_photographs_is_told(self, edit: Edit, said: str, album: Path) -> None:
        edit(album / "lab.yml")
        with pytest.raises(LabError, match=said):
            found(album, ".")

    def test_what_is_set_aside_does_not_count(self, album: Path) -> None:
        for name in ("_brouillons/x.jpg", "chat/_brouillons/x.jpg", ".git/x.jpg"):
            (album / name).mkdir(parents=True)
        assert len(found(album, ".")) == 2


GREY = np.zeros((3, 9, 9), np.uint8)


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def zipped(x: bytes, y: bytes | None = None, name: str = "X.npy") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, x)
        archive.writestr("y.npy", npy([0, 1, 0]) if y is None else y)
    return file.getvalue()


def patched(content: bytes, local: int, central: int, value: int) -> bytes:
    """An archive with another 16-bit number in the headers of its first file, the local and the central one."""
    damaged = bytearray(content)
    damaged[local : local + 2] = value.to_bytes(2, "little")
    start = content.index(b"PK\x01\x02")
    damaged[start + central : start + central + 2] = value.to_bytes(2, "little")
    return bytes(damaged)


GOOD = zipped(npy(GREY))
ARCHIVES: dict[str, tuple[bytes, str]] = {
    "encrypted": (patched(GOOD, 6, 8, 1), "encrypted"),
    "packed in an unknown way": (patched(GOOD, 8, 10, 77), "no readable .npz"),
    "a header without its end": (zipped(npy(GREY).replace(b"}", b" ")), "no readable .npz"),
    "a header with a bracket too many": (zipped(npy(GREY).replace(b"(3, 9", b"((3,9")), "no readable .npz"),
    "a member without its magic": (zipped(b"hello"), "no readable .npz"),
    "a member without its ending": (zipped(npy(GREY), name="X"), "no readable .npz"),
    "an empty member": (zipped(b""), "no readable .npz"),
    "a version of the future": (zipped(npy(GREY).replace(b"NUMPY\x01", b"NUMPY\x09")), "no readable .npz"),
    "a shape beyond all memory": (zipped(npy(GREY).replace(b"(3, 9, 9), }", b"(3,9**9,9), ")), "no readable .npz"),
    "fewer classes than images": (zipped(npy(GREY), npy([0, 1])), "y has 2 classes, X 3 images"),
    "fewer images than classes": (zipped(npy(GREY[:2])), "y has 3 classes, X 2 images"),
    "images of no height": (zipped(npy(GREY[:, :0])), "expected uint8"),
    "images of no width": (zipped(npy(GREY[:, :, :0])), "expected uint8"),
    "no images": (zipped(npy(GREY[:0]), npy(np.zeros(0, int))), "no photograph"),
    "one number": (zipped(npy(np.uint8(7))), "y has 3 classes, X 0 images"),
    "pickled": (zipped(npy(np.array([None] * 3))), "pickled"),
}  # fmt: skip


class TestArchives:
    def test_a_good_one_is_read(self, album: Path) -> None:
        (album / "a.npz").write_bytes(GOOD)
        assert [entry["label"] for entry in found(album, "a.npz")] == [0, 1, 0]

    @pytest.mark.parametrize("name", ARCHIVES)
    def test_a_strange_one_is_told(self, name: str, album: Path) -> None:
        content, said = ARCHIVES[name]
        (album / "a.npz").write_bytes(content)
        with pytest.raises(LabError) as error:
            found(album, "a.npz")
        (line,) = error.value.problems
        assert said in line
        assert "a.npz" in line

    @settings(FUZZED, max_examples=300)
    @given(st.data())
    def test_a_damaged_one_is_read_or_told(self, album: Path, data: st.DataObject) -> None:
        content = bytearray(GOOD)
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path = album / "a.npz"
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        for name in ("X", "y"):
            with soon(), told_of(path):
                assert isinstance(array(path, name), np.ndarray)


class TestPictures:
    @pytest.mark.parametrize("colour", ["black", "white", "grey"])
    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
    def test_of_one_colour_are_read(self, colour: str, mode: str, tmp_path: Path) -> None:
        picture = Image.new("L", (20, 20), colour)
        picture = (
            Image.fromarray(np.asarray(picture).astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
        )
        picture.save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
        pixels = read_image(next(tmp_path.iterdir()), 8)
        assert np.ptp(pixels) <= (255 if mode == "1" and colour == "grey" else 1), "grey is dithered in black and white"

    def test_one_that_takes_long_is_told_in_a_line_with_its_name(self, mini: Path) -> None:
        image(file="large.png")(mini)
        Image.new("1", (13_000, 13_000)).save(mini.with_name("large.png"))
        command = [sys.executable, "-m", "generator", "check", "--lab", str(mini)]
        command += ["--build", str(mini.with_name("build"))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"{mini.with_name('large.png')} has 169 million pixels")

    def test_what_a_library_says_of_one_is_told_with_its_name(self, tmp_path: Path) -> None:
        picture = Image.new("P", (20, 20))
        picture.save(tmp_path / "a.png", transparency=bytes(range(256)))
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            read_image(tmp_path / "a.png", 8)
        assert all(str(tmp_path / "a.png") in str(note.message) for note in noted)

    @settings(FUZZED, max_examples=200)
    @given(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF"]), st.data())
    def test_a_damaged_one_is_read_or_told(self, album: Path, kind: str, data: st.DataObject) -> None:
        file = io.BytesIO()
        noise = np.random.default_rng(0).integers(256, size=(30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file, kind)
        content = bytearray(file.getvalue())
        for _ in range(data.draw(st.integers(1, 5))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (album / "b").write_bytes(content[: data.draw(st.integers(0, len(content)))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert read_image(album / "b", 8).shape == (8, 8, 3)
            except LabError as error:
                (line,) = error.problems
                assert line.startswith(str(album / "b"))


# Weights, words, texts ---------------------------------------------------------------------------

WEIGHTS: dict[str, tuple[Callable[[], object], str]] = {
    "sparse": (lambda: {"weight": torch.ones(4, 3).to_sparse()}, "quantised or sparse"),
    "without numbers": (lambda: {"weight": torch.ones(4, 3, device="meta")}, "meta device"),
    "quantised": (
        lambda: {"weight": torch.quantize_per_tensor(torch.ones(4, 3), 0.1, 0, torch.qint8)},
        "quantised or sparse",
    ),
    "of another shape": (lambda: {"weight": torch.ones(3)}, "does not fit"),
    "a list": (lambda: [torch.ones(3)], "no state dict"),
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # of torch, on quantised tensors
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_without_plain_numbers_are_told(name: str, tmp_path: Path) -> None:
    content, said = WEIGHTS[name]
    torch.save(content(), tmp_path / "w.pth")
    spec = NetworkSpec(title="t", architecture="timm/lcnet_050", weights=("w.pth",), mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(LabError) as error:
        opening.load(spec, tmp_path / "w.pth")
    (line,) = error.value.problems
    assert line.startswith(str(tmp_path / "w.pth"))
    assert said in line


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the words of all languages, to be changed at will."""
    shutil.copytree(language.WORDS, tmp_path / "words")
    monkeypatch.setattr(language, "WORDS", tmp_path / "words")
    for cached in (language.read_language, language._read):
        cached.cache_clear()
    yield tmp_path / "words"
    for cached in (language.read_language, language._read):
        cached.cache_clear()


def text(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(), new.encode(), 1)


WORDS: dict[str, tuple[str, Callable[[bytes], bytes], list[str]]] = {
    "not in UTF-8": ("fr", lambda content: content.decode().encode("utf-16"), ["fr.yml: is not text in UTF-8"]),
    "empty": ("fr", lambda content: b"", ["fr.yml: expected keys and texts"]),
    "a list": ("fr", lambda content: b"- a\n", ["fr.yml: expected keys and texts"]),
    "without writing": ("fr", text("writing:", "writting:"), ["fr.yml: writting.spaces."]),
    "with marks of its own": ("fr", text("writing:", 'writing:\n  decimal: ","'), ["fr.yml: writing: expected spaces"]),
    "with a wrong pattern": ("fr", text("' ([;!?]", "' (([;!?]"), ["fr.yml: writing.spaces: is no pattern"]),
    "no YAML": ("fr", text("questions:", "questions: ["), ["fr.yml:", "is no valid YAML"]),
    "a text missing": ("fr", text("  note: Note\n", ""), ["fr.yml: questions.note: no such text", "en.yml has one"]),
    "a text that is a number": ("fr", text("note: Note", "note: 7"), ["fr.yml: questions.note: found 7"]),
    "a key that is a yes": ("fr", text("note: Note", "note: Note\n  yes: oui"), ["fr.yml: a key is no text"]),
    "a text in itself": ("fr", text("questions: ", "questions: &q {a: *q}\nx: "), ["fr.yml: a key is no text"]),
    "a brace that never closes": ("fr", text("note: Note", 'note: "{n"'), ["fr.yml: questions.note"]),
    "a brace of another name": (
        "fr",
        text('"Question {number} : {title}"', '"Question {numero} : {title}"'),
        ["{numero}, which en.yml has not"],
    ),
    "not in UTF-8, in another language": ("en", lambda content: content + b"\xff", ["en.yml: is not text in UTF-8"]),
}  # fmt: skip


class TestWords:
    @pytest.mark.parametrize("name", WORDS)
    def test_that_are_broken_are_told_in_one_line(self, name: str, words: Path, mini: Path) -> None:
        code, edit, expected = WORDS[name]
        path = words / f"{code}.yml"
        content = path.read_bytes()
        path.write_bytes(edit(content))
        assert path.read_bytes() != content
        line = refused(mini)
        for part in expected:
            assert part in line

    def test_a_text_that_only_another_language_lacks_is_no_mistake(self, words: Path, mini: Path) -> None:
        path = words / "en.yml"
        path.write_bytes(text("  note: Note\n", "")(path.read_bytes()))
        assert check(mini).exit_code == 0
        with pytest.raises(LabError, match=r"en\.yml: questions\.note: no such text"):
            language.read_language("en")

    @settings(FUZZED, max_examples=40)
    @given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 30), st.binary(max_size=3)), min_size=1, max_size=3))
    def test_that_are_damaged_are_read_or_told(self, words: Path, edits: list[tuple[int, int, bytes]]) -> None:
        content = (ROOT / "content" / "words" / "fr.yml").read_bytes()
        for place, removed, piece in edits:
            content = content[:place] + piece + content[place + removed :]
        (words / "fr.yml").write_bytes(content)
        for cached in (language.read_language, language._read):
            cached.cache_clear()
        with soon(), told_of(words):
            assert language.read_language("fr").say("questions.note")


LAB = (ROOT / "tests" / "mini" / "lab.yml").read_text(encoding="utf-8")
SIGNS = "[]{}:,&*!|>'\"#%@`-? \n\t\0\r\\~=<é\ud7ff"
PIECES = st.sampled_from([*SIGNS, "<<: ", "*a", "&a ", "null", "true", ".inf", "1e9", "0x7", "- ", "9" * 30])


@settings(FUZZED, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(LAB)), st.integers(0, 30), PIECES), min_size=1, max_size=4))
def test_a_mutated_lab_is_read_or_told(mini: Path, edits: list[tuple[int, int, str]]) -> None:
    lab = LAB
    for place, removed, piece in edits:
        lab = lab[:place] + piece + lab[place + removed :]
    mini.write_text(lab, encoding="utf-8")
    try:
        read_lab(mini, mini.parent)
    except LabError as error:
        assert error.problems  # noqa: PT017
        for line in error.problems:
            assert "\n" not in line
            assert line.startswith((str(mini.parent), "no lab file"))


class TestClasses:
    """``python -m generator classes WORDS``."""

    def look_up(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["classes", "--lab", str(ROOT / "content" / "tp.yml"), *words])

    @pytest.mark.parametrize("word", ["tabby", "chat tigré", "CHAT TIGRE", "281"])
    def test_are_found_by_name_by_title_and_by_number(self, word: str) -> None:
        assert "281  tabby  (chat tigré)" in self.look_up(*word.split()).stdout.splitlines()

    def test_all_of_them_are_listed_without_words(self) -> None:
        assert len(self.look_up().stdout.splitlines()) == 1000

    def test_one_that_is_not_there_is_told_with_the_nearest_name_or_title(self) -> None:
        found = self.look_up("poison", "rouge")
        assert found.exit_code == 2
        (line,) = found.stderr.splitlines()
        assert 'did you mean "poisson rouge"?' in line


def test_an_apostrophe_may_be_straight_where_the_answer_has_a_curly_one(mini: Path) -> None:
    path = mini.parent / "questions" / "q02-tromper.md"
    content = path.read_text(encoding="utf-8")
    claim = """title: Tromper\nclaims: [{says: "L'oiseau d'hier", unmeasured: il n’est plus là}]"""
    path.write_text(content.replace("title: Tromper", claim), encoding="utf-8")
    assert "does not stand in the answer" in refused(mini)
    path.write_text(path.read_text(encoding="utf-8") + "\nL’oiseau d’hier.\n", encoding="utf-8")
    assert check(mini).exit_code == 0


@pytest.mark.parametrize("content", [b"", b"[{", b"{}", b"[{}]", b'[{"task": 7}]', b"\xff\xfe", b"null"])
def test_torn_measures_of_speed_are_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_bytes(content)
    with pytest.raises(RunError, match=r"bench\.json: is damaged; remove it, or measure anew: make bench"):
        read_bench(tmp_path)
