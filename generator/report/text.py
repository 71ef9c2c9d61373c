"""Words, numbers and formulas as a page shows them, and the templates that use them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from traceback import walk_tb

import jinja2

from generator.errors import LabError, did_you_mean
from generator.lab import Lab
from generator.lab.braces import braces_problems, lines_above
from generator.lab.formulas import FORMULA, mathml
from generator.lab.questions import outside_code, without_comments
from generator.language import NBSP, Language
from generator.project import TEMPLATES
from generator.results.artefacts import YES_NO, Cell, Metric
from generator.statistics import Estimate


def environment(language: Language) -> jinja2.Environment:
    """Jinja with the project's templates and a language's filters; an unknown name is a mistake."""

    def finalize(value: object) -> object:
        """A metric that is written without a filter is written with its unit; what is no text has none."""
        if isinstance(value, Metric):
            return measure(value, language)
        if isinstance(value, str | int | float | Path | jinja2.Undefined) or value is None:
            return value
        raise TypeError(f"{type(value).__name__} is no text and no number; name what of it")

    jinja = jinja2.Environment(  # noqa: S701  # what is written is Markdown; a lab's titles hold no HTML (schema.py)
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    jinja.filters |= {
        "number": language.number,
        "day": lambda moment: language.date(datetime.fromisoformat(moment)),
        "measure": partial(measure, language=language),
        "interval": partial(interval, language=language),
        "cell": partial(cell, language=language),
        "plain": partial(plain, language=language),
        "attribute": lambda text: html.escape(re.sub(r"<[^>]*>", "", text)),
        "capitalize_first": capitalised,
        "lower_first": lambda text: text[:1].lower() + text[1:],
        "titles": lambda things: language.list(thing.title for thing in things),
    }
    jinja.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # headers are typeset like the rest of a page
    jinja.globals |= {"say": language.say, "language": language, "in_class": False}
    return jinja


def filled(jinja: jinja2.Environment, path: Path, text: str, known: dict[str, object]) -> str:
    """A text of the content with its braces filled in.

    Raises:
        LabError: the braces are wrong, want what is not allowed, or name something that there is not.
    """
    if problems := [*braces_problems(path, text)]:
        raise LabError(*problems)

    try:
        return jinja.from_string(text).render(known)
    except (jinja2.UndefinedError, LookupError, TypeError, ValueError, AttributeError) as error:
        lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
        problem = str(error.args[0])
        if isinstance(error, jinja2.UndefinedError):
            names = [*known, *(name for value in known.values() for name in getattr(type(value), "model_fields", ()))]
            near = did_you_mean("".join(re.findall("'(.+?)'", problem)[-1:]), names)
            problem = re.sub(r"'[\w.]+ object' has", "it has", problem) + f"; it may use {', '.join(known)}{near}"
        raise LabError(f"{path}:{lines_above(path, text) + max(lines[-1:], default=1)}: {problem}") from None


def listed(jinja: jinja2.Environment, lab: Lab, what: str, **more: object) -> str:
    """A list of what the lab has: its « glossary »; with results also its « networks » and its experiments' « notes ».

    Raises:
        LookupError: there is no such list in this edition.
    """
    lists = ("glossary", "networks", "notes") if more else ("glossary",)
    if what not in lists:
        raise LookupError(f'listed("{what}"): expected {", ".join(lists)}{did_you_mean(what, lists)}')
    notes: dict[str, list[str]] = {}
    for experiment in lab.experiments.values():
        if experiment.note:
            notes.setdefault(experiment.note, []).append(experiment.title)
    return jinja.get_template(f"listed-{what}.jinja").render(glossary=lab.file.glossary, notes=notes, **more)


def finished(markdown: str, glossary: Mapping[str, str], language: Language) -> str:
    """Markdown with its formulas as MathML, its punctuation well spaced, and the terms it uses explained.

    Comments do not leave the house.
    """
    markdown = outside_code(without_comments(markdown), partial(FORMULA.sub, mathml))
    terms = [f"*[{term}]: {meaning}" for term, meaning in glossary.items() if term in markdown]
    return language.typeset("\n".join([markdown, "", *terms]) if terms else markdown)


def capitalised(text: str) -> str:
    """A text that begins with a capital; a sign like λ stays as it is."""
    first = text[:1]
    return first.upper() + text[1:] if unicodedata.name(first or " ", "").startswith("LATIN") else text


def cell(value: Cell, language: Language) -> str:
    """A table's cell, for the reader; an estimate with its interval: « 45 [26 ; 66] »."""
    if value is None:
        return "—"
    if isinstance(value, Estimate) and value.interval is None:
        return language.number(value.value, 3)
    if isinstance(value, Estimate):
        middle, low, high = (language.number(number, 3) for number in (value.value, value.low, value.high))
        return f"{middle} [{low}{NBSP};{NBSP}{high}]"
    return value if isinstance(value, str) else language.number(value, 3)


def interval(metric: Metric, language: Language) -> str:
    """The confidence interval of an estimate and the size of its sample, for the reader; empty if it is none."""
    _make_sure(metric)
    if metric.samples is None:
        return ""
    if metric.interval is None:
        return language.say("claim.no-interval", samples=metric.samples)
    low, high = metric.interval
    return language.say("claim.interval", low=low, high=high, samples=metric.samples)


def measure(metric: Metric, language: Language) -> str:
    """A measured number with its unit, for the reader.

    Raises:
        TypeError: it is none.
    """
    _make_sure(metric)
    if metric.unit == YES_NO:
        return language.say("claim.yes" if metric.value else "claim.no")
    return language.number(metric.value, 3) + (NBSP + metric.unit if metric.unit else "")


def _make_sure(metric: object) -> None:
    if not isinstance(metric, Metric):
        raise TypeError(f'{metric!r:.40} is no measure; expected metric("EXPERIMENT/MEASURE") before the |')


def plain(value: object, language: Language) -> str:
    """A parameter's value, for the reader."""
    if isinstance(value, bool):
        return language.say("claim.yes" if value else "claim.no")
    return language.number(value) if isinstance(value, int | float) else str(value)
