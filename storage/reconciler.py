"""Repair at start: whatever a crash cut short between two steps is taken up where it stopped.

Run it while the spool is claimed and before any recorder starts. It may itself be killed at any point and
run again. It never deletes a byte that the object store has not confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from models.errors import Conflict, NotFound, StorageError, VideoInvalid
from models.footage import Gap, GapCause, Segment
from models.register import LessonRecord, Upload, UploadState
from models.timeline import Interval, difference, interval_or_none
from models.timetable import LessonState
from storage.leftovers import Leftover, close_leftover, find_leftovers, read_sidecar, set_aside, sweep
from storage.spool import Spool
from storage.unit_of_work import UnitOfWork
from storage.uploader import Uploader

# Shorter holes are rounding between two clocks, not missing footage (as in the recorder's own book).
_LEAST_GAP: Final = timedelta(milliseconds=50)
_SETTLED: Final = timedelta(minutes=2)
_UNFINISHED: Final = (LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a start repaired. ``missing``: booked footage that neither spool nor store holds any more: each is
    an *evidence* flag. ``aside``: files that could not be booked, kept under another name."""

    repaired: tuple[Segment, ...] = ()
    gaps: tuple[Gap, ...] = ()
    cleared: int = 0
    aside: tuple[Path, ...] = ()
    missing: tuple[Upload, ...] = ()


class Reconciler:
    """Spool, rows and store brought together again."""

    def __init__(self, spool: Spool, uploader: Uploader) -> None:
        self._spool = spool
        self._uploader = uploader

    def run(self) -> Reconciled:
        """Repair everything; uploads themselves are left to the uploader, which finds them waiting.

        Raises:
            StorageError: database or disk fail; nothing is half-done that a next run would not finish.
        """
        repaired, aside = self._close_leftovers()
        cleared = self._uploader.finish_stored()
        missing = self._missing()
        gaps = self._declare_gaps()
        return Reconciled(repaired, gaps, cleared, aside, missing)

    def adopt_closed(self, min_age: timedelta = _SETTLED) -> tuple[Segment, ...]:
        """Book closed segments that have no row, while recorders run.

        Booking fails while the database is locked or its disk is full; the file stays in the spool, and a
        timer that calls this brings it in later. Open segments are never touched; a younger file may be on
        its way into the books just now.
        """
        adopted: list[Segment] = []
        newest = (self._spool.ledger.clock.now() - min_age).timestamp()
        for leftover in find_leftovers(self._spool.root):
            if leftover.open or not _is_older(leftover, newest) or self._is_booked(leftover):
                continue
            with suppress(VideoInvalid, NotFound, Conflict):  # the next start sets it aside
                adopted.append(self._book(leftover))
        return tuple(adopted)

    def _close_leftovers(self) -> tuple[tuple[Segment, ...], tuple[Path, ...]]:
        sweep(self._spool.root)
        repaired: list[Segment] = []
        aside: list[Path] = []
        for leftover in find_leftovers(self._spool.root):
            if self._is_booked(leftover):
                continue
            try:
                repaired.append(self._book(leftover))
            except (VideoInvalid, NotFound, Conflict):
                aside.append(set_aside(_where_it_is(leftover)))
        return tuple(repaired), tuple(aside)

    def _is_booked(self, leftover: Leftover) -> bool:
        if leftover.open:
            return False
        sidecar = read_sidecar(leftover)
        with self._spool.ledger.read() as work:
            if sidecar is not None:
                return work.footage.find_segment(sidecar.segment_id) is not None
            return any(str(leftover.path) == upload.path for upload in _of_folder(work, leftover))

    def _book(self, leftover: Leftover) -> Segment:
        """Raises ``VideoInvalid``, ``NotFound``, ``Conflict`` for what cannot be booked."""
        sidecar = read_sidecar(leftover)
        if sidecar is None:
            raise VideoInvalid("its sidecar is missing or damaged", place=leftover.path.name)
        if leftover.open and leftover.closed_path.exists():
            raise Conflict("a closed segment has the same number", place=leftover.path.name)
        with self._spool.ledger.read() as work:
            work.lessons.get(sidecar.lesson_id)
        segment = close_leftover(leftover, sidecar, self._spool.step)
        self._spool.accept(segment)
        return segment

    def _missing(self) -> tuple[Upload, ...]:
        with self._spool.ledger.read() as work:
            waiting = work.uploads.in_state(UploadState.WAITING)
        gone = [upload for upload in waiting if not Path(upload.path).exists()]
        return tuple(upload for upload in gone if self._is_lost(upload))

    def _is_lost(self, upload: Upload) -> bool:
        try:
            return not self._uploader.is_kept(upload)
        except StorageError:
            return False  # the uploader asks again when the store answers

    def _declare_gaps(self) -> tuple[Gap, ...]:
        now = self._spool.ledger.clock.now()
        with self._spool.ledger.read() as work:
            records = work.lessons.in_states(_UNFINISHED, before=now)
            gaps = [gap for record in records for gap in _undeclared(work, record, now)]
        return tuple(gap for gap in gaps if self._spool.declare(gap))


def undeclared_gaps(
    record: LessonRecord, camera_id: str, known: Iterable[Interval], now: datetime
) -> tuple[Gap, ...]:
    """Time of a camera that is neither footage nor a declared gap. Pure.

    Looked at: from the lesson's start (or the first footage before it) until now or the lesson's end.
    """
    booked = tuple(known)
    begins = min([record.lesson.starts_at, *(interval.starts_at for interval in booked)])
    window = interval_or_none(begins, min(now, record.lesson.ends_at))
    holes = difference([window] if window is not None else [], booked)
    return tuple(
        Gap(
            record.lesson.lesson_id,
            camera_id,
            hole.starts_at,
            hole.ends_at,
            GapCause.PROCESS_RESTARTED,
            "found at the next start",
        )
        for hole in holes
        if hole.duration >= _LEAST_GAP
    )


def _undeclared(work: UnitOfWork, record: LessonRecord, now: datetime) -> list[Gap]:
    lesson = record.lesson
    found: list[Gap] = []
    for camera_id in lesson.cameras:
        footage = [
            segment.interval
            for segment in work.footage.segments(lesson.lesson_id, camera_id)
            if segment.duration_s > 0
        ]
        declared = [gap.interval for gap in work.footage.gaps(lesson.lesson_id, camera_id)]
        found.extend(undeclared_gaps(record, camera_id, footage + declared, now))
    return found


def _is_older(leftover: Leftover, newest: float) -> bool:
    try:
        return leftover.path.stat().st_mtime <= newest
    except FileNotFoundError:
        return False  # uploaded and cleared meanwhile


def _of_folder(work: UnitOfWork, leftover: Leftover) -> tuple[Upload, ...]:
    return work.uploads.of_lesson(leftover.path.parent.parent.name)


def _where_it_is(leftover: Leftover) -> Leftover:
    """Repair may have given the file its closed name before booking failed."""
    if leftover.path.exists():
        return leftover
    return Leftover(leftover.closed_path, leftover.sequence, open=False)
