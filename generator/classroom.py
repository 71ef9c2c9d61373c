"""What the notebooks handed out to students work with: a network, photographs, and checks.

The checks know no solution: they compare a student's function with the definition, by finite
differences on a small smooth network in double precision, and say in the lab's language what seems
wrong. Whatever a function does instead of returning a map or an image, its writer reads a sentence
about it and no traceback.
"""

from __future__ import annotations

import _thread
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.errors import first_line
from generator.images import read_image
from generator.lab import Lab, read_lab
from generator.opened import open_network
from generator.project import DEFAULT_DATA, DEFAULT_LAB, ROOT
from generator.vision.opening import Network

TARGET, SIZE, CLASSES = 2, 12, 5
PATIENCE = 20.0
"""Seconds that a function may take on the small network, where a gradient takes milliseconds."""
FAILURES = {
    "requires-grad": ("does not require grad",),
    "unused": ("appears to not have been used in the graph",),
    "scalar": ("only for scalar outputs",),
    "in-place": ("leaf Variable that requires grad", "modified by an inplace operation"),
    "second-time": ("backward through the graph a second time",),
    "no-numpy": ("Can't call numpy() on Tensor that requires grad",),
    "other-dtype": ("same dtype", "expected scalar type", "type (float) and bias type (double) should be the same"),
}
"""What torch says of the usual mistakes, and what is told of each."""


@dataclass(frozen=True)
class Photo:
    """A photograph as a notebook uses it.

    Attributes:
        image: normalised, float (1, 3, H, W).
        label: index of its class.
        title: what it shows, for the reader.
    """

    image: Tensor
    label: int
    title: str


class NotYetError(AssertionError):
    """What a check found wrong, for the student."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it (a name of IPython's): where a check raises it helps nobody."""
        return [str(self)]


