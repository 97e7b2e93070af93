"""Recorded footage: closed segments, gaps with causes, and the state of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.timeline import Interval


class GapCause(StrEnum):
    """Why footage is missing."""

    CONNECTING = "connecting"
    STREAM_UNREACHABLE = "stream_unreachable"
    STREAM_LOST = "stream_lost"
    STREAM_STALLED = "stream_stalled"
    STREAM_DENIED = "stream_denied"
    CLOCK_JUMP = "clock_jump"
    PROCESS_RESTARTED = "process_restarted"
    DISK_FULL = "disk_full"
    SEGMENT_DAMAGED = "segment_damaged"
    RECORDER_FAILED = "recorder_failed"
    SOURCE_ENDED = "source_ended"


@dataclass(frozen=True, slots=True)
class Segment:
    """One closed file of footage.

    ``starts_at``/``ends_at``: recorder's clock, UTC. ``first_pts_s``: media time of the first packet.
    ``sequence``: from 1 per lesson and camera, without holes. ``derived``: transcoded because the
    container cannot carry the source's codec; the original is kept as an object of its own.
    ``clock_offset_s``: machine clock against its time source where known. ``repaired``: closed by the
    reconciler after a crash.
    """

    segment_id: str
    lesson_id: str
    camera_id: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    first_pts_s: float
    duration_s: float
    codec: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    path: str
    keyframes: int
    derived: bool = False
    repaired: bool = False
    clock_offset_s: float | None = None

    @property
    def interval(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which a camera should have recorded and did not."""

    lesson_id: str
    camera_id: str
    starts_at: datetime
    ends_at: datetime
    cause: GapCause
    detail: str = ""

    @property
    def interval(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)


class CameraState(StrEnum):
    """What a recorder does just now."""

    CONNECTING = "connecting"
    RECORDING = "recording"
    WAITING = "waiting"
    DISK_FULL = "disk_full"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class CameraReport:
    """A change of a recorder's state, with the error's code and next try where it waits."""

    camera_id: str
    lesson_id: str
    at: datetime
    state: CameraState
    code: str = ""
    message: str = ""
    retry_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the store itself reported it when it was read back.

    ``lock_mode``: ``"GOVERNANCE"``, ``"COMPLIANCE"``, or ``None`` where the lock is missing.
    """

    key: str
    version: str
    size_bytes: int
    sha256: str
    etag: str
    lock_mode: str | None
    retain_until: datetime | None
    legal_hold: bool
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One of the versions that lie under one key, as the store itself shows it.

    ``retain_until``: ``None`` where it has no lock. ``is_marker``: a server's note that somebody deleted the
    key; it has no bytes and no lock.
    """

    version: str
    retain_until: datetime | None = None
    legal_hold: bool = False
    is_marker: bool = False

    def is_kept(self, now: datetime) -> bool:
        """Whether a hold or a retention that is not over yet stands against its removal."""
        return self.legal_hold or (self.retain_until is not None and self.retain_until > now)
