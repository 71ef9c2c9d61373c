"""A prepared network is the same function as the one it was made from, and so is its gradient; or it is refused."""

from __future__ import annotations

import copy
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F  # noqa: N812  # as everywhere
import torchvision
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from generator.lab import read_lab
from generator.run.store import decode, encode
from generator.vision import engine, opening
from generator.vision.engine import Exported, Refused, accept_as_it_is, distance, export, flatten, read
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.steps import Activation, Concatenation, Convolution, Step
from generator.vision.gradients import score_gradients
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def prepare(module: nn.Module, size: int, batch: int = 4) -> FlatNetwork:
    return engine.prepare(module, export(module, size), (3, size, size), batch)


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
def test_of_every_kind_of_layer(act: nn.Module) -> None:
    torch.manual_seed(0)
    plain = Everything(act).eval().requires_grad_(False)
    plain.norm.running_mean, plain.norm.running_var = torch.randn(8) / 4, torch.rand(8) + 0.5
    is_the_same(plain, prepare(plain, 33), 33)


def is_the_same(plain: nn.Module, fast: nn.Module, size: int, tolerance: float = 1e-4) -> None:
    """Scores and gradients of float32 are those of PyTorch in float64, whatever the batch and its strides."""
    images = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(7))
    precise = copy.deepcopy(plain).double()
    expected = score_gradients(precise, images.double(), [0, 1, 2])
    for count in (1, 2, 3):
        for layout in (torch.contiguous_format, torch.channels_last):
            shown = images[:count].contiguous(memory_format=layout)
            for found, right in zip(score_gradients(fast, shown, [0, 1, 2][:count]), expected, strict=True):
                assert distance(found, right[:count]) < tolerance


