"""Where faces are searched, which need no new look, and what a picture says about its camera."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.frame import Box, Detection
from models.policy import RecognitionPolicy
from models.ports import Picture
from recognition.attention import Attention, ChangeWatch, changed_cells, looks_the_same, patch_of
from recognition.detectors import HogDetector, detect_in, detect_reduced, scale_for
from recognition.identity_evidence import Look
from recognition.lens import (
    CLEAR,
    COVERED,
    FROZEN,
    FROZEN_AFTER,
    FROZEN_SAMPLES,
    LensWatch,
    glance,
    is_covered,
)
from recognition.seat_cache import EAGER_LOOKS, SeatCache
from recognition.tracks import Track

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
Glance = npt.NDArray[np.float32]


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def room(seed: int = 1) -> Glance:
    return np.random.default_rng(seed).integers(40, 200, (90, 160)).astype(np.float32)


def watch() -> ChangeWatch:
    return ChangeWatch(timedelta(seconds=10))


def test_the_first_picture_is_searched_whole_and_thoroughly() -> None:
    assert watch().plan(room(), 1920, AT) == Attention(None, thorough=True)


def test_a_picture_in_which_nothing_changed_is_not_searched() -> None:
    changes = watch()
    changes.plan(room(), 1920, AT)
    assert changes.plan(room(), 1920, after(2)) == Attention(())


def test_a_change_is_searched_with_a_margin_in_pixels_of_the_picture() -> None:
    changes, later = watch(), room()
    changes.plan(room(), 1600, AT)
    later[40:44, 80:84] += 60
    regions = changes.plan(later, 1600, after(2)).regions
    assert regions == (Box(760.0, 360.0, 120.0, 120.0),)


def test_what_was_searched_counts_as_known() -> None:
    changes, later = watch(), room()
    changes.plan(room(), 1600, AT)
    later[40:44, 80:84] += 60
    changes.plan(later, 1600, after(2))
    assert changes.plan(later, 1600, after(4)).regions == ()


def test_changes_far_apart_are_searched_apart_and_near_ones_together() -> None:
    changes, later = watch(), room()
    changes.plan(room(), 1600, AT)
    for x in (20, 26, 120):
        later[40:42, x : x + 2] += 60
    regions = changes.plan(later, 1600, after(2)).regions
    assert regions is not None
    assert len(regions) == 2


def test_a_large_change_is_searched_as_a_whole_but_not_thoroughly() -> None:
    changes, later = watch(), room()
    changes.plan(room(), 1600, AT)
    later[:, :60] += 60
    assert changes.plan(later, 1600, after(2)) == Attention(None, thorough=False)


def test_many_small_changes_are_searched_as_a_whole() -> None:
    changes, later = watch(), room()
    changes.plan(room(), 1600, AT)
    for x in range(5, 160, 22):
        for y in (10, 40, 70):
            later[y, x] += 80
    assert changes.plan(later, 1600, after(2)).regions is None


def test_a_thorough_search_is_due_again_after_the_policys_time() -> None:
    changes = watch()
    changes.plan(room(), 1920, AT)
    assert not changes.plan(room(), 1920, after(9.9)).thorough
    assert changes.plan(room(), 1920, after(10)).thorough
    assert not changes.plan(room(), 1920, after(12)).thorough


def test_a_busy_room_does_not_put_the_thorough_search_off() -> None:
    changes = watch()
    thorough = [changes.plan(room(second), 1920, after(second)).thorough for second in range(0, 22, 2)]
    assert [2 * i for i, was in enumerate(thorough) if was] == [0, 10, 20]


def test_a_clock_stepped_back_or_another_size_starts_afresh() -> None:
    changes = watch()
    changes.plan(room(), 1920, AT)
    assert changes.plan(room(), 1920, after(-5)).thorough
    assert changes.plan(room()[:80], 1920, after(-4)).thorough


def test_light_that_changes_everywhere_is_no_change() -> None:
    assert not changed_cells(room(), room() + 30).any()
    lit = room() + 30
    lit[10, 10] += 40
    assert changed_cells(room(), lit).sum() == 1


@given(st.floats(0, 1500), st.floats(0, 800), st.floats(1, 300))
def test_a_whole_search_covers_every_place(x: float, y: float, side: float) -> None:
    assert Attention(None).covers(Box(x, y, side, side))
    assert not Attention(()).covers(Box(x, y, side, side))


def test_a_region_covers_what_it_touches() -> None:
    attention = Attention((Box(100, 100, 50, 50),))
    assert attention.covers(Box(140, 140, 60, 60))
    assert not attention.covers(Box(150, 100, 60, 60))


def picture(seed: int, side: int = 120) -> Picture:
    coarse = np.random.default_rng(seed).integers(20, 230, (side // 10, side // 10, 3))
    return np.repeat(np.repeat(coarse, 10, axis=0), 10, axis=1).astype(np.uint8)


BOX = Box(20, 20, 60, 60)


def test_a_face_is_the_same_in_noise_and_other_light() -> None:
    noisy = np.clip(picture(1).astype(int) + np.random.default_rng(0).integers(-4, 5, (120, 120, 3)), 0, 255)
    brighter = np.clip(picture(1).astype(int) + 20, 0, 255)
    first = patch_of(picture(1), BOX)
    assert looks_the_same(first, patch_of(noisy.astype(np.uint8), BOX))
    assert looks_the_same(first, patch_of(brighter.astype(np.uint8), BOX))


def test_another_face_or_a_covered_mouth_is_not_the_same() -> None:
    covered = picture(1)
    covered[60:80, 40:60] = 255 - covered[60:80, 40:60]
    first = patch_of(picture(1), BOX)
    assert not looks_the_same(first, patch_of(picture(2), BOX))
    assert not looks_the_same(first, patch_of(covered, BOX))


def test_outside_the_picture_there_is_no_patch_and_nothing_is_the_same() -> None:
    assert patch_of(picture(1), Box(118, 10, 60, 60)) is None
    assert patch_of(picture(1), Box(-59, 10, 60, 60)) is None
    assert not looks_the_same(None, patch_of(picture(1), BOX))
    assert not looks_the_same(None, None)


def track(*, named: bool, looks: int = 2, encoded_s: float = 0.0, seen_s: float = 0.0) -> Track:
    made = Track("front/1", BOX, AT, after(seen_s), AT, trainee="T1" if named else None)
    for number in range(looks):
        made.evidence.add(Look(after(2 * number), np.zeros(128, np.float32), 1.0))
    made.encoded_at = after(encoded_s)
    return made


def cache(made: Track, seen: Picture) -> SeatCache:
    seats = SeatCache(RecognitionPolicy())
    seats.remember(made, seen)
    return seats


def test_a_still_named_face_waits_for_the_spot_check() -> None:
    made = track(named=True, seen_s=56)
    seats = cache(made, picture(1))
    assert seats.may_skip(made, BOX, picture(1), after(58))
    assert not seats.may_skip(made, BOX, picture(1), after(60))


def test_a_named_face_that_moves_in_its_place_waits_ten_seconds() -> None:
    made = track(named=True, seen_s=6)
    seats = cache(made, picture(1))
    assert seats.may_skip(made, BOX, picture(2), after(8))
    made.seen_at = after(8)
    assert not seats.may_skip(made, BOX, picture(2), after(10))


def test_a_face_that_moved_and_was_long_unseen_is_looked_at() -> None:
    made = track(named=True, encoded_s=0, seen_s=1)
    assert not cache(made, picture(1)).may_skip(made, BOX, picture(2), after(7))


def test_a_face_in_another_place_or_after_a_miss_is_looked_at() -> None:
    made = track(named=True)
    seats = cache(made, picture(1))
    assert not seats.may_skip(made, Box(60, 20, 60, 60), picture(1), after(2))
    made.misses = 1
    assert not seats.may_skip(made, BOX, picture(1), after(2))


def test_an_unnamed_face_is_looked_at_each_time_and_later_in_doubling_intervals() -> None:
    policy = RecognitionPolicy()
    for looks, pause_s in ((1, 0.001), (EAGER_LOOKS - 1, 0.001), (EAGER_LOOKS, 2), (EAGER_LOOKS + 1, 4)):
        made = track(named=False, looks=looks)
        assert SeatCache(policy).is_due(made, after(pause_s))
        assert not SeatCache(policy).is_due(made, after(pause_s - 0.001))
    patient = track(named=False, looks=EAGER_LOOKS + 40)
    assert SeatCache(policy).is_due(patient, AT + policy.settled_every)


def test_a_track_never_looked_at_is_due_and_a_forgotten_one_is_unknown() -> None:
    made = track(named=True)
    seats = cache(made, picture(1))
    seats.forget(made.track_id)
    assert not seats.may_skip(made, BOX, picture(1), after(1))
    made.encoded_at = None
    assert seats.is_due(made, AT)


def lens_of(pictures: Sequence[Picture], every_s: float = 2.0) -> list[str]:
    lens = LensWatch()
    return [lens.judge(one, glance(one), after(every_s * n)) for n, one in enumerate(pictures)]


def scene(seed: int) -> Picture:
    noise = np.random.default_rng(seed).integers(-2, 3, (360, 640, 3))
    coarse = np.random.default_rng(5).integers(20, 220, (36, 64, 3))
    return (np.repeat(np.repeat(coarse, 10, axis=0), 10, axis=1) + noise).clip(0, 255).astype(np.uint8)


def test_a_room_is_clear_while_its_sensor_is_noisy() -> None:
    assert set(lens_of([scene(n) for n in range(10)])) == {CLEAR}


def test_the_same_picture_again_and_again_is_frozen_after_some_seconds() -> None:
    states = lens_of([scene(0)] * 8)
    first = next(n for n, state in enumerate(states) if state == FROZEN)
    assert first + 1 >= FROZEN_SAMPLES
    assert timedelta(seconds=2.0 * first) >= FROZEN_AFTER
    assert set(states[first:]) == {FROZEN}


def test_few_repeats_in_a_long_time_or_many_in_a_short_one_are_not_frozen() -> None:
    assert FROZEN not in lens_of([scene(0)] * (FROZEN_SAMPLES - 1), every_s=20)
    assert FROZEN not in lens_of([scene(0)] * 20, every_s=0.2)


def test_one_new_picture_ends_the_freeze() -> None:
    states = lens_of([*[scene(0)] * 6, scene(1), scene(1)])
    assert states[5] == FROZEN
    assert states[6:] == [CLEAR, CLEAR]


@pytest.mark.parametrize("grey", [0, 6, 128, 255])
def test_a_uniform_picture_is_covered(grey: int) -> None:
    assert is_covered(glance(np.full((360, 640, 3), grey, np.uint8)))


def test_a_hand_over_the_lens_leaves_soft_gradients() -> None:
    slope = np.linspace(60, 90, 640)[None, :, None] * np.ones((360, 1, 3))
    assert is_covered(glance(slope.astype(np.uint8)))
    assert lens_of([slope.astype(np.uint8)]) == [COVERED]


def test_a_dim_room_with_people_is_not_covered() -> None:
    assert not is_covered(glance((scene(1) // 5).astype(np.uint8)))


class _Fixed:
    """Finds one face, wherever it is asked, and remembers how large the picture was."""

    fingerprint = "fixed"

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def detect(self, picture_: Picture) -> Sequence[Detection]:
        self.sizes.append((picture_.shape[1], picture_.shape[0]))
        return (Detection(Box(10, 20, 30, 30), 0.9, ((12.0, 22.0),) * 5),)


class _Reaching(_Fixed):
    reach_px = 24.0


def test_a_reduced_search_answers_in_pixels_of_the_picture() -> None:
    fixed = _Fixed()
    found = detect_reduced(fixed, np.zeros((200, 400, 3), np.uint8), 0.5)[0]
    assert fixed.sizes == [(200, 100)]
    assert found.box == Box(20, 40, 60, 60)
    assert found.landmarks == ((24.0, 44.0),) * 5


def test_a_scale_of_one_leaves_the_picture_as_it_is() -> None:
    fixed = _Fixed()
    assert detect_reduced(fixed, np.zeros((200, 400, 3), np.uint8), 1.0)[0].box == Box(10, 20, 30, 30)
    assert fixed.sizes == [(400, 200)]


def test_a_search_in_a_part_answers_in_pixels_of_the_picture() -> None:
    fixed = _Fixed()
    found = detect_in(fixed, np.zeros((200, 400, 3), np.uint8), Box(99.5, 49.5, 100, 100))
    assert found[0].box == Box(109, 69, 30, 30)
    assert fixed.sizes == [(101, 101)]
    assert detect_in(fixed, np.zeros((200, 400, 3), np.uint8), Box(500, 0, 10, 10)) == ()


@pytest.mark.parametrize(
    ("smallest_px", "scale"), [(24, 1.0), (28, 1.0), (32, 0.75), (40, 0.6), (48, 0.5), (200, 0.5), (0, 1.0)]
)
def test_the_smallest_face_decides_how_far_a_picture_is_reduced(smallest_px: float, scale: float) -> None:
    assert scale_for(_Reaching(), smallest_px) == pytest.approx(scale)


def test_a_detector_that_does_not_tell_its_reach_sees_the_whole_picture() -> None:
    assert scale_for(_Fixed(), 500) == 1.0


def test_hog_reaches_half_as_small_a_face_with_each_upsampling() -> None:
    assert HogDetector(0).reach_px == 2 * HogDetector(1).reach_px == 96.0
