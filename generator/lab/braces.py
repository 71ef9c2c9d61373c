"""Double braces in a lab's texts: measures and facts by their names, and nothing that loops, writes or runs.

The signs are Jinja's, whose parser reads them; of its language only what stands here is allowed, so that a
text from a stranger does no more than fill in values, and always comes to an end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import jinja2
from jinja2 import nodes

from generator.errors import did_you_mean
from generator.lab.places import read_text

NAMES = ("lab", "edition", "networks", "count")
"""What a text may look into: the lab file, the edition, its networks, how many images and figures there are."""
FUNCTIONS = ("metric", "reference", "listed")
"""What it may ask for, by names in quotes: a measure, a part of the manual's reference, a list of the lab's."""
FILTERS = ("number", "measure", "interval", "plain", "capitalize_first", "lower_first", "titles", "length")
"""How it may have a value written."""

MOST_DIGITS = 15
"""As many as a number has that are worth anything."""
DEEPEST = 30
"""How deep conditions and brackets may stand in one another."""
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem,
    nodes.Call, nodes.Filter, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
)  # fmt: skip
_EXPECTED = (
    '{{ metric("EXPERIMENT/MEASURE") }}, {{ count.images }} and the like, | and one of '
    f'{", ".join(FILTERS)}, or {{% if edition == "students" %}} … {{% endif %}}'
)


_reader = jinja2.Environment()  # noqa: S701  # it reads the signs, and renders nothing


def braces_problems(path: Path, text: str, measures: Mapping[str, Collection[str]] | None = None) -> Iterator[str]:
    """A line for the first thing in braces that is not understood or not allowed.

    Args:
        path: of the file, for messages.
        text: of the file, or a piece of it.
        measures: names of what each of the lab's experiments measures; None if they are not known.
    """
    try:
        tree = _reader.parse(text)
        problem = next(_refused(tree, measures, 0), None)
    except jinja2.TemplateSyntaxError as error:
        problem = error.lineno, f"{error.message}; check the braces"
    except RecursionError:
        problem = 1, "brackets stand too deep in one another; check the braces"
    if problem:
        yield f"{path}:{lines_above(path, text) + problem[0]}: {problem[1]}"


def metrics_in(text: str) -> Iterator[tuple[int, str]]:
    """Each measure that a text asks for, as EXPERIMENT/METRIC, and its line; none if its braces are not understood."""
    try:
        calls = list(_reader.parse(text).find_all(nodes.Call))
    except jinja2.TemplateSyntaxError:
        return
    for call in calls:
        if isinstance(call.node, nodes.Name) and call.node.name == "metric":
            yield (
                call.lineno,
                "/".join(str(argument.value) for argument in call.args if isinstance(argument, nodes.Const)),
            )


def not_in_lab(text: str, lab: object) -> Iterator[tuple[int, str]]:
    """What a text asks of the lab file, as ``lab.KEY.KEY``, that does not stand in it: its line, and what is wrong.

    Args:
        text: whose braces are understood.
        lab: what the lab file says.
    """
    tree = _reader.parse(text)
    steps: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    inner = {id(step.node) for step in steps}
    for step in steps:
        if id(step) not in inner:
            yield from _missing(step, lab)


def _missing(step: nodes.Getattr | nodes.Getitem, lab: object) -> Iterator[tuple[int, str]]:
    names: list[str | int] = []
    node: nodes.Expr = step
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        names.append(node.attr if isinstance(node, nodes.Getattr) else node.arg.as_const())
        node = node.node
    if not isinstance(node, nodes.Name) or node.name != "lab":
        return
    found, said = lab, "lab"
    for name in reversed(names):
        inside = found if isinstance(found, Mapping) else {**getattr(found, "__dict__", {})}
        if isinstance(name, int) and isinstance(found, Sequence) and name < len(found):
            found = found[name]
        elif name in inside:
            found = inside[name]
        elif not hasattr(found, str(name)):
            near = did_you_mean(str(name), map(str, inside))
            yield step.lineno, f'{said} has no "{name}": the lab file does not say it{near}'
            return
        else:
            return
        said += f".{name}" if isinstance(name, str) else f"[{name}]"


def lines_above(path: Path, piece: str) -> int:
    """How many lines of a file stand above a piece of it."""
    text = read_text(path)
    return text[: max(text.find(piece), 0)].count("\n")


def _refused(node: nodes.Node, measures: Mapping[str, Collection[str]] | None, depth: int) -> Iterator[tuple[int, str]]:
    line = node.lineno
    if depth > DEEPEST:
        yield line, "brackets stand too deep in one another; check the braces"
        return
    match node:
        case nodes.Name(name=name) if name not in (*NAMES, *FUNCTIONS):
            known = (*NAMES, *FUNCTIONS)
            yield line, f"'{name}' is undefined; it may use {', '.join(known)}{did_you_mean(name, known)}"
        case nodes.Getattr(attr=attr) if attr.startswith("_"):
            yield line, f"'{attr}' cannot be asked for; expected {_EXPECTED}"
        case nodes.Getitem(arg=arg) if not isinstance(arg, nodes.Const) or str(arg.value).startswith("_"):
            yield line, f"brackets hold a number, counted from 0; expected {_EXPECTED}"
        case nodes.Call():
            yield from _refused_call(node, measures)
        case nodes.Filter(name=name) if name not in FILTERS:
            yield line, f"No filter named '{name}'; expected {', '.join(FILTERS)}{did_you_mean(name, FILTERS)}"
        case nodes.Filter(args=args) if any(
            getattr(arg, "value", None) not in range(1, MOST_DIGITS + 1) for arg in args
        ):
            yield line, f"{node.name}(…) wants a number of digits, 1 to {MOST_DIGITS}"
        case _ if not isinstance(node, _ALLOWED):
            yield line, f"{type(node).__name__.lower()} has no place in a text; expected {_EXPECTED}"
    for child in node.iter_child_nodes():
        yield from _refused(child, measures, depth + 1)


def _refused_call(call: nodes.Call, measures: Mapping[str, Collection[str]] | None) -> Iterator[tuple[int, str]]:
    names = [argument.value for argument in call.args if isinstance(argument, nodes.Const)]
    if isinstance(call.node, nodes.Name) and call.node.name not in (*NAMES, *FUNCTIONS):
        return  # the name itself is told
    if not isinstance(call.node, nodes.Name) or call.node.name not in FUNCTIONS:
        yield call.lineno, f"only {', '.join(FUNCTIONS)} can be asked for something; expected {_EXPECTED}"
    elif call.kwargs or call.dyn_args or call.dyn_kwargs or len(names) != len(call.args) or not names:
        yield call.lineno, f"{call.node.name}(…) wants names in quotes; expected {_EXPECTED}"
    elif call.node.name == "metric" and measures is not None:
        reference = "/".join(map(str, names))
        if problem := unmeasured(reference, measures):
            yield call.lineno, f'metric("{reference}"): {problem}'


def unmeasured(reference: str, measures: Mapping[str, Collection[str]]) -> str:
    """Why nothing will be measured under a name, EXPERIMENT/MEASURE; nothing if something will.

    Args:
        reference: the name.
        measures: names of what each of the lab's experiments measures.
    """
    experiment, _, measure = reference.partition("/")
    if experiment not in measures:
        return f'there is no experiment "{experiment}"{did_you_mean(experiment, measures)}'
    if measure not in measures[experiment]:
        known = [*measures[experiment]]
        some = f"; it measures {', '.join(known[:5])}{', …' if known[5:] else ''}" if known else "; it measures nothing"
        return f'{experiment} does not measure "{measure}"{did_you_mean(measure, known)}{some}'
    return ""
