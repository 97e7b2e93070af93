"""Walks over all footage, within an I/O budget, and raises an evidence flag for what is not as the log says.

Where it stands is a row: a restart goes on behind the last file that was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from models.evidence_care import FootageProblem, RehashFinding, RehashPass
from models.evidence_flags import footage_flag
from models.evidence_leaves_care import all_rehashed, file_rehashed
from models.flags import FlagKind, FlagState
from models.ports import ObjectReader
from models.register import Upload
from storage.footage_check import Examined, LoggedHashes, examine, logged_hashes
from storage.unit_of_work import Ledger, UnitOfWork
from supervision_api.pipeline.judging import flag_leaf

FILES_PER_ROUND: Final = 50
LOOK_AGAIN: Final = timedelta(hours=1)
"""What is wrong is looked at this often, so that a copy put back ends the alarm without a new walk."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did: ``bytes_read`` for the budget, ``changed``: findings that are new or over."""

    files: int
    bytes_read: int
    changed: tuple[RehashFinding, ...]


class Rehasher:
    """One job's walk. ``every``: from the begin of one walk to the begin of the next."""

    def __init__(self, ledger: Ledger, store: ObjectReader, every: timedelta) -> None:
        self._ledger = ledger
        self._store = store
        self._every = every
        self._hashes: tuple[str, LoggedHashes] = ("", {})

    def walk(self, budget_bytes: int) -> Round:
        """Look at files until the budget is used or the round is full. At least one file, if any is due.

        Raises:
            StorageError: the store is away; the walk stays where it is.
        """
        walked = self._current()
        if walked is None:
            return Round(0, 0, ())
        with self._ledger.read() as work:
            uploads = work.rehash.stored_after(walked.position, FILES_PER_ROUND)
        if not uploads:
            self._finish(walked)
            return Round(0, 0, ())
        changed: list[RehashFinding] = []
        files = bytes_read = 0
        for upload in uploads:
            if files and bytes_read + upload.size_bytes > budget_bytes:
                break
            looked = self._look(upload)
            files, bytes_read = files + 1, bytes_read + looked.read_bytes
            walked = replace(
                walked,
                position=upload.object_key,
                objects=walked.objects + 1,
                size_bytes=walked.size_bytes + looked.read_bytes,
                findings=walked.findings + (looked.problem is not None),
            )
            changed += self._record(upload, looked, walked)
        with self._ledger.write() as work:
            work.rehash.save(walked)
        return Round(files, bytes_read, tuple(changed))

    def look_again(self, most: int = FILES_PER_ROUND, *, now_due: bool = False) -> Round:
        """Look at what was found wrong; ``now_due``: whenever that was. Raises ``StorageError``."""
        with self._ledger.read() as work:
            now = self._ledger.clock.now()
            wrong = work.rehash.open_findings(most=most)
            due = [one for one in wrong if now_due or not timedelta() <= now - one.checked_at < LOOK_AGAIN]
            # What waits in the spool again, or was removed for good, is not the store's to show.
            uploads = work.rehash.stored_of([one.upload_id for one in due][:FILES_PER_ROUND])
        changed: list[RehashFinding] = []
        bytes_read = 0
        for upload in uploads:
            looked = self._look(upload)
            bytes_read += looked.read_bytes
            changed += self._record(upload, looked, None)
        return Round(len(uploads), bytes_read, tuple(changed))

    def _current(self) -> RehashPass | None:
        """The walk under way; a new one when its time has come; ``None`` between two walks."""
        with self._ledger.read() as work:
            running, last = work.rehash.running(), work.rehash.last_finished()
        if running is not None:
            return running
        now = self._ledger.clock.now()
        if last is not None and timedelta() <= now - last.started_at < self._every:
            return None
        with self._ledger.write() as work:
            return work.rehash.begin(now)

    def _look(self, upload: Upload) -> Examined:
        if self._hashes[0] != upload.lesson_id:
            with self._ledger.read() as work:
                self._hashes = (upload.lesson_id, logged_hashes(work.evidence.store, upload.lesson_id))
        return examine(self._store, upload, self._hashes[1])

    def _record(self, upload: Upload, looked: Examined, walked: RehashPass | None) -> list[RehashFinding]:
        """Finding, leaf, flag and position, together. Most files are sound and cost no transaction."""
        with self._ledger.read() as work:
            before = work.rehash.finding(upload.upload_id)
        was_wrong = before is not None and before.mended_at is None
        if looked.problem is None and not was_wrong:
            return []
        now = self._ledger.clock.now()
        finding = _finding(upload, looked.problem, before, now)
        same = before is not None and was_wrong and before.problem is looked.problem
        with self._ledger.write() as work:
            work.rehash.put_finding(finding)
            if not same:
                work.evidence.append(file_rehashed(finding, looked.found_sha256, now))
                _settle_flag(work, upload.lesson_id, upload.camera_id, now)
            if walked is not None:
                work.rehash.save(walked)
        return [] if same else [finding]

    def _finish(self, walked: RehashPass) -> None:
        now = self._ledger.clock.now()
        done = replace(walked, finished_at=now)
        with self._ledger.write() as work:
            work.rehash.save(done)
            work.evidence.append(all_rehashed(done, work.rehash.count_open(), now))


def _finding(
    upload: Upload, problem: FootageProblem | None, before: RehashFinding | None, now: datetime
) -> RehashFinding:
    fresh = before is None or before.mended_at is not None
    found_at = now if fresh or before is None else before.found_at
    if problem is None and before is not None:
        return replace(before, checked_at=now, mended_at=now)
    return RehashFinding(
        upload_id=upload.upload_id,
        lesson_id=upload.lesson_id,
        camera_id=upload.camera_id,
        sequence=upload.sequence,
        key=upload.object_key,
        problem=problem or FootageProblem.ALTERED,
        found_at=found_at,
        checked_at=now,
    )


def _settle_flag(work: UnitOfWork, lesson_id: str, camera_id: str, now: datetime) -> None:
    record = work.lessons.find(lesson_id)
    if record is None:
        return
    standing = next(
        (
            one.flag
            for one in work.flags.of_lesson(lesson_id)
            if one.flag.kind is FlagKind.EVIDENCE and one.flag.subject == camera_id
        ),
        None,
    )
    wrong = [one for one in work.rehash.open_findings(lesson_id) if one.camera_id == camera_id]
    starts = {s.sequence: s.starts_at for s in work.footage.segments(lesson_id, camera_id)}
    flag = footage_flag(lesson_id, camera_id, record.policy.version, wrong, starts, standing)
    if flag is None or (standing is not None and standing.state is FlagState.WITHDRAWN == flag.state):
        return
    change = work.flags.put(flag, now)
    if change is not None:
        work.evidence.append(flag_leaf(change.record.flag, now))
