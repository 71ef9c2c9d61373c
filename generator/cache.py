"""What a result depends on, and why it must be made again."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from generator.artefacts import to_json
from generator.lab import Lab
from generator.sources import sha256

# These only describe and check; all they decide shows in the parameters.
_CHECKING = {"errors", "schema", "catalogue", "sources"}
_DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image"}


def threads() -> int:
    """How many threads torch may use; results are the same bits only with the same number."""
    if given := os.environ.get("OMP_NUM_THREADS"):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fingerprint(lab: Lab, name: str) -> dict[str, str]:
    """Everything the results of one experiment depend on.

    Its parameters, the bytes of its images and weights, the source of the code it uses (comments
    and docstrings apart), the versions of the packages that code imports, and the number of threads.

    Returns:
        A line for each, so that two fingerprints can be compared and the difference told.

    Raises:
        LabError: an image or the weights are not there.
    """
    experiment = lab.experiments[name]
    lines = {"kind": experiment.kind, "threads": str(threads())}
    lines |= dict(_flat("parameter", experiment.model_dump(mode="json", exclude={"note"})))
    for image in experiment.photographs:
        spec = lab.images[image]
        lines |= dict(_flat(f"image {image}", spec.model_dump(mode="json")))
        lines[f"image {image} bytes"] = sha256(lab.locate(spec.file))
    network = lab.file.networks[experiment.network]
    weights = lab.weights(experiment.network)
    lines |= dict(_flat(f"network {experiment.network}", network.model_dump(mode="json", exclude={"weights"})))
    lines[f"weights of {experiment.network}"] = sha256(weights) if isinstance(weights, Path) else weights
    for index in sorted({*experiment.classes, *(lab.images[image].label for image in experiment.photographs)}):
        lines[f"name of class {index}"] = lab.class_title(index)
    modules = code_used(type(experiment).__module__)
    lines |= {f"code {module}": _code_hash(module) for module in modules}
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


@cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _imports(module: str) -> Iterator[str]:
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "generator":
            # « from generator import vision »: only the parts that are used, vision.ascent say.
            for alias in node.names:
                yield from (
                    f"generator.{alias.name}.{use.attr}"
                    for use in ast.walk(tree)
                    if isinstance(use, ast.Attribute) and isinstance(use.value, ast.Name) and use.value.id == alias.name
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@cache
def _code_hash(module: str) -> str:
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            # A string that stands alone does nothing: a docstring.
            node.body = [
                line for line in node.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
