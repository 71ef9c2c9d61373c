"""The manual: what it says of commands, keys, entries and messages is so, in each language and alike in all."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from generator.experiments import kinds
from generator.lab import read_lab
from generator.lab.braces import FILTERS, FUNCTIONS
from generator.lab.braces import NAMES as LOOKED_INTO
from generator.language import Language, languages, read_language
from generator.opened import open_network
from generator.report.common import content_pages, manual, page_header
from generator.report.reference import PARTS, keys, meaning, models_in, reference
from generator.report.text import environment, filled
from generator.results.artefacts import read_manifest
from tests.conftest import FRENCH, ROOT, change

LABS = {"fr": "content/tp.yml", "en": "examples/everyday/lab.yml"}
"""The lab that the examples of each manual are written for."""
NAMES = ("beginning", "experiment", "images", "machines", "question", "reference", "remedies")
"""What its pages are about, in their order."""
PAGES = {code: dict(zip(NAMES, manual(read_language(code)), strict=True)) for code in LABS}
TEXTS = {
    code: {name: path.read_text(encoding="utf-8") for name, path in pages.items()} for code, pages in PAGES.items()
}
ALL_TEXTS = [text for texts in TEXTS.values() for text in texts.values()]
FENCED = re.compile(r"^( *)(```+)(\w*)\n(.*?)^ *\2$", re.MULTILINE | re.DOTALL)
"""A piece of code: its indentation, its fence, its language, the code."""

every_language = pytest.mark.parametrize("code", LABS)


def parts(language: Language) -> Iterator[tuple[str, str, str]]:
    """All keys there are: their part, their name, and what a language says of them."""
    models = [*PARTS.items(), *kinds().items()]
    models += [(inner.__name__.lower(), inner) for kind in kinds().values() for _, inner in models_in(kind)]
    for part, model in models:
        for name, field in keys(part, model):
            yield part, name, meaning(part, name, field, language)
            assert field.description, f"{part}.{name} has no description for messages and other languages"


def blocks(code: str, page: str, language: str) -> list[str]:
    """The pieces of code of a page in a language, without the indentation they have in lists."""
    found = [match.groups() for match in FENCED.finditer(TEXTS[code][page])]
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, _, kind, text in found if kind == language]


def lab_with(folder: Path, code: str, **says: object) -> Path:
    """A lab file that says some things more, or otherwise, than the one that a manual's examples are written for."""
    parent = {"extends": str(ROOT / LABS[code]), "questions": str(folder), "pages": str(folder / "none")}
    (folder / "lab.yml").write_text(json.dumps(parent | says), encoding="utf-8")
    return folder / "lab.yml"


def ask_something(folder: Path, code: str) -> None:
    """Write a question, without which there is no lab."""
    statement = read_language(code).say("questions.statement")
    (folder / "q01.md").write_text(f"---\nnumber: 1\ntitle: Q\n---\n\n## {statement}\n\n?\n", encoding="utf-8")


class TestKeys:
    def test_each_is_explained_in_french_and_nothing_else_is(self) -> None:
        words = FRENCH.section("keys")
        used = {
            f"{part}.{name}" if f"{part}.{name}" in words else f"common.{name}"
            for part, name, _ in parts(FRENCH)
        }  # fmt: skip
        assert used - set(words) == set(), "a key without a French text"
        assert set(words) - used == set(), "a French text without a key"

    @every_language
    def test_the_reference_names_them_all(self, code: str) -> None:
        language = read_language(code)
        asked: dict[str, object] = {"reference": partial(reference, language=language)}
        page = filled(environment(language), PAGES[code]["reference"], TEXTS[code]["reference"], asked)
        rows = page.splitlines()
        for part, name, said in parts(language):
            assert any(row.startswith(f"- `{name}` (") and row.endswith(f": {said}.") for row in rows), (part, name)
        for kind in kinds():
            assert f"### `{kind}`" in page
        for name in (*LOOKED_INTO, *FUNCTIONS, *FILTERS):
            assert any(row.endswith(f": {language.say(f'braces.{name}')}.") for row in rows), name

    @pytest.mark.parametrize("code", languages())
    def test_it_is_written_in_every_language(self, code: str) -> None:
        table = reference("image", read_language(code))
        label = next(row for row in table.splitlines() if row.startswith("- `label`"))
        assert FRENCH.say("keys.image.label") in label if code == "fr" else "its true class" in label


