"""The house: imports go one way, and what needs no torch loads none."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from generator.experiments import kinds
from generator.project import KINDS
from generator.run.code import code_used
from tests.conftest import ROOT

# Each room may import from the ones that stand before it.
ROOMS = [
    "errors project memory atomic",
    "language",
    "charts statistics catalogue sources",
    "schema images",
    "networks results",
    "vision",
    "experiments",
    "lab",
    "opened",
    "run report",
    "bench classroom",
    "new serve kit grading",
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
"""What a kind may import beside the project: nothing that opens files, computes gradients or asks the system."""
COMPUTES = {
    "torch",
    "torch.nn",
    "scipy.stats",
    "scipy.sparse",
    "scipy.sparse.linalg",
    "skimage.segmentation",
    "skimage.filters",
    "skimage.measure",
}
"""What it may import beside to compute; the gradients themselves are those of vision."""


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


def own_modules(path: Path) -> set[str]:
    """Names of the project's modules that a module imports when it runs, whichever way it says so."""
    found = set()
    for node in ast.walk(tree_that_runs(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by « from . »; write the whole name"
            # « from generator import images » imports generator.images.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] == "generator"}


def imported(path: Path) -> set[str]:
    """Rooms that a module imports from when it runs."""
    return {room(module) for module in own_modules(path) if module != "generator"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if len(parts) == 2 and parts[1] == "__init__":
        assert not imported(path)
        return
    here = parts[1]
    for other in imported(path) - {here}:
        assert FLOOR[other] < FLOOR[here], f"{here} imports {other}, which stands above it"


@pytest.mark.parametrize(
    "module", ["generator.report", "generator.cli", "generator.lab", "generator.results.folder", "generator.run.plan"]
)
def test_loads_nothing_that_computes_or_draws(module: str) -> None:
    """They take a second and more, which every command would."""
    code = f"import sys, {module}; print(*{{'torch', 'scipy', 'skimage', 'matplotlib'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_only_the_command_line_prints_or_exits() -> None:
    for path in MODULES:
        if path.stem not in ("cli", "classroom"):  # a notebook's cells print
            calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
            assert not calls & {"print", "click.echo", "sys.exit", "exit"}, path


@pytest.mark.parametrize(
    "line",
    ["import generator.cli", "import generator.cli as c", "from generator import cli", "from generator.cli import x"],
)
def test_an_import_is_seen_however_it_is_written(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"{line}\n", encoding="utf-8")
    assert imported(tmp_path / "module.py") == {"cli"}


# Kinds of experiments ----------------------------------------------------------------------------

OPENS = {"open", "__import__", "exec", "eval"}
READS = {
    "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savez", "savetxt", "tofile",
    "read_text", "read_bytes", "write_text", "write_bytes", "imread", "imsave",
}  # fmt: skip
"""Names by which files are opened: a kind computes with what it is given."""


@pytest.mark.parametrize("kind", kinds())
class TestKinds:
    def test_imports_nothing_that_opens_files_or_asks_the_system(self, kind: str) -> None:
        for path in (KINDS / kind).glob("*.py"):
            others = {name for name in modules(path) if name.partition(".")[0] != "generator"}
            assert others <= ALLOWED | (COMPUTES if path.stem == "compute" else set()), path

    def test_says_and_shows_without_torch(self, kind: str) -> None:
        asked = f"import sys, generator.experiments.{kind}.show; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False).returncode == 0

    def test_opens_no_file_and_prints_nothing(self, kind: str) -> None:
        for path in (KINDS / kind).glob("*.py"):
            nodes = list(ast.walk(tree_that_runs(path)))
            assert not {n.id for n in nodes if isinstance(n, ast.Name)} & (OPENS | {"print"}), path
            assert not {n.attr for n in nodes if isinstance(n, ast.Attribute)} & READS, path

    def test_computes_without_words_and_charts(self, kind: str) -> None:
        # Nor with anything that imports them: to change how results are said would compute its parts anew.
        saying = ("lab", "language", "charts", "results", "report", "experiments.stage")
        if (KINDS / kind / "compute.py").is_file():
            used = code_used(f"generator.experiments.{kind}.compute")
            assert not [name for name in used if name.startswith(tuple(f"generator.{room}" for room in saying))]

    def test_takes_from_no_other_kind(self, kind: str) -> None:
        for path in (KINDS / kind).glob("*.py"):
            assert kinds_in(path) <= {kind}, path


def kinds_in(path: Path) -> set[str]:
    """The kinds that a module imports from."""
    parts = [module.split(".") for module in own_modules(path)]
    return {names[2] for names in parts if names[1] == "experiments" and len(names) > 2} & set(kinds())


def test_what_kinds_share_is_of_no_kind() -> None:
    paths = [*(KINDS / "shared").rglob("*.py"), *KINDS.glob("*.py")]
    assert len(paths) > 5
    for path in paths:
        assert not kinds_in(path), path


def test_nothing_names_a_kind_but_itself() -> None:
    """Adding or removing one touches nothing else of the machine that imports it."""
    for path in MODULES:
        if KINDS not in path.parents:
            assert not kinds_in(path), path
