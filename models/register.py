"""The register: what is kept of classes, cameras, consents, templates, lessons and the people who log in.

Plain values between the database and the rest of the house. Nothing here is encrypted: encryption happens
inside storage, and what must not be shown carelessly stays out of ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from models.attendance import Verdict
from models.evidence import JsonValue
from models.flags import Flag
from models.policy import Policy
from models.timetable import Lesson, LessonState

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list and the cursor of the next page (``None`` at the end)."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingClass:
    """A class of an institution. ``revision`` grows with each change (ETag)."""

    code: str
    name: str
    institution_code: str = ""
    programme: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    policy: Policy = field(default_factory=Policy)
    created_at: datetime | None = None
    revision: int = 1


class ConsentState(StrEnum):
    """Consent to face recognition (domain.md, identity and privacy). Only ``GIVEN`` permits a template."""

    UNKNOWN = "unknown"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class TraineeEntry:
    """A trainee as lists show it: the identity number is masked, the faces are counted."""

    code: str
    name: str
    masked_id_number: str
    consent: ConsentState
    consent_at: datetime | None
    photos: int
    templates: int
    revision: int = 1


@dataclass(frozen=True, slots=True)
class EnrolmentPhoto:
    """What is known of an enrolment photo; its bytes are read by ``roster.photo_bytes``."""

    photo_id: str
    trainee: str
    source_name: str
    sha256: str
    quality: float
    created_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class FaceTemplate:
    """One template: embedding ``(128,) float32`` (unit: none) made by the network of ``network``."""

    trainee: str
    network: str
    embedding: npt.NDArray[np.float32] = field(repr=False)
    quality: float
    created_at: datetime
    photo_id: str | None = None
    template_id: str = ""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of a room. ``address`` may hold a password and so never shows in ``repr``."""

    camera_id: str
    room: str
    address: str = field(repr=False)
    display_name: str = ""
    enabled: bool = True
    revision: int = 1


@dataclass(frozen=True, slots=True)
class LessonRecord:
    """A lesson with the policy it is held under, its state and the published seed of its roll-calls."""

    lesson: Lesson
    policy: Policy
    state: LessonState
    roll_call_seed: str | None = None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class UnknownPerson:
    """Someone in a lesson whom no roster entry explains."""

    lesson_id: str
    key: str
    first_seen: datetime
    last_seen: datetime
    sightings: int
    best_quality: float


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """A frame that recognition has judged, without its faces."""

    lesson_id: str
    camera_id: str
    at: datetime
    pts_s: float
    lens: str
    faces_found: int
    model: str


@dataclass(frozen=True, slots=True)
class CitedEvidence:
    """What a correction rests on: an instant of footage (``at`` and ``camera_id``), a ``note`` that says
    which paper shows it and where it is filed, or both."""

    at: datetime | None = None
    camera_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's change of a verdict; the machine's stays beside it.

    ``approved_by``: second person, needed where credited hours rise (domain.md, rule 6). ``struck``: marks
    that do not count any more.
    """

    lesson_id: str
    trainee: str
    reason_code: str
    reason: str
    actor: str
    at: datetime
    status: str | None = None
    credited_hours: float | None = None
    approved_by: str | None = None
    correction_id: str = ""
    struck: tuple[str, ...] = ()
    evidence: CitedEvidence | None = None


@dataclass(frozen=True, slots=True)
class AttendanceRecord:
    """The machine's verdict and what people changed of it, oldest correction first."""

    verdict: Verdict
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagRecord:
    """A flag with its place in the list."""

    flag_id: str
    flag: Flag
    raised_at: datetime
    changed_at: datetime
    revision: int = 1


class Role(StrEnum):
    """Who may do what (domain.md, people and rights)."""

    OPERATOR = "operator"
    INSTRUCTOR = "instructor"
    SUPERVISOR = "supervisor"
    CHIEF = "chief"
    INSPECTOR = "inspector"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may log in. ``password_hash``: argon2 text, out of ``repr``."""

    name: str
    password_hash: str = field(repr=False)
    role: Role
    display_name: str = ""
    locale: str = "zh_CN"
    enabled: bool = True
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A log-in that lasts. Tokens are kept as SHA-256 hex only, so a stolen database opens no session."""

    token_hash: str = field(repr=False)
    csrf_hash: str = field(repr=False)
    user_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LoginThrottle:
    """Failed log-ins of one subject (a hashed name or address) since ``first_at``."""

    subject: str
    failures: int
    first_at: datetime
    last_at: datetime
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """A calibration as its command wrote it, found by the encoder's fingerprint."""

    fingerprint: str
    document: Mapping[str, JsonValue]
    created_at: datetime
    source: str = ""


class UploadState(StrEnum):
    """waiting (in the spool only) → stored (locked copy read back, receipt in the log) → cleared."""

    WAITING = "waiting"
    STORED = "stored"
    CLEARED = "cleared"


class UploadKind(StrEnum):
    SEGMENT = "segment"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the spool on its way to the object store.

    ``upload_id``: the segment's id, or ``original:<sha256>``. ``sequence``: the segment's, or the original's
    number among its camera's originals. ``path``: absolute path of the spool copy.
    """

    upload_id: str
    kind: UploadKind
    lesson_id: str
    camera_id: str
    sequence: int
    path: str
    object_key: str
    sha256: str
    size_bytes: int
    retain_until: datetime
    state: UploadState
    queued_at: datetime
    attempts: int = 0
    next_try_at: datetime | None = None
    problem: str = ""
