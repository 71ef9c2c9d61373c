"""The manual: what it says of commands, keys, entries and messages is so."""

from __future__ import annotations

import ast
import json
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
from generator.results.artefacts import read_manifest
from tests.conftest import FRENCH, ROOT, change

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
    @pytest.mark.parametrize("code", languages())
    def test_every_kind_has_an_entry_that_works_as_it_is(self, code: str, tmp_path: Path) -> None:
        default = yaml.safe_load((ROOT / "content" / "tp.yml").read_text(encoding="utf-8"))
        experiments: dict[str, object] = dict.fromkeys(default["experiments"])
        for kind in kinds():
            ((name, entry),) = yaml.safe_load(read_language(code).words[f"kinds.{kind}.example"]).items()
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

    def test_the_page_of_experiments_shows_them(self) -> None:
        shown = re.findall(
            r"^### (\S+)$\n.*?```yaml\n(.*?)```", reference("examples", FRENCH), re.MULTILINE | re.DOTALL
        )
        assert {kind: yaml.safe_load(text) for kind, text in shown} == {
            kind: yaml.safe_load(FRENCH.words[f"kinds.{kind}.example"]) for kind in kinds()
        }
        assert '{{ reference("examples") }}' in TEXTS["reutiliser-experience"]

    def test_the_question_shown_is_one(self, tmp_path: Path) -> None:
        (text,) = re.findall(r"^````markdown\n(.*?)^````$", TEXTS["reutiliser-question"], re.MULTILINE | re.DOTALL)
        (tmp_path / "q12-occlusion.md").write_text(re.sub(r"{% (end)?raw %}", "", text), encoding="utf-8")
        lab = {"extends": str(ROOT / "content" / "tp.yml"), "questions": str(tmp_path), "pages": str(tmp_path / "none")}
        (tmp_path / "lab.yml").write_text(json.dumps(lab), encoding="utf-8")
        (question,) = read_lab(tmp_path / "lab.yml", tmp_path).questions
        assert question.evidence
        assert question.note


@pytest.fixture
def occlusion(project: Path) -> Path:
    """A copy of the project with the kind that the manual adds; nothing but its folder is new."""
    kind = project / "generator" / "experiments" / "occlusion"
    pieces = [*blocks("reutiliser-experience", "python"), *blocks("reutiliser-experience", "yaml")]
    (kind / "words").mkdir(parents=True)
    for name, text in zip(
        ("__init__.py", "compute.py", "show.py", "words/fr.yml", "words/en.yml"), pieces, strict=True
    ):
        (kind / name).write_text(text, encoding="utf-8")
    return project


class TestANewKind:
    """The one that the manual adds."""

    def test_is_run_as_its_example_says(self, occlusion: Path) -> None:
        entry = yaml.safe_load(yaml.safe_load(blocks("reutiliser-experience", "yaml")[0])["example"])
        entry["occlusion"] |= {"images": ["oiseau"], "grid": 3}
        change(occlusion / "tests" / "mini" / "lab.yml", lambda lab: lab["experiments"].update(entry))
        command = [sys.executable, "-m", "generator", "run", "--lab", "tests/mini/lab.yml", "--family", "saliency"]
        done = subprocess.run(command, cwd=occlusion, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        manifest = read_manifest(occlusion / "build" / "results" / "occlusion")
        assert manifest is not None
        (figure,) = manifest.figures
        assert figure.title == "Pygargue"

    def test_keeps_the_rules_of_all_kinds(self, occlusion: Path) -> None:
        shutil.copytree(ROOT / "tests", occlusion / "tests", dirs_exist_ok=True, ignore=shutil.ignore_patterns("mini"))
        for name in ("pyproject.toml", "Makefile"):
            shutil.copy(ROOT / name, occlusion)
        rules = [f"tests/test_{name}.py" for name in ("architecture", "parts", "sizes", "language", "manual")]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *rules]
        chosen = ["-k", "occlusion or TestKeys or TestEntries"]
        done = subprocess.run([*command, *chosen], cwd=occlusion, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        passed = re.search(r"(\d+) passed", done.stdout)
        assert passed is not None
        assert int(passed[1]) > 15


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
        assert {page_header(path)["under"] for path in PAGES.values()} == {"Réutiliser"}
        assert next(iter(PAGES)) == "reutiliser", "the path comes first"
        for name, text in TEXTS.items():
            links = re.findall(r"\]\(([\w-]+)\.md(?:#[\w-]+)?\)", text)
            assert set(links) <= set(PAGES), name
        led_to = {link for text in TEXTS.values() for link in re.findall(r"\]\(([\w-]+)\.md", text)}
        assert led_to == set(PAGES) - {"reutiliser"}
