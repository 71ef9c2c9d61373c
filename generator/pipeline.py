"""Which experiments to run, in which order, with what; progress and failures on the way."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from generator import cache as dependencies
from generator.artefacts import ImageFacts, NetworkFacts, Provenance, Recorder, read_manifest
from generator.atomic import write_atomically
from generator.errors import LabError, RunError, first_line
from generator.experiments.base import Bench, Experiment
from generator.lab import Lab, check_files
from generator.results import Ran, alone, read_run_log, results_folder
from generator.sources import sha256

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.hooks import RemovableHandle
    from tqdm import tqdm

    from generator.networks import Network


FIRST_LOOK = 20
"""How many photographs a network is shown before anything is computed."""


@dataclass(frozen=True)
class Order:
    """An experiment and whether it must run.

    Attributes:
        name: of the experiment.
        reasons: why it must run; empty if its results are up to date.
        fingerprint: what its results depend on, now.
    """

    name: str
    reasons: tuple[str, ...]
    fingerprint: dict[str, str]


def plan(lab: Lab, build: Path, device: str) -> list[Order]:
    """Say for each experiment of the lab whether it must run, and why.

    Raises:
        LabError: a file that a fingerprint needs is not there.
    """
    orders = []
    for name in lab.experiments:
        try:
            now = dependencies.fingerprint(lab, name, device)
        except LabError:
            check_files(lab)  # tells it better: with its place in the lab file, and all the others
            raise
        manifest = read_manifest(results_folder(build, name))
        reasons = dependencies.changes(manifest.fingerprint, now) if manifest else ["it never ran to its end"]
        orders.append(Order(name, tuple(reasons), now))
    return orders


def run(lab: Lab, build: Path, orders: list[Order], tell: Callable[[str], None]) -> None:
    """Run the experiments that must run; the results of each are kept as soon as it ends.

    Args:
        lab: the lab.
        build: its folder of results.
        orders: as :func:`plan` gives them.
        tell: takes a line for each doubt about the lab, before anything is computed.

    Raises:
        LabError: an image or a network cannot be used; nothing was computed.
        RunError: an experiment failed, and the others were run all the same; or another process is
            writing into ``build``, and nothing was computed.
    """
    due = [order for order in orders if order.reasons]
    if not due:
        return
    check_files(lab)
    with alone(build):
        _run(lab, build, due, tell)


def _run(lab: Lab, build: Path, due: list[Order], tell: Callable[[str], None]) -> None:
    import torch
    from tqdm import tqdm

    from generator.opened import open_network

    torch.set_num_threads(dependencies.threads())
    device = due[0].fingerprint["device"]
    networks = {
        name: open_network(lab, name, device=device)
        for name in dict.fromkeys(name for order in due for name in lab.experiments[order.name].networks)
    }
    for doubt in _doubts(lab, networks):
        tell(doubt)
    failures: list[str] = []
    total = sum(lab.experiments[order.name].work for order in due)
    with tqdm(
        total=total,
        unit="pass",
        # A log file wants a line now and then, a terminal a bar that moves.
        mininterval=0.2 if sys.stderr.isatty() else 20,
        dynamic_ncols=True,
        bar_format="{desc:<24.24} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} passes, {elapsed}<{remaining}",
    ) as bar:
        for order in due:
            bar.set_description_str(order.name)
            traceback = build / f"{order.name}.traceback"
            traceback.unlink(missing_ok=True)
            try:
                _run_one(lab, build, order, networks, bar)
            except LabError as error:
                failures += (lab.tell(("experiments", order.name), problem) for problem in error.problems)
            except Exception as error:  # noqa: BLE001  # a kind may be anybody's code, which may raise anything
                write_atomically(traceback, "".join(format_exception(error)))
                problem = f"{type(error).__name__}: {first_line(error)} (the traceback is in {traceback})"
                failures.append(lab.tell(("experiments", order.name), problem))
    if failures:
        told = "\n".join(failures)
        raise RunError(f"the other experiments are kept; mend the cause and run the same command again\n{told}")


def _run_one(lab: Lab, build: Path, order: Order, networks: dict[str, Network], bar: tqdm[Any]) -> None:
    from generator.opened import Photographs, open_network

    experiment = lab.experiments[order.name]
    network = networks[experiment.network]
    began, done = time.perf_counter(), 0

    def on_step(images: int) -> None:
        nonlocal done
        done += images
        bar.update(images)

    recorder = Recorder(results_folder(build, order.name))
    watch = _Stopwatch([networks[name] for name in experiment.networks])

    def shuffled(share: float, seed: int) -> Network:
        # It sees each image once; to prepare it would take longer.
        device = order.fingerprint["device"]
        network = open_network(lab, experiment.network, device=device, prepared=False, shuffled=share, seed=seed)
        watch.follow(network)
        return network

    try:
        experiment.run(
            Bench(
                network=network,
                networks={name: networks[name] for name in experiment.networks},
                shuffled=shuffled,
                photographs=Photographs(lab, experiment.photographs, network),
                class_title=lab.class_title,
                language=lab.language,
                on_step=on_step,
                results=recorder,
            )
        )
        recorder.publish(
            experiment=order.name,
            kind=experiment.kind,
            title=experiment.title,
            promised=tuple(experiment.figures),
            provenance=_provenance(lab, experiment, networks),
            fingerprint=order.fingerprint,
        )
    finally:
        watch.stop()
        recorder.discard()
        # What stopped early needs fewer passes than it might have.
        bar.total = (bar.total or 0) - (experiment.work - done)
        bar.refresh()
    log = read_run_log(build)
    log.machine = _machine()
    log.experiments = {name: ran for name, ran in log.experiments.items() if name in lab.experiments}
    log.experiments[order.name] = Ran(
        seconds=round(time.perf_counter() - began, 2),
        network_seconds=round(watch.seconds, 2),
        passes=done,
        peak_mib=round(_peak_mib()),
        finished=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_atomically(build / "run.json", log.model_dump_json(indent=1))


def remake(
    lab: Lab, build: Path, figure: str, device: str, tell: Callable[[str], None]
) -> Iterator[tuple[Path, str, str | None]]:
    """Make one figure again, beside the published results.

    What was computed together is computed together again: an image's last digits depend on the
    size of the batch it goes through the network with.

    Args:
        lab: the lab.
        build: its build folder.
        figure: EXPERIMENT/FIGURE.
        device: cpu, cuda or mps.
        tell: as for :func:`run`.

    Yields:
        For each picture of the figure: the new file, its SHA-256, and that of the published one if
        there is one.
    """
    experiment, _, name = figure.partition("/")
    aside = build / "again"
    published = read_manifest(results_folder(build, experiment))
    run(lab, aside, [Order(experiment, ("asked for",), dependencies.fingerprint(lab, experiment, device))], tell)
    again = read_manifest(results_folder(aside, experiment))
    if again is None:
        raise RunError(f"{experiment} left no results; run make explain")
    before = {picture.file: picture.sha256 for f in published.figures for picture in f.pictures} if published else {}
    for picture in again.figure(name).pictures:
        yield results_folder(aside, experiment) / picture.file, picture.sha256, before.get(picture.file)


def _doubts(lab: Lab, networks: Mapping[str, Network]) -> Iterator[str]:
    """A line for each network that hardly recognises a photograph: a wrong normalisation gives no other sign."""
    from generator.opened import Photographs
    from generator.vision import gradients

    names = tuple(lab.images)[:FIRST_LOOK]
    for name, network in networks.items():
        photographs = Photographs(lab, names, network).values()
        found = gradients.answers(network, (photograph.pixels for photograph in photographs))
        right = sum(answer == lab.images[image].label for image, answer in zip(names, found, strict=True))
        if right < len(names) / 4:
            yield lab.tell(
                ("networks", name),
                f"sees the right class in {right} of {len(names)} photographs; are size, mean and std those of its "
                "training, and the labels right? It goes on all the same",
            )


class _Stopwatch:
    """Time that images spend in networks: on the way to the scores, and back where a gradient is asked for."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self.seconds = 0.0
        self._began = 0.0
        self._hooks: list[RemovableHandle] = []
        for network in networks:
            self.follow(network)

    def follow(self, network: Network) -> None:
        self._hooks += (
            network.scorer.register_forward_pre_hook(self._enter),
            network.scorer.register_forward_hook(self._leave),
        )

    def stop(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, _: object, arguments: tuple[Tensor, ...]) -> None:
        self._began = time.perf_counter()
        if arguments[0].requires_grad:
            arguments[0].register_hook(self._back)  # type: ignore[no-untyped-call]  # torch

    def _leave(self, _: object, arguments: tuple[Tensor, ...], __: object) -> None:
        if not arguments[0].requires_grad:
            self.seconds += time.perf_counter() - self._began

    def _back(self, _: Tensor) -> None:
        self.seconds += time.perf_counter() - self._began


