"""What is handed out: solutions that run, parts left open, and checks that know the definition only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import captum.attr
import nbclient
import nbformat
import pytest
import torch
from nbclient.exceptions import CellExecutionError
from torch import Tensor, nn

from generator.classroom import Classroom, NotYetError
from generator.errors import LabError
from generator.lab import read_lab
from generator.report.common import STAFF, STUDENTS
from generator.report.mirror import Mirror
from generator.report.worksheets import as_notebook, copy_notebooks, left_open, solved, worksheets, write_worksheets
from tests.conftest import FRENCH, ROOT, change

SHEETS = sorted((ROOT / "content" / "travaux" / "fr").glob("*.py"))


@pytest.fixture(scope="module")
def classroom() -> Classroom:
    """The default lab's, as a notebook opens it."""
    return Classroom(str(ROOT / "content" / "tp.yml"))


def gradient(network: nn.Module, image: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
    image = image.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(of(network(image)[0]), image)
    return found


def printed(notebook: str, folder: Path) -> str:
    """What a notebook prints when all its cells are executed, in order, by a kernel that starts in a folder."""
    cells = nbformat.reads(notebook, as_version=4)  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(cells, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in cells.cells for output in cell.get("outputs", ())]
    return "".join(output["text"] for output in outputs if output.output_type == "stream")


def test_a_solution_runs_as_a_script(tmp_path: Path) -> None:
    script = tmp_path / SHEETS[-1].name
    script.write_text(solved(SHEETS[-1].read_text(), FRENCH))
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "C’est juste" in done.stdout


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
class TestSheets:
    def test_the_solved_notebook_runs_from_top_to_bottom(self, path: Path) -> None:
        assert "C’est juste" in printed(as_notebook(solved(path.read_text(), FRENCH)), ROOT)

    def test_the_notebook_to_complete_stops_where_something_is_to_be_written(self, path: Path) -> None:
        with pytest.raises(CellExecutionError, match="encore à écrire") as stopped:
            printed(as_notebook(left_open(path.read_text(), FRENCH)), ROOT)
        # A student reads a sentence, and none of the lines of the check.
        assert "classroom.py" not in str(stopped.value)

    def test_the_students_version_has_no_line_of_the_solution(self, path: Path) -> None:
        source = path.read_text()
        opened = left_open(source, FRENCH)
        parts = re.findall(r"<solution>\n(.*?)# </solution>", source, re.DOTALL)
        assert parts
        assert opened.count('raise NotImplementedError("à vous")') == len(parts)
        assert "solution>" not in opened
        for line in "".join(parts).splitlines():
            assert len(line.strip()) < 12 or line not in opened

    def test_the_notebook_is_the_same_each_time(self, path: Path) -> None:
        assert as_notebook(path.read_text()) == as_notebook(path.read_text())
        assert '"cell_type": "markdown"' in as_notebook(path.read_text())


class TestAnotherLab:
    @pytest.fixture
    def sheets(self, mini: Path, tmp_path: Path) -> Callable[[str], Path]:
        def write(data: str) -> Path:
            mirror = Mirror(tmp_path / "docs", tmp_path / "pictures")
            write_worksheets(read_lab(mini, Path(data)), mirror, (STAFF,))
            return tmp_path / "docs" / "travaux"

        return write

    def test_its_worksheets_open_it(self, sheets: Callable[[str], Path], mini: Path) -> None:
        script = (sheets("data") / "saliency-corrige.py").read_text()
        assert f'salle = Classroom("{mini}")\n' in script
        opened = next(line for line in script.splitlines() if "Classroom(" in line)
        names: dict[str, Classroom] = {}
        exec(f"from generator.classroom import Classroom\n{opened}", names)  # noqa: S102  # as a notebook would
        assert names["salle"].names == ["oiseau", "mastiff"]

    def test_they_know_the_folder_of_files_that_were_given(self, sheets: Callable[[str], Path], mini: Path) -> None:
        assert f'salle = Classroom("{mini}", "given")\n' in (sheets("given") / "fooling-corrige.py").read_text()

    def test_they_are_the_project_s_and_its_own(self, mini: Path) -> None:
        own = mini.parent / "travaux" / "fr"
        own.mkdir(parents=True)
        (own / "mien.py").write_text("# %%\nsalle = Classroom()\n")
        (own / "fooling.py").write_text("# %%\n# Le mien.\n")
        found = {sheet.stem: sheet.script for sheet in worksheets(read_lab(mini, Path("data")), STAFF)}
        assert list(found) == ["classvis-corrige", "fooling-corrige", "mien-corrige", "saliency-corrige"]
        assert found["fooling-corrige"] == "# %%\n# Le mien.\n"

    def test_one_of_its_own_takes_the_place_of_those_that_it_names(self, mini: Path) -> None:
        own = mini.parent / "travaux" / "fr"
        own.mkdir(parents=True)
        (own / "mien.py").write_text("# replace: saliency, classvis\n# %%\nsalle = Classroom()\n")
        found = {sheet.stem: sheet.script for sheet in worksheets(read_lab(mini, Path("data")), STAFF)}
        assert list(found) == ["fooling-corrige", "mien-corrige"]
        assert "replace" not in found["mien-corrige"]

    def test_they_say_the_class_that_it_aims_at(self, mini: Path) -> None:
        found = {sheet.stem: sheet.script for sheet in worksheets(read_lab(mini, Path("data")), STUDENTS)}
        assert "target = 50\n" in found["fooling-enonce"]

    def test_one_that_somebody_works_on_stays(self, mini: Path, tmp_path: Path) -> None:
        lab = read_lab(mini, Path("data"))
        assert list(copy_notebooks(lab, tmp_path / "mine")) == [
            f"{name}-enonce.ipynb" for name in ("classvis", "fooling", "saliency")
        ]
        (tmp_path / "mine" / "fooling-enonce.ipynb").write_text("done")
        (tmp_path / "mine" / "saliency-enonce.ipynb").unlink()
        assert list(copy_notebooks(lab, tmp_path / "mine")) == ["saliency-enonce.ipynb"]
        assert (tmp_path / "mine" / "fooling-enonce.ipynb").read_text() == "done"

    def test_they_find_it_wherever_they_are_opened_from(self, tmp_path: Path) -> None:
        lab = read_lab(ROOT / "content" / "tp.yml", Path("data"))
        (sheet,) = (sheet for sheet in worksheets(lab, STAFF) if sheet.stem.startswith("saliency"))
        assert "C’est juste" in printed(sheet.notebook, tmp_path)

    def test_they_are_on_subjects_that_it_has(self, sheets: Callable[[str], Path], mini: Path) -> None:
        mini.write_text(mini.read_text().split("  grain:")[0])
        (mini.parent / "questions" / "q02-tromper.md").unlink()
        assert {path.stem for path in sheets("data").glob("*.py")} == {"saliency-corrige", "fooling-corrige"}

    def test_they_open_it_without_its_questions(self, mini: Path) -> None:
        shutil.rmtree(mini.parent / "questions")
        assert Classroom(str(mini)).names == ["oiseau", "mastiff"]

    def test_those_of_the_default_lab_name_none(self, tmp_path: Path) -> None:
        lab = read_lab(ROOT / "content" / "tp.yml", Path("data"))
        write_worksheets(lab, Mirror(tmp_path / "docs", tmp_path / "pictures"), (STAFF,))
        assert "salle = Classroom()\n" in (tmp_path / "docs" / "travaux" / "saliency-corrige.py").read_text()


class TestSaliencyCheck:
    def test_accepts_an_independent_library_s(self, classroom: Classroom, capsys: pytest.CaptureFixture[str]) -> None:
        classroom.check_saliency(
            lambda network, image, label: (
                captum.attr.Saliency(network).attribute(image.clone().requires_grad_(), label)[0].amax(0)
            )
        )
        assert "C’est juste" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("wrong", "hint"),
        [
            (lambda n, i, y: gradient(n, i, lambda s: s[y])[0].abs().sum(0), "additionner les canaux"),
            (lambda n, i, y: gradient(n, i, lambda s: s[y])[0].abs().mean(0), "la moyenne des canaux"),
            (lambda n, i, y: gradient(n, i, lambda s: s[y])[0].amax(0), "oublié la valeur absolue"),
            (lambda n, i, y: gradient(n, i, lambda s: s.softmax(0)[y])[0].abs().amax(0), "avant softmax"),
            (lambda n, i, y: gradient(n, i, lambda s: s[0])[0].abs().amax(0), "différences finies"),
            (lambda n, i, y: gradient(n, i, lambda s: s[y]).abs().amax(1), "attendue est (12, 12), non (1, 12, 12)"),
            (lambda n, i, y: None, "return manque-t-il"),
            (lambda n, i, y: i.add_(1)[0, 0], "a modifié l’image reçue"),
        ],
    )
    def test_names_the_mistake(self, classroom: Classroom, wrong: Callable[..., Tensor], hint: str) -> None:
        with pytest.raises(NotYetError, match=re.escape(hint)):
            classroom.check_saliency(wrong)

    def test_finds_gradients_that_add_up(self, classroom: Classroom) -> None:
        kept: list[Tensor] = []

        def adding(network: nn.Module, image: Tensor, label: int) -> Tensor:
            kept.append(gradient(network, image, lambda s: s[label]))
            return torch.stack(kept).sum(0)[0].abs().amax(0)

        with pytest.raises(NotYetError, match="remettez-les à zéro"):
            classroom.check_saliency(adding)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda n, i, y, eta: i - eta * (g := gradient(n, i, lambda s: s[y])) / g.norm(), "vous descendez"),
        (lambda n, i, y, eta: i + eta * gradient(n, i, lambda s: s[y]), "n’est pas divisé par sa norme"),
        (lambda n, i, y, eta: i + (g := gradient(n, i, lambda s: s[y])) / g.norm(), "le pas η manque"),
        (lambda n, i, y, eta: i + eta * gradient(n, i, lambda s: s[y]).sign(), "FGSM"),
        (lambda n, i, y, eta: i + eta * (g := gradient(n, i, lambda s: s[0])) / g.norm(), "différences finies"),
    ],
)
def test_the_fooling_check_names_the_mistake(classroom: Classroom, wrong: Callable[..., Tensor], hint: str) -> None:
    with pytest.raises(NotYetError, match=hint):
        classroom.check_fooling(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda n, i, y, eta, w: i + eta * gradient(n, i, lambda s: s[y]), "manque"),
        (lambda n, i, y, eta, w: i + eta * (gradient(n, i, lambda s: s[y]) + w * i / i.norm()), "mauvais signe"),
        (lambda n, i, y, eta, w: i + eta * (gradient(n, i, lambda s: s[y]) - 2 * w * i), "sans carré"),
    ],
)
def test_the_class_visualisation_check_names_the_mistake(
    classroom: Classroom, wrong: Callable[..., Tensor], hint: str
) -> None:
    with pytest.raises(NotYetError, match=hint):
        classroom.check_classvis(wrong)


