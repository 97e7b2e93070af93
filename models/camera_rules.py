"""Flags about cameras: down, covered, frozen, and footage that is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from models.attendance import EvidenceLink, Reason
from models.attendance_evidence import Shows
from models.coverage import COVERED, FROZEN
from models.flag_facts import LessonFacts
from models.flags import Flag, FlagKind
from models.footage import Gap, GapCause
from models.reason_values import instant_value, minutes_value
from models.timeline import Interval, close_holes, intersection, total

# Causes in which no packets came; the others are this machine's own.
SILENT = frozenset(
    {
        GapCause.CONNECTING,
        GapCause.STREAM_UNREACHABLE,
        GapCause.STREAM_LOST,
        GapCause.STREAM_STALLED,
        GapCause.STREAM_DENIED,
    }
)


def camera_flags(facts: LessonFacts) -> tuple[Flag, ...]:
    """One flag per kind and camera, over all its stretches within the lesson that last too long."""
    return (*_gap_flags(facts), *_lens_flags(facts))


def _gap_flags(facts: LessonFacts) -> Iterator[Flag]:
    limits = facts.policy.flags
    for camera_id in sorted({gap.camera_id for gap in facts.gaps}):
        gaps = [gap for gap in facts.gaps if gap.camera_id == camera_id]
        silent = [gap.interval for gap in gaps if gap.cause in SILENT]
        yield from _stretches(facts, FlagKind.CAMERA_DOWN, camera_id, silent, limits.camera_down_after)
        missing = [gap.interval for gap in gaps]
        causes = ", ".join(sorted({gap.cause.value for gap in _over(facts, gaps, limits.gap_over)}))
        yield from _stretches(
            facts, FlagKind.FOOTAGE_GAP, camera_id, missing, limits.gap_over, extra=(("causes", causes),)
        )


def _over(facts: LessonFacts, gaps: Iterable[Gap], limit: timedelta) -> list[Gap]:
    """Gaps that belong to a stretch over the limit."""
    gaps = list(gaps)
    long = _long(facts, [gap.interval for gap in gaps], limit)
    return [gap for gap in gaps if intersection([gap.interval], long)]


def _lens_flags(facts: LessonFacts) -> Iterator[Flag]:
    limits = facts.policy.flags
    kinds = (
        (FlagKind.CAMERA_COVERED, COVERED, limits.camera_covered_after),
        (FlagKind.CAMERA_FROZEN, FROZEN, limits.camera_frozen_after),
    )
    for camera_id in sorted({spell.camera_id for spell in facts.spells}):
        for kind, lens, limit in kinds:
            spells = [one.interval for one in facts.spells if one.camera_id == camera_id and one.lens == lens]
            yield from _stretches(facts, kind, camera_id, spells, limit)


def _long(facts: LessonFacts, intervals: Iterable[Interval], limit: timedelta) -> tuple[Interval, ...]:
    """Stretches of the lesson longer than ``limit``; breaths of a sampling period or less do not end one."""
    joined = close_holes(intervals, facts.sampling)
    inside = intersection(joined, [facts.lesson.interval])
    return tuple(stretch for stretch in inside if stretch.duration > limit)


def _stretches(
    facts: LessonFacts,
    kind: FlagKind,
    camera_id: str,
    intervals: Iterable[Interval],
    limit: timedelta,
    *,
    extra: tuple[tuple[str, str], ...] = (),
) -> Iterator[Flag]:
    long = _long(facts, intervals, limit)
    if not long:
        return
    values = (
        ("camera", camera_id),
        ("begins_at", instant_value(long[0].starts_at)),
        ("times", str(len(long))),
        ("total_minutes", minutes_value(total(long))),
        ("limit_minutes", minutes_value(limit)),
        *extra,
    )
    links = tuple(
        EvidenceLink(shows.value, at, camera_id, 0.0)
        for stretch in long
        for shows, at in ((Shows.BEGINS, stretch.starts_at), (Shows.ENDS, stretch.ends_at))
    )
    reasons = (Reason(kind.value, values),)
    lesson_id, version = facts.lesson.lesson_id, facts.policy.version
    yield Flag(kind, lesson_id, camera_id, version, reasons, links)
