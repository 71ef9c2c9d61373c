"""What the kinds that push photographs towards their own class have in common: their parts, and how these are told."""

from __future__ import annotations

from generator.experiments.base import NetworkUse, Part, Setting
from generator.experiments.shared.ascent import Ascent, PenaltyName
from generator.experiments.shared.thirds import thirds
from generator.language import Language

PENALTY: PenaltyName = "squared-l2"
"""What pulls back."""


def look_part(networks: tuple[str, ...], image: str, label: int) -> Part:
    """The part of a photograph as it is; see :func:`push_part`."""
    return Part(
        "generator.experiments.shared.pushing:look",
        tuple(map(NetworkUse, networks)),
        (image,),
        {"target": label},
        passes=len(networks),
    )


def push_part(  # noqa: PLR0913  # what decides an image, all named
    ascent: Ascent,
    networks: tuple[str, ...],
    image: str,
    label: int,
    *,
    iterations: int,
    weight: float,
    seed: int,
    task: str = "",
    **more: Setting,
) -> Part:
    """The part of a photograph driven towards its own class; several experiments may ask for the same.

    Args:
        ascent: how it climbs.
        networks: the one that it is driven with, and those that are asked what they see.
        image: name of the photograph.
        label: its class.
        iterations: length of the programme.
        weight: factor of the penalty.
        seed: of its random numbers.
        task: what computes it, where something else is wanted.
        more: settings of its own, of the rule or of the task.

    Returns:
        A part with the outcome of :func:`generator.experiments.shared.pushing.push`, as a rule.
    """
    return Part(
        task or "generator.experiments.shared.pushing:push",
        tuple(map(NetworkUse, networks)),
        (image,),
        {"target": label, "penalty": PENALTY, "weight": weight, **ascent.rule(iterations, **more)},
        seed,
        # All networks look at the last image as it is saved; a push, at two more.
        passes=iterations + len(networks) * (1 if task else 1 + len(thirds(iterations))),
    )


def told(ascent: Ascent, language: Language, *, weight: object, iterations: int) -> dict[str, object]:
    """Settings for the reader."""
    say = language.say
    return {
        say("ascent.settings.penalty"): say(f"ascent.penalty.{PENALTY}"),
        say("ascent.settings.weight"): weight,
        say("pushed.iterations"): iterations,
        **ascent.settings(language),
    }


def listed(values: tuple[float, ...], language: Language) -> str:
    """Numbers for the reader, one after the other."""
    return language.say("pushed.list").join(map(language.number, values))
