"""The two folders that are compared, and how they are read, whichever version wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.errors import LabError, first_line
from generator.results.artefacts import MANIFEST, Manifest, Metric, Provenance
from generator.results.claims import UNMEASURED, judge
from generator.results.folder import VERDICTS, Judged, VerdictsFile


@dataclass(frozen=True)
class Side:
    """One of two folders that are compared.

    Attributes:
        name: the folder, as it was given.
        folder: holds the folders of the experiments.
        manifests: by experiment.
        verdicts: what was published of the claims; None if nothing was.
        remarks: what a reader should know about it.
        site: whether it is a built website, which has copies of the pictures, and no exact values.
    """

    name: str
    folder: Path
    manifests: Mapping[str, Manifest]
    verdicts: VerdictsFile | None
    remarks: tuple[str, ...] = ()
    site: bool = False

    def shown(self, experiment: str, file: str) -> Path:
        """Where one sees a picture of an experiment: the file itself, or its copy in a website."""
        path = self.folder / experiment / file
        if not self.site:
            return path
        return path.with_name(f"{path.stem}-light.svg") if path.suffix == ".svg" else path.with_suffix(".webp")

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """All measures, under EXPERIMENT/METRIC."""
        return {
            f"{name}/{metric.name}": metric
            for name, manifest in self.manifests.items()
            for metric in chain(*(figure.facts for figure in manifest.figures), manifest.metrics)
        }

    def judged(self, claim: Judged) -> tuple[str, Metric | None]:
        """The verdict on a claim by this side's measures, and the measure that decides."""
        metric = self.metrics.get(claim.metric or "")
        own = self.verdicts is not None and claim in self.verdicts.claims
        if own and claim.metric and metric is None:
            return UNMEASURED, None
        same = metric is None or (metric.value, metric.interval) == (claim.value, claim.interval)
        if own and same and (self.site or not claim.also):
            return claim.verdict, metric
        # The rule is the other side's, or the pages may be older than the results.
        return judge(claim, self.metrics).verdict, metric


def read_side(folder: Path) -> Side:
    """Read a folder of results (``build``), or a built site.

    Raises:
        LabError: there are no results in it, or a manifest cannot be read.
    """
    if not folder.is_dir():
        raise LabError(f"{folder}: no such folder; expected a folder of results (build) or a built website (site)")
    results, pages = _places(folder)
    paths = {path.parent.name: path for path in _manifests_in(results)}
    verdicts = _read_verdicts(pages / VERDICTS)
    manifests: dict[str, Manifest] = {}
    problems: list[str] = []
    remarks: list[str] = []
    if verdicts is None:
        remarks.append(f"{folder}: says nothing of verdicts (no {VERDICTS}); the other side's rules are applied to it")
    for name, path in paths.items():
        if verdicts and name not in verdicts.experiments:
            remarks.append(f"{path}: is no experiment of the lab whose pages lie beside it, and was left out")
            continue
        try:
            manifests[name] = _read_manifest(path, remarks)
        except LabError as error:
            problems += error.problems
    if problems:
        raise LabError(*problems)
    return Side(str(folder), results, manifests, verdicts, tuple(remarks), site=results == folder / "figures")


def _places(folder: Path) -> tuple[Path, Path]:
    """Where the folders of the experiments lie, and where the verdicts do."""
    for results, pages in ((folder / "results", folder / "docs"), (folder / "figures", folder), (folder, folder)):
        if _manifests_in(results):
            return results, pages
    raise LabError(
        f"{folder}: no results in it: neither results/*/{MANIFEST} (a folder of results) nor figures/*/{MANIFEST} "
        "(a built website); a website built before manifests were published must be built anew"
    )


def _manifests_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def published_verdicts(folder: Path) -> VerdictsFile | None:
    """The verdicts that a website or a folder of pages publishes; None if none can be read."""
    try:
        return _read_verdicts(folder / VERDICTS)
    except LabError:
        return None


def _read_verdicts(path: Path) -> VerdictsFile | None:
    try:
        return VerdictsFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise LabError(f"{path}: {_first_mistake(error)}; build the website anew, or remove the file") from None


def _read_manifest(path: Path, remarks: list[str]) -> Manifest:
    """A manifest; of one of another schema version what is understood, which is remarked.

    Raises:
        LabError: it is damaged, or what decides is not found in it.
    """
    try:
        raw = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path}: is damaged ({first_line(error)}); run make site there again") from None
    here = Manifest.model_fields["version"].default
    if not isinstance(raw, dict):
        raise LabError(f"{path}: is damaged (expected keys and values); run make site there again")
    version = raw.get("version")
    if version == here:
        try:
            return Manifest.model_validate(raw)
        except ValidationError as error:
            raise LabError(f"{path}: {_first_mistake(error)}; run make site there again") from None
    understood = _as_this_version(raw | {"version": here}, path, version)
    remarks.append(f"{path}: is of schema version {version}, not {here}: what is understood of it was compared")
    return understood


def _as_this_version(raw: dict[str, Any], path: Path, version: object) -> Manifest:
    """A manifest of another version, without the keys that this one does not know."""
    while True:
        try:
            return Manifest.model_validate(raw)
        except ValidationError as error:
            mistakes = error.errors()
            unknown = [mistake["loc"] for mistake in mistakes if mistake["type"] == "extra_forbidden"]
            informing = {str(mistake["loc"][0]) for mistake in mistakes} & _NOTHING.keys()
            if not unknown and not informing:
                raise LabError(
                    f"{path}: is of schema version {version}, and not understood ({_first_mistake(error)}); "
                    "compare with the project's version that wrote it, or run make site there with this one"
                ) from None
            for *place, key in unknown:
                holder: Any = raw
                for step in place:
                    holder = holder[step]
                del holder[key]
            if not unknown:
                raw |= {name: _NOTHING[name] for name in informing}


_NOTHING: dict[str, Any] = {
    "provenance": Provenance(networks=(), images={}, versions={}, machine={}).model_dump(),
    "fingerprint": {},
    "kind": "",
    "title": "",
}
"""What takes the place of what only informs, where another version says it in another way."""


def _first_mistake(error: ValidationError) -> str:
    mistake = error.errors()[0]
    place = ".".join(map(str, mistake["loc"]))
    return f"{place}: {mistake['msg']}" if place else str(mistake["msg"])
