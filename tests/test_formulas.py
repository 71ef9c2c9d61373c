"""Formulas as they are usual in Markdown: each one is shown, or told with its line; what only looks like one stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.lab.formulas import formula_problems
from generator.report.text import finished
from tests.conftest import FRENCH

SHOWN = {
    "in a line": ("La norme $a^2$ du pas.", "<msup><mi>a</mi><mn>2</mn></msup>"),
    "in parentheses": (r"La norme \(a^2\) du pas.", "<msup><mi>a</mi><mn>2</mn></msup>"),
    "by itself": ("$$ N $$", '<math display="block"><mi>N</mi></math>'),
    "by itself, over lines": ("$$\nN\n+ 1\n$$", '<math display="block"><mi>N</mi><mo>+</mo><mn>1</mn></math>'),
    "in brackets": ("\\[\na\n\\]", '<math display="block"><mi>a</mi></math>'),
    "an operator": (r"$\arg\max_y s_y$", "ApplyFunction"),
    "words": (r"$s_{\text{cible}}$", "<mtext>cible</mtext>"),
    "two in a line": ("$a$ et $b$", "</math></span> et <span><math><mi>b</mi>"),
    "signs of HTML": ("$a<b$", "&lt;"),
}
KEPT = {
    "two prices": "5 $ ou 6 $",
    "one price": "Cela coûte 5$.",
    "a dollar that is meant": r"Le signe \$ et \$.",
    "in code": "`$a^2$` et `\\(x\\)`",
    "no end": "Un $ seul.",
    "a paragraph between": "$$a\n\nb$$",
}
TOLD = {
    "an unknown command": (r"x $\foo{x}$", 1, 'Unknown command "\\foo"'),
    "half a power": ("\n\n$a^{$", 3, "reached end of input"),
    "half a fraction, over lines": ("x\n$$\n\\frac{1}\n$$", 2, ""),
}


@pytest.mark.parametrize("name", SHOWN)
def test_is_shown(name: str) -> None:
    text, expected = SHOWN[name]
    page = finished(text, {}, FRENCH)
    assert expected in page
    assert "$" not in page
    assert not list(formula_problems(Path("x.md"), text))


@pytest.mark.parametrize("name", KEPT)
def test_is_none(name: str) -> None:
    assert "<math" not in finished(KEPT[name], {}, FRENCH)


@pytest.mark.parametrize("name", TOLD)
def test_is_told_with_its_line(name: str) -> None:
    text, line, said = TOLD[name]
    (problem,) = formula_problems(Path("x.md"), text)
    assert problem.startswith(f"x.md:{line}: ")
    assert "is no formula" in problem
    assert said in problem
    assert "\x1b" not in problem
