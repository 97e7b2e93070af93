"""Flags the lessons whose footage is not safely stored, and withdraws the flag when it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from models.flags import Flag, FlagKind, FlagState
from models.register import LessonRecord
from models.upload_flags import SUBJECT_PREFIX, Unstored, kept_wording, upload_flags
from storage.repositories.flags import FlagFilter
from storage.unit_of_work import UnitOfWork
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.judging import settle_flags

_log = structlog.get_logger(__name__)

NAME: Final = "unstored footage"
EVERY_S: Final = 60.0

_KINDS: Final = frozenset({FlagKind.EVIDENCE})
_PAGE: Final = 200


class UnstoredFootage:
    """A chore. Nothing is remembered: each call compares what waits with the flags that stand."""

    def __init__(self, house: Installation, metrics: Metrics) -> None:
        self._house = house
        self._metrics = metrics

    def run(self) -> None:
        """One look at all lessons. Raises ``StorageError``."""
        now = self._house.clock.now()
        with self._house.ledger.read() as work:
            # Policies differ by lesson; every one of them asks for a wait of at least nothing.
            waiting = work.uploads.unstored(now + timedelta(microseconds=1))
            lessons = sorted({one.lesson_id for one in waiting} | _flagged(work))
            stale = [one for one in lessons if self._wanted(work, one, waiting) != _standing(work, one)]
        for lesson_id in stale:
            self._settle(lesson_id)

    def _settle(self, lesson_id: str) -> None:
        now = self._house.clock.now()
        with self._house.ledger.write() as work:
            waiting = work.uploads.unstored(now + timedelta(microseconds=1))
            flags = self._wanted(work, lesson_id, waiting)
            changed = settle_flags(work, lesson_id, flags, _KINDS, now, SUBJECT_PREFIX)
        for flag in changed:
            if flag.state is FlagState.OPEN:
                self._metrics.flags_raised.labels(flag.kind.value).inc()
            codes = [reason.code for reason in flag.reasons]
            _log.warning("footage flag", lesson=lesson_id, state=flag.state.value, reasons=codes)

    def _wanted(self, work: UnitOfWork, lesson_id: str, waiting: Sequence[Unstored]) -> tuple[Flag, ...]:
        record: LessonRecord = work.lessons.get(lesson_id)
        overdue_before = self._house.clock.now() - record.policy.flags.unstored_after
        raised = upload_flags(lesson_id, record.policy.version, waiting, overdue_before)
        return kept_wording(raised, _standing(work, lesson_id))


def _standing(work: UnitOfWork, lesson_id: str) -> tuple[Flag, ...]:
    flags = (record.flag for record in work.flags.of_lesson(lesson_id))
    return tuple(flag for flag in flags if _is_ours(flag))


def _flagged(work: UnitOfWork) -> set[str]:
    """Lessons with an open flag of this chore."""
    wanted = FlagFilter(states=(FlagState.OPEN,), kinds=(FlagKind.EVIDENCE,))
    found: set[str] = set()
    cursor: str | None = None
    while True:
        page = work.flags.page(wanted, cursor, _PAGE)
        found |= {record.flag.lesson_id for record in page.items if _is_ours(record.flag)}
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


def _is_ours(flag: Flag) -> bool:
    return (
        flag.kind is FlagKind.EVIDENCE
        and flag.state is FlagState.OPEN
        and flag.subject.startswith(SUBJECT_PREFIX)
    )
