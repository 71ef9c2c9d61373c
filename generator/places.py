"""YAML with its lines, and what is wrong in it told with file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from generator.errors import LabError, did_you_mean, first_line

Place = tuple[str | int, ...]
"""Where a value stands in a file: keys and list positions from the top."""

Places = Mapping[Place, tuple[Path, int]]
"""File and line of each value."""


_REMEDIES = {
    "mapping values are not allowed": 'a text with ": " in it needs quotes, or the indentation is wrong',
    "expected a comment or a line break": 'a text that begins with > or | needs quotes: "> 1.5"',
    "expected chomping or indentation indicators": 'a text that begins with > or | needs quotes: "> 1.5"',
    "expected alphabetic or numeric character": "a text that begins with * or & needs quotes",
    "undefined alias": "a text that begins with * needs quotes",
    "cannot start any token": "a text that begins with a sign needs quotes, and no line begins with a tab",
}
"""What helps where PyYAML finds that something is wrong, by a part of its message."""

_IN_WORDS = {
    "a valid tuple": "a list",
    "a valid dictionary": "keys and values",
    "a valid string": "a text",
    "a valid boolean": "true or false",
}
"""What readers of a message call what pydantic names."""


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        LabError: it is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors of Windows put a mark at the beginning
    except UnicodeDecodeError:
        raise LabError(f"{path}: is not text in UTF-8; save it as such") from None


def read_yaml(path: Path, text: str, above: int = 0) -> tuple[dict[str, Any], dict[Place, tuple[Path, int]]]:
    """Keys and values, and the place of each.

    Args:
        path: of the file, for messages.
        text: the YAML.
        above: how many lines of the file stand above it.

    Raises:
        LabError: it is no valid YAML, or gives a key twice.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = above + error.problem_mark.line + 1 if error.problem_mark else above + 1
        remedy = next(
            (help_ for part, help_ in _REMEDIES.items() if part in str(error.problem)), "check indentation and quotes"
        )
        raise LabError(f"{path}:{line}: is no valid YAML ({error.problem}); {remedy}") from None
    except (yaml.YAMLError, ValueError) as error:  # signs that no text has, dates that no calendar has
        raise LabError(f"{path}:{above + 1}: is no valid YAML ({first_line(error)}); use quotes") from None
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise LabError(f"{path}:{above + 1}: expected keys and values (title: …), found {found}")
    places: dict[Place, tuple[Path, int]] = {(): (path, above + 1)}
    for place, line in _lines(node, ()):
        if place in places:
            first = places[place][1]
            raise LabError(
                f"{path}:{above + line}: {_dotted(place)}: given twice, first on line {first}; rename or remove one"
            )
        places[place] = (path, above + line)
    return data, places


def _lines(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    """The line of each value, told by its key where it has one; a key given twice comes twice."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, yaml.safe_load(key.value) if key.tag.endswith(":int") else key.value)
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield (*place, position), value.start_mark.line + 1
            yield from _lines(value, (*place, position))


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


def tell(places: Places, place: Place, problem: str) -> str:
    """One line about a value: file, line, key and what is wrong; what is missing is told where it should be."""
    known = place
    while known not in places:
        known = known[:-1]
    path, line = places[known]
    return f"{path}:{line}: {_dotted(place)}: {problem}"


def told(error: ValidationError, model: type[BaseModel], prefix: Place, places: Places) -> Iterator[str]:
    """A line for each of the mistakes that a model found in what stands at a place."""
    mistakes = error.errors()
    for mistake in mistakes:
        # A list whose items were all refused is not too short besides.
        if any(other["loc"][: len(mistake["loc"])] == mistake["loc"] for other in mistakes if other is not mistake):
            continue
        loc = tuple(part for part in mistake["loc"] if part != "[key]")
        owner = _model_at(model, loc[:-1])
        field = owner.model_fields.get(str(loc[-1])) if loc else None
        expected = f"; expected: {field.description}" if field and field.description else ""
        match mistake["type"]:
            case "extra_forbidden":
                problem = f"unknown key; expected one of {', '.join(owner.model_fields)}"
                problem += did_you_mean(loc[-1], owner.model_fields)
            case "missing":
                problem = f"missing{expected}"
            case "string_pattern_mismatch" if "a-z" in mistake["ctx"]["pattern"]:
                problem = (
                    f"found {mistake['input']!r}, should be a short name: letters without accents, digits, hyphens"
                )
            case "too_long" | "too_short":
                found, ctx = mistake["ctx"]["actual_length"], mistake["ctx"]
                bound = f"{ctx['max_length']} at most" if "max_length" in ctx else f"{ctx['min_length']} or more"
                problem = f"found {found} values, should be {bound}{expected}; decimals have a point: 0.5"
            case "value_error":
                problem = str(mistake["ctx"]["error"])
            case _:
                message = mistake["msg"].removeprefix("Input should be ").partition(", unable to")[0]
                for pydantic, ours in _IN_WORDS.items():
                    message = message.replace(pydantic, ours)
                problem = f"found {mistake['input']!r:.80}, should be {message}{expected}"
                if re.fullmatch(r"-?\d+,\d+", str(mistake["input"])):
                    problem += f"; write {str(mistake['input']).replace(',', '.')}, with a point"
        yield tell(places, (*prefix, *loc), problem)


def _model_at(model: type[BaseModel], loc: Place) -> type[BaseModel]:
    """The model that a place of a lab file is read into."""
    for part in loc:
        if field := model.model_fields.get(str(part)):
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
