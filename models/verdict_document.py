"""A verdict as JSON values: the body of its evidence leaf, and what golden files hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from models.attendance import EvidenceLink, Reason, Verdict
from models.evidence import JsonValue
from models.reason_values import instant_value
from models.timeline import Interval


def verdict_document(verdict: Verdict) -> dict[str, JsonValue]:
    """Every field; instants in RFC 3339 UTC, minutes and hours as numbers, no name and no identity number."""
    return {
        "lesson": verdict.lesson_id,
        "trainee": verdict.trainee,
        "policy": verdict.policy_version,
        "status": verdict.status.value,
        "marks": [mark.value for mark in verdict.marks],
        "first_seen": _instant(verdict.first_seen),
        "last_seen": _instant(verdict.last_seen),
        "present": _intervals(verdict.present),
        "unobserved": _intervals(verdict.unobserved),
        "present_minutes": verdict.present_minutes,
        "observable_minutes": verdict.observable_minutes,
        "required_minutes": verdict.required_minutes,
        "credited_hours": verdict.credited_hours,
        "reasons": [reason_document(reason) for reason in verdict.reasons],
        "evidence": [link_document(link) for link in verdict.evidence],
    }


def reason_document(reason: Reason) -> JsonValue:
    return {"code": reason.code, "values": dict(reason.values)}


def link_document(link: EvidenceLink) -> JsonValue:
    return {
        "shows": link.shows,
        "at": instant_value(link.at),
        "camera": link.camera_id,
        "score": round(link.score, 4),
    }


def _instant(at: datetime | None) -> str | None:
    return instant_value(at) if at is not None else None


def _intervals(intervals: Iterable[Interval]) -> JsonValue:
    return [[instant_value(one.starts_at), instant_value(one.ends_at)] for one in intervals]
