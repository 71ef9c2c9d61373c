"""What the code takes from Linux, glibc, x86 and oneDNN: where it is taken away, everything still works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from generator.run.machine import cores, free_mib
from generator.vision.engine import Refused, export, flatten
from tests.conftest import ROOT, files

POORER = """
import ctypes, io, os, sys

for module in ("fcntl", "resource"):
    sys.modules[module] = None
if hasattr(os, "sched_getaffinity"):
    del os.sched_getaffinity
library, opened = ctypes.CDLL, io.open

def nothing(name, *more, **options):
    if name is None:
        return object()
    return library(name, *more, **options)

def elsewhere(file, *more, **options):
    if str(file).startswith(("/proc/", "/sys/")):
        raise FileNotFoundError(file)
    return opened(file, *more, **options)

ctypes.CDLL, io.open = nothing, elsewhere
"""
"""Read by every process before anything else: a system without locks, limits, /proc, and the C library's own ways."""


def test_a_lab_is_built_to_the_same_bytes_on_a_poorer_system(mini: Path, mini_results: Path, tmp_path: Path) -> None:
    (tmp_path / "poorer").mkdir()
    (tmp_path / "poorer" / "sitecustomize.py").write_text(POORER, encoding="utf-8")
    command = [sys.executable, "-m", "generator", "site", "--lab", str(mini), "--workers", "2"]
    done = subprocess.run(
        [*command, "--build", str(tmp_path / "build"), "--site", str(tmp_path / "site")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "poorer")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
    here, there = (files(build / "results") for build in (mini_results, tmp_path / "build"))
    pictures = {name for name in here if not name.endswith(".json")}
    assert pictures == {name for name in there if not name.endswith(".json")}
    assert all(here[name].read_bytes() == there[name].read_bytes() for name in pictures)


def test_without_onednn_a_network_is_not_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(Refused, match="has no oneDNN"):
        flatten(export(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).eval().requires_grad_(False), 12))


def test_what_no_system_says_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", nothing)
    assert free_mib() == float("inf")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores() == os.cpu_count()
