"""A lab's networks and photographs, opened: what its words name, as things to compute with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from generator import networks
from generator.errors import LabError
from generator.experiments.base import Photograph
from generator.images import read_image
from generator.lab import Lab
from generator.networks import Network
from generator.places import Place


def open_network(lab: Lab, name: str, **how: Any) -> Network:
    """A network of the lab, which tells apart the lab's classes.

    Args:
        lab: the lab.
        name: of the network.
        how: device, prepared, shuffled and seed; see :func:`generator.networks.load`.

    Raises:
        LabError: it cannot be had, or has other classes; told with its place in the lab file.
    """
    spec = lab.file.networks[name]
    architecture = ("networks", name, "architecture")
    place = architecture if spec.module else ("networks", name, "weights")
    with _told_at(lab, place):
        weights, source, modules = lab.weights(name), lab.source(name), lab.modules(name)
    others = [
        f"or put {reference.partition(':')[2]} into {lab.data_folder} (DATA=folder)"
        + (f", SHA-256 {known.sha256}" if (known := lab.file.files.get(reference)) else "")
        for reference in spec.weights or ()
        if reference.startswith("data:")
    ]
    with _told_at(lab, place, others):
        network = networks.load(spec, weights, source=source, modules=modules, **how)
    with _told_at(lab, architecture):
        networks.check_classes(network, lab.classes.names)
    return network


@contextmanager
def _told_at(lab: Lab, place: Place, remedies: Sequence[str] = ()) -> Iterator[None]:
    try:
        yield
    except LabError as error:
        told = (lab.tell(place, " ".join((p, *remedies))) for p in error.problems)
        raise LabError(*told) from error.__cause__  # what somebody else's code raised


class Photographs(Mapping[str, Photograph]):
    """Photographs that are read when they are asked for, so that any number of them fits.

    Args:
        lab: the lab.
        names: of the photographs.
        network: the one that is to look at them.
    """

    def __init__(self, lab: Lab, names: tuple[str, ...], network: Network) -> None:
        self._lab, self._names, self._network = lab, names, network
        # An experiment comes back to an image soon after its batch, and not again.
        self._recent = lru_cache(maxsize=64)(self._read)

    def __getitem__(self, name: str) -> Photograph:
        return self._recent(name)

    def _read(self, name: str) -> Photograph:
        spec = self._lab.images[name]
        pixels = read_image(self._lab.locate(spec.file), self._network.size, spec.index)
        return Photograph(self._network.seen(pixels), spec.label, spec.title, spec.boxes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
