"""A network's description -> the frozen network, ready to be differentiated at its pixels."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from generator.errors import LabError, did_you_mean, first_line
from generator.images import Pixels, grey, resize
from generator.memory import give_back
from generator.networks import Own
from generator.schema import NetworkSpec
from generator.sources import sha256
from generator.vision.engine import (
    Exported,
    Refused,
    accept_as_it_is,
    distance,
    examples,
    export,
    flatten,
    prepare,
    read,
)

Way = Literal["prepared", "as-made", "one-by-one"]
"""How a network runs: flattened by the engine, as its library made it, or likewise with each image by itself."""


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
        way: how it runs.
        as_made: why it could not be prepared, and runs as its library made it; None if there is nothing to tell.
        exported: what it was prepared from, where that was found out just now.
    """

    scorer: nn.Module
    mean: Tensor
    std: Tensor
    size: int
    batch: int
    weights_sha256: str
    classes: tuple[str, ...] | None = None
    way: Way = "as-made"
    as_made: str | None = None
    exported: Exported | None = None

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
    modules: Mapping[str, Path] = MappingProxyType({}),
    device: str = "cpu",
    way: Way | None = None,
    shuffled: float = 0,
    seed: int = 0,
) -> Network:
    """Build a network, load its weights, freeze it.

    Args:
        spec: its description.
        weights: a state-dict file, or ``torchvision:WEIGHTS`` or ``timm:WEIGHTS``, which that library
            downloads once; for a function, the file handed to it, if any.
        source: file of the module, if the architecture is a function.
        modules: the modules of the lab's folder that make it up, its own included, by name.
        device: cpu, cuda or mps.
        way: how it is to run; if left out, the fastest one that is right, which takes long to find out.
        shuffled: share of its layers, counted from the scores, that are to know nothing any more.
        seed: of their shuffling.

    Raises:
        LabError: the weights cannot be read, had, or do not fit the architecture; the function fails; it is
            no classifier of images with a gradient that can be relied on; or there is no such device. Where
            somebody else's code raised something, that is its cause.
    """
    if device != "cpu" and not torch.get_device_module(device).is_available():
        raise LabError(f"--device {device}: this machine has none that torch can use; leave it out to use the CPU")
    # What a function or a forward imports when it is called has to be found too.
    with _findable(modules):
        if source is not None:
            own = _call(spec.architecture, source, weights)
            module, size, classes = own.module, own.size, tuple(own.classes)
        elif isinstance(weights, Path):
            module, size, classes = _build(spec.architecture), spec.size, None
            _load_weights(module, weights, spec.architecture)
        else:
            module, size, classes = _downloaded(spec, str(weights).partition(":")[2]), spec.size, None
        module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
        _check_tensors(module, spec.architecture)
        module = _frozen(module, spec.architecture)
        digest = sha256(weights) if isinstance(weights, Path) else _hash_of_tensors(module)
        if shuffled:
            _shuffle(module, shuffled, seed, spec.architecture)
        mean, std = (
            torch.tensor(list(values or ()), dtype=torch.float32, device=device)[:, None, None]
            for values in ((own.mean, own.std) if source is not None else (spec.mean, spec.std))
        )
        # Only here can it have other strides: PyTorch's « view » and instance normalisation want these.
        module = module.to(device)
        if isinstance(module, torch.jit.ScriptModule):
            module = nn.Sequential(module)  # which takes hooks
        module.register_forward_pre_hook(_contiguous)
        shape, reason, exported = (len(mean), size, size), None, None
        if way is None:
            scorer, way, reason, exported = _best(module, shape, spec, device)
        else:
            scorer = _running(module, way, shape, device)
    give_back()
    return Network(scorer, mean, std, size, spec.batch, digest, classes, way, reason, exported)


def kept(network: Network) -> dict[str, NDArray[Any]]:
    """What :func:`reopen` wants of a network that was just looked at.

    Returns:
        ``size``, ``mean``, ``std``, ``weights``, a SHA-256, and, if it says them, ``classes``, JSON: see
        :class:`Network`; and, if what it was prepared from can be written down, ``graph`` and ``constant …``: see
        :class:`~generator.vision.engine.Exported`.
    """
    facts = {
        "size": np.array(network.size),
        "mean": network.mean.flatten().cpu().numpy(),
        "std": network.std.flatten().cpu().numpy(),
        "weights": np.frombuffer(bytes.fromhex(network.weights_sha256), dtype=np.uint8),
    }
    if network.classes is not None:
        facts["classes"] = np.frombuffer(json.dumps(network.classes).encode(), dtype=np.uint8)
    return facts | dict((network.exported and network.exported.arrays) or {})


