"""The fields of every live event, as the page's script and docs/guides/api.md know them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.attendance import Mark
from models.flags import Flag, FlagKind, FlagState
from models.footage import CameraReport, CameraState
from models.timetable import LessonState
from supervision_api import live_events
from supervision_api.live import LiveKind
from supervision_api.live_events import RollState

AT = datetime(2026, 11, 23, 1, 10, tzinfo=UTC)
ISO = "2026-11-23T01:10:00+00:00"
REPORT = CameraReport("front", "L1", AT, CameraState.WAITING, "stream_lost", "rtsp://u:hunter2@x", 4.0)
FLAG = Flag(FlagKind.LATE, "L1", "T2", "default-1", (), ())


def test_a_trainee_s_entry_tells_state_times_camera_and_marks() -> None:
    event = live_events.roll_entry(
        AT,
        "T1",
        RollState.HERE,
        first_seen=AT - timedelta(minutes=10),
        last_seen=AT,
        camera_id="front",
        marks=(Mark.LATE, Mark.ABSENT_IN_MIDDLE),
    )
    assert (event.kind, event.key, event.at) == (LiveKind.ROLL, "T1", AT)
    assert event.data == {
        "trainee": "T1",
        "state": "here",
        "first_seen": "2026-11-23T01:00:00+00:00",
        "last_seen": ISO,
        "camera": "front",
        "marks": ["late", "absent_in_middle"],
    }


@pytest.mark.parametrize("state", list(RollState))
def test_every_state_of_the_roll_is_told_by_its_name(state: RollState) -> None:
    data = live_events.roll_entry(AT, "T1", state).data
    assert data["state"] == state.value
    assert (data["first_seen"], data["last_seen"], data["camera"], data["marks"]) == (None, None, "", [])


def test_an_unknown_person_is_told_under_the_recogniser_s_key() -> None:
    event = live_events.unknown_person(AT, "u3", "back", AT - timedelta(minutes=1), AT)
    assert (event.kind, event.key) == (LiveKind.UNKNOWN, "u3")
    assert event.data == {
        "person": "u3",
        "camera": "back",
        "first_seen": "2026-11-23T01:09:00+00:00",
        "last_seen": ISO,
    }


def test_a_camera_s_change_tells_code_and_next_try_but_never_the_message() -> None:
    event = live_events.camera_changed(REPORT)
    assert (event.kind, event.key, event.at) == (LiveKind.CAMERA, "front", AT)
    assert event.data == {
        "camera": "front",
        "state": "waiting",
        "code": "stream_lost",
        "retry_in_s": 4.0,
        "at": ISO,
    }
    assert "hunter2" not in str(event.data)


@pytest.mark.parametrize("state", list(CameraState))
def test_every_state_of_a_camera_is_told_by_its_name(state: CameraState) -> None:
    assert live_events.camera_changed(replace(REPORT, state=state)).data["state"] == state.value


@pytest.mark.parametrize(
    ("observable", "elapsed", "share"),
    [(9.0, 10.0, 0.9), (10.0, 10.0, 1.0), (10.4, 10.0, 1.0), (1.0, 3.0, 0.333), (0.0, 5.0, 0.0)],
)
def test_coverage_is_a_share_of_the_time_gone_by_and_never_more(
    observable: float, elapsed: float, share: float
) -> None:
    event = live_events.coverage(AT, observable, elapsed)
    assert (event.kind, event.key) == (LiveKind.COVERAGE, "")
    assert event.data["share"] == share


def test_before_the_lesson_there_is_no_share_of_it() -> None:
    assert live_events.coverage(AT, 0.0, 0.0).data["share"] is None


def test_coverage_minutes_are_told_to_a_tenth() -> None:
    data = live_events.coverage(AT, 9.876, 10.04).data
    assert (data["observable_minutes"], data["elapsed_minutes"]) == (9.9, 10.0)


@pytest.mark.parametrize("state", list(LessonState))
def test_each_move_of_the_lesson_is_one_event_that_replaces_the_last(state: LessonState) -> None:
    event = live_events.lesson_changed(AT, state)
    assert (event.kind, event.key, event.data) == (LiveKind.LESSON, "", {"state": state.value, "at": ISO})


def test_a_flag_is_told_without_its_reasons() -> None:
    event = live_events.flag_raised(AT, FLAG)
    assert (event.kind, event.key) == (LiveKind.FLAG, "late/L1/T2")
    assert event.data == {"kind": "late", "subject": "T2", "state": "open", "at": ISO}


def test_a_withdrawn_flag_takes_the_place_of_the_open_one() -> None:
    open_, withdrawn = (
        live_events.flag_raised(AT, replace(FLAG, state=state))
        for state in (FlagState.OPEN, FlagState.WITHDRAWN)
    )
    assert open_.key == withdrawn.key
    assert withdrawn.data["state"] == "withdrawn"


def test_flags_of_two_subjects_do_not_replace_each_other() -> None:
    keys = {
        live_events.flag_raised(AT, replace(FLAG, subject=s, kind=k)).key
        for s in ("T1", "T2", "")
        for k in FlagKind
    }
    assert len(keys) == 3 * len(FlagKind)
