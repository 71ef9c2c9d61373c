"""How fast the engine is, beside what else a user might pick, and how much faster several workers are than one.

On one thread, in one process and in turns: ours, one image at a time as parts are computed, and in batches; the same
in a browser, where Chromium is; the notebook's loop written plainly, captum, foolbox, horama, on the network as its
library made it; and what the machine could do at most: the rate of a large matrix product times the operations of the
network. Every row says whether its result is the notebook's. Then the same parts by one worker, two, four, as many as
there are cores.
"""

from __future__ import annotations

import base64
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import cycle, islice
from pathlib import Path

import captum.attr
import horama
import scipy.ndimage
import torch
from foolbox.attacks.basic_iterative_method import L2BasicIterativeAttack
from foolbox.criteria import TargetedMisclassification
from foolbox.models.pytorch import PyTorchModel
from playwright.sync_api import sync_playwright
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from generator import project
from generator.atomic import write_atomically
from generator.experiments.base import NetworkUse, Part
from generator.images import Pixels, read_image
from generator.lab import Lab
from generator.memory import forget_peak, peak_mib
from generator.opened import open_network
from generator.report.paper import BROWSERS
from generator.results.folder import Agrees, BenchFile, Row, Together
from generator.run.carry_out import job_of, working
from generator.run.machine import cores
from generator.run.store import Made
from generator.run.work import Job, compute
from generator.run.workers import Crew, Local, done
from generator.vision.ascent import Climb, Rule, Summit, ascend, noise
from generator.vision.engine import Refused
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.program import stored, written
from generator.vision.gradients import explained, saliency_maps
from generator.vision.opening import Network

ROUNDS = 5
TARGETS = (50, 281, 99, 243)
"""Classes that are aimed at; of a network of fewer classes, those that are left when it is divided by their number."""
# The lab's own definitions (Simonyan et al. 2013; see the page on the method).
FOOLING = Rule(iterations=100, step=1, unit_gradient=True, clamp=False, stop_at_target=True)
CLASSVIS = Rule(iterations=100, step=5, jitter=16, blur_sigma=0.5, blur_every=10)
PENALTY = 1e-3
# How far a result may be from the notebook's: the median relative distance of the saliency maps, or
# of the change an image undergoes in its first step. Not of later ones: from there on, a start that
# differs in the seventh digit leads the notebook itself elsewhere (a ReLU6 at its limit lets a gradient
# through or not, as the last digit decides).
TOLERANCE = 0.01
OURS, BATCHES, NOTEBOOK, BROWSER, LIMIT = "ours", "batches", "notebook", "browser", "limit"
"""Engines that the words of a language name; the others are libraries and bear their own names."""


@dataclass
class _Racer:
    """Something that does a task.

    Attributes:
        engine: its name.
        run: does its part of a round; returns how many images went through the network.
        sample: a result to compare with the notebook's, where it does the same; see TOLERANCE.
        times: milliseconds per image and iteration, of each round.
        peak_mib: resident memory of the process at its highest in the last round.
    """

    engine: str
    run: Callable[[int], int]
    sample: Callable[[], list[Tensor]] | None = None
    times: list[float] = field(default_factory=list)
    peak_mib: float = 0.0


