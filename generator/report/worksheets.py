"""One source -> notebooks and scripts: with the parts to write left open for students, or solved."""

from __future__ import annotations

import json
import re
from pathlib import Path

from generator.lab import Lab
from generator.lab.worksheets import SOLUTION
from generator.language import Language
from generator.project import CONTENT, DEFAULT_DATA
from generator.report.common import STAFF, STUDENTS, is_default
from generator.report.mirror import Mirror

SUFFIXES = {STUDENTS: "enonce", STAFF: "corrige"}


def write_worksheets(lab: Lab, mirror: Mirror, editions: tuple[str, ...]) -> list[dict[str, str]]:
    """Write every worksheet of the lab as a notebook and as a script, in some editions.

    Args:
        lab: the lab; its worksheets are the files ``travaux/LANGUAGE/*.py`` beside it; if it has none,
            the project's on the subjects that it has experiments on.
        mirror: takes the files, into ``travaux``.
        editions: of ``SUFFIXES``.

    Returns:
        For each file its worksheet's title, its edition and its name.
    """
    written = []
    language = lab.language.code
    subjects = {experiment.family for experiment in lab.experiments.values()}
    ours = [path for path in (CONTENT / "travaux" / language).glob("*.py") if path.stem in subjects]
    for path in sorted((lab.folder / "travaux" / language).glob("*.py")) or sorted(ours):
        source = for_lab(path.read_text(encoding="utf-8"), lab)
        title = next(iter(re.findall(r"^# # (.+)$", source, re.MULTILINE)), path.stem)
        for edition in editions:
            text = solved(source, lab.language) if edition == STAFF else left_open(source, lab.language)
            name = f"travaux/{path.stem}-{SUFFIXES[edition]}"
            mirror.write(f"{name}.py", text)
            mirror.write(f"{name}.ipynb", as_notebook(text))
            written.append({"title": title, "edition": edition, "name": name})
    return written


def for_lab(source: str, lab: Lab) -> str:
    """A worksheet that opens this lab, where the source opens the default one."""
    arguments = [] if is_default(lab) else [str(lab.path)]
    if lab.data_folder != Path(DEFAULT_DATA):
        arguments = [str(lab.path), str(lab.data_folder)]
    # JSON's quotes are Python's, and the ones of the style.
    return source.replace("Classroom()", f"Classroom({json.dumps(arguments, ensure_ascii=False)[1:-1]})")


def left_open(source: str, language: Language) -> str:
    """A worksheet without its solutions; what is to be written says so when it is run."""
    said = language.say("worksheets.open")
    return SOLUTION.sub(lambda part: f'{part["indent"]}raise NotImplementedError("{said}")\n', source)


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
