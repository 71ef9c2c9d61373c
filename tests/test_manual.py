"""The manual: what it says of commands, keys, entries and messages is so."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from generator.experiments import kinds
from generator.lab import read_lab
from generator.language import languages, read_language
from generator.report.common import content_pages, page_header
from generator.report.reference import PARTS, keys, meaning, models_in, reference
from generator.report.text import environment, filled
from tests.conftest import FRENCH, ROOT

PAGES = {
    path.stem: path
    for path in content_pages(read_lab(ROOT / "content" / "tp.yml", ROOT / "data"))
    if path.stem.startswith("reutiliser")
}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}


def parts() -> Iterator[tuple[str, str, str]]:
    """All keys there are: their part, their name, and what French says of them."""
    models = [*PARTS.items(), *kinds().items()]
    models += [(inner.__name__.lower(), inner) for kind in kinds().values() for _, inner in models_in(kind)]
    for part, model in models:
        for name, field in keys(part, model):
            yield part, name, meaning(part, name, field, FRENCH)
            assert field.description, f"{part}.{name} has no description for messages and other languages"


def blocks(page: str, language: str) -> list[str]:
    """The pieces of code of a page in a language, without the indentation they have in lists."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", TEXTS[page], re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


class TestKeys:
    def test_each_is_explained_in_french_and_nothing_else_is(self) -> None:
        words = FRENCH.section("keys")
        used = {
            f"{part}.{name}" if f"{part}.{name}" in words else f"common.{name}"
            for part, name, _ in parts()
        }  # fmt: skip
        assert used - set(words) == set(), "a key without a French text"
        assert set(words) - used == set(), "a French text without a key"

    def test_the_reference_names_them_all(self) -> None:
        jinja = environment(FRENCH)
        page = filled(
            jinja,
            PAGES["reutiliser-reference"],
            TEXTS["reutiliser-reference"],
            {"reference": partial(reference, language=FRENCH)},
        )
        rows = page.splitlines()
        for part, name, said in parts():
            assert any(row.startswith(f"- `{name}` (") and row.endswith(f" : {said}.") for row in rows), (part, name)
        for kind in kinds():
            assert f"### `{kind}`" in page

    @pytest.mark.parametrize("code", languages())
    def test_it_is_written_in_every_language(self, code: str) -> None:
        table = reference("image", read_language(code))
        label = next(row for row in table.splitlines() if row.startswith("- `label`"))
        assert FRENCH.say("keys.image.label") in label if code == "fr" else "its true class" in label


class TestEntries:
    def test_every_kind_has_an_entry_that_works_as_it_is(self, tmp_path: Path) -> None:
        text = TEXTS["reutiliser-experience"]
        shown = re.findall(r"^### (\S+)$\n.*?```yaml\n(.*?)```", text, re.MULTILINE | re.DOTALL)
        assert sorted(kind for kind, _ in shown) == sorted(kinds())
        default = yaml.safe_load((ROOT / "content" / "tp.yml").read_text(encoding="utf-8"))
        experiments: dict[str, object] = dict.fromkeys(default["experiments"])
        for kind, text in shown:
            ((name, entry),) = yaml.safe_load(text).items()
            assert entry["kind"] == kind
            assert name not in experiments, "names are free to be used in the default lab"
            experiments[name] = entry
        (tmp_path / "q01.md").write_text("---\nnumber: 1\ntitle: Q\n---\n\n## Énoncé\n\nQuoi ?\n", encoding="utf-8")
        lab = {
            "extends": str(ROOT / "content" / "tp.yml"),
            "questions": str(tmp_path),
            "pages": str(tmp_path / "none"),
            "experiments": experiments,
        }
        (tmp_path / "lab.yml").write_text(json.dumps(lab), encoding="utf-8")
        assert len(read_lab(tmp_path / "lab.yml", tmp_path).experiments) == len(kinds())

    def test_a_new_kind_is_one_file(self, tmp_path: Path) -> None:
        for folder in ("generator", "content/words", "templates", "tests/mini"):
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
        (code,) = blocks("reutiliser-experience", "python")
        (tmp_path / "generator" / "experiments" / "occlusion.py").write_text(code, encoding="utf-8")
        entry = yaml.safe_load(blocks("reutiliser-experience", "yaml")[-1])
        lab = yaml.safe_load((tmp_path / "tests" / "mini" / "lab.yml").read_text(encoding="utf-8"))
        entry["experiments"]["occlusion"]["images"] = ["oiseau"]
        lab["experiments"] |= entry["experiments"]
        (tmp_path / "tests" / "mini" / "lab.yml").write_text(yaml.safe_dump(lab), encoding="utf-8")
        command = [sys.executable, "-m", "generator", "run", "--lab", "tests/mini/lab.yml", "--family", "saliency"]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "build" / "results" / "occlusion" / "oiseau.png").is_file()

    def test_the_question_shown_is_one(self, tmp_path: Path) -> None:
        (text,) = re.findall(r"^````markdown\n(.*?)^````$", TEXTS["reutiliser-question"], re.MULTILINE | re.DOTALL)
        (tmp_path / "q12-occlusion.md").write_text(re.sub(r"{% (end)?raw %}", "", text), encoding="utf-8")
        lab = {"extends": str(ROOT / "content" / "tp.yml"), "questions": str(tmp_path), "pages": str(tmp_path / "none")}
        (tmp_path / "lab.yml").write_text(json.dumps(lab), encoding="utf-8")
        (question,) = read_lab(tmp_path / "lab.yml", tmp_path).questions
        assert question.evidence
        assert question.note


class TestWords:
    def test_every_message_quoted_is_one(self) -> None:
        said = [(ROOT / "Makefile").read_text(encoding="utf-8")]
        for path in (ROOT / "generator").rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said += [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        quoted = [
            fragment
            for row in re.findall(r"^- ((?:`[^`]+`(?:, )?)+) :", TEXTS["reutiliser-secours"], re.MULTILINE)
            for fragment in re.findall(r"`([^`]+)`", row)
        ]
        assert len(quoted) > 40
        missing = [fragment for fragment in quoted if not any(fragment in text for text in said)]
        assert not missing

    def test_every_command_named_exists(self) -> None:
        goals = re.findall(r"^([a-z ]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        known = {goal for line in goals for goal in line.split()}
        named = {goal for text in TEXTS.values() for goal in re.findall(r"`make ([a-z]+)", text)}
        assert {"site", "enonce", "check", "serve", "zip", "pdf", "explain"} <= named
        assert named <= known
        for goal in {goal for text in TEXTS.values() for goal in re.findall(r"-m generator (\w+)", text)}:
            assert f"def {goal}" in (ROOT / "generator" / "cli.py").read_text(encoding="utf-8")

    def test_files_named_exist(self) -> None:
        for text in TEXTS.values():
            for name in re.findall(r"`((?:\.github|\.gitlab|\.ci|content|tests)[\w./-]*\.?\w+)`", text):
                assert (ROOT / name).exists() or name == "content/court.yml", name


class TestPlace:
    def test_they_stand_together_and_lead_to_one_another(self) -> None:
        assert all(page_header(path) == {"under": "Réutiliser"} for path in PAGES.values())
        assert next(iter(PAGES)) == "reutiliser", "the path comes first"
        for name, text in TEXTS.items():
            links = re.findall(r"\]\(([\w-]+)\.md(?:#[\w-]+)?\)", text)
            assert set(links) <= set(PAGES), name
        led_to = {link for text in TEXTS.values() for link in re.findall(r"\]\(([\w-]+)\.md", text)}
        assert led_to == set(PAGES) - {"reutiliser"}
