"""The operations of a frozen network, each with its derivative with respect to what it reads.

PyTorch's own backward pass builds a graph at every call, is general, and takes slow paths for some
convolutions. Here the gradient of a convolution is, wherever possible, another convolution whose
kernel is laid out once, and activations are folded into what comes before them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx
from torch.utils._pytree import tree_map

aten = torch.ops.aten
onednn = torch.ops.mkldnn
CHANNELS_LAST = torch.channels_last

Limits = tuple[float, float | None]
"""Bounds of an activation: (0, None) is a ReLU, (0, 6) a ReLU6."""

Options = tuple[list[int], list[int], list[int], int]
"""Of a convolution: stride, padding (alike on both sides), dilation, groups."""

SHAPES = 2
"""For how many shapes of batches a kernel stays laid out: one image at a time, and the last other number of them."""


class Recorded:
    """A run of an operation under autograd, for its way back, once.

    Attributes:
        leaves: its inputs; those that a gradient flows through require one.
        result: what came out.
    """

    def __init__(self, leaves: list[Any], result: Any) -> None:
        self.leaves, self.result = leaves, result


class Step:
    """Any operation: run under autograd.

    Subclasses know their derivative. A step keeps nothing of a run: what the backward pass needs
    comes out of :meth:`forward` and is handed to :meth:`backward`.

    Attributes:
        node: the operation in the exported graph; others refer to its result by it.
        inputs: the nodes it reads.
        varying: for each input, whether a gradient flows through it to the pixels.
        fresh: whether the gradients it returns are new tensors, which may be written on.
    """

    fresh = False

    def __init__(self, node: fx.Node) -> None:
        self.node = node
        self.inputs: list[fx.Node] = list(node.all_input_nodes)
        self.varying: list[bool] = []

    def run(self, values: list[Any]) -> Any:
        """The operation's result for these values of its inputs."""
        known = dict(zip(self.inputs, values, strict=True))
        args, kwargs = fx.node.map_arg((self.node.args, self.node.kwargs), known.__getitem__)
        return self.node.target(*args, **kwargs)  # type: ignore[operator]  # an operator's node

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        """The result, and, where gradients are asked for, what the backward pass needs."""
        if not torch.is_grad_enabled():
            return self.run(values), []
        recorded = self._recorded(values)
        return tree_map(lambda v: v.detach() if isinstance(v, Tensor) else v, recorded.result), [values, recorded]

    def backward(self, kept: list[Any], gradient: Any, owned: bool) -> list[Tensor | None]:  # noqa: ARG002
        """Gradients of the inputs, from the result's; ``owned`` ones may be written on.

        Of an operation with several results ``gradient`` is a dictionary: those that are known, by place.
        Without a record in what was kept, the operation is run again.
        """
        values, recorded = kept
        recorded = recorded or self._recorded(values)
        leaves, result = recorded.leaves, recorded.result
        pairs = [(result[i], g) for i, g in gradient.items()] if isinstance(gradient, dict) else [(result, gradient)]
        # A result need not depend on the pixels: a comparison does not, nor what is known beforehand.
        pairs = [(part, laid_out_like(part, g)) for part, g in pairs if part.requires_grad]
        if not pairs:
            return [None] * len(leaves)
        wanted = [leaf for leaf, depends in zip(leaves, self.varying, strict=True) if depends]
        results, gradients = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(results, wanted, gradients, allow_unused=True))
        return [next(found) if depends else None for depends in self.varying]

    def _recorded(self, values: list[Any]) -> Recorded:
        leaves = [v.detach().requires_grad_() if d else v for v, d in zip(values, self.varying, strict=True)]
        with torch.enable_grad():
            return Recorded(leaves, self.run(leaves))


class Item(Step):
    """One result of an operation that has several (``chunk``, ``split``, an LSTM).

    Its gradient is handed to that operation together with the others'; see FlatNetwork.back.
    """

    @property
    def place(self) -> int:
        """Which of the results it is."""
        place = self.node.args[1]
        assert isinstance(place, int)  # noqa: S101  # for the type checker: an operator.getitem
        return place

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        return values[0][self.place], []


class Activation(Step):
    """A ReLU or a clipped one; its derivative is read from its result."""

    fresh = True

    def __init__(self, node: fx.Node, limits: Limits) -> None:
        super().__init__(node)
        self.limits = limits

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        result = self.run(values)
        return result, [result]

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:
        return [masked(gradient, kept[0], self.limits, owned)]


class Add(Step):
    """A sum of two tensors of one shape (a residual connection)."""

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        return values[0] + values[1], []

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: ARG002
        return [gradient, gradient]