class TestEntries:
    @every_language
    def test_every_kind_has_an_entry_that_works_as_it_is(self, code: str, tmp_path: Path) -> None:
        default = yaml.safe_load((ROOT / LABS[code]).read_text(encoding="utf-8"))
        experiments: dict[str, object] = dict.fromkeys(default["experiments"])
        for kind in kinds():
            ((name, entry),) = yaml.safe_load(read_language(code).words[f"kinds.{kind}.example"]).items()
            assert entry["kind"] == kind
            assert name not in experiments, "names are free to be used in that lab"
            experiments[name] = entry
        ask_something(tmp_path, code)
        assert len(read_lab(lab_with(tmp_path, code, experiments=experiments), tmp_path).experiments) == len(kinds())

    @every_language
    def test_the_page_of_experiments_shows_them(self, code: str) -> None:
        language = read_language(code)
        shown = re.findall(
            r"^### (\S+)$\n.*?```yaml\n(.*?)```", reference("examples", language), re.MULTILINE | re.DOTALL
        )
        assert {kind: yaml.safe_load(text) for kind, text in shown} == {
            kind: yaml.safe_load(language.words[f"kinds.{kind}.example"]) for kind in kinds()
        }
        assert '{{ reference("examples") }}' in TEXTS[code]["experiment"]
        assert f"`{LABS[code]}`" in TEXTS[code]["experiment"]

    @every_language
    def test_the_question_shown_is_one_and_may_make_the_claims_shown(self, code: str, tmp_path: Path) -> None:
        (text,) = blocks(code, "question", "markdown")
        examples = [read_language(code).words[f"kinds.{kind}.example"] for kind in ("localisation", "recognition")]
        localisation, recognition = map(yaml.safe_load, examples)
        for entry in recognition.values():
            entry.update(iterations=150, kin=["tabby"])
        lab = lab_with(tmp_path, code, experiments=localisation | recognition)
        answer = f"## {read_language(code).say('questions.answer')}\n"
        for claims in blocks(code, "question", "yaml"):
            (claim,) = yaml.safe_load(claims)["claims"]
            # The last one quotes another answer.
            quoted = f"\n{claim['says']}.\n" if "also" in claim else ""
            asked = re.sub("{% (end)?raw %}", "", text).replace("\n---\n", f"\n{claims}---\n", 1)
            (tmp_path / "q12-occlusion.md").write_text(asked.replace(answer, answer + quoted), encoding="utf-8")
            (question,) = read_lab(lab, tmp_path).questions
            assert question.evidence
            assert question.note
            assert len(question.claims) == 1

    @every_language
    def test_the_lab_that_extends_another_one_changes_it(self, code: str, tmp_path: Path) -> None:
        (text,) = blocks(code, "beginning", "yaml")
        says = yaml.safe_load(text)
        assert says.pop("extends") == Path(LABS[code]).name
        ask_something(tmp_path, code)
        lab = read_lab(lab_with(tmp_path, code, **says), tmp_path)
        for name, entry in says["experiments"].items():
            assert (name in lab.experiments) == (entry is not None)

    @every_language
    def test_networks_classes_and_images_are_said_like_that(self, code: str, tmp_path: Path) -> None:
        second, library, _, titles, images = map(yaml.safe_load, blocks(code, "images", "yaml"))
        ask_something(tmp_path, code)
        for network in (second, library):
            says = {"title": "T", "language": code, "questions": ".", **network, **titles, **images}
            says["experiments"] = {"e": {"kind": "saliency", "title": "E"}}
            (tmp_path / "lab.yml").write_text(json.dumps(says), encoding="utf-8")
            lab = read_lab(tmp_path / "lab.yml", tmp_path)
            (image,) = lab.images.values()
            assert lab.class_title(image.label) == images["images"][0]["label"]

    @every_language
    def test_the_network_of_ones_own_can_be_opened(self, code: str, tmp_path: Path) -> None:
        (function,) = blocks(code, "images", "python")
        says = yaml.safe_load(blocks(code, "images", "yaml")[2])
        (network,) = says["networks"].values()
        names = ast.literal_eval(re.search(r"= (\[.*\])", function)[1])  # type: ignore[index]
        (tmp_path / says["classes"]).write_text("\n".join(names), encoding="utf-8")
        (tmp_path / f"{network['architecture'].partition(':')[0]}.py").write_text(function, encoding="utf-8")
        shapes = {"0.weight": (8, 1, 5, 5), "0.bias": (8,), "2.weight": (16, 8, 3, 3), "2.bias": (16,)}
        shapes |= {"5.weight": (10, 576), "5.bias": (10,)}
        torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / network["weights"][0])
        np.savez(tmp_path / "digits.npz", X=np.zeros((2, 32, 32), np.uint8), y=[0, 1])
        says |= {"title": "T", "language": code, "questions": ".", "images": "digits.npz"}
        says["experiments"] = {"e": {"kind": "saliency", "title": "E"}}
        ask_something(tmp_path, code)
        (tmp_path / "lab.yml").write_text(json.dumps(says), encoding="utf-8")
        (name,) = says["networks"]
        opened = open_network(read_lab(tmp_path / "lab.yml", tmp_path), name)
        assert opened.scorer(torch.zeros(1, 1, 32, 32)).shape == (1, 10)


