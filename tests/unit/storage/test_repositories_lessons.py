"""Lessons, footage, uploads, verdicts and flags as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from models.attendance import ManualEntry, ManualKind, Mark, Reason, Status, Verdict
from models.errors import Conflict, InvalidInput, NotFound
from models.flags import Flag, FlagKind, FlagState
from models.footage import Gap, GapCause, Segment, StoredObject
from models.policy import Policy
from models.register import Correction, LessonRecord, TrainingClass, Upload, UploadKind, UploadState
from models.timeline import Interval
from models.timetable import LessonState
from storage.repositories import FlagFilter, LessonFilter
from storage.unit_of_work import Ledger

MINUTE = timedelta(minutes=1)
NewLesson = Callable[..., LessonRecord]
NewSegment = Callable[..., Segment]


def test_a_lesson_comes_back_whole(with_lesson: Ledger, new_lesson: NewLesson, now: datetime) -> None:
    record = replace(
        new_lesson(
            "L2",
            now + timedelta(days=1),
            breaks=(Interval(now + timedelta(days=1, minutes=20), now + timedelta(days=1, minutes=25)),),
            cameras=("cam1", "cam2"),
            online=True,
            planned_hours=1.5,
            instructor="王老师",
        ),
        roll_call_seed="abc",
        policy=replace(Policy(), version="荷泽-2"),
    )
    with with_lesson.write() as work:
        work.lessons.add(record)
        with pytest.raises(Conflict):
            work.lessons.add(record)
    with with_lesson.read() as work:
        assert work.lessons.get("L2") == record
        assert work.lessons.find("L3") is None
        with pytest.raises(NotFound):
            work.lessons.get("L3")


@pytest.mark.parametrize("bad", [{"lesson_id": "../up"}, {"cameras": ("a/b",)}])
def test_ids_that_cannot_name_folders_are_refused(
    with_lesson: Ledger, new_lesson: NewLesson, bad: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput), with_lesson.write() as work:
        work.lessons.add(new_lesson(**({"lesson_id": "L2"} | bad)))


def test_a_day_holds_every_lesson_that_touches_it(
    with_lesson: Ledger, new_lesson: NewLesson, now: datetime
) -> None:
    midnight = now.replace(hour=16)  # in Shanghai
    with with_lesson.write() as work:
        work.lessons.add(new_lesson("over", midnight - 10 * MINUTE))
        work.lessons.add(new_lesson("next", midnight))
    day = Interval(midnight - timedelta(days=1), midnight)
    with with_lesson.read() as work:
        assert [record.lesson.lesson_id for record in work.lessons.within(day)] == ["L1", "over"]


def test_lessons_page_newest_first_through_filters(
    with_lesson: Ledger, new_lesson: NewLesson, now: datetime
) -> None:
    with with_lesson.write() as work:
        for number in range(2, 7):
            state = "planned" if number % 2 else "running"
            work.lessons.add(new_lesson(f"L{number}", now, state=state))
    wanted = LessonFilter(
        Interval(now, now + MINUTE), class_code="C1", states=(LessonState.RUNNING, LessonState.OPEN)
    )
    ids: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        with with_lesson.read() as work:
            got = work.lessons.page(wanted, cursor, limit=1)
        ids += [record.lesson.lesson_id for record in got.items]
        cursor = got.next_cursor
        if cursor is None:
            break
    assert ids == ["L6", "L4", "L2", "L1"]


def test_timers_find_lessons_by_state_and_start(
    with_lesson: Ledger, new_lesson: NewLesson, now: datetime
) -> None:
    with with_lesson.write() as work:
        work.lessons.add(new_lesson("L2", now + timedelta(hours=1), state="planned"))
    with with_lesson.read() as work:
        states = (LessonState.PLANNED, LessonState.RUNNING)
        assert [r.lesson.lesson_id for r in work.lessons.in_states(states)] == ["L1", "L2"]
        assert [r.lesson.lesson_id for r in work.lessons.in_states(states, before=now + MINUTE)] == ["L1"]


def test_a_sealed_lesson_does_not_change(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        sealed = work.lessons.move("L1", LessonState.RUNNING, LessonState.SEALED)
        with pytest.raises(Conflict, match="sealed"):
            work.lessons.change(replace(sealed, roll_call_seed="x"))
        with pytest.raises(Conflict, match="sealed"):
            work.verdicts.save([verdict()], now)
        with pytest.raises(Conflict, match="sealed"):
            work.verdicts.add_manual("L1", "T1", ManualEntry(ManualKind.LEAVE_APPROVED, None, "a", "r"), now)


def test_a_changed_lesson_keeps_its_new_values(with_lesson: Ledger) -> None:
    with with_lesson.write() as work:
        record = work.lessons.get("L1")
        changed = work.lessons.change(replace(record, roll_call_seed="seed"))
    assert (changed.roll_call_seed, changed.revision) == ("seed", record.revision + 1)


def test_segments_come_back_in_order_and_once(with_lesson: Ledger, new_segment: NewSegment) -> None:
    with with_lesson.write() as work:
        for sequence in (2, 1, 3):
            assert work.footage.add_segment(new_segment(sequence))
        assert not work.footage.add_segment(new_segment(2))
        assert work.footage.add_segment(new_segment(1, segment_id="b", camera_id="cam2"))
    with with_lesson.read() as work:
        assert work.footage.segments("L1", "cam1") == tuple(new_segment(n) for n in (1, 2, 3))
        assert len(work.footage.segments("L1")) == 4
        assert work.footage.get_segment("seg-2") == new_segment(2)
        assert work.footage.next_sequence("L1", "cam1") == 4
        assert work.footage.next_sequence("L1", "cam9") == 1
        with pytest.raises(NotFound):
            work.footage.get_segment("seg-9")


@pytest.mark.parametrize("other", [{"segment_id": "else"}, {"sha256": "f" * 64}])
def test_two_files_for_one_place_are_a_conflict(
    with_lesson: Ledger, new_segment: NewSegment, other: dict[str, str]
) -> None:
    with with_lesson.write() as work:
        work.footage.add_segment(new_segment(1))
        with pytest.raises(Conflict, match="other content"):
            work.footage.add_segment(new_segment(1, **other))


def test_gaps_are_booked_once_and_move_the_account(
    with_lesson: Ledger, new_segment: NewSegment, now: datetime
) -> None:
    gap = Gap("L1", "cam1", now + MINUTE, now + 3 * MINUTE, GapCause.STREAM_LOST, "x" * 2000)
    with with_lesson.write() as work:
        assert work.footage.accounted_until("L1", "cam1") is None
        work.footage.add_segment(new_segment(1))
        assert work.footage.accounted_until("L1", "cam1") == now + MINUTE
        assert work.footage.add_gap(gap)
        assert not work.footage.add_gap(gap)
        assert work.footage.accounted_until("L1", "cam1") == now + 3 * MINUTE
    with with_lesson.read() as work:
        assert work.footage.gaps("L1") == (replace(gap, detail="x" * 1000),)
        assert work.footage.gaps("L1", "cam2") == ()


def test_coverage_that_touches_becomes_one(with_lesson: Ledger, now: datetime) -> None:
    def piece(start: float, end: float) -> Interval:
        return Interval(now + start * MINUTE, now + end * MINUTE)

    with with_lesson.write() as work:
        for start, end in ((0, 1), (1, 2), (5, 6), (7, 8), (1.5, 2.5)):
            work.footage.add_coverage("L1", "cam1", piece(start, end))
        work.footage.add_coverage("L1", "cam2", piece(0, 9))
        assert work.footage.coverage("L1")["cam1"] == (piece(0, 2.5), piece(5, 6), piece(7, 8))
        work.footage.add_coverage("L1", "cam1", piece(2, 7.5))
    with with_lesson.read() as work:
        assert work.footage.coverage("L1") == {"cam1": (piece(0, 8),), "cam2": (piece(0, 9),)}


def upload(number: int, now: datetime) -> Upload:
    return Upload(
        upload_id=f"u{number}",
        kind=UploadKind.SEGMENT,
        lesson_id="L1",
        camera_id="cam1",
        sequence=number,
        path=f"/spool/{number}",
        object_key=f"footage/{number}",
        sha256=f"{number:064x}",
        size_bytes=10 * number,
        retain_until=now + timedelta(days=1),
        state=UploadState.WAITING,
        queued_at=now + number * MINUTE,
    )


def receipt_of(item: Upload, now: datetime) -> StoredObject:
    return StoredObject(
        item.object_key, "v", item.size_bytes, item.sha256, "e", "COMPLIANCE", item.retain_until, False, now
    )


def test_uploads_wait_in_order_and_failures_wait_longer(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        assert work.uploads.queue(upload(2, now))
        assert work.uploads.queue(upload(1, now))
        assert not work.uploads.queue(upload(1, now))
        assert work.uploads.next_waiting(now) == upload(1, now)
        work.uploads.note_failure("u1", "disk_full", now + MINUTE)
        assert work.uploads.next_waiting(now) == upload(2, now)
        backlog = work.uploads.backlog()
        assert (backlog.files, backlog.size_bytes, backlog.oldest_at) == (2, 30, now + MINUTE)
        again = work.uploads.next_waiting(now + MINUTE)
        assert again is not None
        assert (again.upload_id, again.attempts, again.problem) == ("u1", 1, "disk_full")


def test_a_receipt_is_kept_once_and_only_for_the_same_bytes(with_lesson: Ledger, now: datetime) -> None:
    item = upload(1, now)
    stored = receipt_of(item, now)
    with with_lesson.write() as work:
        work.uploads.queue(item)
        assert work.uploads.receipt("u1") is None
        with pytest.raises(Conflict, match="no receipt"):
            work.uploads.note_cleared("u1")
        with pytest.raises(Conflict, match="other bytes"):
            work.uploads.note_stored("u1", replace(stored, sha256="f" * 64))
        assert work.uploads.note_stored("u1", stored)
        assert not work.uploads.note_stored("u1", stored)
        assert work.uploads.receipt("u1") == stored
        work.uploads.note_cleared("u1")
    with with_lesson.write() as work:
        assert work.uploads.receipt("u1") == stored
        assert work.uploads.in_state(UploadState.CLEARED, "L1")[0].upload_id == "u1"
        assert work.uploads.backlog().files == 0
        work.uploads.reopen("u1", "not_confirmed")
        assert work.uploads.next_waiting(now) is not None


def verdict(trainee: str = "T1", lesson_id: str = "L1", status: Status = Status.PRESENT) -> Verdict:
    return Verdict(
        lesson_id, trainee, status, (Mark.LATE,), None, None, (), (), 40.5, 45.0, 36.0, 0.5,
        (Reason("late", (("minutes", "6"),)),), (), "default-1",
    )  # fmt: skip


def test_verdicts_are_replaced_by_later_ones(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        work.verdicts.save([verdict("T2"), verdict("T1")], now)
        work.verdicts.save([verdict("T1", status=Status.PARTIAL)], now)
    with with_lesson.read() as work:
        assert work.verdicts.of_lesson("L1") == (verdict("T1", status=Status.PARTIAL), verdict("T2"))
        assert work.verdicts.find("L1", "T3") is None


def test_a_trainees_verdicts_come_by_lesson_start(
    with_lesson: Ledger, new_lesson: NewLesson, now: datetime
) -> None:
    with with_lesson.write() as work:
        work.lessons.add(new_lesson("L0", now + timedelta(days=1)))
        work.verdicts.save([verdict(lesson_id="L0"), verdict()], now)
        assert [v.lesson_id for v in work.verdicts.of_trainee("C1", "T1")] == ["L1", "L0"]
        assert work.verdicts.of_trainee("C2", "T1") == ()


def correction(now: datetime, **changes: object) -> Correction:
    values: dict[str, object] = {
        "lesson_id": "L1",
        "trainee": "T1",
        "reason_code": "camera_view",
        "reason": "坐在柱子后面",
        "actor": "wang",
        "at": now,
        "status": "PRESENT",
        "credited_hours": 1.0,
    }
    return Correction(**(values | changes))  # type: ignore[arg-type]


def test_a_correction_stands_beside_the_machines_verdict(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        work.verdicts.save([verdict()], now)
        first = work.verdicts.correct(correction(now))
        second = work.verdicts.correct(correction(now + MINUTE, status=None))
        (record,) = work.verdicts.records("L1")
    assert record.verdict == verdict()
    assert record.corrections == (first, second)
    assert first.correction_id != second.correction_id


def test_corrections_come_oldest_first_for_one_trainee_or_the_lesson(
    with_lesson: Ledger, now: datetime
) -> None:
    with with_lesson.write() as work:
        work.verdicts.save([verdict(), verdict("T2")], now)
        later = work.verdicts.correct(correction(now + MINUTE))
        other = work.verdicts.correct(correction(now + MINUTE / 2, trainee="T2"))
        first = work.verdicts.correct(correction(now))
        assert work.verdicts.corrections("L1") == (first, other, later)
        assert work.verdicts.corrections("L1", "T1") == (first, later)
        assert work.verdicts.corrections("L1", "T9") == ()
        assert work.verdicts.corrections("L9") == ()


def test_a_segment_is_found_by_its_id_or_missed(with_lesson: Ledger, new_segment: NewSegment) -> None:
    with with_lesson.write() as work:
        assert work.footage.find_segment("seg-1") is None
        work.footage.add_segment(new_segment())
        assert work.footage.find_segment("seg-1") == new_segment()
        assert work.footage.get_segment("seg-1") == new_segment()
        with pytest.raises(NotFound):
            work.footage.get_segment("seg-2")


def test_hours_are_raised_by_two_people(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        work.verdicts.save([verdict()], now)
        kept = work.verdicts.correct(correction(now))
        with pytest.raises(Conflict):
            work.verdicts.approve(kept.correction_id, "wang")
        assert work.verdicts.approve(kept.correction_id, "li").approved_by == "li"
        with pytest.raises(Conflict):
            work.verdicts.approve(kept.correction_id, "zhao")
        with pytest.raises(NotFound):
            work.verdicts.approve("none", "li")
        with pytest.raises(NotFound):
            work.verdicts.correct(correction(now, trainee="T9"))


def test_manual_entries_come_by_trainee_in_order(with_lesson: Ledger, now: datetime) -> None:
    leave = ManualEntry(ManualKind.LEAVE_APPROVED, None, "wang", "病假")
    seen = ManualEntry(ManualKind.INSTRUCTOR_CONFIRMED, Interval(now, now + MINUTE), "wang", "点名")
    with with_lesson.write() as work:
        work.verdicts.add_manual("L1", "T2", leave, now)
        work.verdicts.add_manual("L1", "T1", leave, now)
        work.verdicts.add_manual("L1", "T1", seen, now)
        assert work.verdicts.manual("L1") == {"T1": (leave, seen), "T2": (leave,)}
        with pytest.raises(NotFound):
            work.verdicts.add_manual("L9", "T1", leave, now)


def flag(subject: str = "T1", kind: FlagKind = FlagKind.LATE, minutes: str = "6") -> Flag:
    return Flag(kind, "L1", subject, "default-1", (Reason("late", (("minutes", minutes),)),), ())


def test_the_same_cause_is_one_flag_brought_up_to_date(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        first = work.flags.put(flag(), now)
        assert work.flags.put(flag(), now + MINUTE) is None
        second = work.flags.put(flag(minutes="7"), now + 2 * MINUTE)
    assert first is not None
    assert second is not None
    assert (first.before, second.before) == (None, flag())
    assert first.record.flag_id == second.record.flag_id
    assert (second.record.raised_at, second.record.changed_at) == (now, now + 2 * MINUTE)
    with with_lesson.read() as work:
        assert work.flags.get(first.record.flag_id).flag == flag(minutes="7")
        assert len(work.flags.of_lesson("L1")) == 1
        with pytest.raises(NotFound):
            work.flags.get("none")


def test_a_flag_whose_cause_is_gone_is_withdrawn_and_may_come_back(
    with_lesson: Ledger, now: datetime
) -> None:
    with with_lesson.write() as work:
        work.flags.put(flag(kind=FlagKind.CAMERA_DOWN, subject="cam1"), now)
        kinds = (FlagKind.LATE, FlagKind.ABSENCE)
        assert len(work.flags.settle("L1", [flag("T1"), flag("T2")], kinds, now)) == 2
        assert work.flags.settle("L1", [flag("T1"), flag("T2")], kinds, now) == ()
        (change,) = work.flags.settle("L1", [flag("T1")], kinds, now + MINUTE)
        assert (change.record.flag.subject, change.record.flag.state) == ("T2", FlagState.WITHDRAWN)
        (back,) = work.flags.settle("L1", [flag("T1"), flag("T2")], kinds, now + 2 * MINUTE)
        assert back.record.flag.state is FlagState.OPEN
        assert back.before is not None
        assert [record.flag.kind for record in work.flags.of_lesson("L1")] == [
            FlagKind.CAMERA_DOWN,
            FlagKind.LATE,
            FlagKind.LATE,
        ]


def test_flags_page_latest_first_through_filters(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        for number in range(5):
            work.flags.put(flag(f"T{number}"), now + number * MINUTE)
        work.flags.put(flag("cam1", FlagKind.CAMERA_DOWN), now)
        work.flags.put(replace(flag("T0"), state=FlagState.WITHDRAWN), now)
    wanted = FlagFilter((FlagState.OPEN,), (FlagKind.LATE,), "C1", "L1")
    with with_lesson.read() as work:
        first = work.flags.page(wanted, limit=3)
        rest = work.flags.page(wanted, first.next_cursor, limit=3)
        assert work.flags.page(FlagFilter(class_code="C9")).items == ()
    assert [record.flag.subject for record in (*first.items, *rest.items)] == ["T4", "T3", "T2", "T1"]
    assert rest.next_cursor is None


def test_a_lesson_was_judged_last_when_its_newest_verdict_was_made(
    with_lesson: Ledger, now: datetime
) -> None:
    later = now + timedelta(hours=1)
    with with_lesson.write() as work:
        assert work.verdicts.last_judged_at("L1") is None
        work.verdicts.save([verdict("T1"), verdict("T2")], now)
        work.verdicts.save([verdict("T1", status=Status.PARTIAL)], later)
    with with_lesson.read() as work:
        assert work.verdicts.last_judged_at("L1") == later
        assert work.verdicts.last_judged_at("L0") is None


def test_a_lesson_as_long_as_lessons_may_be_is_found_by_its_last_minute(
    ledger: Ledger, now: datetime, new_lesson: Callable[..., LessonRecord]
) -> None:
    """A day's list has a lower bound, so that it never reads the years before it."""
    begins_at = now - timedelta(hours=23, minutes=59)
    with ledger.write() as work:
        work.classes.add(TrainingClass("C1", "养老护理员"), now)
        work.lessons.add(new_lesson("long", begins_at, ends_at=begins_at + timedelta(hours=24)))
        work.lessons.add(new_lesson("over", now - timedelta(days=2)))
    window = Interval(now, now + timedelta(hours=1))
    with ledger.read() as work:
        assert [record.lesson.lesson_id for record in work.lessons.within(window)] == ["long"]
        page = work.lessons.page(LessonFilter(within=window))
        assert [record.lesson.lesson_id for record in page.items] == ["long"]
        assert work.lessons.first_start() == now - timedelta(days=2)
