"""A source (an image file, or a place in an .npz) -> an RGB image, whatever the file's kind."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from warnings import catch_warnings, simplefilter, warn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from generator.errors import LabError, first_line

Pixels = NDArray[np.uint8]
"""RGB pixel values, uint8 (H, W, 3)."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a rectangle, as fractions of the image's sides."""


def read_image(path: Path, size: int, index: int | None = None) -> Pixels:
    """Read a photograph as a square RGB image.

    The shorter side is resized to ``size`` (bicubic, antialiased) and the middle is kept. EXIF
    rotation is applied, CMYK and palettes are converted, transparency is laid on white, 16-bit grey
    is brought to 8 bits.

    Args:
        path: an image file, or an ``.npz`` whose array ``X`` holds uint8 images (N, H, W, 3), or grey
            ones (N, H, W).
        size: side of the result in pixels.
        index: which image of the ``.npz``; None for an image file.

    Returns:
        RGB values, uint8 (size, size, 3).

    Raises:
        LabError: the file is truncated, is no image, or is an archive that cannot be read safely.
    """
    archive = path.suffix.lower() == ".npz"
    if index is not None and not archive:
        raise LabError(f"{path} is one image; remove index: {index}")
    image = _open_archive(path, index) if archive else _open_image(path)
    fitted = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return np.array(fitted, dtype=np.uint8)


def resize(pixels: Pixels, size: int) -> Pixels:
    """Bring a square image, uint8 (H, H, 3), to another size (bicubic, antialiased)."""
    if len(pixels) == size:
        return pixels
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC), dtype=np.uint8)


def grey(pixels: Pixels) -> Pixels:
    """What a network of grey images sees of one, uint8 (H, W, 3): the three values are alike."""
    return np.array(Image.fromarray(pixels).convert("L").convert("RGB"))


def to_bytes(values: NDArray[np.float32]) -> Pixels:
    """Pixel values -> what an image file holds: clipped to [0, 1], rounded to uint8."""
    return np.round(values.clip(0, 1) * 255).astype(np.uint8)


def inside(boxes: Iterable[Box], height: int, width: int) -> NDArray[np.bool_]:
    """Which pixels of an image lie in one of the boxes, bool (H, W); at least one pixel for each."""
    region = np.zeros((height, width), dtype=np.bool_)
    for left, top, right, bottom in boxes:
        region[_between(top, bottom, height), _between(left, right, width)] = True
    return region


def _between(first: float, last: float, size: int) -> slice:
    begin, end = round(first * size), round(last * size)
    return slice(begin, end) if begin < end else slice(middle := int((first + last) / 2 * size), middle + 1)


