"""What every experiment is: checked parameters, the figures it promises, and how to make them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator.artefacts import Recorder
from generator.images import Box, Pixels, inside
from generator.language import Language
from generator.schema import NAMES_A_NETWORK, ImageSpec, NetworkName, Strict

if TYPE_CHECKING:
    from generator.networks import Network


Family = Literal["saliency", "fooling", "classvis"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""The three subjects of the lab."""


@dataclass(frozen=True)
class Photograph:
    """A labelled photograph, at the size of the network's input.

    Attributes:
        pixels: RGB values, uint8 (H, W, 3).
        label: index of its true class.
        title: what it shows, for the reader.
        boxes: left, top, right and bottom of its objects, as fractions of the image's side.
    """

    pixels: Pixels
    label: int
    title: str
    boxes: tuple[Box, ...]

    @property
    def objects(self) -> NDArray[np.bool_]:
        """Which pixels lie in one of its boxes, bool (H, W)."""
        return inside(self.boxes, *self.pixels.shape[:2])


@dataclass(frozen=True)
class Bench:
    """What an experiment works with.

    Attributes:
        network: the network of the experiment, frozen.
        networks: all networks it asked for, by name.
        shuffled: a share of the layers and a seed -> the network of the experiment with the weights
            of these layers, counted from the scores, in a random order; made for a few gradients.
        photographs: the ones the experiment asked for, by name, in the order it asked.
        class_title: index of a class -> its name for a reader.
        language: the lab's, in which captions are written.
        on_step: told how many images went once through the network, forward and back.
        results: takes what is made.
    """

    network: Network
    networks: Mapping[str, Network]
    shuffled: Callable[[float, int], Network]
    photographs: Mapping[str, Photograph]
    class_title: Callable[[int], str]
    language: Language
    on_step: Callable[[int], None]
    results: Recorder


class Experiment(Strict):
    """Parameters of one experiment, read from a lab file; a subclass for each kind."""

    #: What the lab file calls this kind of experiment.
    kind: ClassVar[str]
    #: What it is about; the Makefile and the galleries go by it.
    family: ClassVar[Family]

    title: str = Field(description="what it is, for the reader")
    note: str = Field("", description="what the reader should know of its settings, Markdown")
    network: NetworkName = Field(description="name of the network; the lab's first one if left out")
    seed: int = Field(0, ge=0, description="seed of every random number it draws")

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks it needs, its own first: of all its keys that name one."""
        fields = type(self).model_fields.items()
        return tuple(getattr(self, name) for name, field in fields if NAMES_A_NETWORK in field.metadata)

    @property
    def photographs(self) -> tuple[str, ...]:
        """Names of the images it needs; its ``images``, if it has such a key and needs no others."""
        return tuple(getattr(self, "images", ()))

    @property
    def classes(self) -> tuple[int, ...] | None:
        """Classes it names beside those of its images; none, as a rule. None if it may name any."""
        return ()

    def problems(self, images: Mapping[str, ImageSpec]) -> Iterator[tuple[str, str]]:  # noqa: ARG002  # for kinds
        """What keeps it from running with the images of the lab, by name: a key of its own, and what is wrong."""
        yield from ()

    @property
    @abstractmethod
    def figures(self) -> Iterator[str]:
        """Names of the figures it makes."""

    @property
    @abstractmethod
    def work(self) -> int:
        """How many images will go through the network, forward and back; at most."""

    @abstractmethod
    def run(self, bench: Bench) -> None:
        """Make everything promised, out of nothing but the parameters and the bench."""