def _provenance(lab: Lab, experiment: Experiment, networks: Mapping[str, Network]) -> Provenance:
    return Provenance(
        networks=tuple(
            NetworkFacts(
                title=spec.title,
                architecture=spec.architecture,
                weights=_weights_title(lab, name),
                weights_sha256=networks[name].weights_sha256,
                size=networks[name].size,
                mean=spec.mean or tuple(networks[name].mean.flatten().tolist()),
                std=spec.std or tuple(networks[name].std.flatten().tolist()),
                batch=spec.batch,
            )
            for name in experiment.networks
            for spec in (lab.file.networks[name],)
        ),
        images={
            name: ImageFacts(
                title=spec.title,
                label=spec.label,
                label_title=lab.class_title(spec.label),
                file=spec.file,
                index=spec.index,
                sha256=sha256(lab.locate(spec.file)),
                origin=lab.origin(spec.file),
            )
            for name in experiment.photographs
            for spec in (lab.images[name],)
        },
        versions=dependencies.versions(dependencies.code_used(type(experiment).__module__)),
        threads=dependencies.threads(),
        device=networks[experiment.network].mean.device.type,
    )


def _weights_title(lab: Lab, network: str) -> str:
    weights = lab.weights(network) or lab.source(network)
    return weights.name if isinstance(weights, Path) else str(weights).replace(":", " ", 1)


def _machine() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(dependencies.threads()),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "?"
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")


def _peak_mib() -> float:
    # Linux counts in KiB, macOS in bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
