"""What happens to names in a lesson: given on evidence, kept, taken back, and never given twice."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.policy import RecognitionPolicy
from recognition.gallery import Template
from tests.unit.recognition.lesson.conftest import OpenLesson
from tests.unit.recognition.lesson.painted import FINGERPRINT, Shown, code, off, point, seat, template

STRANGER = 90


def test_nobody_is_named_on_one_frame(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    first = lesson.show(0, {0: 1, 1: 2, 2: 3})
    assert [s.trainee for s in first.sightings] == [None, None, None]


def test_the_second_look_names_and_reaches_back_to_the_first_sighting(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 4, {0: 1, 1: 2})
    assert lesson.named_at(0) == {0.0: code(1), 2.0: code(1)}
    assert lesson.named_at(1) == {0.0: code(2), 2.0: code(2)}


def test_two_looks_within_a_second_are_one(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 0.8, {0: 1}, step_s=0.2)
    assert set(lesson.named_at(0).values()) == {None}


def test_the_policy_may_ask_for_more_looks(open_lesson: OpenLesson) -> None:
    lesson = open_lesson(policy=RecognitionPolicy(naming_frames=4))
    lesson.run(0, 6, {0: 1})
    assert set(lesson.named_at(0).values()) == {None}
    lesson.run(6, 8, {0: 1})
    assert set(lesson.named_at(0).values()) == {code(1)}


def test_odds_that_nothing_measured_supports_name_nobody(open_lesson: OpenLesson) -> None:
    lesson = open_lesson(policy=RecognitionPolicy(naming_odds=1e12))
    lesson.run(0, 60, {0: 1, 1: 2})
    assert set(lesson.names) == {None}


def test_a_stranger_stays_unnamed_and_is_one_unknown_person(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 60, {0: 1, 5: STRANGER})
    assert set(lesson.named_at(5).values()) == {None}
    assert lesson.keys() == {"unknown-1"}
    assert set(lesson.unknown_at(5).values()) == {"unknown-1"}


def test_without_a_roster_everybody_is_unknown_and_nobody_the_same(open_lesson: OpenLesson) -> None:
    lesson = open_lesson(())
    lesson.run(0, 20, {0: 1, 1: 2, 2: 3})
    assert set(lesson.names) == {None}
    assert {len(set(lesson.unknown_at(place).values())) for place in (0, 1, 2)} == {1}
    assert len(lesson.keys()) == 3


def test_two_people_who_change_seats_between_two_frames_keep_their_names(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 20, {0: 1, 5: 2})
    lesson.run(20, 40, {0: 2, 5: 1})
    left, right = lesson.named_at(0), lesson.named_at(5)
    assert all(left[t] in (code(1), None) for t in left if t < 20)
    assert all(left[t] in (code(2), None) for t in left if t >= 20)
    assert all(right[t] in (code(1), None) for t in right if t >= 20)
    assert left[38.0] == code(2)
    assert right[38.0] == code(1)


def test_a_change_of_seats_is_not_credited_to_who_sat_there(open_lesson: OpenLesson) -> None:
    """A face that moves in its place is looked at every ten seconds; what was assumed is taken back."""
    lesson = open_lesson()
    lesson.run(0, 21, {0: 1})
    # The next look falls due ten seconds after the last; somebody else has sat there since.
    lesson.run(22, 44, {0: STRANGER})
    names = lesson.named_at(0)
    assert names[12.0] == code(1)
    wrong = [t for t, name in names.items() if t >= 22 and name is not None]
    assert wrong == []


def test_of_two_alike_on_the_roster_neither_is_named(open_lesson: OpenLesson) -> None:
    """Somebody half-way between two entries is far nearer to both than to anybody, and nobody by margin."""
    twin = Template("twin", off(point(1), 0.18, 5), FINGERPRINT)
    lesson = open_lesson(templates=[twin])
    lesson.encoder.twins[STRANGER] = off(point(1), 0.09, 5)
    lesson.run(0, 60, {0: STRANGER, 1: 2})
    assert set(lesson.named_at(0).values()) == {None}
    assert lesson.named_at(1)[58.0] == code(2)


def test_a_hidden_face_that_comes_back_is_named_at_once(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 10, {0: 1, 1: 2})
    lesson.run(10, 70, {1: 2})
    back = lesson.show(70, {0: Shown(1, 77), 1: 2})
    assert {s.trainee for s in back.sightings} == {code(1), code(2)}


def test_a_track_is_remembered_for_three_minutes(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 10, {0: 1, 1: 2})
    lesson.run(10, 182, {1: 2}, step_s=4)
    back = lesson.show(184, {0: Shown(1, 77), 1: 2})
    tracks = {s.track_id for s in lesson.sightings if (s.box.x, s.box.y) == seat(0)}
    assert len(tracks) == 1
    assert len(back.sightings) == 2


def test_later_a_new_track_needs_its_own_evidence(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 10, {0: 1, 1: 2})
    lesson.run(10, 200, {1: 2}, step_s=5)
    back = lesson.show(200, {0: Shown(1, 77), 1: 2})
    assert None in {s.trainee for s in back.sightings}
    lesson.run(202, 206, {0: 1, 1: 2})
    names = lesson.named_at(0)
    assert names[200.0] == names[204.0] == code(1)


def test_somebody_who_moves_to_another_seat_is_followed_by_looks(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 10, {0: 1})
    lesson.run(10, 20, {7: 1})
    assert set(lesson.named_at(7).values()) == {code(1)}


def test_a_photograph_of_somebody_present_takes_no_name(open_lesson: OpenLesson) -> None:
    """It shows the enrolled picture itself, so it resembles the trainee more than the trainee does."""
    lesson = open_lesson(noise=0.3)
    photo = 80
    lesson.encoder.twins[photo] = template(1).embedding
    lesson.run(0, 20, {0: 1})
    lesson.run(20, 60, {0: 1, 5: photo})
    lesson.run(60, 80, {0: 1})
    assert set(lesson.named_at(5).values()) == {None}
    assert set(lesson.named_at(0).values()) == {code(1)}


def test_a_photograph_that_outlasts_its_person_gets_no_share_of_their_time(open_lesson: OpenLesson) -> None:
    """Only liveness can tell a photograph by itself; but nobody is ever in two places of one picture."""
    lesson = open_lesson(noise=0.3)
    photo = 80
    lesson.encoder.twins[photo] = template(1).embedding
    lesson.run(0, 20, {0: 1})
    lesson.run(20, 60, {0: 1, 5: photo})
    lesson.run(60, 100, {5: photo})
    assert lesson.twice_named() == []
    shared = [name for t, name in lesson.named_at(5).items() if t < 60]
    assert set(shared) == {None}


def test_one_face_twice_in_a_picture_is_named_once(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 30, {0: 1, 5: 1})
    assert lesson.twice_named() == []
    assert code(1) in lesson.named_at(0).values() or code(1) in lesson.named_at(5).values()


def test_a_second_camera_may_see_the_same_trainee(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    for number in range(4):
        at_s = 2.0 * number
        lesson.show(at_s, {0: Shown(1, number)}, camera="front")
        lesson.show(at_s, {3: Shown(1, number)}, camera="side")
    assert set(lesson.named_at(0, "front").values()) == {code(1)}
    assert set(lesson.named_at(3, "side").values()) == {code(1)}


def test_an_unknown_person_on_two_cameras_has_one_key(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    for number in range(8):
        at_s = 2.0 * number
        lesson.show(at_s, {0: Shown(STRANGER, number)}, camera="front")
        lesson.show(at_s, {3: Shown(STRANGER, number)}, camera="side")
    assert lesson.keys() == {"unknown-1"}


def test_a_photo_enrolled_during_the_lesson_names_what_was_seen_before(open_lesson: OpenLesson) -> None:
    lesson = open_lesson(range(10))
    lesson.run(0, 20, {0: 1, 5: 30})
    assert set(lesson.unknown_at(5).values()) == {"unknown-1"}
    lesson.room.add_template(template(30))
    lesson.run(20, 24, {0: 1, 5: 30})
    assert set(lesson.named_at(5).values()) == {code(30)}
    assert lesson.keys() == set()


def test_a_new_template_is_weighed_on_every_camera(open_lesson: OpenLesson) -> None:
    lesson = open_lesson(range(10))
    for number in range(5):
        lesson.show(2.0 * number, {0: Shown(30, number)}, camera="front")
        lesson.show(2.0 * number, {0: Shown(30, number)}, camera="side")
    lesson.room.add_template(template(30))
    still = Shown(30, 4)
    assert lesson.show(10, {0: still}, camera="front").sightings[0].trainee == code(30)
    assert lesson.show(10, {0: still}, camera="side").sightings[0].trainee == code(30)


def test_a_name_falls_when_the_evidence_turns(open_lesson: OpenLesson) -> None:
    """Somebody is named on two lucky looks; the next ones show an unlike face in small steps."""
    lesson = open_lesson(noise=0.1)
    drifting = 70
    lesson.encoder.twins[drifting] = off(point(1), 0.15, 8)
    lesson.run(0, 6, {0: drifting})
    assert lesson.named_at(0)[4.0] == code(1)
    for step in range(1, 6):
        lesson.encoder.twins[drifting] = off(point(1), 0.15 + 0.1 * step, 8)
        lesson.run(150.0 * step, 150.0 * (step + 1), {0: drifting}, step_s=5)
    assert lesson.names[-1] is None


def test_a_poor_look_at_somebody_named_is_no_stranger(open_lesson: OpenLesson) -> None:
    """Glasses lead the landmarks astray now and then: a face like nobody's, in a named seat, for seconds."""
    lesson = open_lesson()
    lesson.run(0, 14, {0: 1, 1: 2})
    for number in range(6):
        begins_s = 14.0 + 16 * number
        lesson.run(begins_s, begins_s + 6, {0: STRANGER, 1: 2})
        lesson.run(begins_s + 6, begins_s + 16, {0: 1, 1: 2})
    assert lesson.keys() == set()
    assert lesson.names[-1] is not None


