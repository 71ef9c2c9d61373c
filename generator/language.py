"""The languages a site can be written in: its words, its numbers, its punctuation.

A language is a file, ``content/words/CODE.yml``: how numbers are written, which spaces may not break, and under
short keys every word of the site that is not the lab's own; and in the folder of each kind of experiment another,
``words/CODE.yml``, with what that kind says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from numbers import Real
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from generator.errors import LabError, first_line
from generator.project import CONTENT, KINDS

WORDS = CONTENT / "words"
NBSP = "\N{NO-BREAK SPACE}"


def languages() -> list[str]:
    """Codes of all languages there are: « en », « fr »."""
    return sorted(path.stem for path in WORDS.glob("*.yml"))


@cache
def read_language(code: str) -> Language:
    """The language of that code, one of :func:`languages`.

    Raises:
        LabError: its file is not understood, or lacks a text that another language has.
    """
    language = _read(code)
    for other in map(_read, languages()):
        problems = [*_missing(language, other)]
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise LabError(f"{WORDS / code}.yml: {problems[0]}{more}")
    return language


@cache
def _read(code: str) -> Language:
    """A language as its files have it."""
    path = WORDS / f"{code}.yml"
    data = _yaml(path)
    writing = data.pop("writing", None)
    parts = ("decimal", "thousands", "spaces")
    if not isinstance(writing, dict) or [type(writing.get(part)) for part in parts] != [str, str, dict]:
        raise LabError(
            f"{path}: writing: missing or incomplete; expected decimal and thousands, which are texts, and spaces, "
            "patterns with what takes their place; take those of another language to begin with"
        )
    words = _words(path, partial(_flat, data, ""))
    for of_kind in sorted(KINDS.glob(f"*/words/{code}.yml")):
        words |= _words(of_kind, partial(_of_kind, of_kind.parts[-3], _yaml(of_kind)))
    try:
        patterns = tuple((re.compile(pattern), replacement) for pattern, replacement in writing["spaces"].items())
        for pattern, replacement in patterns:
            pattern.sub(replacement, "")
    except (re.error, TypeError, IndexError) as error:
        raise LabError(f"{path}: writing.spaces: is no pattern with what takes its place ({error})") from None
    return Language(code, words, writing["decimal"], writing["thousands"], patterns)


def _yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a file of words."""
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
    return data if isinstance(data, dict) else {}


def _words(path: Path, read: Callable[[], Iterable[tuple[str, str]]]) -> dict[str, str]:
    """The texts of a file, each under its key."""
    try:
        words = dict(read())
    except (TypeError, AttributeError, RecursionError):
        raise LabError(f"{path}: a key is no text, or contains itself; put yes, no and numbers into quotes") from None
    for key, text in words.items():
        try:
            _braces(text)
        except (TypeError, ValueError) as error:
            raise LabError(f"{path}: {key}: found {text!r:.60}, expected a text ({first_line(error)})") from None
    return words


def _of_kind(kind: str, data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The words of a kind, under its name; what is said of it under « kinds », what its keys mean under « keys »."""
    for about in ("about", "example"):
        if about in data:
            yield f"kinds.{kind}.{about}", data.pop(about)
    for key, meaning in data.pop("keys", {}).items():
        inside = isinstance(meaning, Mapping)
        yield from _flat(meaning, f"keys.{key}.") if inside else [(f"keys.{kind}.{key}", meaning)]
    yield from _flat(data, f"{kind}.")


def _missing(language: Language, other: Language) -> Iterator[str]:
    """What a language lacks that another one has."""
    for key, text in other.words.items():
        if key.startswith(("keys.", "kinds.")):
            continue  # the manual's; the first translate what the schema says in English
        if key not in language.words:
            yield f"{key}: no such text, and {other.code}.yml has one; add it here, or remove it there"
        elif unknown := _braces(language.words[key]) - _braces(text):
            yield f"{key}: has {{{min(unknown)}}}, which {other.code}.yml has not; it is {text!r:.60} there"


def _braces(text: str) -> set[str]:
    """The names that stand in a text in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@dataclass(frozen=True, eq=False)
class Language:
    """How a site speaks.

    Attributes:
        code: of ISO 639, like « fr ».
        words: texts by key, « figure.copy »; one that depends on a number has a key for each form.
        decimal: mark between a number's whole part and the rest.
        thousands: mark between groups of three digits.
        spaces: patterns and what takes their place, for the spaces that may not break.
    """

    code: str
    words: Mapping[str, str]
    decimal: str
    thousands: str
    spaces: tuple[tuple[re.Pattern[str], str], ...]

    def say(self, key: str, **values: object) -> str:
        """The text of a key, its braces filled in.

        Numbers are written as the language writes them: ``{share}`` with four significant digits,
        ``{share:2}`` with two. A text with the forms ``one`` and ``other`` goes by the value ``n``.

        Raises:
            KeyError: there is no such key, or no value for one of its braces.
        """
        if key not in self.words and "n" in values:
            key = f"{key}.{self._form(values['n'])}"
        return _Filler(self).vformat(self.words[key], (), values)

    def section(self, name: str) -> dict[str, str]:
        """All texts whose keys begin with a name, by the rest of their keys."""
        return {key[len(name) + 1 :]: text for key, text in self.words.items() if key.startswith(f"{name}.")}

    def number(self, value: float, digits: int = 4) -> str:
        """A number of ``digits`` significant digits: in French « 0,0412 », « 12 500 ».

        Whole numbers keep all their digits; very small ones are written with a power of ten, in HTML.
        """
        if float(value).is_integer() and abs(value) < 1e15:
            text = f"{int(value):,}"
        elif abs(value) < 1e-4:
            mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
            text = f"{mantissa}{NBSP}×{NBSP}10<sup>{int(exponent)}</sup>"
        else:
            text = f"{value:.{digits}g}"
            text = f"{value:,.0f}" if "e" in text else text
        return text.translate({ord(","): self.thousands, ord("."): self.decimal, ord("-"): "−"})

    def typeset(self, markdown: str) -> str:
        """Make the spaces of the language's punctuation unbreakable in Markdown, code left alone."""
        pieces = re.split(r"(```.*?```|`[^`\n]*`|<[^>]*>)", markdown, flags=re.DOTALL)
        for pattern, replacement in self.spaces:
            pieces[::2] = [pattern.sub(replacement, piece) for piece in pieces[::2]]
        return "".join(pieces)

    def _form(self, count: Any) -> str:
        # French counts nought and a half like one, English like many.
        single = abs(count) < 2 if self.code == "fr" else count == 1
        return "one" if single else "other"


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
