"""A network as a graph of operations: exported from its module, written down as arrays, read back.

What an accepted network was exported as is kept with the first look at it, so that whoever opens it afterwards needs
neither its library nor ``torch.export``, and runs what was compared with its library's.
"""

from __future__ import annotations

import json
import logging
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from generator.errors import first_line
from generator.vision.engine.acceptance import Refused

aten = torch.ops.aten

COUNT = 7919
"""What stands for the number of images in the shapes of results: a length that nothing else has."""

NUMBERS = {
    f"{module.__name__.lstrip('_')}.{name}": getattr(module, name)
    for module, names in (
        (operator, "getitem add sub mul floordiv truediv mod neg eq ne lt le gt ge"),
        (torch, "sym_max sym_min sym_int sym_float sym_not"),
    )
    for name in names.split()
}
"""Functions that compute with numbers of images, or take one of several results."""

_NAMED = {kind.__name__: kind for kind in (torch.dtype, torch.memory_format, torch.layout)}
"""Kinds of arguments that are attributes of torch."""


@dataclass(frozen=True)
class Exported:
    """A network as operations that overwrite nothing.

    Attributes:
        graph: of the operations; ``val`` in the meta of a node is what it gives, by shape and type, and ``module`` the
            name of the layer that it belongs to.
        constants: values of its nodes that depend on nothing, by their targets.
        arrays: the same as :func:`read` reads it; None if one of the operations cannot be written down.
    """

    graph: fx.Graph
    constants: dict[str, Tensor]
    arrays: Mapping[str, NDArray[Any]] | None = None


class _UnwritableError(Exception):
    """An operation, or what it is given, cannot be written down."""


def export(module: nn.Module, size: int, channels: int = 3) -> Exported:
    """Lay a frozen network out as a graph of operations.

    Args:
        module: the network, frozen and in evaluation mode, on the CPU.
        size: side of its input images, in pixels; no other is accepted.
        channels: of its input images.

    Raises:
        Refused: it cannot be: what it does depends on the images' values or number, or it leaves PyTorch on the way.
    """
    if any(isinstance(part, nn.RNNBase) for part in module.modules()):
        raise Refused(
            "its recurrent layers are one operation for each place of a sequence, and take minutes to lay out"
        )
    exported = _by_torch(module, size, channels)
    for node in exported.graph.nodes:
        if _overwrites(node):
            raise Refused(f"{node.target} overwrites what is used again, or is kept from one image to the next")
        if node.target in (aten.as_strided.default, aten.as_strided_.default):
            raise Refused(f"{node.target} reads memory, whatever lies there")
        if node.target in (aten.view.default, aten._unsafe_view.default):  # images lie differently in memory here
            node.target = aten.reshape.default
    constants = {
        str(node.target): operator.attrgetter(str(node.target))(exported)
        for node in exported.graph.nodes
        if node.op == "get_attr"
    }
    if any(not isinstance(value, Tensor) for value in constants.values()):
        raise Refused("a block of the network is a graph of its own")
    found = Exported(exported.graph, {name: value.detach() for name, value in constants.items()})
    try:
        return read(_written(found))  # what is kept is what is accepted
    except _UnwritableError:
        return found


def _by_torch(module: nn.Module, size: int, channels: int) -> fx.GraphModule:
    # Two images: of one, export would take it for granted that there is always one.
    example = torch.zeros(2, channels, size, size)
    shapes = ({0: torch.export.Dim("n", min=1)},)
    try:
        with _quietly():
            program = torch.export.export(module, (example,), dynamic_shapes=shapes)
            exported = program.module(check_guards=False)
            _forget_dropout(exported.graph)
            if not _rewritten_out_of_place(exported.graph):
                exported = program.run_decompositions({}).module(check_guards=False)
                _forget_dropout(exported.graph)
                _rewritten_out_of_place(exported.graph)
    except (Exception, SystemExit) as error:  # somebody else's code runs in there
        raise Refused(f"torch.export cannot follow it ({type(error).__name__}: {first_line(error)})") from error
    for node in exported.graph.nodes:
        stack = node.meta.get("nn_module_stack") or {}
        node.meta["module"] = next((name for name, _ in reversed(stack.values()) if name), "")
    return exported


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to ourselves what ``torch.export`` logs, prints and warns of: what matters is in what it raises."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _forget_dropout(graph: fx.Graph) -> None:
    """Remove dropout where it does nothing: there it is its input, no copy of it."""
    for target in (aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default):
        for node in graph.find_nodes(op="call_function", target=target):
            if not node.args[2]:
                node.replace_all_uses_with(node.args[0])
                graph.erase_node(node)


def _rewritten_out_of_place(graph: fx.Graph) -> bool:
    """Turn operations that overwrite what they read (``relu_``) into ordinary ones; whether that was possible for all.

    It is where they overwrite a whole tensor that nobody sees under another name.
    """
    for node in graph.nodes:
        if not _overwrites(node):
            continue
        name, overload = str(node.target).split(".")[1:]
        ordinary = getattr(aten, name.removesuffix("_"), None)
        written = node.args[0]
        known_otherwise = (
            written.op != "call_function"
            or _is_view(written)
            or any(_is_view(user) for user in written.users if user < node)
        )
        if known_otherwise or not name.endswith("_") or not hasattr(ordinary, overload):
            return False
        node.target = getattr(ordinary, overload)
        for user in [user for user in written.users if user > node]:
            user.replace_input_with(written, node)
    return True


