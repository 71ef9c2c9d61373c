"""How the browser's kernels are compiled: ``python -m tests.kernels`` after a change of kernels.c."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from generator.project import BROWSER

KINDS = {"plain": [], "relaxed": ["-mrelaxed-simd", "-DRELAXED"]}
"""With and without multiplying and adding in one go, which not every browser can."""
OPTIONS = [
    "-target", "wasm32-freestanding", "-O3", "-g0", "-msimd128", "-mbulk-memory", "-nostdlib", "-fno-builtin",
    "-Wl,--no-entry", "-Wl,--import-memory", "-Wl,--export=__heap_base", "-Wl,--strip-all", "-Wl,-z,stack-size=65536",
]  # fmt: skip


def compile_to(folder: Path) -> list[Path]:
    """Compile the kernels with the compiler that is installed; the bytes depend on its version alone."""
    made = []
    for kind, more in KINDS.items():
        file = folder / f"kernels-{kind}.wasm"
        command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, *more, "-o", str(file), str(BROWSER / "kernels.c")]
        subprocess.run(command, check=True)
        file.chmod(0o644)
        made.append(file)
    return made


if __name__ == "__main__":
    compile_to(BROWSER)
