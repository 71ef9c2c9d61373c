"""A frozen network -> the same function, prepared for many pixel gradients on a CPU.

Batch normalisation, padding and activations are folded into the convolutions of its graph; what is left is a
list of steps, which is handed out only after :mod:`generator.vision.engine.acceptance` has found it right.
"""

from __future__ import annotations

import copy
import operator
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from generator.errors import first_line
from generator.memory import keep_freed
from generator.vision.engine.acceptance import Refused, Shape, accept
from generator.vision.engine.export import Exported
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.steps import (
    Activation,
    Add,
    Concatenation,
    Convolution,
    Item,
    Limits,
    Linear,
    MaxPool,
    Step,
)

aten = torch.ops.aten


def prepare(module: nn.Module, exported: Exported, shape: Shape, batch: int = 4) -> FlatNetwork:
    """Flatten an exported network into steps that are cheap to run and to differentiate, and make sure of them.

    Args:
        module: the network, frozen and in evaluation mode, on the CPU.
        exported: the same.
        shape: of its input images; no other is accepted.
        batch: how many images will be pushed through together.

    Returns:
        See :func:`flatten`.

    Raises:
        Refused: it cannot be flattened, or what came out is not the same function; with the reason.
    """
    flat = flatten(exported)
    accept(module, flat, flatten(exported, torch.float64), shape, batch)
    return flat


