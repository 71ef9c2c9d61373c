"""A network's description -> the frozen network, ready to be differentiated at its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.engine import prepare
from generator.errors import LabError
from generator.images import Pixels, resize
from generator.schema import NetworkSpec
from generator.sources import sha256


@dataclass(frozen=True)
class Network:
    """A frozen classifier and how to show it an image.

    Attributes:
        scorer: normalised images, float (N, 3, H, W) -> raw scores, float (N, classes).
        mean: of the normalisation, float (3, 1, 1), in pixel values of [0, 1].
        std: likewise.
        size: side of an input image, in pixels.
        batch: how many images to push through together.
        weights_sha256: of the file the weights were read from.
    """

    scorer: nn.Module
    mean: Tensor
    std: Tensor
    size: int
    batch: int
    weights_sha256: str

    def normalise(self, images: Sequence[Pixels]) -> Tensor:
        """RGB images, uint8 (H, W, 3) each -> what the network takes, float (N, 3, size, size).

        Images of another size, which were made for another network, are resized.
        """
        values = torch.from_numpy(np.stack([resize(image, self.size) for image in images])).to(self.mean.device)
        return (values.permute(0, 3, 1, 2) / 255 - self.mean) / self.std

    def pixels(self, image: Tensor) -> NDArray[np.float32]:
        """A normalised image, float (3, H, W) -> pixel values, float32 (H, W, 3).

        They are in [0, 1] as far as the image respects the range; nothing is clipped.
        """
        values = (image * self.std + self.mean).permute(1, 2, 0)
        return np.ascontiguousarray(values.cpu().numpy())


def load(  # noqa: PLR0913  # what a network is made from, all named
    spec: NetworkSpec,
    weights: Path | str,
    *,
    device: str = "cpu",
    prepared: bool = True,
    shuffled: float = 0,
    seed: int = 0,
) -> Network:
    """Build a network, load its weights, freeze it.

    Args:
        spec: its description.
        weights: a state-dict file, or the name of weights that torchvision downloads.
        device: cpu, cuda or mps.
        prepared: for many gradients; otherwise the network is left as its library builds it.
        shuffled: share of its layers, counted from the scores, that are to know nothing any more.
        seed: of their shuffling.

    Raises:
        LabError: the weights cannot be read, had, or do not fit the architecture; or there is no
            such device.
    """
    if device != "cpu" and not torch.get_device_module(device).is_available():
        raise LabError(f"--device {device}: this machine has none that torch can use; leave it out to use the CPU")
    module = _build(spec.architecture)
    path = weights if isinstance(weights, Path) else _download(spec.architecture, weights)
    _load_weights(module, path, spec.architecture)
    module.eval().requires_grad_(False)
    _shuffle(module, shuffled, seed)
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (spec.mean, spec.std))
    # Elsewhere than on a CPU with oneDNN the network runs as it is.
    possible = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    scorer = prepare(module, spec.size) if prepared and possible and device == "cpu" else module.to(device)
    return Network(scorer, mean, std, spec.size, spec.batch, sha256(path))


def _build(architecture: str) -> nn.Module:
    library, _, name = architecture.partition("/")
    if library == "timm":
        import timm

        module: nn.Module = timm.create_model(name, pretrained=False)
    else:
        import torchvision

        module = torchvision.models.get_model(name, weights=None)
    return module


def _download(architecture: str, weights: str) -> Path:
    from torchvision.models import get_model_weights

    offered = get_model_weights(architecture.partition("/")[2])
    if weights not in offered.__members__:
        raise LabError(
            f'torchvision has no weights "{weights}" for {architecture}; it has {", ".join(offered.__members__)}'
        )
    entry = offered[weights]
    try:
        entry.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError) as error:
        raise LabError(f"torchvision's {weights} could not be downloaded ({error})") from None
    file: str = entry.url.rpartition("/")[2]
    return Path(str(torch.hub.get_dir())) / "checkpoints" / file


def _load_weights(module: nn.Module, path: Path, architecture: str) -> None:
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises a different one for every way a file can be broken
        reason = str(error).splitlines()[0][:120]
        raise LabError(f"{path} is no readable file of weights ({reason})") from None
    expected = module.state_dict()
    if not isinstance(given, dict) or not all(isinstance(t, Tensor) for t in given.values()):
        raise LabError(f"{path} holds no state dict; expected {len(expected)} named tensors")
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
