"""The spool: closed segments wait on disk until the object store has confirmed them.

Order of durability (evidence.md): fragment written and synced → segment closed, synced, hashed → leaf and
rows, in one transaction → upload → lock read back → receipt leaf → spool copy removed. Whatever is cut short
is taken up by ``storage.reconciler`` at the next start. Nothing here deletes a byte without a receipt.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from models.errors import Conflict, DiskFull, EvidenceBroken, InvalidInput, VideoInvalid
from models.evidence_leaves import gap as gap_leaf
from models.evidence_leaves import original_stored, segment_closed, segment_stored
from models.footage import Gap, Segment, StoredObject
from models.register import Upload, UploadKind, UploadState
from models.retention import footage_retention
from storage.durable import make_folders, sync_folder
from storage.objects.filesystem import no_step
from storage.playback.sample_index import SampleIndex
from storage.playback.sample_reader import index_of_file
from storage.repositories.writing import checked_id
from storage.unit_of_work import Ledger, UnitOfWork

FIRST_RETRY: Final = timedelta(seconds=5)
LONGEST_RETRY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """``reserve_bytes`` must stay free: below it no recording starts and running ones stop, loudly.

    ``high_bytes`` and ``high_age``: marks above which an operator should look; nothing is deleted there.
    """

    reserve_bytes: int = 1024 * 1024 * 1024
    high_bytes: int = 20 * 1024 * 1024 * 1024
    high_age: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class SpoolState:
    """How the spool stands. ``over``: names of the marks that are exceeded (``bytes``, ``age``, ``room``)."""

    waiting_files: int
    waiting_bytes: int
    oldest_at: datetime | None
    free_bytes: int
    over: tuple[str, ...]


class Spool:
    """Files of ``<root>/<lesson>/<camera>/<sequence>.mp4`` and the rows that speak of them."""

    def __init__(
        self,
        root: Path,
        ledger: Ledger,
        limits: SpoolLimits | None = None,
        *,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        step: Callable[[str], None] = no_step,
    ) -> None:
        self.root = root.absolute()
        self.ledger = ledger
        self.limits = limits or SpoolLimits()
        self.step = step
        self._free_bytes = free_bytes
        self.root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the spool for this process, around repair and recording.

        A second program that repaired here would cut the files that a running recorder writes.

        Raises:
            Conflict: another process holds it.
        """
        with (self.root / ".claim").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    "another Rollcall uses this spool",
                    place=str(self.root),
                    hint="stop it, or use another folder",
                ) from None
            yield

    def folder(self, lesson_id: str, camera_id: str) -> Path:
        """Where a recorder writes; made durable. Raises ``InvalidInput`` for ids that cannot name folders."""
        folder = self.root / checked_id(lesson_id, "lesson_id") / checked_id(camera_id, "camera_id")
        make_folders(folder, self.root)
        return folder

    def require_room(self) -> None:
        """Raises ``DiskFull`` while less than the reserve is free: before a write fails, not after."""
        free = self._free_bytes(self.root)
        if free < self.limits.reserve_bytes:
            raise DiskFull(
                f"{free // 2**20} MiB are free and {self.limits.reserve_bytes // 2**20} MiB are the reserve",
                place=str(self.root),
                hint="free space on this disk; recording goes on by itself when there is room",
            )

    def accept(self, segment: Segment) -> bool:
        """Book a closed segment: leaf, row and upload together; ``False`` when it is booked already.

        Raises:
            InvalidInput: its file is outside the spool.
            EvidenceBroken: its file is missing or has another size.
            NotFound: no such lesson.
        """
        self._check_file(Path(segment.path), segment.size_bytes)
        index = _index_of(Path(segment.path))
        with self.ledger.write() as work:
            self.step("accept: begun")
            if not work.footage.add_segment(segment):
                return False
            now = self.ledger.clock.now()
            work.evidence.append(segment_closed(segment, now))
            self.step("accept: leaf appended")
            work.uploads.queue(self._upload_of(work, segment, now))
            if index is not None:
                work.sample_indexes.put(segment.segment_id, index)
            self.step("accept: row written")
        self.step("accept: committed")
        return True

    def accept_original(self, upload: Upload) -> bool:
        """Queue the untouched original of derived footage; ``False`` when it is queued already."""
        self._check_file(Path(upload.path), upload.size_bytes)
        with self.ledger.write() as work:
            return work.uploads.queue(replace(upload, kind=UploadKind.ORIGINAL))

    def declare(self, gap: Gap) -> bool:
        """Book a gap: row and leaf together; ``False`` when this very gap is booked already."""
        with self.ledger.write() as work:
            if not work.footage.add_gap(gap):
                return False
            work.evidence.append(gap_leaf(gap, self.ledger.clock.now()))
        return True

    def next_to_upload(self, claimed: Collection[str] = ()) -> Upload | None:
        """The oldest upload whose time has come and whose id is not among ``claimed``, or ``None``."""
        with self.ledger.read() as work:
            return work.uploads.next_waiting(self.ledger.clock.now(), claimed, LONGEST_RETRY)

    def retry_all(self) -> int:
        """All that waits may be tried at once: the store is back. Returns how many had been put off."""
        with self.ledger.write() as work:
            return work.uploads.forget_waits()

    def mark_failed(self, upload: Upload, problem: str) -> None:
        """Try again later: 5 s, 10 s, 20 s … 10 min. ``problem``: an error's code."""
        wait = min(FIRST_RETRY * 2 ** min(upload.attempts, 16), LONGEST_RETRY)
        with self.ledger.write() as work:
            work.uploads.note_failure(upload.upload_id, problem, self.ledger.clock.now() + wait)

    def mark_stored(self, upload: Upload, stored: StoredObject) -> None:
        """Book the receipt: row and leaf together; once.

        Raises:
            EvidenceBroken: the object is not locked as long as it must be.
            Conflict: the receipt speaks of other bytes.
        """
        refuse_unlocked(upload, stored)
        with self.ledger.write() as work:
            if work.uploads.note_stored(upload.upload_id, stored):
                now = self.ledger.clock.now()
                if upload.kind is UploadKind.SEGMENT:
                    segment = work.footage.get_segment(upload.upload_id)
                    work.evidence.append(segment_stored(segment, stored, now))
                else:
                    leaf = original_stored(upload.lesson_id, upload.camera_id, upload.sequence, stored, now)
                    work.evidence.append(leaf)
            self.step("receipt: written")
        self.step("receipt: committed")

    def clear(self, upload: Upload) -> None:
        """Remove the spool copy of a stored upload and its sidecar. Raises ``Conflict`` without a receipt."""
        with self.ledger.read() as work:
            if work.uploads.get(upload.upload_id).state is UploadState.WAITING:
                raise Conflict(f"upload {upload.upload_id} has no receipt yet", hint="upload it first")
        path = Path(upload.path)
        path.unlink(missing_ok=True)
        self.step("clear: copy removed")
        path.with_suffix(".json").unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)
        with self.ledger.write() as work:
            work.uploads.note_cleared(upload.upload_id)
        self.step("clear: committed")

    def state(self) -> SpoolState:
        """For metrics, ``/readyz`` and the console."""
        now = self.ledger.clock.now()
        free = self._free_bytes(self.root)
        with self.ledger.read() as work:
            backlog = work.uploads.backlog()
        marks = {
            "bytes": backlog.size_bytes > self.limits.high_bytes,
            "age": backlog.oldest_at is not None and now - backlog.oldest_at > self.limits.high_age,
            "room": free < self.limits.reserve_bytes,
        }
        over = tuple(name for name, exceeded in marks.items() if exceeded)
        return SpoolState(backlog.files, backlog.size_bytes, backlog.oldest_at, free, over)

    def _upload_of(self, work: UnitOfWork, segment: Segment, now: datetime) -> Upload:
        record = work.lessons.get(segment.lesson_id)
        ends_at = max(record.lesson.ends_at, segment.ends_at)
        return Upload(
            upload_id=segment.segment_id,
            kind=UploadKind.SEGMENT,
            lesson_id=segment.lesson_id,
            camera_id=segment.camera_id,
            sequence=segment.sequence,
            path=segment.path,
            object_key=object_key(segment),
            sha256=segment.sha256,
            size_bytes=segment.size_bytes,
            retain_until=footage_retention(ends_at, now, record.policy.recording.retention_years),
            state=UploadState.WAITING,
            queued_at=now,
        )

    def _check_file(self, path: Path, size_bytes: int) -> None:
        if not path.is_absolute() or ".." in path.parts or not path.is_relative_to(self.root):
            raise InvalidInput("the file is not in the spool", place=str(path), hint=f"write to {self.root}")
        try:
            found_bytes = path.stat().st_size
        except FileNotFoundError:
            raise EvidenceBroken("a closed segment has vanished from the spool", place=str(path)) from None
        if found_bytes != size_bytes:
            raise EvidenceBroken(
                f"closed with {size_bytes} bytes, found with {found_bytes}",
                place=str(path),
                hint="look for a failing disk or another writer",
            )


def _index_of(path: Path) -> SampleIndex | None:
    """What playback needs, while the bytes are at hand. Footage is booked without it as well."""
    try:
        return index_of_file(path)
    except (VideoInvalid, OSError):
        return None


def object_key(segment: Segment) -> str:
    """The key of a segment: unique by its content, so that no retry can overwrite another's bytes."""
    name = f"{segment.sequence:06d}-{segment.sha256}.mp4"
    return f"footage/{segment.lesson_id}/{segment.camera_id}/{name}"


def refuse_unlocked(upload: Upload, stored: StoredObject) -> None:
    """Raises ``EvidenceBroken`` unless the object, as read back, is ours and locked long enough."""
    if stored.sha256 != upload.sha256 or stored.size_bytes != upload.size_bytes:
        raise EvidenceBroken("the store holds other bytes under this key", place=upload.object_key)
    locked_until = stored.retain_until
    if stored.lock_mode is None or locked_until is None or locked_until < upload.retain_until:
        raise EvidenceBroken(
            "the store did not lock this object as asked",
            place=upload.object_key,
            hint="run: rollcall store canary",
        )
