"""A figure and a film of each dream."""

from __future__ import annotations

from generator.experiments.dream import Dream
from generator.experiments.stage import Stage


def show(experiment: Dream, stage: Stage) -> None:
    """The photograph, what it is after each scale, and the way there."""
    for name in experiment.images:
        for place in range(len(experiment.depths)):
            _dream(experiment, stage, name, place)


def _dream(experiment: Dream, stage: Stage, name: str, place: int) -> None:
    say, photograph, outcome = stage.say, stage.photographs[name], stage.outcomes[name, place]
    figure, frames = experiment.figure(name, place), outcome["frames"]
    number, count = outcome["layer"].tolist()
    ends = [experiment.iterations * (1 + nth) for nth in range(len(experiment.scales))]
    pictures = [stage.picture(f"{figure}-0", photograph.pixels, "common.photograph", title=photograph.title)]
    pictures += [
        stage.picture(
            f"{figure}-{end}", frames[end], "dream.after", scale_of=scale, title=photograph.title, number=number
        )
        for end, scale in zip(ends, experiment.scales, strict=True)
    ]
    stage.figure(
        figure,
        "dream.figure",
        of=[(name, place)],
        columns=[[picture] for picture in pictures],
        thumbnail=pictures[-1],
        compare=[(pictures[0], pictures[-1])],
        arrays={"last": frames[-1], "scores": outcome["scores"]},
        parameters={
            say("dream.scales"): say("dream.list").join(map(stage.language.number, experiment.scales)),
            say("dream.iterations"): experiment.iterations,
            say("common.step"): experiment.step,
            say("dream.smoothing"): " → ".join(map(stage.language.number, experiment.gradient_sigma)) + " px",
            say("ascent.settings.jitter"): say("ascent.jitter", n=experiment.jitter),
        },
        title=photograph.title,
        number=number,
        count=count,
    )
    stage.results.film(
        figure,
        title=say("dream.film", title=photograph.title, number=number, count=count),
        figures=[figure],
        frames=dict(enumerate(frames)),
        total=len(frames) - 1,
        scores=outcome["scores"].tolist(),
        alt=say("dream.film-alt", title=photograph.title, number=number),
    )
