"""The languages a site can be written in: its words, its numbers, its punctuation.

A language is a file, ``content/words/CODE.yml``: under short keys every word of the site that is not the lab's own,
and which spaces may not break; and in the folder of each kind of experiment another, ``words/CODE.yml``, with what
that kind says. How numbers, dates and lists are written and which plural forms there are, Babel knows (Unicode's
Common Locale Data Repository).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from numbers import Real
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import yaml
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal

from generator.errors import LabError, did_you_mean, first_line
from generator.project import CONTENT, KINDS

WORDS = CONTENT / "words"
NBSP = "\N{NO-BREAK SPACE}"
FORMS = frozenset({"zero", "one", "two", "few", "many", "other"})
"""The forms that a text may have which depends on a number ``n``; where one is missing, ``other`` serves."""
OF_THE_MANUAL = ("keys.", "kinds.")
"""Sections that only the manual quotes: what keys and kinds mean, which the code says in English too."""


def languages() -> list[str]:
    """Codes of all languages there are: « en », « fr »."""
    return sorted(path.stem for path in WORDS.glob("*.yml"))


@cache
def read_language(code: str) -> Language:
    """The language of that code, one of :func:`languages`.

    Raises:
        LabError: a file of its words is not understood, or the site's lacks a text that another language has.
    """
    language, kinds = _read(code), {path.parent.name for path in KINDS.glob("*/words")}
    problem = _first(_lacking(language, lambda section: section not in kinds))
    if problem:
        raise LabError(f"{WORDS / code}.yml: {problem}")
    return language


def unsaid(code: str, kinds: Iterable[str]) -> Iterator[str]:
    """What kinds of experiments do not say in a language, though they do in another one: a line for each kind.

    Args:
        code: of the language.
        kinds: names of the kinds that a lab in that language has experiments of.
    """
    language = _read(code)
    for kind in kinds:
        path = KINDS / kind / "words" / f"{code}.yml"
        others = sorted(other.name for other in path.parent.glob("*.yml"))
        if others and path.name not in others:
            yield f'{path}: no such file, and a lab in "{code}" has such experiments; translate {" or ".join(others)}'
        elif problem := _first(_lacking(language, kind.__eq__)):
            yield f"{path}: {problem}"


@cache
def _read(code: str) -> Language:
    """A language as its files have it."""
    path = WORDS / f"{code}.yml"
    try:
        locale = Locale.parse(code, sep="-")
    except (ValueError, UnknownLocaleError):
        raise LabError(f"{path}: Babel knows no language {code}; call the file by a code like fr or pt-BR") from None
    data = _data(path)
    spaces = tuple(_spaces(path, data.pop("writing", {"spaces": {}})))
    words = _texts(path, data, "")
    for path in sorted(KINDS.glob(f"*/words/{code}.yml")):
        words |= _of_kind(path, path.parts[-3])
    return Language(code, locale, words, spaces)


def _data(path: Path) -> dict[str, Any]:
    # As safe, and ten times as fast where there is one.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506
    except UnicodeDecodeError:
        raise LabError(f"{path}: is not text in UTF-8; save it as such") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or first_line(error)
        raise LabError(f"{path}{line}: is no valid YAML ({problem}); check indentation and quotes") from None
    if not isinstance(data, dict):
        raise LabError(f"{path}: expected keys and texts; take those of another language to begin with")
    return data


def _spaces(path: Path, writing: object) -> Iterator[tuple[re.Pattern[str], str]]:
    if not isinstance(writing, dict) or writing.keys() != {"spaces"} or not isinstance(writing["spaces"], dict):
        raise LabError(
            f"{path}: writing: expected spaces, patterns with what takes their place, and nothing else; "
            "or leave it out: how numbers are written is known"
        )
    try:
        for pattern, replacement in writing["spaces"].items():
            compiled = re.compile(pattern)
            compiled.sub(replacement, "")
            yield compiled, replacement
    except (re.error, TypeError, IndexError) as error:
        raise LabError(f"{path}: writing.spaces: is no pattern with what takes its place ({error})") from None


def _texts(path: Path, data: Any, prefix: str) -> dict[str, str]:
    """The texts of a file, or of a section of it, by their keys, which begin with ``prefix``."""
    try:
        words = dict(_flat(data, prefix))
    except (TypeError, AttributeError, RecursionError):
        raise LabError(f"{path}: a key is no text, or contains itself; put yes, no and numbers into quotes") from None
    for key, text in words.items():
        try:
            _braces(text)
        except (TypeError, ValueError) as error:
            raise LabError(f"{path}: {key}: found {text!r:.60}, expected a text ({first_line(error)})") from None
    return words


def _of_kind(path: Path, kind: str) -> dict[str, str]:
    """The words of a kind, under its name; what is said of it under « kinds », what its keys mean under « keys »."""
    data = _data(path)
    words = {}
    for about in ("about", "example"):
        if about in data:
            words[f"kinds.{kind}.{about}"] = text = data.pop(about)
            if not isinstance(text, str):
                raise LabError(f"{path}: {about}: found {text!r:.60}, expected a text; begin it with |")
    for key, meaning in _texts(path, data.pop("keys", {}), "").items():
        # What stands in a section is about the keys of a model inside.
        words[f"keys.{key}" if "." in key else f"keys.{kind}.{key}"] = meaning
    return words | _texts(path, data, f"{kind}.")


def _lacking(language: Language, wanted: Callable[[str], bool]) -> Iterator[str]:
    """What a language lacks that another one has, in the sections that are wanted."""
    ours = _by_what_is_asked(language)
    for other in map(_read, languages()):
        for key, theirs in _by_what_is_asked(other).items():
            if key.startswith(OF_THE_MANUAL) or not wanted(key.partition(".")[0]):
                continue
            if key not in ours:
                yield f"{key}: no such text, and {other.code}.yml has one; add it here, or remove it there"
            elif unknown := _all_braces(ours[key]) - _all_braces(theirs):
                yield f"{key}: has {{{min(unknown)}}}, which {other.code}.yml has not; it is {theirs[-1]!r:.60} there"
    sections = {key.partition(".")[0] for code in languages() if code != language.code for key in _read(code).words}
    for key in ours if sections else ():
        section = key.partition(".")[0]
        if not key.startswith(OF_THE_MANUAL) and wanted(section) and section not in sections:
            yield f"{key}: no other language has a section {section}; correct its name{did_you_mean(section, sections)}"


def _first(problems: Iterator[str]) -> str:
    """The first problem, and how many more there are; empty if there is none."""
    found = list(problems)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return found[0] + more if found else ""


@cache
def _by_what_is_asked(language: Language) -> dict[str, list[str]]:
    """Texts by the keys that they are asked for by: all forms of one that depends on a number stand under one key."""
    inside: dict[str, set[str]] = {}
    for key in language.words:
        section, _, name = key.rpartition(".")
        inside.setdefault(section, set()).add(name)
    counted = {section for section, names in inside.items() if "other" in names <= FORMS}
    asked: dict[str, list[str]] = {}
    for key, text in language.words.items():
        section = key.rpartition(".")[0]
        asked.setdefault(section if section in counted else key, []).append(text)
    return asked


def _all_braces(texts: Iterable[str]) -> set[str]:
    return set().union(*map(_braces, texts))


def _braces(text: str) -> set[str]:
    """The names that stand in a text in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@dataclass(frozen=True, eq=False)
