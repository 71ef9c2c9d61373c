"""Where files come from: an installed package, the user's data folder, or beside the lab file."""

from __future__ import annotations

import ast
import hashlib
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from generator.errors import LabError, did_you_mean


def locate(reference: str, *, lab_folder: Path, data_folder: Path) -> Path:
    """Turn a reference of a lab file into the path of a file that exists.

    Args:
        reference: ``package:NAME/path`` (inside an installed package), ``data:path`` (inside the
            folder given as DATA), or a plain path (relative to the lab file).
        lab_folder: the folder of the lab file.
        data_folder: the folder given as DATA.

    Raises:
        LabError: there is no such package or file; the message says where it was looked for.
    """
    path, advice = _place(reference, lab_folder, data_folder)
    if path.is_file():
        return path
    if path.is_dir():
        raise LabError(f"{path} is a folder, expected a file")
    raise LabError(f"no file {path}: {advice}{did_you_mean(path.name, _names_in(path.parent))}")


def locate_folder(reference: str, *, lab_folder: Path, data_folder: Path) -> Path:
    """Turn a reference of a lab file into the path of a folder that exists; see :func:`locate`."""
    path, advice = _place(reference, lab_folder, data_folder)
    if path.is_dir():
        return path
    raise LabError(f"no folder {path}: {advice}{did_you_mean(path.name, _names_in(path.parent))}")


def texts_in(folder: str, lab_folder: Path) -> list[Path]:
    """The Markdown files of one of the lab's folders, in the order of their names.

    Raises:
        LabError: one lies elsewhere; see :func:`inside`.
    """
    place = inside(lab_folder / folder, lab_folder)
    return [inside(path, lab_folder) for path in sorted(place.glob("*.md"))]


def inside(path: Path, lab_folder: Path) -> Path:
    """A file that is published as it is: it lies in the lab's folder, wherever links lead.

    Raises:
        LabError: it lies elsewhere; a lab from a stranger would publish what its reader never meant to show.
    """
    found = path.resolve()
    if not found.is_relative_to(lab_folder.resolve()):
        raise LabError(f"{path} is {found}, outside the lab's folder; what is published lies in it: copy it there")
    return path


def locate_module(name: str, *, lab_folder: Path) -> Path:
    """The source file of a Python module beside the lab file, or of an installed one; nothing is imported.

    Raises:
        LabError: there is no such module; the message says where it was looked for.
    """
    parts = name.split(".")
    tried = [lab_folder.joinpath(*parts)]
    if spec := _spec(parts[0]):
        tried += [Path(folder, *parts[1:]) for folder in spec.submodule_search_locations or ()]
        if len(parts) == 1 and spec.has_location and spec.origin:
            tried.append(Path(spec.origin).with_suffix(""))
    for path in tried:
        for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if file.is_file():
                if path == tried[0] and _is_taken(parts[0], lab_folder):
                    raise LabError(f'{file}: "{parts[0]}" is the name of an installed module too; rename it')
                return file
    raise LabError(
        f'no module "{name}": neither {tried[0]}.py is there nor an installed package of that name'
        + did_you_mean(parts[-1], [file.stem for file in tried[0].parent.glob("*.py")])
    )


def modules_of(name: str, *, lab_folder: Path) -> dict[str, Path]:
    """The modules of the lab's folder that a module is made up of: itself and what it imports, and so on.

    Nothing is imported. Names of Python's own modules and of installed ones are theirs, whatever lies in the folder.

    Returns:
        The source file of each, by name; nothing if the module is an installed one.

    Raises:
        LabError: one is not text in UTF-8, or no Python.
    """
    found: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        file = _file_of(each, lab_folder)
        if each not in found and file is not None:
            found[each] = file
            waiting += (*_packages_around(each), *_imported(each, file))
    return found


def parse(source: Path) -> ast.Module:
    """A Python file as a syntax tree.

    Raises:
        LabError: it is not text in UTF-8, or no Python.
    """
    try:
        return ast.parse(source.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise LabError(f"{source} is not text in UTF-8; save it as such") from None
    except SyntaxError as error:
        raise LabError(f"{source}:{error.lineno or 1}: is no valid Python ({error.msg})") from None


def _is_taken(name: str, folder: Path) -> bool:
    """Whether a module of that name is to be had without the folder: of Python, of this project, or installed."""
    if name == "generator" or name in sys.stdlib_module_names:
        return True
    spec = PathFinder.find_spec(name)  # unlike find_spec, whatever is imported by now
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(place and not Path(place).resolve().is_relative_to(folder.resolve()) for place in places)


def _file_of(module: str, folder: Path) -> Path | None:
    parts = module.split(".")
    if not all(parts) or _is_taken(parts[0], folder):
        return None
    path = folder.joinpath(*parts)
    files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((file for file in files if file.is_file()), None)


def _packages_around(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _imported(module: str, file: Path) -> Iterator[str]:
    """Names of modules that a module imports, wherever in its text; some are names inside of modules."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) + 1 - node.level] if node.level else []
            start = ".".join([*around, *([node.module] if node.module else [])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "import_module":
            values = (value.value for value in node.args if isinstance(value, ast.Constant))
            yield from (value for value in values if isinstance(value, str))


def _place(reference: str, lab_folder: Path, data_folder: Path) -> tuple[Path, str]:
    """Where a reference points, and what to try if nothing is there."""
    path, advice = _named(reference, lab_folder, data_folder)
    try:
        return path if path.exists() else _spelt_as_on_disk(path), advice
    except OSError as error:  # it is too long, for one
        raise LabError(f"{reference} can be no file ({error.strerror})") from None


def _spelt_as_on_disk(path: Path) -> Path:
    """A path whose names stand on this disk with their accents in another number of pieces; else the path itself."""
    if path.exists() or path == path.parent:
        return path
    parent, name = _spelt_as_on_disk(path.parent), unicodedata.normalize("NFC", path.name)
    alike = (other for other in _names_in(parent) if unicodedata.normalize("NFC", other) == name)
    return parent / next(alike, path.name)


def _named(reference: str, lab_folder: Path, data_folder: Path) -> tuple[Path, str]:
    scheme, _, rest = reference.partition(":")
    if scheme == "package" and rest:
        folder, inner = _package_folder(rest.split("/", 1)[0]), rest.partition("/")[2]
        path = folder / inner
        advice = "the package is installed, but has no such file"
    elif scheme == "data" and rest:
        path = data_folder / rest
        advice = f"put it there, or give the folder that has it: DATA=folder (now {data_folder})"
    else:
        path = lab_folder / reference
        advice = "paths are relative to the lab file"
    return path, advice


def _spec(name: str) -> ModuleSpec | None:
    """Where a package or module lies; None if there is none of that name."""
    try:
        # It does not import the package: foolbox, for one, would bring torch along.
        return find_spec(name)
    except (ImportError, ValueError):  # of a package that is not there, or no name of a package at all
        return None


def _package_folder(name: str) -> Path:
    spec = _spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise LabError(f'no installed package "{name}": add it to the environment (pip install)')
    return Path(spec.submodule_search_locations[0])


def _names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@cache
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
