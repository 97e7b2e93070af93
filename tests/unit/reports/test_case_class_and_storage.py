"""Documents of a case, of a whole class and of the room that footage takes: field by field, cell by cell."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from models.attendance import EvidenceLink, Status
from models.correction import Standing
from models.flags import Flag, FlagKind, FlagState
from models.footage import Segment
from models.policy import Policy
from models.register import FlagRecord, LessonRecord, TrainingClass
from models.roster import Trainee
from models.storage_forecast import CameraUse, Month, forecast
from models.timetable import Lesson, LessonState
from storage.repositories import ExpiringLesson
from supervision_api.reports.case_document import case_bytes, instants_of, linked_flags
from supervision_api.reports.class_archive import ClassRecord, class_documents
from supervision_api.reports.lesson_outcome import LessonOutcome
from supervision_api.reports.storage_report import expiring_document, forecast_document, gigabytes

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def record(flag_id: str, subject: str, kind: FlagKind = FlagKind.ABSENCE, minute: float = 6) -> FlagRecord:
    link = EvidenceLink("not_seen", at(minute), "front", 0.0)
    return FlagRecord(flag_id, Flag(kind, "L1", subject, "default-1", (), (link,)), at(50), at(51))


CHOSEN = record("f1", "T2")


def test_a_case_links_flags_of_the_same_person_and_no_other() -> None:
    others = [record("f2", "T2", FlagKind.LATE), record("f3", "T3"), CHOSEN, record("f4", "")]
    assert [one.flag_id for one in linked_flags(CHOSEN, others)] == ["f1", "f2"]


def test_a_withdrawn_flag_belongs_to_the_case_too() -> None:
    gone = replace(record("f2", "T2"), flag=replace(CHOSEN.flag, state=FlagState.WITHDRAWN))
    assert linked_flags(CHOSEN, [gone]) == (CHOSEN, gone)


def test_the_instants_of_a_case_are_each_told_once(outcome: LessonOutcome) -> None:
    verdict = outcome.verdicts[0]
    flags = (CHOSEN, replace(record("f2", "T2"), flag_id="f2"), record("f3", "T2", minute=9))
    assert [link.at for link in instants_of(flags, verdict)] == [at(6), at(9), at(1.25)]
    assert [link.at for link in instants_of((CHOSEN,), None)] == [at(6)]


def segment(sequence: int) -> Segment:
    return Segment(
        f"s{sequence}", "L1", "front", sequence, at(sequence), at(sequence + 1), 0.0, 60.0, "h264", 64, 36, 9,
        f"{sequence:02d}" * 32, "p", 1,
    )  # fmt: skip


def case(outcome: LessonOutcome, **more: Any) -> dict[str, Any]:
    given = {"flags": (CHOSEN,), "verdict": outcome.verdicts[0], "footage": (segment(1),), **more}
    return json.loads(case_bytes(given["flags"], outcome.lesson, given["verdict"], given["footage"]))


def test_a_case_names_its_flag_lesson_verdict_and_footage(outcome: LessonOutcome) -> None:
    told = case(outcome)
    assert list(told) == ["case", "lesson", "flags", "verdict", "footage"]
    assert (told["case"], told["lesson"]["id"]) == ("f1", "L1")
    assert told["flags"][0]["raised_at"] == "2026-11-23T01:50:00.000Z"
    assert told["flags"][0]["changed_at"] == "2026-11-23T01:51:00.000Z"
    assert (told["flags"][0]["kind"], told["flags"][0]["subject"]) == ("absence", "T2")
    assert (told["verdict"]["trainee"], told["verdict"]["status"]) == ("T1", "PRESENT")
    assert told["footage"] == [
        {
            "camera": "front",
            "sequence": 1,
            "from": "2026-11-23T01:01:00.000Z",
            "to": "2026-11-23T01:02:00.000Z",
            "sha256": "01" * 32,
        }
    ]


def test_a_case_about_a_camera_has_no_verdict(outcome: LessonOutcome) -> None:
    assert case(outcome, verdict=None)["verdict"] is None


@pytest.mark.parametrize(
    "change", [{"flags": (CHOSEN, record("f2", "T2"))}, {"footage": ()}, {"verdict": None}]
)
def test_a_case_that_lost_a_part_is_another_document(outcome: LessonOutcome, change: dict[str, Any]) -> None:
    assert case(outcome, **change) != case(outcome)


LESSONS = tuple(
    LessonRecord(
        Lesson(f"L{n}", "C1", title, at(1440 * n), at(1440 * n + 45), room="203", instructor="李老师"),
        Policy(),
        state,
    )
    for n, title, state in (
        (1, "第1课", LessonState.SEALED),
        (2, "=1+1", LessonState.JUDGED),
        (3, "第3课", LessonState.PLANNED),
    )
)
PEOPLE = (Trainee("T1", "王芳", "371702********1234"), Trainee("T2", "@SUM(A1)", "371702********5678"))


@pytest.fixture
def class_record(outcome: LessonOutcome) -> ClassRecord:
    verdicts = outcome.verdicts
    present = Standing(replace(verdicts[0], trainee="T1"), Status.PRESENT, (), 1.0)
    lowered = Standing(replace(verdicts[0], trainee="T1"), Status.PARTIAL, (), 0.5)
    absent = Standing(replace(verdicts[2], trainee="T2"), Status.ABSENT, (), 0.0)
    return ClassRecord(
        TrainingClass("C1", "养老护理员", "local", "养老护理员（初级）", created_at=START),
        "示范职业培训学校",
        PEOPLE,
        LESSONS,
        {"L1": {"T1": present, "T2": absent}, "L2": {"T1": lowered}},
    )


def table(documents: dict[str, bytes], name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(documents[name].decode("utf-8-sig"), newline="")))


def test_a_class_is_told_in_four_documents(class_record: ClassRecord) -> None:
    assert set(class_documents(class_record)) == {
        "class.json",
        "roster.csv",
        "timetable.csv",
        "class-hours.xlsx",
    }


def test_the_class_s_document_counts_hours_and_names_what_is_left_out(class_record: ClassRecord) -> None:
    told = json.loads(class_documents(class_record)["class.json"])
    assert (told["code"], told["institution"], told["trainees"]) == ("C1", "示范职业培训学校", 2)
    assert [one["id"] for one in told["lessons"]] == ["L1", "L2"]
    assert told["not_included"] == [{"id": "L3", "state": "planned"}]
    assert told["credited_hours"] == {"T1": 1.5, "T2": 0.0}


def test_the_roster_shows_numbers_as_they_were_masked(class_record: ClassRecord) -> None:
    rows = table(class_documents(class_record), "roster.csv")
    assert rows[1] == ["T1", "王芳", "371702********1234"]


def test_no_cell_of_a_table_starts_a_formula(class_record: ClassRecord) -> None:
    documents = class_documents(class_record)
    assert table(documents, "roster.csv")[2][1] == "'@SUM(A1)"
    assert table(documents, "timetable.csv")[2][1] == "'=1+1"


def test_tables_open_in_a_spreadsheet_with_their_chinese(class_record: ClassRecord) -> None:
    for name in ("roster.csv", "timetable.csv"):
        raw = class_documents(class_record)[name]
        assert raw.startswith(b"\xef\xbb\xbf")
        assert raw.endswith(b"\r\n")


def test_the_timetable_is_in_the_class_s_clock(class_record: ClassRecord) -> None:
    assert table(class_documents(class_record), "timetable.csv")[1] == [
        "L1",
        "第1课",
        "2026-11-24 09:00",
        "2026-11-24 09:45",
        "203",
        "李老师",
        "sealed",
    ]


def hours(record: ClassRecord) -> list[list[Any]]:
    book = load_workbook(io.BytesIO(class_documents(record)["class-hours.xlsx"]))
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def test_the_class_hour_record_has_a_column_per_judged_lesson_and_the_sum(class_record: ClassRecord) -> None:
    rows = hours(class_record)
    assert rows[1][0] == "班级 Class: C1 养老护理员    机构 Institution: 示范职业培训学校"
    assert rows[2] == [
        "编号\nCode",
        "姓名\nName",
        "11-24 09:00",
        "11-25 09:00",
        "合计课时\nHours",
        "签名\nSignature",
    ]
    assert rows[3] == ["T1", "王芳", "出勤\n1", "部分出勤\n0.5", 1.5, None]
    assert rows[4] == ["T2", "'@SUM(A1)", "缺勤\n0", "—", 0, None]


def test_a_class_without_lessons_still_has_its_record(class_record: ClassRecord) -> None:
    empty = replace(class_record, lessons=(), standings={})
    assert hours(empty)[3] == ["T1", "王芳", 0, None]
    assert json.loads(class_documents(empty)["class.json"])["credited_hours"] == {"T1": 0, "T2": 0}


def test_equal_classes_give_equal_bytes_but_for_the_workbook(class_record: ClassRecord) -> None:
    first, again = class_documents(class_record), class_documents(replace(class_record))
    assert {name for name in first if first[name] != again[name]} <= {"class-hours.xlsx"}


def test_a_raised_hour_shows_in_every_document_that_counts(class_record: ClassRecord) -> None:
    raised = replace(class_record.standings["L1"]["T2"], credited_hours=1.0, status=Status.PRESENT)
    forged = replace(class_record, standings={**class_record.standings, "L1": {"T2": raised}})
    assert class_documents(forged)["class.json"] != class_documents(class_record)["class.json"]
    assert hours(forged) != hours(class_record)
    assert class_documents(forged)["roster.csv"] == class_documents(class_record)["roster.csv"]


MONTHS = (
    Month(START, START + timedelta(days=30)),
    Month(START + timedelta(days=30), START + timedelta(days=61)),
)


def use(camera: str, institution: str = "local", **more: Any) -> CameraUse:
    facts: dict[str, Any] = {
        "stored_bytes": 1000,
        "measured_bytes": 3600,
        "measured_s": 3600.0,
        "past_hours": 0.0,
        "past_window_hours": 0.0,
        "planned_hours": [10.0, 0.0],
        "ending_bytes": [0, 500],
        **more,
    }
    return CameraUse(camera, institution, **facts)


def test_the_forecast_tells_each_camera_each_institution_and_all() -> None:
    told = forecast_document(forecast([use("a"), use("b"), use("c", "other", stored_bytes=5)], MONTHS))
    assert [one["camera"] for one in told["cameras"]] == ["a", "b", "c"]
    assert told["stored_bytes"] == 2005
    assert sum(one["stored_bytes"] for one in told["institutions"]) == told["stored_bytes"]
    assert len(told["kept_bytes"]) == len(told["months"]) == 2
    assert sum(one["kept_bytes"] for one in told["institutions"]) == told["kept_bytes"][-1]
    for month in range(2):
        assert sum(one["kept_bytes"][month] for one in told["cameras"]) == told["kept_bytes"][month]


def test_what_comes_and_what_goes_is_in_the_months_to_come() -> None:
    (told,) = forecast_document(forecast([use("a")], MONTHS))["cameras"]
    assert told["bytes_per_hour"] == 3600
    assert told["kept_bytes"][0] == 1000 + 36_000
    assert told["kept_bytes"][1] <= told["kept_bytes"][0] - 500 + 36_000


def test_a_camera_never_measured_has_no_rate_and_is_not_forecast_from_nothing() -> None:
    (told,) = forecast_document(forecast([use("a", measured_bytes=0, measured_s=0.0)], MONTHS))["cameras"]
    assert told["bytes_per_hour"] is None


def test_an_empty_house_has_an_empty_forecast() -> None:
    told = forecast_document(forecast([], MONTHS))
    assert (told["stored_bytes"], told["cameras"], told["institutions"]) == (0, [], [])


def test_what_expires_is_listed_with_its_size_and_last_day() -> None:
    one = ExpiringLesson("L1", "C1", "第1课", START, at(99), 3, 4000)
    told = expiring_document(MONTHS[0], [one, replace(one, lesson_id="L2", size_bytes=1)])
    assert told["size_bytes"] == 4001
    assert told["from"] == "2026-11-23T01:00:00.000Z"
    assert told["lessons"][0] == {
        "lesson_id": "L1",
        "class_code": "C1",
        "title": "第1课",
        "starts_at": "2026-11-23T01:00:00.000Z",
        "kept_until": "2026-11-23T02:39:00.000Z",
        "objects": 3,
        "size_bytes": 4000,
    }


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.00"), (15e6, "0.01"), (0.9e9, "0.90"), (7.9e12, "7,900.00")]
)
def test_room_is_told_in_gigabytes(size: float, text: str) -> None:
    assert gigabytes(size) == text