class Language:
    """How a site speaks.

    Attributes:
        code: of BCP 47, like « fr » or « pt-BR ».
        locale: what Babel knows of it.
        words: texts by key, « figure.copy »; one that depends on a number has a key for each of its ``FORMS``.
        spaces: patterns and what takes their place, for the spaces that may not break.
    """

    code: str
    locale: Locale
    words: Mapping[str, str]
    spaces: tuple[tuple[re.Pattern[str], str], ...]

    def say(self, key: str, **values: object) -> str:
        """The text of a key, its braces filled in.

        Numbers are written as the language writes them: ``{share}`` with four significant digits,
        ``{share:2}`` with two. A text with plural forms goes by the value ``n``.

        Raises:
            KeyError: there is no such key, or no value for one of its braces.
        """
        return _Filler(self).vformat(self.text(key, values.get("n")), (), values)

    def text(self, key: str, count: Any = None) -> str:
        """The text of a key as it stands, in the form that goes with a number.

        Raises:
            KeyError: there is no such key.
        """
        forms = [] if count is None else [f"{key}.{self._form(count)}", f"{key}.other"]
        for known in (key, *forms):
            if known in self.words:
                return self.words[known]
        raise KeyError(f"{key}: no such text in the language {self.code}")

    def section(self, name: str) -> dict[str, str]:
        """All texts whose keys begin with a name, by the rest of their keys."""
        return {key[len(name) + 1 :]: text for key, text in self.words.items() if key.startswith(f"{name}.")}

    def number(self, value: float, digits: int = 4) -> str:
        """A number of ``digits`` significant digits: in French « 0,0412 », « 12 500 ».

        Whole numbers keep all their digits; very small ones are written with a power of ten, in HTML.
        """
        if float(value).is_integer() and abs(value) < 1e15:
            return self._written(int(value))
        if abs(value) < 1e-4:
            mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
            return f"{self._written(mantissa)}{NBSP}×{NBSP}10<sup>{int(exponent)}</sup>".replace("-", "−")
        text = f"{value:.{digits}g}"
        return self._written(f"{value:.0f}" if "e" in text else text)

    def _written(self, number: int | str) -> str:
        text = format_decimal(Decimal(number), locale=self.locale, decimal_quantization=False, numbering_system="latn")
        return text.replace("-", "−")

    def date(self, day: date) -> str:
        """A day: « 26 nov. 2026 »."""
        return format_date(day, "medium", self.locale).replace(" ", NBSP)

    def list(self, items: Iterable[str], style: Literal["standard", "or"] = "standard") -> str:
        """Items in one text: « a, b et c », or « a, b ou c »."""
        return format_list([*items], style, self.locale)

    def typeset(self, markdown: str) -> str:
        """Make the spaces of the language's punctuation unbreakable in Markdown, code left alone."""
        pieces = re.split(r"(```.*?```|`[^`\n]*`|<[^>]*>)", markdown, flags=re.DOTALL)
        for pattern, replacement in self.spaces:
            pieces[::2] = [pattern.sub(replacement, piece) for piece in pieces[::2]]
        return "".join(pieces)

    def _form(self, count: Any) -> str:
        return self.locale.plural_form(count if isinstance(count, int) else float(count))


class _Filler(Formatter):
    """Fills braces, with numbers as a language writes them."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Real) and not isinstance(value, bool):
            return self._language.number(float(value), int(format_spec or 4))
        return str(value)


def _flat(words: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in words.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