class Linear(Step):
    """A fully connected layer on (N, features), whose weights do not depend on the pixels."""

    fresh = True

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        return self.run(values), [values[1]]

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: ARG002
        return [gradient @ kept[0], *[None] * (len(self.inputs) - 1)]


class Concatenation(Step):
    """A concatenation of channels."""

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        return torch.cat(values, 1), [value.shape[1] for value in values]

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: ARG002
        return list(torch.split(gradient, kept, 1))


class MaxPool(Step):
    """Max pooling; the places of the maxima are kept.

    Where it alone reads an activation's result, that activation's mask is applied here, to the
    pooled gradient, which is smaller: a maximum at a limit comes from an input at that limit.
    """

    fresh = True

    def __init__(self, node: fx.Node) -> None:
        super().__init__(node)
        given = [*node.args[1:], *[None, [], [0, 0], [1, 1], False][len(node.args) - 1 :]]
        kernel, stride, padding, dilation, ceil = given
        self.options = [kernel, stride or kernel, padding, dilation, ceil]
        self.limits: Limits | None = None

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        result, places = aten.max_pool2d_with_indices(values[0], *self.options)
        return result, [values[0], places, result]

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:
        values, places, result = kept
        if self.limits:
            gradient = masked(gradient, result, self.limits, owned)
        return [aten.max_pool2d_with_indices_backward(gradient, values, *self.options, places)]


class Convolution(Step):
    """A convolution with everything folded in that comes just before and after it.

    It may read several tensors, the parts of a concatenation that is then never made: the results
    for the parts are summed, and each part's gradient comes out by itself.

    Args:
        node: the last of the operations folded together.
        sources: the nodes read, with their numbers of channels.
        weight: the kernel, batch normalisation folded in, (out, in / groups, height, width).
        bias: likewise.
        options: see :data:`Options`.
        limits: bounds of the activation that follows, if one does.

    With a kernel of float64 it computes the same in PyTorch's own convolutions: what oneDNN's are checked against.
    """

    fresh = True

    def __init__(
        self,
        node: fx.Node,
        sources: dict[fx.Node, int],
        weight: Tensor,
        bias: Tensor | None,
        options: Options,
        limits: Limits | None,
    ) -> None:
        self.node, self.inputs, self.varying = node, list(sources), []
        self.bias, self.limits, self.mask = bias, limits, limits
        self.stride, self.padding, self.dilation, self.groups = options
        self.activation: tuple[str, list[Any]] = ("none", [])
        if limits:
            self.activation = ("relu", []) if limits == (0, None) else ("hardtanh", list(limits))
        parts = torch.split(weight, list(sources.values()), 1) if len(sources) > 1 else [weight]
        self.weights = [part.contiguous(memory_format=CHANNELS_LAST) for part in parts]
        self.laid_out: dict[tuple[int, torch.Size], Tensor] = {}

        self.back: list[Tensor] = []
        self.phases: int | None = None
        self.back_padding = [
            d * (k - 1) - p for d, k, p in zip(self.dilation, weight.shape[2:], self.padding, strict=True)
        ]
        if self.stride == [1, 1] and min(self.back_padding) >= 0:
            self.back = [turned(part, self.groups).contiguous() for part in parts]
        # oneDNN is slow at the gradient of a strided convolution of few channels (the first layer):
        # there, one convolution computes all its stride × stride phases.
        elif (
            weight.shape[1] <= 4 and self.groups == len(parts) == len(set(self.stride)) == 1 and self.dilation == [1, 1]
        ):
            self.phases = self.stride[0]
            self.back = [phased(weight, self.phases)]
            self.back_padding = [side - 1 for side in self.back[0].shape[2:]]

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        options = [self.padding, self.stride, self.dilation, self.groups]
        values = [value.contiguous(memory_format=CHANNELS_LAST) for value in values]
        result = None
        for part, (value, weight) in enumerate(zip(values, self.weights, strict=True)):
            activation = self.activation if part == len(values) - 1 else ("none", [])
            result = self._convolved(part, value, weight, options, activation, result)
        kept = [value.shape for value in values] if self.back else values
        return result, [*kept, result] if self.mask else kept

    def backward(self, kept: list[Any], gradient: Tensor, owned: bool) -> list[Tensor | None]:
        if self.mask:
            gradient = masked(gradient, kept[-1], self.mask, owned)
        gradient = gradient.contiguous(memory_format=CHANNELS_LAST)
        if not self.back:
            options = [self.stride, self.padding, self.dilation, False, [0, 0], self.groups]
            only_input = [True, False, False]
            return [
                aten.convolution_backward(gradient, value, weight, None, *options, only_input)[0]
                for value, weight in zip(kept, self.weights, strict=False)
            ]
        back = [self.back_padding, [1, 1], self.dilation, self.groups]
        found = [self._convolved(~part, gradient, weight, back) for part, weight in enumerate(self.back)]
        return [interleaved(found[0], kept[0], self.phases, self.padding)] if self.phases else list(found)

    def _convolved(
        self,
        part: int,
        value: Tensor,
        weight: Tensor,
        options: list[Any],
        activation: tuple[str, list[Any]] = ("none", []),
        onto: Tensor | None = None,
    ) -> Tensor:
        """A convolution (``~part`` is one of the way back), added to what is there already, then the activation."""
        bias = self.bias if part == 0 else None
        if weight.dtype == torch.float64:
            padding, *others = options
            result = F.conv2d(value, weight, bias, others[0], padding, *others[1:])
            result = result.contiguous(memory_format=CHANNELS_LAST) if onto is None else result + onto
            name, limits = activation
            return result if name == "none" else F.relu(result) if name == "relu" else F.hardtanh(result, *limits)
        kernel = self._laid_out(part, value, weight, options)
        if onto is None:
            made: Tensor = onednn._convolution_pointwise(value, kernel, bias, *options, *activation, "")
            return made
        # After a sum, it knows no activation but a ReLU.
        name, limits = activation
        fused: Any = ("relu", [], "") if name == "relu" else (None, [], None)
        onednn._convolution_pointwise_(onto, value, kernel, None, *options, "add", 1.0, *fused)
        return F.hardtanh_(onto, *limits) if name == "hardtanh" else onto

    def _laid_out(self, part: int, read: Tensor, weight: Tensor, options: list[Any]) -> Tensor:
        """The kernel in the layout that oneDNN wants for this shape of input; those used last are kept."""
        known = self.laid_out.pop((part, read.shape), None)
        if known is None:
            known = onednn._reorder_convolution_weight(weight, *options, list(read.shape))
        self.laid_out[part, read.shape] = known
        while len(self.laid_out) > SHAPES * (len(self.weights) + len(self.back)):
            del self.laid_out[next(iter(self.laid_out))]
        return known


