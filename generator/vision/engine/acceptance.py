"""Whether a network computes, and differentiates, what its author wrote: against float64, to rounding.

A prepared network is compared in two stages, since a ReLU at its kink lets a gradient through or not as
the last digit decides, and float32 against float64 would be compared with a tolerance that hides errors:

1. Its steps, in float64, against the network of its library, in float64: the same function and the
   same gradient, to 1e-8. In that many digits no kink is met by chance.
2. Each step in float32 against itself in float64, on the same values: the same kernels, to rounding.

A network that runs as its library made it is compared operation by operation, on its way there and back.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from generator.errors import first_line
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.steps import Activation, Add, Concatenation, Convolution, Item, MaxPool, Recorded, Step

EXACT = 1e-8
"""Relative difference of two ways to the same float64."""

ROUNDING = 1e-4
"""Relative difference that one operation in float32 may make."""

NOTHING = 1e-14
"""What is left of nothing in float64, relatively."""

MANY = 8
"""Images of the largest batch that is tried."""

Shape = tuple[int, int, int]
"""Of an image: channels, height, width."""


class Refused(Exception):  # noqa: N818  # said of a network, as a verdict
    """A network is not, or cannot be shown to be, what its author wrote; the message says why."""


def examples(count: int, shape: Shape) -> Tensor:
    """Normalised images, float32 (count, C, H, W), in turn like a photograph and noise; the same each time.

    Like a photograph: smooth patches and edges of large contrast, and a little noise, which keeps what lies
    side by side from being equal.
    """
    random = torch.Generator().manual_seed(0)
    channels, height, width = shape
    images = []
    for place in range(count):
        noise = torch.randn(1, channels, height, width, generator=random)
        if place % 2 == 0:
            patches = torch.randn(1, channels, 5, 5, generator=random)
            smooth = nn.functional.interpolate(patches, size=(height, width), mode="bicubic", align_corners=False)
            noise = smooth + 0.5 * smooth.sign() + 0.1 * noise
        images.append(noise[0])
    return torch.stack(images)


def accept(module: nn.Module, flat: FlatNetwork, precise: FlatNetwork, shape: Shape, batch: int) -> None:
    """Make sure that a prepared network is its original.

    Args:
        module: the original, frozen and in evaluation mode, on the CPU.
        flat: the prepared network.
        precise: the same with steps in float64.
        shape: of an image.
        batch: how many images will be pushed through together.

    Raises:
        Refused: it is not, or the original does not run in float64; with the reason.
    """
    images = examples(2, shape).double()
    try:
        original = _in_float64(module)
        with _InFloat64():
            right = _look(original, images)
    except (Exception, SystemExit) as error:  # somebody else's code
        raise Refused(f"it does not run in float64, to be compared with ({_named(error)})") from error
    pairs = list(zip(flat.steps, precise.steps, strict=True))
    beside = FlatNetwork([_beside(*pair) for pair in pairs], precise.start, precise.end, precise.constants)
    _compare(beside, images, right, slice(0, 2), torch.contiguous_format)
    _compare(beside, images, right, slice(1, 2), torch.channels_last)
    if batch > 2:
        many = examples(min(batch, MANY), shape).contiguous(memory_format=torch.channels_last)
        _walk(FlatNetwork([_on_last(*pair) for pair in pairs], flat.start, flat.end, flat.constants), many)


def accept_as_it_is(module: nn.Module, shape: Shape, batch: int) -> None:
    """Make sure that PyTorch's own operations on a network's way there and back are right in float32.

    Args:
        module: the network, frozen and in evaluation mode, on the CPU.
        shape: of an image.
        batch: how many images will be pushed through together.

    Raises:
        Refused: one is not; with its name.
    """
    for count in sorted({1, min(batch, 2)}):
        with _EachAgain():  # type: ignore[no-untyped-call]  # torch
            _look(module, examples(count, shape))


def distance(found: Tensor, right: Tensor) -> float:
    """Norm of the difference relative to that of what is right; infinite where only one of them is a number."""
    found, right = found.detach().double(), right.detach().double()
    if found.shape != right.shape:
        return math.inf
    off, size = (found - right).norm(), right.norm()
    if not size.isfinite():  # what is infinite on both sides is no difference
        off = torch.where(found == right, torch.zeros_like(right), found - right).norm()
        size = torch.where(right.isinf(), torch.zeros_like(right), right).norm()
    relative = float(off / size) if off else 0.0
    return relative if math.isfinite(relative) else math.inf


def _look(network: nn.Module, images: Tensor, directions: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, a direction in them for each image, and the gradient of the scores along it.

    A direction is in turn one of all classes at once, which no class with a wrong gradient escapes, and a single class.
    """
    with torch.enable_grad():
        pixels = images.detach().requires_grad_()
        scores = network(pixels)
        if directions is None:
            random = torch.Generator().manual_seed(1)
            directions = torch.randn(scores.shape, generator=random).to(scores.dtype)
            directions[1::2] = nn.functional.one_hot(directions[1::2].argmax(1), scores.shape[1]).to(scores.dtype)
        (gradient,) = torch.autograd.grad(scores, pixels, directions)
    return scores.detach(), directions, gradient


