"""A lesson is judged whole or not at all: verdicts, flags, coverage and closing leaf in one unit of work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from models.attendance import ManualEntry, ManualKind, Mark, Presence, Status
from models.coverage import CLEAR, COVERED
from models.errors import Conflict, NotFound
from models.evidence import LeafKind
from models.flag_facts import SameFace
from models.flags import Flag, FlagKind, FlagState
from models.footage import Gap, GapCause, Segment
from models.frame import Box, FrameJudgement, Sighting
from models.policy import Policy
from models.register import (
    ConsentState,
    Correction,
    FaceTemplate,
    JudgedFrame,
    LessonRecord,
    TrainingClass,
)
from models.roster import Trainee
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.judging import (
    flag_leaf,
    judge_lesson,
    judge_trainee,
    lesson_facts,
    outcome_of,
    raise_live_flags,
    settle_flags,
)
from supervision_api.pipeline.observed_lesson import ObservedLesson
from supervision_api.reports.attendance_document import attendance_bytes
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
END = START + timedelta(minutes=45)
EVERY = timedelta(seconds=10)
PEOPLE = (Trainee("T001", "学员一", "11010119900307803X"), Trainee("T002", "学员二", "110101199003070775"))
LESSON = Lesson("L1", "C1", "care", START, END, cameras=("front",))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def instants(begin: float, end: float) -> list[datetime]:
    count = round((end - begin) * 6)
    return [at(begin) + n * EVERY for n in range(count + 1)]


def observed(
    seen: dict[str, tuple[float, float]],
    *,
    recognisable: tuple[str, ...] = ("T001", "T002"),
    watched: tuple[float, float] = (-1, 46),
    manual: dict[str, tuple[ManualEntry, ...]] | None = None,
    lens: str = CLEAR,
) -> ObservedLesson:
    """A lesson with those trainees seen from minute to minute, every ten seconds."""
    frames = tuple(JudgedFrame("L1", "front", one, 0.0, lens, 2, "m") for one in instants(*watched))
    return ObservedLesson(
        record=LessonRecord(LESSON, Policy(), LessonState.CLOSING),
        trainees=PEOPLE,
        recognisable=frozenset(recognisable),
        frames=frames,
        recorded={"front": (Interval(at(-5), at(50)),)},
        presences={
            code: tuple(Presence(one, "front", 12.0) for one in instants(*when))
            for code, when in seen.items()
        },
        unknown={},
        headcounts=(),
        gaps=(),
        manual=manual or {},
        sampling=EVERY,
    )


def test_who_was_there_is_present_and_who_was_not_is_absent() -> None:
    facts = observed({"T001": (0, 45)})
    assert [judge_trainee(facts, one).status for one in PEOPLE] == [Status.PRESENT, Status.ABSENT]


def test_who_has_no_template_cannot_be_missed_by_a_camera() -> None:
    facts = observed({}, recognisable=("T001",))
    assert judge_trainee(facts, PEOPLE[0]).status is Status.ABSENT
    assert judge_trainee(facts, PEOPLE[1]).status is Status.NOT_OBSERVABLE


def test_who_has_no_template_is_present_by_a_person_s_word() -> None:
    word = ManualEntry(ManualKind.INSTRUCTOR_CONFIRMED, None, "li", "未同意人脸识别")
    facts = observed({}, recognisable=(), manual={"T001": (word,)})
    assert judge_trainee(facts, PEOPLE[0]).status is Status.PRESENT


@pytest.mark.parametrize("lens", [COVERED, "frozen"])
def test_a_covered_camera_makes_nobody_absent(lens: str) -> None:
    facts = observed({}, lens=lens)
    assert {judge_trainee(facts, one).status for one in PEOPLE} == {Status.NOT_OBSERVABLE}


def test_equal_facts_give_equal_verdicts_byte_for_byte() -> None:
    first, again = (
        attendance_bytes(outcome_of(facts, [judge_trainee(facts, one) for one in PEOPLE], ()))
        for facts in (observed({"T001": (7, 45)}), observed({"T001": (7, 45)}))
    )
    assert first == again


def test_a_correction_that_waits_for_a_second_person_changes_no_flag() -> None:
    facts = observed({"T001": (0, 45)})
    verdicts = [judge_trainee(facts, one) for one in PEOPLE]
    raising = Correction("L1", "T002", "machine_missed", "", "li", END, "PRESENT", 1.0)
    waiting = lesson_facts(facts, verdicts, [raising]).standings[1]
    counting = lesson_facts(facts, verdicts, [replace(raising, approved_by="chief")]).standings[1]
    assert (waiting.status, waiting.credited_hours) == (Status.ABSENT, 0.0)
    assert (counting.status, counting.credited_hours) == (Status.PRESENT, 1.0)


def test_a_correction_changes_only_its_own_trainee() -> None:
    facts = observed({"T001": (0, 45), "T002": (0, 45)})
    verdicts = [judge_trainee(facts, one) for one in PEOPLE]
    lowering = Correction("L1", "T002", "fraud_found", "", "li", END, "ABSENT", 0.0)
    standings = lesson_facts(facts, verdicts, [lowering]).standings
    assert [one.status for one in standings] == [Status.PRESENT, Status.ABSENT]


def test_a_flag_s_leaf_tells_all_but_the_lesson_twice() -> None:
    leaf = flag_leaf(Flag(FlagKind.LATE, "L1", "T002", "default-1", (), ()), END)
    assert (leaf.kind, leaf.at, leaf.lesson_id) == (LeafKind.FLAG, END, "L1")
    assert leaf.body["subject"] == "T002"
    assert leaf.body["state"] == "open"
    assert "lesson_id" not in leaf.body


@dataclass(frozen=True)
class Court:
    """An installation with one closing lesson: T001 sat through it, T002 never came."""

    house: Installation
    clock: HandClock

    def judge(self, *pairs: SameFace) -> Any:
        with self.house.ledger.write() as work:
            return judge_lesson(work, "L1", self.clock.now(), pairs)

    def bodies(self, kind: LeafKind) -> list[dict[str, Any]]:
        with self.house.ledger.read() as work:
            rows = list(work.evidence.store.rows(LeafQuery("L1")))
        return [json.loads(row.record)["body"] for row in rows if row.kind is kind]

    def kinds(self) -> list[str]:
        with self.house.ledger.read() as work:
            return [row.kind.value for row in work.evidence.store.rows(LeafQuery("L1"))]

    def flags(self) -> dict[tuple[str, str], str]:
        with self.house.ledger.read() as work:
            return {
                (one.flag.kind.value, one.flag.subject): one.flag.state.value
                for one in work.flags.of_lesson("L1")
            }


@pytest.fixture
def court(settings: Settings) -> Iterator[Court]:
    clock = HandClock(END + timedelta(minutes=1))
    with open_installation(settings) as opened:
        house = replace(opened, clock=clock, ledger=replace(opened.ledger, clock=clock))
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "school", clock.at)
            work.classes.add(TrainingClass("C1", "care", "local"), clock.at)
            work.roster.add("C1", PEOPLE, clock.at)
            for number, person in enumerate(PEOPLE):
                work.roster.set_consent("C1", person.code, ConsentState.GIVEN, clock.at)
                embedding = np.full(128, 0.01 * (number + 1), np.float32)
                work.faces.add_template("C1", FaceTemplate(person.code, "net", embedding, 0.9, clock.at))
            work.lessons.add(LessonRecord(LESSON, Policy(), LessonState.CLOSING))
            work.footage.add_segment(
                Segment(
                    "S1", "L1", "front", 1, START, END, 0.0, 2700.0, "h264", 640, 360, 1000,
                    "cd" * 32, "footage/L1/front/000001.mp4", 270,
                )
            )  # fmt: skip
            work.sightings.add(list(judgements()))
        yield Court(house, clock)


def judgements() -> Iterator[FrameJudgement]:
    for number, one in enumerate(instants(0, 45), start=1):
        face = Sighting(one, "front", 0.0, Box(0, 0, 50, 50), "t1", "T001", 12.0, 9.0, 0.8)
        yield FrameJudgement("front", "L1", number, one, 0.0, 640, 360, CLEAR, 1, (face,), (), "model-1")


def test_judging_moves_the_lesson_and_keeps_a_verdict_for_each_trainee(court: Court) -> None:
    outcome = court.judge()
    assert [one.status for one in outcome.verdicts] == [Status.PRESENT, Status.ABSENT]
    with court.house.ledger.read() as work:
        assert work.lessons.get("L1").state is LessonState.JUDGED
        assert work.verdicts.of_lesson("L1") == outcome.verdicts
        assert work.verdicts.last_judged_at("L1") == court.clock.at
        assert work.footage.coverage("L1") == outcome.coverage_by_camera


def test_the_outcome_names_people_model_and_policy(court: Court) -> None:
    outcome = court.judge()
    assert outcome.names == {"T001": "学员一", "T002": "学员二"}
    assert (outcome.model, outcome.policy.version) == ("model-1", "default-1")


def test_coverage_verdicts_and_flags_are_leaves_and_the_closing_leaf_comes_last(court: Court) -> None:
    court.judge()
    kinds = court.kinds()
    assert kinds[0] == "coverage"
    assert kinds.count("verdict") == 2
    assert kinds[-1] == "lesson_closed"
    assert kinds.count("flag") == len(court.flags())
    verdicts = court.bodies(LeafKind.VERDICT)
    assert [(one["trainee"], one["status"]) for one in verdicts] == [("T001", "PRESENT"), ("T002", "ABSENT")]


def test_the_closing_leaf_counts_the_footage(court: Court) -> None:
    court.judge()
    (closing,) = court.bodies(LeafKind.LESSON_CLOSED)
    assert "front" in json.dumps(closing)
    assert closing["leaves"] == len(court.kinds())


def test_the_log_stays_whole_over_a_judgement(court: Court) -> None:
    court.judge()
    with court.house.ledger.read() as work:
        assert audit_log(work.evidence.store, court.house.settings.origin) == ()


def test_the_absence_is_flagged_and_nothing_of_who_was_there(court: Court) -> None:
    court.judge()
    assert court.flags()["absence", "T002"] == "open"
    assert not [subject for _, subject in court.flags() if subject == "T001"]


def test_one_face_under_two_numbers_is_flagged_with_the_judgement(court: Court) -> None:
    court.judge(SameFace("T001", "T002", 0.2))
    assert "duplicate_identity" in {kind for kind, _ in court.flags()}


def test_a_lesson_is_judged_once(court: Court) -> None:
    court.judge()
    before = court.kinds()
    with pytest.raises(Conflict):
        court.judge()
    assert court.kinds() == before


@pytest.mark.parametrize("state", [LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING])
def test_a_lesson_that_is_not_closing_is_not_judged_and_leaves_no_trace(
    court: Court, state: LessonState
) -> None:
    with court.house.ledger.write() as work:
        work.lessons.add(LessonRecord(replace(LESSON, lesson_id="L2"), Policy(), state))
    with pytest.raises(Conflict), court.house.ledger.write() as work:
        judge_lesson(work, "L2", court.clock.now())
    with court.house.ledger.read() as work:
        assert work.lessons.get("L2").state is state
        assert work.verdicts.of_lesson("L2") == ()
        assert list(work.evidence.store.rows(LeafQuery("L2"))) == []


def test_a_lesson_nobody_knows_is_not_found(court: Court) -> None:
    with pytest.raises(NotFound), court.house.ledger.write() as work:
        judge_lesson(work, "L9", court.clock.now())


def test_a_defect_after_the_verdicts_takes_all_of_it_back(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("supervision_api.pipeline.judging.camera_totals", broken)
    with pytest.raises(ZeroDivisionError):
        court.judge()
    assert court.kinds() == []
    assert court.flags() == {}
    with court.house.ledger.read() as work:
        assert work.verdicts.of_lesson("L1") == ()
        assert work.lessons.get("L1").state is LessonState.CLOSING


def test_a_running_lesson_s_flags_change_once_and_each_change_is_a_leaf(court: Court) -> None:
    with court.house.ledger.write() as work:
        work.footage.add_gap(Gap("L1", "front", at(10), at(15), GapCause.STREAM_LOST))
    changes = []
    for _ in range(2):
        with court.house.ledger.write() as work:
            changes.append(raise_live_flags(work, "L1", court.clock.now()))
    assert changes[0]
    assert changes[1] == ()
    assert court.kinds().count("flag") == len(changes[0])


def test_a_cause_that_is_gone_withdraws_its_flag_with_a_leaf(court: Court) -> None:
    flag = Flag(FlagKind.LATE, "L1", "T001", "default-1", (), ())
    kinds = frozenset({FlagKind.LATE})
    with court.house.ledger.write() as work:
        settle_flags(work, "L1", [flag], kinds, court.clock.now())
    with court.house.ledger.write() as work:
        (gone,) = settle_flags(work, "L1", [], kinds, court.clock.now())
    assert gone.state is FlagState.WITHDRAWN
    assert [one["state"] for one in court.bodies(LeafKind.FLAG)] == ["open", "withdrawn"]


def test_a_forged_verdict_no_longer_fits_its_leaf(court: Court) -> None:
    court.judge()
    told = {one["trainee"]: one for one in court.bodies(LeafKind.VERDICT)}
    with court.house.ledger.write() as work:
        forged = replace(work.verdicts.of_lesson("L1")[1], status=Status.PRESENT, marks=(Mark.LATE,))
        work.verdicts.save([forged], court.clock.now())
    with court.house.ledger.read() as work:
        assert work.verdicts.of_lesson("L1")[1].status.value != told["T002"]["status"]
        assert audit_log(work.evidence.store, court.house.settings.origin) == ()
