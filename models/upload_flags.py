"""Which lessons have footage that is not safely stored, and the *evidence* flags that say so.

Subjects begin with ``upload:`` and name the camera, so that these flags are settled apart from what a re-hash
or a check of the log raises on the same lesson.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from models.attendance import EvidenceLink, Reason
from models.attendance_evidence import Shows
from models.flags import Flag, FlagKind
from models.reason_values import instant_value

SUBJECT_PREFIX: Final = "upload:"

NOT_AS_STORED: Final = ("evidence_broken", "not_found", "not_confirmed")
"""Problems that waiting does not cure: other bytes or no lock in the store, the file gone from the spool, a
receipt that the store no longer confirms."""

_REASONS: Final = {
    "evidence_broken": "footage_not_locked",
    "not_found": "footage_vanished",
    "not_confirmed": "footage_not_confirmed",
}


@dataclass(frozen=True, slots=True)
class Unstored:
    """Footage of one camera that waits with one problem (an error's code, or empty): ``files`` of it, the
    oldest since ``since``. ``begins_at``: the earliest instant that it shows, where known."""

    lesson_id: str
    camera_id: str
    problem: str
    since: datetime
    files: int
    begins_at: datetime | None = None


def upload_flags(
    lesson_id: str, policy_version: str, waiting: Iterable[Unstored], overdue_before: datetime
) -> tuple[Flag, ...]:
    """One flag per camera whose footage is overdue or not held as it must be.

    ``overdue_before``: what has been waiting since before it is overdue.
    """
    causes = sorted(
        (one for one in waiting if one.lesson_id == lesson_id),
        key=lambda one: (one.camera_id, one.since, one.problem),
    )
    flags: list[Flag] = []
    for camera_id, group in groupby(causes, key=lambda one: one.camera_id):
        found = _by_reason(group, overdue_before)
        if found:
            reasons = tuple(_reason(code, one) for code, one in sorted(found.items()))
            links = _links(camera_id, found.values())
            subject = f"{SUBJECT_PREFIX}{camera_id}"
            flags.append(Flag(FlagKind.EVIDENCE, lesson_id, subject, policy_version, reasons, links))
    return tuple(flags)


def kept_wording(raised: Iterable[Flag], standing: Iterable[Flag]) -> tuple[Flag, ...]:
    """``raised``, where a standing flag with the same reason codes takes its own place.

    While a backlog is worked off its oldest file changes every minute; each new wording would be a leaf.
    """
    before = {(flag.identity, _codes(flag)): flag for flag in standing}
    return tuple(before.get((flag.identity, _codes(flag)), flag) for flag in raised)


def _codes(flag: Flag) -> tuple[str, ...]:
    return tuple(reason.code for reason in flag.reasons)


def _by_reason(causes: Iterable[Unstored], overdue_before: datetime) -> dict[str, Unstored]:
    """The earliest of each kind of reason speaks."""
    found: dict[str, Unstored] = {}
    for one in causes:
        code = _REASONS.get(one.problem)
        if code is None and one.since < overdue_before:
            code = "footage_not_stored"
        if code is not None:
            found.setdefault(code, one)
    return found


def _reason(code: str, cause: Unstored) -> Reason:
    return Reason(code, (("camera", cause.camera_id), ("since_at", instant_value(cause.since))))


def _links(camera_id: str, causes: Iterable[Unstored]) -> tuple[EvidenceLink, ...]:
    begins = sorted({one.begins_at for one in causes if one.begins_at is not None})
    return tuple(EvidenceLink(Shows.BEGINS.value, at, camera_id, 0.0) for at in begins)