def run(lab: Lab, build: Path, say: Callable[[str], None]) -> BenchFile:
    """Measure everything, engines for each network of the lab; the result goes to ``build/bench.json`` too."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    for name, spec in lab.file.networks.items():
        fast, plain = open_network(lab, name), open_network(lab, name, way="as-made")
        photographs = [
            (read_image(lab.locate(image.file), fast.size, image.index), image.label) for image in lab.file.images
        ]
        bench = _Bench(spec.title, fast, plain, list(islice(cycle(photographs), 20)))
        for task in (bench.saliency, bench.fooling, bench.classvis):
            rows += _say(task(), say)
    together = []
    for crew in _crews(lab):
        say(
            f"workers {crew.workers:3}: {crew.passes_per_second:6.1f} passes per second, efficiency "
            f"{crew.efficiency:.2f}; {crew.opening_seconds:.1f} s to open, {1000 * crew.sending_seconds:.1f} ms to send"
        )
        together.append(crew)
    result = BenchFile(rows=rows, together=together)
    write_atomically(build / "bench.json", result.model_dump_json(indent=1))
    return result


def _say(rows: Iterator[Row], say: Callable[[str], None]) -> Iterator[Row]:
    for row in rows:
        ratio = f"{row.ratio_to_notebook:5.2f}×" if row.ratio_to_notebook else "      "
        share = f"{row.fraction_of_limit:5.2f}" if row.fraction_of_limit else "     "
        low, high = row.spread
        distance = "" if row.distance is None else f"({row.distance:.1e})"
        say(
            f"{row.task:20} {row.network:18} {row.engine:20} {row.ms_per_image_iteration:7.2f} ms "
            f"({low:.2f}–{high:.2f}) {ratio} {share} {row.peak_mib or 0:6.0f} MiB  {row.agrees} {distance}"
        )
        yield row


class _Bench:
    def __init__(self, title: str, fast: Network, plain: Network, photographs: list[tuple[Pixels, int]]) -> None:
        self.title, self.fast, self.plain, self.photographs = title, fast, plain, photographs
        self.images = plain.normalise([pixels for pixels, _ in photographs])
        with FlopCounterMode(display=False) as counter:
            classes = plain.scorer(self.images[:1]).shape[1]
        self.targets = [target % classes for target in TARGETS]
        self.target = self.targets[0]
        # The way back to the pixels costs as much as the way to the scores.
        self.operations = 2 * counter.get_total_flops()

    def saliency(self) -> Iterator[Row]:
        labels = [label for _, label in self.photographs]
        attribution = captum.attr.Saliency(self.plain.scorer)

        def ours() -> list[Tensor]:
            return [torch.from_numpy(explained(self.fast, *photograph)[1]) for photograph in self.photographs]

        def batches() -> list[Tensor]:
            return [torch.from_numpy(values) for values in saliency_maps(self.fast, self.photographs)]

        def notebook() -> list[Tensor]:
            images = zip(self.images, labels, strict=True)
            return [_notebook_gradient(self.plain.scorer, image, label).abs().amax(0) for image, label in images]

        def captum_() -> list[Tensor]:
            return list(attribution.attribute(self.images.clone().requires_grad_(), labels).amax(1))

        engines = {OURS: ours, BATCHES: batches, NOTEBOOK: notebook, "captum Saliency": captum_}

        def racer(name: str, maps: Callable[[], list[Tensor]]) -> _Racer:
            return _Racer(name, lambda _: len(maps()), maps)

        with _in_a_browser(self.fast) as gradient:
            if gradient is not None:
                pairs = list(zip(self.images, labels, strict=True))
                engines[BROWSER] = lambda: [gradient(image, label).abs().amax(0) for image, label in pairs]
            yield from self._race("saliency", [racer(name, maps) for name, maps in engines.items()], ROUNDS)

    def fooling(self) -> Iterator[Row]:
        model = PyTorchModel(self.plain.scorer, bounds=self._bounds())
        steps = 2
        attack = L2BasicIterativeAttack(steps=steps, abs_stepsize=FOOLING.step, random_start=False)

        def ours(images: Tensor, rule: Rule) -> dict[int, Summit]:
            return {place: ascend(self.fast, Climb(image, self.target), rule) for place, image in enumerate(images)}

        def notebook(images: Tensor, rule: Rule) -> dict[int, Summit]:
            return {
                place: _notebook_fooling(self.plain.scorer, image, self.target, rule)
                for place, image in enumerate(images)
            }

        def foolbox_(_: int) -> int:
            target = TargetedMisclassification(torch.full((len(self.images),), self.target))
            attack.run(model, self.images, target, epsilon=100.0)
            return steps * len(self.images)

        def racer(name: str, fool: Callable[[Tensor, Rule], dict[int, Summit]]) -> _Racer:
            def sample() -> list[Tensor]:
                first_step = replace(FOOLING, iterations=1)
                return [s.image - self.images[place] for place, s in sorted(fool(self.images, first_step).items())]

            # One image at a time costs the same whichever they are: a few stand for all.
            share = self.images[:5]
            return _Racer(name, lambda _: _passes(fool(share, FOOLING).values()), sample)

        yield from self._race(
            "fooling",
            [racer(OURS, ours), racer(NOTEBOOK, notebook), _Racer("foolbox L2 BIM", foolbox_)],
            min(3, ROUNDS),
        )

    def classvis(self) -> Iterator[Row]:
        part = CLASSVIS.iterations // ROUNDS
        starts = [noise(self.plain, seed) for seed in range(len(TARGETS))]

        def ours(turn: int, images: list[Tensor], iterations: int) -> list[Tensor]:
            rule = replace(CLASSVIS, iterations=iterations)
            climbs = (
                Climb(image, target, seed=turn, penalty="l2", weight=PENALTY)
                for image, target in zip(images, self.targets, strict=False)
            )
            return [ascend(self.fast, climb, rule).image for climb in climbs]

        def notebook(turn: int, images: list[Tensor], iterations: int) -> list[Tensor]:
            return [
                _notebook_classvis(self.plain, image, target, iterations, turn)
                for image, target in zip(images, self.targets, strict=False)
            ]

        def horama_(_: int) -> int:
            crops = 2  # it cannot do with one
            with redirect_stderr(StringIO()):  # its progress bar
                horama.fourier(
                    lambda images: self.plain.scorer(images)[:, self.target].mean(),
                    total_steps=part // crops,
                    image_size=self.plain.size,
                    model_input_size=self.plain.size,
                    crops_per_iteration=crops,
                    device="cpu",
                )
            return part

        def racer(name: str, grow: Callable[[int, list[Tensor], int], list[Tensor]]) -> _Racer:
            # One image at a time costs the same whichever they are: one stands for all.
            reached = starts[:1]

            def go_on(turn: int) -> int:
                reached[:] = grow(turn, reached, part)
                return part * len(reached)

            def sample() -> list[Tensor]:
                return [image - start for image, start in zip(grow(0, starts, 1), starts, strict=True)]

            return _Racer(name, go_on, sample)

        yield from self._race(
            "classvis", [racer(OURS, ours), racer(NOTEBOOK, notebook), _Racer("horama Fourier", horama_)], ROUNDS
        )

    def _bounds(self) -> tuple[float, float]:
        darkest, brightest = self.plain.range
        return float(darkest.min()), float(brightest.max())

    def _race(self, task: str, racers: list[_Racer], rounds: int) -> Iterator[Row]:
        """Let all do their part of each round in turn, so that the machine's moods meet them alike."""
        # What is compared is made first: it also spares the first round what only the first time costs.
        samples = {racer.engine: racer.sample() for racer in racers if racer.sample}
        rates = []
        for turn in range(rounds):
            rates.append(_matmul_rate())
            for racer in racers:
                if last := turn == rounds - 1:
                    forget_peak()
                began = time.perf_counter()
                done = racer.run(turn)
                racer.times.append(1000 * (time.perf_counter() - began) / done)
                if last:
                    racer.peak_mib = peak_mib()
        limit = 1000 * self.operations / statistics.median(rates)
        notebook = next((racer for racer in racers if racer.engine == NOTEBOOK), None)
        for racer in racers:
            median = statistics.median(racer.times)
            agrees, distance = _agreement(samples.get(racer.engine), samples.get(NOTEBOOK), TOLERANCE)
            ratios = [a / b for a, b in zip(notebook.times, racer.times, strict=True)] if notebook else []
            yield Row(
                task=task,
                network=self.title,
                engine=racer.engine,
                ms_per_image_iteration=round(median, 3),
                spread=(round(min(racer.times), 3), round(max(racer.times), 3)),
                ratio_to_notebook=round(statistics.median(ratios), 3) if ratios else None,
                fraction_of_limit=round(limit / median, 3),
                peak_mib=round(racer.peak_mib),
                agrees=agrees,
                distance=distance,
            )
        if notebook:
            fastest, slowest = (1000 * self.operations / rate for rate in (max(rates), min(rates)))
            yield Row(
                task=task,
                network=self.title,
                engine=LIMIT,
                ms_per_image_iteration=round(limit, 3),
                spread=(round(fastest, 3), round(slowest, 3)),
                ratio_to_notebook=round(statistics.median(notebook.times) / limit, 3),
                fraction_of_limit=1.0,
                peak_mib=None,
                agrees="none",
            )


