"""A prepared network is the same function as the one it was made from, and so is its gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from generator import networks
from generator.engine import prepare
from generator.lab import read_lab
from generator.vision.gradients import score_gradients
from tests.conftest import ROOT


class Everything(nn.Module):
    """What convolutional networks are made of, and things the engine does not know."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act
        self.stem = nn.Conv2d(3, 8, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.left, self.right = nn.Conv2d(8, 6, 1), nn.Conv2d(8, 10, 3, padding=1)
        self.deep = nn.Conv2d(16, 16, 5, stride=2, padding=2, groups=16)
        self.wide = nn.Conv2d(16, 16, 3, padding=2, dilation=2)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(nn.functional.pad(x, (0, 1, 0, 1)))))
        x = torch.cat([self.act(self.left(x)), self.act(self.right(x))], 1)
        x = self.deep(self.pool(x))
        x = x + self.act(self.wide(x))
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))
        scores: Tensor = self.head(nn.functional.dropout(x.mean((2, 3)), training=self.training))
        return scores


@pytest.mark.parametrize(
    "act",
    [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(inplace=True), nn.Hardtanh(-0.5, 0.5), nn.SiLU()],
    ids=["relu", "relu in place", "relu6", "hardtanh", "silu"],
)
@pytest.mark.parametrize("count", [1, 3])
def test_of_every_kind_of_layer(act: nn.Module, count: int) -> None:
    torch.manual_seed(0)
    plain = Everything(act).eval().requires_grad_(False)
    plain.norm.running_mean, plain.norm.running_var = torch.randn(8) / 4, torch.rand(8) + 0.5
    fast = prepare(plain, 33)
    images = torch.randn(count, 3, 33, 33)
    targets = list(range(count))
    for ours, theirs in zip(
        score_gradients(fast, images, targets), score_gradients(plain, images, targets), strict=True
    ):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("name", ["principal", "autre"])
def test_of_the_lab_s_networks(name: str) -> None:
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    spec, weights = lab.file.networks[name], lab.weights(name)
    fast, plain = networks.load(spec, weights), networks.load(spec, weights, prepared=False)
    images = torch.randn(2, 3, spec.size, spec.size, generator=torch.Generator().manual_seed(0))
    (scores, gradients), (expected, plain_gradients) = (
        score_gradients(network.scorer, images, [22, 281]) for network in (fast, plain)
    )
    assert torch.allclose(scores, expected, rtol=1e-4, atol=1e-4)
    # A ReLU6 at its limit lets a gradient through or not, as the last digit decides.
    assert (gradients - plain_gradients).norm() < 0.01 * plain_gradients.norm()


def test_images_are_left_as_they_were() -> None:
    torch.manual_seed(0)
    fast = prepare(Everything(nn.ReLU(inplace=True)).eval().requires_grad_(False), 33)
    images = torch.randn(2, 3, 33, 33)
    before = images.clone()
    first = score_gradients(fast, images, [0, 1])
    second = score_gradients(fast, images, [0, 1])
    assert torch.equal(images, before)
    assert torch.equal(first[1], second[1])
    assert torch.equal(fast(images), first[0]), "without gradients the scores are the same"


class _LaidOut(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch
    """Counts how often a kernel is laid out."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch
        self.times: int = 0

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.times += "reorder_convolution_weight" in str(func)
        return func(*args, **(kwargs or {}))


def test_kernels_stay_laid_out_for_the_shapes_used_last_and_no_others() -> None:
    fast = prepare(Everything(nn.ReLU()).eval().requires_grad_(False), 33)

    def laid_out(count: int) -> int:
        seen = _LaidOut()
        with seen:
            score_gradients(fast, torch.zeros(count, 3, 33, 33), [0] * count)
        return seen.times

    all_of_them = laid_out(1)
    assert all_of_them > 0
    assert [laid_out(count) for count in (4, 1, 4, 1)] == [all_of_them, 0, 0, 0]
    assert [laid_out(count) for count in (2, 1, 4)] == [all_of_them, 0, all_of_them]
