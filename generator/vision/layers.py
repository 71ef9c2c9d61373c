"""A network cut at a layer: what its first layers make of images, and what its last ones make of that.

What comes of a cut is again something that images, or a layer's maps, go through, so that the one backward pass
differentiates it like a whole network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generator.errors import LabError
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.steps import Activation, Convolution, Step
from generator.vision.opening import Network


@dataclass(frozen=True)
class Layer:
    """A layer whose result is a map for each of its channels.

    Attributes:
        place: among the network's steps, or among its modules where it runs as its library made it.
        channels: how many maps.
        side: of each, in pixels.
        clean: whether one can go on from its maps; not where something goes round them in a flattened network.
    """

    place: int
    channels: int
    side: int
    clean: bool


def layers(network: Network) -> list[Layer]:
    """The layers of maps of a network, in the order in which images go through them; one at least.

    Raises:
        LabError: it has none.
    """
    scorer = network.scorer
    found = _of_steps(scorer) if isinstance(scorer, FlatNetwork) else _of_modules(network)
    if not found:
        raise LabError("network: it has no layer whose result is a map for each channel; take a convolutional one")
    return found


def last_layer(network: Network) -> Layer:
    """The last layer that still says where something is, and that one can go on from."""
    found = [layer for layer in layers(network) if layer.clean]
    return next((layer for layer in reversed(found) if layer.side > 1), found[-1])


def up_to(network: Network, layer: Layer) -> nn.Module:
    """Normalised images, float (N, C, H, W) -> the layer's maps, float (N, channels, side, side)."""
    scorer = network.scorer
    if isinstance(scorer, FlatNetwork):
        return _between(scorer, 0, layer.place + 1)
    return _Watched(scorer, layer.place)


def beyond(network: Network, layer: Layer, image: Tensor) -> nn.Module:
    """The maps of a clean layer, float (1, channels, side, side) -> raw scores, float (1, classes).

    Args:
        network: what to go on with.
        layer: one of its layers.
        image: what else the network sees, where something goes round the layer; normalised, float (1, C, H, W).
    """
    scorer = network.scorer
    if isinstance(scorer, FlatNetwork):
        return _between(scorer, layer.place + 1, len(scorer.steps))
    return _Continued(scorer, layer.place, image)


def guided(network: Network) -> nn.Module:
    """A network with the same scores, whose way back lets nothing negative through a ReLU, clipped or not.

    Springenberg et al. 2015, « Striving for Simplicity », section 3.4. Other activations stay as they are; of a
    network that runs as its library made it, so do those that are no modules.
    """
    scorer = network.scorer
    if isinstance(scorer, FlatNetwork):
        return _with_steps(scorer, [_Rectified(step) if _rectifies(step) else step for step in scorer.steps])
    return _Guided(scorer)


Pull = Callable[[Layer, Tensor], Tensor | None]
"""What is to be added to the gradient that comes back to a layer's maps, float (N, channels, side, side), from the maps
themselves; None for nothing."""


def pulled(network: Network, chosen: Sequence[Layer], pull: Pull) -> nn.Module:
    """A network with the same scores, whose way back is pulled aside at some of its layers.

    Where what is added is the gradient of a function of the maps, what comes back to the pixels is the gradient of the
    score and of these functions together. Each image goes through it once before its gradient comes back.
    """
    scorer = network.scorer
    places = {layer.place: layer for layer in chosen}
    if isinstance(scorer, FlatNetwork):
        steps = (_Pulled(step, places[nth], pull) if nth in places else step for nth, step in enumerate(scorer.steps))
        return _with_steps(scorer, list(steps))
    return _PulledModules(scorer, places, pull)


# Networks that were flattened ---------------------------------------------------------------------


def _of_steps(flat: FlatNetwork) -> list[Layer]:
    found = []
    for place, step in enumerate(flat.steps):
        shape: Sequence[int] = getattr(step.node.meta["val"], "shape", ())
        if len(shape) == 4:
            later = {node for after in flat.steps[place + 1 :] for node in after.inputs}
            made_later = {after.node for after in flat.steps[place + 1 :]}
            clean = later <= made_later | {step.node} | flat.constants.keys() and step.node in later
            found.append(Layer(place, int(shape[1]), int(shape[2]), clean))
    return found


def _between(flat: FlatNetwork, first: int, end: int) -> FlatNetwork:
    """Some of the steps of a network, as a network: from the result of the step before the first one."""
    part = _with_steps(flat, flat.steps[first:end])
    part.start = flat.steps[first - 1].node if first else flat.start
    part.end = flat.steps[end - 1].node
    part._read_last = flat._read_last[first:end]  # noqa: SLF001  # nothing before its end reads that
    return part


def _with_steps(flat: FlatNetwork, steps: list[Step]) -> FlatNetwork:
    part = copy.copy(flat)  # with the same hooks: what goes through it is counted
    part.steps = steps
    return part


def _rectifies(step: Step) -> bool:
    return isinstance(step, Activation | Convolution) and step.limits is not None and step.limits[0] == 0