def _agreement(
    sample: list[Tensor] | None, notebook: list[Tensor] | None, tolerance: float
) -> tuple[Agrees, float | None]:
    if notebook is None:
        return "none", None
    if sample is None:
        return "other", None
    pairs = zip(sample, notebook, strict=True)
    distance = statistics.median(float((a - b).norm() / b.norm().clamp_min(1e-12)) for a, b in pairs)
    return ("yes" if distance <= tolerance else "no"), distance


def _passes(summits: Iterable[Summit]) -> int:
    return sum(len(summit.scores) for summit in summits)


def _notebook_gradient(scorer: nn.Module, image: Tensor, target: int) -> Tensor:
    image = image[None].clone().requires_grad_()
    scorer(image)[0, target].backward()
    assert image.grad is not None  # noqa: S101  # for the type checker
    return image.grad[0]


def _notebook_fooling(scorer: nn.Module, image: Tensor, target: int, rule: Rule) -> Summit:
    """The lab's loop, line by line: score, stop or step along the gradient of length one."""
    scores_seen: list[float] = []
    while True:
        image = image.detach().requires_grad_()
        scores = scorer(image[None])[0]
        scores_seen.append(scores[target].item())
        reached = int(scores.argmax()) == target
        if reached or len(scores_seen) > rule.iterations:
            return Summit(image.detach(), len(scores_seen) - 1, reached, scores_seen, {})
        scores[target].backward()
        assert image.grad is not None  # noqa: S101  # for the type checker
        image = image + rule.step * image.grad / image.grad.norm()


