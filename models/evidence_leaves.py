"""Leaves of the evidence log, one builder per kind: what each kind's body says, in one place.

Times are text as ``models.checkpoint.utc_text`` writes them, durations seconds, sizes bytes, hashes
lower-case hex. Bodies name trainees by their roster code only: a log that nobody can erase holds no names and
no numbers of identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum

from models.attendance import Verdict
from models.checkpoint import utc_text
from models.errors import InvalidInput
from models.evidence import JsonValue, Leaf, LeafKind
from models.footage import Gap, Segment, StoredObject
from models.policy import Policy
from models.timeline import Interval
from models.timetable import Lesson


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file that goes into a bundle: its path there, SHA-256 as hex, size."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CameraTotals:
    """What a lesson's closing leaf states of one camera, so that a cut-off tail shows."""

    camera_id: str
    segments: int
    last_sequence: int
    gaps: int
    recorded_s: float


def segment_closed(segment: Segment, at: datetime) -> Leaf:
    """A segment's bytes are final and hashed. Its place in the spool is nobody's business."""
    body = json_of(segment)
    for name in ("path", "lesson_id"):
        body.pop(name)
    return Leaf(LeafKind.SEGMENT_CLOSED, at, segment.lesson_id, body)


def segment_stored(segment: Segment, stored: StoredObject, at: datetime) -> Leaf:
    """The store's own word about a segment, lock included, as it was read back."""
    body = json_of(stored) | {"camera_id": segment.camera_id, "sequence": segment.sequence}
    return Leaf(LeafKind.SEGMENT_STORED, at, segment.lesson_id, body)


def original_stored(
    lesson_id: str, camera_id: str, sequence: int, stored: StoredObject, at: datetime
) -> Leaf:
    """The undisturbed original of a derived segment is kept as an object of its own."""
    body = json_of(stored) | {"camera_id": camera_id, "sequence": sequence}
    return Leaf(LeafKind.ORIGINAL_STORED, at, lesson_id, body)


def gap(declared: Gap, at: datetime) -> Leaf:
    """Time without footage, and why."""
    body = json_of(declared)
    body.pop("lesson_id")
    return Leaf(LeafKind.GAP, at, declared.lesson_id, body)


def coverage(lesson_id: str, camera_id: str, judged: Iterable[Interval], at: datetime) -> Leaf:
    """When a camera recorded and its frames were judged."""
    body: dict[str, JsonValue] = {"camera_id": camera_id, "intervals": [json_of(part) for part in judged]}
    return Leaf(LeafKind.COVERAGE, at, lesson_id, body)


def lesson_published(lesson: Lesson, policy: Policy, roll_call_seed: str, at: datetime) -> Leaf:
    """The rules of a lesson, fixed before it begins: times, cameras, policy, seed of the roll calls."""
    body = json_of(lesson) | {"policy": json_of(policy), "roll_call_seed": roll_call_seed}
    body.pop("lesson_id")
    return Leaf(LeafKind.LESSON_PUBLISHED, at, lesson.lesson_id, body)


def verdict(judged: Verdict, at: datetime) -> Leaf:
    """The machine's verdict on one trainee, whole."""
    body = json_of(judged)
    body.pop("lesson_id")
    return Leaf(LeafKind.VERDICT, at, judged.lesson_id, body)


def recorder_started(lesson_id: str, camera_id: str, at: datetime) -> Leaf:
    """A recorder began to watch a camera for a lesson."""
    return Leaf(LeafKind.RECORDER_STARTED, at, lesson_id, {"camera_id": camera_id})


def recorder_stopped(lesson_id: str, camera_id: str, cause: str, at: datetime) -> Leaf:
    """A recorder ended; ``cause`` is a stable code."""
    return Leaf(LeafKind.RECORDER_STOPPED, at, lesson_id, {"camera_id": camera_id, "cause": cause})


def export(
    lesson_id: str,
    actor: str,
    footage: str,
    files: Sequence[FileDigest],
    at: datetime,
    part_of: Mapping[str, JsonValue] | None = None,
) -> Leaf:
    """Somebody took a bundle out, with these files beside the footage.

    ``footage``: included, hashes or selected. ``part_of``: what else a bundle of a case or class says of
    itself, see ``storage.bundle_evidence``.
    """
    body: dict[str, JsonValue] = {
        "actor": actor,
        "footage": footage,
        "files": [json_of(item) for item in sorted(files, key=lambda item: item.name)],
        **(part_of or {}),
    }
    return Leaf(LeafKind.EXPORT, at, lesson_id, body)


def lesson_closed(
    lesson_id: str, leaves: int, cameras: Sequence[CameraTotals], retain_until: datetime, at: datetime
) -> Leaf:
    """The lesson's count: ``leaves`` includes this one, ``retain_until`` is what every lock must reach."""
    body: dict[str, JsonValue] = {
        "leaves": leaves,
        "cameras": [json_of(item) for item in sorted(cameras, key=lambda item: item.camera_id)],
        "retain_until": utc_text(retain_until),
    }
    return Leaf(LeafKind.LESSON_CLOSED, at, lesson_id, body)


def heartbeat(at: datetime) -> Leaf:
    """Nothing happened, and the log was alive."""
    return Leaf(LeafKind.HEARTBEAT, at, None, {})


def camera_totals(segments: Iterable[Segment], gaps: Iterable[Gap]) -> tuple[CameraTotals, ...]:
    """Count a lesson's segments and gaps per camera; a camera that only has gaps counts too."""
    by_camera: dict[str, list[Segment]] = {}
    gap_counts: dict[str, int] = {}
    for segment in segments:
        by_camera.setdefault(segment.camera_id, []).append(segment)
    for declared in gaps:
        by_camera.setdefault(declared.camera_id, [])
        gap_counts[declared.camera_id] = gap_counts.get(declared.camera_id, 0) + 1
    return tuple(
        CameraTotals(
            camera_id=camera_id,
            segments=len(found),
            last_sequence=max((segment.sequence for segment in found), default=0),
            gaps=gap_counts.get(camera_id, 0),
            recorded_s=sum(segment.duration_s for segment in sorted(found, key=lambda item: item.sequence)),
        )
        for camera_id, found in sorted(by_camera.items())
    )


def json_of(value: object) -> dict[str, JsonValue]:
    """A dataclass of values as a JSON object.

    Raises:
        InvalidInput: it holds something that has no JSON form here.
    """
    if not is_dataclass(value) or isinstance(value, type):
        raise InvalidInput(f"{type(value).__name__} is not a record")
    return {field.name: _json_value(getattr(value, field.name)) for field in fields(value)}


def _json_value(value: object) -> JsonValue:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_json_value(item) for item in value]
    return json_of(value)
