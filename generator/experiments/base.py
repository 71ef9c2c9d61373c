"""What every kind of experiment is: checked parameters, its parts, the figures and the measures it promises."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field

from generator.schema import NAMES_A_NETWORK, NAMES_NETWORKS, ImageSpec, NetworkName, Strict

Family = Literal["saliency", "fooling", "classvis"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""The three subjects of the lab."""

PartName = str | tuple[str | int | float, ...]
"""How a kind refers to one of its parts: « oiseau », or ("oiseau", 50) for a photograph towards a class."""

Setting = str | int | float | bool | None | tuple["Setting", ...]
"""What a part may be told: values that JSON can write, and that nobody can change afterwards."""


@dataclass(frozen=True)
class NetworkUse:
    """A network of the lab, as a part wants it.

    Attributes:
        name: in the lab.
        shuffled: share of its layers, counted from the scores, whose weights are put in a random order.
        seed: of that order.
    """

    name: str
    shuffled: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """The smallest thing that is computed by itself; it says all that its outcome depends on.

    Attributes:
        task: MODULE:FUNCTION that computes it, called with a :class:`~generator.experiments.given.Given`
            and the settings as keywords; it returns an outcome. The module is not imported to say it.
        networks: the networks it needs; the first one decides the size of its photographs.
        images: names of the photographs it needs, in the order in which it is given them.
        settings: keywords of the task.
        seed: of the random numbers it draws; None if it draws none.
        passes: how many images will go through its networks, at most.
        usual: how many usually do, where it may stop early. Both decide the order of work, and nothing else.
    """

    task: str
    networks: tuple[NetworkUse, ...]
    images: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    seed: int | None = None
    passes: int = 0
    usual: int | None = None

    @property
    def random(self) -> bool:
        """Whether random numbers have a part in it: drawn by its task, or to shuffle a network."""
        return self.seed is not None or any(use.shuffled for use in self.networks)

    @property
    def likely(self) -> int:
        """How many images will probably go through its networks."""
        return self.passes if self.usual is None else min(self.usual, self.passes)


Parts = Mapping[PartName, Part]


class Experiment(Strict):
    """Parameters of one experiment, read from a lab file; a subclass for each kind.

    A kind is a folder of ``generator/experiments``, called as the lab file calls it: the subclass in its
    ``__init__.py``, the functions that compute its parts in ``compute.py``, ``show`` in ``show.py``, its words in
    ``words``. Only ``compute.py`` may touch torch.
    """

    #: What the lab file calls this kind: the name of its folder.
    kind: ClassVar[str]
    #: What it is about; the Makefile and the galleries go by it.
    family: ClassVar[Family]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.kind = cls.__module__.rpartition(".")[2]

    title: str = Field(description="what it is, for the reader")
    note: str = Field("", description="what the reader should know of its settings, Markdown")
    network: NetworkName = Field(description="name of the network; the lab's first one if left out")
    seed: int = Field(0, ge=0, description="seed of every random number it draws")

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks it needs, its own first: of all its keys that name one."""
        found: list[str] = []
        for name, key in type(self).model_fields.items():
            if NAMES_A_NETWORK in key.metadata:
                found.append(getattr(self, name))
            elif NAMES_NETWORKS in key.metadata:
                found += getattr(self, name)
        return tuple(found)

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
        """Names of the figures it shows."""

    @property
    @abstractmethod
    def measures(self) -> Iterator[str]:
        """Names of what it measures; where outcomes leave one without a value, it is not recorded."""

    @abstractmethod
    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:
        """What is to be computed, each part by itself.

        Args:
            images: the photographs of the lab, by name.
        """
