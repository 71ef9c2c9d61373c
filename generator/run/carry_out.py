"""Everything that is due, done by all workers; each thing is kept as soon as it is done."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

from generator.atomic import write_atomically
from generator.errors import LabError, RunError, first_line
from generator.experiments.base import NetworkUse, Part
from generator.experiments.given import Outcome
from generator.experiments.stage import Eye
from generator.images import read_image
from generator.lab import Lab, check_files
from generator.results.artefacts import ImageFacts, NetworkFacts, Provenance, Recorder, publish
from generator.results.folder import Foretold, Ran, alone, read_run_log, results_folder
from generator.results.programs import program_file
from generator.run import code, look, programs
from generator.run.forecast import Costs, simulated
from generator.run.keys import Keys, part_text
from generator.run.look import Look
from generator.run.machine import cores
from generator.run.plan import Means, Order
from generator.run.progress import Progress
from generator.run.queue import Queue, ToCompute, ToShow
from generator.run.showing import Showing, show
from generator.run.store import DamagedError, Store, check_room, decode
from generator.run.work import Job, Opening, Source, Weights, compute
from generator.run.workers import Crew, Local, done, how_many
from generator.sources import sha256

BY_OTHERS = "direct cause of the following exception"
"""What Python prints between what somebody else's code raised and what is told of it."""
A_PASS, SHOWING = 0.02, 1.0
"""About how many seconds an image takes to go through a network and back, and an experiment to be shown."""
WORKERS = (1, 2, 4, 8, 16, 32, 64)
"""For how many the time of a run is foretold."""


def run(lab: Lab, means: Means, orders: list[Order], tell: Callable[[str], None]) -> int:
    """Compute the parts that are missing, and show the experiments that are due.

    Args:
        lab: the lab.
        means: with what, and where.
        orders: as :func:`generator.run.plan.plan` gives them.
        tell: takes a line for each doubt about the lab, before anything is computed.

    Returns:
        The number of parts computed.

    Raises:
        LabError: an image or a network cannot be used; nothing was computed.
        RunError: an experiment failed, and the others were made all the same; or another process is
            writing into the folder of results, and nothing was computed.
    """
    due = [order for order in orders if order.reasons]
    if not due:
        return 0
    check_files(lab)
    with alone(means.build):
        check_room(means.store.folder)
        under_way = _Run(lab, means, due, tell)
        under_way.carry_out()
        under_way.sum_up(orders)
        return len(under_way.computed)


def look_at_networks(lab: Lab, means: Means, tell: Callable[[str], None]) -> None:
    """Look at a lab's networks as a run does before anything else.

    Its own are made sure of, if that was not done before. Those of libraries are opened, if their weights are there,
    as their library made them: to make sure of the gradients of one takes longer, and is for the run.

    Args:
        lab: the lab.
        means: with what, and where.
        tell: takes a line for each doubt about the lab.

    Raises:
        LabError: a network cannot be used.
    """
    with working(Local(1)) as crew:
        run = _Run(lab, means, [], tell)
        there = [name for name, spec in lab.file.networks.items() if spec.module or isinstance(lab.weights(name), Path)]
        known = {name for name in there if run.keys.key(look.part(name)) in run.store}
        run.look(crew, there, hastily={name for name in there if not lab.file.networks[name].module} - known)


def write_programs(lab: Lab, means: Means) -> None:
    """Write those networks down that readers may try, as far as that was not done before; on this machine's processor.

    Args:
        lab: the lab, whose experiments have run.
        means: where its outcomes and results are.

    Raises:
        LabError: a network cannot be used.
        RunError: another process is writing into the folder of results.
    """
    here = replace(means, device="cpu", scheduler=None)
    due = programs.due(lab, means.build, Keys(lab, here.machine), here.store)
    if due:
        with alone(means.build), working(Local(min(len(due), how_many(means.workers, 0)))) as crew:
            run = _Run(lab, here, [], lambda _: None)  # what there is to tell of a network was told by the run
            run.look(crew, due)
            run.write_programs(crew, due)


