"""The images that were grown, at the iterations asked for, and the film of each."""

from __future__ import annotations

from generator.experiments.classvis import ClassVisualisation, Run
from generator.experiments.stage import Stage
from generator.images import to_bytes


def show(experiment: ClassVisualisation, stage: Stage) -> None:
    """A figure for each iteration shown, and a film for each run."""
    for run in experiment.runs:
        for place in range(len(run.show)):
            _figure(experiment, stage, run, place)
        outcome, target = stage.outcomes[run.name], stage.class_title(run.target)
        stage.results.film(
            run.name,
            title=stage.say("classvis.film", target=target, setting=run.title),
            figures=[run.figure(iteration) for iteration in run.show],
            frames=dict(zip(experiment.filmed(run), outcome["frames"], strict=True)),
            total=experiment.iterations,
            scores=outcome["scores"].tolist(),
            alt=stage.say("classvis.film-alt", target=target, setting=run.title),
        )


def _figure(experiment: ClassVisualisation, stage: Stage, run: Run, place: int) -> None:
    say, outcome, iteration = stage.say, stage.outcomes[run.name], run.show[place]
    name, target, image = run.figure(iteration), stage.class_title(run.target), outcome["images"][place]
    # A programme's iterations are numbered: they are names, not quantities.
    at, all_ = str(iteration), str(experiment.iterations)
    origin = "from-photograph" if run.start else "from-noise"
    start = say(f"classvis.{origin}", title=stage.photographs[run.start].title if run.start else "")
    facts = [
        stage.metric(f"{name}.score", outcome["scores"][iteration - 1], label=say("classvis.score", target=target)),
        stage.metric(
            f"{name}.probability",
            100 * outcome["chances"][place],
            label=say("classvis.probability", target=target),
            unit="%",
        ),
    ]
    grown = f"classvis.grown.{origin}"
    picture = stage.picture(name, to_bytes(image), grown, start=start, target=target, setting=run.title, iteration=at)
    stage.figure(
        name,
        "classvis",
        of=[run.name],
        columns=[[picture]],
        thumbnail=picture,
        arrays={"image": image},
        classes=[target],
        parameters={
            say("common.class"): f"{target} ({run.target})",
            say("ascent.settings.start"): start,
            say("ascent.settings.iteration"): say("ascent.iteration", iteration=at, all=all_),
            say("ascent.settings.penalty"): say(f"ascent.penalty.{run.penalty or 'none'}"),
            say("ascent.settings.weight"): run.weight,
            **experiment.settings(stage.language),
        },
        facts=facts,
        start=start,
        target=target,
        setting=run.title,
        iteration=at,
        all=all_,
    )
