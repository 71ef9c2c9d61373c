"""What the installed packages offer by name, read without importing torch."""

from __future__ import annotations

import re
import runpy
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from generator.errors import LabError, did_you_mean


@cache
def imagenet_classes() -> tuple[str, ...]:
    """English names of the 1,000 ImageNet classes, in the order of the networks' scores."""
    # The list stands in a module of plain data; importing it the usual way would import torch.
    names = runpy.run_path(str(_models_folder("torchvision") / "_meta.py"))["_IMAGENET_CATEGORIES"]
    return tuple(cast("list[str]", names))


@dataclass(frozen=True)
class Classes:
    """The classes that the networks of a lab tell apart.

    Attributes:
        names: in the order of the networks' scores.
        titles: what the lab calls some of them, by index.
    """

    names: tuple[str, ...]
    titles: Mapping[int, str] = field(default_factory=dict)

    def title(self, index: int) -> str:
        """What a reader is told: the lab's own title if it has one, or else the name."""
        return self.titles.get(index) or self.names[index]

    def index(self, given: int | str) -> int:
        """Index of a class given by index, by name or by title, in capitals or not.

        Raises:
            ValueError: there is no such class; the message says what to try.
        """
        if isinstance(given, str):
            word = _plain(given)
            known = self._by_words.get(word, self._by_words.get(word.casefold()))
            if known is not None:
                return known
        # A class called « 7 » comes before the seventh: a CSV file has no other numbers than words.
        if isinstance(given, int) or (given.isdecimal() and given.isascii()):
            if given != str(int(given)) and isinstance(given, str):
                raise ValueError(f'"{given}" is no class of the lab; write {int(given)} for the class of that number')
            if 0 <= int(given) < len(self.names):
                return int(given)
            raise ValueError(f"class {given} does not exist; expected 0 to {len(self.names) - 1}")
        near = did_you_mean(given, (*self.names, *self.titles.values()))
        raise ValueError(
            f'"{given}" is no class of the lab; expected a class name or an index{near}; '
            "python -m generator classes WORD looks classes up, and class_titles gives one another name"
        )

    def search(self, word: str) -> list[int]:
        """Indices of the classes whose name, title or index has a word in it, accents and capitals apart."""
        sought = _bare(word)
        return [
            index
            for index, name in enumerate(self.names)
            if word == str(index) or any(sought in _bare(text) for text in (name, self.titles.get(index, "")))
        ]

    @cached_property
    def _by_words(self) -> dict[str, int]:
        words = [*zip(self.names, range(len(self.names)), strict=True), *((t, i) for i, t in self.titles.items())]
        words = [(_plain(word), index) for word, index in reversed(words)]  # the first one of a name wins
        # A lab of letters tells « a » from « A »; elsewhere capitals make no difference.
        return {word.casefold(): index for word, index in words} | dict(words)


def _plain(text: str) -> str:
    """A text with accents in one piece: file systems and spreadsheets take some of them apart."""
    return unicodedata.normalize("NFC", text)


def _bare(text: str) -> str:
    """A text without accents and capitals."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


@cache
def architectures(library: str) -> frozenset[str]:
    """Names of the architectures that ``timm`` or ``torchvision`` registers."""
    registered = re.compile(r"^@register_model\b.*?^def (\w+)\(", re.DOTALL | re.MULTILINE)
    return frozenset(
        name
        for module in _models_folder(library).rglob("*.py")
        for name in registered.findall(module.read_text(encoding="utf-8"))
    )


def _models_folder(library: str) -> Path:
    spec = find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise LabError(f'the package "{library}" is not installed; run make site, which installs it')
    return Path(spec.submodule_search_locations[0]) / "models"
