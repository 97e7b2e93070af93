"""Footage: found by instant, read by range, every viewing in the evidence log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

import structlog

from models.errors import EvidenceBroken, NotFound
from models.evidence import Leaf, LeafKind
from models.footage import Gap, Segment
from models.register import LessonRecord, UploadState
from storage.unit_of_work import UnitOfWork
from supervision_api.auth import Caller
from supervision_api.services import Services
from supervision_api.view_ledger import ViewLedger

_log = structlog.get_logger(__name__)

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instant lies in the footage: a segment and the seconds into it, or the gap it falls into."""

    segment: Segment | None
    offset_s: float = 0.0
    gap: Gap | None = None


def place_of(work: UnitOfWork, lesson_id: str, camera_id: str, at: datetime) -> Place:
    """The segment that shows the instant. An instant just past the last frame is shown by its segment."""
    segments = work.footage.segments(lesson_id, camera_id)
    for segment in segments:
        if segment.starts_at <= at < segment.ends_at:
            return Place(segment, _offset_s(segment, at))
    for gap in work.footage.gaps(lesson_id, camera_id):
        if gap.starts_at <= at < gap.ends_at:
            return Place(None, gap=gap)
    near = [one for one in segments if abs((one.ends_at - at).total_seconds()) < 1.0]
    return Place(near[0], near[0].duration_s) if near else Place(None)


def _offset_s(segment: Segment, at: datetime) -> float:
    return round(min(max(0.0, (at - segment.starts_at).total_seconds()), segment.duration_s), 3)


@dataclass(frozen=True, slots=True)
class SegmentBytes:
    """Where a segment's bytes may be: in the spool (``path``), in the store (``key``), or just on the way."""

    segment: Segment
    path: str | None
    key: str | None

    @property
    def size(self) -> int:
        return self.segment.size_bytes


def find_segment(work: UnitOfWork, lesson_id: str, camera_id: str, sequence: int) -> SegmentBytes:
    """Raises ``NotFound``."""
    for segment in work.footage.segments(lesson_id, camera_id):
        if segment.sequence == sequence:
            return bytes_of(work, segment)
    raise NotFound("no such segment", hint="it may not be closed yet")


def bytes_of(work: UnitOfWork, segment: Segment) -> SegmentBytes:
    """Where a segment's bytes are now. Raises ``NotFound``: removed after its retention."""
    upload = work.uploads.find(segment.segment_id)
    if upload is None:
        return SegmentBytes(segment, segment.path, None)
    if upload.upload_id in work.removals.removed_ids(segment.lesson_id):
        raise NotFound(
            "this footage was removed after its retention",
            hint="the evidence log keeps what it was; see the lesson's footage page",
        )
    spooled = upload.path if upload.state is UploadState.WAITING else None
    return SegmentBytes(segment, spooled, upload.object_key)


def stored_segments(work: UnitOfWork, lesson_id: str) -> frozenset[str]:
    """Ids of the lesson's segments that lie locked in the object store."""
    states = (UploadState.STORED, UploadState.CLEARED)
    return frozenset(one.upload_id for state in states for one in work.uploads.in_state(state, lesson_id))


def read_pieces(services: Services, found: SegmentBytes, start: int, stop: int) -> Iterator[bytes]:
    """Bytes ``[start, stop)`` in pieces, the first of them read at once: what is gone must be told as an
    error, not as a film that breaks off.

    Raises:
        EvidenceBroken: the file is shorter than its row says, or gone.
    """
    first = read_exactly(services, found, start, min(start + PIECE_BYTES, stop))
    return chain((first,), _following(services, found, start + len(first), stop))


def _following(services: Services, found: SegmentBytes, start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, PIECE_BYTES):
        yield read_exactly(services, found, at, min(at + PIECE_BYTES, stop))


def read_exactly(services: Services, found: SegmentBytes, start: int, end: int) -> bytes:
    """Bytes ``[start, end)`` of a segment. Raises ``EvidenceBroken``: shorter than recorded, or gone."""
    piece = _found_bytes(services, found, start, end)
    if len(piece) != end - start:
        raise EvidenceBroken(
            f"segment {found.segment.sequence} is shorter than recorded", hint="run rollcall verify"
        )
    return piece


def _found_bytes(services: Services, found: SegmentBytes, start: int, end: int) -> bytes:
    try:
        if found.path is not None:
            with Path(found.path).open("rb") as file:
                file.seek(start, os.SEEK_SET)
                return file.read(end - start)
    except OSError:
        _log.info("segment left the spool while it was read", segment=found.segment.segment_id)
    try:
        if found.key is not None:
            return services.objects.read_range(found.key, start, end)
    except NotFound:
        _log.error("segment is in neither spool nor store", segment=found.segment.segment_id)
    raise EvidenceBroken(
        f"segment {found.segment.sequence} is not where it was recorded", hint="run rollcall verify"
    )


def record_view(
    services: Services, views: ViewLedger, caller: Caller, record: LessonRecord, what: dict[str, str | int]
) -> None:
    """Write a viewing into the evidence log before the first byte leaves; one leaf per sitting.

    ``what``: ``{"camera_id", "sequence"}`` for a segment, ``{"camera_id", "live": 1}`` for the live picture,
    ``{"camera_id", "view"}`` for the ways of playback: ``film`` (with ``from`` and ``to`` where an interval
    was asked for), ``hls``, ``stills``, ``derived``.
    """
    now = services.clock.now()
    lesson_id = record.lesson.lesson_id
    view = (caller.actor, lesson_id, *(f"{name}={value}" for name, value in sorted(what.items())))
    if views.is_known(view, now):
        return
    with services.ledger.write() as work:
        work.evidence.append(
            Leaf(
                LeafKind.VIEW, now, lesson_id, {"actor": caller.actor, "role": caller.user.role.value, **what}
            )
        )
    views.remember(view, now)
