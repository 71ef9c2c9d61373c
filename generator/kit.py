"""What students get to work with, in one archive: notebooks, the lab's network and photographs, and nothing else.

It is put together from what is needed, not from all there is without what is secret: no question, no page, no
experiment, no result is opened for it, so that none can slip in.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from generator.atomic import write_archive
from generator.errors import LabError
from generator.images import read_image
from generator.lab import Lab
from generator.opened import open_network
from generator.project import CONTENT, ROOT, TEMPLATES
from generator.report.common import STUDENTS
from generator.report.text import environment
from generator.report.worksheets import Sheet, worksheets
from generator.run.code import imports
from generator.sources import locate_module

OPENS = "generator.classroom"
"""What a notebook begins with."""
LAB, NOTEBOOKS = "lab", "notebooks"
"""Folders of the archive."""
BESIDE = ("jupyterlab>=4",)
"""What opens notebooks."""


def write_kit(lab: Lab, archive: Path) -> int:
    """Write the archive, in which all lies in one folder.

    Args:
        lab: the lab.
        archive: a ``.zip``; it appears whole or not at all.

    Returns:
        How many notebooks are in it.

    Raises:
        LabError: the lab has no notebook, or a file of it is not there.
    """
    sheets = list(worksheets(lab, STUDENTS, (f"{LAB}/lab.yml",)))
    if not sheets:
        raise LabError(
            f"{lab.path}: no notebook goes with its experiments; write one: travaux/{lab.file.language}/x.py"
        )
    contents = [*_notebooks(sheets), *_lab(lab), *_generator(lab), *_beside(lab)]
    write_archive(archive, ((f"{archive.stem}/{name}", content) for name, content in contents))
    return len(sheets)


def _notebooks(sheets: list[Sheet]) -> Iterator[tuple[str, str]]:
    for sheet in sheets:
        yield f"{NOTEBOOKS}/{sheet.stem}.ipynb", sheet.notebook
        yield f"{NOTEBOOKS}/{sheet.stem}.py", sheet.script


def _lab(lab: Lab) -> Iterator[tuple[str, bytes | str]]:
    """The lab file, as far as a notebook needs it, and the files that it names.

    A notebook opens the lab's first network. Photographs are there as it sees them, and nothing else that their files
    hold: where and by whom they were taken, say.
    """
    name, spec = next(iter(lab.file.networks.items()))
    size = open_network(lab, name, way="as-made").size
    network = spec.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    weights = lab.weights(name)
    if isinstance(weights, Path):
        network["weights"] = [f"weights/{weights.name}"]
        yield f"{LAB}/weights/{weights.name}", weights.read_bytes()
    for path in lab.modules(name).values():
        yield f"{LAB}/{path.relative_to(lab.folder).as_posix()}", path.read_bytes()
    images = []
    for image in lab.images.values():
        buffer = BytesIO()
        Image.fromarray(read_image(lab.locate(image.file), size, image.index)).save(buffer, "PNG")
        file = f"images/{image.name}.png"
        yield f"{LAB}/{file}", buffer.getvalue()
        images.append({"name": image.name, "file": file, "label": image.label, "title": image.title})
    says: dict[str, Any] = {
        "title": lab.file.title,
        "language": lab.file.language,
        "networks": {name: network},
        "images": images,
        "class_titles": dict(sorted(lab.classes.titles.items())),
        "experiments": {},
    }
    if lab.file.classes is not None:
        says["classes"] = list(lab.classes.names)
    yield f"{LAB}/lab.yml", yaml.safe_dump(says, allow_unicode=True, sort_keys=False)


def _generator(lab: Lab) -> Iterator[tuple[str, str]]:
    """The modules that a notebook needs, and the words they say."""
    for module in _modules():
        path = locate_module(module, lab_folder=ROOT / "nowhere")
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    language = CONTENT / "words" / f"{lab.file.language}.yml"
    words = yaml.safe_load(language.read_text(encoding="utf-8"))
    yield language.relative_to(ROOT).as_posix(), yaml.safe_dump(words, allow_unicode=True, sort_keys=False)


def _modules() -> list[str]:
    """What the first line of a notebook imports, and so on; the packages around them too."""
    found: set[str] = set()
    waiting = [OPENS]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [name for name in imports(module) if name.partition(".")[0] == "generator"]
            waiting += [module.rpartition(".")[0]] if "." in module else []
    return sorted(found)


def _beside(lab: Lab) -> Iterator[tuple[str, str]]:
    jinja = environment(lab.language)
    yield "README.md", lab.language.typeset(jinja.get_template("kit/README.md.jinja").render(lab=lab.file))
    yield "Makefile", (TEMPLATES / "kit" / "Makefile").read_text(encoding="utf-8")
    known = packages_distributions()
    imported = {name.partition(".")[0] for module in _modules() for name in imports(module)}
    needed = sorted({known[name][0] for name in imported & known.keys() if name != "generator"}, key=str.casefold)
    yield "requirements.txt", "\n".join([*(f"{name}=={version(name)}" for name in needed), *BESIDE, ""])
