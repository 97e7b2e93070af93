"""What the API takes and gives, as documented in OpenAPI."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from supervision_api.routes.schema_fields import Day, Hours, Input, Instant, refuse_unfit

Item = TypeVar("Item")


class ListOut(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = Field(
        None, description="Give it as `cursor` for the next page; null at the end."
    )


class LoginIn(Input):
    account: str = Field(max_length=100)
    password: str = Field(max_length=256)


class SessionOut(BaseModel):
    account: str
    display_name: str
    role: str
    permissions: list[str]
    csrf_token: str = Field(description="Send it as X-CSRF-Token with every write.")


class ClassIn(Input):
    code: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=200)
    programme: str = Field("", max_length=200)
    starts_on: Day | None = None
    ends_on: Day | None = None
    policy: dict[str, Any] = Field(
        default_factory=dict, description="Policy fields that differ, as in a lesson file."
    )


class ClassChange(Input):
    name: str = Field(min_length=1, max_length=200)
    programme: str = Field("", max_length=200)
    starts_on: Day | None = None
    ends_on: Day | None = None
    policy: dict[str, Any] = Field(default_factory=dict)


class ClassOut(BaseModel):
    code: str
    name: str
    programme: str
    starts_on: date | None
    ends_on: date | None
    policy_version: str
    policy: dict[str, Any]
    revision: int


class TraineeOut(BaseModel):
    code: str
    name: str
    masked_id_number: str
    consent: str
    photos: int
    templates: int


class ConsentIn(Input):
    state: str = Field(max_length=40, description="given, refused or withdrawn")


class CameraIn(Input):
    camera_id: str = Field(min_length=1, max_length=64)
    display_name: str = Field("", max_length=200)
    room: str = Field("", max_length=100)
    address: str = Field(max_length=2000, description="Write-only: user name and password never come back.")
    enabled: StrictBool = True


class CameraChange(Input):
    display_name: str = Field("", max_length=200)
    room: str = Field("", max_length=100)
    address: str | None = Field(None, max_length=2000, description="Left out: the stored address stays.")
    enabled: StrictBool = True


class CameraOut(BaseModel):
    camera_id: str
    display_name: str
    room: str
    address: str = Field(description="Without user name, password and query.")
    enabled: bool
    revision: int


class LessonIn(BaseModel):
    """The keys of a lesson file (docs/guides/command-line.md); each is judged with its own message."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "class_code": "HZ-2026-014",
                "title": "养老护理员 · 第3课",
                "starts_at": "2026-11-23T09:00:00+08:00",
                "ends_at": "2026-11-23T09:45:00+08:00",
                "cameras": ["room-301"],
                "policy": {"late_after": "5m"},
            }
        },
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        refuse_unfit(value)
        return value


class LessonOut(BaseModel):
    lesson_id: str
    class_code: str
    title: str
    starts_at: datetime
    ends_at: datetime
    breaks: list[dict[str, datetime]]
    room: str
    instructor: str
    cameras: list[str]
    online: bool
    planned_hours: float | None
    state: str
    policy_version: str
    revision: int


class LessonListed(LessonOut):
    expected: int
    seen: int
    open_flags: int


class ReasonOut(BaseModel):
    code: str
    values: dict[str, str]
    text: str = Field(description="The sentence in the reader's language (Accept-Language).")


class InstantOut(BaseModel):
    shows: str
    at: datetime
    camera: str
    score: float
    footage: str = Field(description="Where this instant plays.")


class EvidenceOut(BaseModel):
    at: datetime | None
    camera: str
    note: str
    footage: str = Field(description="Where the instant plays; empty for paper.")


class CorrectionOut(BaseModel):
    correction_id: str
    reason_code: str
    reason: str
    actor: str
    at: datetime
    status: str | None
    credited_hours: float | None
    approved_by: str | None
    counts: bool = Field(description="False while it waits for a second person.")
    struck: list[str] = Field(default_factory=list, description="Marks that do not count any more.")
    evidence: EvidenceOut | None = None


class AttendanceOut(BaseModel):
    trainee: str
    name: str
    status: str
    marks: list[str]
    credited_hours: float
    machine_status: str
    machine_credited_hours: float
    first_seen: datetime | None
    last_seen: datetime | None
    present_minutes: float
    observable_minutes: float
    required_minutes: float
    policy_version: str
    reasons: list[ReasonOut]
    evidence: list[InstantOut]
    corrections: list[CorrectionOut]


class ManualIn(Input):
    trainee: str = Field(min_length=1, max_length=64)
    kind: str = Field(description="leave_approved or instructor_confirmed")
    starts_at: Instant | None = Field(None, description="Both or neither; neither: the whole lesson.")
    ends_at: Instant | None = None
    reason: str = Field(min_length=1, max_length=2000)


class ManualOut(BaseModel):
    trainee: str
    kind: str
    starts_at: datetime | None
    ends_at: datetime | None
    actor: str
    reason: str


class EvidenceIn(Input):
    """An instant of footage (`at` and `camera`), a note of a paper and where it is filed, or both."""

    at: Instant | None = None
    camera: str = Field("", max_length=64)
    note: str = Field("", max_length=500)


class CorrectionIn(Input):
    trainee: str = Field(min_length=1, max_length=64)
    reason_code: str = Field(max_length=64)
    reason: str = Field("", max_length=2000)
    status: str | None = Field(None, max_length=40)
    credited_hours: Hours | None = None
    struck: list[str] = Field(
        default_factory=list, max_length=8, description="Marks to strike, such as `late`."
    )
    evidence: EvidenceIn | None = None


class FlagOut(BaseModel):
    flag_id: str
    kind: str
    lesson_id: str
    subject: str
    state: str
    policy_version: str
    raised_at: datetime
    changed_at: datetime
    reasons: list[ReasonOut]
    evidence: list[InstantOut]


class SegmentOut(BaseModel):
    camera: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    duration_s: float
    codec: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    derived: bool
    repaired: bool
    stored: bool
    url: str


class GapOut(BaseModel):
    camera: str
    starts_at: datetime
    ends_at: datetime
    seconds: float
    cause: str


class FootageOut(BaseModel):
    lesson_id: str
    segments: list[SegmentOut]
    gaps: list[GapOut]


class LeafOut(BaseModel):
    sequence: int
    kind: str
    at: datetime
    lesson_sequence: int | None
    leaf_hash: str = Field(description="RFC 9162 leaf hash, hex.")
    record: str = Field(description="The exact canonical JSON that was hashed.")


class CheckpointOut(BaseModel):
    size: int
    root: str
    at: datetime
    note: str = Field(description="Signed note, whole (C2SP).")


class ProofOut(BaseModel):
    sequence: int
    tree_size: int
    root: str
    leaf_hash: str
    path: list[str] = Field(description="Audit path, hex, from the leaf up (RFC 9162 section 2.1.3).")


class RowProblemOut(BaseModel):
    line: int
    field: str
    code: str
    message: str
    fatal: bool


class ImportOut(BaseModel):
    importable: bool
    imported: bool
    trainees: int
    photos: int
    templates: int
    problems: list[RowProblemOut]