def laid_out_like(result: Tensor, gradient: Tensor) -> Tensor:
    """The gradient in the strides of what it is the gradient of.

    In others, PyTorch's way back through the instance normalisation of one image is wrong.
    """
    if gradient.stride() == result.stride():
        return gradient
    return torch.empty_like(result).copy_(gradient)


def turned(weight: Tensor, groups: int) -> Tensor:
    """The kernel of the gradient of a convolution of stride 1."""
    outputs, inputs, *sides = weight.shape
    grouped = weight.reshape(groups, outputs // groups, inputs, *sides).transpose(1, 2)
    return grouped.reshape(groups * inputs, outputs // groups, *sides).flip(2, 3)


def phased(weight: Tensor, stride: int) -> Tensor:
    """The kernel whose channels are the stride × stride phases of a strided convolution's gradient."""
    outputs, inputs, height, width = weight.shape
    rows, columns = -(-height // stride), -(-width // stride)
    whole = F.pad(weight, (0, columns * stride - width, 0, rows * stride - height))
    whole = whole.view(outputs, inputs, rows, stride, columns, stride).flip(2, 4).permute(1, 3, 5, 0, 2, 4)
    return whole.reshape(inputs * stride * stride, outputs, rows, columns).contiguous()


def interleaved(phases: Tensor, shape: torch.Size, stride: int, padding: list[int]) -> Tensor:
    """Put (N, C × stride², h, w) phases together to the gradient of an input of that shape."""
    count, _, h, w = phases.shape
    channels, height, width = shape[1:]
    full = phases.view(count, channels, stride, stride, h, w).permute(0, 1, 4, 2, 5, 3)
    full = full.reshape(count, channels, h * stride, w * stride)
    (top, left), (bottom, right) = padding, (padding[0] + height, padding[1] + width)
    if bottom > h * stride or right > w * stride:  # the last pixels are in no window
        full = F.pad(full, (0, max(0, right - w * stride), 0, max(0, bottom - h * stride)))
    return full[:, :, top:bottom, left:right]


def masked(gradient: Tensor, result: Tensor, limits: Limits, owned: bool) -> Tensor:
    """The gradient before an activation from the one after it; in its place if that is ours."""
    low, high = limits
    operator, bounds = (aten.threshold_backward, [low]) if high is None else (aten.hardtanh_backward, [low, high])
    if owned:
        in_place: Tensor = operator.grad_input(gradient, result, *bounds, grad_input=gradient)
        return in_place
    fresh: Tensor = operator(gradient, result, *bounds)
    return fresh
