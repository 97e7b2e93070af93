"""Evidence: kinds of leaves, their canonical form, and the signed state of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class LeafKind(StrEnum):
    """What an evidence record speaks of (evidence.md)."""

    LOG_OPENED = "log_opened"
    LESSON_PUBLISHED = "lesson_published"
    LESSON_CLOSED = "lesson_closed"
    RECORDER_STARTED = "recorder_started"
    RECORDER_STOPPED = "recorder_stopped"
    SEGMENT_CLOSED = "segment_closed"
    SEGMENT_STORED = "segment_stored"
    ORIGINAL_STORED = "original_stored"
    GAP = "gap"
    COVERAGE = "coverage"
    VERDICT = "verdict"
    CORRECTION = "correction"
    FLAG = "flag"
    VIEW = "view"
    EXPORT = "export"
    CONSENT = "consent"
    ERASURE = "erasure"
    ENROLMENT = "enrolment"
    HOLD = "hold"
    KEY_ROTATED = "key_rotated"
    PURGE = "purge"
    LOG_STORED = "log_stored"
    TIMESTAMPED = "timestamped"
    REHASHED = "rehashed"
    STORE_TRIED = "store_tried"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A record to be appended: ``body`` holds JSON values only, numbers as RFC 8785 allows."""

    kind: LeafKind
    at: datetime
    lesson_id: str | None
    body: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Signed state of the log: origin, number of leaves, root hash (32 bytes), time."""

    origin: str
    size: int
    root: bytes
    at: datetime
