"""Policies: every number that a bureau or an institution may set. Versioned values, never constants.

Field names are the keys of the ``[policy]`` table of a lesson file and of the API.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AttendancePolicy:
    """How sightings become presence, marks, status and hours (domain.md, art. 13)."""

    presence_gap: timedelta = timedelta(minutes=10)
    late_after: timedelta = timedelta(minutes=5)
    early_before: timedelta = timedelta(minutes=5)
    required_share: float = 0.8
    min_stretch: timedelta = timedelta(minutes=5)
    class_hour: timedelta = timedelta(minutes=45)
    class_hour_online: timedelta = timedelta(minutes=30)
    hour_step: float = 0.5
    check_in_before: timedelta = timedelta(minutes=30)
    drain: timedelta = timedelta(seconds=30)
    roll_calls: int = 2


@dataclass(frozen=True, slots=True)
class FlagPolicy:
    """When something becomes a flag for a supervisor."""

    low_turnout_share: float = 0.8
    stranger_after: timedelta = timedelta(minutes=10)
    headcount_tolerance: int = 2
    headcount_after: timedelta = timedelta(minutes=5)
    camera_down_after: timedelta = timedelta(seconds=30)
    camera_covered_after: timedelta = timedelta(seconds=30)
    camera_frozen_after: timedelta = timedelta(seconds=30)
    gap_over: timedelta = timedelta(seconds=60)
    low_coverage_share: float = 0.9
    unstored_after: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RecognitionPolicy:
    """When a face is worth judging and when a track is named.

    ``naming_odds``: the best trainee must be this many times likelier than the second best and than
    *stranger*. Times between full looks are the worker's budget, see recognition.md. ``resemblance_floor``:
    evidence (nats) from which a verdict says whom an unknown person resembles; below it nothing is said.
    """

    naming_odds: float = 10_000.0
    naming_frames: int = 2
    min_face_px: int = 40
    min_quality: float = 0.25
    resemblance_floor: float = 1.4
    sample_every: timedelta = timedelta(seconds=2)
    settled_every: timedelta = timedelta(seconds=10)
    reencode_every: timedelta = timedelta(seconds=60)
    full_detect_every: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """How footage is cut, kept and watched."""

    segment: timedelta = timedelta(seconds=60)
    fragment: timedelta = timedelta(seconds=1)
    max_segment_bytes: int = 64 * 1024 * 1024
    open_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=8)
    stall_after: timedelta = timedelta(seconds=8)
    max_keyframe_interval: timedelta = timedelta(seconds=10)
    drift_reanchor: timedelta = timedelta(seconds=1)
    jump_close: timedelta = timedelta(seconds=5)
    retention_years: int = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """All policies of a programme under one version name; a verdict stores ``version``."""

    version: str = "default-1"
    attendance: AttendancePolicy = field(default_factory=AttendancePolicy)
    flags: FlagPolicy = field(default_factory=FlagPolicy)
    recognition: RecognitionPolicy = field(default_factory=RecognitionPolicy)
    recording: RecordingPolicy = field(default_factory=RecordingPolicy)
