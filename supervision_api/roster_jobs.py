"""Roster checks that run while their page shows progress: photos take a moment each, a class minutes."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import Conflict, NotFound, RollcallError
from supervision_api.actions.roster_import import ImportReport
from supervision_api.problems import InternalError

Work = Callable[[Callable[[float, str], None]], ImportReport]
_KEPT = 50
_MOST_RUNNING = 4


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as its page shows it. ``share``: 0 to 1. Done with a report, or with an error."""

    job_id: str
    owner: str
    class_code: str
    share: float = 0.0
    report: ImportReport | None = None
    error: RollcallError | None = None

    @property
    def done(self) -> bool:
        return self.report is not None or self.error is not None

    @property
    def percent(self) -> int:
        return round(self.share * 100)


class RosterJobs:
    """Runs roster imports in threads of their own and remembers how the last ones ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, JobState] = OrderedDict()

    def start(self, owner: str, class_code: str, work: Work) -> JobState:
        """Begin a job.

        Raises:
            Conflict: the class has one running, or too many run altogether.
        """
        job = JobState(secrets.token_hex(12), owner, class_code)
        with self._lock:
            running = [one for one in self._jobs.values() if not one.done]
            if any(one.class_code == class_code for one in running) or len(running) >= _MOST_RUNNING:
                raise Conflict("a roster is being checked already", hint="wait until it is done")
            self._keep(job)
        threading.Thread(target=self._run, args=(job, work), name="roster-import", daemon=True).start()
        return job

    def get(self, job_id: str, owner: str, class_code: str) -> JobState:
        """Raises ``NotFound``: unknown, forgotten, or someone else's."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None or (job.owner, job.class_code) != (owner, class_code):
            raise NotFound("no such import", hint="upload the roster again")
        return job

    def _run(self, job: JobState, work: Work) -> None:
        def progress(share: float, _doing: str) -> None:
            self._put(JobState(job.job_id, job.owner, job.class_code, share))

        report = None
        error: RollcallError | None = InternalError("the import failed")
        try:
            report, error = work(progress), None
        except RollcallError as told:
            error = told
        finally:
            # A page waits for the end of this thread; a defect still shows itself in the log.
            self._put(JobState(job.job_id, job.owner, job.class_code, 1.0, error=error, report=report))

    def _put(self, job: JobState) -> None:
        with self._lock:
            self._keep(job)

    def _keep(self, job: JobState) -> None:
        self._jobs[job.job_id] = job
        for job_id in [one.job_id for one in self._jobs.values() if one.done]:
            if len(self._jobs) > _KEPT:
                del self._jobs[job_id]