class TooLongError(Exception):
    """A student's function does not come to an end."""


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What a script shows of an error."""
    if isinstance(error, NotYetError):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell


class Classroom:
    """The lab's first network as PyTorch users know it, and its photographs.

    Args:
        lab: the lab file, from where one is or from the folder of the project.
        data: folder of files that were given to you, likewise.
    """

    def __init__(self, lab: str = DEFAULT_LAB, data: str = DEFAULT_DATA) -> None:
        self._lab: Lab = read_lab(_found(lab), _found(data), texts=False)
        self._say = self._lab.language.say
        self._network: Network = open_network(self._lab, next(iter(self._lab.file.networks)), way="as-made")

    @property
    def network(self) -> nn.Module:
        """The network, frozen, in evaluation mode: (N, 3, H, W) -> raw scores (N, classes)."""
        return self._network.scorer

    def photo(self, name: str) -> Photo:
        """A photograph of the lab by its name; ``names`` lists them."""
        spec = self._lab.images[name]
        pixels = read_image(self._lab.locate(spec.file), self._network.size, spec.index)
        return Photo(self._network.normalise([pixels]), spec.label, spec.title)

    @property
    def names(self) -> list[str]:
        """Names of the photographs."""
        return list(self._lab.images)

    def target(self, family: str) -> int:
        """The class that the lab's first experiment of a family aims at; its last class if none aims at any."""
        return self._lab.target(family)

    def class_title(self, index: int) -> str:
        """Name of a class."""
        return self._lab.class_title(index)

    def pixels(self, image: Tensor) -> NDArray[np.float32]:
        """A normalised image (1, 3, H, W) -> values to show, float32 (H, W, 3), clipped to [0, 1]."""
        return self._network.pixels(image[0].detach()).clip(0, 1)

    def clamp(self, image: Tensor) -> Tensor:
        """A normalised image with every pixel brought back into the range that an image file can hold."""
        darkest, brightest = self._network.range
        return torch.maximum(torch.minimum(image, brightest), darkest)

    def show(self, *pictures: NDArray[np.float32], titles: tuple[str, ...] = (), cmap: str = "hot") -> None:
        """Show pictures side by side: (H, W, 3) in colour, (H, W) in a colour map."""
        _, places = plt.subplots(1, len(pictures), figsize=(3.2 * len(pictures), 3.4), squeeze=False)
        for place, picture, title in zip(places[0], pictures, titles or ("",) * len(pictures), strict=True):
            place.imshow(picture, cmap=cmap)
            place.set_title(title, fontsize=10)
            place.axis("off")
        plt.show()

    # Checks --------------------------------------------------------------------------------------

    def check_saliency(self, saliency: Callable[[nn.Module, Tensor, int], Tensor]) -> None:
        """Compare ``saliency(network, image, label)`` with max over the channels of |ds/dx|.

        Raises:
            NotYetError: it differs; the message says how.
        """
        network, image = _small_network(), _small_image()
        given = image.clone()
        values = self._tensor(self._answer(saliency, network=network, image=given, label=TARGET), (SIZE, SIZE), "map")
        again = self._answer(saliency, network=network, image=given, label=TARGET)
        self._require(torch.equal(given.detach(), image), "copy")
        slopes = torch.tensor([[_slope(network, image, _score, (0, c, y, x)) for c in range(3)] for y, x in _places()])
        found = torch.stack([values[y, x] for y, x in _places()])
        expected = slopes.abs().amax(1)
        if not _close(found, expected):
            softmax = torch.tensor(
                [max(abs(_slope(network, image, _chance, (0, c, y, x))) for c in range(3)) for y, x in _places()]
            )
            guesses = {
                "sum": slopes.abs().sum(1),
                "mean": slopes.abs().mean(1),
                "no-absolute": slopes.amax(1),
                "late-absolute": slopes.amax(1).abs(),
                "softmax": softmax,
                "sign": -expected,
            }
            self._explain(found, guesses, "not-saliency")
        self._require(torch.equal(values, self._tensor(again, (SIZE, SIZE), "map")), "accumulated")
        self._praise("saliency")

    def check_fooling(self, step: Callable[[nn.Module, Tensor, int, float], Tensor]) -> None:
        """Compare ``step(network, image, target, eta)`` with image + eta g / ||g||.

        Raises:
            NotYetError: it differs; the message says how.
        """
        network, image, eta = _small_network(), _small_image(), 0.5
        given = image.clone()
        answer = self._answer(step, network=network, image=given, target=TARGET, eta=eta)
        change = self._tensor(answer, tuple(image.shape), "image") - image
        self._require(torch.equal(given.detach(), image), "new-image")
        gradient = _gradient(network, image, _score)
        unit = gradient / gradient.norm()
        if not _close(change, eta * unit):
            guesses = {
                "descent": -eta * unit,
                "no-norm": eta * gradient,
                "no-step": unit,
                "fgsm": eta * gradient.sign(),
                "softmax": eta * _normed(_gradient(network, image, _chance)),
            }
            self._explain(change, guesses, "not-fooling", norm=float(change.norm()), eta=eta)
        self._praise("fooling")

    def check_classvis(self, step: Callable[[nn.Module, Tensor, int, float, float], Tensor]) -> None:
        """Compare ``step(network, image, target, eta, weight)`` with image + eta d/dx (s - weight ||x||).

        Raises:
            NotYetError: it differs; the message says how.
        """
        network, image, eta, weight = _small_network(), _small_image(), 0.3, 0.2
        given = image.clone()
        answer = self._answer(step, network=network, image=given, target=TARGET, eta=eta, weight=weight)
        change = self._tensor(answer, tuple(image.shape), "image") - image
        self._require(torch.equal(given.detach(), image), "new-image")
        gradient, pull = _gradient(network, image, _score), _normed(image)
        if not _close(change, eta * (gradient - weight * pull)):
            guesses = {
                "penalty-sign": eta * (gradient + weight * pull),
                "penalty-square": eta * (gradient - 2 * weight * image),
                "no-penalty": eta * gradient,
                "descent": -eta * (gradient - weight * pull),
                "no-step": gradient - weight * pull,
            }
            self._explain(change, guesses, "not-classvis")
        self._praise("classvis")

    def _require(self, right: bool, message: str, **values: object) -> None:  # noqa: FBT001  # reads like assert
        if not right:
            raise NotYetError(self._say(f"classroom.{message}", **values))

    def _answer(self, function: Callable[..., object], **arguments: object) -> object:
        """What a student's function returns for these arguments, given in this order.

        Raises:
            NotYetError: it is no function of so many arguments, raises an error, or does not come to an end.
        """
        self._require(callable(function), "no-function", kind=type(function).__name__)
        try:
            signature = inspect.signature(function)
        except ValueError:
            signature = None  # some functions written in C have none
        try:
            if signature:
                signature.bind(*arguments.values())
        except TypeError:
            wanted = f"({', '.join(arguments)})"
            raise NotYetError(self._say("classroom.arguments", wanted=wanted, found=str(signature))) from None
        try:
            with _at_most(PATIENCE):
                return function(*arguments.values())
        except NotImplementedError:
            raise NotYetError(self._say("classroom.open", mark=self._say("worksheets.open"))) from None
        except TooLongError:
            raise NotYetError(self._say("classroom.too-long", seconds=PATIENCE, size=SIZE)) from None
        except Exception as error:  # noqa: BLE001  # whatever a student's function raises
            raise NotYetError(self._failure(function, error)) from None

    def _failure(self, function: Callable[..., object], error: Exception) -> str:
        """What a student reads instead of an error of their function: where it is, and what to do if that is known."""
        file = getattr(getattr(function, "__code__", None), "co_filename", None)
        lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = lines[-1].line or "" if lines else ""
        said = f"{type(error).__name__}: {first_line(error)}"
        failed = (
            self._say("classroom.failed-at", number=lines[-1].lineno, line=line, said=said)
            if lines
            else self._say("classroom.failed", said=said)
        )
        known = next((key for key, parts in FAILURES.items() if any(part in str(error) for part in parts)), None)
        if known is None and "NoneType" in said and ".grad" in line:
            known = "no-gradient"
        return f"{failed} {self._say(f'classroom.{known}')}" if known else failed

    def _tensor(self, given: object, shape: tuple[int, ...], what: str) -> Tensor:
        name = self._say(f"classroom.{what}")
        self._require(given is not None, "nothing", what=name)
        self._require(not isinstance(given, np.ndarray), "array", what=name)
        self._require(not isinstance(given, list | tuple), "several", what=name, kind=type(given).__name__)
        self._require(isinstance(given, Tensor), "no-tensor", what=name, kind=type(given).__name__)
        assert isinstance(given, Tensor)  # noqa: S101  # for the type checker
        self._require(tuple(given.shape) == shape, "shape", what=name, shape=shape, found=tuple(given.shape))
        self._require(given.is_floating_point(), "dtype", what=name, found=given.dtype)
        self._require(bool(given.isfinite().all()), "not-finite", what=name)
        return given.detach()

    def _explain(self, found: Tensor, guesses: Mapping[str, Tensor], otherwise: str, **values: object) -> None:
        reason = next((reason for reason, wrong in guesses.items() if _close(found, wrong)), otherwise)
        raise NotYetError(self._say("classroom.not-yet", reason=self._say(f"classroom.{reason}", **values)))

    def _praise(self, what: str) -> None:
        print(self._say("classroom.right", what=self._say(f"classroom.right-{what}")))


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, as Ctrl-C would.

    Raises:
        TooLongError: it did.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can be interrupted
        return
    over = threading.Event()

    def interrupt() -> None:
        over.set()
        _thread.interrupt_main()

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
        timer.cancel()
        timer.join()  # an interruption under way arrives here, and nowhere later
    except KeyboardInterrupt:
        if over.is_set():
            raise TooLongError from None
        raise
    finally:
        timer.cancel()


