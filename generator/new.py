"""A small lab to start from: three photographs, two questions, an experiment of each family."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generator.catalogue import imagenet_classes
from generator.errors import LabError
from generator.images import read_image
from generator.lab import read_lab
from generator.lab.photographs import slug
from generator.language import Language
from generator.report.text import environment

EMBEDDED = (
    ("dalmatian", "package:foolbox/data/imagenet_16_251.jpg", 251),
    ("eagle", "package:foolbox/data/imagenet_17_22.jpg", 22),
    ("strawberries", "package:foolbox/data/imagenet_04_949.jpg", 949),
)


@dataclass(frozen=True)
class _Start:
    name: str
    file: str
    label: int
    title: str

    @property
    def seen(self) -> str:
        """English name of its class."""
        return imagenet_classes()[self.label]


def new_lab(folder: Path, photographs: tuple[Path, ...], language: Language) -> Path:
    """Write a lab that builds as it is.

    Args:
        folder: of the lab; must not exist yet.
        photographs: image files to copy into it; their classes are proposed by the network. Without
            any, three photographs that come inside a package are used.
        language: of the lab.

    Returns:
        The lab file.

    Raises:
        LabError: the folder exists or cannot be named to make, or a file is no image.
    """
    if not re.fullmatch(r"[\w./~-]+", str(folder)):
        raise LabError(f"{folder}: make takes no folder with such a name; give letters, digits and hyphens")
    if folder.exists():
        raise LabError(f"{folder}: is there already; give a new folder")
    for path in photographs:
        if not path.is_file():
            raise LabError(f"{path}: no such image; give JPEG, PNG or WebP files")
        read_image(path, 32)
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    _write(staging, folder, _embedded(language), language, proposed=False)
    if photographs:
        _write(staging, folder, _proposed(staging, photographs), language, proposed=True)
    staging.rename(folder)
    return folder / "lab.yml"


def _embedded(language: Language) -> list[_Start]:
    return [_Start(name, file, label, language.say(f"new.{name}")) for name, file, label in EMBEDDED]


def _write(place: Path, folder: Path, images: list[_Start], language: Language, *, proposed: bool) -> None:
    jinja = environment(language)
    jinja.filters["quoted"] = partial(json.dumps, ensure_ascii=False)
    for name, template in {
        "lab.yml": "lab.yml",
        "questions/q01-voir.md": "q01.md",
        "questions/q02-tromper.md": "q02.md",
        "pages/index.md": "index.md",
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = jinja.get_template(f"new/{template}.jinja").render(
            folder=folder, title=folder.name, images=images, proposed=proposed
        )
        path.write_text(text, encoding="utf-8")


def _proposed(place: Path, photographs: tuple[Path, ...]) -> list[_Start]:
    """Copy photographs into the lab, each with the class its network sees first."""
    from generator.opened import open_network
    from generator.vision.gradients import probabilities

    lab = read_lab(place / "lab.yml", place)
    (name,) = lab.file.networks
    network = open_network(lab, name, way="as-made")
    starts = []
    for number, path in enumerate(photographs, start=1):
        file = f"images/{path.name}"
        (place / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, place / file)
        chances = probabilities(network.scorer, network.normalise([read_image(path, network.size)]))
        label = int(chances[0].argmax())
        starts.append(_Start(f"{number}-{slug(path.stem)}".strip("-"), file, label, path.stem))
    return starts