def _walk(network: FlatNetwork, images: Tensor, directions: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    try:
        return _look(network, images, directions)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise Refused(f"its steps fail on {len(images)} images ({_named(error)})") from error


def _compare(
    network: FlatNetwork,
    images: Tensor,
    right: tuple[Tensor, Tensor, Tensor],
    chosen: slice,
    layout: torch.memory_format,
) -> None:
    some = images[chosen].contiguous(memory_format=layout)
    scores, directions, gradient = (value[chosen] for value in right)
    found, _, slope = _walk(network, some, directions)
    for what, ours, theirs in (("scores", found, scores), ("gradient", slope, gradient)):
        if not (off := distance(ours, theirs)) <= EXACT:
            raise Refused(f"its {what} would be off by {off:.1e}, relatively, in a batch of {len(some)}")


class _Twin(Step):
    """A step in float32 and the same in float64."""

    def __init__(self, fast: Step, precise: Step, lead: Step) -> None:
        super().__init__(lead.node)
        self.inputs, self.fresh = lead.inputs, lead.fresh
        self.fast, self.precise = fast, precise

    def check(self, found: Any, again: Callable[[float], Any]) -> None:
        """Compare float32 values with float64 ones, made again from what they were made from, disturbed or not."""
        if (off := _off(found, again)) > ROUNDING:
            where = f" of {name}" if (name := self.node.meta["module"]) else ""
            raise Refused(f"{self.node.target}{where} is off by {off:.1e}, relatively, in float32")


class _Beside(_Twin):
    """Walks in float64, and tries each step in float32 on the way."""

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        result, kept = self.precise.forward(values)
        self.check(
            self.fast.forward(_single(values))[0],
            lambda share: self.precise.forward(_disturbed(values, share))[0] if share else result,
        )
        return result, kept

    def backward(self, kept: list[Any], gradient: Any, owned: bool) -> list[Tensor | None]:  # noqa: ARG002
        found = self.precise.backward(kept, gradient, owned=False)
        self.check(
            self.fast.backward(_single(kept), _single(gradient), owned=False),
            lambda share: (
                self.precise.backward(_disturbed(kept, share), _disturbed(gradient, share), owned=False)
                if share
                else found
            ),
        )
        return found


class _OnLast(_Twin):
    """Walks in float32, and tries each step in float64 on the way: where images do not meet, on the last one only."""

    @property
    def alone(self) -> bool:
        return isinstance(self.fast, Convolution | Activation | MaxPool | Add | Concatenation)

    def forward(self, values: list[Any]) -> tuple[Any, list[Any]]:
        result, kept = self.fast.forward(values)
        last = _last(values) if self.alone else values
        self.check(
            _last(result) if self.alone else result,
            lambda share: self.precise.forward(_disturbed(last, share))[0],
        )
        return result, kept

    def backward(self, kept: list[Any], gradient: Any, owned: bool) -> list[Tensor | None]:  # noqa: ARG002
        found = self.fast.backward(kept, gradient, owned=False)
        last = _last((kept, gradient)) if self.alone else (kept, gradient)
        self.check(
            _last(found) if self.alone else found,
            lambda share: self._again(*_disturbed(last, share)),
        )
        return found

    def _again(self, kept: list[Any], gradient: Any) -> list[Tensor | None]:
        return self.precise.backward(kept, gradient, owned=False)


def _beside(fast: Step, precise: Step) -> Step:
    return precise if isinstance(precise, Item) else _Beside(fast, precise, precise)


def _on_last(fast: Step, precise: Step) -> Step:
    return fast if isinstance(fast, Item) else _OnLast(fast, precise, fast)


def _off(found: Any, again: Callable[[float], Any]) -> float:
    """The largest distance of tensors from the right ones, as far as rounding does not explain it.

    It does where a disturbance of what they are made from in the sixth digit changes them as much, and where
    nothing is right beside what else is found: attention to one place only has no gradient, and float32 rounds nothing.
    """
    right = again(0)
    worst = 0.0
    pairs = list(zip(tree_flatten(found)[0], tree_flatten(right)[0], strict=True))
    largest = max((float(theirs.norm()) for _, theirs in pairs if _is_real(theirs)), default=0.0)
    for place, (ours, theirs) in enumerate(pairs):
        if not _is_real(ours) or ours.dtype != torch.float32:
            continue
        if theirs.norm() < NOTHING * largest and ours.norm() < ROUNDING * ROUNDING * largest:
            continue
        if (off := distance(ours, theirs)) > ROUNDING:
            disturbed = tree_flatten(again(1e-6))[0][place]
            if not off <= 10 * distance(disturbed, theirs):
                worst = max(worst, off)
    return worst


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _single(values: Any) -> Any:
    """Values in float32, rounded towards zero: what was below a limit (0, or 6) stays below."""

    def single(value: Any) -> Any:
        if isinstance(value, Recorded):
            return None  # of other values
        if not isinstance(value, Tensor) or value.dtype != torch.float64:
            return value
        rounded = value.float()
        zero = torch.zeros((), dtype=torch.float32)
        return torch.where(rounded.double().abs() > value.abs(), torch.nextafter(rounded, zero), rounded)

    return tree_map(single, values)


def _disturbed(values: Any, share: float) -> Any:
    """Values in float64, each changed by a share of it, up or down."""

    def disturbed(value: Any) -> Any:
        if isinstance(value, Recorded):
            return None  # of other values
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        value = value.double()
        if not share:
            return value
        random = torch.Generator().manual_seed(2)
        return value * (1 + share * torch.randn(value.shape, generator=random))

    return tree_map(disturbed, values)


def _last(values: Any) -> Any:
    """The last image's part of a batch of values, of which the first dimension is the batch."""
    if isinstance(values, torch.Size):
        return torch.Size((1, *values[1:]))
    if isinstance(values, Tensor):
        return values[-1:]
    if isinstance(values, tuple | list):
        return type(values)(_last(value) for value in values)
    return values


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _in_float64(module: nn.Module) -> nn.Module:
    """A copy whose tensors are float64, those included that are neither parameters nor buffers."""
    copied = copy.deepcopy(module).double()
    for part in copied.modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, Tensor) and value.dtype == torch.float32:
                setattr(part, name, value.double())
    return copied


