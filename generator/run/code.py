"""Which code a result depends on, and which packages: read from the sources, without importing any."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from generator.language import FORMS, OF_THE_MANUAL, Language
from generator.project import ROOT

# These only describe and check; all they decide shows in the parameters.
_CHECKING = {"errors", "schema", "catalogue", "sources", "project"}
_OF_A_WHOLE = re.compile(rf"\.({'|'.join(sorted(FORMS))}|title|caption|alt)$|-alt$")
_DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml"}


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
        waiting += (name for name in imports(module) if name.startswith("generator."))
    return tuple(sorted(found))


@cache
def versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Versions of the packages that these modules import, by name."""
    packages = {name.partition(".")[0] for module in modules for name in imports(module)}
    used = sorted(packages - sys.stdlib_module_names - {"generator", "pydantic"})
    return {name: _version(name) for name in (_DISTRIBUTIONS.get(package, package) for package in used)}


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def words_asked(modules: Iterable[str], language: Language, kind: str) -> set[str]:
    """Keys of a language's words that a kind may say: all of its own, and those that a string in the code spells.

    Any string, not only what ``say`` is called with: a key may come from a table, and ``say`` be called by
    another name. An f-string spells all keys that begin and end as it does, if it begins with a section.
    """
    own = {key for key in language.words if key.startswith(f"{kind}.")}
    spelt = own.union(*(_words_of(module, language) for module in modules))
    return {key for key in spelt if not key.startswith(OF_THE_MANUAL)}


@cache
def _words_of(module: str, language: Language) -> frozenset[str]:
    texts, edges = _spelt(module)
    beginnings = tuple(begin for begin, _ in edges)

    def spelt(key: str) -> bool:
        return key in texts or (
            key.startswith(beginnings) and any(key.startswith(begin) and key.endswith(end) for begin, end in edges)
        )

    return frozenset(key for key, whole in _wholes(language).items() if spelt(key) or (whole and spelt(whole)))


@cache
def _wholes(language: Language) -> dict[str, str]:
    """The keys of a language, and by what else each may be asked for.

    Without its form, if it depends on a number; by the name of the whole, if it is of a figure or a picture.
    """
    wholes = {key: _OF_A_WHOLE.sub("", key) for key in language.words}
    # A word without a point may mean anything.
    return {key: whole if "." in whole and whole != key else "" for key, whole in wholes.items()}


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
def imports(module: str) -> tuple[str, ...]:
    """Names of the modules that a module imports, wherever in its text it does, but for those that only types need."""
    found: list[str] = []
    for node in _statements(ast.parse(_source(module)), but_types=True):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # « from generator.vision import gradients » names a module, and the package it is in.
            found.append(node.module)
            inside = ROOT.joinpath(*node.module.split("."))
            found += (
                f"{node.module}.{alias.name}"
                for alias in node.names
                if (inside / f"{alias.name}.py").is_file() or (inside / alias.name / "__init__.py").is_file()
            )
    return tuple(dict.fromkeys(found))


def _statements(tree: ast.Module, *, but_types: bool = False) -> Iterator[ast.AST]:
    """A module and all its statements, in order, those within others too; or but those that only types need."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if but_types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        # Expressions hold no statements, and are most of a tree.
        inside = (getattr(node, part, ()) for part in ("body", "handlers", "cases", "orelse", "finalbody"))
        waiting += reversed([each for part in inside if isinstance(part, list) for each in part])


@cache
def hash_of_module(module: str) -> str:
    """Hash of one of this project's modules; see :func:`hash_of_code`."""
    return hash_of_code(_source(module))


def hash_of_code(source: str) -> str:
    """Hash of what a module does: comments, docstrings and layout do not count."""
    tree = ast.parse(source)
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            # A string that stands alone does nothing: a docstring.
            node.body = [
                line for line in node.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