@pytest.fixture
def occlusion(project: Path) -> Path:
    """A copy of the project with the kind that the manual adds; nothing but its folder is new."""
    kind = project / "generator" / "experiments" / "occlusion"
    pieces = [*blocks("fr", "experiment", "python"), *blocks("fr", "experiment", "yaml")]
    (kind / "words").mkdir(parents=True)
    for name, text in zip(
        ("__init__.py", "compute.py", "show.py", "words/fr.yml", "words/en.yml"), pieces, strict=True
    ):
        (kind / name).write_text(text, encoding="utf-8")
    return project


class TestANewKind:
    """The one that the manual adds."""

    def test_is_the_same_in_each_manual(self) -> None:
        for language in ("python", "yaml"):
            assert blocks("en", "experiment", language) == blocks("fr", "experiment", language)

    def test_is_run_as_its_example_says(self, occlusion: Path) -> None:
        entry = yaml.safe_load(yaml.safe_load(blocks("fr", "experiment", "yaml")[0])["example"])
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
    @every_language
    def test_every_message_quoted_is_one(self, code: str) -> None:
        said = [(ROOT / "Makefile").read_text(encoding="utf-8")]
        for path in (ROOT / "generator").rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said += [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        quoted = [
            fragment
            for row in re.findall(r"^- ((?:`[^`]+`(?:, )?)+) ?: ", TEXTS[code]["remedies"], re.MULTILINE)
            for fragment in re.findall(r"`([^`]+)`", row)
        ]
        assert len(quoted) > 40
        assert len(quoted) == len(set(quoted)), "who looks for a message finds one remedy"
        missing = [fragment for fragment in quoted if not any(fragment in text for text in said)]
        assert not missing

    def test_every_command_named_exists(self) -> None:
        goals = re.findall(r"^([a-z ]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        known = {goal for line in goals for goal in line.split()}
        named = {goal for text in ALL_TEXTS for goal in re.findall(r"`make ([a-z]+)", text)}
        assert {"site", "enonce", "check", "serve", "zip", "pdf", "explain"} <= named
        assert named <= known
        for goal in {goal for text in ALL_TEXTS for goal in re.findall(r"-m generator (\w+)", text)}:
            assert f"def {goal}" in (ROOT / "generator" / "cli.py").read_text(encoding="utf-8")

    def test_files_named_exist(self) -> None:
        to_write = {"content/court.yml", "examples/everyday/short.yml"}
        for text in ALL_TEXTS:
            for name in re.findall(r"`((?:\.github|\.gitlab|\.ci|content|examples|tests)[\w./-]*\.?\w+)`", text):
                assert (ROOT / name).exists() or name in to_write, name


class TestPlace:
    @every_language
    def test_they_stand_together_and_lead_to_one_another(self, code: str) -> None:
        pages, texts = PAGES[code], TEXTS[code]
        assert len({page_header(path)["under"] for path in pages.values()}) == 1
        known = {path.stem for path in pages.values()}
        for name, text in texts.items():
            links = re.findall(r"\]\(([\w-]+)\.md(?:#[\w-]+)?\)", text)
            assert set(links) <= known, name
        led_to = {link for text in texts.values() for link in re.findall(r"\]\(([\w-]+)\.md", text)}
        assert led_to == known - {pages["beginning"].stem}

    @every_language
    def test_every_lab_has_those_of_its_language_beside_its_own(self, code: str, tmp_path: Path) -> None:
        (tmp_path / "none").mkdir()
        ask_something(tmp_path, code)
        (tmp_path / "none" / "mine.md").write_text("# Mine\n", encoding="utf-8")
        lab = read_lab(lab_with(tmp_path, code, pages="none"), tmp_path)
        assert content_pages(lab) == [tmp_path / "none" / "mine.md", *PAGES[code].values()]
        own = tmp_path / "none" / PAGES[code]["machines"].name
        own.write_text("# Our machines\n", encoding="utf-8")
        assert [path for path in content_pages(lab) if path.name == own.name] == [own]


SAID_AS = """
    mon-tp my-lab, content/tp.yml examples/everyday/lab.yml, content/court examples/everyday/short, essayer try,
    autre other, oiseau cat, fraises coffee, chat cat, chiffres digits, reseau network, saillance saliency,
    carre square, rond circle, poids weights, liste list, image picture, fichier file, dossier folder, calculs computed,
    ancien old, NOM NAME, chemin path, FONCTION FUNCTION, Titre Heading, avant before, après after, Échap Esc, q12 q05,
    Énoncé Statement, Réponse Answer, Mesures Measures, légende caption, EXPÉRIENCE EXPERIMENT, TABLEAU TABLE,
    MESURE MEASURE, gauche left, haut top, droite right, bas bottom, fr en, rendus handed-in, nom name, salle room,
    glossaire glossary
"""
"""The words in code that are not the program's own, in French and in English."""
ENGLISH_OF = dict(pair.split() for pair in SAID_AS.split(","))


def sections(code: str, page: str) -> list[tuple[int, str, list[str], Counter[str], Counter[str]]]:
    """The sections of a page: depth and heading; languages of its pieces of code, words in code, pages it leads to."""
    fences = FENCED.sub(lambda match: f"```{match[3]}```", TEXTS[code][page])
    roles = {path.stem: name for name, path in PAGES[code].items()}
    found = []
    for depth, heading, text in re.findall(r"^(#+) (.*)\n((?:(?!#+ ).*\n?)*)", fences, re.MULTILINE):
        pieces = re.findall("```(.*?)```", text)
        links = re.findall(r"\]\(([\w-]+)\.md(#)?", text)
        tokens = re.findall(r"`([^`]+)`", re.sub("```.*?```", "", text))
        found.append(
            (len(depth), heading, pieces, said_alike(tokens), Counter(roles[stem] + sign for stem, sign in links))
        )
    return found


def said_alike(tokens: list[str]) -> Counter[str]:
    """Pieces of code within sentences, with their French words in English; what is quoted there is prose."""
    words = re.compile("|".join(rf"(?<!\w){re.escape(french)}(?!\w)" for french in ENGLISH_OF))
    prose = re.compile(r'(?<=!\[)[^\]]+(?=\]\(\.\.)|(?<=title: ").*?(?=")')
    spaced = (re.sub(r"\s+", " ", prose.sub("…", token)) for token in tokens)
    return Counter(words.sub(lambda match: ENGLISH_OF[match[0]], token) for token in spaced)


class TestLanguages:
    """What one manual says, the other one says too."""

    @pytest.mark.parametrize("page", NAMES)
    def test_they_have_the_same_sections_code_and_links(self, page: str) -> None:
        french, english = sections("fr", page), sections("en", page)
        assert [depth for depth, *_ in french] == [depth for depth, *_ in english], "the same headings"
        for (_, heading, *ours), (_, title, *theirs) in zip(french, english, strict=True):
            for what, one, other in zip(("pieces of code", "words in code", "links"), ours, theirs, strict=True):
                assert one == other, f"{what} of “{heading}” and “{title}”"

    def test_each_is_written_in_its_own_way(self) -> None:
        for text in TEXTS["en"].values():
            prose = re.sub(r"`[^`]*`|{{.*?}}|^!!! .*$", "…", FENCED.sub("", text), flags=re.MULTILINE)
            assert not re.search(r"[«»\N{NO-BREAK SPACE}]| [:;?!]|[a-z]'[a-z]|(?<=[ (])\"", prose)
