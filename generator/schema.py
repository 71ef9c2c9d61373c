"""What a lab file may say, apart from its experiments.

Every value is checked here or refused; descriptions are the reference of the lab file's keys.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from generator.catalogue import architectures, class_index
from generator.errors import did_you_mean
from generator.language import languages

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""A short name that can stand in a file name and in an address: small letters, digits, hyphens."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _class_index(given: object) -> object:
    return class_index(given) if isinstance(given, int | str) else given


ClassIndex = Annotated[int, BeforeValidator(_class_index)]
"""An ImageNet class, given by index (0 to 999) or by its English name."""


def _one_of(what: str) -> AfterValidator:
    def check(given: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get(what, ())
        if given not in known:
            raise ValueError(f'"{given}" is none of the lab\'s {what}: {", ".join(known)}' + did_you_mean(given, known))
        return given

    return AfterValidator(check)


ImageName = Annotated[str, _one_of("images")]
NAMES_A_NETWORK = _one_of("networks")
NetworkName = Annotated[str, NAMES_A_NETWORK]


class Strict(BaseModel):
    """Unknown keys are refused, values are never changed after they were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileSpec(Strict):
    """What is known of a file the lab relies on."""

    sha256: Sha256 | None = Field(None, description="SHA-256 the file must have")
    origin: str = Field(description="who made the file and where it is published, shown to the reader")


def _upright(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        raise ValueError(f"found {list(box)}, should be [left, top, right, bottom] with left < right and top < bottom")
    return box


Box = Annotated[tuple[Fraction, Fraction, Fraction, Fraction], AfterValidator(_upright)]
"""Left, top, right and bottom of a rectangle, as fractions of the square image the network sees."""


class ImageSpec(Strict):
    """A labelled photograph."""

    name: Name = Field(description="how experiments and questions refer to the image")
    file: str = Field(description="package:NAME/path, data:path, or a path beside the lab file")
    index: int | None = Field(None, description="which image of an .npz file")
    label: ClassIndex = Field(description="its true class: an index or an English class name")
    title: str = Field(description="what it shows, for the reader")
    boxes: tuple[Box, ...] = Field(
        (),
        description="where its objects are: [left, top, right, bottom] of each, as fractions of the square image "
        "that the network sees",
    )


def _architecture(given: str) -> str:
    library, _, name = given.partition("/")
    if library not in ("timm", "torchvision") or not name:
        raise ValueError(f'"{given}" is no network; expected timm/NAME or torchvision/NAME')
    known = architectures(library)
    if name not in known:
        raise ValueError(f'{library} has no network "{name}"' + did_you_mean(name, known))
    return given


class NetworkSpec(Strict):
    """A classifier of the 1,000 ImageNet classes."""

    title: str = Field(description="its name, for the reader")
    architecture: Annotated[str, AfterValidator(_architecture)] = Field(description="timm/NAME or torchvision/NAME")
    weights: tuple[str, ...] = Field(
        min_length=1,
        description="where its weights are, the first one found is used: package:NAME/path, "
        "data:path, a path beside the lab file, or torchvision:WEIGHTS (downloaded once)",
    )
    size: int = Field(224, ge=32, le=1024, description="side of its input, in pixels")
    mean: tuple[Fraction, Fraction, Fraction] = Field(description="of its normalisation, in [0, 1] pixels")
    std: tuple[Fraction, Fraction, Fraction] = Field(description="of its normalisation, in [0, 1] pixels")
    batch: int = Field(4, ge=1, le=64, description="how many images go through it together")


def _language(given: str) -> str:
    if given not in languages():
        raise ValueError(f'"{given}" is no language of the site; expected {", ".join(languages())}')
    return given


LanguageCode = Annotated[str, AfterValidator(_language)]
"""Code of a language that the site can be written in."""
