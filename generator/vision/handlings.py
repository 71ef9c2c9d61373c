"""What befalls finished pictures on their way to a network: compression, resizing, blur, light."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from generator.images import Pixels


def saved(image: Image.Image, kind: str, **settings: int) -> Image.Image:
    """A picture as it comes back from a file of that kind."""
    file = BytesIO()
    image.save(file, kind, **settings)
    return Image.open(file)


def _resized(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


HANDLINGS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "png": lambda image: saved(image, "PNG"),
    "jpeg-95": lambda image: saved(image, "JPEG", quality=95),
    "jpeg-75": lambda image: saved(image, "JPEG", quality=75),
    "half": lambda image: _resized(_resized(image, 0.5), 2),
    "larger": lambda image: _resized(image, 1.5),
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
}
"""What is done to finished images, by name; all of it is Pillow's."""


def handled(pixels: Pixels, handling: str) -> Pixels:
    """An image, uint8 (H, W, 3), after one of ``HANDLINGS``; its size may be another."""
    return np.array(HANDLINGS[handling](Image.fromarray(pixels)))