class _Run:
    """One run under way."""

    def __init__(self, lab: Lab, means: Means, due: list[Order], tell: Callable[[str], None]) -> None:
        self.lab, self.means, self.due, self.tell = lab, means, due, tell
        self.store: Store = means.store
        self.keys = Keys(lab, means.machine)
        self.failures: dict[str, list[str]] = {}
        self.looks: dict[str, Look] = {}
        self.look_keys: dict[str, str] = {}
        self.answer_keys: dict[str, str] = {}
        self.looked: set[str] = set()
        self.computed: set[str] = set()
        self.workers = 0
        self.keeping_seconds = 0.0

    def carry_out(self) -> None:
        log = read_run_log(self.means.build)
        need = max((ran.peak_mib for ran in log.experiments.values()), default=0)
        size = how_many(self.means.workers, need, self._likely_seconds())
        if self.means.device != "cpu":
            size = 1  # it has one accelerator
        with working(self._crew(size)) as crew:
            self.workers = crew.size
            self.look(crew, dict.fromkeys(name for order in self.due for name in order.needs.experiment.networks))
            if self.looked & {*self.look_keys.values()}:
                # Whoever looked has loaded a network's library and compared in float64, and would keep the memory.
                crew.replace()
            self._make(crew)
        if self.failures:
            told = "\n".join(line for lines in self.failures.values() for line in lines)
            raise RunError(f"the other experiments are kept; mend the cause and run the same command again\n{told}")

    def _likely_seconds(self) -> float:
        """What all that is due would take one worker, roughly."""
        needs = [order.needs for order in self.due]
        parts = {key: one.parts[name] for one in needs for name, key in one.keys.items() if key not in self.store}
        return SHOWING * len(self.due) + A_PASS * sum(part.likely for part in parts.values())

    def _crew(self, size: int) -> Crew:
        at_hand = Local(size)
        if self.means.scheduler is None:
            return at_hand
        try:
            from generator.run.cluster import Cluster  # of an optional package
        except ImportError:
            raise RunError("SCHEDULER needs the package distributed: pip install distributed") from None
        networks = dict.fromkeys(name for order in self.due for name in order.needs.experiment.networks)
        openings = (_opening(self.lab, NetworkUse(name), self.means.device, {}, far=True) for name in networks)
        kept = {opening.weights.kept for opening in openings if opening.weights is not None}
        paths = (path for name in networks if isinstance(path := self.lab.weights(name), Path) and sha256(path) in kept)
        return Cluster(self.means.scheduler, compute, at_hand, {sha256(path): path.read_bytes() for path in paths})

    def _job(self, part: Part) -> Job:
        return job_of(self.lab, part, self.means.device, self.looks, far=self.means.scheduler is not None)

    def look(self, crew: Crew, names: Iterable[str], hastily: Collection[str] = ()) -> None:
        """Open networks, make sure of them, and tell which is slow and which hardly recognises a photograph.

        Of those that are looked at ``hastily``, gradients are not tried, and nothing is kept.
        """
        names = list(names)
        sure = {name: look.part(name) for name in names if name not in hastily}
        opened, problems = self._looked_at(crew, sure)
        self.look_keys = {name: self.keys.key(sure[name]) for name in opened}
        self.looks = {name: look.seen(found, self.store.path(self.look_keys[name])) for name, found in opened.items()}
        self.looks |= dict.fromkeys(hastily, look.AS_MADE)
        parts = {name: look.answering(self.lab, name) for name in names if name in self.looks}
        self.answer_keys = {name: self.keys.key(parts[name]) for name in opened}
        sure_of, wrong = self._looked_at(crew, {name: parts[name] for name in opened})
        hasty, wrong_too = self._looked_at(crew, {name: parts[name] for name in hastily}, keep=False)
        if problems := [*problems, *wrong, *wrong_too]:
            raise LabError(*problems)
        for name, found in (sure_of | hasty).items():
            self._tell_of(name, parts[name].images, found["answers"].tolist())

    def _looked_at(
        self, crew: Crew, parts: Mapping[str, Part], *, keep: bool = True
    ) -> tuple[dict[str, Outcome], list[str]]:
        """What looks at networks found, by their names, and what is wrong with the others.

        They are taken if they are missing; what they find is kept, or else taken anew and forgotten.
        """
        keys = {name: self.keys.key(part) for name, part in parts.items()}
        there = {name: self._content(key) for name, key in keys.items()} if keep else {}
        found: dict[str, Outcome] = {name: decode(content) for name, content in there.items() if content is not None}
        missing = deque(name for name in parts if name not in found)

        def waiting() -> tuple[str, Callable[..., Any], Job] | None:
            return (name := missing.popleft(), compute, self._job(parts[name])) if missing else None

        problems: list[str] = []
        for name, result in done(crew, waiting):
            if isinstance(result, Exception):
                problems += self._told_at_network(name, result)
                continue
            if isinstance(result, BaseException):
                raise result
            found[name] = decode(result[0])
            if keep:
                self.store.write(keys[name], *result)
                self.looked.add(keys[name])
        return found, problems

    def _tell_of(self, network: str, images: Sequence[str], answers: Sequence[int]) -> None:
        """Tell what is to be doubted of a network that can be used."""
        place = ("networks", network)
        if reason := self.looks[network].as_made:
            self.tell(self.lab.tell(place, f"runs as its library made it, which takes about twice as long: {reason}"))
        right = sum(answer == self.lab.images[image].label for image, answer in zip(images, answers, strict=True))
        if right < len(images) / 4:
            self.tell(
                self.lab.tell(
                    place,
                    f"sees the right class in {right} of {len(images)} photographs; are size, mean and std those "
                    "of its training, and the labels right? It goes on all the same",
                )
            )

    def write_programs(self, crew: Crew, names: Iterable[str]) -> None:
        """Write networks down, and put what comes of it among the results."""
        parts = {name: programs.part(self.lab, name) for name in names}
        keys = {name: self.keys.key(part) for name, part in parts.items()}
        missing = deque(name for name in parts if self._damaged(keys[name]))

        def waiting() -> tuple[str, Callable[..., Any], Job] | None:
            return (name := missing.popleft(), compute, self._job(parts[name])) if missing else None

        for name, result in done(crew, waiting):
            if isinstance(result, BaseException):
                raise result
            self.store.write(keys[name], *result)
        for name, key in keys.items():
            write_atomically(program_file(self.means.build, name), self.store.content(key))

    def _told_at_network(self, name: str, error: Exception) -> Iterator[str]:
        spec = self.lab.file.networks[name]
        traceback = self.means.build / f"network-{name}.traceback"
        traceback.unlink(missing_ok=True)
        raised = str(error.__cause__)  # as the worker printed it
        where = ""
        if isinstance(error, LabError):
            problems = error.problems
        else:
            failed = f"{type(error).__name__}: {first_line(error)}"
            problems = (f"{spec.architecture} cannot be opened ({failed}); expected a plain torch.nn.Module",)
        if BY_OTHERS in raised or not isinstance(error, LabError):
            write_atomically(traceback, raised)
            where = f" (the traceback is in {traceback})"
        for problem in problems:
            yield self.lab.tell(("networks", name, "architecture" if spec.module else "weights"), problem + where)

    def _make(self, crew: Crew) -> None:
        """Compute the parts that are missing, and show each experiment once it has all of its own."""
        queue = Queue(self.due, self._damaged)

        def waiting() -> tuple[ToCompute | ToShow, Callable[..., Any], Any] | None:
            entry = next(queue, None)
            if entry is None:
                return None
            if isinstance(entry, ToShow):
                return entry, show, self._showing(entry.order)
            return entry, compute, self._job(entry.part)

        with Progress(queue.parts, crew.size) as progress:
            for entry, result in done(crew, waiting):
                if isinstance(entry, ToShow):
                    self._shown(entry.order, result)
                elif isinstance(result, BaseException):
                    progress.lost(entry)
                    for name in queue.lost(entry):
                        self._failed(name, result, entry.title)
                else:
                    began = time.perf_counter()
                    self.store.write(entry.key, *result)
                    self.computed.add(entry.key)
                    progress.computed(entry, result[1])
                    queue.computed(entry)
                    self.keeping_seconds += time.perf_counter() - began

    def _shown(self, order: Order, result: tuple[Recorder, float] | BaseException) -> None:
        if isinstance(result, BaseException):
            self._failed(order.name, result, order.name)
            return
        try:
            self._publish(order, *result)
        except Exception as error:  # noqa: BLE001  # a kind may be anybody's code: a figure promised and not made, say
            self._failed(order.name, error, order.name)

    def _content(self, key: str) -> bytes | None:
        """An outcome's bytes; None if it must be computed: it is not there, or not what was written, which is told."""
        if key not in self.store:
            return None
        try:
            return self.store.content(key)
        except DamagedError as error:
            self.tell(f"{error}; it is computed again")
            return None

    def _damaged(self, key: str) -> bool:
        return self._content(key) is None

    def _failed(self, name: str, error: BaseException, what: str) -> None:
        place = ("experiments", name)
        if isinstance(error, LabError):  # told well already
            self.failures[name] = [self.lab.tell(place, problem) for problem in error.problems]
            return
        traceback = self.means.build / f"{name}.traceback"
        write_atomically(traceback, "".join(format_exception(error)))
        problem = f"{what}: {type(error).__name__}: {first_line(error)} (the traceback is in {traceback})"
        self.failures[name] = [self.lab.tell(place, problem)]

    def _showing(self, order: Order) -> Showing:
        needs = order.needs
        return Showing(
            order.name,
            needs.experiment,
            needs.parts,
            needs.keys,
            self.store.folder,
            {name: (spec := self.lab.images[name], self.lab.locate(spec.file)) for name in needs.images},
            {
                name: Eye(self.lab.file.networks[name].title, int(found["size"]), len(found["mean"]))
                for name, found in ((name, self.looks[name].found) for name in needs.experiment.networks)
            },
            self.lab.classes,
            self.lab.language.code,
        )

    def _publish(self, order: Order, recorder: Recorder, seconds: float) -> None:
        needs = order.needs
        networks = needs.experiment.networks
        looks = {f"network {name}": self.look_keys[name] for name in networks}
        looks |= {f"answers of {name}": self.answer_keys[name] for name in networks}
        manifest = recorder.manifest(
            experiment=order.name,
            kind=needs.experiment.kind,
            title=needs.experiment.title,
            promised=tuple(needs.experiment.figures),
            provenance=self._provenance(order),
            parts=looks | {part_text(part): key for part, key in needs.keys.items()},
            fingerprint=needs.fingerprint,
        )
        publish(results_folder(self.means.build, order.name), manifest, recorder.files)
        (self.means.build / f"{order.name}.traceback").unlink(missing_ok=True)
        self._log(order, seconds)

    def _log(self, order: Order, showing: float) -> None:
        log = read_run_log(self.means.build)
        log.machine = _machine()
        log.experiments = {name: ran for name, ran in log.experiments.items() if name in self.lab.experiments}
        log.experiments[order.name] = self._ran(set(order.needs.keys.values()), showing)
        write_atomically(self.means.build / "run.json", log.model_dump_json(indent=1))

    def _ran(self, keys: set[str], showing: float) -> Ran:
        """Facts of some parts, and of their showing."""
        made = [self.store.made(key) for key in keys]
        return Ran(
            parts=len(keys),
            computed=len(keys & (self.computed | self.looked)),
            taken_over=sum(not one.here for one in made),
            seconds=round(sum(one.seconds for one in made), 2),
            network_seconds=round(sum(one.network_seconds for one in made), 2),
            opening_seconds=round(sum(one.opening_seconds for one in made), 2),
            showing_seconds=round(showing, 2),
            passes=sum(one.passes for one in made),
            peak_mib=round(max((one.peak_mib for one in made), default=0)),
            longest=round(max((one.seconds for one in made), default=0), 2),
            finished=datetime.now(UTC).isoformat(timespec="minutes"),
        )

    def sum_up(self, orders: list[Order]) -> None:
        """Log what the whole lab took, and what it would take with other numbers of workers, once all has run.

        What it would take is foretold anew where something was computed, or parts came or went.
        """
        log = read_run_log(self.means.build)
        keys = {key for order in orders for key in order.needs.keys.values()}
        ran = {order.name for order in orders} & log.experiments.keys()
        if ran != set(self.lab.experiments) or not all(key in self.store for key in keys):
            return
        showing = {name: one.showing_seconds for name, one in log.experiments.items()}
        looks = {*self.look_keys.values(), *self.answer_keys.values()}
        before, log.total = log.total, self._ran(keys | looks, sum(showing.values()))
        if self.computed or self.looked or before is None or before.parts != log.total.parts:
            log.workers = self.workers
            log.opening_seconds = sum(self.store.made(key).opening_seconds for key in looks)
            if self.computed:
                log.keeping_seconds = self.keeping_seconds / len(self.computed)
            seconds = {key: self.store.made(key).seconds for key in keys}
            costs = Costs(seconds, showing, log.opening_seconds, log.keeping_seconds)
            log.foretold = tuple(
                Foretold(workers=workers, seconds=round(simulated(orders, costs, workers), 1)) for workers in WORKERS
            )
        write_atomically(self.means.build / "run.json", log.model_dump_json(indent=1))

    def _provenance(self, order: Order) -> Provenance:
        experiment, lab = order.needs.experiment, self.lab
        networks = []
        for name in experiment.networks:
            spec, looked = lab.file.networks[name], self.looks[name]
            found = looked.found
            networks.append(
                NetworkFacts(
                    title=spec.title,
                    architecture=spec.architecture,
                    weights=_weights_title(lab, name),
                    weights_sha256=found["weights"].tobytes().hex(),
                    size=int(found["size"]),
                    mean=spec.mean or tuple(found["mean"].tolist()),
                    std=spec.std or tuple(found["std"].tolist()),
                    batch=spec.batch,
                    as_made=looked.as_made or None,
                )
            )
        tasks = {part.task for part in order.needs.parts.values()}
        computed = {package: v for task in tasks for package, v in self.keys.versions(task).items()}
        return Provenance(
            networks=tuple(networks),
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
                for name in order.needs.images
                for spec in (lab.images[name],)
            },
            versions=dict(sorted((computed | code.versions(order.needs.modules)).items())),
            machine=self.means.machine,
        )


