"""How this process holds its memory, and how much of it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

_ABSENT = (OSError, AttributeError, TypeError)
"""What a C library other than glibc answers."""


def keep_freed() -> None:
    """Have glibc keep freed buffers, or each activation of some megabytes is mapped afresh."""
    mmap_threshold, trim_threshold = -3, -1
    with suppress(*_ABSENT):
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)


def give_back() -> None:
    """Give the system what is free: a larger task before this one, and whatever opened a network, needed more."""
    with suppress(*_ABSENT):
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak() -> None:
    """Give back what is free, and start :func:`peak_mib` anew."""
    give_back()
    with suppress(OSError):  # only Linux can
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib() -> float:
    """The most memory that this process has had resident since :func:`forget_peak`, in MiB; 0 if nothing says."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        if resource is None:
            return 0
        # Since it began. Linux counts in KiB, macOS in bytes.
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
