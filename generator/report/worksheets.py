"""One source -> notebooks and scripts: with the parts to write left open for students, or solved."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from generator.atomic import write_atomically
from generator.lab import Lab
from generator.lab.worksheets import REPLACES, SOLUTION
from generator.language import Language
from generator.project import CONTENT, DEFAULT_DATA
from generator.report.common import STAFF, STUDENTS, is_default
from generator.report.mirror import Mirror, state_of

SUFFIXES = {STUDENTS: "enonce", STAFF: "corrige"}


@dataclass(frozen=True)
class Sheet:
    """A worksheet in one edition.

    Attributes:
        stem: of its files' names.
        title: of its subject.
        script: it, in cells.
    """

    stem: str
    title: str
    script: str

    @property
    def notebook(self) -> str:
        """The same as a Jupyter notebook."""
        return as_notebook(self.script)


def worksheets(lab: Lab, edition: str, opens: tuple[str, ...] = ()) -> Iterator[Sheet]:
    """The worksheets of a lab: the project's on the subjects that it has experiments on, and its own.

    A lab that asks no question has none.

    One of its own takes the place of the project's of that name, and of those named in a line ``# replace: NAMES``.

    Args:
        lab: the lab; its own are the files ``travaux/LANGUAGE/*.py`` beside it.
        edition: for whom.
        opens: what a sheet opens: the lab file, the folder of data; none for the default lab.
    """
    if lab.file.questions == ():
        return
    language = lab.language.code
    subjects = {experiment.family for experiment in lab.experiments.values()}
    own = {path.stem: path.read_text(encoding="utf-8") for path in (lab.folder / "travaux" / language).glob("*.py")}
    replaced = {
        name for text in own.values() for says in REPLACES.finditer(text) for name in re.split(r"\W+", says["names"])
    }
    ours = {
        path.stem: path.read_text(encoding="utf-8")
        for path in (CONTENT / "travaux" / language).glob("*.py")
        if path.stem in subjects - replaced
    }
    for stem, text in sorted((ours | own).items()):
        source = _for_lab(REPLACES.sub("", text), lab, opens)
        title = next(iter(re.findall(r"^# # (.+)$", source, re.MULTILINE)), stem)
        script = solved(source, lab.language) if edition == STAFF else left_open(source, lab.language)
        yield Sheet(f"{stem}-{SUFFIXES[edition]}", title, script)


def copy_notebooks(lab: Lab, folder: Path) -> Iterator[str]:
    """Put the students' notebooks into a folder, but those that are there: somebody works on them.

    Yields:
        The name of each that is new.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for sheet in worksheets(lab, STUDENTS, _opens(lab)):
        path = folder / f"{sheet.stem}.ipynb"
        if not path.exists():
            write_atomically(path, sheet.notebook)
            yield path.name


def write_worksheets(lab: Lab, mirror: Mirror, editions: tuple[str, ...]) -> list[dict[str, str]]:
    """Write every worksheet of the lab as a notebook and as a script, in some editions, into ``travaux``.

    Returns:
        For each file its worksheet's title, its edition and its name.
    """
    by_edition = [[(edition, sheet) for sheet in worksheets(lab, edition, _opens(lab))] for edition in editions]
    written = []
    for edition, sheet in (pair for pairs in zip(*by_edition, strict=True) for pair in pairs):
        name = f"travaux/{sheet.stem}"
        mirror.write(f"{name}.py", sheet.script)
        _put_notebook(mirror, sheet, f"{name}.ipynb")
        written.append({"title": sheet.title, "edition": edition, "name": name})
    return written


def _put_notebook(mirror: Mirror, sheet: Sheet, name: str) -> None:
    """Put a notebook, made once for all: what makes it takes half a second to load."""
    made_from = f"{version('jupytext')}\n{state_of(Path(__file__))}\n{sheet.script}"
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:32]

    def made() -> bytes:
        return sheet.notebook.encode()

    mirror.once(f"notebook-{digest}.ipynb", made, name)


def _opens(lab: Lab) -> tuple[str, ...]:
    """What a worksheet opens that is used beside the project."""
    if lab.data_folder != Path(DEFAULT_DATA):
        return (str(lab.path), str(lab.data_folder))
    return () if is_default(lab) else (str(lab.path),)


def _for_lab(source: str, lab: Lab, opens: tuple[str, ...]) -> str:
    """A worksheet that opens this lab, where the source opens the default one, and aims at this lab's classes."""
    # JSON's quotes are Python's, and the ones of the style.
    source = source.replace("Classroom()", f"Classroom({json.dumps(opens, ensure_ascii=False)[1:-1]})")
    return re.sub(r'\b\w+\.target\("(\w+)"\)', lambda call: str(lab.target(call[1])), source)


def left_open(source: str, language: Language) -> str:
    """A worksheet without its solutions; what is to be written says so when it is run."""
    return SOLUTION.sub(lambda part: f"{part['indent']}{open_line(language)}\n", source)


def open_line(language: Language) -> str:
    """The line that stands where something is to be written."""
    return f'raise NotImplementedError("{language.say("worksheets.open")}")'


def solved(source: str, language: Language) -> str:
    """A worksheet with its solutions, without the marks around them and what asks for them."""
    asks = re.compile(rf"^ *# {re.escape(language.say('worksheets.to-write'))}.*\n", re.MULTILINE)
    return SOLUTION.sub(lambda part: part["code"], asks.sub("", source))


def as_notebook(script: str) -> str:
    """A script in cells -> a notebook, the same bytes for the same script."""
    import jupytext  # its import would slow down commands that write no page

    notebook = jupytext.reads(script, fmt="py:percent")
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cellule-{place}"
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    text: str = jupytext.writes(notebook, fmt="ipynb")
    return text
