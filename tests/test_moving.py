"""What can be moved in a figure, worked out from manifests made by hand."""

from __future__ import annotations

import pytest

from generator.report.figures import shown_once
from generator.report.moving import CURVE, comparisons, curve, film_view
from generator.results.artefacts import Figure, Film, Manifest, NetworkFacts, Picture, Provenance
from tests.conftest import FRENCH


def picture(file: str, title: str = "") -> Picture:
    return Picture(file=file, title=title, alt=title, width=8, height=8, sha256="")


def figure(*pictures: Picture, **more: object) -> Figure:
    fields: dict[str, object] = {
        "name": "oiseau", "title": "", "caption": "", "columns": [[one] for one in pictures],
        "thumbnail": pictures[-1].file, "arrays": "", "facts": [], "images": ["oiseau"], "seed": None, "parameters": {},
    }  # fmt: skip
    return Figure.model_validate(fields | more)


def manifest(shown: Figure, network: str, kind: str = "saliency") -> Manifest:
    facts = NetworkFacts(
        title=network, architecture="", weights="", weights_sha256="", size=8, mean=(0, 0, 0), std=(1, 1, 1), batch=1
    )
    provenance = Provenance(networks=(facts,), images={}, versions={}, machine={})
    return Manifest(
        experiment=network, kind=kind, title="", figures=(shown,), films=(), tables=(), metrics=(),
        provenance=provenance, fingerprint={},
    )  # fmt: skip


def film(*iterations: int) -> Film:
    frames = tuple(picture(f"{iteration}.webp") for iteration in iterations)
    scores = tuple(float(k) for k in range(iterations[-1]))
    return Film(name="f", title="", figures=("oiseau",), iterations=iterations, total=99, frames=frames, scores=scores)


class TestCurves:
    def test_go_from_the_bottom_to_the_top_of_their_box(self) -> None:
        width, height = CURVE
        assert curve([1, 3, 2]) == f"0,{height} {width // 2},0 {width},{height // 2}"

    def test_keep_their_ends_however_long(self) -> None:
        points = curve([float(k) for k in range(5000)]).split()
        assert len(points) < 300
        assert points[0] == "0,120"
        assert points[-1] == "1000,0"

    def test_are_level_where_nothing_changes(self) -> None:
        assert curve([2, 2]) == "0,120 1000,120"


class TestFilms:
    def test_are_told_by_at_most_six_frames_with_both_ends(self) -> None:
        assert [iteration for iteration, _ in film_view(film(*range(0, 50, 2))).key_frames] == [0, 10, 20, 28, 38, 48]
        assert [iteration for iteration, _ in film_view(film(0, 1, 5)).key_frames] == [0, 1, 5]

    def test_end_on_the_last_score_known(self) -> None:
        assert film_view(film(0, 2, 4)).played["scores"] == [0, 2, 3]


class TestComparisons:
    def titles(self, shown: Figure, *others: Manifest, filmed: bool = False) -> list[str]:
        here = manifest(shown, "Lite0")
        everything = {one.experiment: one for one in (here, *others)}
        found = comparisons(here, shown, film_view(film(0, 9)) if filmed else None, everything, FRENCH)
        return [f"{c.kind}: {under.title}, {over.title}" for c in found for under, over in c.pairs[:1]]

    def test_are_those_the_figure_declares(self) -> None:
        before, after = picture("a.png", "Originale"), picture("b.png", "Modifiée")
        assert self.titles(figure(before, after)) == []
        assert self.titles(figure(before, after, compare=[("a.png", "b.png")])) == ["curtain: Originale, Modifiée"]
        assert self.titles(figure(before, after, overlay=[("a.png", "b.png")])) == ["overlay: Originale, Modifiée"]

    @pytest.mark.parametrize(
        ("pairs", "across"),
        [
            ([("a", "b"), ("a", "c"), ("a", "d")], 3),  # one photograph and all its maps
            ([("a", "b"), ("c", "d"), ("a", "e"), ("c", "f")], 2),  # two photographs, and two maps of each
        ],
    )
    def test_maps_of_a_photograph_stand_below_each_other(self, pairs: list[tuple[str, str]], across: int) -> None:
        declared = [(f"{under}.png", f"{over}.png") for under, over in pairs]
        shown = figure(*(picture(f"{name}.png", name) for name in "abcdef"), overlay=declared)
        (panel,) = comparisons(manifest(shown, "Lite0"), shown, None, {}, FRENCH)
        assert panel.across == across

    def test_start_and_result_of_a_film_from_a_photograph(self) -> None:
        assert self.titles(figure(picture("a.png")), filmed=True) == ["curtain: Départ, Itération\xa09"]
        assert self.titles(figure(picture("a.png"), images=[]), filmed=True) == []

    def test_the_same_figure_by_another_network(self) -> None:
        shown = figure(picture("a.png"))
        assert self.titles(shown, manifest(shown, "Lite2")) == ["curtain: Lite0, Lite2"]
        assert self.titles(shown, manifest(shown, "Lite2", kind="fooling")) == []
        assert self.titles(shown, manifest(shown.model_copy(update={"name": "chat"}), "Lite2")) == []


def test_a_figure_that_comes_again_is_a_link() -> None:
    one = '<figure class="tp-figure" id="x">\n<p class="t__title"><a href="#x">Figure 1.1</a> T</p></figure>'
    assert shown_once(f"{one} et {one}", "plus haut") == f'{one} et <p><a href="#x">Figure 1.1</a>, plus haut.</p>'
