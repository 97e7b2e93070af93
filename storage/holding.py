"""Carries legal holds from the books into the object store, and believes only what it read back.

The hold is in force from the moment its row and leaf are committed: removal looks at the rows. The store's
own hold follows, now or when the store answers again; nothing is forgotten, for what differs is found by
looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.errors import EvidenceBroken, NotFound
from models.evidence_leaves_retention import hold_confirmed, hold_placed, hold_released
from models.holds import Hold, checked_case, checked_reason
from models.ports import ObjectReader, ObjectWriter
from models.register import Upload
from storage.unit_of_work import Ledger, UnitOfWork


class HoldingStore(ObjectWriter, ObjectReader, Protocol):
    """A store that sets holds and can be read back."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a round did: objects whose hold was changed, and holds that the store now confirms."""

    objects: int
    confirmed: tuple[Hold, ...]


def place_hold(work: UnitOfWork, lesson_id: str, case_ref: str, reason: str, by: str) -> Hold:
    """A hold and its leaf, in the caller's unit of work. Removals not done yet are called off.

    Raises:
        NotFound: no such lesson.
        InvalidInput: no reason.
    """
    now = work.evidence.clock.now()
    hold = work.holds.place(lesson_id, checked_case(case_ref), checked_reason(reason), by, now)
    work.evidence.append(hold_placed(hold, now))
    return hold


def release_hold(work: UnitOfWork, hold_id: str, reason: str, by: str) -> Hold:
    """The hold's end and its leaf, in the caller's unit of work; the store follows later.

    Raises:
        NotFound, Conflict: no such hold, or released already.
        InvalidInput: no reason.
    """
    now = work.evidence.clock.now()
    hold = work.holds.release(hold_id, checked_reason(reason), by, now)
    work.evidence.append(hold_released(hold, now))
    return hold


class HoldKeeper:
    """Called at intervals; each round does a bounded piece."""

    def __init__(self, ledger: Ledger, store: HoldingStore) -> None:
        self._ledger = ledger
        self._store = store

    def settle(self, limit: int = 200) -> Settled:
        """Bring the store's holds to what the rows say, and confirm the holds that are whole.

        Raises:
            StorageError: the store does not answer, or does not keep a hold; the next round tries again.
            EvidenceBroken: the store says that it set a hold and shows none.
        """
        with self._ledger.read() as work:
            different = work.holds.unlike_the_store(limit)
        for upload, version, wanted in different:
            self._set(upload, version, wanted)
        if len(different) >= limit:
            return Settled(len(different), ())
        return Settled(len(different), self._confirm())

    def _set(self, upload: Upload, version: str, wanted: bool) -> None:
        try:
            self._store.set_hold(upload.object_key, version, wanted)
            stored = self._store.stat(upload.object_key, version)
        except NotFound:
            raise EvidenceBroken(
                "an object under legal hold is not in the store",
                place=upload.object_key,
                hint="raise an evidence flag and look for another copy",
            ) from None
        if stored.legal_hold is not wanted:
            raise EvidenceBroken(
                "the store did not keep the legal hold as asked",
                place=upload.object_key,
                hint="run: rollcall store canary",
            )
        with self._ledger.write() as work:
            work.holds.note_hold(upload.upload_id, stored)

    def _confirm(self) -> tuple[Hold, ...]:
        with self._ledger.read() as work:
            waiting = work.holds.unconfirmed()
        confirmed = []
        for hold in waiting:
            with self._ledger.write() as work:
                # Looked at again inside the unit: footage may have been stored, or the hold released,
                # meanwhile.
                current = work.holds.get(hold.hold_id)
                if current != hold or work.holds.differs(hold.lesson_id):
                    continue
                now = self._ledger.clock.now()
                work.evidence.append(hold_confirmed(hold, work.holds.objects(hold.lesson_id), now))
                confirmed.append(work.holds.confirm(hold.hold_id, now))
        return tuple(confirmed)
