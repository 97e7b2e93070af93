"""A sealed lesson with footage in a store in memory, and a clock that walks through the years."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from models.canonical_json import parse_json
from models.evidence import LeafKind
from models.footage import Segment, StoredObject
from models.timetable import LessonState
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.objects.time_guard import HighestTimeInMemory, TimeGuard
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader

OVER = timedelta(days=5 * 366 + 2)
"""Longer than any retention of five years."""


class WatchedStore(MemoryObjectStore):
    """Notes what it was asked, and fails when told to."""

    def __init__(self, clock: Any, guard: TimeGuard) -> None:
        super().__init__(clock, guard)
        self.guard = guard
        self.deleted: list[str] = []
        self.away: Exception | None = None
        self.lies: Callable[[StoredObject], StoredObject] = lambda stored: stored

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject:
        if self.away is not None:
            raise self.away
        return super().set_hold(key, version, held)

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        return self.lies(super().stat(key, version))

    def delete_version(self, key: str, version: str) -> None:
        super().delete_version(key, version)
        self.deleted.append(key)


class Archive:
    """Ledger, spool, uploader and store of lesson L1 with some stored segments."""

    def __init__(self, ledger: Ledger, folder: Path, clock: Any, new_segment: Callable[..., Segment]) -> None:
        self.ledger, self.clock = ledger, clock
        self.store = WatchedStore(clock, TimeGuard(HighestTimeInMemory()))
        self.spool = Spool(folder / "spool", ledger, SpoolLimits(reserve_bytes=0))
        self.uploader = Uploader(self.spool, self.store)
        self._new_segment = new_segment

    def record(self, *sequences: int) -> None:
        """Footage, closed, stored, its spool copy gone."""
        for sequence in sequences:
            content = f"footage {sequence}".encode() * 100
            path = self.spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            segment = self._new_segment(sequence, path=str(path), size_bytes=len(content), sha256=digest)
            assert self.spool.accept(segment)
        assert all(attempt.stored for attempt in self.uploader.drain())

    def seal(self) -> None:
        with self.ledger.write() as work:
            for before, after in (
                (LessonState.RUNNING, LessonState.CLOSING),
                (LessonState.CLOSING, LessonState.JUDGED),
                (LessonState.JUDGED, LessonState.SEALED),
            ):
                work.lessons.move("L1", before, after)

    def live_through(self, span: timedelta) -> None:
        """Time passes while the store runs, so that it believes the clock."""
        end = self.clock.at + span
        while self.clock.at < end:
            self.clock.at = min(end, self.clock.at + timedelta(days=6))
            assert self.store.guard.observe(self.clock.at)

    def bodies(self, kind: LeafKind) -> list[dict[str, Any]]:
        with self.ledger.read() as work:
            found = [parse_json(row.record) for row in work.evidence.store.rows(LeafQuery(kinds=(kind,)))]
        return [one["body"] for one in found if isinstance(one, dict)]  # type: ignore[misc]

    def keys(self) -> list[str]:
        return [stored.key for stored in self.store.list_versions("footage/")]

    def held(self) -> list[bool]:
        return [stored.legal_hold for stored in self.store.list_versions("footage/")]


def without_hold(stored: StoredObject) -> StoredObject:
    return replace(stored, legal_hold=False)
