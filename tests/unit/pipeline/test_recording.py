"""How recorders of a running installation are made, and what is known of them before it is in the books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.bus import InProcessBus
from ingest.lesson_plan import StreamDue
from models.evidence import LeafKind
from models.footage import CameraReport, CameraState, Gap, GapCause, Segment
from models.policy import Policy
from models.register import Camera, LessonRecord, TrainingClass
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.leaf_store import LeafQuery
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.booking_queue import BookingState
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.recording import Recording
from supervision_api.pipeline.server import _booking
from supervision_api.settings import Settings


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        now = opened.clock.now()
        with opened.ledger.write() as work:
            work.classes.ensure_institution("local", "n", now)
            work.classes.add(TrainingClass("C1", "n", "local"), now)
            work.cameras.add(Camera("c1", "101", "rtsp://10.0.0.5/1"))
            for lesson_id in ("L1", "L2"):
                lesson = Lesson(
                    lesson_id, "C1", "第3课", now - timedelta(minutes=5), now + timedelta(hours=1),
                    cameras=("c1",),
                )  # fmt: skip
                work.lessons.add(LessonRecord(lesson, Policy(), LessonState.RUNNING))
        yield opened


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def recording(house: Installation, metrics: Metrics) -> Recording:
    return Recording(house, InProcessBus(2), LiveHub(), metrics)


@pytest.fixture
def now(house: Installation) -> datetime:
    return house.clock.now()


def tell(recording: Recording, now: datetime, *states: CameraState, lesson_id: str = "L1") -> None:
    for state in states:
        recording.booking.camera_changed(CameraReport("c1", lesson_id, now, state))


def leaves(house: Installation, lesson_id: str = "L1") -> list[tuple[LeafKind, Any]]:
    with house.ledger.read() as work:
        rows = list(work.evidence.store.rows(LeafQuery(lesson_id)))
    return [(row.kind, json.loads(row.record)["body"]) for row in rows]


def due(now: datetime, lesson_id: str = "L1") -> StreamDue:
    return StreamDue(lesson_id, "c1", Interval(now, now + timedelta(hours=1)))


def gap(now: datetime, from_s: float, until_s: float) -> Gap:
    starts_at, ends_at = now + timedelta(seconds=from_s), now + timedelta(seconds=until_s)
    return Gap("L1", "c1", starts_at, ends_at, GapCause.STREAM_LOST)


def test_a_run_of_a_recorder_has_one_start_and_one_stop_in_the_log(
    recording: Recording, house: Installation, now: datetime
) -> None:
    tell(recording, now, CameraState.CONNECTING, CameraState.WAITING, CameraState.CONNECTING)
    tell(recording, now, CameraState.RECORDING, CameraState.DISK_FULL, CameraState.STOPPED)
    recording.booking.book_due()
    assert leaves(house) == [
        (LeafKind.RECORDER_STARTED, {"camera_id": "c1"}),
        (LeafKind.RECORDER_STOPPED, {"camera_id": "c1", "cause": "asked"}),
    ]


def test_a_second_run_and_another_lesson_have_their_own(
    recording: Recording, house: Installation, now: datetime
) -> None:
    tell(recording, now, CameraState.CONNECTING, CameraState.STOPPED, CameraState.CONNECTING)
    tell(recording, now, CameraState.CONNECTING, lesson_id="L2")
    recording.booking.book_due()
    assert [kind for kind, _ in leaves(house)] == [
        LeafKind.RECORDER_STARTED,
        LeafKind.RECORDER_STOPPED,
        LeafKind.RECORDER_STARTED,
    ]
    assert [kind for kind, _ in leaves(house, "L2")] == [LeafKind.RECORDER_STARTED]


def test_a_stop_without_a_start_is_no_run(recording: Recording, house: Installation, now: datetime) -> None:
    tell(recording, now, CameraState.STOPPED)
    recording.booking.book_due()
    assert leaves(house) == []


def test_a_lesson_counts_as_recording_until_the_last_word_of_its_recorder_is_booked(
    recording: Recording, now: datetime
) -> None:
    assert not recording.still_recording("L1")
    recording.booking.gap_declared(gap(now, 0, 5))
    assert recording.still_recording("L1")
    assert not recording.still_recording("L2")
    recording.booking.book_due()
    assert not recording.still_recording("L1")


def test_a_new_recorder_goes_on_where_booked_and_queued_footage_ends(
    recording: Recording, house: Installation, now: datetime
) -> None:
    """Otherwise it would declare a gap over footage that is only waiting for its row."""
    with house.ledger.read() as work:
        begins = {one: work.lessons.get(one).lesson.starts_at for one in ("L1", "L2")}
    assert recording._recorder(due(now)).covered_until == begins["L1"], (
        "nothing is known: all of it is missing"
    )
    house.spool.declare(gap(now, -60, -30))
    assert recording._recorder(due(now)).covered_until == now - timedelta(seconds=30)
    recording.booking.gap_declared(gap(now, -30, -10))
    assert recording._recorder(due(now)).covered_until == now - timedelta(seconds=10)
    assert recording._recorder(due(now, "L2")).covered_until == begins["L2"]


def test_a_new_recorder_numbers_on_from_what_is_booked(
    recording: Recording, house: Installation, now: datetime
) -> None:
    path = house.spool.folder("L1", "c1") / "000004.mp4"
    path.write_bytes(b"footage")
    booked = Segment(
        "s4", "L1", "c1", 4, now - timedelta(seconds=60), now, 0.0, 60.0, "h264", 64, 48, 7,
        "0" * 64, str(path), 60,
    )  # fmt: skip
    assert house.spool.accept(booked)
    assert recording._recorder(due(now)).next_sequence == 5


def test_figures_speak_of_what_is_booked_and_of_what_waits(
    recording: Recording, house: Installation, metrics: Metrics, now: datetime
) -> None:
    recording.booking.gap_declared(gap(now, 0, 5))
    assert b"rollcall_booking_waiting 1.0" in metrics.render()
    assert b'rollcall_gap_seconds_total{camera="c1"' not in metrics.render()
    recording.booking.book_due()
    recording.booking.gap_declared(gap(now, 0, 5))  # told twice, booked once
    recording.booking.book_due()
    page = metrics.render()
    assert b"rollcall_booking_waiting 0.0" in page
    assert b'rollcall_gap_seconds_total{camera="c1",cause="stream_lost"} 5.0' in page


@pytest.mark.parametrize(
    ("state", "ok", "reason"),
    [
        (BookingState(0, "", (), running=True), True, "ok"),
        (BookingState(9, "", (), running=True), True, "ok"),
        (BookingState(9, "disk_full", (), running=True), False, "disk_full"),
        (BookingState(9, "database_busy", ("L1",), running=False), False, "database_busy"),
        (BookingState(0, "", (), running=False), False, "booking_stopped"),
    ],
)
def test_readiness_names_what_holds_booking_up(state: BookingState, ok: bool, reason: str) -> None:
    said = _booking(state)
    assert (said.name, said.ok, said.reason) == ("booking", ok, reason)
