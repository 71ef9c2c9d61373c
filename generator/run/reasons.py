"""Why experiments must be made anew: what differs from what their results were made of, each told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

_SUBJECT = re.compile(r"^(image|network) ([^\s.]+)[\s.]|^(parameter) (\w+\.[^\s.]+)\.")
"""What has several lines of a fingerprint: an image, a network, one of a parameter's runs or the like."""
_ALIKE = {
    r"code (.+)": "code",
    r"word (.+)": "words",
    r"version of (.+)": "versions",
    r"name of class (.+)": "names of classes",
    r"image (\S+?)[ .]bytes": "bytes of images",
    r"image (\S+?)[ .]index": "places of images in their archive",
    r"image (\S+?)[ .]label": "labels of images",
    r"image (\S+?)[ .]title": "titles of images",
    r"image (\S+?)[ .]boxes": "boxes of images",
}
"""Lines of which many may differ at once, and what they are together."""
_SAID = ("title", "label", "boxes")
"""What images and networks have beside what they are."""
FEW = 6
"""How many names a line tells before it only counts them."""
Subject = tuple[str, str]
"""What it is, and its name."""


@dataclass(frozen=True)
class Reason:
    """Why an experiment must be made anew.

    Attributes:
        about: what there is to tell, alike for several experiments: ``parameter step: 0.5 → 0.6``, ``images new``.
        of: which of those that ``about`` names together; empty if it names one.
    """

    about: str
    of: str = ""


def summed(reasons: Mapping[str, Iterable[Reason]]) -> Iterator[str]:
    """Each reason in a line, and for which experiments.

    Args:
        reasons: of each experiment, by its name.
    """
    gathered: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for experiment, its in reasons.items():
        for reason in its:
            which, whose = gathered.setdefault(reason.about, ({}, {}))
            which |= {reason.of: None} if reason.of else {}
            whose[experiment] = None
    for about, (which, whose) in gathered.items():
        everywhere = len(whose) == len(reasons) > FEW
        yield f"{about}{': ' if which else ''}{_few(which)} ({'all of them' if everywhere else _few(whose)})"


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Reason]:
    """What differs between two fingerprints; what only has another name is told as such."""
    old, new = _subjects(before), _subjects(now)
    names = dict(_renamed(old, new))
    yield from (Reason(f"{kind}s renamed", f"{name} → {other}") for (kind, name), (_, other) in names.items())
    come = [subject for subject in new if subject not in old and subject not in names.values()]
    gone = [subject for subject in old if subject not in new and subject not in names]
    yield from (Reason(f"{kind}s new", name) for kind, name in come)
    yield from (Reason(f"{kind}s no more", name) for kind, name in gone)
    before = dict(_under_new_names(before, now, names))
    for key in sorted({*before, *now} - {"parts"}):
        values = before.get(key), now.get(key)
        # Another language has other words; lists of images have other ones where some came or went.
        implied = (key.startswith("word ") and before.get("language") != now.get("language")) or (
            any(moved := _moved(*values)) and {*chain(*moved)} <= {name for _, name in (*come, *gone)}
        )
        if values[0] != values[1] and not implied and _subject(key) not in (*come, *gone):
            yield _changed(key, *values)


def _changed(key: str, before: str | None, now: str | None) -> Reason:
    for pattern, together in _ALIKE.items():
        if match := re.fullmatch(pattern, key):
            hashes = len(before or now or "") == 64
            return Reason(together, match[1] if hashes else f"{match[1]} {_short(before)} → {_short(now)}")
    told = [
        f"{sign} {_few(names)}" for sign, names in zip(("without", "with"), _moved(before, now), strict=True) if names
    ]
    return Reason(f"{key}: {', '.join(told) or f'{_short(before)} → {_short(now)}'}")


def _moved(before: str | None, now: str | None) -> tuple[list[str], list[str]]:
    """Names that went from a list, and that came into it."""
    lists = [re.findall(r'"([^"]*)"', value) if value and value.startswith('["') else [] for value in (before, now)]
    less, more = ([name for name in one if name not in other] for one, other in (lists, lists[::-1]))
    return less, more


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value[:12] if len(value) == 64 else value


def _few(names: Iterable[str]) -> str:
    names = [*names]
    more = f" and {len(names) - FEW} more" if len(names) > FEW + 1 else ""
    return ", ".join(names[:FEW] if more else names) + more


def _subject(key: str) -> Subject | None:
    match = _SUBJECT.match(key)
    return (match[1] or match[3], match[2] or match[4]) if match else None


def _subjects(fingerprint: Mapping[str, str]) -> dict[Subject, dict[str, str]]:
    """The lines of each subject, by what stands after its name."""
    found: dict[Subject, dict[str, str]] = {}
    for key, value in fingerprint.items():
        if subject := _subject(key):
            found.setdefault(subject, {})[_SUBJECT.sub("", key)] = value
    return found


def _renamed(
    old: Mapping[Subject, Mapping[str, str]], new: Mapping[Subject, Mapping[str, str]]
) -> Iterator[tuple[Subject, Subject]]:
    """Images of the same bytes and networks that are alike, of another name."""
    free = [subject for subject in new if subject not in old]
    for subject in old:
        kind, own = subject[0], _itself(old[subject])
        other = next((each for each in free if each[0] == kind and _itself(new[each]) == own), None)
        if subject not in new and other and kind != "parameter":
            free.remove(other)
            yield subject, other


def _itself(lines: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in lines.items() if key not in _SAID}


def _under_new_names(
    before: Mapping[str, str], now: Mapping[str, str], names: Mapping[Subject, Subject]
) -> Iterator[tuple[str, str]]:
    """A fingerprint as it would be had its images and networks had their new names, as far as that explains it."""
    called = {old: new for (_, old), (_, new) in names.items()}
    for key, value in before.items():
        there = re.sub(r"[^\s.]+", lambda word: called.get(word[0], word[0]), key)
        so = re.sub(r'"([^"]*)"', lambda word: f'"{called.get(word[1], word[1])}"', value)
        if _subject(key) in names:
            yield there, value
        elif now.get(there) == so:
            yield there, so
        else:
            yield key, value
