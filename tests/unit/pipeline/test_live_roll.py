"""The live roll, judgement by judgement: hints on a page, by the policy's times."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.coverage import CLEAR
from models.frame import Box, FrameJudgement, Sighting, TrackNaming
from supervision_api.live import LiveHub, LiveKind
from supervision_api.pipeline.live_roll import LiveRoll

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def face(second: float, trainee: str | None = None, unknown: str | None = None, track: str = "") -> Sighting:
    name = track or f"track-{trainee or unknown}"
    return Sighting(at(second), "front", second, Box(64, 36, 128, 72), name, trainee, 12.0, 9.0, 0.8, unknown)


@dataclass
class Room:
    """A lesson whose camera is judged when the test says so."""

    hub: LiveHub = field(default_factory=LiveHub)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.roll = LiveRoll(self.hub, "L1", START, timedelta(minutes=10), timedelta(minutes=5))
        self.page = self.hub.subscribe("L1", lambda: None)
        self.page.take()

    def judge(
        self,
        second: float,
        *faces: Sighting,
        lens: str = CLEAR,
        jpeg: bytes | None = None,
        namings: tuple[TrackNaming, ...] = (),
        size: tuple[int, int] = (640, 360),
        camera: str = "front",
    ) -> None:
        self.sequence += 1
        judgement = FrameJudgement(
            camera, "L1", self.sequence, at(second), second, *size, lens, len(faces), faces, namings, "m"
        )
        self.roll.judged(judgement, jpeg)

    def watch(self, begin: float, end: float, step: float = 20, *faces_of: str) -> None:
        """A clear view of those trainees from ``begin`` to ``end``."""
        second = begin
        while second <= end:
            self.judge(second, *(face(second, code) for code in faces_of))
            second += step

    def entry(self, code: str) -> dict[str, Any]:
        return dict(self.hub.snapshot("L1")[LiveKind.ROLL][code])

    def told(self, kind: LiveKind) -> list[dict[str, Any]]:
        return [dict(message.data) for message in self.page.take() if message.kind is kind]


@pytest.fixture
def room() -> Room:
    return Room()


def test_who_is_named_appears_at_once(room: Room) -> None:
    room.judge(2, face(2, "T1"))
    (entry,) = room.told(LiveKind.ROLL)
    assert (entry["trainee"], entry["state"], entry["camera"]) == ("T1", "here", "front")
    assert entry["first_seen"] == entry["last_seen"] == at(2).isoformat()


def test_a_face_nobody_could_tell_is_neither_on_the_roll_nor_unknown(room: Room) -> None:
    room.judge(2, face(2, track="t9"))
    assert set(room.hub.snapshot("L1")) == {LiveKind.COVERAGE}


def test_an_unknown_person_is_told_apart_from_the_roll(room: Room) -> None:
    room.judge(2, face(2, unknown="u1"))
    state = room.hub.snapshot("L1")
    assert LiveKind.ROLL not in state
    assert state[LiveKind.UNKNOWN]["u1"]["first_seen"] == at(2).isoformat()


def test_first_seen_is_when_the_track_began_not_when_it_was_named(room: Room) -> None:
    room.judge(2, face(2, track="a"))
    room.judge(6, face(6, "T1", track="a"))
    assert room.entry("T1")["first_seen"] == at(2).isoformat()


def test_the_page_is_not_told_the_same_at_every_frame(room: Room) -> None:
    for second in range(0, 10, 2):
        room.judge(second, face(second, "T1"), face(second, unknown="u1"))
    messages = room.page.take()
    assert [m.kind for m in messages].count(LiveKind.ROLL) == 1
    assert [m.kind for m in messages].count(LiveKind.UNKNOWN) == 1


def test_what_is_told_is_refreshed_after_ten_seconds(room: Room) -> None:
    for second in (0, 10, 20):
        room.judge(second, face(second, "T1"), face(second, unknown="u1"))
    messages = room.page.take()
    assert [m.kind for m in messages].count(LiveKind.ROLL) == 3
    assert [m.kind for m in messages].count(LiveKind.UNKNOWN) == 3


def test_an_unknown_person_who_left_is_not_told_again(room: Room) -> None:
    room.judge(0, face(0, unknown="u1"))
    room.page.take()
    room.judge(60)
    assert room.told(LiveKind.UNKNOWN) == []


@pytest.mark.parametrize(("second", "state"), [(300, "here"), (301, "away")])
def test_half_the_presence_gap_unseen_shows_as_away(room: Room, second: float, state: str) -> None:
    room.judge(0, face(0, "T1"))
    room.judge(second)
    assert room.entry("T1")["state"] == state


def test_who_comes_back_is_here_at_once(room: Room) -> None:
    room.judge(0, face(0, "T1"))
    room.judge(400)
    room.judge(402, face(402, "T1"))
    assert room.entry("T1")["state"] == "here"


def test_late_is_who_comes_after_the_grace_into_a_watched_room(room: Room) -> None:
    room.watch(0, 320, 20, "T1")
    room.judge(340, face(340, "T2"))
    assert room.entry("T1")["marks"] == []
    assert room.entry("T2")["marks"] == ["late"]


def test_nobody_is_late_in_a_room_that_was_not_watched(room: Room) -> None:
    room.judge(340, face(340, "T2"))
    assert room.entry("T2")["marks"] == []


@pytest.mark.parametrize("lens", ["covered", "frozen"])
def test_a_covered_or_frozen_lens_does_not_watch(room: Room, lens: str) -> None:
    for second in range(0, 340, 20):
        room.judge(second, lens=lens)
    room.judge(340, face(340, "T2"))
    assert room.entry("T2")["marks"] == []


def test_a_name_given_later_takes_the_late_mark_back(room: Room) -> None:
    room.judge(0, face(0, track="a"))
    room.watch(20, 320)
    room.judge(340, face(340, "T1", track="b"))
    assert room.entry("T1")["marks"] == ["late"]
    room.judge(360, face(360, "T1", track="a"), namings=(TrackNaming("a", "T1", None, at(0), 12.0, 9.0),))
    assert room.entry("T1")["marks"] == []
    assert room.entry("T1")["first_seen"] == at(0).isoformat()


def test_a_naming_never_reaches_back_before_its_own_since(room: Room) -> None:
    room.judge(0, face(0, track="a"))
    room.judge(100, face(100, "T1", track="b"))
    room.judge(120, face(120, "T1", track="a"), namings=(TrackNaming("a", "T1", None, at(40), 12.0, 9.0),))
    assert room.roll._entries["T1"].first_seen == at(40)


def test_a_naming_of_somebody_not_on_the_roll_yet_changes_nothing(room: Room) -> None:
    room.judge(2, namings=(TrackNaming("a", "T9", None, at(0), 12.0, 9.0),))
    assert LiveKind.ROLL not in room.hub.snapshot("L1")


def test_a_watched_absence_longer_than_the_gap_is_marked_once(room: Room) -> None:
    room.judge(0, face(0, "T1"))
    room.watch(20, 640)
    room.judge(660, face(660, "T1"))
    assert room.entry("T1")["marks"] == ["absent_in_middle"]
    room.watch(680, 1300)
    room.judge(1320, face(1320, "T1"))
    assert room.entry("T1")["marks"] == ["absent_in_middle"]


def test_an_outage_is_no_absence(room: Room) -> None:
    room.judge(0, face(0, "T1"))
    room.judge(900, face(900, "T1"))
    assert room.entry("T1")["marks"] == []


def test_coverage_counts_clear_time_and_not_outages(room: Room) -> None:
    room.watch(0, 60)
    room.judge(120)
    told = room.hub.snapshot("L1")[LiveKind.COVERAGE][""]
    assert (told["observable_minutes"], told["elapsed_minutes"], told["share"]) == (1.0, 2.0, 0.5)


def test_two_cameras_do_not_count_the_same_time_twice(room: Room) -> None:
    for second in range(0, 61, 20):
        room.judge(second)
        room.judge(second + 1, camera="back")
    assert room.hub.snapshot("L1")[LiveKind.COVERAGE][""]["observable_minutes"] == 1.0


def test_before_the_lesson_nothing_is_covered_of_it(room: Room) -> None:
    room.judge(-60, face(-60, "T1"))
    room.judge(-40, face(-40, "T1"))
    assert LiveKind.COVERAGE not in room.hub.snapshot("L1")
    assert room.entry("T1")["marks"] == []


def test_the_picture_comes_with_boxes_in_shares_of_it(room: Room) -> None:
    room.judge(2, face(2, "T1"), face(2, unknown="u1"), jpeg=b"jpeg")
    picture = room.hub.picture("L1", "front")
    assert picture is not None
    assert picture.jpeg == b"jpeg"
    assert [box.as_json() for box in picture.boxes] == [
        {"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.2, "trainee": "T1", "unknown": None},
        {"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.2, "trainee": None, "unknown": "u1"},
    ]


def test_a_judgement_without_a_picture_keeps_the_last(room: Room) -> None:
    room.judge(2, jpeg=b"first")
    room.judge(4, face(4, "T1"))
    picture = room.hub.picture("L1", "front")
    assert picture is not None
    assert (picture.jpeg, picture.version) == (b"first", 1)


def test_a_judgement_that_tells_no_size_costs_no_picture(room: Room) -> None:
    room.judge(2, face(2, "T1"), jpeg=b"x", size=(0, 0))
    assert room.hub.picture("L1", "front") is not None
