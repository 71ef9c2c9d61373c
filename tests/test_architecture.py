"""The house: imports go one way, and what needs no torch loads none."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from generator.experiments import kinds
from tests.conftest import ROOT

# Each room may import from the ones that stand before it.
ROOMS = [
    "errors project atomic",
    "language",
    "places",
    "charts statistics",
    "catalogue sources",
    "schema images engine",
    "networks artefacts",
    "vision claims shades",
    "experiments questions photographs",
    "lab",
    "opened results",
    "differences",
    "cache report",
    "pipeline bench classroom",
    "new serve",
    "cli",
    "__main__",
]
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms.split()}
MODULES = sorted((ROOT / "generator").rglob("*.py"))


def room(module: str) -> str:
    return module.split(".")[1]


ALLOWED = {
    "__future__", "abc", "collections.abc", "dataclasses", "functools", "itertools", "math", "statistics", "typing",
    "matplotlib", "numpy", "numpy.typing", "pydantic", "scipy.ndimage",
    "skimage.color", "skimage.metrics", "skimage.transform",
}  # fmt: skip
"""What an experiment may import beside the project: nothing that opens files, computes gradients or asks the system."""


def tree_that_runs(path: Path) -> ast.Module:
    """A module as it runs; what only the type checker reads is left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    return tree


def modules(path: Path) -> set[str]:
    """Names of the modules that a module imports when it runs."""
    nodes = list(ast.walk(tree_that_runs(path)))
    return {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names} | {
        n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)
    }


def imported(path: Path) -> set[str]:
    """Rooms that a module imports from when it runs."""
    rooms = set()
    for node in ast.walk(tree_that_runs(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "generator":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("generator."):
            rooms.add(room(node.module or ""))
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if len(parts) == 2 and parts[1] == "__init__":
        assert not imported(path)
        return
    here = parts[1]
    for other in imported(path) - {here}:
        assert FLOOR[other] < FLOOR[here], f"{here} imports {other}, which stands above it"


@pytest.mark.parametrize("module", ["generator.report", "generator.cli", "generator.lab", "generator.pipeline"])
def test_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_only_the_command_line_prints_or_exits() -> None:
    for path in MODULES:
        if path.stem not in ("cli", "classroom"):  # a notebook's cells print
            calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
            assert not calls & {"print", "click.echo", "sys.exit", "exit"}, path


BORROWED = {"detection": {"localisation"}}
"""Kinds that take something from another: detection goes on from the maps of localisation, in its colours."""


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_imports_no_other(kind: str) -> None:
    tree = ast.parse(Path(inspect.getfile(kinds()[kind])).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {other for other, model in kinds().items() if model.__module__ in modules}
    assert others == BORROWED.get(kind, set())


def test_experiments_do_not_name_torch_or_files() -> None:
    for path in (ROOT / "generator" / "experiments").glob("*.py"):
        names = {n.id for n in ast.walk(tree_that_runs(path)) if isinstance(n, ast.Name)}
        assert not names & {"open", "__import__"}, path
        calls = {n.attr for n in ast.walk(tree_that_runs(path)) if isinstance(n, ast.Attribute)}
        assert not calls & {"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savez", "tofile"}, path
        others = {name for name in modules(path) if name.partition(".")[0] != "generator"}
        assert others <= ALLOWED | ({"importlib", "pkgutil"} if path.stem == "__init__" else set()), path
