"""A network's description -> the frozen network, ready to be differentiated at its pixels."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.engine import prepare
from generator.errors import LabError, did_you_mean, first_line
from generator.images import Pixels, grey, resize
from generator.memory import give_back
from generator.schema import LARGEST, SMALLEST, NetworkSpec
from generator.sources import sha256


@dataclass(frozen=True)
class Own:
    """A classifier of the lab's author, as the function returns it that ``architecture: module:function`` names.

    Attributes:
        module: normalised images, float (N, C, size, size) -> raw scores (before any softmax), float
            (N, classes). It is put into evaluation mode and frozen.
        size: side of its input, in pixels, 8 to 1024.
        mean: of its normalisation, in pixel values of [0, 1]: one value for a network of grey images
            (C = 1), three for red, green and blue.
        std: likewise; greater than 0.
        classes: names of its classes, in the order of its scores.
    """

    module: nn.Module
    size: int
    mean: Sequence[float]
    std: Sequence[float]
    classes: Sequence[str]

    def __post_init__(self) -> None:
        """Refuse what would fail later, far from its cause.

        Raises:
            ValueError: a value is not as described.
        """
        if not isinstance(self.module, nn.Module):
            raise ValueError(f"module is {type(self.module).__name__}, expected a torch.nn.Module")  # noqa: TRY004
        if not SMALLEST <= self.size <= LARGEST:
            raise ValueError(f"size is {self.size}, expected {SMALLEST} to {LARGEST}")
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean):
            raise ValueError(f"mean and std have {len(self.mean)} and {len(self.std)} values, expected 1 or 3 of each")
        if min(self.std) <= 0:
            raise ValueError(f"std is {list(self.std)}, expected values greater than 0")


@dataclass(frozen=True)
class Network:
    """A frozen classifier and how to show it an image.

    Attributes:
        scorer: normalised images, float (N, C, H, W) -> raw scores, float (N, classes).
        mean: of the normalisation, float (C, 1, 1), in pixel values of [0, 1].
        std: likewise.
        size: side of an input image, in pixels.
        batch: how many images to push through together.
        weights_sha256: of the file the weights were read from; of the tensors if the lab names none.
        classes: names of its classes, if it says them itself.
    """

    scorer: nn.Module
    mean: Tensor
    std: Tensor
    size: int
    batch: int
    weights_sha256: str
    classes: tuple[str, ...] | None = None

    @property
    def channels(self) -> int:
        """1 if it sees grey images, 3 if it sees colours."""
        return len(self.mean)

    @property
    def range(self) -> tuple[Tensor, Tensor]:
        """Normalised values of black and of white, float (C, 1, 1) each: what an image file can hold lies between."""
        return (0 - self.mean) / self.std, (1 - self.mean) / self.std

    def seen(self, image: Pixels) -> Pixels:
        """What it sees of an image, uint8 (H, W, 3): where it sees grey only, the three values are alike."""
        return image if self.channels > 1 else grey(image)

    def normalise(self, images: Sequence[Pixels]) -> Tensor:
        """RGB images, uint8 (H, W, 3) each -> what the network takes, float (N, C, size, size).

        Images of another size, which were made for another network, are resized.
        """
        sized = np.stack([self.seen(resize(image, self.size))[..., : self.channels] for image in images])
        values = torch.from_numpy(sized).to(self.mean.device)
        return (values.permute(0, 3, 1, 2) / 255 - self.mean) / self.std

    def pixels(self, image: Tensor) -> NDArray[np.float32]:
        """A normalised image, float (C, H, W) -> pixel values, float32 (H, W, 3); grey is three times the same.

        They are in [0, 1] as far as the image respects the range; nothing is clipped.
        """
        values = (image * self.std + self.mean).permute(1, 2, 0).expand(-1, -1, 3)
        return np.ascontiguousarray(values.cpu().numpy())


def load(  # noqa: PLR0913  # what a network is made from, all named
    spec: NetworkSpec,
    weights: Path | str | None,
    *,
    source: Path | None = None,
    device: str = "cpu",
    prepared: bool = True,
    shuffled: float = 0,
    seed: int = 0,
) -> Network:
    """Build a network, load its weights, freeze it.

    Args:
        spec: its description.
        weights: a state-dict file, or ``torchvision:WEIGHTS`` or ``timm:WEIGHTS``, which that library
            downloads once; for a function, the file handed to it, if any.
        source: file of the module, if the architecture is a function.
        device: cpu, cuda or mps.
        prepared: for many gradients; otherwise the network is left as its library builds it.
        shuffled: share of its layers, counted from the scores, that are to know nothing any more.
        seed: of their shuffling.

    Raises:
        LabError: the weights cannot be read, had, or do not fit the architecture; the function
            fails; or there is no such device.
    """
    if device != "cpu" and not torch.get_device_module(device).is_available():
        raise LabError(f"--device {device}: this machine has none that torch can use; leave it out to use the CPU")
    if source is not None:
        own = _call(spec.architecture, source, weights)
        module, size, classes = own.module.float(), own.size, tuple(own.classes)
        digest = sha256(weights) if isinstance(weights, Path) else _hash_of_tensors(module)
    elif isinstance(weights, Path):
        module, size, classes = _build(spec.architecture), spec.size, None
        _load_weights(module, weights, spec.architecture)
        digest = sha256(weights)
    else:
        module, size, classes = _downloaded(spec, str(weights).partition(":")[2]), spec.size, None
        digest = _hash_of_tensors(module)
    module.eval()
    for parameter in module.parameters():  # a module of TorchScript cannot be told all at once
        parameter.requires_grad_(False)
    _shuffle(module, shuffled, seed)
    mean, std = (
        torch.tensor(list(values or ()), dtype=torch.float32, device=device)[:, None, None]
        for values in ((own.mean, own.std) if source is not None else (spec.mean, spec.std))
    )
    # Elsewhere than on a CPU with oneDNN the network runs as it is.
    possible = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    scorer = _prepared(module, size, len(mean)) if prepared and possible and device == "cpu" else module.to(device)
    return Network(scorer, mean, std, size, spec.batch, digest, classes)


def check_classes(network: Network, names: Sequence[str]) -> None:
    """Make sure that a network tells apart the classes of the lab, and no others.

    Raises:
        LabError: it has other classes, or another number of scores.
    """
    example = torch.zeros(1, network.channels, network.size, network.size, device=network.mean.device)
    try:
        with torch.no_grad():
            scores = network.scorer(example)
    except (RuntimeError, ValueError, TypeError) as error:
        shape = list(example.shape)
        raise LabError(f"it does not take images {shape} ({first_line(error)}); correct its size or mean") from None
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != 1:
        found = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise LabError(f"for one image it gives {found}, expected scores, a tensor [1, {len(names)}]")
    if network.classes is not None and network.classes != tuple(names):
        pairs = enumerate(zip_longest(network.classes, names))
        place, (its, ours) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
        raise LabError(
            f"its {len(network.classes)} classes are not the lab's {len(names)}: class {place} is {its!r}, "
            f"the lab's {ours!r}; correct the lab's classes: or the function"
        )
    if scores.shape[1] != len(names):
        raise LabError(
            f"it gives {scores.shape[1]} scores, but the lab has {len(names)} classes; "
            "correct the lab's classes: or take another network"
        )


def _call(architecture: str, source: Path, weights: Path | str | None) -> Own:
    """What the author's function returns."""
    name, _, function = architecture.partition(":")
    try:
        module = _import(name, source)
        # Drawn weights are the same ones each time, and nobody else's numbers change.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            own = getattr(module, function)(*(() if weights is None else (weights,)))
    except Exception as error:  # noqa: BLE001  # somebody else's code, which may raise anything
        raise LabError(f"{architecture} ({source}) failed: {type(error).__name__}: {first_line(error)}") from None
    if not isinstance(own, Own):
        raise LabError(f"{architecture} ({source}) returned {type(own).__name__}, expected generator.networks.Own")
    return own


