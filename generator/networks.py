"""What a lab's own function gives back for a network: the one name of this project that a lab imports."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from generator.schema import LARGEST, SMALLEST


@dataclass(frozen=True)
class Own:
    """A classifier of the lab's author, as the function returns it that ``architecture: module:function`` names.

    Attributes:
        module: normalised images, float (N, C, size, size) -> raw scores (before any softmax), float
            (N, classes). It is put into evaluation mode and frozen.
        size: side of its input, in pixels, 8 to 1024.
        mean: of its normalisation, in pixel values of [0, 1]: one value for a network of grey images
            (C = 1), three for red, green and blue.
        std: likewise; greater than 0.
        classes: names of its classes, in the order of its scores.
    """

    module: nn.Module
    size: int
    mean: Sequence[float]
    std: Sequence[float]
    classes: Sequence[str]

    def __post_init__(self) -> None:
        """Refuse what would fail later, far from its cause.

        Raises:
            ValueError: a value is not as described.
        """
        if not isinstance(self.module, nn.Module):
            raise ValueError(f"module is {type(self.module).__name__}, expected a torch.nn.Module")  # noqa: TRY004
        try:
            whole = operator.index(self.size)
        except TypeError:
            raise ValueError(
                f"size is {self.size!r}, expected a whole number of pixels, {SMALLEST} to {LARGEST}"
            ) from None
        if isinstance(self.size, bool) or not SMALLEST <= whole <= LARGEST:
            raise ValueError(f"size is {self.size}, expected {SMALLEST} to {LARGEST}")
        mean, std = (_numbers(name, getattr(self, name)) for name in ("mean", "std"))
        if len(mean) not in (1, 3) or len(std) != len(mean):
            raise ValueError(f"mean and std have {len(mean)} and {len(std)} values, expected 1 or 3 of each")
        if min(std) <= 0:
            raise ValueError(f"std is {list(std)}, expected values greater than 0")
        names = self.classes
        # A set has them in another order each time.
        if isinstance(names, str | set | frozenset) or not all(
            isinstance(name, str) for name in _listed("classes", names)
        ):
            raise ValueError(f"classes is {str(names)[:40]!r}, expected a list of the classes' names")
        # As they are meant, whatever library's numbers they are.
        for name, value in (("size", whole), ("mean", mean), ("std", std), ("classes", tuple(names))):
            object.__setattr__(self, name, value)


def _listed(name: str, values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise ValueError(f"{name} is {type(values).__name__}, expected a list") from None


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    """Numbers of a list, an array or a tensor of one dimension."""
    try:
        numbers = tuple(float(value) for value in _listed(name, values))
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} is {str(values)[:40]!r}, expected 1 or 3 numbers") from None
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{name} is {list(numbers)}, expected numbers that are finite")
    return numbers
