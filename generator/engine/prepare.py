"""A frozen network -> the same function, prepared for many pixel gradients on a CPU.

The network is flattened with ``torch.export``; batch normalisation, padding and activations are
folded into the convolutions; what is left is a list of steps. One ``autograd.Function`` walks it
there and back, so that ordinary autograd works as far as the pixels, and no further.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.fusion import fuse_conv_bn_weights

from generator.engine.steps import Activation, Add, Concatenation, Convolution, Limits, Linear, MaxPool, Step
from generator.memory import keep_freed

aten = torch.ops.aten


def prepare(module: nn.Module, size: int, channels: int = 3) -> nn.Module:
    """Flatten a frozen network into steps that are cheap to run and to differentiate.

    Args:
        module: the network, frozen and in evaluation mode, on the CPU.
        size: side of its input images, in pixels; no other is accepted.
        channels: of its input images.

    Returns:
        The same function of images, float (N, channels, size, size) for any N, up to rounding.
        Gradients flow to the images only.

    Raises:
        RuntimeError: it cannot be flattened: what it does depends on the images' values or number,
            or it leaves PyTorch on the way.
    """
    keep_freed()
    # Two images: of one, export would take it for granted that there is always one.
    example = torch.zeros(2, channels, size, size)
    shapes = ({0: torch.export.Dim("n", min=1)},)
    exported = torch.export.export(module, (example,), dynamic_shapes=shapes).module(check_guards=False)
    return _Flattener(exported).flat()


class FlatNetwork(nn.Module):
    """A network as a list of steps.

    Args:
        steps: in the order of the forward pass.
        start: the node of the images.
        end: the node of the scores.
        constants: values of the nodes that depend on nothing.
    """

    def __init__(self, steps: list[Step], start: fx.Node, end: fx.Node, constants: dict[fx.Node, Tensor]) -> None:
        super().__init__()
        self._steps, self._start, self._end, self._constants = steps, start, end, constants
        last_reader = {node: place for place, step in enumerate(steps) for node in step.inputs}
        self._read_last = [
            [node for node in step.inputs if last_reader[node] == place and node not in constants]
            for place, step in enumerate(steps)
        ]
        self._varying = {start}
        for step in steps:
            step.varying = [node in self._varying and isinstance(node.meta["val"], Tensor) for node in step.inputs]
            if any(step.varying):
                self._varying.add(step.node)

    def forward(self, images: Tensor) -> Tensor:
        """Raw scores of normalised images."""
        if torch.is_grad_enabled() and images.requires_grad:
            scores: Tensor = _Walk.apply(images, self)
            return scores
        with torch.no_grad():
            return self.there(images)[0]

    def there(self, images: Tensor) -> tuple[Tensor, list[list[Any]]]:
        """The scores, and what each step kept for the way back."""
        values: dict[fx.Node, Any] = {**self._constants, self._start: images}
        tape = []
        for step, done in zip(self._steps, self._read_last, strict=True):
            values[step.node], kept = step.forward([values[node] for node in step.inputs])
            tape.append(kept)
            for node in done:
                values.pop(node, None)
        return values[self._end], tape

    def back(self, tape: list[list[Any]], gradient: Tensor) -> Tensor:
        """The images' gradient from the scores'; empties the tape on its way."""
        # Each gradient with whether it is ours to write on.
        gradients = {self._end: (gradient, False)}
        while tape:
            step, kept = self._steps[len(tape) - 1], tape.pop()
            if step.node not in gradients:
                continue
            for node, new in zip(step.inputs, step.backward(kept, *gradients.pop(step.node)), strict=True):
                if new is None or node not in self._varying:
                    continue
                if node not in gradients:
                    gradients[node] = new, step.fresh
                elif gradients[node][1]:
                    gradients[node][0].add_(new)
                elif step.fresh:
                    gradients[node] = new.add_(gradients[node][0]), True
                else:
                    gradients[node] = gradients[node][0] + new, True
        return gradients[self._start][0]


class _Walk(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, network: FlatNetwork) -> Tensor:
        ctx.network = network
        scores, ctx.tape = network.there(images)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.network.back(ctx.tape, gradient), None


class _Flattener:
    """Chooses a step for each operation of an exported graph, or folds it into another's."""

    def __init__(self, exported: fx.GraphModule) -> None:
        self.graph = exported.graph
        _out_of_place(self.graph)
        for node in self.graph.find_nodes(op="call_function", target=aten.dropout.default):
            node.replace_all_uses_with(node.args[0])
            self.graph.erase_node(node)
        _pool_before_concatenation(self.graph)
        constants = {
            node: operator.attrgetter(str(node.target))(exported) for node in self.graph.nodes if node.op == "get_attr"
        }
        if any(not isinstance(value, Tensor) for value in constants.values()):
            raise RuntimeError("a block of the network is a graph of its own")
        self.constants: dict[fx.Node, Tensor] = {node: value.detach() for node, value in constants.items()}
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
        # The steps' nodes hold the graph, and it would hold the weights as they were before anything was folded in.
        self.graph.owning_module = None
        return FlatNetwork(steps, start, end, {n: value for n, value in self.constants.items() if n in used})

    def _standing_for(self, node: fx.Node) -> fx.Node:
        while node in self.folded:
            node = self.folded[node]
        return node

    def _step(self, node: fx.Node) -> Step | None:
        reads = [value.meta["val"] for value in node.all_input_nodes]
        limits = _limits(node)
        step: Step | None = None
        if node.target is aten.conv2d.default and node.args[1] in self.constants:
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
        elif node.target is aten.linear.default and node.args[1] in self.constants and node.meta["val"].ndim == 2:
            step = Linear(node)
        elif node.target is aten.max_pool2d.default:
            step = MaxPool(node)
        else:
            step = Step(node)
        return step

    def _takes_padding(self, node: fx.Node) -> bool:
        """Whether a convolution can pad by itself what is padded before it."""
        if node.target is not aten.conv2d.default or node.args[1] not in self.constants:
            return False
        left, right, top, bottom = _padding(node.args[0])
        return left <= right and top <= bottom and all(d == 1 for d in _with_defaults(node)[5])

    def _convolution(self, node: fx.Node) -> Convolution:
        source, kernel, offset, stride, padding, dilation, groups = _with_defaults(node)
        weight, bias = self.constants[kernel], self.constants.get(offset)
        if _padding(source) and _only_user(source) is node and self._takes_padding(node):
            # oneDNN pads both sides alike. Zeros in the kernel undo what is too much on the left and
            # on top, which is cheaper than a padded copy of the image.
            left, right, top, bottom = _padding(source)
            weight = F.pad(weight, (right - left, 0, bottom - top, 0))
            padding = [padding[0] + bottom, padding[1] + right]
            source = source.args[0]
        last, norm = node, _only_user(node)
        if norm is not None and norm.target is aten.batch_norm.default:
            arguments: list[Any] = list(norm.args)
            scale, shift, mean, variance = (self.constants[value] for value in arguments[1:5])
            weight, bias = fuse_conv_bn_weights(weight, bias, mean, variance, arguments[7], scale, shift)
            last = norm
        activation = _only_user(last)
        limits = _limits(activation) if activation is not None else None
        if activation is not None and limits:
            last = activation
        inner = node
        while inner is not last:
            self.folded[inner] = last
            inner = next(iter(inner.users))
        sources = _channels(source) if groups == 1 and _only_user(source) is node else {}
        if not 0 < len(sources) < 4:
            sources = {source: weight.shape[1] * groups}
        detached = bias.detach() if bias is not None else None
        options = (list(stride), list(padding), list(dilation), groups)
        return Convolution(last, sources, weight.detach(), detached, options, limits)


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


def _out_of_place(graph: fx.Graph) -> None:
    """Turn operations that overwrite what they read (``relu_``) into ordinary ones."""
    for node in graph.nodes:
        name = str(node.target).split(".")
        if node.op == "call_function" and name[0] == "aten" and name[1].endswith("_"):
            ordinary = getattr(aten, name[1].removesuffix("_"), None)
            if ordinary is not None:
                node.target = getattr(ordinary, name[2])
                for user in [user for user in node.args[0].users if user > node]:
                    user.replace_input_with(node.args[0], node)


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