def _overwrites(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _is_view(node: fx.Node) -> bool:
    """Whether a result may be its input, or a part of it, under another name."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return True
    by_value = node.target is aten.type_as.default  # its schema does not say so
    return by_value or any(result.alias_info is not None for result in node.target._schema.returns)


# Written down, and read back -----------------------------------------------------------------------


def _written(exported: Exported) -> dict[str, NDArray[Any]]:
    """A graph as arrays: ``graph``, its nodes as JSON, and ``constant …``, the values."""
    numbers = {node: number for number, node in enumerate(exported.graph.nodes)}
    (start,) = exported.graph.find_nodes(op="placeholder")
    count = start.meta["val"].shape[0].node.expr
    nodes = [
        {
            "op": node.op,
            "target": _name_of(node.target) if node.op == "call_function" else str(node.target),
            "args": [_plain(value, numbers) for value in node.args],
            "kwargs": {name: _plain(value, numbers) for name, value in node.kwargs.items()},
            "gives": _shapes(node.meta.get("val"), count),
            "module": node.meta["module"],
        }
        for node in exported.graph.nodes
    ]
    arrays = {"graph": np.frombuffer(json.dumps(nodes).encode(), dtype=np.uint8)}
    for name, value in exported.constants.items():
        if value.layout != torch.strided or value.dtype == torch.bfloat16:
            raise _UnwritableError(name)
        arrays[f"constant {name}"] = value.contiguous().numpy()
    return arrays


def read(arrays: Mapping[str, NDArray[Any]]) -> Exported:
    """A graph from the arrays of an :class:`Exported`; there may be others among them.

    Raises:
        ValueError: it asks for what no network does.
    """
    graph = fx.Graph()
    nodes: list[fx.Node] = []
    for given in json.loads(arrays["graph"].tobytes()):
        args = tuple(_value(value, nodes) for value in given["args"])
        kwargs = {name: _value(value, nodes) for name, value in given["kwargs"].items()}
        target = _function(given["target"]) if given["op"] == "call_function" else given["target"]
        node = graph.create_node(given["op"], target, args, kwargs)
        node.meta = {"val": _examples(given["gives"]), "module": given["module"]}
        nodes.append(node)
    constants = {
        name.removeprefix("constant "): torch.from_numpy(array)
        for name, array in arrays.items()
        if name.startswith("constant ")
    }
    return Exported(graph, constants, {name: arrays[name] for name in ("graph", *map("constant {}".format, constants))})


def _name_of(target: Any) -> str:
    if isinstance(target, torch._ops.OpOverload) and target.namespace == "aten":
        return str(target)
    found = next((name for name, function in NUMBERS.items() if function is target), None)
    if found is None:
        raise _UnwritableError(target)
    return found


def _function(name: str) -> Callable[..., Any]:
    if name in NUMBERS:
        function: Callable[..., Any] = NUMBERS[name]
        return function
    space, _, rest = name.partition(".")
    operation, _, overload = rest.partition(".")
    found = getattr(getattr(aten, operation, None), overload, None) if space == "aten" else None
    # Some of PyTorch's operations read and write files.
    if (
        not isinstance(found, torch._ops.OpOverload)
        or found._schema.is_mutable
        or any(argument.name == "filename" for argument in found._schema.arguments)
    ):
        raise ValueError(f"{name} is no operation of a network")
    called: Callable[..., Any] = found
    return called


def _plain(value: Any, numbers: Mapping[fx.Node, int]) -> Any:
    """An argument of an operation as JSON has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, fx.Node):
        return {"node": numbers[value]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(each, numbers) for each in value]}
    if isinstance(value, list):
        return [_plain(each, numbers) for each in value]
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if type(value).__name__ in _NAMED:
        return {type(value).__name__: str(value).removeprefix("torch.")}
    raise _UnwritableError(value)


def _value(plain: Any, nodes: list[fx.Node]) -> Any:
    """What :func:`_plain` was given."""
    if isinstance(plain, list):
        return [_value(each, nodes) for each in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, what),) = plain.items()
    if kind == "node":
        return nodes[what]
    if kind == "tuple":
        return tuple(_value(each, nodes) for each in what)
    if kind == "device":
        return torch.device(what)
    found = getattr(torch, what)
    if not isinstance(found, _NAMED[kind]):
        raise ValueError(f"torch.{what} is no {kind}")  # noqa: TRY004  # of a file, not of a call
    return found


def _shapes(gives: Any, count: Any) -> Any:
    """What a node gives, as JSON has it: a tensor's type and shape, a list of several results, None for a number."""
    if isinstance(gives, tuple | list):
        return [_shapes(each, count) for each in gives]
    if not isinstance(gives, Tensor):
        return None
    return {"dtype": str(gives.dtype).removeprefix("torch."), "shape": [_side(side, count) for side in gives.shape]}


def _side(side: int | torch.SymInt, count: Any) -> int:
    if isinstance(side, int):
        return side
    known = side.node.expr.subs(count, COUNT)
    if known.free_symbols:  # it depends on the images' values
        raise _UnwritableError(side)
    return int(known)


def _examples(gives: Any) -> Any:
    if isinstance(gives, list):
        return tuple(_examples(each) for each in gives)
    if gives is None:
        return None
    return torch.empty(gives["shape"], dtype=getattr(torch, gives["dtype"]), device="meta")
