"""What is handed out: solutions that run, parts left open, and checks that know the definition only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from generator.classroom import Classroom, NotYetError
from generator.report.worksheets import as_notebook, left_open, solved
from tests.conftest import ROOT

SHEETS = sorted((ROOT / "content" / "travaux" / "fr").glob("*.py"))


@pytest.fixture(scope="module")
def classroom() -> Classroom:
    """The default lab's, as a notebook opens it."""
    return Classroom(str(ROOT / "content" / "tp.yml"))


def gradient(network: nn.Module, image: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
    image = image.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(of(network(image)[0]), image)
    return found


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
class TestSheets:
    def test_the_solution_runs_from_top_to_bottom(self, path: Path, tmp_path: Path) -> None:
        script = tmp_path / path.name
        script.write_text(solved(path.read_text()))
        environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, str(script)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "C’est juste" in done.stdout

    def test_the_students_version_has_no_line_of_the_solution(self, path: Path) -> None:
        source = path.read_text()
        opened = left_open(source)
        parts = re.findall(r"<solution>\n(.*?)# </solution>", source, re.DOTALL)
        assert parts
        assert opened.count('raise NotImplementedError("à vous")') == len(parts)
        assert "solution>" not in opened
        for line in "".join(parts).splitlines():
            assert len(line.strip()) < 12 or line not in opened

    def test_the_notebook_is_the_same_each_time(self, path: Path) -> None:
        assert as_notebook(path.read_text()) == as_notebook(path.read_text())
        assert '"cell_type": "markdown"' in as_notebook(path.read_text())


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
            (lambda n, i, y: gradient(n, i, lambda s: s[y])[0].abs().sum(0), "additionner les trois canaux"),
            (lambda n, i, y: gradient(n, i, lambda s: s[y])[0].abs().mean(0), "la moyenne des trois canaux"),
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
