"""Removes footage whose retention is over, with proof of what it was.

Order: bars looked at → decision (leaf ``begun``, rows marked) committed → per object, inside one unit of work
that locks the log: bars looked at again, bytes deleted, absence read back, tombstone leaf and row
committed. Killed after the bytes went and before the commit: the next round finds the object gone, its
removal decided, and writes the tombstone. The rows of a segment and of its receipt stay for good.

The store decides whether the bytes may go: its lock, its hold, and whether it believes the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from models.errors import EvidenceBroken, NotFound, ObjectLocked, RollcallError
from models.evidence import JsonValue
from models.evidence_leaves_retention import object_removed, removal_begun
from models.holds import Expiry, RemovalBar, removal_bars
from models.ports import ObjectPurger, ObjectReader
from models.register import Upload
from storage.objects.filesystem import no_step
from storage.unit_of_work import Ledger, UnitOfWork

LESSONS_PER_ROUND = 20


class PurgingStore(ObjectPurger, ObjectReader, Protocol):
    """A store that deletes what it may and can be asked what it has."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A lesson whose footage has outlived its retention, and what still stands against its removal."""

    expiry: Expiry
    bars: tuple[RemovalBar, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """What a round removed. ``refused``: why lessons kept footage although nothing in the books stood against
    its removal, one error for each."""

    lessons: int
    objects: int
    size_bytes: int
    refused: tuple[RollcallError, ...] = ()


class Remover:
    """Called at intervals; each round does a bounded piece and begins where the last one ended."""

    def __init__(
        self,
        ledger: Ledger,
        store: PurgingStore,
        doubt: Callable[[datetime], str | None],
        *,
        step: Callable[[str], None] = no_step,
    ) -> None:
        """``doubt``: why a time cannot be believed, as ``storage.objects.time_guard`` says it."""
        self._doubt = doubt
        self._ledger = ledger
        self._store = store
        self._step = step
        self._after: tuple[datetime, str] | None = None

    def due(self, limit: int = LESSONS_PER_ROUND) -> tuple[Expired, ...]:
        """The next lessons with expired footage; from the first again after the last."""
        now = self._ledger.clock.now()
        with self._ledger.read() as work:
            found = work.removals.expired(now, self._after, limit)
            judged = tuple(Expired(one, self._bars(work, one)) for one in found)
        last = found[-1] if len(found) == limit else None
        self._after = (last.ended_at, last.lesson_id) if last and last.ended_at else None
        return judged

    def remove_due(self) -> Removed:
        """One round. A lesson that the store keeps, or whose footage is lost, holds up no other.

        Raises:
            ObjectLocked: the clock is not believed; nothing went.
            StorageError: the store does not answer.
        """
        self._refuse_doubtful_time()
        lessons = 0
        gone: list[Upload] = []
        refused: list[RollcallError] = []
        for expired in self.due():
            if expired.bars:
                continue
            try:
                gone += self.remove_lesson(expired.expiry)
                lessons += 1
            except (ObjectLocked, EvidenceBroken) as error:
                refused.append(error)
        size_bytes = sum(upload.size_bytes for upload in gone)
        return Removed(lessons, len(gone), size_bytes, tuple(refused))

    def remove_lesson(self, expiry: Expiry) -> tuple[Upload, ...]:
        """All of a lesson's expired objects; returns those that went.

        Raises:
            ObjectLocked: the store keeps an object longer.
            EvidenceBroken: an object is lost, or the store only pretends to delete.
            StorageError: the store does not answer.
        """
        now = self._ledger.clock.now()
        with self._ledger.read() as work:
            found = work.removals.candidates(expiry.lesson_id, now)
        for upload, version in found:
            self._refuse_kept(upload, version, now)
        self._begin(expiry, [upload for upload, _ in found], now)
        self._step("removal: decided")
        return tuple(upload for upload, version in found if self._remove(upload, version))

    def _refuse_doubtful_time(self) -> None:
        """Before anything is decided; the store asks again at each deletion."""
        doubt = self._doubt(self._ledger.clock.now())
        if doubt is not None:
            raise ObjectLocked(
                f"nothing is purged: {doubt}",
                hint='set the clock right; if its date is right: rollcall doctor --confirm-time "YOUR NAME"',
            )

    def _bars(self, work: UnitOfWork, expiry: Expiry) -> tuple[RemovalBar, ...]:
        flags = [record.flag for record in work.flags.of_lesson(expiry.lesson_id)]
        now = self._ledger.clock.now()
        return removal_bars(expiry, work.holds.of_lesson(expiry.lesson_id), flags, now)

    def _refuse_kept(self, upload: Upload, version: str, now: datetime) -> None:
        """The store's own word, before anything is decided: a decision that cannot be carried out is
        noise."""
        try:
            stored = self._store.stat(upload.object_key, version or None)
        except NotFound:
            with self._ledger.read() as work:
                if work.removals.is_under_way(upload.upload_id):
                    return  # a crash came after its bytes went
            raise EvidenceBroken(
                "footage is gone from the store, and nobody removed it by the rules",
                place=upload.object_key,
                hint="raise an evidence flag and look for another copy",
            ) from None
        if stored.legal_hold or (stored.retain_until is not None and stored.retain_until > now):
            raise ObjectLocked(
                "the store keeps this object", place=upload.object_key, hint="see its hold and its date"
            )

    def _begin(self, expiry: Expiry, uploads: list[Upload], now: datetime) -> None:
        with self._ledger.write() as work:
            if self._bars(work, expiry):
                return
            record = work.lessons.get(expiry.lesson_id)
            if work.removals.begin([upload.upload_id for upload in uploads], now):
                retention: dict[str, JsonValue] = {
                    "policy_version": record.policy.version,
                    "retention_years": record.policy.recording.retention_years,
                }
                size_bytes = sum(upload.size_bytes for upload in uploads)
                leaf = removal_begun(expiry.lesson_id, len(uploads), size_bytes, retention, now)
                work.evidence.append(leaf)

    def _remove(self, upload: Upload, version: str) -> bool:
        """Bytes and tombstone. The unit of work locks the log first: a hold is placed before or after, never
        between the look at the rows and the deletion."""
        with self._ledger.write() as work:
            work.evidence.lock()
            held = work.holds.is_held(upload.lesson_id)
            if held or not work.removals.is_under_way(upload.upload_id):
                return False
            was_there = self._delete(upload, version)
            self._step("removal: deleted")
            now = self._ledger.clock.now()
            policy = work.lessons.get(upload.lesson_id).policy.version
            leaf = work.evidence.append(object_removed(upload, version, policy, was_there, now))
            work.removals.note_removed(upload.upload_id, now, leaf.seq)
            self._step("removal: written")
        self._step("removal: committed")
        return True

    def _delete(self, upload: Upload, version: str) -> bool:
        """Whether it was still there. Raises ``EvidenceBroken`` when the store goes on showing it."""
        try:
            self._store.delete_version(upload.object_key, version)
        except NotFound:
            return False
        try:
            self._store.stat(upload.object_key, version or None)
        except NotFound:
            return True
        raise EvidenceBroken(
            "the store says it deleted an object and still shows it", place=upload.object_key
        )
