"""Keeps the evidence log's copy in the object store (layout: ``storage.log_copy``).

Order: decide what an object will hold and write that down → store it, locked → read its lock back → receipt
leaf and row, one transaction. A crash between any two steps repeats the same objects, since what was decided
is never decided again: so no leaf ever lies in two objects.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from models.errors import EvidenceBroken, ObjectExists
from models.evidence import LeafKind
from models.evidence_care import CopyKind, LogObject
from models.evidence_leaves_care import log_stored
from models.footage import StoredObject
from models.retention import footage_retention, retain_until
from storage.evidence_proofs import log_keys
from storage.leaf_store import LeafQuery, StoredLeaf
from storage.log_copy import (
    LEAVES,
    CopiedRange,
    checkpoint_key,
    leaves_bytes,
    public_key_bytes,
    public_key_key,
    range_of,
    timestamp_key,
)
from storage.objects.filesystem import no_step
from storage.unit_of_work import Ledger, UnitOfWork
from storage.uploader import ObjectStore

LEAVES_PER_OBJECT: Final = 4_000
"""A record has about 600 bytes, so an object about 2 MiB: one PUT, and one read of a rebuild."""

OBJECTS_PER_ROUND: Final = 64
"""What one call stores at most; the next one goes on."""

WAIT: Final = timedelta(seconds=60)
"""How long young leaves wait for others, unless a lesson was closed among them."""


@dataclass(frozen=True, slots=True)
class CopyState:
    """``leaves``: how many the store holds; ``size``: how many the log has; ``last``: confirmed last."""

    leaves: int
    size: int
    last: LogObject | None


class LogCopier:
    """Called again and again by one job. ``step``: tests put a crash there."""

    def __init__(
        self, ledger: Ledger, store: ObjectStore, scratch: Path, *, step: Callable[[str], None] = no_step
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._scratch = scratch
        self._step = step
        self._begun = False

    def run(self) -> tuple[StoredObject, ...]:
        """Store what is due; what was confirmed this time.

        Raises:
            StorageError: the store is away; the next call goes on where this one stopped.
            EvidenceBroken: the store holds other leaves than this log, or does not lock.
        """
        if not self._begun:
            self._adopt()
            self._begun = True
        with self._ledger.read() as work:
            waiting, due = work.log_objects.planned(), self._due(work)
        if not waiting and due:
            with self._ledger.write() as work:
                self._plan(work)
            self._step("planned")
            with self._ledger.read() as work:
                waiting = work.log_objects.planned()
        return self._carry(waiting) if waiting else ()

    def state(self) -> CopyState:
        """How far the copy is."""
        with self._ledger.read() as work:
            head = work.evidence.store.head()
            planned = [one.first for one in work.log_objects.planned() if one.kind is CopyKind.LEAVES]
            leaves = min([work.log_objects.next_leaf(), *planned])
            return CopyState(leaves, head.size if head else 0, work.log_objects.last_stored())

    def _due(self, work: UnitOfWork) -> bool:
        """Whether a signed leaf waits that is more than a receipt, and waits long enough or closes a lesson.

        A receipt alone is never a reason: it would be stored, and need a receipt.
        """
        first, signed = work.log_objects.next_leaf(), work.evidence.store.latest_checkpoint()
        if signed is None:
            return False
        stop = min(signed.size, first + LEAVES_PER_OBJECT)  # of a long backlog the beginning will do
        query = LeafQuery(start=first, stop=stop, kinds=_REASONS)
        oldest = next(iter(work.evidence.store.rows(query)), None)
        if self._signed_only(work, first) or work.timestamps.uncopied(1):
            return True
        if oldest is None:
            return False
        closed = LeafQuery(start=first, stop=stop, kinds=(LeafKind.LESSON_CLOSED,))
        young = timedelta() <= self._ledger.clock.now() - oldest.at < WAIT  # a clock may have gone back
        started = work.log_objects.last_stored() is not None
        return not (young and started) or bool(tuple(work.evidence.store.rows(closed)))

    def _signed_only(self, work: UnitOfWork, leaves: int) -> bool:
        """Whether a checkpoint waits whose leaves are all stored: signed again, or by a second party."""
        return bool(work.log_objects.checkpoints_after(work.log_objects.last_checkpoint_id(), leaves, 1))

    def _plan(self, work: UnitOfWork) -> None:
        """Decide what the next objects hold: keys, leaves, then the checkpoints over those leaves, tokens."""
        store, now, objects = work.evidence.store, self._ledger.clock.now(), work.log_objects
        for key in log_keys(store, work.evidence.origin):
            if objects.find(public_key_key(key)) is None:
                digest = sha256(public_key_bytes(key)).hexdigest()
                objects.plan(LogObject(public_key_key(key), CopyKind.KEY, 0, 0, digest, retain_until(now)))
        first, signed = objects.next_leaf(), store.latest_checkpoint()
        rows = self._next_leaves(work, first, 0 if signed is None else signed.size)
        until = _longest_lock(work, rows, now)
        if rows:
            one = CopiedRange(first, rows[-1].seq, sha256(leaves_bytes(rows)).hexdigest())
            objects.plan(LogObject(one.key, CopyKind.LEAVES, one.first, one.last, one.sha256, until))
        after = objects.checkpoints_after(objects.last_checkpoint_id(), first + len(rows), OBJECTS_PER_ROUND)
        for number, row in after:
            note = row.note.encode("utf-8")
            name, digest = checkpoint_key(row.size, note), sha256(note).hexdigest()
            objects.plan(LogObject(name, CopyKind.CHECKPOINT, row.size, row.size, digest, until, number))
        for stamp in work.timestamps.uncopied(OBJECTS_PER_ROUND):
            token = stamp.token or b""
            name, digest = timestamp_key(stamp.size, token), sha256(token).hexdigest()
            objects.plan(LogObject(name, CopyKind.TIMESTAMP, stamp.size, stamp.closing, digest, until))

    def _next_leaves(self, work: UnitOfWork, first: int, size: int) -> tuple[StoredLeaf, ...]:
        query = LeafQuery(start=first, stop=min(size, first + LEAVES_PER_OBJECT))
        return tuple(work.evidence.store.rows(query))

    def _carry(self, waiting: Sequence[LogObject]) -> tuple[StoredObject, ...]:
        confirmed = []
        for one in waiting:
            confirmed.append(self._put(one, self._content(one)))
            self._step("stored")
        with self._ledger.write() as work:
            now = self._ledger.clock.now()
            for stored in confirmed:
                work.log_objects.note_stored(stored, now)
            work.evidence.append(log_stored(confirmed, now))
        self._step("receipt")
        return tuple(confirmed)

    def _content(self, one: LogObject) -> bytes:
        """The bytes that were decided on. Raises ``EvidenceBroken`` where the log has others now."""
        with self._ledger.read() as work:
            content = _bytes_of(work, one)
        if content is None or sha256(content).hexdigest() != one.sha256:
            raise EvidenceBroken(
                "the log no longer holds what was to be stored", place=one.key, hint="run: rollcall doctor"
            )
        return content

    def _put(self, one: LogObject, content: bytes) -> StoredObject:
        """Store it unless an earlier attempt did, and believe only what was read back."""
        with tempfile.NamedTemporaryFile(dir=self._scratch, prefix=".log-copy-") as file:
            file.write(content)
            file.flush()
            with suppress(ObjectExists):
                self._store.put_locked(one.key, file.name, one.sha256, one.retain_until)
        stored = self._store.stat(one.key)
        if stored.lock_mode is None or stored.retain_until is None or stored.retain_until < one.retain_until:
            self._store.extend_lock(stored.key, stored.version, one.retain_until)
            stored = self._store.stat(one.key)
        locked = stored.lock_mode is not None and stored.retain_until is not None
        if not locked or stored.sha256 != one.sha256 or stored.size_bytes != len(content):
            raise EvidenceBroken(
                "the store did not keep or lock this part of the log as asked",
                place=one.key,
                hint="run: rollcall store canary",
            )
        return stored

    def _adopt(self) -> None:
        """After a restored database: what the store holds beyond our rows must be this very log.

        Raises:
            EvidenceBroken: it holds leaves that this log does not have, or other ones.
        """
        while True:
            with self._ledger.read() as work:
                first, head = work.log_objects.next_leaf(), work.evidence.store.head()
            found = {stored.key for stored in self._store.list_versions(f"{LEAVES}{first:012d}-")}
            if not found:
                return
            if len(found) > 1:
                raise EvidenceBroken(
                    f"two objects hold leaf {first}",
                    place=min(found),
                    hint="keep both and run: rollcall doctor",
                )
            self._adopt_range(range_of(found.pop()), head.size if head else 0)

    def _adopt_range(self, found: CopiedRange, size: int) -> None:
        if found.last >= size:
            raise EvidenceBroken(
                f"the object store holds leaves up to {found.last}, this database only {size}",
                place=found.key,
                hint="an older database was restored: get the log back from the object store first",
            )
        until = retain_until(self._ledger.clock.now())
        one = LogObject(found.key, CopyKind.LEAVES, found.first, found.last, found.sha256, until)
        stored = self._put(one, self._content(one))
        with self._ledger.write() as work:
            work.log_objects.plan(one)
            work.log_objects.note_stored(stored, self._ledger.clock.now())


_REASONS = tuple(kind for kind in LeafKind if kind is not LeafKind.LOG_STORED)


def _longest_lock(work: UnitOfWork, rows: Sequence[StoredLeaf], now: datetime) -> datetime:
    """Five years from now, or as long as the footage of any lesson that these leaves speak of."""
    until = [retain_until(now)]
    for lesson_id in {row.lesson_id for row in rows if row.lesson_id is not None}:
        record = work.lessons.find(lesson_id)
        if record is not None:
            years = record.policy.recording.retention_years
            until.append(footage_retention(record.lesson.ends_at, now, years))
    return max(until)


def _bytes_of(work: UnitOfWork, one: LogObject) -> bytes | None:
    store = work.evidence.store
    if one.kind is CopyKind.LEAVES:
        return leaves_bytes(tuple(store.rows(LeafQuery(start=one.first, stop=one.last + 1))))
    if one.kind is CopyKind.CHECKPOINT:
        notes = [row.note.encode("utf-8") for row in store.checkpoints(one.first, one.first)]
        return next((note for note in notes if checkpoint_key(one.first, note) == one.key), None)
    if one.kind is CopyKind.KEY:
        keys = log_keys(store, work.evidence.origin)
        return next((public_key_bytes(key) for key in keys if public_key_key(key) == one.key), None)
    return work.timestamps.token_of(one.last)
