"""A lab's networks, opened in this process: for notebooks, the benchmark, and the start of a lab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from generator.errors import LabError
from generator.lab import Lab
from generator.lab.places import Place
from generator.vision import opening
from generator.vision.opening import Network


def open_network(lab: Lab, name: str, **how: Any) -> Network:
    """A network of the lab, which tells apart the lab's classes.

    Args:
        lab: the lab.
        name: of the network.
        how: device, way, shuffled and seed; see :func:`generator.vision.opening.load`.

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
        network = opening.load(spec, weights, source=source, modules=modules, **how)
    with _told_at(lab, architecture):
        opening.check_classes(network, lab.classes.names)
    return network


@contextmanager
def _told_at(lab: Lab, place: Place, remedies: Sequence[str] = ()) -> Iterator[None]:
    try:
        yield
    except LabError as error:
        told = (lab.tell(place, " ".join((p, *remedies))) for p in error.problems)
        raise LabError(*told) from error.__cause__  # what somebody else's code raised