def _import(name: str, source: Path) -> ModuleType:
    """The module whose source that is: an installed one, or a file of the lab, which is run by itself."""
    try:
        installed = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # a folder of the lab is no package
        installed = None
    if installed and installed.origin and Path(installed.origin).resolve() == source.resolve():
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"lab.{name}", source)
    assert spec is not None  # noqa: S101  # for the type checker: the file is there, and ends in .py
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for what a class was written beside
    spec.loader.exec_module(module)
    return module


def _hash_of_tensors(module: nn.Module) -> str:
    """SHA-256 of the names, shapes and bytes of all tensors of a network."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def _prepared(module: nn.Module, size: int, channels: int) -> nn.Module:
    """The network prepared, if that is possible and makes no difference; otherwise as it is."""
    try:
        fast = prepare(module, size, channels)
        images = torch.rand(3, channels, size, size, generator=torch.Generator().manual_seed(0))
        found = _look(fast, images)
        # One by one: as its library made it, a network needs far more memory.
        alone = [_look(module, image[None]) for image in images]
        for ours, theirs in zip(found, map(torch.cat, zip(*alone, strict=True)), strict=True):
            # A ReLU6 at its limit lets a gradient through or not, as the last digit decides.
            if not (ours - theirs).norm() <= 0.05 * theirs.norm():
                return module
    # torch.export refuses TorchScript with ValueError, everything else with RuntimeError.
    except (RuntimeError, ValueError, TypeError):
        return module
    finally:
        give_back()
    return fast


def _look(scorer: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        scores = scorer(images)
        if not isinstance(scores, Tensor):
            raise TypeError(f"{type(scores).__name__} instead of scores")
        (gradient,) = torch.autograd.grad(scores[:, 0].sum(), images)
    return scores.detach(), gradient


def _build(architecture: str) -> nn.Module:
    library, _, name = architecture.partition("/")
    if library == "timm":
        import timm

        module: nn.Module = timm.create_model(name, pretrained=False)
    else:
        import torchvision

        module = torchvision.models.get_model(name, weights=None)
    return module


def _downloaded(spec: NetworkSpec, weights: str) -> nn.Module:
    """A network with weights that its library knows by name, and shown its images as they were in training."""
    library, _, name = spec.architecture.partition("/")
    offered: Mapping[str, Any]
    if library == "timm":
        import timm

        offered = {model.partition(".")[2]: model for model in timm.list_models(f"{name}.*", pretrained=True)}
    else:
        import torchvision

        offered = torchvision.models.get_model_weights(name).__members__
    if weights not in offered:
        raise LabError(
            f'{library} has no weights "{weights}" for {name}; it has {", ".join(offered) or "none"}'
            + did_you_mean(weights, offered)
        )
    try:
        if library == "timm":
            module: nn.Module = timm.create_model(offered[weights], pretrained=True)
            trained = SimpleNamespace(**module.pretrained_cfg)  # type: ignore[arg-type]  # a dictionary
        else:
            module = torchvision.models.get_model(name, weights=offered[weights], progress=False)
            trained = offered[weights].transforms()
    except OSError as error:  # those of the hub and of urllib are
        raise LabError(f"{library}'s {weights} could not be downloaded ({first_line(error)})") from None
    for key in ("mean", "std"):
        given, right = getattr(spec, key), getattr(trained, key, getattr(spec, key))
        if not np.allclose(given, right, atol=0.002):
            raise LabError(f"{library}'s {weights} were trained with {key}: {list(right)}, the lab says {list(given)}")
    return module


def _load_weights(module: nn.Module, path: Path, architecture: str) -> None:
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a different one for every way a file can be broken
        raise LabError(f"{path} is no readable file of weights ({first_line(error)})") from None
    expected = module.state_dict()
    if not isinstance(given, dict) or not all(isinstance(t, Tensor) for t in given.values()):
        raise LabError(f"{path} holds no state dict; expected {len(expected)} named tensors")
    for name, tensor in given.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            kind = "on the meta device" if tensor.is_meta else "quantised or sparse"
            raise LabError(f"{path}: {name} is {kind}, without plain numbers; save the state dict of a plain network")
    # Other implementations of one architecture name its tensors differently, in the same order.
    if given.keys() != expected.keys() and len(given) == len(expected):
        given = dict(zip(expected, given.values(), strict=True))
    for name, tensor in expected.items():
        if name not in given or given[name].shape != tensor.shape:
            found = list(given[name].shape) if name in given else "nothing"
            raise LabError(f"{path} does not fit {architecture}: {name} should be {list(tensor.shape)}, found {found}")
    module.load_state_dict({name: given[name] for name in expected})


def _shuffle(module: nn.Module, share: float, seed: int) -> None:
    """Forget what the last layers have learned: put the weights of each in a random order.

    Adebayo et al. 2018, « Sanity checks for saliency maps », section 3. They draw new weights; the
    old ones in another order keep the size that batch normalisation, which stays, counts on.
    """
    random = torch.Generator().manual_seed(seed)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers[::-1][: math.ceil(share * len(layers))]:
        order = torch.randperm(layer.weight.numel(), generator=random)
        layer.weight.copy_(layer.weight.flatten()[order].view_as(layer.weight))
