"""What the notebooks handed out to students work with: a network, photographs, and checks.

The checks know no solution: they compare a student's function with the definition, by finite
differences on a small smooth network in double precision, and say in French what seems wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator import networks
from generator.images import read_image
from generator.lab import Lab, read_lab
from generator.networks import Network

TARGET, SIZE, CLASSES = 2, 12, 5


@dataclass(frozen=True)
class Photo:
    """A photograph as a notebook uses it.

    Attributes:
        image: normalised, float (1, 3, H, W).
        label: index of its class.
        title: what it shows, in French.
    """

    image: Tensor
    label: int
    title: str


class Classroom:
    """The lab's first network as PyTorch users know it, and its photographs.

    Args:
        lab: the lab file.
        data: folder of files that were given to you.
    """

    def __init__(self, lab: str = "content/tp.yml", data: str = "data") -> None:
        self._lab: Lab = read_lab(Path(lab), Path(data))
        name, spec = next(iter(self._lab.file.networks.items()))
        self._network: Network = networks.load(
            spec, self._lab.weights(name), source=self._lab.source(name), prepared=False
        )

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

    def class_title(self, index: int) -> str:
        """Name of a class."""
        return self._lab.class_title(index)

    def pixels(self, image: Tensor) -> NDArray[np.float32]:
        """A normalised image (1, 3, H, W) -> values to show, float32 (H, W, 3), clipped to [0, 1]."""
        return self._network.pixels(image[0].detach()).clip(0, 1)

    def clamp(self, image: Tensor) -> Tensor:
        """A normalised image with every pixel brought back into the range that an image file can hold."""
        mean, std = self._network.mean, self._network.std
        return torch.maximum(torch.minimum(image, (1 - mean) / std), (0 - mean) / std)

    def show(self, *pictures: NDArray[np.float32], titles: tuple[str, ...] = (), cmap: str = "hot") -> None:
        """Show pictures side by side: (H, W, 3) in colour, (H, W) in a colour map."""
        _, places = plt.subplots(1, len(pictures), figsize=(3.2 * len(pictures), 3.4), squeeze=False)
        for place, picture, title in zip(places[0], pictures, titles or ("",) * len(pictures), strict=True):
            place.imshow(picture, cmap=cmap)
            place.set_title(title, fontsize=10)
            place.axis("off")
        plt.show()


# Checks ------------------------------------------------------------------------------------------


class NotYetError(AssertionError):
    """What a check found wrong, for the student."""


def check_saliency(saliency: Callable[[nn.Module, Tensor, int], Tensor]) -> None:
    """Compare ``saliency(network, image, label)`` with max over the channels of |ds/dx|.

    Raises:
        NotYetError: it differs; the message says how.
    """
    network, image = _small_network(), _small_image()
    given = image.clone()
    values = _tensor(saliency(network, given, TARGET), (SIZE, SIZE), "la carte")
    again = saliency(network, given, TARGET)
    _require(torch.equal(given.detach(), image), "Votre fonction a modifié l’image reçue : travaillez sur une copie.")
    slopes = torch.tensor([[_slope(network, image, _score, (0, c, y, x)) for c in range(3)] for y, x in _places()])
    found = torch.stack([values[y, x] for y, x in _places()])
    expected = slopes.abs().amax(1)
    if not _close(found, expected):
        softmax = torch.tensor(
            [max(abs(_slope(network, image, _chance, (0, c, y, x))) for c in range(3)) for y, x in _places()]
        )
        guesses = [
            (slopes.abs().sum(1), "vous semblez additionner les trois canaux : prenez leur maximum"),
            (slopes.abs().mean(1), "vous semblez faire la moyenne des trois canaux : prenez leur maximum"),
            (slopes.amax(1), "vous avez oublié la valeur absolue, avant le maximum"),
            (slopes.amax(1).abs(), "prenez la valeur absolue avant le maximum, non après"),
            (softmax, "vous dérivez la probabilité : dérivez le score, avant softmax"),
            (-expected, "le signe est inversé"),
        ]
        _explain(found, guesses, "la carte ne vaut pas max |∂s/∂x| sur les canaux")
    _require(
        torch.equal(values, again),
        "Deux appels de suite ne donnent pas la même carte : les gradients s’ajoutent d’un appel à l’autre ; "
        "remettez-les à zéro, ou dérivez par rapport à une nouvelle copie.",
    )
    print("C’est juste : votre carte est celle de la définition, vérifiée par différences finies.")


def check_fooling(step: Callable[[nn.Module, Tensor, int, float], Tensor]) -> None:
    """Compare ``step(network, image, target, eta)`` with image + eta g / ||g||.

    Raises:
        NotYetError: it differs; the message says how.
    """
    network, image, eta = _small_network(), _small_image(), 0.5
    given = image.clone()
    change = _tensor(step(network, given, TARGET, eta), tuple(image.shape), "l’image modifiée") - image
    _require(torch.equal(given.detach(), image), "Votre fonction a modifié l’image reçue : rendez une nouvelle image.")
    gradient = _gradient(network, image, _score)
    unit = gradient / gradient.norm()
    if not _close(change, eta * unit):
        guesses = [
            (-eta * unit, "vous descendez le gradient : ajoutez-le, pour augmenter le score de la classe visée"),
            (eta * gradient, "le gradient n’est pas divisé par sa norme"),
            (unit, "le pas η manque"),
            (eta * gradient.sign(), "vous prenez le signe du gradient (c’est FGSM) : divisez-le par sa norme L2"),
            (eta * _normed(_gradient(network, image, _chance)), "vous dérivez la probabilité : dérivez le score"),
        ]
        _explain(change, guesses, f"le changement n’est pas η·g/‖g‖₂ (sa norme est {change.norm():.4f}, attendu {eta})")
    print("C’est juste : un pas de longueur η le long du gradient du score visé.")


def check_classvis(step: Callable[[nn.Module, Tensor, int, float, float], Tensor]) -> None:
    """Compare ``step(network, image, target, eta, weight)`` with image + eta d/dx (s - weight ||x||).

    Raises:
        NotYetError: it differs; the message says how.
    """
    network, image, eta, weight = _small_network(), _small_image(), 0.3, 0.2
    given = image.clone()
    change = _tensor(step(network, given, TARGET, eta, weight), tuple(image.shape), "l’image") - image
    _require(torch.equal(given.detach(), image), "Votre fonction a modifié l’image reçue : rendez une nouvelle image.")
    gradient, pull = _gradient(network, image, _score), _normed(image)
    if not _close(change, eta * (gradient - weight * pull)):
        guesses = [
            (eta * (gradient + weight * pull), "la régularisation a le mauvais signe : elle se retranche"),
            (eta * (gradient - 2 * weight * image), "vous dérivez ‖x‖² : le TP pénalise ‖x‖, sans carré"),
            (eta * gradient, "la régularisation λ‖x‖ manque"),
            (-eta * (gradient - weight * pull), "vous descendez au lieu de monter"),
            (gradient - weight * pull, "le pas η manque"),
        ]
        _explain(change, guesses, "le changement n’est pas η·∂/∂x (s − λ‖x‖₂)")
    print("C’est juste : un pas de gradient du score régularisé.")


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


def _require(right: bool, message: str) -> None:  # noqa: FBT001  # reads like assert
    if not right:
        raise NotYetError(message)


def _tensor(given: object, shape: tuple[int, ...], what: str) -> Tensor:
    _require(
        isinstance(given, Tensor),
        f"Votre fonction doit rendre {what} : un tenseur, non {type(given).__name__} (return manque-t-il ?).",
    )
    assert isinstance(given, Tensor)  # noqa: S101  # for the type checker
    _require(
        tuple(given.shape) == shape, f"{what.capitalize()} devrait être de taille {shape}, non {tuple(given.shape)}."
    )
    return given.detach()


def _explain(found: Tensor, guesses: list[tuple[Tensor, str]], otherwise: str) -> None:
    for wrong, reason in guesses:
        if _close(found, wrong):
            raise NotYetError(f"Pas encore : {reason}.")
    raise NotYetError(f"Pas encore : {otherwise}, calculé par différences finies.")
