"""What decides the last bits of a result beside code and versions: the instructions that the processor is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from generator.atomic import write_atomically
from generator.results.artefacts import to_json

_DECIDE = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "OPENBLAS_CORETYPE")
"""Variables by which somebody may forbid instructions."""

_PROBE = """
import torch
print("torch", torch.backends.cpu.get_cpu_capability())
if torch.backends.mkldnn.is_available():
    image, kernel = torch.zeros(1, 16, 32, 32), torch.zeros(16, 16, 3, 3)
    torch.ops.mkldnn._convolution_pointwise(image, kernel, None, [1, 1], [1, 1], [1, 1], 1, "none", [], "")
"""
"""A convolution makes oneDNN say what it uses."""


def instructions(known: Path) -> dict[str, str]:
    """The instruction sets that torch and oneDNN really use here: « AVX2 », « Intel AVX2 ».

    They are asked, in a process of its own, which takes seconds; the answer holds as long as the processor, torch and
    the variables that forbid instructions are the same.

    Args:
        known: a file that keeps the answer.
    """
    asked = {"torch": version("torch"), "processor": _flags(), **{key: os.environ.get(key, "") for key in _DECIDE}}
    return _instructions(known, to_json(asked))


@cache
def _instructions(known: Path, asked: str) -> dict[str, str]:
    try:
        told = json.loads(known.read_text(encoding="utf-8"))
        if told["asked"] == asked:
            return dict(told["answer"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never asked, or a file that somebody else wrote
    done = subprocess.run(
        [sys.executable, "-c", _PROBE],
        env=os.environ | {"ONEDNN_VERBOSE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = {"oneDNN": "none", "torch": "?"}
    for line in done.stdout.splitlines():
        if line.startswith("torch "):
            answer["torch"] = line.split()[1]
        elif "info,cpu,isa:" in line:
            answer["oneDNN"] = line.partition("isa:")[2].strip()
    write_atomically(known, to_json({"asked": asked, "answer": answer}))
    return answer


def _flags() -> str:
    """What the processor can do; its name where the system does not say."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features"))), "")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_mib() -> float:
    """Memory that could be used now, in MiB; infinite where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return float("inf")
    free = next((float(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:")), float("inf"))
    return min(free, *_left_in_groups(), float("inf"))


def _left_in_groups() -> list[float]:
    """What the system's control groups leave, in MiB; a container has less than its machine."""
    left = []
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            left.append((int(Path(limit).read_text()) - int(Path(used).read_text())) / 1024**2)
        except (OSError, ValueError):
            continue  # no such group, or « max »
    return left
