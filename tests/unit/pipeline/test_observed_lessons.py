"""What is gathered of a lesson before it is judged: sampling, headcounts, unknown people's stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.coverage import CLEAR, COVERED
from models.frame import Box, Sighting
from models.policy import Policy, RecognitionPolicy, RecordingPolicy
from models.register import JudgedFrame, LessonRecord
from models.timeline import Interval, total
from models.timetable import Lesson, LessonState
from supervision_api.pipeline.observed_lesson import (
    ObservedLesson,
    _headcounts,
    unknown_people,
    usual_sampling,
)

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
POLICY = Policy()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def frame(
    second: float, camera: str = "front", lens: str = CLEAR, faces: int = 0, model: str = "m"
) -> JudgedFrame:
    return JudgedFrame("L1", camera, at(second), second, lens, faces, model)


def shot(second: float, quality: float = 0.5, key: str = "u1") -> Sighting:
    return Sighting(at(second), "front", second, Box(0, 0, 9, 9), "t", None, 0.0, 0.0, quality, key)


def observed(
    frames: Sequence[JudgedFrame] = (), shots: Sequence[Sighting] = (), **more: object
) -> ObservedLesson:
    lesson = Lesson("L1", "C1", "care", START, at(2700), cameras=("front", "back"))
    unknown: dict[str, tuple[Sighting, ...]] = {}
    for one in shots:
        unknown[str(one.unknown_person)] = (*unknown.get(str(one.unknown_person), ()), one)
    whole = Interval(at(-60), at(3000))
    facts: dict[str, object] = {
        "recorded": {"front": (whole,), "back": (whole,)},
        "sampling": timedelta(seconds=10),
        **more,
    }
    return ObservedLesson(
        record=LessonRecord(lesson, POLICY, LessonState.CLOSING),
        trainees=(),
        recognisable=frozenset(),
        frames=tuple(frames),
        presences={},
        unknown=unknown,
        headcounts=(),
        gaps=(),
        manual={},
        **facts,  # type: ignore[arg-type]
    )


def sampling(*seconds: float, policy: Policy = POLICY) -> float:
    return usual_sampling([frame(one) for one in seconds], policy).total_seconds()


def test_without_two_frames_sampling_is_what_the_policy_plans() -> None:
    assert sampling() == sampling(5) == 2.0


def test_sampling_is_the_distance_that_nine_in_ten_keep() -> None:
    assert sampling(*range(0, 100, 4)) == 4.0
    assert sampling(*range(0, 100, 4), 500) == 4.0
    assert sampling(*(3 * n for n in range(9)), 33, 42, 51) == 9.0, "a quarter of the looks are no exception"


def test_sampling_is_never_finer_than_planned() -> None:
    assert sampling(*range(60)) == 2.0


def test_an_outage_does_not_make_a_camera_a_slow_one() -> None:
    assert sampling(0, 400, 800, 1200) == 10.0


def test_rare_keyframes_are_within_what_the_recording_policy_allows() -> None:
    slow = replace(POLICY, recording=RecordingPolicy(max_keyframe_interval=timedelta(seconds=30)))
    assert sampling(0, 25, 50, 75, policy=slow) == 25.0
    assert sampling(0, 50, 100, 150, policy=slow) == 30.0


def test_a_policy_that_looks_rarely_is_kept_to() -> None:
    rare = replace(POLICY, recognition=RecognitionPolicy(sample_every=timedelta(seconds=40)))
    assert sampling(0, 40, 80, policy=rare) == 40.0


def test_cameras_are_measured_apart() -> None:
    frames = [frame(s) for s in range(0, 60, 6)] + [frame(s + 3, "back") for s in range(0, 60, 6)]
    assert usual_sampling(frames, POLICY) == timedelta(seconds=6)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3000), max_size=40, unique=True))
def test_sampling_lies_between_what_is_planned_and_what_is_allowed(seconds: list[int]) -> None:
    assert 2.0 <= sampling(*seconds) <= 10.0


def test_people_are_counted_only_in_a_clear_picture() -> None:
    frames = [frame(0, faces=3), frame(10, lens=COVERED, faces=3), frame(20, faces=2)]
    counted = _headcounts(frames, {("front", at(0)): 2})
    assert [(one.at, one.people, one.named) for one in counted] == [(at(0), 3, 2), (at(20), 2, 0)]


def test_sightings_nearer_than_the_presence_gap_are_one_stay() -> None:
    (person,) = unknown_people(observed(shots=[shot(0), shot(600), shot(1200)]))
    assert person.present == (Interval(at(-5), at(1205)),)


def test_a_longer_absence_ends_the_stay() -> None:
    (person,) = unknown_people(observed(shots=[shot(0), shot(601)]))
    assert person.present == (Interval(at(-5), at(5)), Interval(at(596), at(606)))
    assert (person.first_seen, person.last_seen) == (at(-5), at(606))


def test_two_faces_in_one_frame_are_no_empty_stay() -> None:
    (person,) = unknown_people(observed(shots=[shot(0), shot(0)]))
    assert person.present == (Interval(at(-5), at(5)),)


def test_a_stranger_is_shown_first_best_and_last() -> None:
    (person,) = unknown_people(observed(shots=[shot(0, 0.3), shot(60, 0.9), shot(120, 0.9), shot(180, 0.4)]))
    assert [(link.shows, link.at, link.score) for link in person.evidence] == [
        ("first_seen", at(0), 0.3),
        ("best", at(60), 0.9),
        ("last_seen", at(180), 0.4),
    ]


def test_each_stranger_has_a_stay_of_their_own() -> None:
    people = unknown_people(observed(shots=[shot(0, key="u1"), shot(0, key="u2"), shot(5, key="u1")]))
    assert [(one.key, total(one.present).total_seconds()) for one in people] == [("u1", 15.0), ("u2", 10.0)]


def test_coverage_of_a_camera_is_its_own_and_the_room_s_is_all_together() -> None:
    seen = observed([frame(0), frame(10), frame(100, "back"), frame(200, "back", COVERED)])
    assert seen.coverage_by_camera() == {
        "back": (Interval(at(95), at(105)),),
        "front": (Interval(at(-5), at(15)),),
    }
    assert seen.coverage == (Interval(at(-5), at(15)), Interval(at(95), at(105)))


def test_what_was_judged_but_not_recorded_does_not_count() -> None:
    seen = observed([frame(0)], recorded={})
    assert seen.coverage == ()
    assert seen.coverage_by_camera() == {"front": ()}


def test_spells_of_a_covered_lens_are_kept_for_the_flags() -> None:
    seen = observed([frame(0), frame(10, lens=COVERED)])
    assert [(spell.lens, spell.interval.duration.total_seconds()) for spell in seen.spells] == [
        (CLEAR, 10.0),
        (COVERED, 10.0),
    ]


@pytest.mark.parametrize(
    ("models", "told"), [((), "none"), (("b", "a", "b"), "a, b"), (("hog;cal-1",), "hog;cal-1")]
)
def test_the_report_names_every_model_that_judged(models: tuple[str, ...], told: str) -> None:
    seen = observed([frame(n * 10.0, model=name) for n, name in enumerate(models)])
    assert seen.model() == told


def test_an_unknown_person_s_presence_carries_the_picture_s_quality() -> None:
    presences = observed(shots=[shot(0, 0.7)]).unknown_presences()
    assert [(one.at, one.camera_id, one.score) for one in presences["u1"]] == [(at(0), "front", 0.7)]
