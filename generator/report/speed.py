"""The pages on how long a run took, how fast the engine is, and how long a run would take elsewhere."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from generator.charts import COLOURS, INK, Chart, canvas, draw
from generator.errors import RunError
from generator.language import Language
from generator.results.folder import BenchFile, Row, RunLog


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


def forecast(log: RunLog, language: Language) -> Chart | None:
    """The time that a run from nothing would take, by the number of workers; None before all has run.

    Beside it what it would take if the work could be divided at will, and the longest part, which cannot be.
    """
    if not log.foretold or log.total is None:
        return None
    say = language.say
    workers = [one.workers for one in log.foretold]
    seconds = [one.seconds for one in log.foretold]
    figure, (axes,) = canvas()
    axes.plot(workers, seconds, "o-", color=COLOURS[0], label=say("bench.foretold"))
    axes.plot(workers, [seconds[0] / count for count in workers], "--", color=COLOURS[1], label=say("bench.ideal"))
    axes.axhline(log.total.longest, color=INK, linestyle=":", linewidth=1.2, label=say("bench.longest"))
    axes.set(xscale="log", yscale="log", xlabel=say("bench.workers"), ylabel=say("bench.seconds"))
    axes.set_xticks(workers, [language.number(count) for count in workers])
    axes.minorticks_off()
    axes.legend(loc="upper right")
    return draw(figure, language)