# What students write first.


def raises(network: nn.Module, image: Tensor, label: int) -> Tensor:
    raise IndexError(network(image)[0, 99])


def no_gradient_is_followed(network: nn.Module, image: Tensor, label: int) -> Tensor:
    network(image)[0, label].backward()
    return image


def another_image_is_followed(network: nn.Module, image: Tensor, label: int) -> Tensor:
    image, other = image.clone().requires_grad_(), image.clone().requires_grad_()
    return torch.autograd.grad(network(other)[0, label], image)[0]


def a_copy_was_made_too_late(network: nn.Module, image: Tensor, label: int) -> Tensor:
    network(image.clone().requires_grad_())[0, label].backward()
    return image.grad.abs()  # type: ignore[union-attr]


def all_scores_at_once(network: nn.Module, image: Tensor, label: int) -> Tensor:
    image = image.clone().requires_grad_()
    return torch.autograd.grad(network(image), image)[0]


def changes_a_followed_image(network: nn.Module, image: Tensor, label: int) -> Tensor:
    image = image.clone().requires_grad_()
    image += 1
    return image


def twice_through_one_graph(network: nn.Module, image: Tensor, label: int) -> Tensor:
    image = image.clone().requires_grad_()
    score = network(image)[0, label]
    score.backward()
    score.backward()
    return image


