"""Roster checks under way: photos take a while, so a page shows progress and then the report.

Kept in memory: a restart forgets a check, never an import, for that is one unit of work.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from models.errors import RollcallError
from supervision_api.actions.roster_import import ImportReport
from supervision_api.pipeline.roster_enrolment import Progress

MOST_KEPT = 64
_STEPS = 100


@dataclass(slots=True)
class ImportJob:
    """One check. ``done_photos`` of ``total`` are hundredths of the work."""

    job_id: str
    class_code: str
    owner: str
    total: int = _STEPS
    done_photos: int = 0
    done: bool = False
    report: ImportReport | None = None
    error: RollcallError | None = field(default=None, repr=False)


class ImportJobs:
    """Starts checks in threads of their own and keeps the latest results."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, ImportJob] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, class_code: str, owner: str, work: Callable[[Progress], ImportReport]) -> ImportJob:
        """Begin; the caller shows the job's page."""
        job = ImportJob(secrets.token_hex(8), class_code, owner)
        with self._lock:
            self._jobs[job.job_id] = job
            while len(self._jobs) > MOST_KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=_run, args=(job, work), name="roster check", daemon=True).start()
        return job

    def find(self, job_id: str, class_code: str, owner: str) -> ImportJob | None:
        """A job of this person and class."""
        with self._lock:
            job = self._jobs.get(job_id)
        return job if job is not None and (job.class_code, job.owner) == (class_code, owner) else None


def _run(job: ImportJob, work: Callable[[Progress], ImportReport]) -> None:
    def progress(share: float, _what: str) -> None:
        job.done_photos = round(share * _STEPS)

    try:
        job.report = work(progress)
    except RollcallError as error:
        job.error = error
    finally:
        job.done = True