def _notebook_classvis(network: Network, image: Tensor, target: int, iterations: int, seed: int) -> Tensor:
    """The lab's loop, line by line: shift, gradient, step, shift back, clamp, now and then blur."""
    random = torch.Generator().manual_seed(seed)
    low, high = (0 - network.mean) / network.std, (1 - network.mean) / network.std
    for iteration in range(iterations):
        down, right = torch.randint(-16, 17, (2,), generator=random).tolist()
        image = image.roll((down, right), (1, 2))
        gradient = _notebook_gradient(network.scorer, image, target) - PENALTY * image / image.norm()
        image = image + CLASSVIS.step * gradient
        image = image.roll((-down, -right), (1, 2))
        image = torch.minimum(torch.maximum(image, low), high)
        if iteration % 10 == 0:
            values = image.numpy()
            for axis in (1, 2):
                values = scipy.ndimage.gaussian_filter1d(values, 0.5, axis, mode="nearest", radius=2)
            image = torch.from_numpy(values)
    return image


@contextmanager
def _in_a_browser(network: Network) -> Iterator[Callable[[Tensor, int], Tensor] | None]:
    """What makes gradients, (C, H, W), of a class for normalised images in Chromium; None without one, or a program."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    try:
        program = stored(written(network.scorer)) if isinstance(network.scorer, FlatNetwork) else None
    except Refused:
        program = None
    if browser is None or program is None:
        yield None
        return
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"]).new_page()
        page.add_script_tag(path=project.BROWSER / "engine.js")
        page.evaluate(
            """([kernels, program, weights]) => {
                self.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                const known = kernels.map(bytes).find((some) => WebAssembly.validate(some));
                self.engine = tpEngine(known, program, bytes(weights).buffer);
            }""",
            [
                [_base64((project.BROWSER / f"kernels-{kind}.wasm").read_bytes()) for kind in ("relaxed", "plain")],
                program.description,
                _base64(program.weights),
            ],
        )

        def gradient(image: Tensor, wanted: int) -> Tensor:
            found = page.evaluate(
                """([image, wanted]) => {
                    engine.scores(new Float32Array(bytes(image).buffer));
                    const found = new Uint8Array(engine.gradient(wanted).buffer);
                    let text = "";
                    for (let i = 0; i < found.length; i += 32768) {
                        text += String.fromCharCode(...found.subarray(i, i + 32768));
                    }
                    return btoa(text);
                }""",
                [_base64(image.permute(1, 2, 0).contiguous().numpy().tobytes()), wanted],
            )
            values = torch.frombuffer(bytearray(base64.b64decode(found)), dtype=torch.float32)
            return values.view(*image.shape[1:], -1).permute(2, 0, 1)

        yield gradient


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _matmul_rate() -> float:
    """Operations per second of a large product of matrices, the best of a few."""
    a, b = torch.rand(2, 2048, 2048)
    best = 0.0
    for _ in range(4):
        began = time.perf_counter()
        a @ b
        best = max(best, 2 * 2048**3 / (time.perf_counter() - began))
    return best


# Workers -----------------------------------------------------------------------------------------

PARTS = 8
"""How many parts each worker gets in a round: photographs that go towards a class, so slowly that none arrives."""
SLOWLY = {"target": 0, "step": 1e-3, "iterations": 20, "clamp": False}


def _crews(lab: Lab) -> Iterator[Together]:
    """The speed of one worker, two, four, and as many as there are cores, each crew by itself."""
    network = next(iter(lab.file.networks))
    parts = (
        Part("generator.experiments.shared.tasks:fool", (NetworkUse(network),), (image,), SLOWLY)
        for image in islice(cycle(lab.images), PARTS)
    )
    jobs = [job_of(lab, part, "cpu", {}) for part in parts]
    sizes = sorted({*(2**power for power in range(cores().bit_length())), cores()})
    alone = 0.0
    for size in sizes:
        with working(Local(size)) as crew:
            opening = _all_open(crew, jobs[0])
            rounds = [_round(crew, jobs * size) for _ in range(ROUNDS)]
        speed = statistics.median(passes / seconds for passes, seconds, _ in rounds)
        alone = alone or speed
        yield Together(
            workers=size,
            passes_per_second=round(speed, 2),
            efficiency=round(speed / size / alone, 3),
            opening_seconds=round(opening, 2),
            sending_seconds=round(statistics.median(lost for _, _, lost in rounds), 5),
        )


def _all_open(crew: Crew, job: Job) -> float:
    """Seconds until each worker of a crew has started and opened the network."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        waiting = iter([(None, _open, (job, Path(folder), crew.size))] * crew.size)
        for _, result in done(crew, lambda: next(waiting, None)):
            if isinstance(result, BaseException):
                raise result
    return time.perf_counter() - began


def _open(given: tuple[Job, Path, int]) -> None:
    """In a worker: compute a part, and wait until the others have, so that each gets one."""
    job, folder, crew = given
    compute(job)
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < crew:
        time.sleep(0.01)


def _round(crew: Crew, jobs: list[Job]) -> tuple[int, float, float]:
    """Passes that a crew made, seconds that it took, and those of each part that its worker did not compute."""
    waiting = iter([(None, compute, job) for job in jobs])
    made: list[Made] = []
    began = time.perf_counter()
    for _, result in done(crew, lambda: next(waiting, None)):
        if isinstance(result, BaseException):
            raise result
        made.append(result[1])
    seconds = time.perf_counter() - began
    computing = sum(one.seconds for one in made)
    return sum(one.passes for one in made), seconds, (crew.size * seconds - computing) / len(made)
