"""The upload part of ``rollcall serve``: workers that carry footage, and one eye on the spool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import structlog

from models.errors import StorageError
from storage.uploader import UploadAttempt
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.spool_watch import SpoolWatch

_log = structlog.get_logger(__name__)

TICK_S: Final = 1.0


class UploadLoop:
    """Carries footage from the spool into the store, apart from all else: the store may be slow or away."""

    def __init__(self, house: Installation, metrics: Metrics) -> None:
        self._house = house
        self._metrics = metrics
        self.watch = SpoolWatch(
            house.spool,
            house.desk,
            metrics,
            house.clock.monotonic_s,
            timedelta(hours=house.settings.spool_alarm_hours),
        )
        self._was_away = False

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; files in hand are carried to their end, at full speed."""
        ended = threading.Event()
        workers = self._house.settings.store_upload_workers
        with ThreadPoolExecutor(workers, thread_name_prefix="upload") as pool:
            crew = [pool.submit(self._work, ended) for _ in range(workers)]
            try:
                while not stop.is_set() and not _any_ended(crew):
                    self._guarded(self._look)
                    stop.wait(TICK_S)
            finally:
                if stop.is_set():
                    self._house.throttle.release()
                ended.set()
        for worker in crew:
            worker.result()  # a defect of a worker is one of this part

    def _work(self, ended: threading.Event) -> None:
        while not ended.is_set():
            attempt = self._guarded(self._house.desk.work)
            if attempt is None:
                ended.wait(TICK_S)
            else:
                self._tell(attempt)

    def _guarded(self, step: Callable[[], UploadAttempt | None]) -> UploadAttempt | None:
        """A database that fails is told and tried again at the next turn."""
        try:
            return step()
        except StorageError as error:
            _log.error("uploads paused", code=error.code, message=error.message, hint=error.hint)
            return None

    def _look(self) -> None:
        self.watch.report()
        state = self._house.desk.state()
        if state.away != self._was_away:
            self._was_away = state.away
            if state.away:
                _log.warning(
                    "object store takes nothing; footage waits in the spool",
                    code=state.problem,
                    error=state.told,
                )
            else:
                _log.info("object store answers again; uploads go on")

    def _tell(self, attempt: UploadAttempt) -> None:
        error = attempt.error
        self._metrics.uploads.labels("stored" if error is None else error.code).inc()
        if error is not None:
            _log.warning(
                "upload waits",
                code=error.code,
                message=error.message,
                hint=error.hint,
                object=attempt.upload.object_key,
            )


def _any_ended(crew: list[Future[None]]) -> bool:
    return any(worker.done() for worker in crew)
