"""Removes footage whose retention is over, with proof of what it was.

Order: bars looked at → decision (leaf ``begun``, rows marked) committed → per object, inside one unit of work
that locks the log: bars looked at again, bytes deleted, absence read back, tombstone leaf and row
committed. Killed after the bytes went and before the commit: the next round finds the object gone, its
removal decided, and writes the tombstone. The rows of a segment and of its receipt stay for good.

A key may have other versions than the one of its receipt: an upload whose answer was lost can be stored
twice. All of them go. The decision names the others before the first of them is deleted; the receipt's
version goes last, so that what a crash leaves is still the object that the books know.

The store decides whether the bytes may go: its lock, its hold, and whether it believes the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from models.canonical_json import parse_json
from models.errors import EvidenceBroken, NotFound, ObjectLocked, RollcallError
from models.evidence import JsonValue, LeafKind
from models.evidence_leaves_retention import object_removed, removal_begun
from models.footage import KeyVersion
from models.holds import Expiry, RemovalBar, removal_bars
from models.ports import ObjectPurger
from models.register import Upload
from storage.leaf_store import LeafQuery
from storage.objects.filesystem import no_step
from storage.unit_of_work import Ledger, UnitOfWork

LESSONS_PER_ROUND = 20


Others = Mapping[str, frozenset[str]]
"""By key, the versions beside the one that its receipt names; delete markers are among them."""


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
        store: ObjectPurger,
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
        others = {one.object_key: self._refuse_kept(one, version, now) for one, version in found}
        named = self._begin(expiry, [upload for upload, _ in found], others, now)
        self._step("removal: decided")
        if named is None:
            return ()
        return tuple(one for one, version in found if self._remove(one, version, named[one.object_key]))

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

    def _refuse_kept(self, upload: Upload, version: str, now: datetime) -> frozenset[str]:
        """The store's own word, before anything is decided: a decision that cannot be carried out is
        noise. Returns the other versions of the key."""
        there = self._store.versions(upload.object_key)
        if all(one.version != version for one in there):
            with self._ledger.read() as work:
                # It goes last: where it is gone and its removal was decided, a crash came after it.
                decided = work.removals.is_under_way(upload.upload_id)
            if not decided:
                raise EvidenceBroken(
                    "footage is gone from the store, and nobody removed it by the rules",
                    place=upload.object_key,
                    hint="raise an evidence flag and look for another copy",
                )
        _refuse_locked(upload, version, there, now)
        return _others(there, version)

    def _begin(self, expiry: Expiry, uploads: list[Upload], others: Others, now: datetime) -> Others | None:
        """What the log names of other versions by now; ``None`` where something stands against it after
        all."""
        with self._ledger.write() as work:
            if self._bars(work, expiry):
                return None
            work.evidence.lock()
            named = _named(work, expiry.lesson_id)
            new = {
                key: more for key, found in others.items() if (more := found - named.get(key, frozenset()))
            }
            record = work.lessons.get(expiry.lesson_id)
            if work.removals.begin([upload.upload_id for upload in uploads], now) or new:
                retention: dict[str, JsonValue] = {
                    "policy_version": record.policy.version,
                    "retention_years": record.policy.recording.retention_years,
                }
                size_bytes = sum(upload.size_bytes for upload in uploads)
                leaf = removal_begun(expiry.lesson_id, len(uploads), size_bytes, retention, now, new)
                work.evidence.append(leaf)
        return {key: found | named.get(key, frozenset()) for key, found in others.items()}

    def _remove(self, upload: Upload, version: str, named: frozenset[str]) -> bool:
        """Bytes and tombstone. The unit of work locks the log first: a hold is placed before or after, never
        between the look at the rows and the deletion."""
        with self._ledger.write() as work:
            work.evidence.lock()
            held = work.holds.is_held(upload.lesson_id)
            if held or not work.removals.is_under_way(upload.upload_id):
                return False
            there = self._store.versions(upload.object_key)
            _refuse_locked(upload, version, there, self._ledger.clock.now())
            if not _others(there, version) <= named:
                return False  # laid there since the decision; the next round names it first
            was_there = self._delete(upload.object_key, version, there)
            self._step("removal: deleted")
            now = self._ledger.clock.now()
            policy = work.lessons.get(upload.lesson_id).policy.version
            tombstone = object_removed(upload, version, policy, was_there, now, named)
            work.removals.note_removed(upload.upload_id, now, work.evidence.append(tombstone).seq)
            self._step("removal: written")
        self._step("removal: committed")
        return True

    def _delete(self, key: str, version: str, there: Sequence[KeyVersion]) -> bool:
        """Everything under the key; whether the receipt's version was still there.

        Raises ``EvidenceBroken`` when the store goes on showing any of it.
        """
        for other in sorted(_others(there, version)):
            with suppress(NotFound):
                self._store.delete_version(key, other)
            self._step("removal: other version deleted")
        was_there = any(one.version == version for one in there)
        if was_there:
            try:
                self._store.delete_version(key, version)
            except NotFound:
                was_there = False
        if self._store.versions(key):
            raise EvidenceBroken("the store says it deleted an object and still shows it", place=key)
        return was_there


def _others(there: Sequence[KeyVersion], version: str) -> frozenset[str]:
    return frozenset(one.version for one in there if one.version != version)


def _refuse_locked(upload: Upload, version: str, there: Sequence[KeyVersion], now: datetime) -> None:
    """Before the first goes: a key is removed whole or not at all."""
    for one in there:
        if one.is_kept(now):
            which = "this object" if one.version == version else "another version of this object"
            raise ObjectLocked(
                f"the store keeps {which}", place=upload.object_key, hint="see its hold and its date"
            )


def _named(work: UnitOfWork, lesson_id: str) -> Others:
    """Other versions that earlier decisions about this lesson name: a crash may have come after they went."""
    named: dict[str, frozenset[str]] = {}
    for row in work.evidence.store.rows(LeafQuery(lesson_id, (LeafKind.PURGE,))):
        record = parse_json(row.record)
        body = record["body"] if isinstance(record, dict) else None
        others = body.get("other_versions") if isinstance(body, dict) else None
        if isinstance(others, dict):
            for key, versions in others.items():
                more = frozenset(map(str, versions)) if isinstance(versions, list) else frozenset()
                named[key] = named.get(key, frozenset()) | more
    return named
