"""A trainee who sat there and was never named: from the recogniser's word to verdict, flags and papers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.attendance import ManualEntry, ManualKind, Status, Verdict
from models.coverage import CLEAR
from models.evidence import LeafKind
from models.flags import FlagKind
from models.footage import Segment
from models.frame import Box, FrameJudgement, Resemblance, Sighting
from models.policy import Policy, RecognitionPolicy
from models.register import ConsentState, FaceTemplate, LessonRecord, TrainingClass
from models.resemblance import NOTE, hint_in
from models.roster import Trainee
from models.timetable import Lesson, LessonState
from storage.leaf_store import LeafQuery
from supervision_api.actions.consent import record_consent
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.judging import judge_lesson
from supervision_api.pipeline.offline import AttendJob, attend
from supervision_api.pipeline.rejudging import rejudge_lesson
from supervision_api.reports.attendance_document import attendance_document
from supervision_api.reports.lesson_outcome import LessonOutcome
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
END = START + timedelta(minutes=45)
EVERY = timedelta(seconds=10)
PEOPLE = (Trainee("T001", "学员一", "11010119900307803X"), Trainee("T002", "学员二", "110101199003070775"))
LESSON = Lesson("L1", "C1", "care", START, END, cameras=("front",))


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    """A closing lesson: T001 sat through it, and so did somebody unknown who was seen best at 09:12."""
    clock = HandClock(END + timedelta(minutes=1))
    with open_installation(settings) as opened:
        house = replace(opened, clock=clock, ledger=replace(opened.ledger, clock=clock))
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "school", clock.at)
            work.classes.add(TrainingClass("C1", "care", "local"), clock.at)
            work.roster.add("C1", PEOPLE, clock.at, ConsentState.GIVEN)
            for number, person in enumerate(PEOPLE):
                embedding = np.full(128, 0.01 * (number + 1), np.float32)
                work.faces.add_template("C1", FaceTemplate(person.code, "net", embedding, 0.9, clock.at))
            work.lessons.add(LessonRecord(LESSON, Policy(), LessonState.CLOSING))
            work.footage.add_segment(
                Segment(
                    "S1", "L1", "front", 1, START, END, 0.0, 2700.0, "h264", 640, 360, 1000,
                    "cd" * 32, "footage/L1/front/000001.mp4", 270,
                )
            )  # fmt: skip
        yield house


def seen(house: Installation, *told: Resemblance) -> None:
    """All judged frames of the lesson; the last one brings the resemblances."""
    with house.ledger.write() as work:
        work.sightings.add(list(judgements(told)))


def judgements(told: tuple[Resemblance, ...]) -> Iterator[FrameJudgement]:
    count = (END - START) // EVERY
    for number in range(count + 1):
        at = START + number * EVERY
        quality = 0.9 if at == START + timedelta(minutes=12) else 0.5
        faces = (
            Sighting(at, "front", 0.0, Box(0, 0, 50, 50), "t1", "T001", 12.0, 9.0, 0.8),
            Sighting(at, "front", 0.0, Box(90, 0, 50, 50), "t2", None, 3.0, 2.0, quality, "unknown-1"),
        )
        last = told if number == count else ()
        yield FrameJudgement("front", "L1", number, at, 0.0, 640, 360, CLEAR, 2, faces, (), "model-1", last)


def alike(trainee: str = "T002", evidence: float = 3.0) -> Resemblance:
    return Resemblance("unknown-1", trainee, evidence, 2.0)


def judge(house: Installation) -> LessonOutcome:
    with house.ledger.write() as work:
        return judge_lesson(work, "L1", house.clock.now())


def of(outcome: LessonOutcome, code: str) -> Verdict:
    (found,) = [one for one in outcome.verdicts if one.trainee == code]
    return found


def stored(house: Installation, code: str) -> Verdict:
    with house.ledger.read() as work:
        found = work.verdicts.find("L1", code)
    assert found is not None
    return found


def flag_codes(house: Installation) -> dict[FlagKind, list[str]]:
    with house.ledger.read() as work:
        flags = [one.flag for one in work.flags.of_lesson("L1")]
    return {flag.kind: [reason.code for reason in flag.reasons] for flag in flags}


def leaves(house: Installation, kind: LeafKind) -> list[dict[str, Any]]:
    with house.ledger.read() as work:
        return [json.loads(row.record)["body"] for row in work.evidence.store.rows(LeafQuery(kinds=(kind,)))]


def test_the_verdict_points_at_the_best_instant_of_who_resembles_the_absent_one(house: Installation) -> None:
    seen(house, alike())
    verdict = of(judge(house), "T002")
    hint = hint_in(verdict)
    assert verdict.status is Status.ABSENT
    assert hint is not None
    assert (hint.unknown, hint.link.at, hint.link.camera_id) == (
        "unknown-1",
        START + timedelta(minutes=12),
        "front",
    )
    assert stored(house, "T002") == verdict


def test_the_leaf_of_the_verdict_holds_the_note(house: Installation) -> None:
    seen(house, alike())
    judge(house)
    (body,) = [one for one in leaves(house, LeafKind.VERDICT) if one["trainee"] == "T002"]
    assert NOTE in json.dumps(body)
    assert "resembles" in json.dumps(body["evidence"])


def test_only_words_and_links_differ_from_a_lesson_without_it(house: Installation) -> None:
    seen(house, alike())
    with_note = of(judge(house), "T002")
    with house.ledger.write() as work:
        work.resemblances.forget("C1", "T002")
    rejudge_lesson(house, "L1")
    without = stored(house, "T002")
    assert hint_in(without) is None
    bare = replace(with_note, reasons=without.reasons, evidence=without.evidence)
    assert bare == without


@pytest.mark.parametrize("told", [alike(evidence=1.39), alike("T001", 9.0), alike("T404", 9.0)])
def test_too_weak_a_likeness_or_one_to_somebody_else_is_not_told(
    house: Installation, told: Resemblance
) -> None:
    seen(house, told)
    assert [hint_in(one) for one in judge(house).verdicts] == [None, None]


def test_absence_and_stranger_are_flagged_with_the_note(house: Installation) -> None:
    seen(house, alike())
    judge(house)
    codes = flag_codes(house)
    assert codes[FlagKind.ABSENCE] == ["never_seen", NOTE]
    assert codes[FlagKind.STRANGER] == ["stranger_stayed", NOTE]


def test_the_papers_say_whom_the_unknown_person_resembles(house: Installation) -> None:
    seen(house, alike())
    document = attendance_document(judge(house))
    (person,) = document["unknown_people"]
    assert (person["key"], person["resembles"]) == ("unknown-1", "T002")
    (absent,) = [one for one in document["trainees"] if one["code"] == "T002"]
    (link,) = [one for one in absent["evidence"] if one["shows"] == "resembles"]
    assert link["lesson_offset_s"] == 720.0


def test_a_withdrawn_consent_erases_the_likeness_and_nobody_is_likened_again(house: Installation) -> None:
    seen(house, alike())
    with house.ledger.write() as work:
        record_consent(work, "C1", "T002", "withdrawn", "wang", house.clock.now())
        assert work.resemblances.of_lesson("L1") == ()
    (erasure,) = leaves(house, LeafKind.ERASURE)
    assert erasure["templates"] == 1
    verdict = of(judge(house), "T002")
    assert (verdict.status, hint_in(verdict)) == (Status.NOT_OBSERVABLE, None)


def test_a_likeness_to_somebody_without_a_face_is_not_even_read(house: Installation) -> None:
    """Whatever a table may hold: the verdict asks for a template first."""
    seen(house, alike())
    with house.ledger.write() as work:
        work.faces.erase("C1", "T002")
        assert work.resemblances.of_lesson("L1") != ()
    assert hint_in(of(judge(house), "T002")) is None


def test_an_instructor_s_word_takes_the_note_and_its_flags_back(house: Installation) -> None:
    seen(house, alike())
    judge(house)
    word = ManualEntry(ManualKind.INSTRUCTOR_CONFIRMED, None, "li", "looked at the footage")
    with house.ledger.write() as work:
        work.verdicts.add_manual("L1", "T002", word, house.clock.now())
    rejudge_lesson(house, "L1")
    verdict = stored(house, "T002")
    assert (verdict.status, hint_in(verdict)) == (Status.PRESENT, None)
    assert flag_codes(house)[FlagKind.STRANGER] == ["stranger_stayed"]


@pytest.mark.xdist_group("drawn lesson")
def test_drawn_trainees_whom_nobody_named_are_found_by_their_notes(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    """Odds that no evidence reaches: all are missed, and each note points at the one who sat there."""
    odds = tmp_path / "strict.toml"
    odds.write_text(
        (drawn_lesson / "lesson.toml").read_text() + "\n[policy.recognition]\nnaming_odds = 1e12\n"
    )
    job = AttendJob(drawn_lesson / "roster", (drawn_lesson / "lesson.mp4",), odds, tmp_path / "out")
    outcome = attend(settings, job, lambda _share, _what: None).outcome
    assert {one.status for one in outcome.verdicts} <= {Status.ABSENT, Status.NOT_OBSERVABLE}
    pointed = {one.trainee: hint.unknown for one in outcome.verdicts if (hint := hint_in(one)) is not None}
    truth = json.loads((drawn_lesson / "ground_truth.json").read_text())
    visible = {one["code"]: one["visible"] for one in truth["people"] if one["code"]}
    came = {one["code"] for one in truth["expected"] if one["status"] == "PRESENT"}
    assert came <= pointed.keys(), "everybody who sat through it is pointed at"
    assert len(set(pointed.values())) == len(pointed), "each by a person of their own"
    for verdict in outcome.verdicts:
        hint = hint_in(verdict)
        if hint is not None:
            at_s = (hint.link.at - outcome.lesson.starts_at).total_seconds()
            assert any(begin - 6 <= at_s <= end + 6 for begin, end in visible[verdict.trainee])


def test_the_floor_is_a_policy_of_the_lesson(house: Installation) -> None:
    assert RecognitionPolicy().resemblance_floor == 1.4
    strict = replace(Policy(), recognition=replace(RecognitionPolicy(), resemblance_floor=5.0))
    with house.ledger.write() as work:
        work.lessons.add(LessonRecord(replace(LESSON, lesson_id="L2"), strict, LessonState.CLOSING))
        work.sightings.add([replace(one, lesson_id="L2") for one in judgements((alike(),))])
    with house.ledger.write() as work:
        outcome = judge_lesson(work, "L2", house.clock.now())
    assert [hint_in(one) for one in outcome.verdicts] == [None, None]
