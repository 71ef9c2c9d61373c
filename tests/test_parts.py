"""Parts and their keys: what each edit of a lab, of its words or of the code makes be computed again, and what not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generator.experiments import kinds
from generator.experiments.base import Part
from generator.lab import read_lab
from generator.project import KINDS
from generator.run import code, look
from generator.run.keys import Dependencies, Keys
from generator.run.reasons import Reason, changes, summed
from tests.conftest import FRENCH, ROOT, change

MACHINE = {"device": "cpu", "torch": "AVX2"}
Edit = Callable[[dict[str, Any]], object]


def keys_of(lab: Path, machine: Mapping[str, str] = MACHINE) -> dict[str, dict[Any, str]]:
    """The key of each part of each experiment of a lab."""
    read = read_lab(lab, lab.parent / "data", texts=False)
    keys = Keys(read, machine)
    return {name: Dependencies(read, name, keys, machine).keys for name in read.experiments}


def fingerprints_of(lab: Path) -> dict[str, dict[str, str]]:
    read = read_lab(lab, lab.parent / "data", texts=False)
    keys = Keys(read, MACHINE)
    return {name: Dependencies(read, name, keys, MACHINE).fingerprint for name in read.experiments}


def new_parts(before: Mapping[str, Mapping[Any, str]], after: Mapping[str, Mapping[Any, str]]) -> set[tuple[str, Any]]:
    """Which parts of which experiments would be computed, had all of the first ones been."""
    known = {key for parts in before.values() for key in parts.values()}
    return {(name, part) for name, parts in after.items() for part, key in parts.items() if key not in known}


def rename_image(lab: dict[str, Any]) -> None:
    lab["images"][0]["name"] = "aigle"
    lab["experiments"]["saillance"]["strips"]["bande"][0] = "aigle"
    lab["experiments"]["alligator"]["images"] = ["aigle"]


def rename_network(lab: dict[str, Any]) -> None:
    lab["networks"] = {"un": lab["networks"]["principal"]}


EDITS: dict[str, tuple[Edit, set[tuple[str, Any]]]] = {
    "a title of the lab": (lambda lab: lab.update(title="Autre"), set()),
    "another language": (lambda lab: lab.update(language="en"), set()),
    "a title of an experiment": (lambda lab: lab["experiments"]["grain"].update(title="Grain"), set()),
    "a note": (lambda lab: lab["experiments"]["grain"].update(note="Remarque."), set()),
    "a title of a photograph": (lambda lab: lab["images"][0].update(title="Aigle"), set()),
    "a name of a photograph": (rename_image, set()),
    "a name of a network": (rename_network, set()),
    "a title of a network": (lambda lab: lab["networks"]["principal"].update(title="Lite0"), set()),
    "boxes of a photograph": (lambda lab: lab["images"][0].update(boxes=[[0, 0, 1, 1]]), set()),
    "a strip": (lambda lab: lab["experiments"]["saillance"].pop("strips"), set()),
    "one photograph less": (lambda lab: lab["experiments"]["saillance"].update(images=["oiseau"], strips={}), set()),
    "one experiment less": (lambda lab: lab["experiments"].pop("grain"), set()),
    "the order of photographs": (lambda lab: lab["images"].reverse(), set()),
    "one photograph more": (
        lambda lab: lab["images"].append(
            {"name": "loup", "file": "package:foolbox/data/imagenet_01_559.jpg", "label": 559, "title": "Chaise"}
        ),
        {("saillance", "loup")},
    ),
    "the label of a photograph": (lambda lab: lab["images"][0].update(label="kite"), {("saillance", "oiseau")}),
    "a parameter": (lambda lab: lab["experiments"]["alligator"].update(step=0.6), {("alligator", "oiseau")}),
    "a target class": (lambda lab: lab["experiments"]["alligator"].update(target="zebra"), {("alligator", "oiseau")}),
    "one run's target": (
        lambda lab: lab["experiments"]["grain"]["runs"][0].update(target="zebra"),
        {("grain", "chat")},
    ),
    "an experiment's seed, where random numbers are drawn": (
        lambda lab: [lab["experiments"][name].update(seed=7) for name in lab["experiments"]],
        {("grain", "chat"), ("grain", "dogue")},
    ),
    "the normalisation": (
        lambda lab: lab["networks"]["principal"].update(mean=[0.5, 0.5, 0.5]),
        {
            ("saillance", "oiseau"),
            ("saillance", "mastiff"),
            ("alligator", "oiseau"),
            ("grain", "chat"),
            ("grain", "dogue"),
        },
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_new_parts_of_what_it_changes_and_of_nothing_else(edit: str, mini: Path) -> None:
    before = keys_of(mini)
    change(mini, EDITS[edit][0])
    assert new_parts(before, keys_of(mini)) == EDITS[edit][1]


def test_a_part_that_two_experiments_ask_for_is_one(mini: Path) -> None:
    change(mini, lambda lab: lab["experiments"].update(encore=dict(lab["experiments"]["saillance"], title="Encore")))
    keys = keys_of(mini)
    assert keys["saillance"] == keys["encore"]


def test_a_photograph_is_its_bytes_and_not_its_place(mini: Path) -> None:
    before = keys_of(mini)
    change(mini, lambda lab: lab["images"][0].update(file="aigle.jpg"))
    packaged = next(path for path in map(Path, sys.path) if (path / "foolbox").is_dir()) / "foolbox" / "data"
    photograph = mini.parent / "aigle.jpg"
    photograph.write_bytes((packaged / "imagenet_17_22.jpg").read_bytes())
    assert not new_parts(before, keys_of(mini))
    photograph.write_bytes((packaged / "imagenet_00_243.jpg").read_bytes())
    assert {name for name, _ in new_parts(before, keys_of(mini))} == {"saillance", "alligator"}


@pytest.mark.parametrize("other", [{"device": "cuda", "torch": "AVX2"}, {"device": "cpu", "torch": "AVX512"}])
def test_another_machine_makes_other_parts(other: dict[str, str], mini: Path) -> None:
    before, after = keys_of(mini), keys_of(mini, other)
    assert new_parts(before, after) == {(name, part) for name, parts in after.items() for part in parts}


def test_a_network_is_made_sure_of_once_whatever_it_is_shown(mini: Path) -> None:
    """To compare its gradients takes many seconds; to see what it sees in photographs takes one."""

    def looks() -> tuple[str, str]:
        read = read_lab(mini, mini.parent / "data", texts=False)
        keys = Keys(read, MACHINE)
        return keys.key(look.part("principal")), keys.key(look.answering(read, "principal"))

    before = looks()
    change(mini, lambda lab: lab["images"].reverse())
    assert looks()[0] == before[0]
    assert looks()[1] != before[1]
    change(mini, lambda lab: lab["networks"]["principal"].update(batch=2))
    assert looks()[0] != before[0]


class TestCode:
    """In a copy of the project whose code is edited, processes of their own say what they would do."""

    @pytest.mark.parametrize(
        ("module", "line", "computed"),
        [
            ("images", "SIDE = 1", {"saillance", "alligator", "grain"}),
            ("networks", "SHARE = 1", {"saillance", "alligator", "grain"}),
            ("vision/ascent", "FASTER = True", {"alligator", "grain", "saillance"}),
            ("vision/penalties", "WEIGHT = 2", {"alligator", "grain", "saillance"}),
            ("experiments/classvis/compute", "MORE = 1", {"grain"}),
            ("experiments/classvis/show", "MORE = 1", set()),
            ("experiments/stage", "MORE = 1", set()),
            ("charts", "INKIER = 1", set()),
            ("report/pages", "MORE = 1", set()),
            ("run/workers", "MORE = 1", set()),
            ("experiments/classvis/compute", "# a comment", set()),
        ],
    )
    def test_code_that_computes_makes_its_parts_new_and_no_other_does(
        self, module: str, line: str, computed: set[str], project: Path
    ) -> None:
        before = self.keys(project)
        path = project / "generator" / f"{module}.py"
        path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
        after = self.keys(project)
        assert {name for name in after if before[name] != after[name]} == computed

    @staticmethod
    def keys(project: Path) -> dict[str, str]:
        asked = (
            "import json; from pathlib import Path; from generator.lab import read_lab;"
            "from generator.run.keys import Dependencies, Keys;"
            "lab = read_lab(Path('tests/mini/lab.yml'), Path('data')); keys = Keys(lab, {});"
            "print(json.dumps({n: sorted(Dependencies(lab, n, keys, {}).keys.values()) for n in lab.experiments}))"
        )
        done = subprocess.run([sys.executable, "-c", asked], cwd=project, check=True, capture_output=True, text=True)
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def test_comments_and_docstrings_do_not_count(self) -> None:
        sources = ("x = 1\n", "# why\nx = 1\n", '"""Doc."""\nx = 1\n', "x = 2\n")
        hashes = [code.hash_of_code(source) for source in sources]
        assert hashes[0] == hashes[1] == hashes[2] != hashes[3]

    def test_every_task_depends_on_how_networks_are_opened_and_photographs_read(self, mini: Path) -> None:
        read = read_lab(mini, mini.parent)
        lines = Keys(read, MACHINE).task("generator.experiments.shared.tasks:saliency_map")
        assert {
            "code generator.vision.opening",
            "code generator.images",
            "code generator.vision.gradients",
        } <= lines.keys()
        assert {"version of torch", "version of timm", "version of numpy", "version of pillow"} <= lines.keys()
        assert not [line for line in lines if "charts" in line or "language" in line or "report" in line]

    @pytest.mark.parametrize(
        "task", ["generator.run.look:look", "generator.run.look:answers", "generator.run.programs:write"]
    )
    def test_what_only_types_need_is_no_code_that_computes(self, task: str, mini: Path) -> None:
        lines = Keys(read_lab(mini, mini.parent), MACHINE).task(task)
        assert "code generator.vision.opening" in lines
        assert not [line for line in lines if line.startswith(("code generator.lab", "code generator.language"))]


def changed(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> dict[str, list[Reason]]:
    return {name: [*changes(before[name], now[name])] for name in before}


class TestFingerprint:
    @pytest.mark.parametrize(
        ("edit", "line"),
        [
            (
                lambda lab: lab["images"][0].update(title="Aigle"),
                'titles of images: oiseau "Pygargue" → "Aigle" (saillance, alligator)',
            ),
            (lambda lab: lab["experiments"]["alligator"].update(step=0.6), "parameter step: 0.5 → 0.6 (alligator)"),
            (lambda lab: lab.update(language="en"), "language: fr → en (saillance, alligator, grain)"),
            (
                lambda lab: lab.update(class_titles={"American alligator": "Alligator"}),
                "names of classes: 50 American alligator → Alligator (alligator)",
            ),
            (lambda lab: lab["experiments"]["grain"]["runs"].pop(), "parameters no more: runs.dogue (grain)"),
        ],
    )
    def test_says_in_a_line_what_changed_from_what_to_what_and_for_which_experiments(
        self, edit: Edit, line: str, mini: Path
    ) -> None:
        before = fingerprints_of(mini)
        change(mini, edit)
        told = [*summed(changed(before, fingerprints_of(mini)))]
        assert line in told
        assert len(told) <= 3

    def test_says_once_that_images_and_networks_have_other_names_only(self, mini: Path) -> None:
        before = fingerprints_of(mini)
        text = re.sub(
            r"\boiseau\b", "aigle", re.sub(r"(?<!bull )(?<!-)mastiff", "chien", mini.read_text(encoding="utf-8"))
        )
        text = text.replace("principal:", "petit:").replace("title: Pygargue", "title: Aigle royal")
        mini.write_text(text, encoding="utf-8")
        assert [*summed(changed(before, fingerprints_of(mini)))] == [
            "networks renamed: principal → petit (saillance, alligator, grain)",
            "images renamed: oiseau → aigle, mastiff → chien (saillance, alligator, grain)",
            'titles of images: aigle "Pygargue" → "Aigle royal" (saillance, alligator)',
        ]

    def test_says_of_many_images_only_some_and_how_many_more(self, mini: Path) -> None:
        before = fingerprints_of(mini)
        more = [
            {"name": f"x{i}", "file": "package:foolbox/data/imagenet_01_559.jpg", "label": 559, "title": "x"}
            for i in range(9)
        ]
        change(mini, lambda lab: lab["images"].extend(more))
        assert [*summed(changed(before, fingerprints_of(mini)))] == [
            "images new: x0, x1, x2, x3, x4, x5 and 3 more (saillance)",
            "names of classes: 559 nothing → folding chair (saillance)",
        ]

    def test_an_answer_or_a_note_is_no_part_of_it(self, mini: Path) -> None:
        before = fingerprints_of(mini)
        question = mini.parent / "questions" / "q01-voir.md"
        question.write_text(question.read_text(encoding="utf-8") + "\nEncore.\n", encoding="utf-8")
        change(mini, lambda lab: lab["experiments"]["alligator"].update(note="Remarque."))
        assert fingerprints_of(mini) == before

    def test_a_word_counts_for_the_kinds_that_say_it(self) -> None:
        def said(kind: str) -> set[str]:
            return code.words_asked(code.code_used(f"generator.experiments.{kind}.show"), FRENCH, kind)

        assert "fooling.caption" in said("fooling")
        assert "fooling.caption" not in said("saliency")
        assert {"ascent.jitter", "common.class"} <= said("classvis")
        assert "home.title" not in said("classvis")
        assert not said("classvis") & {"kinds.classvis.about", "kinds.classvis.example", "keys.classvis.runs"}

    def test_is_taken_without_torch(self, mini: Path) -> None:
        asked = (
            "import sys; from pathlib import Path; from generator.lab import read_lab;"
            "from generator.run.keys import Dependencies, Keys;"
            f"lab = read_lab(Path({str(mini)!r}), Path('data'));"
            "[Dependencies(lab, name, Keys(lab, {}), {}).fingerprint for name in lab.experiments];"
            "sys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False).returncode == 0


class TestKinds:
    @pytest.mark.parametrize("kind", kinds())
    def test_a_kind_is_a_folder_with_its_words_in_all_languages(self, kind: str) -> None:
        names = {path.name for path in (KINDS / kind).iterdir()}
        assert {"__init__.py", "show.py", "words"} <= names
        assert {path.stem for path in (KINDS / kind / "words").glob("*.yml")} >= {"fr", "en"}


def test_a_seed_of_photographs_does_not_depend_on_their_company() -> None:
    from generator.experiments.given import Given

    one, other = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)
    assert Given((), (one,), 0).own_seed == Given((), (one.copy(),), 0).own_seed
    assert len({Given((), (one,), 0).own_seed, Given((), (other,), 0).own_seed, Given((), (one,), 1).own_seed}) == 3


def test_what_usually_suffices_is_no_more_than_the_most() -> None:
    assert Part("m:f", (), passes=10, usual=20).likely == 10
    assert Part("m:f", (), passes=100, usual=20).likely == 20
    assert Part("m:f", (), passes=100).likely == 100
