"""The unit of work: rows and their evidence commit together, or not at all.

```python
with UnitOfWork(ledger) as work:
    work.verdicts.save(verdicts, at)
    work.evidence.append(leaf)
```
Nothing else in Rollcall commits.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy.orm import Session

from models.ports import Clock
from storage.database import Database, clean_errors
from storage.evidence_log import EvidenceLog
from storage.leaf_store_sql import SqlEvidenceStore
from storage.repositories import (
    CalibrationRepository,
    CameraRepository,
    ClassRepository,
    CosignerRepository,
    FaceRepository,
    FlagRepository,
    FootageRepository,
    HoldRepository,
    LessonRepository,
    LoginRepository,
    LogObjectRepository,
    RehashRepository,
    RemovalRepository,
    ReplyRepository,
    ResemblanceRepository,
    RosterRepository,
    SampleIndexRepository,
    SightingRepository,
    StorageUseRepository,
    TimestampRepository,
    UploadRepository,
    UserRepository,
    VerdictRepository,
)
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Ledger:
    """What units of work are made from: database, vault, and the evidence log's name and clock."""

    database: Database
    vault: Vault
    clock: Clock
    origin: str

    def write(self) -> UnitOfWork:
        """A unit that commits at its successful end."""
        return UnitOfWork(self)

    def read(self) -> UnitOfWork:
        """A unit that sees one state of the database throughout, waits for no writer, and cannot write."""
        return UnitOfWork(self, reading=True)


class UnitOfWork:
    """One transaction and the repositories over it. Used once, by one thread.

    Leaving the block normally commits; any error rolls back. Inside, ``DatabaseBusy``, ``DiskFull``,
    ``Conflict`` and other ``StorageError``s may arise; a driver's own error never does.
    """

    classes: ClassRepository
    roster: RosterRepository
    faces: FaceRepository
    lessons: LessonRepository
    cameras: CameraRepository
    footage: FootageRepository
    sample_indexes: SampleIndexRepository
    uploads: UploadRepository
    holds: HoldRepository
    removals: RemovalRepository
    storage_use: StorageUseRepository
    sightings: SightingRepository
    resemblances: ResemblanceRepository
    verdicts: VerdictRepository
    flags: FlagRepository
    users: UserRepository
    logins: LoginRepository
    replies: ReplyRepository
    calibrations: CalibrationRepository
    log_objects: LogObjectRepository
    timestamps: TimestampRepository
    cosigners: CosignerRepository
    rehash: RehashRepository
    evidence: EvidenceLog

    def __init__(self, ledger: Ledger, *, reading: bool = False) -> None:
        self._ledger = ledger
        self._reading = reading
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(clean_errors())
            connection = stack.enter_context(self._ledger.database.transaction(writing=not self._reading))
            session = stack.enter_context(Session(connection, expire_on_commit=False))
            self._open(session)
            self._session = session
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with clean_errors():
                    self._session.flush()
        except BaseException as failed:
            self._stack.__exit__(type(failed), failed, failed.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)

    def _open(self, session: Session) -> None:
        vault = self._ledger.vault
        self.classes = ClassRepository(session)
        self.roster = RosterRepository(session, vault)
        self.faces = FaceRepository(session, vault)
        self.lessons = LessonRepository(session)
        self.cameras = CameraRepository(session, vault)
        self.footage = FootageRepository(session)
        self.sample_indexes = SampleIndexRepository(session)
        self.uploads = UploadRepository(session)
        self.holds = HoldRepository(session)
        self.removals = RemovalRepository(session)
        self.storage_use = StorageUseRepository(session)
        self.sightings = SightingRepository(session)
        self.resemblances = ResemblanceRepository(session)
        self.verdicts = VerdictRepository(session)
        self.flags = FlagRepository(session)
        self.users = UserRepository(session)
        self.logins = LoginRepository(session)
        self.replies = ReplyRepository(session)
        self.calibrations = CalibrationRepository(session)
        self.log_objects = LogObjectRepository(session)
        self.timestamps = TimestampRepository(session)
        self.cosigners = CosignerRepository(session)
        self.rehash = RehashRepository(session)
        self.evidence = EvidenceLog(SqlEvidenceStore(session), self._ledger.origin, self._ledger.clock)
