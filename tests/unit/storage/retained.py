"""A sealed lesson with footage in a store, in memory unless told, and a clock that walks through years."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from models.canonical_json import parse_json
from models.errors import ObjectLocked
from models.evidence import LeafKind
from models.footage import KeyVersion, Segment, StoredObject
from models.timetable import LessonState
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.objects.filesystem import no_step
from storage.objects.time_guard import HighestTimeInMemory, TimeGuard
from storage.removal import Remover
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader


class Killed(BaseException):
    """The process ended here."""


OVER = timedelta(days=5 * 366 + 2)
"""Longer than any retention of five years."""


class WatchedStore(MemoryObjectStore):
    """Notes what it was asked, and fails when told to.

    ``laid``: what else lies under a key, as it can on a server.
    """

    def __init__(self, clock: Any, guard: TimeGuard) -> None:
        super().__init__(clock, guard)
        self.guard = guard
        self.laid: dict[str, list[KeyVersion]] = {}
        self.away: Exception | None = None
        self.lies: Callable[[StoredObject], StoredObject] = lambda stored: stored

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject:
        if self.away is not None:
            raise self.away
        return super().set_hold(key, version, held)

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        return self.lies(super().stat(key, version))

    def versions(self, key: str) -> Sequence[KeyVersion]:
        return (*super().versions(key), *self.laid.get(key, ()))

    def delete_version(self, key: str, version: str) -> None:
        laid = [one for one in self.laid.get(key, ()) if one.version == version]
        if any(one.is_kept(self._clock.now()) for one in laid):
            raise ObjectLocked("the server refuses", place=key)
        if laid:
            self.laid[key].remove(laid[0])
        else:
            super().delete_version(key, version)


class Archive:
    """Ledger, spool, uploader and store of lesson L1 with some stored segments."""

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        clock: Any,
        new_segment: Callable[..., Segment],
        store: Any = None,
    ) -> None:
        self.ledger, self.clock = ledger, clock
        self.store = store or WatchedStore(clock, TimeGuard(HighestTimeInMemory()))
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
        self.before_uploads()
        assert all(attempt.stored for attempt in self.uploader.drain())

    def before_uploads(self) -> None:
        """Where footage is booked and not stored yet."""

    def remover(self, killed_at: str = "", step: Callable[[str], None] = no_step) -> Remover:
        """As the chore has it; dies where it is told to."""

        def tell(name: str) -> None:
            if name == killed_at:
                raise Killed
            step(name)

        return Remover(self.ledger, self.store, self.store.time_guard.doubt, step=tell)

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
            assert self.store.time_guard.observe(self.clock.at)

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
