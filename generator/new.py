"""A small lab to start from: three photographs, two questions, an experiment of each family."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from generator.catalogue import imagenet_classes
from generator.errors import LabError
from generator.images import read_image
from generator.lab import read_lab
from generator.lab.photographs import SUFFIXES, slug
from generator.language import Language
from generator.project import ROOT
from generator.report.common import manual
from generator.report.text import environment

EMBEDDED = (
    ("dalmatian", "package:foolbox/data/imagenet_16_251.jpg", 251),
    ("eagle", "package:foolbox/data/imagenet_17_22.jpg", 22),
    ("strawberries", "package:foolbox/data/imagenet_04_949.jpg", 949),
)
DOUBTFUL = 0.5
"""Below that probability, a class is proposed with the one that the network sees next."""
_OF_A_CAMERA = re.compile(r"(?:img|dsc[fn]?|dcim|pxl|p|photo|image|screenshot|wp|mvi|gopr)?[\W\d_]*", re.IGNORECASE)
"""File names that say nothing of what is seen."""


@dataclass(frozen=True)
class _Start:
    name: str
    file: str
    label: int
    title: str
    chance: float = 1.0
    next_label: int = 0
    next_chance: float = 0.0

    @property
    def seen(self) -> str:
        """English name of its class."""
        return imagenet_classes()[self.label]

    @property
    def next_seen(self) -> str:
        """English name of the class that it may be instead; empty where there is no doubt."""
        return imagenet_classes()[self.next_label] if self.chance < DOUBTFUL else ""


def new_lab(folder: Path, photographs: tuple[Path, ...], language: Language) -> Path:
    """Write a lab that builds as it is.

    Args:
        folder: of the lab; must not exist yet.
        photographs: image files to copy into it, or folders of some; their classes are proposed by the network.
            Without any, three photographs that come inside a package are used.
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
    photographs = tuple(image for path in photographs for image in _images_of(path))
    for path in photographs:
        read_image(path, 32)
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    _write(staging, folder, _embedded(language), language, proposed=False)
    if photographs:
        _write(staging, folder, _proposed(staging, photographs), language, proposed=True)
    staging.rename(folder)
    return folder / "lab.yml"


def beginning(language: Language) -> Path:
    """Where the manual begins that is on a lab's site, from the project's folder."""
    return manual(language)[0].relative_to(ROOT)


def _images_of(path: Path) -> list[Path]:
    """An image, or the images of a folder, in the order of their names."""
    if path.is_dir():
        images = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and one.is_file())
        if not images:
            raise LabError(f"{path}: no image lies in this folder itself; expected {', '.join(SUFFIXES)}")
        return images
    if not path.is_file():
        raise LabError(f"{path}: no such image, nor a folder of images; give JPEG, PNG or WebP files")
    return [path]


def _embedded(language: Language) -> list[_Start]:
    return [_Start(name, file, label, language.say(f"new.{name}")) for name, file, label in EMBEDDED]


def _write(place: Path, folder: Path, images: list[_Start], language: Language, *, proposed: bool) -> None:
    jinja = environment(language)
    jinja.filters["quoted"] = partial(json.dumps, ensure_ascii=False)
    for name, template in {
        "lab.yml": "lab.yml",
        f"questions/q01-{language.say('new.names.see')}.md": "q01.md",
        f"questions/q02-{language.say('new.names.fool')}.md": "q02.md",
        "pages/index.md": "index.md",
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = jinja.get_template(f"new/{template}.jinja").render(
            folder=folder, title=folder.name, images=images, proposed=proposed, manual=beginning(language)
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
    for number, path in enumerate(tqdm(photographs, unit=" photographs", leave=False), start=1):
        # Folders may have files of the same name.
        file = f"images/{number}-{path.name}" if (place / "images" / path.name).exists() else f"images/{path.name}"
        (place / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, place / file)
        chances = probabilities(network.scorer, network.normalise([read_image(path, network.size)]))
        first, second = chances[0].argsort()[:-3:-1].tolist()
        title = _title(path) or imagenet_classes()[first]
        name = f"{number}-{slug(path.stem)}".strip("-")
        sure = float(chances[0][first]), second, float(chances[0][second])
        starts.append(_Start(name, file, first, title, *sure))
    return starts


def _title(path: Path) -> str:
    """What a file's name says of the photograph, as one would write it; nothing if a camera chose it."""
    words = "" if _OF_A_CAMERA.fullmatch(path.stem) else " ".join(re.split(r"[_\s]+|(?<=\w)-(?=\w)", path.stem))
    return words.strip()[:1].upper() + words.strip()[1:]
