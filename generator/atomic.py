"""Files and folders that are written whole or not at all, whatever stops it: an error, a kill, a power cut."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none: there nobody watches over two writers at once
    fcntl = None  # type: ignore[assignment]

# Of the C library, where it has them.
_c = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
renameat2, syncfs = getattr(_c, "renameat2", None), getattr(_c, "syncfs", None)
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The same date for every file of an archive."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of linux/fcntl.h and linux/fs.h


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part; a text in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of this process alone: labs that are built side by side keep the same outcomes.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave an empty file under the new name
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def write_archive(path: Path, entries: Iterable[tuple[str, str | bytes]]) -> None:
    """Write a ``.zip`` of names and contents, whole or not at all; its bytes depend on these alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in entries:
                entry = zipfile.ZipInfo(name, LONG_AGO)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                packed.writestr(entry, content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a kill left half written right in a folder, which nobody else may be writing into."""
    for partial in folder.glob(".*.partial"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


@contextmanager
def fresh_folder(place: Path) -> Iterator[Path]:
    """An empty folder beside a place, to be filled and given to :func:`swap`; removed at the end, whatever is in it.

    As long as this process lives, or one that it started and let inherit its files (``close_fds=False``),
    :func:`leftovers` leaves it alone.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def swap(fresh: Path, place: Path) -> None:
    """Put a folder in the place of another on the same file system.

    It is on the disk before. Where the system can exchange two folders, there is one at any moment; elsewhere
    :func:`leftovers` brings the old one back if a kill comes between two renames.

    Args:
        fresh: the new folder; the old one, if there was one, is there afterwards.
        place: where it goes.
    """
    _flush_all(fresh)
    if not place.exists():
        fresh.rename(place)
    elif not _exchanged(fresh, place):
        retired = _retired(place)
        place.rename(retired)
        fresh.rename(place)
        retired.rename(fresh)
    _flush(place.parent)


def leftovers(place: Path) -> list[Path]:
    """What kills left beside a place, for the caller to remove; a place that a kill left empty has its folder again."""
    retired = _retired(place)
    if retired.exists() and not place.exists():
        retired.rename(place)
    partial = re.compile(rf"{re.escape(f'.{place.name}.')}[^.]+\.partial")
    beside = place.parent.iterdir() if place.parent.is_dir() else ()
    return [
        path
        for path in beside
        if path.is_dir() and (path == retired or (partial.fullmatch(path.name) and not _is_held(path)))
    ]


def _retired(place: Path) -> Path:
    return place.with_name(f".{place.name}.retired")


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system, or the file system, cannot."""
    if renameat2 is None:
        return False
    if renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def _flush_all(folder: Path) -> None:
    """Have a folder with all that is in it on the disk."""
    if syncfs is not None:  # file by file takes twenty times as long
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if syncfs(descriptor):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), str(folder))
        finally:
            os.close(descriptor)
        return
    for here, _, files in os.walk(folder):
        for name in files:
            _flush(Path(here, name))
        _flush(Path(here))


def _flush(path: Path) -> None:
    """Have a file or a folder on the disk."""
    if path.is_symlink() or not (path.is_file() or (path.is_dir() and os.name == "posix")):
        return
    with suppress(PermissionError):  # a file that is somebody else's, and was there before
        descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Let others know that a folder is being filled; the system takes it back however the last holder ends."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_held(folder: Path) -> bool:
    if fcntl is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