@pytest.mark.parametrize("name", ["principal", "autre"])
def test_of_the_lab_s_networks(name: str) -> None:
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    spec, weights = lab.file.networks[name], lab.weights(name)
    fast, plain = opening.load(spec, weights), opening.load(spec, weights, way="as-made")
    assert fast.as_made is None
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


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch
    """Counts how often an operation is done."""

    def __init__(self, operation: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch
        self.operation = operation
        self.times: int = 0

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.times += self.operation in str(func)
        return func(*args, **(kwargs or {}))


def test_kernels_stay_laid_out_for_the_shapes_used_last_and_no_others() -> None:
    fast = prepare(Everything(nn.ReLU()).eval().requires_grad_(False), 33)

    def laid_out(count: int) -> int:
        seen = _Counted("reorder_convolution_weight")
        with seen:
            score_gradients(fast, torch.zeros(count, 3, 33, 33), [0] * count)
        return seen.times

    all_of_them = laid_out(7)  # a shape that preparing did not try
    assert all_of_them > 0
    assert [laid_out(count) for count in (6, 7, 6, 7)] == [all_of_them, 0, 0, 0]
    assert [laid_out(count) for count in (5, 7, 6)] == [all_of_them, 0, all_of_them]


def test_an_operation_without_a_derivative_of_its_own_is_done_once() -> None:
    fast = prepare(Block(nn.Softsign()).frozen(), 12)
    for images, wanted in ((torch.randn(2, 3, 12, 12), True), (torch.randn(1, 3, 12, 12), False)):
        with _Counted("aten.abs.default") as seen:
            score_gradients(fast, images, [0] * len(images)) if wanted else fast(images)
        assert seen.times == 1


def test_nobody_s_random_numbers_change() -> None:
    plain = Block(nn.Identity()).frozen()
    before = torch.get_rng_state()
    prepare(plain, 12)
    assert torch.equal(torch.get_rng_state(), before)


# Every operation, alone and in a small network ---------------------------------------------------


class Do(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


class Twice(nn.Module):
    """A layer that reads two images, on one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.layer(images, images)
        return found


class Tokens(nn.Module):
    """A layer that reads a sequence, on the pixels of an image."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).transpose(1, 2)
        found = (
            self.layer(tokens, tokens, tokens) if isinstance(self.layer, nn.MultiheadAttention) else self.layer(tokens)
        )
        tokens = found[0] if isinstance(found, tuple) else found
        image: Tensor = tokens.transpose(1, 2).unflatten(2, images.shape[2:])
        return image


class Block(nn.Module):
    """An operation on 8 channels in the middle of a small network."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm, self.layer = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), layer
        self.norm.running_mean, self.norm.running_var = torch.randn(8) / 4, torch.rand(8) + 0.5
        self.head = nn.LazyLinear(5)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.layer(F.relu(self.norm(self.stem(images)))).flatten(1))
        return scores

    def frozen(self) -> nn.Module:
        self.eval()(torch.zeros(1, 3, 12, 12))
        return self.requires_grad_(False)


def overwritten(images: Tensor) -> Tensor:
    """Parts of an image written on in place, one of which is read under another name."""
    copied = images * 1
    part = copied[:, :2]
    part.mul_(2)
    copied[:, 3:4] = 0.5
    return copied + part.mean(1, keepdim=True)


def overwritten_behind_dropout(images: Tensor) -> Tensor:
    copied = images * 2
    return F.dropout(copied, training=False).sigmoid_() + copied


LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "Conv2d": lambda c: nn.Conv2d(c, 8, 3, stride=2, padding=1),
    "Conv2d of pixels with padding": lambda c: nn.Conv2d(c, 8, 1, padding=1),
    "Conv2d same": lambda c: nn.Conv2d(c, 8, 4, padding="same"),
    "Conv2d reflected": lambda c: nn.Conv2d(c, 8, 3, padding=1, padding_mode="reflect"),
    "Conv2d grouped, dilated": lambda c: nn.Conv2d(c, 2 * c, 3, dilation=2, groups=c),
    "Conv2d of other strides": lambda c: nn.Conv2d(c, 8, (3, 5), stride=(1, 2), padding=(0, 3)),
    "ConvTranspose2d": lambda c: nn.ConvTranspose2d(c, 8, 3, stride=2),
    "Unfold": lambda c: nn.Unfold(3, stride=2),
    "Fold": lambda c: nn.Sequential(nn.Unfold(3), nn.Fold((12, 12), 3)),
    "MaxPool2d": lambda c: nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    "MaxUnpool2d": lambda c: Do(lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), [2, 2])),
    "AvgPool2d": lambda c: nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
    "LPPool2d": lambda c: nn.Sequential(nn.Softplus(), nn.LPPool2d(2, 3)),
    "FractionalMaxPool2d": lambda c: nn.FractionalMaxPool2d(3, output_size=5),
    "AdaptiveMaxPool2d": lambda c: nn.AdaptiveMaxPool2d(5),
    "AdaptiveAvgPool2d": lambda c: nn.AdaptiveAvgPool2d(5),
    "ReflectionPad2d": lambda c: nn.ReflectionPad2d((1, 2, 0, 1)),
    "ReplicationPad2d": lambda c: nn.ReplicationPad2d((1, 2, 0, 1)),
    "ZeroPad2d": lambda c: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(c, 4, 3, stride=2)),
    "ConstantPad2d": lambda c: nn.ConstantPad2d(1, 0.5),
    "CircularPad2d": lambda c: nn.CircularPad2d(2),
    "BatchNorm2d": lambda c: nn.Sequential(nn.Conv2d(c, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU6()),
    "BatchNorm2d of the batch": lambda c: nn.BatchNorm2d(c, track_running_stats=False),
    "SyncBatchNorm": nn.SyncBatchNorm,
    "InstanceNorm2d": nn.InstanceNorm2d,
    "InstanceNorm2d, affine": lambda c: nn.Sequential(nn.InstanceNorm2d(c, affine=True), nn.Conv2d(c, 4, 3)),
    "InstanceNorm2d of its training": lambda c: nn.InstanceNorm2d(c, track_running_stats=True),
    "GroupNorm": lambda c: nn.GroupNorm(1, c),
    "LayerNorm": lambda c: nn.LayerNorm([c, 12, 12]),
    "RMSNorm": lambda c: nn.RMSNorm(12, eps=1e-3),
    "LocalResponseNorm": lambda c: nn.LocalResponseNorm(3),
    "CrossMapLRN2d": lambda c: nn.CrossMapLRN2d(3),
    "PReLU": lambda c: nn.PReLU(),
    "RReLU": lambda c: nn.RReLU(),
    "Threshold": lambda c: nn.Threshold(0.1, 0.1),
    "GLU": lambda c: nn.GLU(2),
    "Softmax": lambda c: nn.Softmax(1),
    "Softmin": lambda c: nn.Softmin(1),
    "LogSoftmax": lambda c: nn.LogSoftmax(1),
    "PixelShuffle": lambda c: nn.Sequential(nn.Conv2d(c, 8, 1), nn.PixelShuffle(2)),
    "PixelUnshuffle": lambda c: nn.PixelUnshuffle(2),
    "ChannelShuffle": lambda c: nn.Sequential(nn.Conv2d(c, 8, 1), nn.ChannelShuffle(2)),
    "Upsample": lambda c: nn.Upsample(scale_factor=2, mode="bicubic"),
    "UpsamplingNearest2d": lambda c: nn.UpsamplingNearest2d(scale_factor=2),
    "UpsamplingBilinear2d": lambda c: nn.UpsamplingBilinear2d(scale_factor=2),
    "Flatten": lambda c: nn.Flatten(),
    "Unflatten": lambda c: nn.Unflatten(2, (3, 4)),
    "Linear": lambda c: nn.Linear(12, 7),
    "Bilinear": lambda c: Twice(nn.Bilinear(12, 12, 3)),
    "CosineSimilarity": lambda c: Do(lambda x: F.cosine_similarity(x, x.flip(1) + 1, 2)),
    "PairwiseDistance": lambda c: Do(lambda x: F.pairwise_distance(x, x.flip(1) + 1)),
    "MultiheadAttention": lambda c: Tokens(nn.MultiheadAttention(c, 1, batch_first=True)),
    "TransformerEncoderLayer": lambda c: Tokens(nn.TransformerEncoderLayer(c, 1, 16, batch_first=True)),
    "TransformerEncoder": lambda c: Tokens(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(c, 1, 16, batch_first=True), 2)
    ),
    "LSTM": lambda c: Tokens(nn.LSTM(c, 4, batch_first=True, bidirectional=True)),
    "GRU": lambda c: Tokens(nn.GRU(c, 4, batch_first=True)),
    "RNN": lambda c: Tokens(nn.RNN(c, 4, batch_first=True)),
} | {
    name: lambda c, name=name: getattr(nn, name)()
    for name in [
        "ELU",
        "Hardshrink",
        "Hardsigmoid",
        "Hardtanh",
        "Hardswish",
        "LeakyReLU",
        "LogSigmoid",
        "ReLU",
        "ReLU6",
        "SELU",
        "CELU",
        "GELU",
        "Sigmoid",
        "SiLU",
        "Mish",
        "Softplus",
        "Softshrink",
        "Softsign",
        "Tanh",
        "Tanhshrink",
        "Softmax2d",
        "Identity",
        "Dropout",
        "Dropout2d",
        "AlphaDropout",
        "FeatureAlphaDropout",
    ]
}
"""Modules of torch.nn that an image can go through, by name: channels read -> module."""

OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "chunk": lambda x: x + 0.03 * torch.cat(torch.chunk(x, 2, 2)[::-1], 2),
    "chunk, in part": lambda x: x.chunk(3, 1)[1],
    "split": lambda x: torch.cat(torch.split(x, [1, x.shape[1] - 1], 1)[::-1], 1),
    "unbind": lambda x: torch.stack(x.unbind(1)[::-1], 1),
    "tensor_split": lambda x: torch.tensor_split(x, 3, 2)[1],
    "twice the same result": lambda x: torch.stack([part.sigmoid() * part for part in torch.split(x, 4, 2)]).sum(0),
    "view": lambda x: x.view(x.size(0), -1),
    "reshape with the batch": lambda x: x.reshape(x.shape[0] * x.shape[1], -1).tanh().reshape(x.shape[0], -1),
    "permute": lambda x: x.permute(0, 2, 3, 1),
    "roll, flip, rot90": lambda x: x.roll(2, 3).flip(2) + x.rot90(1, (2, 3)),
    "topk": lambda x: x.flatten(1).topk(7)[0],
    "sort": lambda x: x.sort(3)[0],
    "max": lambda x: x.max(3)[0] + x.amax(2),
    "median": lambda x: x.median(3)[0],
    "var_mean": lambda x: torch.cat(torch.var_mean(x, (2, 3)), 1),
    "cumsum": lambda x: x.cumsum(3),
    "einsum": lambda x: torch.einsum("nchw,ndhw->ncd", x, x),
    "matmul": lambda x: x @ x.transpose(2, 3),
    "where": lambda x: torch.where(x > 0.1, x, x.square()),
    "clamp, abs": lambda x: x.clamp(-0.5, 0.7) + (x + 0.1).abs(),
    "masked_fill": lambda x: x.masked_fill(x > 0.3, 0.25),
    "index": lambda x: x[:, [0, 2, 1]][:, :, 1:, ::2],
    "gather": lambda x: x.gather(3, x.argsort(3)[..., :4]),
    "index_add": lambda x: x.index_add(1, torch.tensor([0, 1]), x[:, 1:3]),
    "overwritten": overwritten,
    "overwritten behind dropout": overwritten_behind_dropout,
    "expand": lambda x: x.mean(1, keepdim=True).expand(-1, 4, -1, -1).sin(),
    "unfold": lambda x: x.unfold(2, 3, 2),
    "as_strided": lambda x: x.as_strided((x.shape[0], 5), (x.stride(0), 7)),
    "pad": lambda x: F.pad(x, (1, -1, 0, 2), value=0.3),
    "interpolate": lambda x: F.interpolate(x, size=(7, 9), mode="bilinear", antialias=True),
    "grid_sample": lambda x: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1).tanh(), align_corners=False),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "normalize": lambda x: F.normalize(x + 0.1, dim=1),
    "standardised": lambda x: (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + 0.1),
    "fft": lambda x: torch.fft.rfft2(x + 0.1).abs()[..., 1:],
    "convolved by itself": lambda x: F.conv2d(x, x[:1, :, :3, :3]),
    "of another kind": lambda x: x * torch.tensor(0.1) + torch.zeros(1) + torch.arange(12),
    "numbers of classes": lambda x: x + F.one_hot(x.argmax(3), 12).sum(1, keepdim=True).to(x.dtype) / 10,
    "branch": lambda x: x if x.sum() > 0 else 2 * x,
    "random": lambda x: x + torch.randn_like(x),
    "of the whole batch": lambda x: x - x.mean(0),
    "of numpy": lambda x: x + torch.from_numpy(x.detach().numpy().copy()),
}
"""Operations that a forward may be written with."""

REFUSED = {
    "BatchNorm2d of the batch", "FractionalMaxPool2d", "CrossMapLRN2d", "LSTM", "GRU", "RNN",
    "as_strided", "convolved by itself", "branch", "random", "of the whole batch", "of numpy",
}  # fmt: skip
"""What is left to PyTorch, or to nobody: with more than one image in mind, at random, out of PyTorch's sight."""

NOT_FOR_IMAGES = [
    "Module",
    "Sequential",
    "ModuleList",
    "ModuleDict",
    "ParameterList",
    "ParameterDict",
    "Parameter",
    "Buffer",
    "UninitializedParameter",
    "UninitializedBuffer",
    "DataParallel",
    "Container",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "Embedding",
    "EmbeddingBag",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
    "LSTMCell",
    "GRUCell",
    "AdaptiveLogSoftmaxWithLoss",
    "NonDynamicallyQuantizableLinear",
    "LinearCrossEntropyOptions",
]


def test_the_table_knows_every_layer_for_images() -> None:
    known = {word for name in LAYERS for word in name.replace(",", "").split()}
    for name, _ in inspect.getmembers(nn, inspect.isclass):
        other = name in NOT_FOR_IMAGES or name.startswith("Lazy") or "Loss" in name or name.endswith(("1d", "3d"))
        assert other or name in known, name


ALONE = LAYERS | {name: lambda c, name=name: Do(OPERATIONS[name]) for name in OPERATIONS}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("around", ["alone", "in a network"])
@pytest.mark.parametrize("name", ALONE)
def test_an_operation_is_exact_or_refused(name: str, around: str) -> None:
    torch.manual_seed(0)
    if around == "alone":
        plain: nn.Module = nn.Sequential(ALONE[name](3), nn.Flatten()).eval().requires_grad_(False)
    else:
        plain = Block(ALONE[name](8)).frozen()
    if name in REFUSED:
        with pytest.raises(Refused):
            prepare(plain, 12)
    else:
        is_the_same(plain, prepare(plain, 12), 12)


# What a wrong derivative would look like ---------------------------------------------------------


@pytest.mark.parametrize("step", [Activation, Concatenation, Convolution])
def test_a_step_that_is_wrong_by_three_hundredths_is_refused(step: type[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Softplus(), Do(lambda x: torch.cat([x, x.relu()], 1).tanh()))
    plain.extend([nn.Conv2d(16, 4, 3), nn.Flatten(), nn.Linear(4 * 64, 5)]).eval().requires_grad_(False)
    prepare(plain, 12)
    right = step.backward

    def wrong(self: Step, kept: list[object], gradient: Tensor, owned: bool) -> list[Tensor | None]:  # noqa: FBT001
        return [1.03 * found if found is not None else None for found in right(self, kept, gradient, owned)]

    monkeypatch.setattr(step, "backward", wrong)
    with pytest.raises(Refused, match="gradient would be off by"):
        prepare(plain, 12)


def test_a_kernel_that_is_wrong_in_float32_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    plain = Block(nn.Conv2d(8, 4, 3)).frozen()
    right = Convolution._convolved

    def wrong(self: Convolution, part: int, value: Tensor, *more: object) -> Tensor:
        found = right(self, part, value, *more)  # type: ignore[arg-type]
        return found * 1.001 if value.dtype == torch.float32 else found

    monkeypatch.setattr(Convolution, "_convolved", wrong)
    with pytest.raises(Refused, match=r"is off by 1.0e-03, relatively, in float32"):
        prepare(plain, 12)


class ChannelsLast(nn.Module):
    """Asks for strides in which PyTorch's own way back through the instance normalisation of one image is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.conv = nn.InstanceNorm2d(3), nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        normal = self.norm(images).contiguous(memory_format=torch.channels_last)
        scores: Tensor = self.conv(normal).flatten(1)
        return scores


def test_pytorch_s_own_errors_are_found() -> None:
    plain = ChannelsLast().eval().requires_grad_(False)
    with pytest.raises(Refused, match=r"backward.* is off by"):
        accept_as_it_is(plain, (3, 12, 12), 2)


# What is kept of a network ------------------------------------------------------------------------


def test_what_is_kept_needs_no_library_and_no_export(tmp_path: Path) -> None:
    lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
    network = opening.load(lab.file.networks["principal"], lab.weights("principal"))
    image = torch.randn(1, 3, network.size, network.size, generator=torch.Generator().manual_seed(0))
    right = score_gradients(network.scorer, image, [7])
    (tmp_path / "kept.npz").write_bytes(encode({**opening.kept(network), "image": image.numpy()}))
    program = """
import sys
import numpy as np, torch
from generator.vision.gradients import score_gradients
from generator.vision.opening import reopen
torch.set_num_threads(1)
kept = dict(np.load(sys.argv[1]))
scores, gradient = score_gradients(reopen(kept, 4).scorer, torch.from_numpy(kept["image"]), [7])
np.savez(sys.argv[2], scores, gradient)
print(sorted({"timm", "torchvision", "torch.export._trace"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "kept.npz"), str(tmp_path / "found.npz")]
    assert subprocess.check_output(command, text=True, cwd=ROOT) == "[]\n"
    found = np.load(tmp_path / "found.npz").values()
    assert all(torch.equal(torch.from_numpy(ours), its) for ours, its in zip(found, right, strict=True))


@pytest.mark.parametrize(
    "target",
    [
        "aten.from_file.default",
        "aten.relu_.default",
        "torch.load",
        "operator.attrgetter",
        "prims.convert_element_type.default",
    ],
)
def test_what_is_kept_runs_nothing_but_what_networks_are_made_of(target: str) -> None:
    arrays = export(nn.Sequential(nn.Flatten(), nn.ReLU()), 8).arrays
    assert arrays is not None
    relu = "aten.relu.default"
    text = arrays["graph"].tobytes().decode()
    assert relu in text
    with pytest.raises(ValueError, match="is no operation of a network"):
        read({**arrays, "graph": np.frombuffer(text.replace(relu, target).encode(), dtype=np.uint8)})


# One architecture of each family, with random weights --------------------------------------------

ARCHITECTURES = {
    "torchvision": "alexnet squeezenet1_1 resnet18 googlenet shufflenet_v2_x0_5 "
    "mobilenet_v2 mobilenet_v3_small mnasnet0_5 regnet_y_400mf efficientnet_b0 "
    "convnext_tiny swin_t",
    "timm": "vit_tiny_patch16_224 mixer_s32_224 gmlp_ti16_224 mixnet_s res2net50_26w_4s "
    "skresnet18 resnest14d halonet26t eca_botnext26ts_256 lambda_resnet26t "
    "ghostnet_050 dla34 repvgg_a0 rexnet_100 poolformer_s12 "
    "mobilevit_xxs edgenext_xx_small pvt_v2_b0 xcit_nano_12_p16_224 nf_regnet_b0 "
    "resnetv2_50 tinynet_e lcnet_050 ese_vovnet19b_dw fbnetc_100 "
    "selecsls42 test_byobnet test_vit",
}
SIZES = {"halonet26t": 256}
"""Sides of the images of those for which 64 pixels are too few."""
ALL_ARCHITECTURES = [(library, name) for library, names in ARCHITECTURES.items() for name in names.split()]


def built(library: str, name: str) -> nn.Module:
    """With weights drawn, for ten classes and images of 64 pixels, or of any size."""
    torch.manual_seed(0)
    if library == "torchvision":
        module: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=10)
    else:
        try:
            module = timm.create_model(name, num_classes=10, img_size=64)
        except TypeError:  # those of convolutions take any size
            module = timm.create_model(name, num_classes=10)
    return module.eval().requires_grad_(False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("library", "name"), ALL_ARCHITECTURES)
def test_an_architecture_is_exact_or_runs_as_it_is(library: str, name: str) -> None:
    plain, size = built(library, name), SIZES.get(name, 64)
    exported: Exported | None = None
    fast = plain
    try:
        fast = engine.prepare(plain, made := export(plain, size), (3, size, size), batch=2)
        exported = made
    except Refused:
        accept_as_it_is(plain, (3, size, size), 2)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(7))
    precise = score_gradients(copy.deepcopy(plain).double(), images.double(), [3, 8])
    scores, gradient = score_gradients(fast, images, [3, 8])
    assert distance(scores, precise[0]) < 1e-3
    # A ReLU at its kink lets a gradient through or not, as the last digit decides.
    assert distance(gradient, precise[1]) < 0.05
    if exported is not None:
        assert exported.arrays is not None, "it cannot be kept"
        again = score_gradients(flatten(read(decode(encode(exported.arrays)))), images, [3, 8])
        assert all(torch.equal(*pair) for pair in zip(again, (scores, gradient), strict=True))
