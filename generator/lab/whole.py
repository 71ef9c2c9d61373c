"""content/*.yml -> one frozen, validated Lab; every mistake told with file, line and key."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from generator.catalogue import Classes, imagenet_classes
from generator.errors import LabError, MismatchError, did_you_mean
from generator.experiments import kinds
from generator.experiments.base import Experiment
from generator.images import read_image
from generator.lab.braces import braces_problems, unmeasured
from generator.lab.links import links_to
from generator.lab.photographs import read_photographs
from generator.lab.places import Place, Places, read_text, read_yaml, tell, told, wrong_in
from generator.lab.questions import Question, read_questions, text_problems
from generator.lab.worksheets import worksheet_problems
from generator.language import Language, read_language, unsaid
from generator.schema import (
    LARGEST,
    ClassIndex,
    FileSpec,
    ImageSpec,
    LanguageCode,
    Name,
    NetworkSpec,
    Strict,
    is_downloaded,
)
from generator.sources import inside, locate, locate_module, modules_of, parse, sha256, texts_in

FILLED_IN = ("network", "images")
"""Keys of experiments that the lab gives a value where the file does not: its first network, all its images."""


MOST_WORK = 10**9
"""How many images an experiment may send through its network; at ten milliseconds each, that takes four months."""


def _folder_or_numbers(given: object) -> object:
    numbers = given if isinstance(given, list) else [0]
    if not isinstance(given, str) and not all(type(number) is int and number > 0 for number in numbers):
        raise ValueError(f"found {given!r}, expected the name of a folder, or numbers of questions: [1, 3, 5], or []")
    return given


def _for_whom(given: object) -> object:
    if not isinstance(given, bool) and given != "staff":
        raise ValueError(f"found {given!r}, expected true, false, or staff")
    return given


class LabFile(Strict):
    """The keys of a lab file."""

    title: str = Field(description="title of the lab and of its site")
    language: LanguageCode = Field(description="language of the site: a file of content/words")
    networks: dict[Name, NetworkSpec] = Field(min_length=1, description="networks; the first is the default")
    classes: str | tuple[str, ...] | None = Field(
        None,
        description="names of the classes, in the order of the networks' scores: a list, or a text file beside the "
        "lab file, one name per line; the 1,000 of ImageNet if left out",
    )
    images: tuple[ImageSpec, ...] = Field(
        min_length=1,
        description="labelled photographs: a list; a folder with one subfolder per class; a .csv of file, label and, "
        "if you like, title and name; or an .npz of images X and indices of classes y",
    )
    author: str = Field("", description="who wrote it; like the three keys that follow, shown at the foot of each page")
    course: str = Field("", description="the course that it belongs to")
    date: Annotated[str, BeforeValidator(str)] = Field("", description="its day or year: 2026-11-26, or words")
    licence: str = Field("", description="what may be done with it")
    logo: str = Field("", description="a picture of the folder assets, shown at the top of each page: assets/logo.svg")
    files: dict[str, FileSpec] = Field(
        default_factory=dict, description="hash and origin of files, by the reference used for them"
    )
    class_titles: dict[ClassIndex, str] = Field(
        default_factory=dict, description="names of classes in the site's language"
    )
    glossary: dict[str, str] = Field(default_factory=dict, description="terms, explained wherever they stand")
    questions: Annotated[str | tuple[int, ...], BeforeValidator(_folder_or_numbers)] = Field(
        "questions",
        description="folder of the questions, beside this file; or the numbers of those that are asked, "
        "of the folder questions; [] for a lab that asks none",
    )
    dropped_links: Literal["text", "refused"] = Field(
        "text",
        description="what becomes of links to questions that are not asked: text, their words stay; or refused",
    )
    pages: str = Field("pages", description="folder of the other pages, beside this file")
    live: Annotated[bool | Literal["staff"], BeforeValidator(_for_whom)] = Field(
        True,
        description="whether a page of the site lets readers try the networks: true, false, or staff for the edition "
        "with answers only",
    )
    experiments: dict[Name, dict[str, Any]] = Field(
        description="experiments by name, each with its kind and parameters"
    )

    @property
    def questions_folder(self) -> str:
        """Where its questions are, beside it."""
        return self.questions if isinstance(self.questions, str) else "questions"


@dataclass(frozen=True)
class Lab:
    """A lab, checked.

    Attributes:
        path: of its file.
        parent: the file that it extends; None if it stands alone.
        data_folder: where ``data:`` references are looked for.
        file: what the lab file says, experiments excepted; its images are listed one by one.
        classes: that its networks tell apart.
        images: the photographs by name.
        experiments: by name, in the order of the file.
        questions: in the order of their numbers.
        dropped: names of questions of the folder that it does not ask.
        places: (file, line) of each value, for messages.
    """

    path: Path
    parent: Path | None
    data_folder: Path
    file: LabFile
    classes: Classes
    images: Mapping[str, ImageSpec]
    experiments: Mapping[str, Experiment]
    questions: tuple[Question, ...]
    dropped: tuple[str, ...]
    places: Places

    @property
    def folder(self) -> Path:
        """The folder of the lab file."""
        return self.path.parent

    @property
    def questions_folder(self) -> Path:
        """Where its questions are."""
        return self.folder / self.file.questions_folder

    @property
    def language(self) -> Language:
        """The language its site is written in."""
        return read_language(self.file.language)

    @property
    def whose(self) -> tuple[str, ...]:
        """Who wrote it, for which course, when, and what may be done with it, for the reader: as far as it says so."""
        day = self.file.date
        with suppress(ValueError):
            day = self.language.date(date.fromisoformat(day))
        return tuple(filter(None, (self.file.author, self.file.course, day, self.file.licence)))

    @property
    def tried(self) -> tuple[str, ...]:
        """The networks that readers may try, in the lab's order: those that experiments work with, not mere judges."""
        used = {one.network for one in self.experiments.values()} if self.file.live else set()
        return tuple(name for name in self.file.networks if name in used)

    def class_title(self, index: int) -> str:
        """Name of a class for the reader: in the site's language if the lab gives one."""
        return self.classes.title(index)

    def target(self, family: str) -> int:
        """The class that its first experiment of a family aims at; its last class if none aims at any."""
        aims = (e.classes[0] for e in self.experiments.values() if e.family == family and e.classes)
        return next(aims, len(self.classes.names) - 1)

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
            raise MismatchError(
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

    def source(self, network: str) -> Path | None:
        """The Python file whose function makes a network; None for a network of a library. It is not run.

        Raises:
            LabError: there is no such module, it is no Python, or has no such function.
        """
        spec = self.file.networks[network]
        if spec.module is None:
            return None
        source = locate_module(spec.module, lab_folder=self.folder)
        _check_source(source, spec.architecture.partition(":")[2])
        return source

    def modules(self, network: str) -> dict[str, Path]:
        """The Python files of the lab's folder that make a network, by the modules' names. None is run.

        Raises:
            LabError: one is no Python.
        """
        module = self.file.networks[network].module
        return modules_of(module, lab_folder=self.folder) if module else {}

    def weights(self, network: str) -> Path | str | None:
        """The first of a network's weights that is there: a file, or LIBRARY:WEIGHTS; None if it needs none.

        Raises:
            LabError: none is there.
        """
        references = self.file.networks[network].weights
        if references is None:
            return None
        problems: list[str] = []
        for reference in references:
            if is_downloaded(reference):
                return reference
            try:
                return self.locate(reference)
            except MismatchError as error:
                problems += error.problems
                break  # a file that is there but is another one must not be passed over in silence
            except LabError as error:
                problems += error.problems
        raise LabError(*problems)

    def tell(self, place: Place, problem: str) -> str:
        """One line about a value: file, line, key and what is wrong."""
        return tell(self.places, place, problem)


def read_lab(path: Path, data_folder: Path, *, texts: bool = True) -> Lab:
    """Read and check a lab file, its parents and its questions; no image is opened.

    Args:
        path: of the lab file.
        data_folder: where ``data:`` references are looked for.
        texts: read questions and pages; what is handed out to students has no questions.

    Raises:
        LabError: with every mistake found.
    """
    if not path.is_file():
        around = path if path.is_dir() else path.parent
        near = did_you_mean(
            "lab.yml" if path.is_dir() else path.name, [str(other.name) for other in around.glob("*.yml")]
        )
        raise LabError(f"no lab file {path}; give one with LAB=path/to/lab.yml{near}")
    data, places, parent = _read_with_parents(path, ())
    problems: list[str] = []
    classes = _read_classes(data, places, path.parent, data_folder)
    _list_images(data, places, classes, path.parent, data_folder)
    context = {"classes": classes}
    try:
        file = LabFile.model_validate(data, context=context)
    except ValidationError as error:
        problems += told(error, LabFile, (), places)
        file = None
    experiments, mistakes = _read_experiments(data, places, context)
    problems += mistakes
    if file is None:
        raise LabError(*problems)

    images: dict[str, ImageSpec] = {}
    for position, image in enumerate(file.images):
        if images.setdefault(image.name, image) is not image:
            problems.append(
                tell(places, ("images", position, "name"), f'two images are named "{image.name}"; rename one')
            )
    problems += _narrow_boxes(file, places)
    problems += [*_wrong_logo(file, path.parent, places), *(_nothing_to_do(file, places) if texts else ())]
    problems += [
        tell(places, ("experiments", name, key), problem)
        for name, experiment in experiments.items()
        for key, problem in experiment.problems(images)
    ]
    if not problems:
        problems += _endless(experiments, images, places)
    problems += unsaid(file.language, sorted({experiment.kind for experiment in experiments.values()}))
    questions: tuple[Question, ...] = ()
    dropped: tuple[str, ...] = ()
    # While an experiment is not understood, its figures are not known either.
    if texts and len(experiments) == len(data["experiments"]):
        questions, dropped, text_mistakes = _read_texts(file, path.parent, experiments)
        problems += text_mistakes
    if problems:
        raise LabError(*problems)
    return Lab(path, parent, data_folder, file, classes, images, experiments, questions, dropped, places)


def _read_texts(
    file: LabFile, folder: Path, experiments: Mapping[str, Experiment]
) -> tuple[tuple[Question, ...], tuple[str, ...], list[str]]:
    """The questions, the names of those that are not asked, and one line for each mistake in them and in the pages."""
    figures = {f"{name}/{figure}" for name, experiment in experiments.items() for figure in experiment.figures}
    numbers = None if isinstance(file.questions, str) else file.questions
    language = read_language(file.language)
    questions, dropped, problems = read_questions(file.questions_folder, numbers, folder, figures, language)
    measures = {name: list(experiment.measures) for name, experiment in experiments.items()}
    for question in questions:
        for piece in (question.answer, question.evidence, question.note):
            problems += braces_problems(question.path, piece, measures)
        problems += _claims_problems(question, measures)
    if file.dropped_links == "refused":
        texts = [*(question.path for question in questions), *texts_in(file.pages, folder)]
        problems += [problem for path in texts for problem in _leads_to_dropped(path, dropped)]
    for page in texts_in(file.pages, folder):
        text = read_text(page)
        problems += [*text_problems(page, text, figures), *braces_problems(page, text, measures)]
    for sheet in sorted((folder / "travaux").rglob("*.py")):
        problems += worksheet_problems(inside(sheet, folder), read_text(sheet))
    return questions, dropped, problems


def _claims_problems(question: Question, measures: Mapping[str, Collection[str]]) -> Iterator[str]:
    """A line for each claim that is decided by what nothing measures."""
    for place, reference in question.claimed:
        if problem := unmeasured(reference, measures):
            yield question.tell(place, problem)


def _leads_to_dropped(path: Path, dropped: Collection[str]) -> Iterator[str]:
    """A line for each link of a text to a question that is not asked."""
    text = read_text(path)
    for link in links_to(text, dropped):
        line = text[: link.start()].count("\n") + 1
        yield (
            f"{path}:{line}: {link[0]} leads to a question that the lab does not ask; remove the link, ask the "
            "question too, or say dropped_links: text"
        )


def _endless(experiments: Mapping[str, Experiment], images: Mapping[str, ImageSpec], places: Places) -> Iterator[str]:
    """Experiments that nobody would see the end of."""
    for name, experiment in experiments.items():
        passes = sum(part.passes for part in experiment.parts(images).values())
        if passes > MOST_WORK:
            problem = f"sends {passes:.0e} images through the network, which takes years; ask for less"
            yield tell(places, ("experiments", name), problem)


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
        try:
            lab.source(name)
            lab.modules(name)
        except LabError as error:
            problems.setdefault(error.problems[0], ("networks", name, "architecture"))
    if problems:
        raise LabError(*(lab.tell(place, problem) for problem, place in problems.items()))


def _wrong_logo(file: LabFile, folder: Path, places: Places) -> Iterator[str]:
    """A line if the logo is not there, or not where it is published from."""
    if file.logo and Path(file.logo).parts[0] != "assets":
        yield tell(places, ("logo",), f"found {file.logo}; expected a file of the folder assets: assets/logo.svg")
    elif file.logo and not (folder / file.logo).is_file():
        near = did_you_mean(file.logo, [f"assets/{each.name}" for each in (folder / "assets").glob("*")])
        yield tell(places, ("logo",), f"no file {folder / file.logo}{near}")


def _nothing_to_do(file: LabFile, places: Places) -> Iterator[str]:
    """A line if there is no experiment; only what students get to work with has none."""
    if not file.experiments:
        yield tell(places, ("experiments",), "holds nothing; expected an experiment at least")


def _narrow_boxes(file: LabFile, places: Places) -> Iterator[str]:
    """A line for each box that holds no pixel of what some network sees; what a function will say is not known yet."""
    size, network = min((LARGEST if n.module else n.size, name) for name, n in file.networks.items())
    for position, image in enumerate(file.images):
        for number, (left, top, right, bottom) in enumerate(image.boxes):
            if min(right - left, bottom - top) * size < 1:
                problem = (
                    f"found {[left, top, right, bottom]}, narrower than a pixel of the {size} × {size} that "
                    f"{network} sees; give fractions of the image's sides, from 0 to 1"
                )
                yield tell(places, ("images", position, "boxes", number), problem)


def _check_source(source: Path, function: str) -> None:
    """Make sure that a module is one and has a function, without running it."""
    tree = parse(source)
    # It may come from elsewhere: what is assigned or imported counts too.
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    if function not in names and "*" not in names:
        raise LabError(f'{source} has no function "{function}"{did_you_mean(function, names)}')


def _read_classes(data: Mapping[str, Any], places: Places, lab_folder: Path, data_folder: Path) -> Classes:
    """The classes of a lab, with its titles as far as they are right; LabFile tells what is wrong with the others."""
    given = data.get("classes")
    try:
        names = _class_names(given, lab_folder, data_folder)
    except LabError as error:
        raise LabError(*(tell(places, ("classes",), problem) for problem in error.problems)) from None
    classes, titles = Classes(names), data.get("class_titles")
    found: dict[int, str] = {}
    keys: dict[int, object] = {}
    for key, title in titles.items() if isinstance(titles, dict) else ():
        with suppress(ValueError, AttributeError):  # no class; no text or number
            index = classes.index(key)
            if index in keys:
                problem = f"class {index} has a title already, under {keys[index]!r}; remove one"
                raise LabError(tell(places, ("class_titles", key), problem))
            keys[index], found[index] = key, str(title)
    return Classes(names, found)


def _class_names(given: object, lab_folder: Path, data_folder: Path) -> tuple[str, ...]:
    if given is None:
        return imagenet_classes()
    if isinstance(given, str):
        path = locate(given, lab_folder=lab_folder, data_folder=data_folder)
        lines = [line.strip() for line in read_text(path).rstrip().splitlines()]
        if "" in lines:
            raise LabError(f"{path}:{lines.index('') + 1}: an empty line; expected the name of a class")
    elif isinstance(given, list):
        lines = given
    else:
        lines = []
    wrong = next((name for name in lines if not isinstance(name, str) or not name), None)
    if wrong is not None:
        raise LabError(f"found {wrong!r}, expected the name of a class; put it into quotes")
    for position, name in enumerate(lines):
        if problem := wrong_in(name):
            raise LabError(f"class {position} {problem}")
        if (first := lines.index(name)) < position:
            raise LabError(f'classes {first} and {position} are both called "{name}"; call one of them otherwise')
    if not lines:
        raise LabError("no class; expected a list of names, or a text file with one name per line")
    return tuple(lines)


def _list_images(
    data: dict[str, Any], places: dict[Place, tuple[Path, int]], classes: Classes, lab_folder: Path, data_folder: Path
) -> None:
    """Write out the images of a lab that names a folder, a table or an archive of them."""
    given = data.get("images")
    if not isinstance(given, str):
        return
    try:
        entries = read_photographs(given, classes, lab_folder=lab_folder, data_folder=data_folder)
    except LabError as error:
        raise LabError(*(tell(places, ("images",), problem) for problem in error.problems)) from None
    for entry in entries:
        for key, words in entry.says.items():
            if isinstance(words, str) and (problem := wrong_in(words)):
                where = f"{entry.place[0]}:{entry.place[1]}" if entry.place else tell(places, ("images",), given)
                raise LabError(f"{where}: {key}: {problem}")
    data["images"] = [entry.says for entry in entries]
    places |= {("images", position): entry.place for position, entry in enumerate(entries) if entry.place}


def _read_experiments(
    data: Mapping[str, Any], places: Places, context: Mapping[str, Any]
) -> tuple[dict[str, Experiment], list[str]]:
    """The experiments that can be read, and a line for each mistake in them and in the others."""
    experiments: dict[str, Experiment] = {}
    problems: list[str] = []
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
            filled.setdefault("images", list(dict.fromkeys(known["images"])))  # two of one name are told elsewhere
        try:
            experiment = model.model_validate(filled, context={**known, **context})
        except ValidationError as error:
            problems += told(error, model, place, places)
            continue
        for figure, times in Counter(experiment.figures).items():
            if times > 1:
                problem = f'two figures are named "{figure}"; name each image once, and each run or strip like no other'
                problems.append(tell(places, place, problem))
        experiments[name] = experiment
    return experiments, problems


def _read_with_parents(
    path: Path, children: tuple[Path, ...]
) -> tuple[dict[str, Any], dict[Place, tuple[Path, int]], Path | None]:
    """A lab file laid over the one it extends, and which that is: mappings merge, lists replace, null removes.

    Of what stands under ``without``, it takes nothing over.
    """
    if path.resolve() in children:
        raise LabError(f"{path}: extends itself, by way of {', '.join(str(c) for c in children)}")
    data, places = read_yaml(path, read_text(path))
    parent, without = data.pop("extends", None), data.pop("without", [])
    if parent is None:
        if without:
            raise LabError(tell(places, ("without",), "only a file that extends another one can do without some of it"))
        return data, places, None
    parent_path = path.parent / str(parent)
    if not parent_path.is_file():
        raise LabError(tell(places, ("extends",), f"no file {parent_path}; paths are relative to the lab file"))
    below, below_places, _ = _read_with_parents(parent_path, (*children, path.resolve()))
    for key in without if isinstance(without, list) else [without]:
        if not isinstance(key, str) or key not in below:
            near = did_you_mean(str(key), [*below])
            problem = f"{parent_path} has no key {key!r}; expected a list of some of {', '.join(below)}{near}"
            raise LabError(tell(places, ("without",), problem))
        del below[key]
    problems = [
        tell(places, place, f"there is no such key in {parent_path} to remove{did_you_mean(place[-1], known)}")
        for place, known in _vain_removals(below, data, ())
    ]
    if problems:
        raise LabError(*problems)
    return _merged(below, data), {**below_places, **places}, parent_path


def _vain_removals(below: dict[str, Any], above: dict[str, Any], place: Place) -> Iterator[tuple[Place, list[str]]]:
    """Where a file removes what the one it extends does not have, and which keys that one has there."""
    for key, value in above.items():
        if value is None and key not in below:
            yield (*place, key), [*map(str, below)]
        elif isinstance(value, dict) and isinstance(below.get(key), dict):
            yield from _vain_removals(below[key], value, (*place, key))


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            del merged[key]
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
