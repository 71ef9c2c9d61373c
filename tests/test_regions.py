"""Maps against boxes: cases made by hand, whose answers are known without computing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.errors import LabError
from generator.experiments.base import Experiment
from generator.experiments.detection import Detection
from generator.experiments.detection.show import best_control, lead, mean_box
from generator.experiments.localisation import Localisation
from generator.experiments.stage import Photograph
from generator.images import inside, outlined
from generator.vision import regions
from generator.vision.opening import Network
from tests.conftest import tried

LEFT_HALF = inside([(0, 0, 0.5, 1)], 20, 20)
RANDOM = np.random.default_rng(0).random((20, 20), dtype=np.float32)


def photograph(*boxes: tuple[float, float, float, float]) -> Photograph:
    return Photograph(np.zeros((20, 20, 3), np.uint8), label=0, title="", boxes=boxes)


class TestBoxes:
    def test_cover_the_pixels_they_say_and_no_others(self) -> None:
        region = inside([(0.5, 0, 1, 0.25), (0, 0.75, 0.25, 1)], 8, 4)
        assert region.sum() == 2 * 2 + 1 * 2
        assert region[:2, 2:].all()
        assert region[6:, :1].all()

    def test_are_drawn_on_a_copy_and_stay_visible_at_the_border(self) -> None:
        pixels = np.zeros((20, 20, 3), np.uint8)
        drawn = outlined(pixels, [(0, 0, 1, 1)], (9, 8, 7))
        assert not pixels.any()
        for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
            assert (edge == (9, 8, 7)).all()
        assert not drawn[5:-5, 5:-5].any()

    def test_overlap_as_their_regions_do(self) -> None:
        one, other = (0.1, 0.2, 0.6, 0.7), (0.3, 0.1, 0.8, 0.5)
        as_regions = regions.overlap(inside([one], 100, 100), inside([other], 100, 100))
        assert regions.box_overlap(one, other) == pytest.approx(as_regions)
        assert regions.box_overlap(one, one) == pytest.approx(1)
        assert regions.box_overlap((0, 0, 0.2, 0.2), (0.5, 0, 0.9, 0.2)) == 0

    def test_a_guess_is_compared_with_the_best_box_or_the_envelope(self) -> None:
        boxes = [(0.0, 0.0, 0.2, 0.2), (0.6, 0.6, 1.0, 1.0)]
        assert regions.best_overlap(boxes[1], boxes) == pytest.approx(1)
        assert regions.best_overlap((0, 0, 1, 1), boxes) == pytest.approx(1)
        assert regions.best_overlap((0, 0, 0.4, 0.2), boxes) == pytest.approx(0.5)

    def test_the_mean_box_counts_each_photograph_once(self) -> None:
        wide = photograph((0, 0, 0.8, 0.2))
        two_small = photograph((0, 0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9))
        assert mean_box([wide, two_small]) == pytest.approx((0.2, 0.35, 0.8, 0.65))


class TestMeasures:
    def test_a_flat_map_puts_into_a_region_its_share_of_the_area(self) -> None:
        flat = np.ones((20, 20), np.float32)
        assert regions.energy(flat, LEFT_HALF) == pytest.approx(0.5)

    def test_a_map_of_the_object_covers_it_first(self) -> None:
        covered = regions.coverage(LEFT_HALF.astype(np.float32), LEFT_HALF)
        assert covered[100] == pytest.approx(0.5)
        assert covered[200] == pytest.approx(1)
        assert regions.energy(LEFT_HALF.astype(np.float32), LEFT_HALF) == pytest.approx(1)

    def test_a_map_of_the_background_covers_it_last(self) -> None:
        covered = regions.coverage((~LEFT_HALF).astype(np.float32), LEFT_HALF)
        assert covered[200] == 0
        assert covered[-1] == 1

    def test_a_random_map_covers_as_chance_has_it(self) -> None:
        noise = np.random.default_rng(1).random((200, 200), dtype=np.float32)
        covered = regions.coverage(noise, inside([(0.2, 0.1, 0.9, 0.7)], 200, 200))
        assert covered == pytest.approx(np.linspace(0, 1, 200 * 200 + 1), abs=0.02)

    def test_a_map_points_at_its_maximum(self) -> None:
        values = RANDOM.copy()
        values[3, 9], values[3, 10] = 2, 1.5
        assert regions.points_at(values, LEFT_HALF)
        values[3, 10] = 3
        assert not regions.points_at(values, LEFT_HALF)

    def test_a_map_of_nothing_counts_as_one_that_knows_nothing(self) -> None:
        nothing = np.zeros((20, 20), np.float32)
        assert regions.energy(nothing, LEFT_HALF) == pytest.approx(0.5)
        assert regions.box_around(nothing, 0.2) == (0, 0, 1, 1)


class TestDrawing:
    def test_the_box_is_around_the_largest_place_not_the_highest(self) -> None:
        values = np.zeros((20, 40), np.float32)
        values[2:10, 4:24] = 0.5
        values[15, 35] = 1
        assert regions.box_around(values, 0.2) == (4 / 40, 2 / 20, 24 / 40, 10 / 20)
        assert regions.box_around(values, 0.6) == (35 / 40, 15 / 20, 36 / 40, 16 / 20)
        assert regions.box_around(values, 1) == (35 / 40, 15 / 20, 36 / 40, 16 / 20), "nothing exceeds the maximum"

    def test_a_mask_grows_to_the_border_of_what_it_was_sown_in(self) -> None:
        pixels = np.full((80, 80, 3), 40, np.uint8)
        pixels[20:60, 10:50] = 200
        values = regions.smooth(np.pad(np.ones((4, 4), np.float32), ((30, 46), (24, 52))), 8)
        mask = regions.grown(pixels, values, object_share=0.05, background_share=0.3)
        assert regions.overlap(mask, inside([(10 / 80, 20 / 80, 50 / 80, 60 / 80)], 80, 80)) > 0.9

    def test_the_lead_is_over_the_best_control_image_by_image(self) -> None:
        overlaps = [{"map": 0.5, "whole": 0.1, "centred": 0.4}, {"map": 0.7, "whole": 0.5, "centred": 0.4}]
        assert best_control(overlaps) == "centred"
        assert lead(overlaps).value == pytest.approx(0.2)


def test_a_box_covers_at_least_one_pixel() -> None:
    assert inside([(0.01, 0.98, 0.02, 0.999)], 9, 9).nonzero() == (np.array([8]), np.array([0]))
    assert inside([(0.25, 0.25, 0.75, 0.75)], 8, 8).sum() == 16


class Brightness(nn.Module):
    """Half the squared norm: its map is the image."""

    def forward(self, images: Tensor) -> Tensor:
        return images.square().sum(dim=(1, 2, 3))[:, None].expand(-1, 5) / 2


class TestExperiments:
    """A white square in the middle, of which the box holds the left half: measured by hand."""

    @pytest.fixture
    def square(self) -> Photograph:
        pixels = np.zeros((20, 20, 3), np.uint8)
        pixels[4:16, 4:16] = 255
        return Photograph(pixels, label=0, title="", boxes=((0.2, 0.2, 0.5, 0.8),))

    def found(self, kind: type[Experiment], *photographs: Photograph, **how: Any) -> dict[str, float]:
        mean, std = (torch.full((3, 1, 1), value, dtype=torch.float64) for value in (0, 1))
        network = Network(Brightness(), mean, std, size=20, batch=4, weights_sha256="")
        images = {f"carre-{place}": photograph for place, photograph in enumerate(photographs)}
        experiment = kind.model_validate(
            {"title": "Essai", "network": "own", "images": list(images), **how},
            context={"images": list(images), "networks": ["own"]},
        )
        return {metric.name: metric.value for metric in tried(experiment, {"own": network}, images)._metrics}

    def test_saliency_is_counted_in_boxes_and_in_heads(self, square: Photograph) -> None:
        # Half of the box is the head, and the box is white all over.
        found = self.found(Localisation, square, heads={"carre-0": [0.2, 0.2, 0.5, 0.5]})
        expected = {"area": 18, "energy": 50, "energy-gain": 50 / 18, "pointing": 100, "coverage": 50, "head-gain": 1}
        assert found == pytest.approx(expected)

    def test_a_head_without_a_pixel_in_its_box_is_named(self, square: Photograph) -> None:
        with pytest.raises(LabError, match="heads: that of carre-0 has no pixel in its boxes"):
            self.found(Localisation, square, heads={"carre-0": [0.4999, 0.3, 0.9, 0.5]})

    def test_boxes_and_masks_are_held_against_those_that_owe_nothing_to_the_map(self, square: Photograph) -> None:
        found = self.found(Detection, square, blur=0.01)
        assert found["iou-map"] == pytest.approx(1 / 2)
        assert found["iou-whole"] == pytest.approx(0.18)
        assert found["iou-centred"] == pytest.approx(1 / 3)
        assert found["box-gain"] == pytest.approx(1 / 6)
        assert found["mask-iou-map"] == pytest.approx(1 / 2)
        assert (found["found-map"], found["found-whole"]) == (0, 0), "half is not more than half"

    def test_photographs_without_boxes_are_passed_over(self, square: Photograph) -> None:
        without = replace(square, boxes=())
        for kind in (Localisation, Detection):
            assert self.found(kind, square, without) == self.found(kind, square)