class _InFloat64(TorchFunctionMode):
    """Whatever asks for float32 gets float64; numbers written in the code keep the digits that float32 gives them."""

    def __enter__(self) -> Any:
        self._before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        return super().__enter__()  # type: ignore[no-untyped-call]  # torch

    def __exit__(self, *error: object) -> Any:
        torch.set_default_dtype(self._before)
        return super().__exit__(*error)  # type: ignore[no-untyped-call]  # torch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.float:
            return args[0].double()
        written = func in {torch.tensor, torch.as_tensor} and not isinstance(args[0], Tensor)
        args, given = tree_map(lambda value: torch.float64 if value is torch.float32 else value, (args, kwargs or {}))
        result = func(*args, **given)
        return result.float().double() if written and result.dtype == torch.float64 else result


class _EachAgain(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch
    """Does each operation again in float64, on copies that lie in memory as usual."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = (args, dict(kwargs or {}))
        tensors = [value for value in tree_flatten(given)[0] if isinstance(value, Tensor)]
        made = not any(value.dtype == torch.float32 for value in tensors)
        if made or "empty" in str(func) or torch.Tag.nondeterministic_seeded in func.tags:
            return func(*args, **given[1])
        # Before, as it may overwrite them.
        before = tree_map(lambda v: v.contiguous().clone() if isinstance(v, Tensor) else v, given)
        result = func(*args, **given[1])

        def again(share: float) -> Any:
            copied = tree_map(lambda v: v.clone() if isinstance(v, Tensor) else v, before)
            args, kwargs = _disturbed(copied, share)
            return func(*args, **kwargs)

        try:
            off = _off(result, again)
        except (RuntimeError, NotImplementedError, ValueError):
            return result  # it has no float64, and nothing to be compared with
        if off > ROUNDING:
            raise Refused(f"PyTorch's own {func} is off by {off:.1e}, relatively, in float32")
        return result
