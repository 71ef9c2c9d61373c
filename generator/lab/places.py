"""YAML with its lines, and what is wrong in it told with file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from generator.errors import LabError, did_you_mean, first_line
from generator.lab.formulas import formula_in
from generator.lab.markup import html_in

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

LARGEST_TEXT = 10_000_000
"""Bytes of a text file."""
MOST_VALUES, DEEPEST = 200_000, 50
"""How many values a YAML text may hold, its aliases written out, and how deep they may stand in one another."""

_IN_WORDS = {
    "a valid tuple": "a list",
    "a valid dictionary": "keys and values",
    "a valid string": "a text",
    "a valid boolean": "true or false",
    "Keys should be strings": "a text, as every key",
}
"""What readers of a message call what pydantic names."""


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        FileNotFoundError: it is not there.
        LabError: it is no file, too large, not in UTF-8, or has signs that are none.
    """
    if path.exists() and not path.is_file():
        # A folder cannot be read, and whoever reads a pipe waits for somebody to write.
        raise LabError(f"{path}: is a folder or a device, expected a text file; move it away or rename it")
    if path.is_file() and (size := path.stat().st_size) > LARGEST_TEXT:
        raise LabError(f"{path}: has {size} bytes, a text may have {LARGEST_TEXT}; is it the right file?")
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors of Windows put a mark at the beginning
    except UnicodeDecodeError:
        raise LabError(f"{path}: is not text in UTF-8; save it as such") from None
    if strange := _STRANGE.search(text):
        line = text[: strange.start()].count("\n") + 1
        raise LabError(f"{path}:{line}: holds {_code(strange[0])}, which no text has; remove it, or save it as UTF-8")
    return text


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e3 and 1e-3 are numbers, as in YAML 1.2."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)

_STRANGE = re.compile(r"[\x00-\x08\x0B\x0E-\x1F\x7F-\x84\x86-\x9F\uD800-\uDFFF\uFFFE\uFFFF]")
"""Signs that are no part of any text: control characters, and halves of characters."""

_TOO_DEEP = f"more than {DEEPEST} values stand in one another; check brackets and indentation"


def _code(sign: str) -> str:
    return f"the sign U+{ord(sign):04X}"


def _beyond_a_lab(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Lines of what YAML allows and nobody means, before anything is made of it."""
    measured: dict[int, tuple[int, int] | None] = {}

    def measure(node: yaml.Node) -> Iterator[tuple[int, str]]:
        """Find how many values a node stands for, and how deep they go; None while that is being found."""
        line = node.start_mark.line + 1
        if id(node) in measured:
            if measured[id(node)] is None:
                yield line, "contains itself, by an alias (*) inside what its anchor (&) names; write it out"
            return
        measured[id(node)] = None
        inner = []
        if isinstance(node, yaml.ScalarNode):
            yield from ((line, problem) for problem in _misread(node))
        else:
            inner = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        for part in inner:
            yield from measure(part)
        sizes = [size for part in inner if (size := measured[id(part)])]
        count, depth = 1 + sum(count for count, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)
        measured[id(node)] = count, depth
        if count > MOST_VALUES:
            yield line, f"holds more than {MOST_VALUES} values, its aliases (*) written out; write out what is needed"
        if depth > DEEPEST:
            yield line, f"is no valid YAML ({_TOO_DEEP})"

    if root:
        yield from measure(root)


def wrong_in(words: str) -> str | None:
    """What is wrong with words that are no Markdown, a title perhaps: HTML, half a formula; None if nothing is."""
    return html_in(words) or formula_in(words)


def _misread(node: yaml.ScalarNode) -> Iterator[str]:
    """What YAML makes something else of than it says, and what no word of a lab is."""
    if problem := wrong_in(node.value):
        yield problem
    if strange := _STRANGE.search(node.value):
        yield f"holds {_code(strange[0])}, which no text has; write the character itself"
    if node.tag.endswith((":int", ":float")):
        if ":" in node.value:
            yield f"{node.value} is a number to the base of 60 in YAML; put it into quotes, or write it out"
        elif re.fullmatch(r"[-+]?0[0-9_]+", node.value):
            yield (
                f"{node.value} is a number to the base of 8 in YAML; write {node.value.lstrip('+-0') or 0}, "
                "or put it into quotes"
            )


def read_yaml(path: Path, text: str, above: int = 0) -> tuple[dict[str, Any], dict[Place, tuple[Path, int]]]:
    """Keys and values, and the place of each.

    Args:
        path: of the file, for messages.
        text: the YAML.
        above: how many lines of the file stand above it.

    Raises:
        LabError: it is no valid YAML, or gives a key twice.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        for line, problem in _beyond_a_lab(node):
            raise LabError(f"{path}:{above + line}: {problem}")
        lines = list(_lines(node, ()))  # before keys are put where << wants them
        data = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        line = above + error.problem_mark.line + 1 if error.problem_mark else above + 1
        remedy = next(
            (help_ for part, help_ in _REMEDIES.items() if part in str(error.problem)), "check indentation and quotes"
        )
        raise LabError(f"{path}:{line}: is no valid YAML ({error.problem}); {remedy}") from None
    except RecursionError:
        raise LabError(f"{path}:{above + 1}: is no valid YAML ({_TOO_DEEP})") from None
    # Signs that no text has, dates that no calendar has, a tag with another value than it wants.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise LabError(f"{path}:{above + 1}: is no valid YAML ({first_line(error)}); use quotes") from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise LabError(f"{path}:{above + 1}: expected keys and values (title: …), found {found}")
    places: dict[Place, tuple[Path, int]] = {(): (path, above + 1)}
    for place, line in lines:
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
                    f"found {mistake['input']!r}, should be a short name: letters without accents, digits, hyphens, "
                    "80 of them at most"
                )
            case "too_long" | "too_short":
                found, ctx = mistake["ctx"]["actual_length"], mistake["ctx"]
                bound = f"{ctx['max_length']} at most" if "max_length" in ctx else f"{ctx['min_length']} or more"
                problem = f"found {found} values, should be {bound}{expected}; decimals have a point: 0.5"
            case "value_error":
                problem = str(mistake["ctx"]["error"])
            case _:
                message = mistake["msg"].removeprefix("Input should be ").partition(", unable to")[0]
                message = message.partition(", got a number")[0]
                for pydantic, ours in _IN_WORDS.items():
                    message = message.replace(pydantic, ours)
                problem = f"found {_as_written(mistake['input'])}, should be {message}{expected}"
                problem += _remedy(mistake["type"], mistake["input"])
        yield tell(places, (*prefix, *loc), problem)


def _as_written(given: object) -> str:
    """A value as YAML writes it, at most 80 letters of it."""
    match given:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[given]
        case float() if given.is_integer():
            return f"{given:g}"
        case date():
            return str(given)
        case _:
            return f"{given!r:.80}"


def _remedy(kind: str, given: object) -> str:
    """What to write instead of a value of the wrong kind; empty if nothing is to be guessed."""
    if kind == "string_type" and isinstance(given, bool | int | float | date):
        return "; put it into quotes"
    if kind.startswith(("int", "float")) and isinstance(given, str):
        if re.fullmatch(r"[-+]?\d+,\d+", given):
            return f"; write {given.replace(',', '.')}, with a point"
        if re.fullmatch(r"[-+]?\d+(\.\d+)?", given):
            return f"; write {given}, without quotes"
    if kind.startswith("int") and isinstance(given, float) and given.is_integer() and abs(given) < 1e15:
        return f"; write {int(given)}"
    return ""


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
