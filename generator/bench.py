"""How fast the engine is, beside what else a user might pick, in one process and in turns.

Ours, the notebook's loop written plainly, captum, foolbox, horama, and what the machine could do at
most: the rate of a large matrix product times the operations of the network. Every row says whether
its result is the notebook's.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

import captum.attr
import horama
import scipy.ndimage
import scipy.stats
import torch
from foolbox.attacks.basic_iterative_method import L2BasicIterativeAttack
from foolbox.criteria import TargetedMisclassification
from foolbox.models.pytorch import PyTorchModel
from pydantic import BaseModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from generator.artefacts import to_json
from generator.atomic import write_atomically
from generator.cache import threads
from generator.images import Pixels, read_image
from generator.lab import Lab
from generator.networks import Network
from generator.opened import open_network
from generator.vision.ascent import Climb, Rule, Summit, ascend, noise
from generator.vision.gradients import saliency_maps

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
OURS, NOTEBOOK, LIMIT, FIT = "ours", "notebook", "limit", "fit"
"""Engines that the words of a language name; the others are libraries and bear their own names."""


Agrees = Literal["yes", "no", "other", "none"]


class Row(BaseModel):
    """One line of the table.

    Attributes:
        task: saliency, fooling or classvis, with the size where the cost's growth is measured.
        network: its title.
        engine: who did it.
        ms_per_image_iteration: median over the rounds, in milliseconds.
        spread: lowest and highest round.
        ratio_to_notebook: above 1 is faster than the notebook's loop.
        fraction_of_limit: 1 would be the machine's matrix-product rate.
        peak_mib: resident memory of the whole process at its highest while this row ran.
        agrees: whether the result is the notebook's, or why nothing can be said.
        distance: relative distance from the notebook's result, where it can be compared.
        r_squared: of a fitted line, how well it fits.
    """

    task: str
    network: str
    engine: str
    ms_per_image_iteration: float
    spread: tuple[float, float]
    ratio_to_notebook: float | None
    fraction_of_limit: float | None
    peak_mib: float | None
    agrees: Agrees
    distance: float | None = None
    r_squared: float | None = None


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


def run(lab: Lab, build: Path, say: Callable[[str], None]) -> list[Row]:
    """Measure everything, for each network of the lab; the rows go to ``build/bench.json`` too."""
    torch.set_num_threads(threads())
    rows: list[Row] = []
    for place, (name, spec) in enumerate(lab.file.networks.items()):
        fast, plain = open_network(lab, name), open_network(lab, name, prepared=False)
        photographs = [
            (read_image(lab.locate(image.file), fast.size, image.index), image.label) for image in lab.file.images
        ]
        bench = _Bench(spec.title, fast, plain, list(islice(cycle(photographs), 20)))
        for task in (bench.saliency, bench.fooling, bench.classvis):
            rows += _say(task(), say)
        if place == 0:
            rows += _say(bench.growth(), say)
    write_atomically(
        build / "bench.json", json.dumps(json.loads(to_json([row.model_dump() for row in rows])), indent=1)
    )
    return rows


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
            return [torch.from_numpy(values) for values in saliency_maps(self.fast, self.photographs)]

        def notebook() -> list[Tensor]:
            images = zip(self.images, labels, strict=True)
            return [_notebook_gradient(self.plain.scorer, image, label).abs().amax(0) for image, label in images]

        def captum_() -> list[Tensor]:
            return list(attribution.attribute(self.images.clone().requires_grad_(), labels).amax(1))

        engines = {OURS: ours, NOTEBOOK: notebook, "captum Saliency": captum_}

        def racer(name: str, maps: Callable[[], list[Tensor]]) -> _Racer:
            return _Racer(name, lambda _: len(maps()), maps)

        yield from self._race("saliency", [racer(name, maps) for name, maps in engines.items()])

    def fooling(self) -> Iterator[Row]:
        model = PyTorchModel(self.plain.scorer, bounds=self._bounds())
        steps = 2
        attack = L2BasicIterativeAttack(steps=steps, abs_stepsize=FOOLING.step, random_start=False)

        def ours(images: Tensor, rule: Rule) -> dict[int, Summit]:
            return dict(ascend(self.fast, (Climb(image, self.target) for image in images), rule))

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
            share = self.images[: 5 if fool is notebook else None]
            return _Racer(name, lambda _: _passes(fool(share, FOOLING).values()), sample)

        yield from self._race(
            "fooling", [racer(OURS, ours), racer(NOTEBOOK, notebook), _Racer("foolbox L2 BIM", foolbox_)], rounds=3
        )

    def classvis(self) -> Iterator[Row]:
        part = CLASSVIS.iterations // ROUNDS
        starts = [noise(self.plain, seed) for seed in range(len(TARGETS))]

        def ours(turn: int, images: list[Tensor], iterations: int) -> list[Tensor]:
            climbs = [
                Climb(image, target, seed=turn, penalty="l2", weight=PENALTY)
                for image, target in zip(images, self.targets, strict=False)
            ]
            summits = dict(ascend(self.fast, climbs, replace(CLASSVIS, iterations=iterations)))
            return [summits[place].image for place in range(len(images))]

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
            reached = starts[: 1 if grow is notebook else None]

            def go_on(turn: int) -> int:
                reached[:] = grow(turn, reached, part)
                return part * len(reached)

            def sample() -> list[Tensor]:
                return [image - start for image, start in zip(grow(0, starts, 1), starts, strict=True)]

            return _Racer(name, go_on, sample)

        yield from self._race(
            "classvis", [racer(OURS, ours), racer(NOTEBOOK, notebook), _Racer("horama Fourier", horama_)]
        )

    def growth(self) -> Iterator[Row]:
        """The cost of more images, and of more targets: memory should stay, time be in proportion."""

        def maps(count: int) -> int:
            return sum(1 for _ in saliency_maps(self.fast, islice(cycle(self.photographs), count)))

        def targets(count: int) -> int:
            climbs = (Climb(self.images[0], 10 * target) for target in range(count))
            return _passes(summit for _, summit in ascend(self.fast, climbs, FOOLING))

        for task, do, counts in (("saliency", maps, (20, 200, 1000)), ("fooling", targets, (1, 10, 100))):
            passes: list[int] = []
            milliseconds: list[float] = []
            for count in counts:

                def part(_: int, do: Callable[[int], int] = do, count: int = count, done: list[int] = passes) -> int:
                    done.append(do(count))
                    return done[-1]

                racer = _Racer(OURS, part)
                yield from self._race(f"{task} × {count}", [racer], rounds=1)
                milliseconds.append(racer.times[0] * passes[-1])
            yield self._fit(task, passes, milliseconds)

    def _fit(self, task: str, passes: list[int], milliseconds: list[float]) -> Row:
        line = scipy.stats.linregress(passes, milliseconds)
        return Row(
            task=task,
            network=self.title,
            engine=FIT,
            ms_per_image_iteration=round(line.slope, 3),
            spread=(round(line.slope - line.stderr, 3), round(line.slope + line.stderr, 3)),
            ratio_to_notebook=None,
            fraction_of_limit=None,
            peak_mib=None,
            agrees="none",
            r_squared=round(line.rvalue**2, 5),
        )

    def _bounds(self) -> tuple[float, float]:
        darkest, brightest = self.plain.range
        return float(darkest.min()), float(brightest.max())

    def _race(self, task: str, racers: list[_Racer], rounds: int = ROUNDS) -> Iterator[Row]:
        """Let all do their part of each round in turn, so that the machine's moods meet them alike."""
        # What is compared is made first: it also spares the first round what only the first time costs.
        samples = {racer.engine: racer.sample() for racer in racers if racer.sample}
        rates = []
        for turn in range(rounds):
            rates.append(_matmul_rate())
            for racer in racers:
                if last := turn == rounds - 1:
                    _forget_peak()
                began = time.perf_counter()
                done = racer.run(turn)
                racer.times.append(1000 * (time.perf_counter() - began) / done)
                if last:
                    racer.peak_mib = _peak_mib()
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


def _matmul_rate() -> float:
    """Operations per second of a large product of matrices, the best of a few."""
    a, b = torch.rand(2, 2048, 2048)
    best = 0.0
    for _ in range(4):
        began = time.perf_counter()
        a @ b
        best = max(best, 2 * 2048**3 / (time.perf_counter() - began))
    return best


def _forget_peak() -> None:
    """Give freed memory back and start the process's high-water mark anew, where Linux lets us."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except (OSError, AttributeError):
        pass


def _peak_mib() -> float:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
