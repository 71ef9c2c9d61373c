"""content/*.yml -> one frozen, validated Lab; every mistake told with file, line and key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from generator.catalogue import imagenet_classes
from generator.errors import LabError, did_you_mean
from generator.experiments import kinds
from generator.experiments.base import Experiment
from generator.images import read_image
from generator.language import Language, read_language
from generator.places import Place, Places, read_text, read_yaml, tell, told
from generator.questions import Question, read_questions, text_problems
from generator.schema import ClassIndex, FileSpec, ImageSpec, LanguageCode, Name, NetworkSpec, Strict
from generator.sources import locate, sha256

FILLED_IN = ("network", "images")
"""Keys of experiments that the lab gives a value where the file does not: its first network, all its images."""


class LabFile(Strict):
    """The keys of a lab file."""

    title: str = Field(description="title of the lab and of its site")
    language: LanguageCode = Field(description="language of the site: a file of content/words")
    networks: dict[Name, NetworkSpec] = Field(min_length=1, description="networks; the first is the default")
    images: tuple[ImageSpec, ...] = Field(min_length=1, description="labelled photographs")
    files: dict[str, FileSpec] = Field(
        default_factory=dict, description="hash and origin of files, by the reference used for them"
    )
    class_titles: dict[ClassIndex, str] = Field(
        default_factory=dict, description="names of classes in the site's language"
    )
    glossary: dict[str, str] = Field(default_factory=dict, description="terms, explained wherever they stand")
    questions: str = Field("questions", description="folder of the questions, beside this file")
    pages: str = Field("pages", description="folder of the other pages, beside this file")
    experiments: dict[Name, dict[str, Any]] = Field(
        min_length=1, description="experiments by name, each with its kind and parameters"
    )


@dataclass(frozen=True)
class Lab:
    """A lab, checked.

    Attributes:
        path: of its file.
        data_folder: where ``data:`` references are looked for.
        file: what the lab file says, experiments excepted.
        images: the photographs by name.
        experiments: by name, in the order of the file.
        questions: in the order of their numbers.
        places: (file, line) of each value, for messages.
    """

    path: Path
    data_folder: Path
    file: LabFile
    images: Mapping[str, ImageSpec]
    experiments: Mapping[str, Experiment]
    questions: tuple[Question, ...]
    places: Places

    @property
    def folder(self) -> Path:
        """The folder of the lab file."""
        return self.path.parent

    @property
    def language(self) -> Language:
        """The language its site is written in."""
        return read_language(self.file.language)

    def class_title(self, index: int) -> str:
        """Name of a class for the reader: in the site's language if the lab gives one."""
        return self.file.class_titles.get(index) or imagenet_classes()[index]

    def locate(self, reference: str) -> Path:
        """Path of a file the lab refers to, its hash checked if the lab states one.

        Raises:
            LabError: it is not there, or is another file than the one stated.
        """
        spec = self.file.files.get(reference)
        try:
            path = locate(reference, lab_folder=self.folder, data_folder=self.data_folder)
        except LabError as error:
            origin = f" (it comes from: {spec.origin})" if spec else ""
            raise LabError(*(problem + origin for problem in error.problems)) from None
        if spec and spec.sha256 and sha256(path) != spec.sha256:
            raise LabError(
                f"{path} is not the file expected: its SHA-256 is {sha256(path)}, expected {spec.sha256}; "
                f"get it again ({spec.origin}) or correct files.{reference}.sha256"
            )
        return path

    def origin(self, reference: str) -> str:
        """Where a file comes from, for the reader; a package's files may share one entry."""
        for known, spec in self.file.files.items():
            if reference == known or reference.startswith(f"{known}/"):
                return spec.origin
        return reference

    def weights(self, network: str) -> Path | str:
        """The first of a network's weights that is there: a file, or a name torchvision knows.

        Raises:
            LabError: none is there.
        """
        problems: list[str] = []
        for reference in self.file.networks[network].weights:
            if reference.startswith("torchvision:"):
                return reference.partition(":")[2]
            try:
                return self.locate(reference)
            except LabError as error:
                problems += error.problems
                # A file that is there but is another one must not be passed over in silence.
                if "SHA-256" in error.problems[0]:
                    break
        raise LabError(*problems)

    def tell(self, place: Place, problem: str) -> str:
        """One line about a value: file, line, key and what is wrong."""
        return tell(self.places, place, problem)


