"""Maps against boxes: cases made by hand, whose answers are known without computing."""

from __future__ import annotations

import numpy as np
import pytest

from generator.experiments.detection.show import best_control, best_overlap, lead, mean_box
from generator.experiments.stage import Photograph
from generator.images import inside, outlined
from generator.vision import regions

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
        assert best_overlap(boxes[1], boxes) == pytest.approx(1)
        assert best_overlap((0, 0, 1, 1), boxes) == pytest.approx(1)
        assert best_overlap((0, 0, 0.4, 0.2), boxes) == pytest.approx(0.5)

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


class TestDrawing:
    def test_the_box_is_around_the_largest_place_not_the_highest(self) -> None:
        values = np.zeros((20, 40), np.float32)
        values[2:10, 4:24] = 0.5
        values[15, 35] = 1
        assert regions.box_around(values, 0.2) == (4 / 40, 2 / 20, 24 / 40, 10 / 20)
        assert regions.box_around(values, 0.6) == (35 / 40, 15 / 20, 36 / 40, 16 / 20)

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
