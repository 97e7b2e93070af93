"""All tables of Rollcall, typed and declarative; nothing in them that PostgreSQL would refuse."""

from storage.tables.access import IdempotencyRow, LoginSessionRow, LoginThrottleRow, UserRow
from storage.tables.attendance import CorrectionRow, FlagRow, ManualEntryRow, VerdictRow
from storage.tables.base import Base
from storage.tables.evidence import CheckpointRow, LeafRow, LogHeadRow, NodeRow
from storage.tables.evidence_care import (
    CosignatureRow,
    CosignerRow,
    LogObjectRow,
    RehashFindingRow,
    RehashPassRow,
    TimestampRow,
)
from storage.tables.footage import CoverageRow, GapRow, SegmentRow, UploadRow
from storage.tables.installation import InstallationRow
from storage.tables.lessons import CameraRow, LessonRow
from storage.tables.people import ClassRow, InstitutionRow, PhotoRow, TemplateRow, TraineeRow
from storage.tables.playback import SampleIndexRow
from storage.tables.recognition import (
    CalibrationRow,
    JudgedFrameRow,
    NamingRow,
    ResemblanceRow,
    SightingRow,
    TrackRow,
)
from storage.tables.retention import HoldRow

__all__ = [
    "Base",
    "CalibrationRow",
    "CameraRow",
    "CheckpointRow",
    "ClassRow",
    "CorrectionRow",
    "CosignatureRow",
    "CosignerRow",
    "CoverageRow",
    "FlagRow",
    "GapRow",
    "HoldRow",
    "IdempotencyRow",
    "InstallationRow",
    "InstitutionRow",
    "JudgedFrameRow",
    "LeafRow",
    "LessonRow",
    "LogHeadRow",
    "LogObjectRow",
    "LoginSessionRow",
    "LoginThrottleRow",
    "ManualEntryRow",
    "NamingRow",
    "NodeRow",
    "PhotoRow",
    "RehashFindingRow",
    "RehashPassRow",
    "ResemblanceRow",
    "SampleIndexRow",
    "SegmentRow",
    "SightingRow",
    "TemplateRow",
    "TimestampRow",
    "TrackRow",
    "TraineeRow",
    "UploadRow",
    "UserRow",
    "VerdictRow",
]