def _found(place: str) -> Path:
    """Where a file or folder is, wherever a notebook was opened from."""
    return Path(place) if Path(place).exists() else ROOT / place


def _small_network() -> nn.Module:
    """Smooth and in float64, so that finite differences are exact to many digits."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Flatten(), nn.Linear(6 * (SIZE - 2) ** 2, CLASSES))
    return module.double().requires_grad_(False)


def _small_image() -> Tensor:
    return torch.randn(1, 3, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _score(scores: Tensor) -> Tensor:
    return scores[0, TARGET]


def _chance(scores: Tensor) -> Tensor:
    return scores.softmax(1)[0, TARGET]


def _places() -> Iterator[tuple[int, int]]:
    yield from ((2, 3), (5, 5), (7, 9), (9, 1), (11, 11), (0, 6))


def _slope(
    network: nn.Module, image: Tensor, of: Callable[[Tensor], Tensor], place: tuple[int, ...], width: float = 1e-5
) -> float:
    """Central difference of a score at one value of the image."""
    ends = []
    for change in (width, -width):
        moved = image.clone()
        moved[place] += change
        ends.append(float(of(network(moved))))
    return (ends[0] - ends[1]) / (2 * width)


def _gradient(network: nn.Module, image: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
    slopes = [_slope(network, image, of, (0, *place)) for place in np.ndindex(3, SIZE, SIZE)]
    return torch.tensor(slopes, dtype=image.dtype).reshape(image.shape)


def _normed(image: Tensor) -> Tensor:
    unit: Tensor = image / image.norm()
    return unit


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool(torch.allclose(found.double(), expected.double(), rtol=1e-4, atol=1e-7))
