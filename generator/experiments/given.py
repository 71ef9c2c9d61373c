"""What a part is computed with, and what comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from generator.images import Pixels

if TYPE_CHECKING:
    from generator.vision.opening import Network

Outcome = Mapping[str, NDArray[Any]]
"""What a part gives: arrays by name, a number being an array of no dimension. No word, no picture of a chart."""


@dataclass(frozen=True)
class Given:
    """All that a task may reach beside its settings.

    Attributes:
        networks: those of the part, frozen, in its order.
        photographs: likewise, RGB, uint8 (H, W, 3) each, at the size of the first network's input.
        seed: the part's; 0 where it draws no random number.
    """

    networks: tuple[Network, ...]
    photographs: tuple[Pixels, ...]
    seed: int

    @property
    def network(self) -> Network:
        """The first network."""
        return self.networks[0]

    @property
    def photograph(self) -> Pixels:
        """The first photograph."""
        return self.photographs[0]

    @property
    def own_seed(self) -> int:
        """A seed for these photographs alone, whatever others there are and in whichever order."""
        digest = hashlib.sha256(str(self.seed).encode())
        for photograph in self.photographs:
            digest.update(photograph.tobytes())
        return int.from_bytes(digest.digest()[:4])