def outlined(pixels: Pixels, boxes: Iterable[Box], colour: tuple[int, int, int]) -> Pixels:
    """A copy of an image, uint8 (H, W, 3), with boxes drawn on it; lines two pixels wide."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for left, top, right, bottom in boxes:
        # Pillow draws the last pixel too, so a box that reaches the border stays visible.
        corners = (left * image.width, top * image.height, right * image.width - 1, bottom * image.height - 1)
        draw.rectangle(corners, outline=colour, width=2)
    return np.array(image, dtype=np.uint8)


def paste(pixels: Pixels, square: Pixels, top: int, left: int) -> Pixels:
    """A copy of an image, uint8 (H, W, 3), with a smaller one laid over it."""
    copy = pixels.copy()
    copy[top : top + len(square), left : left + len(square)] = square
    return copy


def change_of(saved: Pixels, photograph: Pixels) -> NDArray[np.float32]:
    """What a saved picture adds to its photograph, both uint8 (H, W, 3): float32, pixel values of [0, 1]."""
    change: NDArray[np.float32] = (saved.astype(np.float32) - photograph) / np.float32(255)
    return change


def _open_image(path: Path) -> Image.Image:
    try:
        with catch_warnings(record=True) as noted:
            simplefilter("always")
            with Image.open(path) as opened:
                opened.load()
                image = _to_rgb(ImageOps.exif_transpose(opened))
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise LabError(f"{path} cannot be read (more than {most} million pixels); make it smaller") from None
    except UnidentifiedImageError:
        raise LabError(f"{path} is no image; expected a JPEG, PNG, WebP, TIFF or BMP file") from None
    # Pillow's readers of the many formats raise whatever a damaged file makes them stumble on.
    except Exception as error:  # noqa: BLE001
        problem = first_line(error) or type(error).__name__
        raise LabError(f"{path} cannot be read ({problem}); export or download it again") from None
    for note in noted:
        if issubclass(note.category, Image.DecompressionBombWarning):
            size = image.width * image.height // 1_000_000
            _note(path, f"has {size} million pixels, which takes long to read; a smaller copy does as well")
        elif not issubclass(note.category, DeprecationWarning):
            _note(path, f"was read, but {' '.join(str(note.message).split())[:160]}")
    return image


def _note(path: Path, what: str) -> None:
    warn(f"{path} {what}", stacklevel=4)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow would clip, not scale: a 16-bit grey of 65535 is the white of an 8-bit 255.
        image = Image.fromarray((np.asarray(image).astype(np.uint16) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError(f"pixels of kind {image.mode!r}, whose range is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def shift(values: NDArray[Any], right: int) -> NDArray[Any]:
    """Move an image or a map, (H, W, …), to the right, or to the left if negative; its edge is repeated."""
    columns = np.arange(values.shape[1]) - right
    return values[:, columns.clip(0, len(columns) - 1)]


def _open_archive(path: Path, index: int | None) -> Image.Image:
    if index is None:
        raise LabError(f"{path} holds several images; add index: 0, 1, …")
    stat = path.stat()
    images = _archive(path, stat.st_mtime_ns, stat.st_size)
    if not 0 <= index < len(images):
        raise LabError(f"{path} has {len(images)} images; index {index} is not 0 to {len(images) - 1}")
    return Image.fromarray(images[index]).convert("RGB")


@lru_cache(maxsize=1)
def _archive(path: Path, _mtime_ns: int, _size: int) -> NDArray[np.uint8]:
    """The images of an archive; kept, for the next one is asked for soon."""
    images = array(path, "X")
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)
    if images.dtype != np.uint8 or not shaped or 0 in images.shape[1:3]:
        raise LabError(
            f"{path}: X is {images.dtype} {images.shape}; expected uint8 (N, height, width, 3), "
            "or (N, height, width) for grey images"
        )
    return images


def array(path: Path, name: str) -> NDArray[Any]:
    """One array of an ``.npz``.

    Raises:
        LabError: the file is no archive or is damaged, has no such array, or would have to be unpickled.
    """
    with _member(path, name) as file:
        # Never unpickled: a pickle runs whatever code its author chose.
        values: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return values


def length(path: Path, name: str) -> int:
    """How many things the array of that name has along its first axis; the array is not read.

    Raises:
        LabError: as of :func:`array`.
    """
    with _member(path, name) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, _ = read_header[version](file)
    return int(shape[0]) if shape else 0


@contextmanager
def _member(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file of an array in an archive; whatever goes wrong with it is told."""
    if not zipfile.is_zipfile(path):
        raise LabError(f"{path} is no readable .npz (no zip archive); save it by numpy.savez, or download it again")
    try:
        with catch_warnings(), zipfile.ZipFile(path) as archive:
            simplefilter("ignore")  # of headers that Python 2 wrote
            found = [member.removesuffix(".npy") for member in archive.namelist()]
            if name in found:
                with archive.open(f"{name}.npy") as file:
                    yield file
                return
    except MemoryError:
        raise LabError(f"{path}: its array {name} is larger than this machine's memory; make it smaller") from None
    # numpy, zipfile and what unpacks raise a different one for every way a file can be broken.
    except Exception as error:  # noqa: BLE001
        if "allow_pickle" in str(error):
            raise LabError(
                f"{path}: its array {name} is pickled Python objects, which this project never loads; "
                "save it as a plain array of integers"
            ) from None
        raise LabError(f"{path} is no readable .npz ({first_line(error)}); download it again") from None
    raise LabError(f'{path} has no array "{name}"; found {", ".join(found) or "nothing"}')