def job_of(lab: Lab, part: Part, device: str, looks: Mapping[str, Look], *, far: bool = False) -> Job:
    """A part with all that it names in its lab.

    Args:
        lab: the lab.
        part: one of its parts.
        device: cpu, cuda or mps.
        looks: the first looks at networks, as far as there are some.
        far: it is for another machine, which has the packages and no file of this one.

    Raises:
        LabError: a network cannot be had there.
    """
    networks = tuple(_opening(lab, use, device, looks, far=far) for use in part.networks)
    size = lab.file.networks[part.networks[0].name].size
    sources = []
    for spec in (lab.images[image] for image in part.images):
        path = lab.locate(spec.file)
        pixels = read_image(path, size, spec.index) if far else None
        sources.append(Source(path=None if far else path, index=spec.index, pixels=pixels))
    return Job(part.task, networks, tuple(sources), part.settings, part.seed or 0)


def _opening(lab: Lab, use: NetworkUse, device: str, looks: Mapping[str, Look], *, far: bool) -> Opening:
    spec, source, weights = lab.file.networks[use.name], lab.source(use.name), lab.weights(use.name)
    if far and source is not None:
        place = ("networks", use.name, "architecture")
        raise LabError(
            lab.tell(place, "a function of one's own cannot be sent to a cluster; compute here, without SCHEDULER")
        )
    found: Weights | None = None
    if isinstance(weights, str):
        found = Weights(name=weights)
    elif weights is not None:
        found = Weights(path=weights)
        if far:
            packaged = next(
                (r for r in spec.weights or () if r.startswith("package:") and lab.locate(r) == weights), None
            )
            found = Weights(reference=packaged) if packaged else Weights(kept=sha256(weights))
    looked = looks.get(use.name)
    way: Any = looked and looked.way
    if use.shuffled and way != "one-by-one":
        way = "as-made"  # it sees each photograph once; to prepare it would take longer
    file = looked.file if looked and not far and not use.shuffled else None
    modules = tuple(lab.modules(use.name).items())
    return Opening(spec, found, source, modules, way, use.shuffled, use.seed, device, file)


@contextmanager
def working(crew: Crew) -> Iterator[Crew]:
    """Have somebody work, and end them at once at the end of the block, whatever happens in it."""
    try:
        yield crew
    finally:
        crew.stop()


def _weights_title(lab: Lab, network: str) -> str:
    weights = lab.weights(network) or lab.source(network)
    return weights.name if isinstance(weights, Path) else str(weights).replace(":", " ", 1)


def _machine() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(cores()),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "?"
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
