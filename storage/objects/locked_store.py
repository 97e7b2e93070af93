"""What the rest of Rollcall holds of an object store: all three ports, its time guard, and re-hashing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from models.footage import StoredObject
from models.ports import ObjectPurger, ObjectReader, ObjectWriter
from models.store_trial import TrialCheck, TrialWay
from storage.objects.time_guard import TimeGuard


class LockTrial(Protocol):
    """A store without its own refusals, for trying what lies below them.

    ``attempt`` does what must not work and raises ``RollcallError`` where it is refused.
    """

    @property
    def place(self) -> str: ...

    def put(self, key: str, path: Path, retain_until: datetime, way: TrialWay) -> StoredObject: ...

    def attempt(self, check: TrialCheck, stored: StoredObject, sooner: datetime) -> None: ...

    def look(self, stored: StoredObject) -> tuple[StoredObject, bytes]: ...


class LockedStore(ObjectWriter, ObjectReader, ObjectPurger, Protocol):
    """A store as an installation opens it: a folder, or a bucket on an S3 server."""

    @property
    def time_guard(self) -> TimeGuard:
        """Whether a clock may be believed when it says that a retention is over."""

    def rehash(self, key: str) -> StoredObject:
        """Read the whole object and compare it with its hash. Raises ``EvidenceBroken``, ``NotFound``."""

    def trial(self) -> LockTrial:
        """The store without its own refusals, for the canary."""
