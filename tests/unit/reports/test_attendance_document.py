"""attendance.json and sightings.jsonl: every field as scripts and auditors read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attendance import EvidenceLink, Mark, Reason, Status
from models.flags import FlagKind, FlagState
from models.footage import Gap, GapCause
from models.frame import Box, Sighting
from models.policy import AttendancePolicy, Policy
from models.reason_texts import render_reason
from models.timeline import Interval
from supervision_api.reports import attendance_document as report
from supervision_api.reports.lesson_outcome import LessonOutcome, UnknownPerson

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
FACE = Sighting(
    at=START + timedelta(seconds=90, microseconds=123_456),
    camera_id="front",
    frame_pts_s=90.12349,
    box=Box(10.04, 20.06, 48.0, 51.96),
    track_id="t7",
    trainee="T1",
    score=12.34567,
    margin=9.87654,
    quality=0.71239,
)


def document(outcome: LessonOutcome) -> dict:
    """As a reader in another language gets it: through the bytes."""
    return json.loads(report.attendance_bytes(outcome))


def test_the_document_has_the_members_that_scripts_depend_on(outcome: LessonOutcome) -> None:
    assert list(document(outcome)) == [
        "lesson",
        "policy",
        "model",
        "coverage",
        "trainees",
        "unknown_people",
        "gaps",
        "flags",
        "notes",
    ]


def test_an_instant_is_utc_with_milliseconds_whatever_more_the_clock_knew() -> None:
    assert report.instant(FACE.at) == "2026-11-23T01:01:30.123Z"
    assert report.instant(START) == "2026-11-23T01:00:00.000Z"
    assert report.instant(None) is None


@settings(max_examples=40)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_an_instant_reads_back_to_the_same_millisecond(moment: datetime) -> None:
    text = report.instant(moment)
    assert text is not None
    assert timedelta(0) <= moment - datetime.fromisoformat(text) < timedelta(milliseconds=1)


def test_the_lesson_is_told_as_the_timetable_has_it(outcome: LessonOutcome) -> None:
    assert document(outcome)["lesson"] == {
        "id": "L1",
        "class_code": "HZ-2026-014",
        "title": "养老护理员 · 第3课",
        "starts_at": "2026-11-23T01:00:00.000Z",
        "ends_at": "2026-11-23T01:45:00.000Z",
        "breaks": [{"from": "2026-11-23T01:20:00.000Z", "to": "2026-11-23T01:25:00.000Z"}],
        "room": "203",
        "instructor": "李老师",
        "cameras": ["front", "back"],
        "online": False,
        "planned_hours": 1.0,
    }


def test_chinese_stays_chinese_in_the_bytes(outcome: LessonOutcome) -> None:
    text = report.attendance_bytes(outcome).decode()
    assert "王芳" in text
    assert "\\u" not in text


def test_the_file_ends_with_a_line_end_and_equal_outcomes_are_equal_bytes(outcome: LessonOutcome) -> None:
    first, again = report.attendance_bytes(outcome), report.attendance_bytes(replace(outcome))
    assert first == again
    assert first.endswith(b"}\n")


def test_every_field_of_the_attendance_policy_is_told_with_its_version(outcome: LessonOutcome) -> None:
    told = document(outcome)["policy"]
    assert set(told) == {"version", *AttendancePolicy.__dataclass_fields__}
    assert told["version"] == "default-1"
    assert (told["late_after"], told["drain"], told["required_share"]) == ("5m", "30s", 0.8)


def test_a_changed_policy_shows_its_own_values(outcome: LessonOutcome) -> None:
    strict = Policy("strict-2", AttendancePolicy(late_after=timedelta(seconds=90), required_share=0.95))
    told = document(replace(outcome, policy=strict))["policy"]
    assert (told["version"], told["late_after"], told["required_share"]) == ("strict-2", "1m30s", 0.95)


def test_trainees_keep_the_roster_s_order_and_their_names(outcome: LessonOutcome) -> None:
    told = document(outcome)["trainees"]
    assert [(one["code"], one["name"]) for one in told[:4]] == [
        ("T1", "王芳"),
        ("T2", "李强"),
        ("T3", "张伟"),
        ("T4", "刘洋"),
    ]


def test_a_trainee_without_a_name_is_called_by_code(outcome: LessonOutcome) -> None:
    assert document(outcome)["trainees"][4]["name"] == "T5"


def test_every_status_is_spelled_as_the_rules_spell_it(outcome: LessonOutcome) -> None:
    assert [one["status"] for one in document(outcome)["trainees"]] == [
        "PRESENT",
        "PARTIAL",
        "ABSENT",
        "NOT_OBSERVABLE",
        "EXCUSED",
    ]


def test_marks_presence_and_minutes_of_a_trainee(outcome: LessonOutcome) -> None:
    told = document(outcome)["trainees"][1]
    assert told["marks"] == ["late", "absent_in_middle"]
    assert told["present"] == [
        {"from": "2026-11-23T01:10:00.000Z", "to": "2026-11-23T01:15:00.000Z"},
        {"from": "2026-11-23T01:30:00.000Z", "to": "2026-11-23T01:40:00.000Z"},
    ]
    assert (told["present_minutes"], told["observable_minutes"], told["required_minutes"]) == (15, 44, 36)
    assert (told["first_seen"], told["last_seen"]) == ("2026-11-23T01:10:00.000Z", "2026-11-23T01:40:00.000Z")


def test_who_was_never_seen_has_no_instants(outcome: LessonOutcome) -> None:
    told = document(outcome)["trainees"][2]
    assert (told["first_seen"], told["last_seen"], told["present"], told["evidence"]) == (None, None, [], [])


def test_minutes_are_rounded_to_thousandths(outcome: LessonOutcome) -> None:
    odd = replace(outcome.verdicts[0], present_minutes=35.98765, observable_minutes=1 / 3)
    told = document(replace(outcome, verdicts=(odd,)))["trainees"][0]
    assert (told["present_minutes"], told["observable_minutes"]) == (35.988, 0.333)


def test_time_without_coverage_is_told_apart_from_absence(outcome: LessonOutcome) -> None:
    unseen = Interval(START, START + timedelta(minutes=3))
    told = document(replace(outcome, verdicts=(replace(outcome.verdicts[3], unobserved=(unseen,)),)))
    assert told["trainees"][0]["unobserved"] == [
        {"from": "2026-11-23T01:00:00.000Z", "to": "2026-11-23T01:03:00.000Z"}
    ]


def test_a_reason_is_a_code_with_values_and_a_sentence_in_each_language(outcome: LessonOutcome) -> None:
    told = document(outcome)["trainees"][0]["reasons"][0]
    assert told["code"] == "present_enough"
    assert told["values"] == {"present_minutes": "45", "required_minutes": "36"}
    reason = outcome.verdicts[0].reasons[0]
    assert told["zh_CN"] == render_reason(reason, "zh_CN")
    assert told["en"] == render_reason(reason, "en")
    assert "45" in told["zh_CN"]
    assert "36" in told["en"]


def test_evidence_says_where_in_the_lesson_it_lies(outcome: LessonOutcome) -> None:
    assert document(outcome)["trainees"][0]["evidence"] == [
        {
            "shows": "first_seen",
            "at": "2026-11-23T01:01:15.000Z",
            "camera": "front",
            "lesson_offset_s": 75.0,
            "score": 12.346,
        }
    ]


def test_evidence_of_the_check_in_lies_before_the_lesson(outcome: LessonOutcome) -> None:
    link = EvidenceLink("first_seen", START - timedelta(seconds=12.5), "front", 1.0)
    assert report.evidence_object(link, outcome.lesson)["lesson_offset_s"] == -12.5


def test_coverage_tells_minutes_share_and_each_camera_by_name(outcome: LessonOutcome) -> None:
    told = document(outcome)["coverage"]
    assert (told["minutes"], told["share"]) == (44.0, round(44 / 45, 4))
    assert list(told["cameras"]) == ["back", "front"]
    assert [piece["from"] for piece in told["cameras"]["back"]] == [
        "2026-11-23T01:31:00.000Z",
        "2026-11-23T01:50:00.000Z",
    ]


def test_an_unknown_person_has_the_whole_stay_and_no_name(outcome: LessonOutcome) -> None:
    (told,) = document(outcome)["unknown_people"]
    assert told["key"] == "u2"
    assert told["present_minutes"] == 16.0
    assert (told["first_seen"], told["last_seen"]) == ("2026-11-23T01:05:00.000Z", "2026-11-23T01:31:00.000Z")
    assert "name" not in told
    assert told["evidence"][0]["camera"] == "back"


def test_an_unknown_person_is_said_to_resemble_whose_verdict_says_so(outcome: LessonOutcome) -> None:
    (told,) = document(outcome)["unknown_people"]
    assert told["resembles"] is None
    values = (("unknown", "u2"), ("number", "2"), ("trainee", "T3"), ("seen_at", "2026-11-23T01:06:00Z"))
    absent = outcome.verdicts[2]
    noted = replace(
        absent,
        reasons=(*absent.reasons, Reason("unknown_resembles", values)),
        evidence=(EvidenceLink("resembles", START + timedelta(minutes=6), "back", 3.5),),
    )
    written = document(replace(outcome, verdicts=(*outcome.verdicts[:2], noted, *outcome.verdicts[3:])))
    assert written["unknown_people"][0]["resembles"] == "T3"
    reason = written["trainees"][2]["reasons"][-1]
    assert "09:06:00" in reason["en"]
    assert "未知人员 2" in reason["zh_CN"]
    assert "T3" in reason["zh_CN"]
    assert written["trainees"][2]["evidence"][0]["shows"] == "resembles"


def test_overlapping_stays_of_a_stranger_count_once(outcome: LessonOutcome) -> None:
    stay = Interval(START, START + timedelta(minutes=4))
    half = Interval(START + timedelta(minutes=2), START + timedelta(minutes=6))
    told = report.unknown_object(UnknownPerson("u1", (stay, half), ()), outcome.lesson)
    assert told["present_minutes"] == 6.0


def test_a_gap_tells_camera_seconds_cause_and_detail(outcome: LessonOutcome) -> None:
    assert document(outcome)["gaps"] == [
        {
            "camera": "front",
            "from": "2026-11-23T01:30:00.000Z",
            "to": "2026-11-23T01:31:00.000Z",
            "seconds": 60.0,
            "cause": "stream_lost",
            "detail": "read error",
        }
    ]


@pytest.mark.parametrize("cause", list(GapCause))
def test_every_cause_of_a_gap_is_spelled_as_it_is_stored(cause: GapCause) -> None:
    gap = Gap("L1", "front", START, START + timedelta(seconds=0.25), cause)
    assert report.gap_object(gap)["cause"] == cause.value
    assert report.gap_object(gap)["seconds"] == 0.25


def test_a_flag_tells_kind_subject_state_reasons_and_footage(outcome: LessonOutcome) -> None:
    (told,) = document(outcome)["flags"]
    assert (told["kind"], told["subject"], told["state"]) == ("late", "T2", "open")
    assert told["reasons"][0]["code"] == "late"
    assert told["evidence"][0]["lesson_offset_s"] == 600.0


@pytest.mark.parametrize("state", list(FlagState))
def test_a_withdrawn_flag_says_that_it_is_withdrawn(outcome: LessonOutcome, state: FlagState) -> None:
    flag = replace(outcome.flags[0], state=state, kind=FlagKind.STRANGER)
    assert report.flag_object(flag, outcome.lesson)["state"] == state.value


def test_notes_go_with_the_document(outcome: LessonOutcome) -> None:
    assert document(outcome)["notes"] == ["the video is 3 s shorter than the lesson"]


def test_a_lesson_nobody_recorded_still_makes_a_whole_document(empty_outcome: LessonOutcome) -> None:
    told = document(empty_outcome)
    assert told["coverage"] == {"minutes": 0.0, "share": 0.0, "intervals": [], "cameras": {}}
    for name in ("trainees", "unknown_people", "gaps", "flags", "notes"):
        assert told[name] == [], name


def test_a_sighting_has_the_fields_of_sightings_jsonl() -> None:
    assert json.loads(report.sightings_lines([FACE])) == {
        "at": "2026-11-23T01:01:30.123Z",
        "camera": "front",
        "frame_pts_s": 90.123,
        "box": [10.0, 20.1, 48.0, 52.0],
        "trainee": "T1",
        "score": 12.346,
        "margin": 9.877,
        "quality": 0.712,
        "track": "t7",
        "unknown_person": None,
    }


def test_an_unknown_face_has_a_key_and_no_trainee() -> None:
    told = json.loads(report.sightings_lines([replace(FACE, trainee=None, unknown_person="u1")]))
    assert (told["trainee"], told["unknown_person"]) == (None, "u1")


def test_sightings_are_one_object_a_line_in_the_given_order() -> None:
    lines = report.sightings_lines(replace(FACE, track_id=f"t{n}") for n in (3, 1, 2)).splitlines()
    assert [json.loads(line)["track"] for line in lines] == ["t3", "t1", "t2"]
    assert report.sightings_lines([]) == b""


def test_a_line_end_in_a_value_does_not_break_the_line() -> None:
    lines = report.sightings_lines([replace(FACE, camera_id="a\nb")]).split(b"\n")
    assert len(lines) == 2
    assert json.loads(lines[0])["camera"] == "a\nb"


TAMPER: dict[str, Callable[[LessonOutcome], LessonOutcome]] = {
    "a status": lambda o: replace(
        o, verdicts=(replace(o.verdicts[0], status=Status.ABSENT), *o.verdicts[1:])
    ),
    "a mark": lambda o: replace(o, verdicts=(replace(o.verdicts[0], marks=(Mark.LATE,)), *o.verdicts[1:])),
    "an hour": lambda o: replace(o, verdicts=(replace(o.verdicts[0], credited_hours=1.5), *o.verdicts[1:])),
    "the order": lambda o: replace(o, verdicts=o.verdicts[::-1]),
    "a dropped trainee": lambda o: replace(o, verdicts=o.verdicts[1:]),
    "a reason": lambda o: replace(
        o, verdicts=(replace(o.verdicts[0], reasons=(Reason("leave_covers"),)), *o.verdicts[1:])
    ),
    "a name": lambda o: replace(o, names={**o.names, "T1": "王方"}),
    "a stranger": lambda o: replace(o, unknown_people=()),
    "a gap": lambda o: replace(o, gaps=()),
    "a gap's end": lambda o: replace(
        o, gaps=(replace(o.gaps[0], ends_at=o.gaps[0].ends_at + timedelta(seconds=1)),)
    ),
    "a flag": lambda o: replace(o, flags=()),
    "coverage": lambda o: replace(o, coverage=o.coverage[:1]),
    "the model": lambda o: replace(o, model="other"),
    "the policy": lambda o: replace(o, policy=replace(o.policy, version="default-2")),
    "a note": lambda o: replace(o, notes=()),
}


@pytest.mark.parametrize("what", TAMPER)
def test_whatever_is_changed_shows_in_the_bytes(outcome: LessonOutcome, what: str) -> None:
    assert report.attendance_bytes(TAMPER[what](outcome)) != report.attendance_bytes(outcome)


def test_a_lesson_filed_in_shanghai_time_is_written_in_utc(outcome: LessonOutcome) -> None:
    shanghai = timezone(timedelta(hours=8))
    moved = replace(
        outcome.lesson,
        starts_at=outcome.lesson.starts_at.astimezone(shanghai),
        ends_at=outcome.lesson.ends_at.astimezone(shanghai),
    )
    assert document(replace(outcome, lesson=moved))["lesson"]["starts_at"] == "2026-11-23T01:00:00.000Z"
