"""What a result depends on, and why it must be made again."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from generator.artefacts import to_json
from generator.errors import LabError
from generator.lab import Lab
from generator.language import Language
from generator.project import ROOT
from generator.sources import sha256

# These only describe and check; all they decide shows in the parameters.
_CHECKING = {"errors", "schema", "catalogue", "sources", "project"}
_DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml"}


def threads() -> int:
    """How many threads torch may use; results are the same bits only with the same number.

    Raises:
        LabError: ``OMP_NUM_THREADS`` is no number of threads.
    """
    if given := os.environ.get("OMP_NUM_THREADS"):
        # OpenMP takes a list too, for loops inside loops: the first is what the outer ones have.
        first = given.partition(",")[0].strip()
        if not (first.isdecimal() and int(first)):
            raise LabError(f"OMP_NUM_THREADS={given}: expected a number of threads, 1 or more; correct it, or unset it")
        return int(first)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fingerprint(lab: Lab, name: str, device: str) -> dict[str, str]:
    """Everything the results of one experiment depend on.

    Its parameters, the bytes of its images and weights, the source of the code it uses, a network of
    the lab's own included (comments and docstrings apart), the words that code may say and how numbers
    are written in the lab's language, the versions of the packages that code imports, the device and the
    number of threads.

    Returns:
        A line for each, so that two fingerprints can be compared and the difference told.

    Raises:
        LabError: an image or the weights are not there.
    """
    experiment = lab.experiments[name]
    lines = {"kind": experiment.kind, "threads": str(threads()), "device": device, "language": lab.language.code}
    lines |= dict(_flat("parameter", experiment.model_dump(mode="json", exclude={"note"})))
    for image in experiment.photographs:
        spec = lab.images[image]
        lines |= dict(_flat(f"image {image}", spec.model_dump(mode="json")))
        lines[f"image {image} bytes"] = sha256(lab.locate(spec.file))
    for network in experiment.networks:
        weights, source = lab.weights(network), lab.source(network)
        says = lab.file.networks[network].model_dump(mode="json", exclude={"weights"}, exclude_none=True)
        lines |= dict(_flat(f"network {network}", says))
        if weights is not None:
            lines[f"weights of {network}"] = sha256(weights) if isinstance(weights, Path) else weights
        if source is not None:
            lines[f"code of {network}"] = hash_of_code(source.read_text(encoding="utf-8"))
        for module, file in lab.modules(network).items():
            if file != source:
                lines[f"code of {network}, {module}"] = hash_of_code(file.read_text(encoding="utf-8"))
    named = range(len(lab.classes.names)) if experiment.classes is None else experiment.classes
    for index in sorted({*named, *(lab.images[image].label for image in experiment.photographs)}):
        lines[f"name of class {index}"] = lab.class_title(index)
    modules = code_used(type(experiment).__module__)
    lines |= {f"code {module}": _hash_of_module(module) for module in modules}
    lines["numbers"] = to_json([lab.language.decimal, lab.language.thousands])
    for key in sorted(words_asked(modules, lab.language)):
        lines[f"word {key}"] = hashlib.sha256(lab.language.words[key].encode()).hexdigest()
    lines |= {f"version of {package}": v for package, v in versions(modules).items()}
    return lines


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs between two fingerprints, in words: « parameter step: 8.0 → 5.0 »."""
    return [
        f"{key}: {_short(before.get(key))} → {_short(now.get(key))}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value[:12] if len(value) == 64 else value


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name != "parameter" else f"parameter {key}", inner)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for position, inner in enumerate(value):
            label = inner.get("name", position) if isinstance(inner, dict) else position
            yield from _flat(f"{name}.{label}", inner)
    else:
        yield name, to_json(value)


# The code an experiment uses ---------------------------------------------------------------------


@cache
def code_used(start: str) -> tuple[str, ...]:
    """Names of this project's modules that a module uses, itself included, without importing any."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in found or module.rpartition(".")[2] in _CHECKING:
            continue
        found.add(module)
        waiting += (name for name in _imports(module) if name.startswith("generator."))
    return tuple(sorted(found))


@cache
def versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Versions of the packages that these modules import, by name."""
    packages = {name.partition(".")[0] for module in modules for name in _imports(module)}
    found = {}
    for package in sorted(packages - sys.stdlib_module_names - {"generator", "pydantic"}):
        distribution = _DISTRIBUTIONS.get(package, package)
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            found[distribution] = "not installed"
    return found


def words_asked(modules: Iterable[str], language: Language) -> set[str]:
    """Keys of a language's words that these modules may say: those that a string in their code spells.

    Any string, not only what ``say`` is called with: a key may come from a table, and ``say`` be called by
    another name. An f-string spells all keys that begin and end as it does, if it begins with a section.
    """
    return {key for module in modules for key in _words_of(module, language)}


@cache
def _words_of(module: str, language: Language) -> frozenset[str]:
    texts, edges = _spelt(module)
    beginnings = tuple(begin for begin, _ in edges)

    def spelt(key: str) -> bool:
        return key in texts or (
            key.startswith(beginnings) and any(key.startswith(begin) and key.endswith(end) for begin, end in edges)
        )

    # One that depends on a number is asked for without its form.
    return frozenset(key for key in language.words if spelt(key) or spelt(re.sub(r"\.(one|other)$", "", key)))


def _spelt(module: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The strings in a module's code, and how those begin and end that are filled in."""
    nodes = list(ast.walk(ast.parse(_source(module))))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    edges = {_edges(node) for node in nodes if isinstance(node, ast.JoinedStr)}
    if any(isinstance(node, ast.Call) and _says_what_is_nowhere_spelt(node) for node in nodes):
        # It may be anything of the sections that are named.
        edges |= {(f"{text.partition('.')[0]}.", "") for text in texts}
    return texts, {(begin, end) for begin, end in edges if "." in begin}


def _edges(text: ast.JoinedStr) -> tuple[str, str]:
    first, last = (
        str(part.value) if isinstance(part, ast.Constant) else "" for part in (text.values[0], text.values[-1])
    )
    return first, last


def _says_what_is_nowhere_spelt(call: ast.Call) -> bool:
    if "say" not in (getattr(call.func, "id", ""), getattr(call.func, "attr", "")) or not call.args:
        return False
    pieces = (part.value for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant))
    return not any(re.match(r"[a-z-]+\.", str(piece)) for piece in pieces)


@cache
def _source(module: str) -> str:
    # By path: to ask Python where a module lies would import the package around it, and torch with it.
    path = ROOT.joinpath(*module.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Names of the modules that a module imports, wherever in its text it does."""
    nodes = list(ast.walk(ast.parse(_source(module))))
    found: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "generator":
            # « from generator import vision »: of a package only the parts that are used, vision.ascent say.
            names = {alias.name for alias in node.names if (ROOT / "generator" / alias.name).is_dir()}
            found += (f"generator.{alias.name}" for alias in node.names if alias.name not in names)
            found += (
                f"generator.{use.value.id}.{use.attr}"
                for use in nodes
                if isinstance(use, ast.Attribute) and isinstance(use.value, ast.Name) and use.value.id in names
            )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return tuple(dict.fromkeys(found))


@cache
def _hash_of_module(module: str) -> str:
    return hash_of_code(_source(module))


def hash_of_code(source: str) -> str:
    """Hash of what a module does: comments, docstrings and layout do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            # A string that stands alone does nothing: a docstring.
            node.body = [
                line for line in node.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
