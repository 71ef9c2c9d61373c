"""A network as a list of steps, walked there and back.

One ``autograd.Function`` does, so that ordinary autograd works as far as the pixels, and no further.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import once_differentiable

from generator.vision.engine.steps import Item, Step


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
        self.steps, self.start, self.end, self.constants = steps, start, end, constants
        last_reader = {node: place for place, step in enumerate(steps) for node in step.inputs}
        self._read_last = [
            [node for node in step.inputs if last_reader[node] == place and node not in constants and node != end]
            for place, step in enumerate(steps)
        ]
        self._varying = {start}
        for step in steps:
            step.varying = [node in self._varying for node in step.inputs]
            # Numbers of images and places of maxima depend on the pixels too, but have no gradient.
            if any(step.varying) and _differentiable(step.node):
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
        values: dict[fx.Node, Any] = {**self.constants, self.start: images}
        tape = []
        for step, done in zip(self.steps, self._read_last, strict=True):
            values[step.node], kept = step.forward([values[node] for node in step.inputs])
            tape.append(kept)
            for node in done:
                values.pop(node, None)
        return values[self.end], tape

    def back(self, tape: list[list[Any]], gradient: Tensor) -> Tensor:
        """The images' gradient from the scores'; empties the tape on its way."""
        # Each gradient with whether it is ours to write on.
        gradients: dict[fx.Node, tuple[Any, bool]] = {self.end: (gradient, False)}
        while tape:
            step, kept = self.steps[len(tape) - 1], tape.pop()
            if step.node not in gradients:
                continue
            if isinstance(step, Item):
                (whole,) = step.inputs
                if whole in self._varying:
                    of_all, _ = gradients.setdefault(whole, ({}, False))
                    new, known = gradients.pop(step.node)[0], of_all.get(step.place)
                    of_all[step.place] = new if known is None else known + new
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
        found: Tensor = gradients[self.start][0]
        return found


class _Walk(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, network: FlatNetwork) -> Tensor:
        ctx.network = network
        with torch.enable_grad():  # autograd is off in here, and steps ask for it where they know no derivative
            scores, ctx.tape = network.there(images.detach())
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.network.back(ctx.tape, gradient), None


def _differentiable(node: fx.Node) -> bool:
    """Whether it is, or has among its results, a tensor that a gradient can belong to."""
    values = node.meta["val"]
    several = values if isinstance(values, tuple | list) else (values,)
    return any(isinstance(v, Tensor) and (v.is_floating_point() or v.is_complex()) for v in several)