def read_lab(path: Path, data_folder: Path) -> Lab:
    """Read and check a lab file, its parents and its questions; no image is opened.

    Raises:
        LabError: with every mistake found.
    """
    if not path.is_file():
        near = did_you_mean(path.name, [other.name for other in path.parent.glob("*.yml")])
        raise LabError(f"no lab file {path}; give one with LAB=path/to/lab.yml{near}")
    data, places = _read_with_parents(path, ())
    problems: list[str] = []
    try:
        file = LabFile.model_validate(data)
    except ValidationError as error:
        problems += told(error, LabFile, (), places)
        file = None
    experiments = dict(_read_experiments(data, places, problems))
    if file is None:
        raise LabError(*problems)

    images: dict[str, ImageSpec] = {}
    for position, image in enumerate(file.images):
        if images.setdefault(image.name, image) is not image:
            problems.append(
                tell(places, ("images", position, "name"), f'two images are named "{image.name}"; rename one')
            )
    figures = {f"{name}/{figure}" for name, experiment in experiments.items() for figure in experiment.figures}
    questions, question_problems = read_questions(path.parent / file.questions, figures, read_language(file.language))
    for page in sorted((path.parent / file.pages).glob("*.md")):
        question_problems += text_problems(page, read_text(page), figures)
    # While an experiment is not understood, its figures are not known either.
    problems += question_problems if len(experiments) == len(data["experiments"]) else ()
    if problems:
        raise LabError(*problems)
    return Lab(path, data_folder, file, images, experiments, questions, places)


def check_files(lab: Lab) -> None:
    """Open every file the lab needs, so that nothing is computed before all are known to be good.

    Raises:
        LabError: with every mistake found.
    """
    problems: dict[str, Place] = {}  # one file may serve many images; it is told once
    for position, image in enumerate(lab.file.images):
        try:
            read_image(lab.locate(image.file), 32, image.index)
        except LabError as error:
            for problem in error.problems:
                problems.setdefault(problem, ("images", position, "file"))
    for name in lab.file.networks:
        try:
            lab.weights(name)
        except LabError as error:
            for problem in error.problems:
                problems.setdefault(problem, ("networks", name, "weights"))
    if problems:
        raise LabError(*(lab.tell(place, problem) for problem, place in problems.items()))


def _read_experiments(data: Mapping[str, Any], places: Places, problems: list[str]) -> Iterator[tuple[str, Experiment]]:
    """The experiments that are right; what is wrong with the others is added to ``problems``."""
    networks, images, entries = (data.get(key) for key in ("networks", "images", "experiments"))
    known = {
        "networks": [*map(str, networks)] if isinstance(networks, dict) else [],
        "images": [str(i["name"]) for i in images if isinstance(i, dict) and "name" in i]
        if isinstance(images, list)
        else [],
    }
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        place = ("experiments", name)
        if not isinstance(entry, dict):
            continue  # LabFile has said so
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in kinds():
            problem = f"unknown kind of experiment {kind!r}; expected {', '.join(kinds())}"
            problems.append(tell(places, (*place, "kind"), problem + did_you_mean(kind, kinds())))
            continue
        model = kinds()[kind]
        filled = {key: value for key, value in entry.items() if key != "kind"}
        if known["networks"]:
            filled.setdefault("network", known["networks"][0])
        if "images" in model.model_fields:
            filled.setdefault("images", known["images"])
        try:
            yield name, model.model_validate(filled, context=known)
        except ValidationError as error:
            problems += told(error, model, place, places)


def _read_with_parents(path: Path, children: tuple[Path, ...]) -> tuple[dict[str, Any], dict[Place, tuple[Path, int]]]:
    """A lab file laid over the one it extends: mappings merge, lists replace, null removes."""
    if path.resolve() in children:
        raise LabError(f"{path}: extends itself, by way of {', '.join(str(c) for c in children)}")
    data, places = read_yaml(path, read_text(path))
    parent = data.pop("extends", None)
    if parent is None:
        return data, places
    parent_path = path.parent / str(parent)
    if not parent_path.is_file():
        raise LabError(tell(places, ("extends",), f"no file {parent_path}; paths are relative to the lab file"))
    below, below_places = _read_with_parents(parent_path, (*children, path.resolve()))
    return _merged(below, data), {**below_places, **places}


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