class _Rectified(Step):
    """A step with a ReLU, through which nothing negative comes back."""

    fresh = True

    def __init__(self, step: Step) -> None:
        self.step, self.node, self.inputs, self.varying = step, step.node, step.inputs, step.varying

    def forward(self, values: list[object]) -> tuple[object, list[object]]:
        return self.step.forward(values)

    def backward(self, kept: list[object], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: ARG002, FBT001
        return self.step.backward(kept, gradient.clamp(min=0), True)


class _Pulled(Step):
    """A step to whose gradient something is added."""

    def __init__(self, step: Step, layer: Layer, pull: Pull) -> None:
        self.step, self.node, self.inputs, self.varying = step, step.node, step.inputs, step.varying
        self.layer, self.pull = layer, pull
        self.fresh = step.fresh

    def forward(self, values: list[object]) -> tuple[object, list[object]]:
        result, kept = self.step.forward(values)
        assert isinstance(result, Tensor)  # noqa: S101  # for the type checker: a layer's maps
        return result, [kept, self.pull(self.layer, result)]

    def backward(self, kept: list[object], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: FBT001
        inner, extra = kept
        assert isinstance(inner, list)  # noqa: S101  # likewise
        if isinstance(extra, Tensor):
            gradient, owned = extra.add_(gradient), True
        return self.step.backward(inner, gradient, owned)


# Networks that run as their library made them -----------------------------------------------------


def _of_modules(network: Network) -> list[Layer]:
    """Its innermost modules that give maps, each called once."""
    modules = list(network.scorer.modules())
    results: dict[int, list[Tensor]] = {}
    images = torch.zeros(1, network.channels, network.size, network.size).to(network.mean)

    def note(place: int) -> Callable[..., None]:
        return lambda _, __, result: results.setdefault(place, []).append(result)

    with ExitStack() as stack, torch.no_grad():
        for place, module in enumerate(modules):
            if place and not list(module.children()):
                stack.enter_context(_hooked(module, note(place)))
        network.scorer.forward(images)  # not called: this is no pass that counts
    return [
        Layer(place, result.shape[1], result.shape[2], clean=True)
        for place, (result, *more) in results.items()
        if not more and isinstance(result, Tensor) and result.ndim == 4
    ]


@contextmanager
def _hooked(module: nn.Module, hook: Callable[..., object]) -> Iterator[None]:
    """Have a hook look at, or replace, what a module gives."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class _Watched(nn.Module):
    """What a module inside a network gives."""

    def __init__(self, whole: nn.Module, place: int) -> None:
        super().__init__()
        self.whole, self.watched = whole, list(whole.modules())[place]

    def forward(self, images: Tensor) -> Tensor:
        """Its maps of normalised images."""
        seen: list[Tensor] = []
        # A copy: what comes after may write on it.
        with _hooked(self.watched, lambda _, __, result: seen.append(result.clone())):
            self.whole(images)
        return torch.cat(seen)


class _Continued(nn.Module):
    """A network that goes on from what a module inside it gave."""

    def __init__(self, whole: nn.Module, place: int, image: Tensor) -> None:
        super().__init__()
        self.whole, self.replaced, self.image = whole, list(whole.modules())[place], image

    def forward(self, maps: Tensor) -> Tensor:
        """Raw scores."""
        # A copy: what comes after may write on it.
        with _hooked(self.replaced, lambda *_: maps.clone()):
            scores: Tensor = self.whole(self.image)
        return scores


class _PulledModules(nn.Module):
    """A network with hooks that add to what comes back to its modules' results."""

    def __init__(self, whole: nn.Module, places: Mapping[int, Layer], pull: Pull) -> None:
        super().__init__()
        self.whole, self.places, self.pull = whole, places, pull

    def forward(self, images: Tensor) -> Tensor:
        """Raw scores of normalised images."""
        modules = list(self.whole.modules())
        with ExitStack() as stack:
            for place, layer in self.places.items():
                stack.enter_context(_hooked(modules[place], self._hook(layer)))
            scores: Tensor = self.whole(images)
        return scores

    def _hook(self, layer: Layer) -> Callable[[object, object, Tensor], None]:
        def hook(_: object, __: object, result: Tensor) -> None:
            extra = self.pull(layer, result.detach())
            if extra is not None and result.requires_grad:
                result.register_hook(lambda gradient: gradient + extra)  # type: ignore[no-untyped-call]  # torch

        return hook


class _Guided(nn.Module):
    """A network with hooks on what its ReLUs give."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, images: Tensor) -> Tensor:
        """Raw scores of normalised images."""
        with ExitStack() as stack:
            for module in self.whole.modules():
                if isinstance(module, nn.ReLU | nn.ReLU6):
                    stack.enter_context(_hooked(module, _rectify))
            scores: Tensor = self.whole(images)
        return scores


def _rectify(_: nn.Module, __: object, result: Tensor) -> None:
    if result.requires_grad:
        result.register_hook(lambda gradient: gradient.clamp(min=0))  # type: ignore[no-untyped-call]  # torch
