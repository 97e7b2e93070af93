"""What keeps the evidence log alive: its copy in the store, certified times, co-signatures, re-hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CopyKind(StrEnum):
    """What of the log an object of the store holds."""

    LEAVES = "leaves"
    CHECKPOINT = "checkpoint"
    KEY = "key"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class LogObject:
    """An object of the log's copy. ``first``/``last``: its leaves; a checkpoint's size as both; a token's
    checkpoint size and closing leaf.

    ``stored_at`` and what follows is ``None`` while it is only planned; a planned range of leaves is never
    planned otherwise, so that ranges cannot overlap.
    """

    key: str
    kind: CopyKind
    first: int
    last: int
    sha256: str
    retain_until: datetime
    checkpoint_id: int | None = None
    version: str | None = None
    stored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LessonTimestamp:
    """A lesson's certified time. ``closing``: index of its closing leaf; ``note``: the checkpoint certified.

    ``token``: the authority's whole answer (RFC 3161, DER), ``None`` while it waits; ``certified_at``: the
    authority's own time.
    """

    lesson_id: str
    closing: int
    size: int
    note: str
    attempts: int = 0
    next_try_at: datetime | None = None
    problem: str = ""
    token: bytes | None = None
    certified_at: datetime | None = None
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A second party's signature: ``note`` is the checkpoint with all its signatures."""

    name: str
    key_id: str
    size: int
    signed_at: datetime
    note: str


class FootageProblem(StrEnum):
    """What a re-hash found wrong with a stored file of footage."""

    ALTERED = "footage_altered"
    MISSING = "footage_missing"
    LOCK_MISSING = "lock_missing"
    LOCK_SHORT = "lock_short"
    NOT_IN_LOG = "footage_not_in_log"


@dataclass(frozen=True, slots=True)
class RehashPass:
    """One walk over all footage. ``position``: key of the last object looked at; totals as of the start."""

    pass_id: int
    started_at: datetime
    total_objects: int
    total_bytes: int
    position: str = ""
    objects: int = 0
    size_bytes: int = 0
    findings: int = 0
    finished_at: datetime | None = None

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.finished_at is not None:
            return 1.0
        return min(1.0, self.size_bytes / self.total_bytes) if self.total_bytes else 0.0


@dataclass(frozen=True, slots=True)
class RehashFinding:
    """A file that is not as the log says. ``mended_at``: a later look found it right again."""

    upload_id: str
    lesson_id: str
    camera_id: str
    sequence: int
    key: str
    problem: FootageProblem
    found_at: datetime
    checked_at: datetime
    mended_at: datetime | None = None
