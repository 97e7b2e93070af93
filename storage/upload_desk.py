"""Hands the files of the spool to several workers: each file to one, the oldest first.

Claims live in this process only. The spool belongs to one process at a time, so a kill frees all of them, and
nothing has to be cleaned up at the next start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import (
    Conflict,
    EvidenceBroken,
    InvalidInput,
    NotFound,
    ObjectExists,
    ObjectLocked,
    RollcallError,
)
from models.register import Upload
from storage.spool import Spool
from storage.store_watch import StoreWatch
from storage.uploader import UploadAttempt, Uploader

_OF_THE_FILE = (Conflict, EvidenceBroken, InvalidInput, NotFound, ObjectExists, ObjectLocked)


@dataclass(frozen=True, slots=True)
class DeskState:
    """``away``: the store as a whole is taken to be away; ``again_in_s``: until it is asked again.

    ``stored_bytes``: carried since the start of the process. ``problem``: the last error's code, or empty.
    ``carrying``: files that workers have in hand. ``told``: the last error in words, with the next step.
    """

    away: bool
    again_in_s: float
    stored_bytes: int
    problem: str
    carrying: int
    told: str = ""


class UploadDesk:
    """One per spool. Thread-safe: any number of workers call ``work``."""

    def __init__(self, spool: Spool, uploader: Uploader, monotonic_s: Callable[[], float]) -> None:
        self._spool = spool
        self._uploader = uploader
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._claimed: set[str] = set()
        self._watch = StoreWatch()
        self._stored_bytes = 0
        self._error: RollcallError | None = None

    def state(self) -> DeskState:
        """For metrics, ``/readyz`` and the console."""
        with self._lock:
            watch = self._watch
            wait_s = max(0.0, watch.until_s - self._monotonic_s()) if watch.away else 0.0
            code, told = ("", "") if self._error is None else (self._error.code, str(self._error))
            return DeskState(watch.away, wait_s, self._stored_bytes, code, len(self._claimed), told)

    def work(self) -> UploadAttempt | None:
        """Carry one file; ``None`` when there is nothing to do now.

        While the store is away one worker at a time asks it, at growing intervals, and no other works.

        Raises:
            StorageError: the database fails; the file is free for the next worker.
        """
        if not self._take_turn():
            return None
        try:
            if not self._store_is_there():
                return None
            upload = self._claim()
            if upload is None:
                self._answered()
                return None
            try:
                return self._carry(upload)
            finally:
                self._free(upload)
        except BaseException:
            self._give_turn_back()
            raise

    def _take_turn(self) -> bool:
        with self._lock:
            if not self._watch.may_work(self._monotonic_s()):
                return False
            self._watch = self._watch.begun()
            return True

    def _give_turn_back(self) -> None:
        """The database failed, which says nothing about the store: somebody else asks it."""
        with self._lock:
            if self._watch.trying:
                self._watch = self._watch.unreachable(self._monotonic_s())

    def _store_is_there(self) -> bool:
        """Asked before a file is taken only while the store is away."""
        with self._lock:
            if not self._watch.trying:
                return True
        return self._asked()

    def _asked(self) -> bool:
        try:
            self._uploader.ask()
        except RollcallError as error:
            with self._lock:
                self._watch = self._watch.unreachable(self._monotonic_s())
                self._error = error
            return False
        return True

    def _claim(self) -> Upload | None:
        with self._lock:
            upload = self._spool.next_to_upload(self._claimed)
            if upload is not None:
                self._claimed.add(upload.upload_id)
            return upload

    def _free(self, upload: Upload) -> None:
        with self._lock:
            self._claimed.discard(upload.upload_id)

    def _carry(self, upload: Upload) -> UploadAttempt:
        attempt = self._uploader.carry(upload)
        error = attempt.error
        if error is None:
            with self._lock:
                self._stored_bytes += upload.size_bytes
                self._error = None
            self._answered()
        elif isinstance(error, _OF_THE_FILE):
            self._put_off(upload, error)
            self._answered()
        elif self._asked():
            # The store answers: this file is put off, and several in a row are the store's fault after all.
            self._put_off(upload, error)
            with self._lock:
                self._watch = self._watch.refused(self._monotonic_s())
        return attempt

    def _put_off(self, upload: Upload, error: RollcallError) -> None:
        with self._lock:
            self._error = error
        self._spool.mark_failed(upload, error.code)

    def _answered(self) -> None:
        """The store works. If it was away, everything that waits may go at once."""
        with self._lock:
            was_away = self._watch.away
            self._watch = self._watch.answered()
        if was_away:
            self._spool.retry_all()
