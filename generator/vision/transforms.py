"""What an attack looks through: the rounding of a file, and what may befall its picture; gradients pass all of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from generator.vision.ascent import View, blur, reach
from generator.vision.handlings import saved
from generator.vision.opening import Network


def saved_view(network: Network) -> View:
    """The image as an 8-bit file will hold it, so that an attack does not stop before its file fools.

    Gradients pass as if nothing had been rounded.
    """

    def view(images: Tensor, _: list[torch.Generator]) -> Tensor:
        held = ((images.detach() * network.std + network.mean).clamp(0, 1) * 255).round() / 255
        return images + ((held - network.mean) / network.std - images).detach()

    return view


def handling_view(network: Network) -> View:
    """Random handling that gradients pass, for an attack that shall survive it.

    Expectation over Transformation (Athalye, Engstrom, Ilyas & Kwok 2018, section 2). Brightness times
    0.8 to 1.25 and normal noise of standard deviation up to 0.02, pixels in [0, 1]; and one of four:
    nothing, blur of σ up to 1.2 pixels, reduction to between half and whole size and back, JPEG of
    quality 60 to 95.
    """

    def view(images: Tensor, randoms: list[torch.Generator]) -> Tensor:
        seen = []
        for pixels, random in zip(images[:, None] * network.std + network.mean, randoms, strict=True):
            which, strength, light, noise = torch.rand(4, generator=random).tolist()
            disturbed = DISTURBANCES[int(which * len(DISTURBANCES))](pixels, strength)
            grain = torch.randn(pixels.shape, generator=random).to(pixels)
            seen.append((0.8 + 0.45 * light) * disturbed + 0.02 * noise * grain)
        return (torch.cat(seen).clamp(0, 1) - network.mean) / network.std

    return view


def there_and_back(pixels: Tensor, factor: float) -> Tensor:
    """Images, float (N, C, H, W), resized by a factor and back to their size."""
    height, width = pixels.shape[2:]
    small = F.interpolate(pixels, (round(height * factor), round(width * factor)), mode="bicubic", antialias=True)
    return F.interpolate(small, (height, width), mode="bicubic", antialias=True)


def compressed(pixels: Tensor, quality: int) -> Tensor:
    """One image, float (1, C, H, W) in [0, 1], after JPEG.

    Rounding has no useful gradient; the way back leaves it out, as if nothing had happened (Athalye,
    Carlini & Wagner 2018, « Obfuscated Gradients », section 4: BPDA).
    """
    values = (pixels.detach()[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().cpu().numpy()
    image = Image.fromarray(values if values.shape[2] == 3 else values[..., 0])
    after = torch.from_numpy(np.atleast_3d(np.array(saved(image, "JPEG", quality=quality)))).to(pixels)
    return pixels + (after.permute(2, 0, 1)[None] / 255 - pixels).detach()


DISTURBANCES: tuple[Callable[[Tensor, float], Tensor], ...] = (
    lambda pixels, strength: pixels,
    lambda pixels, strength: blur(pixels, [1.2 * strength], reach(1.2)),
    lambda pixels, strength: there_and_back(pixels, 1 - strength / 2),
    lambda pixels, strength: compressed(pixels, 95 - round(35 * strength)),
)
"""What may happen to one image, float (1, C, H, W) in [0, 1], with a strength from 0 to 1."""