def a_followed_tensor_as_array(network: nn.Module, image: Tensor, label: int) -> object:
    return image.clone().requires_grad_().numpy()


def single_precision(network: nn.Module, image: Tensor, label: int) -> Tensor:
    image = image.float().requires_grad_()
    return torch.autograd.grad(network(image)[0, label], image)[0]


def other_arguments(network: nn.Module, image: Tensor) -> Tensor:
    return image[0, 0]


def for_ever(network: nn.Module, image: Tensor, label: int) -> Tensor:
    while True:
        image = image.clone()


@pytest.fixture(scope="module", params=["fr", "en"])
def room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    """One for each language."""
    lab = shutil.copytree(ROOT / "tests" / "mini", tmp_path_factory.mktemp("room"), dirs_exist_ok=True) / "lab.yml"
    change(lab, lambda data: data.update(language=request.param))
    return Classroom(str(lab))


@pytest.mark.parametrize(
    ("wrong", "french", "english"),
    [
        (raises, "network(image)[0, 99]) (IndexError: ", "network(image)[0, 99]) (IndexError: "),
        (no_gradient_is_followed, "commencez par image = image.detach()", "begin with image = image.detach()"),
        (another_image_is_followed, "sur celle qui a requires_grad", "on the one with requires_grad"),
        (a_copy_was_made_too_late, ".grad vaut None", ".grad is None"),
        (all_scores_at_once, "On ne dérive qu’un nombre", "Only one number can be differentiated"),
        (changes_a_followed_image, "image += 1 (RuntimeError", "image += 1 (RuntimeError"),
        (changes_a_followed_image, "calculez une nouvelle image", "compute a new image"),
        (twice_through_one_graph, "Vous dérivez deux fois", "You differentiate the same computation twice"),
        (a_followed_tensor_as_array, "Restez en PyTorch", "Stay in PyTorch"),
        (single_precision, "sans .float()", "without .float()"),
        (other_arguments, "avec (network, image, label) : elle attend (network", "it takes (network"),
        (for_ever, "au bout de 0,5 secondes", "after 0.5 seconds"),
        (torch.zeros(2), "sans parenthèses ni arguments, non Tensor", "without parentheses or arguments, not Tensor"),
        (lambda n, i, y: None, "ne rend rien", "returns nothing"),
        (lambda n, i, y: i[0, 0].numpy(), "un tableau NumPy", "a NumPy array"),
        (lambda n, i, y: i[0, 0].tolist(), "plusieurs valeurs (list)", "several values (list)"),
        (lambda n, i, y: 3, "un tenseur, non int", "a tensor, not int"),
        (lambda n, i, y: i, "(12, 12), non (1, 3, 12, 12)", "(12, 12), not (1, 3, 12, 12)"),
        (lambda n, i, y: i[0, 0] > 0, "non torch.bool", "not torch.bool"),
        (lambda n, i, y: i[0, 0] / 0, "NaN", "NaN"),
        (lambda n, i, y: i.add_(1)[0, 0], "travaillez sur une copie", "work on a copy"),
    ],
)
def test_a_first_mistake_is_told_in_a_sentence_that_helps(
    room: Classroom, wrong: Callable[..., Tensor], french: str, english: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.classroom.PATIENCE", 0.5)
    with pytest.raises(NotYetError) as error:
        room.check_saliency(wrong)
    said = str(error.value)
    assert (english if said.startswith(("Your", "For ", "The ")) else french) in said
    assert "\n" not in said


def test_a_function_that_is_still_to_be_written_says_so(room: Classroom) -> None:
    def step(network: nn.Module, image: Tensor, target: int, eta: float) -> Tensor:
        raise NotImplementedError

    with pytest.raises(NotYetError, match=r"encore à écrire|still to be written"):
        room.check_fooling(step)


def test_what_interrupts_a_check_is_still_the_student_s_own(room: Classroom) -> None:
    def interrupted(network: nn.Module, image: Tensor, label: int) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        room.check_saliency(interrupted)


def test_a_script_shows_what_a_check_says_without_a_traceback() -> None:
    script = "from generator.classroom import NotYetError\nraise NotYetError('Pas encore.')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Pas encore.\n"


MARKS = {
    "a misspelt end": ("x = 1\n# <solution>\nx = 2\n# </soluton>\n", 4, "# </soluton> is no mark"),
    "a misspelt begin": ("# <solutoin>\nx = 2\n# </solution>\n", 1, 'did you mean "<solution>"?'),
    "no end": ("x = 1\n# <solution>\nx = 2\n", 2, "has no # </solution>"),
    "no begin": ("x = 2\n# </solution>\n", 2, "no # <solution> goes before it"),
    "two begins": ("# <solution>\n# <solution>\n# </solution>\n", 2, "the one of line 1 has no # </solution>"),
    "an end further in": ("# <solution>\nif x:\n    # </solution>\n", 3, "is not indented like"),
    "no space": ("#<solution>\nx = 2\n# </solution>\n", 1, "is no mark; expected # <solution>"),
    "capitals": ("# <Solution>\nx = 2\n# </Solution>\n", 1, "is no mark; expected # <solution>"),
    "half a mark": ("# <solution\nx = 2\n# </solution>\n", 1, "is no mark; expected # <solution>"),
    "another word": ("# <corrigé>\nx = 2\n# </corrigé>\n", 1, "# <corrigé> is no mark"),
    "behind code": ("x = 1  # <solution>\nx = 2\n# </solution>\n", 1, "stands behind code"),
    "a space behind": ("# <solution> \nx = 2\n# </solution>\n", 1, "is no mark"),
}


@pytest.fixture
def sheet(mini: Path) -> Path:
    """Where the smallest lab's own worksheet goes."""
    path = mini.parent / "travaux" / "fr" / "mien.py"
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_that_would_hand_out_a_solution_is_told_with_its_line(name: str, mini: Path, sheet: Path) -> None:
    text, line, said = MARKS[name]
    sheet.write_text(text, encoding="utf-8")
    with pytest.raises(LabError) as error:
        read_lab(mini, mini.parent / "data")
    (problem,) = error.value.problems
    assert problem.startswith(f"{sheet}:{line}: ")
    assert said in problem


def test_a_comment_that_is_no_mark_is_none(mini: Path, sheet: Path) -> None:
    sheet.write_text("# Une solution ?\n# a < b\n# <https://example.org>\nx = 1  # < 3\n", encoding="utf-8")
    assert read_lab(mini, mini.parent / "data")
