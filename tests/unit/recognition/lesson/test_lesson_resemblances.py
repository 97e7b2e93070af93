"""Whom unknown people resemble in a lesson: told while it lasts, taken back when somebody is known better."""

from __future__ import annotations

import pytest

from models.frame import FrameJudgement, Resemblance
from models.policy import RecognitionPolicy
from recognition.identity_evidence import chance_penalty
from tests.unit.recognition.lesson.conftest import OpenLesson
from tests.unit.recognition.lesson.painted import Lesson, Shown, code, off, point, template

STRANGER = 90
UNREACHABLE = RecognitionPolicy(naming_odds=1e12)
"""Nobody is ever named, so everybody on the roster is somebody who was missed."""

SITTER = 40
"""Looks like trainee 1, but from so far that no name follows."""


class Kept:
    """What a database would hold: the last word on each unknown person."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.rows: dict[str, Resemblance] = {}
        self.told = 0

    def take(self, judgement: FrameJudgement) -> None:
        for one in judgement.resemblances:
            self.told += 1
            self.rows.pop(one.unknown_person, None)
            if one.trainee is not None:
                self.rows[one.unknown_person] = one

    def run(self, from_s: float, to_s: float, faces: dict[int, int], camera: str = "front") -> None:
        at_s = from_s
        while at_s < to_s:
            moving = {place: Shown(who, pose=self.lesson.sequence) for place, who in faces.items()}
            self.take(self.lesson.show(at_s, moving, camera))
            at_s += 2.0

    @property
    def pairs(self) -> dict[str, str | None]:
        return {key: one.trainee for key, one in self.rows.items()}


def far(lesson: Lesson, person: int = 1, *, looks_like: int = SITTER, distance: float = 0.42) -> None:
    """The sitter's real place: off a trainee's, too far for a name."""
    lesson.encoder.twins[looks_like] = off(point(person), distance, 7)


def test_each_missed_trainee_is_resembled_by_who_sat_there(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson(policy=UNREACHABLE))
    kept.run(0, 60, {0: 1, 1: 2, 5: 3})
    places = {place: set(kept.lesson.unknown_at(place).values()) for place in (0, 1, 5)}
    assert {len(keys) for keys in places.values()} == {1}
    by_place = {place: kept.pairs[str(next(iter(keys)))] for place, keys in places.items()}
    assert by_place == {0: code(1), 1: code(2), 5: code(3)}


def test_evidence_and_lead_are_what_a_name_would_have_needed(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson(policy=UNREACHABLE))
    kept.run(0, 60, {0: 1})
    (row,) = kept.rows.values()
    assert 0.0 < row.evidence <= 16.0 - chance_penalty(12)
    assert row.lead > 0.0


def test_a_stranger_resembles_nobody(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson())
    kept.run(0, 60, {0: 1, 5: STRANGER})
    assert kept.lesson.keys() == {"unknown-1"}
    assert kept.rows == {}


def test_who_is_named_resembles_nobody(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson())
    kept.run(0, 60, {0: 1, 1: 2})
    assert kept.told == 0


def test_somebody_too_far_for_a_name_is_told(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson())
    far(kept.lesson)
    kept.run(0, 60, {0: SITTER})
    assert set(kept.lesson.names) == {None}
    assert list(kept.pairs.values()) == [code(1)]


def test_nobody_is_likened_to_a_trainee_who_is_in_the_same_picture(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson())
    far(kept.lesson)
    kept.run(0, 60, {0: SITTER, 5: 1})
    assert code(1) in kept.lesson.names
    assert code(1) not in kept.pairs.values()


def test_who_was_once_seen_beside_a_trainee_is_never_likened_to_them_later(open_lesson: OpenLesson) -> None:
    """The trainee leaves; the other, who resembles them, stays for minutes."""
    kept = Kept(open_lesson())
    far(kept.lesson)
    kept.run(0, 40, {0: SITTER, 5: 1})
    kept.run(40, 240, {0: SITTER})
    assert code(1) not in kept.pairs.values()


def test_who_came_first_is_no_longer_likened_once_the_trainee_sits_beside(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson())
    far(kept.lesson)
    kept.run(0, 40, {0: SITTER})
    assert list(kept.pairs.values()) == [code(1)]
    kept.run(40, 60, {0: SITTER, 5: 1})
    assert kept.rows == {}


def test_a_name_that_is_given_later_takes_back_what_was_told_of_others(open_lesson: OpenLesson) -> None:
    """They were in one picture, both unnamed; the other has left when the trainee's name is found."""
    kept = Kept(open_lesson(policy=RecognitionPolicy(naming_frames=14)))
    far(kept.lesson)
    kept.run(0, 22, {0: SITTER, 5: 1})
    assert code(1) in kept.pairs.values()
    kept.run(22, 40, {5: 1})
    assert code(1) in kept.lesson.names
    assert code(1) not in kept.pairs.values()


def test_who_gets_the_name_in_the_end_resembles_nobody(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson(policy=RecognitionPolicy(naming_frames=14)))
    kept.run(0, 24, {0: 1})
    assert list(kept.pairs.values()) == [code(1)]
    kept.run(24, 40, {0: 1})
    assert code(1) in kept.lesson.names
    assert kept.rows == {}


def test_a_photo_added_in_the_lesson_is_looked_at_for_people_who_left(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson((*range(2, 13),)))
    kept.run(0, 60, {0: 1, 5: 2})
    assert code(1) not in kept.pairs.values()
    kept.lesson.room.add_template(template(1))
    kept.run(60, 64, {0: Shown(1).person, 5: 2})
    assert code(1) in (*kept.pairs.values(), *kept.lesson.names)


def test_one_person_before_two_cameras_is_told_by_all_looks_together(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson(policy=UNREACHABLE))
    kept.run(0, 40, {0: 1})
    alone = dict(kept.rows)
    kept.run(40, 80, {3: 1}, camera="back")
    assert set(kept.pairs.values()) == {code(1)}
    assert kept.lesson.keys() == set(alone) == set(kept.rows)
    (before,), (after,) = alone.values(), kept.rows.values()
    assert after.evidence >= before.evidence


def test_people_who_turn_out_to_be_one_leave_one_word(open_lesson: OpenLesson) -> None:
    kept = Kept(open_lesson(policy=UNREACHABLE))
    kept.run(0, 40, {0: 1})
    kept.run(300, 340, {7: 1})
    assert set(kept.rows) == kept.lesson.keys()


def test_nothing_is_told_twice(open_lesson: OpenLesson) -> None:
    """A still person who is not encoded anew is no news."""
    kept = Kept(open_lesson(policy=UNREACHABLE))
    kept.run(0, 40, {0: 1})
    told = kept.told
    still = {0: Shown(1, pose=kept.lesson.sequence - 1)}
    for second in range(40, 50, 2):
        kept.take(kept.lesson.show(second, still))
    assert kept.told - told <= 5


@pytest.mark.parametrize("people", [(), (1,)])
def test_a_roster_of_hardly_anybody_works_as_any(open_lesson: OpenLesson, people: tuple[int, ...]) -> None:
    kept = Kept(open_lesson(people, policy=UNREACHABLE))
    kept.run(0, 60, {0: 1, 1: STRANGER})
    assert set(kept.pairs.values()) <= {code(1)}