def reopen(kept: Mapping[str, NDArray[Any]], batch: int) -> Network:
    """A prepared network, without its library and from what was found right.

    Args:
        kept: as :func:`kept` gives it, with its ``graph``.
        batch: how many images to push through together.
    """
    mean, std = (torch.from_numpy(kept[name])[:, None, None] for name in ("mean", "std"))
    return Network(
        flatten(read(kept)),
        mean,
        std,
        int(kept["size"]),
        batch,
        kept["weights"].tobytes().hex(),
        tuple(json.loads(kept["classes"].tobytes())) if "classes" in kept else None,
        "prepared",
    )


def check_classes(network: Network, names: Sequence[str]) -> None:
    """Make sure that a network tells apart the classes of the lab, and no others.

    Raises:
        LabError: it has other classes, or another number of scores.
    """
    with torch.no_grad():
        scores = network.scorer(
            torch.zeros(1, network.channels, network.size, network.size, device=network.mean.device)
        )
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
        torch.compiler.set_stance("force_eager")  # what it compiles would wait for a compiler, and have other bits
        with _same_chances():
            own = getattr(importlib.import_module(name), function)(*(() if weights is None else (weights,)))
    except (Exception, SystemExit) as error:  # somebody else's code, which may raise anything
        raise LabError(f"{architecture} ({source}) failed: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(own, Own):
        raise LabError(f"{architecture} ({source}) returned {type(own).__name__}, expected generator.networks.Own")
    return own


@contextmanager
def _same_chances() -> Iterator[None]:
    """Drawn weights are the same ones each time, and nobody else's numbers change."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002  # what an author may use
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numpy_before)  # noqa: NPY002


@contextmanager
def _findable(modules: Mapping[str, Path]) -> Iterator[None]:
    """Have modules of the lab's folder found, and run anew: they may be another lab's, or were edited since."""
    folders = set()
    for name, file in modules.items():
        sys.modules.pop(name, None)
        depth = name.count(".") + (file.name == "__init__.py")
        folders.add(str(file.parents[depth]))
    importlib.invalidate_caches()
    before = sys.path[:]
    sys.path[:0] = sorted(folders)
    try:
        yield
    finally:
        sys.path[:] = before


def _hash_of_tensors(module: nn.Module) -> str:
    """SHA-256 of the names, shapes and bytes of all tensors of a network."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def _check_tensors(module: nn.Module, architecture: str) -> None:
    """Refuse a network whose weights are no numbers to compute with."""
    if any("quantized" in type(part).__module__ for part in module.modules()):
        raise LabError(f"{architecture}: it is quantised, and has no gradient; take it as it was before quantisation")
    parameters = dict(module.named_parameters())
    for name, tensor in (*parameters.items(), *module.named_buffers()):
        if is_lazy(tensor):
            raise LabError(
                f"{architecture}: {name} has no shape yet (a lazy layer); give the layer its numbers of channels"
            )
        if tensor.is_meta:
            raise LabError(f"{architecture}: {name} is on the meta device, without values; load the weights")
        # A mask may hold what is infinite, a weight may not.
        wrong = tensor.isnan() if name not in parameters else ~tensor.isfinite()
        if wrong.any():
            raise LabError(
                f"{architecture}: {int(wrong.sum())} of the {tensor.numel()} values of {name} are no finite numbers; "
                "its training diverged or its file is damaged: take other weights"
            )


def _frozen(module: nn.Module, architecture: str) -> nn.Module:
    """The network in float32, in evaluation mode, its weights without gradients."""
    try:
        module = module.float().eval()
        for parameter in module.parameters():  # a module of TorchScript cannot be told all at once
            parameter.requires_grad_(False)
    except (Exception, SystemExit) as error:  # an exported one has no such modes, and methods may be somebody else's
        raise LabError(
            f"{architecture}: it cannot be put into evaluation mode ({type(error).__name__}: {first_line(error)}); "
            "return the torch.nn.Module that it was made from"
        ) from error
    return module


def _contiguous(_: nn.Module, images: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(image.contiguous() for image in images)


def _see_one_another(module: nn.Module, shape: tuple[int, int, int], architecture: str, device: str) -> bool:
    """Look at a network for the first time: whether what it says of an image depends on the others of the batch.

    Raises:
        LabError: it takes no images, gives no scores, has no gradient, or answers differently the second time.
    """
    images = examples(2, shape).to(device)
    scores = _first_look(module, images, architecture)
    if not torch.equal(scores, _first_look(module, images, architecture, chance=1)):
        raise LabError(
            f"{architecture}: its scores differ when it sees the same images again; something in forward is random "
            "(dropout without training=self.training, randn) or kept from one call to the next: take it out"
        )
    alone = torch.cat([_first_look(module, image, architecture) for image in torch.split(images, 1)])
    return distance(alone.cpu(), scores.cpu()) > 1e-3


def _first_look(module: nn.Module, images: Tensor, architecture: str, chance: int = 0) -> Tensor:
    """Scores of images, made sure that they are some and have a gradient."""
    shown = f"{list(images.shape)}, {str(images.dtype).removeprefix('torch.')}"
    pixels = images.clone().requires_grad_()
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(chance)
            scores = module(pixels)
    except (Exception, SystemExit) as error:  # somebody else's code
        raise LabError(
            f"{architecture}: forward does not take images {shown} ({type(error).__name__}: {first_line(error)}); "
            "correct forward, or the network's size or mean"
        ) from error
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != len(images) or not scores.shape[1]:
        found = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise LabError(
            f"{architecture}: for {len(images)} images forward gives {found}, expected scores, a tensor "
            f"[{len(images)}, classes]"
        )
    if scores.dtype != torch.float32:
        kind = str(scores.dtype).removeprefix("torch.")
        raise LabError(f"{architecture}: forward gives scores of {kind}, expected float32: end it with .float()")
    if not scores.isfinite().all():
        raise LabError(f"{architecture}: forward gives scores that are not finite; correct its weights or its mean")
    try:
        (gradient,) = torch.autograd.grad(scores.sum(), pixels)
    except (Exception, SystemExit) as error:  # a derivative may be somebody else's code too
        raise LabError(
            f"{architecture}: its scores have no gradient at the pixels ({type(error).__name__}: {first_line(error)}); "
            "take out what cuts it (detach, no_grad, argmax, round, a quantised layer)"
        ) from error
    if not gradient.isfinite().all():
        raise LabError(
            f"{architecture}: the gradient of its scores is not finite; take out what has none (sqrt or log of 0)"
        )
    return scores.detach()


def _best(
    module: nn.Module, shape: tuple[int, int, int], spec: NetworkSpec, device: str
) -> tuple[nn.Module, Way, str | None, Exported | None]:
    """The network as it runs fastest and is right, how that is, why it is not prepared, and else from what it is."""
    if _see_one_another(module, shape, spec.architecture, device):
        if device == "cpu":
            _accept(module, shape, 1, spec.architecture)
        reason = "its images see one another in a batch, so that each is shown to it alone"
        return _Alone(module), "one-by-one", reason, None
    if device != "cpu":
        return module, "as-made", None, None
    try:
        exported = export(module, shape[1], shape[0])
        return prepare(module, exported, shape, spec.batch), "prepared", None, exported
    except Refused as refused:
        reason = str(refused)
    _accept(module, shape, spec.batch, spec.architecture)
    return module, "as-made", reason, None


def _running(module: nn.Module, way: Way, shape: tuple[int, int, int], device: str) -> nn.Module:
    """The network as it was found to run best before."""
    if way == "prepared":
        return flatten(export(module, shape[1], shape[0]))
    with torch.no_grad():
        module(examples(1, shape).to(device))  # what forward imports when it is called is found only now
    return _Alone(module) if way == "one-by-one" else module


def _accept(module: nn.Module, shape: tuple[int, int, int], batch: int, architecture: str) -> None:
    """Refuse a network that is wrong as its library made it."""
    try:
        accept_as_it_is(module, shape, batch)
    except Refused as refused:
        raise LabError(f"{architecture}: {refused}; put another layer in its place") from None


class _Alone(nn.Module):
    """A network that sees each image of a batch by itself."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> Tensor:
        """Raw scores of normalised images."""
        return torch.cat([self.module(image) for image in torch.split(images, 1)])


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


def _shuffle(module: nn.Module, share: float, seed: int, architecture: str) -> None:
    """Forget what the last layers have learned: put the weights of each in a random order.

    Adebayo et al. 2018, « Sanity checks for saliency maps », section 3. They draw new weights; the
    old ones in another order keep the size that batch normalisation, which stays, counts on.

    Raises:
        LabError: it has none that could be shuffled.
    """
    random = torch.Generator().manual_seed(seed)
    # Whatever the layers are called: scales and biases have one dimension, weights more.
    layers = [[w for w in layer.parameters(recurse=False) if w.ndim > 1] for layer in module.modules()]
    layers = [weights for weights in layers if weights]
    if not layers:
        raise LabError(
            f"{architecture}: it has no weights (parameters) that could be shuffled, to forget what it learned"
        )
    for weight in itertools.chain(*layers[::-1][: math.ceil(share * len(layers))]):
        order = torch.randperm(weight.numel(), generator=random)
        weight.copy_(weight.flatten()[order].view_as(weight))
