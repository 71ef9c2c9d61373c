"""The pages on how long a run took, how fast the engine is, and how long a run would take elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from generator import charts
from generator.charts import COLOURS, INK, SIZE, Chart, canvas, draw, in_dark, pixels
from generator.errors import RunError
from generator.language import Language
from generator.report.figures import compact
from generator.report.mirror import Mirror, state_of
from generator.results.artefacts import to_json
from generator.results.folder import BenchFile, Foretold, Row, RunLog

CHARTS = Path(charts.__file__)


def read_bench(build: Path) -> BenchFile | None:
    """What ``make bench`` measured last; None where nothing was.

    Raises:
        RunError: the file is damaged.
    """
    path = build / "bench.json"
    try:
        return BenchFile.model_validate_json(path.read_bytes()) if path.is_file() else None
    except ValidationError:
        raise RunError(f"{path}: is damaged; remove it, or measure anew: make bench") from None


def by_task(bench: BenchFile) -> dict[tuple[str, str], list[Row]]:
    """The engines of each task and network, side by side."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in bench.rows:
        found.setdefault((row.task, row.network), []).append(row)
    return found


def publish_forecast(log: RunLog, language: Language, mirror: Mirror, stem: str) -> tuple[int, int] | None:
    """Publish the time that a run from nothing would take, by the number of workers; None before all has run.

    Beside it what it would take if the work could be divided at will, and the longest part, which cannot be. It is
    drawn once for the same numbers: to draw takes longer than to write all pages.

    Returns:
        Width and height of ``STEM-light.svg`` and ``STEM-dark.svg``, in CSS pixels.
    """
    if not log.foretold or log.total is None:
        return None
    longest, foretold = log.total.longest, log.foretold
    said = {key: language.say(f"bench.{key}") for key in ("foretold", "ideal", "longest", "workers", "seconds")}
    known = [language.code, said, longest, [one.model_dump() for one in foretold], state_of(Path(__file__), CHARTS)]
    digest = hashlib.sha256(to_json(known).encode()).hexdigest()[:32]

    @cache
    def drawn() -> str:
        return compact(_forecast(foretold, longest, said, language).svg)

    mirror.once(f"forecast-{digest}-light.svg", lambda: drawn().encode(), f"{stem}-light.svg")
    mirror.once(f"forecast-{digest}-dark.svg", lambda: in_dark(drawn()).encode(), f"{stem}-dark.svg")
    return pixels(*SIZE)


def _forecast(foretold: Sequence[Foretold], longest: float, said: Mapping[str, str], language: Language) -> Chart:
    workers = [one.workers for one in foretold]
    seconds = [one.seconds for one in foretold]
    figure, (axes,) = canvas()
    axes.plot(workers, seconds, "o-", color=COLOURS[0], label=said["foretold"])
    axes.plot(workers, [seconds[0] / count for count in workers], "--", color=COLOURS[1], label=said["ideal"])
    axes.axhline(longest, color=INK, linestyle=":", linewidth=1.2, label=said["longest"])
    axes.set(xscale="log", yscale="log", xlabel=said["workers"], ylabel=said["seconds"])
    axes.set_xticks(workers, [language.number(count) for count in workers])
    axes.minorticks_off()
    axes.legend(loc="upper right")
    return draw(figure, language)
