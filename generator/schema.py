"""What a lab file may say, apart from its experiments.

Every value is checked here or refused; descriptions are the reference of the lab file's keys.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema

from generator.catalogue import Classes, architectures, imagenet_classes
from generator.errors import did_you_mean
from generator.language import languages

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
"""A short name that can stand in a file name, beside another, and in an address: small letters, digits, hyphens."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(gt=0.0001, le=1)]


SMALLEST, LARGEST = 8, 1024
"""Sides that a network's input may have, in pixels."""


def _classes(info: ValidationInfo) -> Classes:
    return (info.context or {}).get("classes") or Classes(imagenet_classes())


def _class_index(given: object, info: ValidationInfo) -> object:
    if isinstance(given, bool):
        raise ValueError(f"found {str(given).lower()}, which is what YAML makes of yes and no; put it into quotes")  # noqa: TRY004
    return _classes(info).index(given) if isinstance(given, int | str) else given


def _all_if_left_out(given: object, info: ValidationInfo) -> object:
    return range(len(_classes(info).names)) if given is None else given


ClassIndex = Annotated[int, BeforeValidator(_class_index)]
"""A class of the lab, given by its index, its name, or the lab's own title of it."""

AllClasses = Annotated[tuple[ClassIndex, ...], BeforeValidator(_all_if_left_out)]
"""Some classes of the lab; all of them where the default, None, is validated."""


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


def _one_or_several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"names {name} twice; one of them is enough")
    return names


NAMES_NETWORKS = BeforeValidator(_one_or_several)
NetworkNames = Annotated[tuple[NetworkName, ...], Field(min_length=1), AfterValidator(_distinct), NAMES_NETWORKS]
"""Some networks of the lab; of one alone, the name is enough."""


LARGEST_NUMBER = 10**9
"""What a number may be at most, above nought or below, where its key has no bound of its own."""


def _bound_numbers(schema: Any) -> None:
    """Let no yes, no text and no number beyond all measure pass for a number, wherever a schema has one."""
    if isinstance(schema, dict):
        if schema.get("type") in {"int", "float"}:
            schema["strict"] = True
            if not schema.keys() & {"le", "lt"}:
                schema["le"] = LARGEST_NUMBER
            if not schema.keys() & {"ge", "gt"}:
                schema["ge"] = -LARGEST_NUMBER
        for inner in schema.values():
            _bound_numbers(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            _bound_numbers(inner)


class Strict(BaseModel):
    """Unknown keys are refused, values never change once they were read, numbers are finite, titles can be read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("title", check_fields=False)
    @classmethod
    def _readable(cls, title: str) -> str:
        if not any(sign.isprintable() and not sign.isspace() for sign in title):
            raise ValueError("found no letter in it, expected a title")
        return title

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _bound_numbers(schema)
        return schema


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
    label: ClassIndex = Field(description="its true class: an index, a class name, or the lab's title of it")
    title: str = Field(description="what it shows, for the reader")
    boxes: tuple[Box, ...] = Field(
        (),
        description="where its objects are: [left, top, right, bottom] of each, as fractions of the square image "
        "that the network sees",
    )


def _architecture(given: str) -> str:
    library, _, name = given.partition("/")
    module, colon, function = given.partition(":")
    if colon and all(part.isidentifier() for part in (*module.split("."), function)):
        return given
    if library not in ("timm", "torchvision") or not name:
        raise ValueError(f'"{given}" is no network; expected timm/NAME, torchvision/NAME or MODULE:FUNCTION')
    known = architectures(library)
    if name not in known:
        raise ValueError(f'{library} has no network "{name}"' + did_you_mean(name, known))
    return given


def is_downloaded(weights: str) -> bool:
    """Whether a reference names weights that a library fetches from the network, rather than a file."""
    return weights.startswith(("timm:", "torchvision:"))


class NetworkSpec(Strict):
    """A classifier of the lab's classes, of a library or of the author's own making.

    A function MODULE:FUNCTION returns a ``generator.networks.Own``, which says size, mean and std. It
    is called with the path of its weights if the lab names some, without arguments otherwise.
    """

    title: str = Field(description="its name, for the reader")
    architecture: Annotated[str, AfterValidator(_architecture)] = Field(
        description="timm/NAME, torchvision/NAME, or MODULE:FUNCTION of a Python file beside the lab file "
        "or of an installed module"
    )
    weights: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        validate_default=True,
        description="where its weights are, the first one found is used: package:NAME/path, "
        "data:path, a path beside the lab file, or timm:WEIGHTS or torchvision:WEIGHTS (downloaded once); "
        "of a function only if it takes their path as its argument",
    )
    size: int = Field(
        224, ge=SMALLEST, le=LARGEST, description="side of its input, in pixels; not of a function, which says it"
    )
    mean: tuple[Fraction, Fraction, Fraction] | None = Field(
        None, validate_default=True, description="of its normalisation, in [0, 1] pixels; not of a function"
    )
    std: tuple[Spread, Spread, Spread] | None = Field(
        None, validate_default=True, description="of its normalisation, in [0, 1] pixels; not of a function"
    )
    batch: int = Field(4, ge=1, le=64, description="how many images go through it together")

    @property
    def module(self) -> str | None:
        """Name of the module whose function makes it; None for a network of a library."""
        module, colon, _ = self.architecture.partition(":")
        return module if colon else None

    @field_validator("weights", "size", "mean", "std")
    @classmethod
    def _as_the_architecture_wants(cls, given: object, info: ValidationInfo) -> object:
        architecture = info.data.get("architecture")
        if architecture is None:
            return given  # it was refused; nothing is known of the rest
        if ":" not in architecture:
            if given is None:
                field = cls.model_fields[str(info.field_name)]
                raise ValueError(f"missing; expected: {field.description}")
        elif given is not None and info.field_name != "weights":
            raise ValueError(f"the function {architecture} says it; remove the key")
        return given

    @field_validator("weights")
    @classmethod
    def _downloaded_by_its_library(cls, given: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        architecture = info.data.get("architecture", "")
        for reference in given or ():
            if not is_downloaded(reference):
                continue
            if ":" in architecture:
                raise ValueError(f"the function {architecture} wants a file; {reference} is none")
            library = architecture.partition("/")[0]
            if not reference.startswith(f"{library}:"):
                raise ValueError(f"{reference} is not for {architecture}; expected {library}:WEIGHTS, or a file")
        return given


def _language(given: str) -> str:
    if given not in languages():
        raise ValueError(f'"{given}" is no language of the site; expected {", ".join(languages())}')
    return given


LanguageCode = Annotated[str, AfterValidator(_language)]
"""Code of a language that the site can be written in."""