def flatten(exported: Exported, dtype: torch.dtype = torch.float32) -> FlatNetwork:
    """Flatten a network that was found right before.

    Args:
        exported: it; left as it is.
        dtype: of the steps: float32 to be used, float64 to be compared with.

    Returns:
        The same function of images, float (N, channels, size, size) for any N, up to rounding.
        Gradients flow to the images only.

    Raises:
        Refused: it cannot be flattened; with the reason.
    """
    if not torch.backends.mkldnn.is_available():
        raise Refused("this PyTorch has no oneDNN, whose convolutions the engine computes with")
    keep_freed()
    try:
        return _Flattener(exported, dtype).flat()
    except (RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:  # a graph like none before
        raise Refused(f"its operations cannot be laid out ({type(error).__name__}: {first_line(error)})") from error


class _Flattener:
    """Chooses a step for each operation of an exported graph, or folds it into another's.

    Args:
        exported: the graph; left as it is.
        dtype: of the steps.
    """

    def __init__(self, exported: Exported, dtype: torch.dtype) -> None:
        self.graph = copy.deepcopy(exported.graph)
        _pool_before_concatenation(self.graph)
        self.dtype = dtype
        self.plain = {node for node in self.graph.nodes if _is_plain(node)}
        values = {
            name: value.to(dtype) if value.dtype == torch.float32 else value
            for name, value in exported.constants.items()
        }
        self.constants: dict[fx.Node, Tensor] = {
            node: values[str(node.target)] for node in self.graph.nodes if node.op == "get_attr"
        }
        for node in self.graph.nodes:
            node.args, node.kwargs = fx.node.map_aggregate(
                (node.args, node.kwargs), lambda value: dtype if value is torch.float32 else value
            )
        # Operations folded into a later one, whose node stands for all of them.
        self.folded: dict[fx.Node, fx.Node] = {}

    def flat(self) -> FlatNetwork:
        # A convolution stands under the last operation folded into it, which is met later.
        made: dict[fx.Node, Step] = {}
        with torch.no_grad():
            for node in self.graph.nodes:
                if node.op == "call_function" and node not in self.folded and node not in made:
                    step = self._step(node)
                    if step is not None:
                        made[step.node] = step
        steps = list(made.values())
        (start,) = self.graph.find_nodes(op="placeholder")
        end = self._standing_for(self.graph.output_node().all_input_nodes[0])
        for step in steps:
            for node in step.inputs:
                if node in self.folded:
                    step.node.replace_input_with(node, self._standing_for(node))
            step.inputs = [self._standing_for(node) for node in step.inputs]

        # A concatenation that only convolutions read is never made.
        read = {end}.union(*(step.inputs for step in steps))
        steps = [step for step in steps if step.node in read]
        _mask_after_pooling(steps)
        used = {node for step in steps for node in step.inputs}
        return FlatNetwork(steps, start, end, {n: value for n, value in self.constants.items() if n in used})

    def _standing_for(self, node: fx.Node) -> fx.Node:
        while node in self.folded:
            node = self.folded[node]
        return node

    def _step(self, node: fx.Node) -> Step | None:
        reads = [value.meta["val"] for value in node.all_input_nodes]
        limits = _limits(node)
        step: Step | None = None
        if node.target is operator.getitem and isinstance(reads[0], tuple | list):
            step = Item(node)
        elif node not in self.plain:
            step = Step(node)
        elif self._is_convolution(node):
            step = self._convolution(node)
        elif _padding(node) and (user := _only_user(node)) and self._takes_padding(user):
            pass  # the convolution pads
        elif limits:
            step = Activation(node, limits)
        elif (
            node.target is aten.add.Tensor and len(reads) == 2 and not node.kwargs and reads[0].shape == reads[1].shape
        ):
            step = Add(node)
        elif _channels(node):
            step = Concatenation(node)
        elif (
            node.target is aten.linear.default
            and node.meta["val"].ndim == 2
            and all(value in self.constants for value in node.args[1:])
            and node.args[0] not in self.constants
        ):
            step = Linear(node)
        elif node.target is aten.max_pool2d.default:
            step = MaxPool(node)
        else:
            step = Step(node)
        return step

    def _is_convolution(self, node: Any) -> bool:
        """Whether it is a convolution of images whose kernel does not depend on the pixels."""
        if node not in self.plain or node.target is not aten.conv2d.default or node.meta["val"].ndim != 4:
            return False
        source, kernel, offset, *_ = _with_defaults(node)
        return (
            source not in self.constants and kernel in self.constants and (offset is None or offset in self.constants)
        )

    def _takes_padding(self, node: fx.Node) -> bool:
        """Whether a convolution can pad by itself what is padded before it."""
        if not self._is_convolution(node):
            return False
        left, right, top, bottom = _padding(node.args[0])
        return left <= right and top <= bottom and all(d == 1 for d in _pair(_with_defaults(node)[5]))

    def _convolution(self, node: fx.Node) -> Convolution:
        source, kernel, offset, stride, padding, dilation, groups = _with_defaults(node)
        weight, bias = self.constants[kernel], self.constants[offset] if offset else None
        if _padding(source) and _only_user(source) is node and self._takes_padding(node):
            # oneDNN pads both sides alike. Zeros in the kernel undo what is too much on the left and
            # on top, which is cheaper than a padded copy of the image.
            left, right, top, bottom = _padding(source)
            weight = F.pad(weight, (right - left, 0, bottom - top, 0))
            down, aside = _pair(padding)
            padding = [down + bottom, aside + right]
            source = source.args[0]
        last, norm = node, _only_user(node)
        if norm is not None and norm.target is aten.batch_norm.default:
            given: list[Any] = list(norm.args)
            _, *values, training, _momentum, epsilon, _cudnn = given
            # Without a mean of its training it takes that of the images, and is no part of the convolution.
            known = all(value is None or value in self.constants for value in values)
            scale, shift, mean, variance = (self.constants.get(value) for value in values)
            if known and not training and norm.args[0] is node and mean is not None and variance is not None:
                weight, bias = _normalised(weight, bias, scale, shift, mean, variance, epsilon)
                last = norm
        activation = _only_user(last)
        limits = _limits(activation) if activation is not None else None
        if activation is not None and limits and activation in self.plain:
            last = activation
        inner = node
        while inner is not last:
            self.folded[inner] = last
            inner = next(iter(inner.users))
        sources = _channels(source) if groups == 1 and source in self.plain and _only_user(source) is node else {}
        if not 0 < len(sources) < 4:
            sources = {source: weight.shape[1] * groups}
        options = (_pair(stride), _pair(padding), _pair(dilation), groups)
        bias = bias.to(self.dtype) if bias is not None else None
        return Convolution(last, sources, weight.to(self.dtype), bias, options, limits if last is activation else None)


def _mask_after_pooling(steps: list[Step]) -> None:
    """Hand an activation's mask to the pooling that alone reads its result; see MaxPool."""
    makers = {step.node: step for step in steps}
    readers = Counter(node for step in steps for node in step.inputs)
    for step in steps:
        maker = makers.get(step.inputs[0]) if isinstance(step, MaxPool) else None
        if isinstance(step, MaxPool) and isinstance(maker, Convolution) and readers[maker.node] == 1:
            step.limits, maker.mask = maker.limits, None


def _pool_before_concatenation(graph: fx.Graph) -> None:
    """Turn pool(cat(a, b)) into cat(pool(a), pool(b)), as a convolution can spare a concatenation."""
    # What an operation's arguments are is known here, but not to the type checker.
    pools: list[Any] = list(graph.find_nodes(op="call_function", target=aten.max_pool2d.default))
    for node in pools:
        joined = node.args[0]
        if not _channels(joined) or list(joined.users) != [node]:
            continue
        with graph.inserting_before(node):
            pooled = [graph.call_function(node.target, (part, *node.args[1:])) for part in joined.args[0]]
            after = graph.call_function(aten.cat.default, (pooled, 1))
        for part, before in zip(pooled, joined.args[0], strict=True):
            part.meta["val"] = node.meta["val"][:, : before.meta["val"].shape[1]]
        after.meta["val"] = node.meta["val"]
        node.replace_all_uses_with(after)
        graph.erase_node(node)
        graph.erase_node(joined)


def _is_plain(node: fx.Node) -> bool:
    """Whether all that an operation reads and makes is float32, as the steps that know their derivative want it."""
    values = [each.meta.get("val") for each in (node, *node.all_input_nodes)]
    return all(isinstance(value, Tensor) and value.dtype == torch.float32 for value in values)


def _normalised(
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution with the batch normalisation that follows it, float64."""
    factor = (variance.double() + epsilon).rsqrt()
    factor = factor if scale is None else factor * scale.double()
    offset = -mean.double() if bias is None else bias.double() - mean.double()
    offset = offset * factor
    return weight.double() * factor[:, None, None, None], offset if shift is None else offset + shift.double()


def _pair(numbers: Any) -> list[int]:
    """One number for both directions, or one for each."""
    given = [numbers] if isinstance(numbers, int) else list(numbers)
    return given * 2 if len(given) == 1 else given


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _with_defaults(convolution: fx.Node) -> list[Any]:
    """Image, weight, bias, stride, padding, dilation and groups of a convolution's node."""
    defaults = [None, None, None, [1, 1], [0, 0], [1, 1], 1]
    return [*convolution.args, *defaults[len(convolution.args) :]]


def _padding(node: Any) -> list[int]:
    """Left, right, top and bottom of a padding with zeros; nothing for another operation."""
    if node.target is not aten.pad.default or list(node.args[2:]) not in ([], ["constant"], ["constant", 0.0]):
        return []
    sides: list[int] = list(node.args[1])
    return sides if len(sides) == 4 and min(sides) >= 0 else []


def _channels(node: Any) -> dict[fx.Node, int]:
    """Parts of a concatenation of different images along their channels, with their numbers of them."""
    if node.target is not aten.cat.default or node.args[1:] != (1,) or node.meta["val"].ndim != 4:
        return {}
    parts = {part: part.meta["val"].shape[1] for part in node.args[0]}
    return parts if len(parts) == len(node.args[0]) else {}


def _limits(node: fx.Node) -> Limits | None:
    """Bounds of a ReLU-like operation; None for another one."""
    if node.target is aten.relu.default:
        return (0, None)
    if node.target is aten.hardtanh.default:
        given: list[Any] = [*node.args[1:], *[-1.0, 1.0][len(node.args) - 1 :]]
        return (given[0], given[1])
    return None
