"""A prepared network as a program: numbered operations of a closed set, their shapes, and the weights beside them.

It is plain data, which can be written down and run without torch: in a reader's browser. Whatever has no place in it
is refused. Average pooling is a convolution with equal weights, a fully connected layer one whose kernel is its
whole input, a normalisation that stands alone one of a single place: five kinds of operations are enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, fx

from generator.vision.engine.acceptance import Refused
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.steps import (
    Activation,
    Add,
    Concatenation,
    Convolution,
    Limits,
    Linear,
    MaxPool,
    Step,
    aten,
)

Shape = tuple[int, int, int]
"""Of a value: height, width, channels."""

Kind = Literal["conv", "add", "concat", "maxpool", "clip"]

NOWHERE = (None, None)


@dataclass(frozen=True)
class Operation:
    """One operation of a program.

    Attributes:
        kind: of the closed set. A « conv » of several inputs is the sum of their convolutions.
        inputs: numbers of the values it reads.
        output: number of the value it makes; each is made once.
        kernel: height and width of a window.
        stride: of the windows, down and aside.
        padding: zeros above and on the left; those below and on the right follow from the shapes.
        dilation: distance of the places in a window.
        groups: of channels that do not meet.
        weights: places of the kernels, (out, height, width, in / groups) each, in the list of arrays.
        bias: likewise, (out,).
        limits: bounds of its result; None for one that has none.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    weights: tuple[int, ...] = ()
    bias: int | None = None
    limits: tuple[float | None, float | None] = NOWHERE


@dataclass(frozen=True)
class Program:
    """A network, for images of one size.

    Attributes:
        shapes: of the values, by number; 0 is the image. A value without a place has height and width 1.
        operations: in the order in which they can be run.
        arrays: weights and biases, float32.
        output: number of the scores.
    """

    shapes: tuple[Shape, ...]
    operations: tuple[Operation, ...]
    arrays: tuple[NDArray[np.float32], ...] = field(repr=False)
    output: int

    def scores(self, images: Tensor) -> Tensor:
        """Scores (N, classes) of normalised images, (N, C, H, W), in PyTorch's own operations; for comparing."""
        values: dict[int, Tensor] = {0: images}
        for operation in self.operations:
            values[operation.output] = self._run(operation, [values[number] for number in operation.inputs])
        return values[self.output].flatten(1)

    def _run(self, operation: Operation, inputs: list[Tensor]) -> Tensor:
        if operation.kind == "conv":
            parts = zip(operation.inputs, inputs, operation.weights, strict=True)
            result = sum((self._convolved(operation, *part) for part in parts), torch.zeros(()))
            assert operation.bias is not None  # noqa: S101  # for the type checker: every convolution has one
            result = result + self._tensor(operation.bias, inputs[0])[:, None, None]
        elif operation.kind == "add":
            result = inputs[0] + inputs[1]
        elif operation.kind == "concat":
            result = torch.cat(inputs, 1)
        elif operation.kind == "maxpool":
            padded = self._padded(operation, operation.inputs[0], inputs[0], -math.inf)
            result = F.max_pool2d(padded, operation.kernel, operation.stride, 0, operation.dilation)
        else:
            result = inputs[0]
        low, high = operation.limits
        if (low, high) == NOWHERE:
            return result
        if (low, high) == (0, None):
            return F.relu(result)
        # Its derivative at a bound is 0, as that of an activation; torch.clamp's is 1.
        return F.hardtanh(result, -math.inf if low is None else low, math.inf if high is None else high)

    def _convolved(self, operation: Operation, number: int, value: Tensor, weights: int) -> Tensor:
        kernel = self._tensor(weights, value).permute(0, 3, 1, 2)
        padded = self._padded(operation, number, value, 0.0)
        return F.conv2d(padded, kernel, None, operation.stride, 0, operation.dilation, operation.groups)

    def _padded(self, operation: Operation, number: int, value: Tensor, filling: float) -> Tensor:
        sides: list[int] = []
        for axis in (1, 0):
            before = operation.padding[axis]
            reach = (self.shapes[operation.output][axis] - 1) * operation.stride[axis]
            reach += (operation.kernel[axis] - 1) * operation.dilation[axis] + 1
            sides += [before, reach - before - self.shapes[number][axis]]  # less than nothing: in no window
        return F.pad(value, sides, value=filling)

    def _tensor(self, place: int, like: Tensor) -> Tensor:
        return torch.from_numpy(self.arrays[place]).to(like.dtype)


@dataclass(frozen=True)
class Stored:
    """A program as it travels: kernels as 16-bit integers with a scale for each output, biases as float32.

    Fewer bits would do for scores, and not for gradients.

    Attributes:
        description: what JSON can write: shapes, operations, places of the arrays, output.
        weights: the bytes that the arrays are places in, little-endian.
        program: what it comes to: the program with rounded weights.
    """

    description: dict[str, Any]
    weights: bytes
    program: Program


MOST = 2**15 - 1
"""The largest 16-bit integer."""


