"""Class visualisation: the image that the network finds most typical of a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from generator.experiments.base import Experiment, Family, NetworkUse, Part, Parts
from generator.experiments.shared.ascent import Ascent, Moments, PenaltyName, check_moments, moments
from generator.schema import ClassIndex, ImageName, ImageSpec, Name, Strict


class Run(Strict):
    """One image grown towards one class."""

    name: Name = Field(description="its figures are called NAME-0001 and so on, after the iteration")
    title: str = Field(description="what distinguishes it, for the reader")
    target: ClassIndex = Field(description="the class to visualise: an index, a name or a title")
    start: ImageName | None = Field(None, description="image to start from; standard normal noise if left out")
    penalty: PenaltyName | None = Field(None, description="what pulls back")
    weight: float = Field(0.0, ge=0, description="the penalty's factor (λ)")
    show: Moments = Field(min_length=1, description="iterations to show, counted from 1; it stops after the last one")

    def figure(self, iteration: int) -> str:
        """Name of the figure of one of its iterations."""
        return f"{self.name}-{iteration:04d}"


class ClassVisualisation(Ascent, Experiment):
    """Raise s_y(x) minus a penalty by gradient ascent (Simonyan et al. 2013, section 2)."""

    family: ClassVar[Family] = "classvis"

    runs: tuple[Run, ...] = Field(min_length=1, description="the images to grow")
    iterations: int = Field(ge=1, description="length of the programme, in iterations")
    frames: int = Field(24, ge=2, description="about how many frames the film of each run has")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        for place, run in enumerate(self.runs):
            check_moments(f"runs.{place}.show", run.show, self.iterations)
        return self

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.start for run in self.runs if run.start))

    @property
    def classes(self) -> tuple[int, ...]:
        return tuple(run.target for run in self.runs)

    @property
    def figures(self) -> Iterator[str]:
        for run in self.runs:
            for iteration in run.show:
                yield run.figure(iteration)

    @property
    def measures(self) -> Iterator[str]:
        yield from (f"{figure}.{name}" for figure in self.figures for name in ("score", "probability"))

    def filmed(self, run: Run) -> tuple[int, ...]:
        """Iterations whose images are the frames of its film, the start included."""
        return (0, *moments(run.show[-1], self.frames))

    def parts(self, images: Mapping[str, ImageSpec]) -> Parts:  # noqa: ARG002  # labels do not matter
        return {
            run.name: Part(
                f"{__name__}.compute:grow",
                (NetworkUse(self.network),),
                (run.start,) if run.start else (),
                {
                    "target": run.target,
                    "penalty": run.penalty,
                    "weight": run.weight,
                    "show": run.show,
                    "film": self.filmed(run),
                    **self.rule(self.iterations),
                },
                self.seed,
                # Each image that is shown is looked at once more, as it is saved.
                passes=run.show[-1] + len(run.show),
            )
            for run in self.runs
        }