def test_who_stays_in_a_seat_that_somebody_left_is_a_stranger(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 20, {0: 1, 1: 2})
    lesson.run(20, 80, {0: STRANGER, 1: 2})
    assert lesson.keys() == {"unknown-1"}
    stranger = [key for t, key in lesson.unknown_at(0).items() if t >= 24]
    assert set(stranger) == {"unknown-1"}


def test_a_stranger_who_goes_and_sits_elsewhere_is_still_one(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 30, {0: 1, 5: STRANGER})
    lesson.run(30, 260, {0: 1}, step_s=10)
    lesson.run(260, 300, {0: 1, 3: STRANGER})
    assert lesson.keys() == {"unknown-1"}
    assert lesson.unknown_at(3)[298.0] == "unknown-1"


def test_two_strangers_are_two(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 30, {0: 1, 5: STRANGER, 6: STRANGER + 1})
    assert lesson.keys() == {"unknown-1", "unknown-2"}


def test_a_name_given_late_withdraws_the_stranger(open_lesson: OpenLesson) -> None:
    """Turned away first, then towards the camera: the flag that was due has no one left."""
    lesson = open_lesson(noise=0.2)
    lesson.encoder.twins[70] = off(point(1), 0.46, 8)
    lesson.run(0, 24, {0: 70})
    assert set(lesson.named_at(0).values()) == {None}
    assert lesson.keys() == {"unknown-1"}
    lesson.encoder.twins[70] = point(1)
    lesson.run(24, 120, {0: 70})
    assert set(lesson.named_at(0).values()) == {code(1)}
    assert lesson.keys() == set()


