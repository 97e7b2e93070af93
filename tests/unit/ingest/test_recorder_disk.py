"""A disk that fills up or fails: recording stops loudly, what is safe stays, room that returns is used."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

import ingest.segment_file
from models.errors import StreamLost
from models.footage import CameraState, GapCause
from tests.unit.ingest.conftest import Stage
from tests.unit.ingest.fakes import Clip, decode_all, live_steps, read_back

LOST = StreamLost("the cable is out")


@dataclass
class Disk:
    """Takes ``room`` bytes, then a part of the next write, then nothing until it has room again."""

    room: int = 1 << 40
    error: int = errno.ENOSPC
    refusals: int = 0

    def write_all(self, descriptor: int, data: bytes) -> None:
        if len(data) > self.room:
            os.write(descriptor, data[: self.room])
            self.room = 0
            self.refusals += 1
            raise OSError(self.error, os.strerror(self.error))
        os.write(descriptor, data)
        self.room -= len(data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(ingest.segment_file, "write_all", disk.write_all)
    return disk


def test_a_full_disk_is_told_and_every_second_of_it_is_a_gap(stage: Stage, clip: Clip, disk: Disk) -> None:
    disk.room = 9000
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert disk.refusals
    assert CameraState.DISK_FULL in stage.sink.states
    assert GapCause.DISK_FULL in [gap.cause for gap in stage.sink.gaps]
    stage.assert_accounted()


def test_what_was_whole_before_the_disk_filled_is_kept_and_plays(
    stage: Stage, clip: Clip, disk: Disk
) -> None:
    disk.room = 9000
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert stage.sink.segments
    for segment in stage.sink.segments:
        data = Path(segment.path).read_bytes()
        assert segment.sha256 == hashlib.sha256(data).hexdigest(), "no torn fragment is in the file"
        assert decode_all(segment.path) == len(read_back(segment.path))
        played_s = len(read_back(segment.path)) / clip.rate
        assert segment.duration_s == pytest.approx(played_s, abs=0.11)


def test_recording_goes_on_when_room_returns(stage: Stage, clip: Clip, disk: Disk) -> None:
    def make_room() -> None:
        disk.room = 1 << 40

    disk.room = 4000
    steps = [*live_steps(clip), make_room, *live_steps(clip, shift=10 * 90_000), LOST]
    stage.play(stage.source(clip, steps))
    assert stage.sink.states[-4:-2] == [CameraState.RECORDING, CameraState.WAITING]
    assert [segment.sequence for segment in stage.sink.segments] == list(
        range(1, len(stage.sink.segments) + 1)
    )
    assert sum(gap.cause is GapCause.DISK_FULL for gap in stage.sink.gaps) == 1
    stage.assert_accounted()


def test_a_disk_without_any_room_leaves_no_empty_file_and_no_hole_in_the_numbers(
    stage: Stage, clip: Clip, disk: Disk
) -> None:
    disk.room = 0
    recorder = stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert not stage.sink.segments
    assert list((stage.spool / "L1" / "c1").iterdir()) == []
    assert recorder.next_sequence == 1
    stage.assert_accounted()


def test_a_full_disk_is_told_once_not_at_every_picture(stage: Stage, clip: Clip, disk: Disk) -> None:
    disk.room = 0
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert stage.sink.states.count(CameraState.DISK_FULL) == 1
    assert disk.refusals <= 3, "a full disk is tried again only now and then"


def test_a_full_disk_is_no_source_of_samples(stage: Stage, clip: Clip, disk: Disk) -> None:
    """No mark without evidence: a sighting needs footage beside it."""
    disk.room = 0
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert len(stage.bus.frames) <= disk.refusals, "at most the first keyframe of each try"


def test_a_disk_that_fails_otherwise_is_the_recorders_failure(stage: Stage, clip: Clip, disk: Disk) -> None:
    disk.room, disk.error = 9000, errno.EIO
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert GapCause.RECORDER_FAILED in [gap.cause for gap in stage.sink.gaps]
    assert "storage_error" in [report.code for report in stage.sink.reports]
    stage.assert_accounted()


def test_no_segment_is_begun_when_less_than_the_reserve_is_free(stage: Stage, clip: Clip) -> None:
    stage.options = {"reserve_bytes": 1 << 60}
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert not stage.sink.segments
    assert CameraState.DISK_FULL in stage.sink.states
    stage.assert_accounted()


def test_the_cause_of_a_gap_changes_from_full_disk_to_lost_stream(
    stage: Stage, clip: Clip, disk: Disk
) -> None:
    disk.room = 0
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert [gap.cause for gap in stage.sink.gaps][-2:] == [GapCause.DISK_FULL, GapCause.STREAM_LOST]


def test_a_spool_that_cannot_be_made_is_reported_not_raised(stage: Stage, clip: Clip) -> None:
    (stage.spool / "L1").write_text("a file where the lesson's folder should be")
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert "storage_error" in [report.code for report in stage.sink.reports]
    stage.assert_accounted()
