"""One meter: passes, seconds and memory, read on the networks themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from generator.memory import forget_peak, peak_mib
from generator.run.store import Made

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle


class Meter:
    """Counts what goes through networks between :meth:`running`'s beginning and its end."""

    def __init__(self) -> None:
        self.passes = 0
        self._in_networks = 0.0
        self._seconds = 0.0
        self._peak = 0.0
        self._entered = 0.0

    @contextmanager
    def running(self, scorers: Iterable[nn.Module]) -> Iterator[None]:
        """Follow these networks while the block runs."""
        hooks = [hook for scorer in scorers for hook in self._hooks(scorer)]
        forget_peak()
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds = time.perf_counter() - began
            self._peak = peak_mib()
            for hook in hooks:
                hook.remove()

    @property
    def made(self) -> Made:
        """What was counted."""
        return Made(self.passes, round(self._seconds, 4), round(self._in_networks, 4), round(self._peak, 1))

    def _hooks(self, scorer: nn.Module) -> tuple[RemovableHandle, ...]:
        return scorer.register_forward_pre_hook(self._enter), scorer.register_forward_hook(self._leave)

    def _enter(self, _: object, arguments: tuple[Tensor, ...]) -> None:
        self.passes += len(arguments[0])
        self._entered = time.perf_counter()
        if arguments[0].requires_grad:
            # The way back ends where the gradient reaches the images.
            arguments[0].register_hook(self._back)  # type: ignore[no-untyped-call]  # torch

    def _leave(self, _: object, arguments: tuple[Tensor, ...], __: object) -> None:
        if not arguments[0].requires_grad:
            self._in_networks += time.perf_counter() - self._entered

    def _back(self, _: Tensor) -> None:
        self._in_networks += time.perf_counter() - self._entered