def stored(program: Program) -> Stored:
    """Round a program's kernels to 16 bits, and lay all arrays out one after the other."""
    weights = bytearray()
    places, arrays = [], []

    def put(array: NDArray[Any]) -> int:
        weights.extend(bytes(-len(weights) % 4))
        weights.extend(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return len(weights) - array.nbytes

    for array in program.arrays:
        if array.ndim == 1:
            places.append({"at": put(array), "count": array.size})
            arrays.append(array)
            continue
        rows = array.reshape(len(array), -1)
        scales = (np.abs(rows).max(axis=1) / MOST).astype(np.float32)
        whole = np.rint(rows / np.where(scales > 0, scales, 1)[:, None]).clip(-MOST, MOST).astype(np.int16)
        places.append({"scale": put(scales), "at": put(whole), "count": array.size, "rows": len(array)})
        arrays.append((whole * scales[:, None]).astype(np.float32).reshape(array.shape))
    description = {
        "shapes": program.shapes,
        "operations": [asdict(operation) for operation in program.operations],
        "arrays": places,
        "output": program.output,
    }
    return Stored(description, bytes(weights), replace(program, arrays=tuple(arrays)))


def written(network: FlatNetwork) -> Program:
    """Write a prepared network down as a program.

    Raises:
        Refused: one of its operations has no place in a program; with its name.
    """
    return _Writer(network).program()


class _Writer:
    def __init__(self, network: FlatNetwork) -> None:
        self.network = network
        self.shapes: list[Shape] = []
        self.operations: list[Operation] = []
        self.arrays: list[NDArray[np.float32]] = []
        self.numbers: dict[fx.Node, int] = {}
        self._value(network.start)

    def program(self) -> Program:
        for step in self.network.steps:
            self._write(step)
        output = self.numbers.get(self.network.end)
        if output is None or self.shapes[output][:2] != (1, 1):
            raise Refused("its scores are not the result of an operation that a program has")
        return Program(tuple(self.shapes), tuple(self.operations), tuple(self.arrays), output)

    def _write(self, step: Step) -> None:
        if isinstance(step, Convolution):
            self._convolution(step)
        elif isinstance(step, Linear):
            self._linear(step)
        elif isinstance(step, Add):
            self._add("add", step)
        elif isinstance(step, Concatenation):
            self._add("concat", step)
        elif isinstance(step, Activation):
            self._add("clip", step, limits=_bounds(step.limits))
        elif isinstance(step, MaxPool):
            kernel, stride, padding, dilation, _ = step.options
            window = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
            windows: dict[str, Any] = {name: _pair(value) for name, value in window.items()}
            self._add("maxpool", step, **windows)
        elif not (self._renamed(step) or self._averaged(step) or self._normalised(step)):
            raise Refused(f"{step.node.target} has no place in a program")

    # Of each kind of step ------------------------------------------------------------------------

    def _convolution(self, step: Convolution) -> None:
        padding = _pair(step.padding)
        kernels = [weight.numpy() for weight in step.weights]
        kernels, padding = _without_margin(kernels, padding, _pair(step.dilation))
        self._add(
            "conv",
            step,
            kernel=_pair(kernels[0].shape[2:]),
            stride=_pair(step.stride),
            padding=padding,
            dilation=_pair(step.dilation),
            groups=step.groups,
            weights=tuple(self._kept(kernel.transpose(0, 2, 3, 1)) for kernel in kernels),
            bias=self._kept(np.zeros(len(kernels[0])) if step.bias is None else step.bias.numpy()),
            limits=_bounds(step.limits),
        )

    def _linear(self, step: Linear) -> None:
        _, *others = step.inputs
        weight, *bias = (self.network.constants[node].numpy() for node in others)
        height, width, channels = self.shapes[self._number(step.inputs[0])]
        # The images' features lie channel by channel.
        kernel = weight.reshape(len(weight), channels, height, width).transpose(0, 2, 3, 1)
        self._add(
            "conv",
            step,
            reads=step.inputs[:1],
            kernel=(height, width),
            weights=(self._kept(kernel),),
            bias=self._kept(bias[0] if bias else np.zeros(len(weight))),
        )

    def _renamed(self, step: Step) -> bool:
        """Whether it leaves its one input as it is, but for how its places are counted."""
        node = step.node
        same = node.target in {aten.clone.default, aten.alias.default, aten.contiguous.default}
        if same or (node.target is aten.dropout.default and not node.args[2]):
            pass
        elif node.target in {aten.flatten.using_ints, aten.reshape.default, aten.squeeze.dim, aten.squeeze.dims}:
            shape = node.meta["val"].shape
            flat = len(shape) == 2 and _is_whole(node)
            if not (flat or (len(shape) == 4 and self.shapes[self._number(step.inputs[0])][:2] == (1, 1))):
                return False
        else:
            return False
        self.numbers[node] = self._number(step.inputs[0])
        return True

    def _averaged(self, step: Step) -> bool:
        """Whether it averages over windows that are all alike; then it is written."""
        node = step.node
        if len(step.inputs) != 1 or step.inputs[0] not in self.numbers:
            return False
        height, width, channels = self.shapes[self._number(step.inputs[0])]
        window: dict[str, Any]
        if node.target is aten.mean.dim:
            if sorted(axis % 4 for axis in node.args[1]) != [2, 3]:  # type: ignore[union-attr, operator]  # a list
                return False
            window = {"kernel": (height, width)}
        elif node.target is aten.adaptive_avg_pool2d.default:
            across = _pair(node.args[1])
            if height % across[0] or width % across[1]:
                return False
            sides = height // across[0], width // across[1]
            window = {"kernel": sides, "stride": sides}
        elif node.target is aten.avg_pool2d.default:
            # Kernel, stride, padding, ceil, whether what is padded counts, divisor.
            given = [*node.args[1:], *[None, [], [0, 0], False, True, None][len(node.args) - 1 :]]
            kernel, stride, padding, ceil, counts, divisor = given
            window = {"kernel": _pair(kernel), "stride": _pair(stride or kernel), "padding": _pair(padding)}
            made = [int(side) for side in node.meta["val"].shape[2:]]
            over = any(
                (made[axis] - 1) * window["stride"][axis] + window["kernel"][axis] > (height, width)[axis]
                for axis in (0, 1)
            )
            if divisor is not None or (any(window["padding"]) and not counts) or (ceil and over):
                return False
        else:
            return False
        down, aside = window["kernel"]
        self._add(
            "conv",
            step,
            groups=channels,
            weights=(self._kept(np.full((channels, down, aside, 1), 1 / (down * aside))),),
            bias=self._kept(np.zeros(channels)),
            **window,
        )
        return True

    def _normalised(self, step: Step) -> bool:
        """Whether it is a batch normalisation with constants alone; then it is written."""
        node, constants = step.node, self.network.constants
        if node.target is not aten.batch_norm.default or step.inputs[0] not in self.numbers:
            return False
        given: list[Any] = list(node.args)
        _, *values, training, _momentum, epsilon, _cudnn = given
        if training or any(value is not None and value not in constants for value in values) or None in values[2:]:
            return False
        scale, shift, mean, variance = (None if v is None else constants[v].double().numpy() for v in values)
        assert mean is not None and variance is not None  # noqa: S101, PT018  # for the type checker
        factor = (1 if scale is None else scale) / np.sqrt(variance + epsilon)
        self._add(
            "conv",
            step,
            reads=step.inputs[:1],
            groups=len(mean),
            weights=(self._kept(factor[:, None, None, None]),),
            bias=self._kept((0 if shift is None else shift) - mean * factor),
        )
        return True

    # What they have in common --------------------------------------------------------------------

    def _add(self, kind: Kind, step: Step, *, reads: Sequence[fx.Node] | None = None, **says: Any) -> None:
        inputs = tuple(self._number(node) for node in (step.inputs if reads is None else reads))
        self.operations.append(Operation(kind, inputs, self._value(step.node), **says))

    def _number(self, node: fx.Node) -> int:
        if node not in self.numbers:
            raise Refused(f"{node.target} has no place in a program")
        return self.numbers[node]

    def _value(self, node: fx.Node) -> int:
        shape = [int(side) for side in node.meta["val"].shape[1:]]
        if len(shape) not in {1, 3}:
            raise Refused(
                f"{node.target} gives {len(shape) + 1} dimensions; a program has images and lists of features"
            )
        channels, height, width = shape if len(shape) == 3 else (*shape, 1, 1)
        self.numbers[node] = len(self.shapes)
        self.shapes.append((height, width, channels))
        return self.numbers[node]

    def _kept(self, array: NDArray[Any]) -> int:
        self.arrays.append(np.ascontiguousarray(array, dtype=np.float32))
        return len(self.arrays) - 1


def _bounds(limits: Limits | None) -> tuple[float | None, float | None]:
    return NOWHERE if limits is None else limits


def _pair(numbers: Any) -> tuple[int, int]:
    """One number for both directions, or one for each."""
    given = [numbers] if isinstance(numbers, int) else [int(number) for number in numbers]
    return (given[0], given[-1])


def _is_whole(node: fx.Node) -> bool:
    """Whether a list of features holds, for each image, all of what the operation reads."""
    (read,) = node.all_input_nodes[:1]
    return math.prod(int(side) for side in read.meta["val"].shape[1:]) == int(node.meta["val"].shape[1])


def _without_margin(
    kernels: list[NDArray[Any]], padding: tuple[int, int], dilation: tuple[int, int]
) -> tuple[list[NDArray[Any]], tuple[int, int]]:
    """Kernels, (out, in, height, width), without the lines of zeros before them that only padding is read by."""
    left = list(padding)
    for axis in (2, 3):
        while (
            left[axis - 2] >= dilation[axis - 2]
            and kernels[0].shape[axis] > 1
            and not any(kernel.take(0, axis).any() for kernel in kernels)
        ):
            kernels = [np.delete(kernel, 0, axis) for kernel in kernels]
            left[axis - 2] -= dilation[axis - 2]
    return kernels, (left[0], left[1])