def test_a_face_too_poor_to_encode_keeps_the_name_of_its_place_for_seconds_only(
    open_lesson: OpenLesson,
) -> None:
    lesson = open_lesson()
    lesson.run(0, 6, {0: 1})
    for at_s in (6.0, 8.0, 10.0):
        lesson.show(at_s, {0: Shown(1, int(at_s), flat=True)})
    names = lesson.named_at(0)
    assert names[6.0] == names[8.0] == code(1)
    for at_s in (20.0, 30.0, 40.0):
        lesson.show(at_s, {0: Shown(1, int(at_s), flat=True)})
    assert lesson.named_at(0)[40.0] is None


def test_faces_below_the_policys_size_are_never_encoded(open_lesson: OpenLesson) -> None:
    lesson = open_lesson(policy=RecognitionPolicy(min_face_px=61))
    lesson.run(0, 20, {0: 1, 1: STRANGER})
    assert lesson.encoder.encoded == 0
    assert set(lesson.names) == {None}
    assert lesson.keys() == set()


def test_a_covered_lens_shows_nobody(open_lesson: OpenLesson) -> None:
    import numpy as np

    lesson = open_lesson()
    lesson.run(0, 6, {0: 1})
    dark = lesson.judge(6, np.full((360, 960, 3), 4, np.uint8))
    assert dark.lens == "covered"
    assert dark.sightings == ()
    assert dark.faces_found == 0
    assert lesson.show(8, {0: Shown(1, 50)}).sightings[0].trainee == code(1)


def test_sightings_give_score_margin_and_distance_of_the_best_trainee(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 4, {0: 1})
    last = lesson.sightings[-1]
    assert last.trainee == code(1)
    assert last.score > 9.2
    assert last.margin > 9.2
    assert last.distance is not None
    assert 0.1 < last.distance < 0.5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.sampled_from([None, 0, 1, 2, 3, 4, 91, 92]), min_size=4, max_size=4),
        min_size=3,
        max_size=8,
    )
)
def test_however_people_come_and_go_nobody_is_named_falsely_or_twice(
    open_lesson: OpenLesson, scenes: list[list[int | None]]
) -> None:
    """Each scene lasts five samples; a person stands in the first of the seats they were drawn for."""
    lesson = open_lesson(range(8))
    truth: dict[tuple[float, tuple[float, float]], int] = {}
    for number, scene in enumerate(scenes):
        faces = {
            place: who for place, who in enumerate(scene) if who is not None and who not in scene[:place]
        }
        for sample in range(5):
            at_s = 10.0 * number + 2 * sample
            truth |= {(at_s, seat(place)): who for place, who in faces.items()}
            lesson.show(at_s, {place: Shown(who, lesson.sequence) for place, who in faces.items()})
    assert lesson.twice_named() == []
    for sighting, name in zip(lesson.sightings, lesson.names, strict=True):
        who = truth[sighting.frame_pts_s, (sighting.box.x, sighting.box.y)]
        # What was assumed between two looks is taken back at the next; the last looks have none after them.
        if sighting.frame_pts_s < 10.0 * len(scenes) - 12:
            assert name in (None, code(who))


def test_times_do_not_matter_only_their_order(open_lesson: OpenLesson) -> None:
    first, second = open_lesson(), open_lesson()
    first.run(0, 20, {0: 1, 1: 2, 2: STRANGER})
    second.run(7200, 7220, {0: 1, 1: 2, 2: STRANGER})
    assert first.names == second.names
    assert first.unknown == second.unknown
    assert timedelta(0) < first.sightings[-1].at - first.sightings[0].at
