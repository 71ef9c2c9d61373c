"""An image as a spectrum of decorrelated colours, where all scales grow at the same pace.

Olah, Mordvintsev & Schubert 2017, « Feature Visualization », Distill, section « Preconditioning and
Parameterization ». The image itself is the same; only what counts as a short step is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from generator.images import Pixels
from generator.vision.ascent import Rule
from generator.vision.opening import Network

_DECAY, _SCALE = 1.5, 0.056
"""Exponent of the amplitudes and amplitude at frequency 1. The paper has 1 and 0.25; on a network as grainy as
EfficientNet, less of the finest detail makes clearer pictures."""
_ROUNDING = 1 / 12
"""Variance of the error of rounding to whole grey levels: photographs say nothing of what varies less."""
_FURTHEST = 1e-3
"""How near to black and white a start may be: their spectrum would be infinite."""


def colours(photographs: Sequence[Pixels], channels: int = 3) -> Tensor:
    """The three directions in which the colours of photographs vary independently.

    Args:
        photographs: RGB images, uint8 (H, W, 3).
        channels: of the network's input; where there is but grey, it is the one direction.

    Returns:
        A square root A of the covariance of their pixel values, float (3, 3), scaled so that its
        longest column has length 1: independent values z of variance 1 give colours A z whose
        channels go together as those of the photographs. Float (1, 1) for grey.
    """
    if channels == 1:
        return torch.ones(1, 1)
    pixels = np.concatenate([photograph.reshape(-1, 3) for photograph in photographs])
    variances, directions = np.linalg.eigh(np.cov(pixels, rowvar=False))
    root = directions * np.sqrt(variances.clip(_ROUNDING))
    return torch.from_numpy(root / np.linalg.norm(root, axis=0).max()).float()


def decode(spectrum: Tensor, basis: Tensor, width: int, veil: Tensor | float = 1.0) -> Tensor:
    """A spectrum -> pixel values in (0, 1).

    Args:
        spectrum: real and imaginary parts, float (C, H, W // 2 + 1, 2); each colour's own.
        basis: of the colours, float (C, C).
        width: W, which the spectrum does not tell: it is as long for the next odd one.
        veil: how much of each place shows, float (H, W), from 0, where the image is grey, to 1.

    Returns:
        Float (C, H, W).
    """
    height = spectrum.shape[1]
    waves = torch.view_as_complex(spectrum) * _amplitudes(height, width).to(spectrum)
    planes = torch.fft.irfft2(waves, s=(height, width), norm="ortho")
    return torch.einsum("rz,zyx->ryx", basis.to(planes), veil * planes).sigmoid()


def encode(pixels: Tensor, basis: Tensor) -> Tensor:
    """What :func:`decode` makes the pixel values, float (C, H, W), from."""
    planes = torch.einsum("zr,ryx->zyx", torch.linalg.inv(basis).to(pixels), pixels.logit(_FURTHEST))
    waves = torch.fft.rfft2(planes, norm="ortho")
    return torch.view_as_real(waves / _amplitudes(*pixels.shape[1:]).to(pixels)).contiguous()


def _amplitudes(height: int, width: int) -> Tensor:
    """How much a parameter of each frequency counts, nearly as in photographs; float (H, W // 2 + 1).

    Frequencies in cycles per pixel; the constant part counts as the longest wave that fits in.
    """
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    return _SCALE * frequency.clamp_min(1 / max(height, width)) ** -_DECAY


@dataclass(frozen=True)
class Iris:
    """An opening in the middle of the image that widens: an object begins there, and what is around it comes later.

    Images that grow from their middle are those of Ghiasi et al. 2022, « Plug-In Inversion » (« Centering »).

    Attributes:
        first: where it begins, the distance from the middle at which the image is dimmed by 40 %; in half its sides.
        last: likewise, at the end.
        share: of the programme, in which it goes linearly from one to the other.
    """

    first: float
    last: float
    share: float

    def veil(self, done: float, height: int, width: int) -> Tensor:
        """How much of each place shows when a share of the programme is done; float (H, W), 0 to 1."""
        reach = self.first + (self.last - self.first) * min(1.0, done / self.share)
        down, right = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        squares = down[:, None].square() + right.square()
        return torch.exp(-(squares / reach**2).square() / 2)


class Fourier:
    """A canvas that steps through the spectrum, by Adam (Kingma & Ba 2015); the length of a step is its rate."""

    def __init__(self, basis: Tensor, start: Tensor, rule: Rule, network: Network, iris: Iris | None = None) -> None:
        self._basis, self._mean, self._std = basis, network.mean, network.std
        self._height, self._width = start.shape[1:]
        self._iris, self._steps, self._programme = iris, 0, max(rule.iterations - 1, 1)
        self._spectrum = encode(start * self._std + self._mean, basis).requires_grad_()
        self._adam = torch.optim.Adam([self._spectrum], lr=rule.step, maximize=True)
        self._draw()

    @property
    def image(self) -> Tensor:
        """The image, normalised, float (C, H, W)."""
        return self._image.detach()

    def step(self, gradient: Tensor, length: float) -> None:
        """Pull the gradient back to the spectrum, make Adam's step, decode the image anew."""
        self._adam.param_groups[0]["lr"] = length
        (self._spectrum.grad,) = torch.autograd.grad(self._image, self._spectrum, gradient)
        self._adam.step()
        self._steps += 1
        self._draw()

    def _draw(self) -> None:
        veil: Tensor | float = 1.0
        if self._iris is not None:
            veil = self._iris.veil(self._steps / self._programme, self._height, self._width).to(self._spectrum)
        with torch.enable_grad():
            self._image = (decode(self._spectrum, self._basis, self._width, veil) - self._mean) / self._std
