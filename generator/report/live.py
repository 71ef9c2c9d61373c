"""The page on which readers try the lab's networks: a page, an engine, and all it needs as classic scripts.

A page that is opened from a folder may add scripts, and read nothing else: weights, kernels and photographs are text in
scripts of their own, which the page asks for when the reader does.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from generator.experiments.base import Experiment
from generator.images import grey, read_image
from generator.lab import Lab
from generator.project import BROWSER, TEMPLATES
from generator.report.common import STUDENTS
from generator.report.mirror import Mirror
from generator.results.programs import NetworkProgram, read_program

FILES = (BROWSER / "engine.js", BROWSER / "images.js", TEMPLATES / "live.js", TEMPLATES / "live.css")
KERNELS = ("plain", "relaxed")
CHUNK = 3 << 20
"""Bytes of weights in one script."""
FOOLING = {"step": 0.5, "clamp": True}
"""How an image is fooled where the lab does not say so by an experiment of its own."""
GROWING = {
    "step": 8.0,
    "unit_gradient": True,
    "gradient_sigma": (1.3, 0.3),
    "iterations": 1000,
    "jitter": 16,
    "blur_sigma": 0.5,
    "blur_every": 10,
    "scales": (1,),
}
"""Likewise, how a class is grown."""
DREAMING = {
    "step": 4.0,
    "unit_gradient": True,
    "gradient_sigma": (1.0, 0.3),
    "iterations": 20,
    "jitter": 16,
    "scales": (1, 1.5, 2.2),
    "depth": 0.6,
}
"""Likewise, how a layer is dreamt of."""


def live_networks(lab: Lab, build: Path, edition: str) -> dict[str, NetworkProgram]:
    """The networks that an edition's readers may try, by name, the lab's first one first."""
    if lab.file.live == "staff" and edition == STUDENTS:
        return {}
    found = {name: read_program(build, name) for name in lab.tried}
    return {name: program for name, program in found.items() if program is not None and not program.refused}


def not_live(lab: Lab, build: Path) -> Iterator[str]:
    """A line for each network that readers cannot try, and why."""
    for name in lab.tried:
        program = read_program(build, name)
        if program is not None and program.refused:
            yield lab.tell(("networks", name), f"cannot be tried on a page of the site: {program.refused}")


def write_live(
    lab: Lab, build: Path, edition: str, mirror: Mirror, jinja: jinja2.Environment
) -> tuple[str, str] | None:
    """Write what the page needs, and its text; its name and its Markdown, None if there is nothing to try."""
    programs = live_networks(lab, build, edition)
    if not programs:
        return None
    for path in FILES:
        mirror.copy(path, f"live/{path.name}")
    for kernels in KERNELS:
        _script(mirror, f"kernels-{kernels}", (BROWSER / f"kernels-{kernels}.wasm").read_bytes())
    for name, program in programs.items():
        _write_program(mirror, name, program)
    for name in lab.images:
        _write_image(lab, name, programs, mirror)
    mirror.write("live/data.js", f"tpLive.data = {_json(_data(lab, programs))};\n")
    networks = [
        {
            "name": name,
            "title": lab.file.networks[name].title,
            "size": program.size,
            "megabytes": _megabytes(program),
            "nearness": _nearness(program),
        }
        for name, program in programs.items()
    ]
    markdown = jinja.get_template("live.md.jinja").render(
        lab=lab.file, networks=networks, images=list(lab.images.values())
    )
    return f"{lab.language.say('files.live')}.md", markdown


def _data(lab: Lab, programs: dict[str, NetworkProgram]) -> dict[str, Any]:
    """What the page knows of the lab."""
    typeset = lab.language.typeset
    fooling = _first(lab, "fooling")
    growing = _first(lab, "classvis")
    dreaming = _first(lab, "dream")
    labels = list(dict.fromkeys(image.label for image in lab.images.values()))
    # Some class that the first photograph is not of.
    other = labels[-1] if len(labels) > 1 else (labels[0] + 1) % len(lab.classes.names)
    return {
        "words": {key: typeset(text).strip() for key, text in lab.language.section("live.says").items()},
        "buttons": {
            key: typeset(lab.language.words[f"live.{key}"]) for key in ("load", "run", "pause", "smooth", "smooth-stop")
        },
        "networks": [
            {
                "name": name,
                "title": lab.file.networks[name].title,
                "size": program.size,
                "mean": program.mean,
                "std": program.std,
                "megabytes": _megabytes(program),
                "chunks": len(_chunks(program)),
                "bytes": len(program.weights),
            }
            for name, program in programs.items()
        ],
        "classes": [lab.class_title(index) for index in range(len(lab.classes.names))],
        "names": list(lab.classes.names),
        "images": [{"name": name, "title": image.title, "label": image.label} for name, image in lab.images.items()],
        "fooling": {
            **FOOLING,
            "target": other,
            **(fooling.model_dump(mode="json", include={"step", "clamp", "target"}) if fooling else {}),
        },
        "growing": {
            **GROWING,
            "target": growing.classes[0] if growing and growing.classes else labels[0],
            **(growing.model_dump(mode="json", include=set(GROWING)) if growing else {}),
        },
        "dreaming": {
            **DREAMING,
            **(dreaming.model_dump(mode="json", include=set(DREAMING)) if dreaming else {}),
        },
    }


def _first(lab: Lab, kind: str) -> Experiment | None:
    return next((experiment for experiment in lab.experiments.values() if experiment.kind == kind), None)


def _write_program(mirror: Mirror, name: str, program: NetworkProgram) -> None:
    mirror.write(f"live/{name}.js", f"tpLive.parts[{_json(name)}] = {_json(program.description)};\n")
    for number, chunk in enumerate(_chunks(program)):
        _script(mirror, f"{name}-{number}", chunk)


def _write_image(lab: Lab, name: str, programs: dict[str, NetworkProgram], mirror: Mirror) -> None:
    """A photograph in all sizes that the networks see: a script for each, without loss."""
    spec = lab.images[name]
    path = lab.locate(spec.file)
    for size, channels in sorted({(program.size, len(program.mean)) for program in programs.values()}):
        stat, known_as = path.stat(), f"image-{name}-{size}-{channels}"
        depends = hashlib.sha256(f"{path} {spec.index} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()
        mirror.once(
            f"{depends[:32]}-{size}-{channels}.live.js",
            partial(_encoded, path, size, spec.index, channels, known_as),
            f"live/{known_as}.js",
        )


def _encoded(path: Path, size: int, index: int | None, channels: int, known_as: str) -> bytes:
    pixels = read_image(path, size, index)
    buffer = BytesIO()
    Image.fromarray(pixels if channels > 1 else grey(pixels)).save(buffer, "WEBP", lossless=True, method=4)
    return _as_script(known_as, buffer.getvalue()).encode()


def _script(mirror: Mirror, name: str, content: bytes) -> None:
    mirror.write(f"live/{name}.js", _as_script(name, content))


def _as_script(name: str, content: bytes) -> str:
    return f"tpLive.parts[{_json(name)}] = {_json(base64.b64encode(content).decode())};\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _chunks(program: NetworkProgram) -> list[bytes]:
    return [program.weights[start : start + CHUNK] for start in range(0, len(program.weights), CHUNK)]


def _megabytes(program: NetworkProgram) -> float:
    """What a reader loads: base64 takes four letters for three bytes."""
    return round(len(program.weights) * 4 / 3 / 1e6, 1)


def _nearness(program: NetworkProgram) -> dict[str, float | int] | None:
    """How near the rounded network was to the lab's, for the reader; None where nothing was tried."""
    if not len(program.same):
        return None
    return {
        "of": len(program.same),
        "same": int(program.same.sum()),
        "scores": 100 * float(np.median(program.scores)),
        "worst": 100 * float(program.scores.max()),
        "rank": float(np.median(program.ranks)),
        "least": float(program.ranks.min()),
    }
