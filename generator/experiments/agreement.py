"""Agreement: whether two networks give like maps of an image, beside maps that must not be alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from generator import vision
from generator.artefacts import Picture
from generator.charts import COLOURS, INK, canvas, draw
from generator.experiments.base import Bench, Experiment, Family
from generator.images import shift
from generator.language import Language
from generator.schema import Fraction, ImageName, NetworkName
from generator.shades import capped, capped_scale
from generator.statistics import mean, rank_correlations, share

if TYPE_CHECKING:
    from generator.networks import Network

Map = NDArray[np.float32]
PER_FIGURE = 5


class Agreement(Experiment):
    """Rank correlation of two networks' maps, with its floor, its ceiling and untrained networks."""

    kind: ClassVar[str] = "agreement"
    family: ClassVar[Family] = "saliency"

    images: tuple[ImageName, ...] = Field(min_length=2, description="all images of the lab if left out")
    other: NetworkName = Field(description="name of the second network")
    shown: ImageName = Field(description="image whose maps are shown while the network forgets")
    shares: tuple[Fraction, ...] = Field(
        (0.02, 0.25, 0.5, 0.75, 1),
        min_length=1,
        description="shares of the layers whose weights are shuffled, from the scores down; rising",
    )
    side: int = Field(112, ge=16, description="side of the grid on which maps are compared, in pixels")
    blur: float = Field(2, ge=0, description="standard deviation of the blur before they are, in its pixels")

    @property
    def photographs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.images, self.shown)))

    @property
    def figures(self) -> Iterator[str]:
        yield "accord"
        yield from self._plates
        yield "oubli"

    @property
    def work(self) -> int:
        return len(self.photographs) * (3 + len(self.shares))

    @property
    def _plates(self) -> dict[str, list[str]]:
        """Images that are shown together, as evenly as possible."""
        plates = np.array_split(self.images, ceil(len(self.images) / PER_FIGURE))
        return {f"planche-{place}": plate.tolist() for place, plate in enumerate(plates, 1)}

    def run(self, bench: Bench) -> None:
        own, others = self._maps(bench, bench.network), self._maps(bench, bench.networks[self.other])
        shifted = self._maps(bench, bench.network, right=1)
        forgetful = {share: self._maps(bench, bench.shuffled(share, self.seed)) for share in self.shares}
        for name, images in self._plates.items():
            self._plate(bench, name, images, own, others)
        self._forgetting(bench, {0.0: own, **forgetful})

        count = len(self.images)
        matrix = rank_correlations([*self._grids(own), *self._grids(others)])
        one, across = matrix[:count, :count], matrix[:count, count:]
        alike = {
            "networks": across.diagonal(),
            "shift": self._correlations(own, shifted),
            "images": (one.sum(axis=1) - 1) / (count - 1),
        } | {f"shuffled-{share:g}": self._correlations(own, maps) for share, maps in forgetful.items()}
        self._measure(bench, alike, across)
        self._chart(bench, alike)
        self._table(bench, alike)

    def _maps(self, bench: Bench, network: Network, right: int = 0) -> dict[str, Map]:
        """Each photograph's map, raw; of the photograph moved to the right, moved back, if asked for."""
        maps = {}
        views = ((shift(photograph.pixels, right), photograph.label) for photograph in bench.photographs.values())
        for name, values in zip(bench.photographs, vision.gradients.saliency_maps(network, views), strict=True):
            maps[name] = shift(values, -right)
            bench.on_step(1)
        return maps

    def _grids(self, maps: dict[str, Map]) -> Iterable[Map]:
        """The maps as they are compared: of one size, and without the grain of single pixels."""
        from scipy.ndimage import gaussian_filter
        from skimage.transform import resize

        for name in self.images:
            grid = resize(maps[name], (self.side, self.side), anti_aliasing=True)
            yield gaussian_filter(grid, self.blur)

    def _correlations(self, one: dict[str, Map], other: dict[str, Map]) -> NDArray[np.float64]:
        pairs = zip(self._grids(one), self._grids(other), strict=True)
        return np.array([rank_correlations(pair)[0, 1] for pair in pairs])

    def _measure(self, bench: Bench, alike: dict[str, NDArray[np.float64]], across: NDArray[np.float64]) -> None:
        metric, say = bench.results.metric, bench.language.say
        for name, values in alike.items():
            metric(name, mean(values), label=say("agreement.correlation", compared=_told(name, bench.language)))
        floor, ceiling = alike["images"], alike["shift"]
        metric(
            "position",
            mean(100 * (alike["networks"] - floor) / (ceiling - floor)),
            label=say("agreement.position"),
            unit="%",
        )
        metric(
            "recognised",
            share(across.argmax(axis=1) == np.arange(len(across))),
            label=say("agreement.recognised"),
            unit="%",
        )
        metric(
            "learned",
            mean(alike["networks"] - alike[f"shuffled-{self.shares[-1]:g}"]),
            label=say("agreement.learned"),
        )
        photographs = [bench.photographs[name] for name in self.images]
        for key, network in (("own", bench.network), ("other", bench.networks[self.other])):
            chances = vision.gradients.probabilities(network.scorer, network.normalise([p.pixels for p in photographs]))
            metric(
                f"right.{key}",
                share(chances.argmax(axis=1) == [p.label for p in photographs]),
                label=say(f"agreement.right.{key}"),
                unit="%",
            )

    def _chart(self, bench: Bench, alike: dict[str, NDArray[np.float64]]) -> None:
        say = bench.language.say
        figure, (axes,) = canvas(7.2, 0.7 + 0.42 * len(alike))
        random = np.random.default_rng(0)
        for row, (name, values) in enumerate(alike.items()):
            colour = COLOURS[0] if name == "networks" else COLOURS[2] if name.startswith("shuffled") else COLOURS[1]
            estimate = mean(values)
            axes.plot(values, row + random.uniform(-0.16, 0.16, len(values)), "o", color=colour, alpha=0.7, ms=4, mew=0)
            axes.plot([estimate.low, estimate.high], [row, row], color=INK, linewidth=2)
            axes.plot(estimate.value, row, "|", color=INK, markersize=14, markeredgewidth=2)
        axes.set_yticks(range(len(alike)), [_told(name, bench.language) for name in alike])
        axes.invert_yaxis()
        axes.set_xlabel(say("agreement.chart.correlation"))
        bench.results.chart(
            "accord",
            draw(figure, bench.language),
            title=say("agreement.chart.title"),
            caption=say("agreement.chart.caption"),
            alt=say("agreement.chart.alt"),
            arrays=alike,
            images=self.images,
            seed=self.seed,
            parameters={
                say("agreement.grids"): say("agreement.blurred", side=self.side, blur=self.blur),
                say("common.class"): say("common.true-class"),
                say("agreement.shuffled"): say("agreement.which"),
            },
        )

    def _table(self, bench: Bench, alike: dict[str, NDArray[np.float64]]) -> None:
        say = bench.language.say
        listed = ["networks", "shift", "images", f"shuffled-{self.shares[-1]:g}"]
        bench.results.table(
            "images",
            caption=say("agreement.table.caption"),
            columns=[say("agreement.table.image"), *(_told(name, bench.language).capitalize() for name in listed)],
            rows=[
                [bench.photographs[name].title, *(float(alike[column][row]) for column in listed)]
                for row, name in enumerate(self.images)
            ],
            shaded=True,
        )

    def _plate(self, bench: Bench, plate: str, images: list[str], own: dict[str, Map], others: dict[str, Map]) -> None:
        say = bench.language.say
        columns: list[list[Picture]] = []
        for name in images:
            photograph = bench.photographs[name]
            photo = bench.results.picture(
                f"{name}-image",
                photograph.pixels,
                title=photograph.title,
                alt=say("common.photograph", title=photograph.title),
            )
            maps = [
                _picture(bench, f"{name}-{file}", values[name], say(f"agreement.map.{key}"), photograph.title)
                for file, key, values in (("premier", "first", own), ("second", "second", others))
            ]
            columns.append([photo, *maps])
        bench.results.figure(
            plate,
            title=say("agreement.maps.title"),
            caption=say("agreement.maps.caption"),
            columns=columns,
            thumbnail=columns[0][-1],
            arrays={f"{name}-{key}": maps[name] for name in images for key, maps in (("own", own), ("other", others))},
            images=images,
            parameters={say("common.class"): say("common.true-class"), say("common.palette"): "hot"},
        )

    def _forgetting(self, bench: Bench, maps: dict[float, dict[str, Map]]) -> None:
        say, title = bench.language.say, bench.photographs[self.shown].title
        columns = [
            [
                _picture(
                    bench,
                    f"oubli-{100 * share:g}",
                    values[self.shown],
                    say("agreement.map.shuffled", share=100 * share) if share else say("agreement.map.trained"),
                    title,
                )
            ]
            for share, values in maps.items()
        ]
        bench.results.figure(
            "oubli",
            title=say("agreement.forgetting.title", title=title),
            caption=say("agreement.forgetting.caption"),
            columns=columns,
            thumbnail=columns[-1][0],
            arrays={f"{share:g}": values[self.shown] for share, values in maps.items()},
            images=[self.shown],
            seed=self.seed,
            parameters={
                say("common.class"): bench.class_title(bench.photographs[self.shown].label),
                say("common.palette"): "hot",
            },
        )


def _picture(bench: Bench, file: str, values: Map, heading: str, shown: str) -> Picture:
    return bench.results.picture(
        file,
        capped(values),
        title=heading,
        scale=capped_scale(values),
        alt=bench.language.say("agreement.map-alt", title=shown, network=heading.lower()),
    )


def _told(name: str, language: Language) -> str:
    """What two maps that are compared have not in common."""
    compared, _, part = name.partition("-")
    return language.say(f"agreement.compared.{compared}", **({"share": 100 * float(part)} if part else {}))
