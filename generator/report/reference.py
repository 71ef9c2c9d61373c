"""The reference of a lab's keys, written from the models that read them."""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, NonNegativeFloat, PositiveFloat
from pydantic.fields import FieldInfo

from generator.experiments import kinds
from generator.experiments.base import FAMILIES, Experiment
from generator.lab import FILLED_IN, LabFile
from generator.lab.braces import FILTERS, FUNCTIONS, NAMES
from generator.lab.questions import Header
from generator.language import Language
from generator.results.claims import Bound, Claim
from generator.schema import (
    Box,
    ClassIndex,
    FileSpec,
    Fraction,
    ImageName,
    ImageSpec,
    LanguageCode,
    Name,
    NetworkName,
    NetworkNames,
    NetworkSpec,
)

PARTS: Mapping[str, type[BaseModel]] = {
    "lab": LabFile,
    "network": NetworkSpec,
    "image": ImageSpec,
    "file": FileSpec,
    "experiment": Experiment,
    "question": Header,
    "claim": Claim,
}
"""What a reader may ask for, beside the kinds of experiments."""
_VALUES: tuple[tuple[Any, str], ...] = (
    (ClassIndex, "class"),
    (ImageName, "image"),
    (NetworkName, "network"),
    (NetworkNames, "networks"),
    (Box, "box"),
    (Bound, "bound"),
    (Name, "name"),
    (LanguageCode, "language"),
    (Fraction, "fraction"),
    (PositiveFloat, "positive"),
    (NonNegativeFloat, "not-negative"),
    (bool, "switch"),
    (int, "integer"),
    (float, "number"),
    (str, "text"),
)
"""Kinds of values and the keys of their names; the first one that fits is taken."""
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_ASKED = re.compile(r"""\{\{ *reference\(["'](?P<part>\w+)["']\) *\}\}""")
_LONG = 60
"""A longer default is not written out, in characters."""


def reference(part: str, language: Language) -> str:
    """All keys of one of ``PARTS``, or of all kinds of experiments, or what each kind is for, in Markdown.

    Args:
        part: one of ``PARTS``, « kinds », « examples » for an entry of each kind that works as it is, or « braces » for
            what a text may ask for in double braces.
        language: of the reader; where it does not say what a key means, its description does.
    """
    if part == "examples":
        return "\n\n".join(_examples(language))
    if part == "braces":
        names = (*NAMES, *FUNCTIONS, *FILTERS)
        return "\n".join(language.say("reference.asked", name=n, said=language.say(f"braces.{n}")) for n in names)
    if part != "kinds":
        return _list(part, PARTS[part], language)
    pieces = []
    for kind, model in kinds().items():
        pieces += [f"### `{kind}` {{ #{kind} }}", _list(kind, model, language)]
        for name, inner in models_in(model):
            pieces += [language.say("reference.each", of=f"`{name}`"), _list(inner.__name__.lower(), inner, language)]
    return "\n\n".join(pieces)


def with_references(text: str, language: Language) -> str:
    """A text with the parts of the reference that it asks for; other braces stay."""
    return _ASKED.sub(lambda asked: reference(asked["part"], language), text)


def _examples(language: Language) -> Iterator[str]:
    for family in FAMILIES:
        yield f"## {language.say(f'families.{family}')}"
        for kind, model in kinds().items():
            if model.family == family:
                yield f"### {kind}"
                about = language.words.get(f"kinds.{kind}.about")
                yield (about or inspect.getdoc(model) or "").strip()
                if example := language.words.get(f"kinds.{kind}.example"):
                    yield f"```yaml\n{example.strip()}\n```"


def keys(part: str, model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a part that it does not share with all experiments."""
    shared = Experiment.model_fields if issubclass(model, Experiment) and part != "experiment" else {}
    yield from ((name, field) for name, field in model.model_fields.items() if name not in shared)


def models_in(kind: type[Experiment]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The keys of a kind whose values have keys of their own, and the models of those."""
    for name, field in kind.model_fields.items():
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield name, inner


def meaning(part: str, name: str, field: FieldInfo, language: Language) -> str:
    """What a key means: in the reader's language, or else as messages say it."""
    words = language.words
    return words.get(f"keys.{part}.{name}") or words.get(f"keys.common.{name}") or field.description or ""


def _list(part: str, model: type[BaseModel], language: Language) -> str:
    say = language.say
    hints = get_type_hints(model, include_extras=True)
    rows = []
    if part == "experiment":
        required, said = say("reference.required"), say("reference.kind")
        rows.append(say("reference.row", name="kind", value=say("reference.values.kind"), default=required, said=said))
    for name, field in keys(part, model):
        value = _value(hints[name], language) + ("" if get_origin(hints[name]) is Annotated else _bounds(field))
        default = _default(name, field, model, language)
        said = meaning(part, name, field, language)
        rows.append(say("reference.row", name=name, value=value, default=default, said=said))
    return "\n".join(rows)


def _value(hint: Any, language: Language) -> str:  # noqa: PLR0911  # one for each kind
    """The kind of a value, in the reader's words."""
    say = language.say
    for known, name in _VALUES:
        if hint == known:
            return say(f"reference.values.{name}")
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _value(arguments[0], language)
    if origin in (Union, types.UnionType):
        return language.list((_value(inner, language) for inner in arguments if inner is not type(None)), "or")
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return say("reference.values.several", n=len(arguments), one=_value(arguments[0], language))
    if origin is tuple:
        return say("reference.values.list", one=_value(arguments[0], language))
    if origin is dict and arguments[1] is not Any and get_origin(arguments[1]) is not dict:
        key, value = (_value(inner, language) for inner in arguments)
        return say("reference.values.mapping", names=key, values=value)
    return say("reference.values.keys")  # a model, or whatever a kind of experiment wants


def _bounds(field: FieldInfo) -> str:
    found = [
        f"\N{NO-BREAK SPACE}{sign}\N{NO-BREAK SPACE}{limit}"
        for rule in field.metadata
        for name, sign in _SIGNS.items()
        if (limit := getattr(rule, name, None)) is not None
    ]
    return ",".join(found)


def _default(name: str, field: FieldInfo, model: type[BaseModel], language: Language) -> str:
    say = language.say
    if issubclass(model, Experiment) and name in FILLED_IN:
        return say("reference.default", value=say(f"reference.filled.{name}"))
    if field.is_required():
        return say("reference.required")
    default = field.get_default(call_default_factory=True)
    if default is None or default in ("", (), {}):
        return say("reference.optional")
    text = json.dumps(default, ensure_ascii=False)
    return say("reference.default", value=f"`{text}`" if len(text) <= _LONG else "…")
