"""A programme's policy changed by a lesson file or the API: typed, bounded, and renamed so that it shows.

Keys are field names of any of the four policies, flat (``late_after = "5m"``) or in a table of their policy
(``[policy.flags]``).
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta

from models.durations import format_duration, parse_duration
from models.errors import InvalidInput
from models.excerpts import LONGEST, excerpt, key_excerpt
from models.policy import Policy

GROUPS = ("attendance", "flags", "recognition", "recording")
Value = timedelta | float | int

_LONGEST = timedelta(days=1)
# Times that divide, sample or time out: zero would stop the work or never end it.
_POSITIVE_TIMES = frozenset(
    {
        "class_hour",
        "class_hour_online",
        "fragment",
        "full_detect_every",
        "headcount_after",
        "max_keyframe_interval",
        "open_timeout",
        "presence_gap",
        "read_timeout",
        "reencode_every",
        "sample_every",
        "segment",
        "settled_every",
        "stall_after",
    }
)
# field: (lowest, highest); two frames are the least that can agree, 64 MiB the most one atomic PUT stores;
# five years are the least that the measures allow (articles 15 and 19)
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "required_share": (0.01, 1.0),
    "hour_step": (0.01, 8.0),
    "roll_calls": (0, 24),
    "low_turnout_share": (0.0, 1.0),
    "headcount_tolerance": (0, 1000),
    "low_coverage_share": (0.0, 1.0),
    "naming_odds": (10.0, 1e12),
    "naming_frames": (2, 100),
    "min_face_px": (10, 1000),
    "min_quality": (0.0, 1.0),
    "resemblance_floor": (0.0, 16.0),
    "max_segment_bytes": (1024 * 1024, 64 * 1024 * 1024),
    "retention_years": (5, 30),
}


def with_overrides(policy: Policy, table: Mapping[str, object], *, place: str = "policy") -> Policy:
    """``policy`` with the values of ``table``. Where any differs, the version gains a suffix made of the
    differing values alone: equal rules have equal names wherever they are written.

    Raises:
        InvalidInput: an unknown field (with the nearest known one), a wrong type, a value out of bounds.
    """
    fields = _fields(policy)
    changes: dict[str, Value] = {}
    for key, raw in _flattened(table, fields, place):
        where = f"{place}.{key}"
        if key in changes:
            raise InvalidInput("is given twice", place=where, hint="keep one")
        value = _checked(key, raw, fields[key][1], where)
        if value != fields[key][1]:
            changes[key] = value
    if not changes:
        return policy
    groups = {
        group: dataclasses.replace(
            getattr(policy, group),
            **{key: value for key, value in changes.items() if fields[key][0] == group},
        )
        for group in GROUPS
    }
    return dataclasses.replace(policy, version=f"{policy.version}+{_fingerprint(changes)}", **groups)


def field_names() -> tuple[str, ...]:
    """Every key that ``[policy]`` knows, sorted."""
    return tuple(sorted(_fields(Policy())))


def policy_values(policy: Policy) -> dict[str, str | float | int]:
    """All values of a policy by field name, durations as text; ready for JSON."""
    return {key: _written(value) for key, (_, value) in sorted(_fields(policy).items())}


def _fields(policy: Policy) -> dict[str, tuple[str, Value]]:
    """Field name → (its policy, current value). Names are unique over all four policies."""
    return {
        field.name: (group, getattr(getattr(policy, group), field.name))
        for group in GROUPS
        for field in dataclasses.fields(getattr(policy, group))
    }


def _flattened(
    table: Mapping[str, object], fields: Mapping[str, tuple[str, Value]], place: str
) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, raw in table.items():
        if key in GROUPS:
            pairs += _group(key, raw, fields, f"{place}.{key}")
        elif key in fields:
            pairs.append((key, raw))
        else:
            raise _unknown(key, [*fields, *GROUPS], place)
    return pairs


def _group(
    group: str, raw: object, fields: Mapping[str, tuple[str, Value]], place: str
) -> list[tuple[str, object]]:
    if not isinstance(raw, Mapping):
        raise InvalidInput(
            f"must be a table, not {excerpt(raw)}",
            place=place,
            hint=f"write [policy.{group}] above its fields",
        )
    known = [name for name, (of, _) in fields.items() if of == group]
    for key in raw:
        if key not in known:
            raise _unknown(key, known, place)
    return [(str(key), value) for key, value in raw.items()]


def _unknown(key: object, known: list[str], place: str) -> InvalidInput:
    near = difflib.get_close_matches(str(key)[:LONGEST], known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(sorted(known))}"
    return InvalidInput(f"{key_excerpt(key)!r} is not a policy field", place=place, hint=hint)


def _checked(key: str, raw: object, current: Value, place: str) -> Value:
    if isinstance(current, timedelta):
        return _checked_time(key, raw, place)
    low, high = _BOUNDS[key]
    whole = isinstance(current, int)
    if isinstance(raw, bool) or not isinstance(raw, int if whole else (int, float)):
        kind = "a whole number" if whole else "a number"
        raise InvalidInput(
            f"must be {kind}, not {excerpt(raw)}", place=place, hint=f"write {key} = {current}"
        )
    # no finite value is asked for first: NaN is in no range, and an integer of 400 digits is no float.
    if not low <= raw <= high:
        raise InvalidInput(f"{excerpt(raw)} is out of bounds", place=place, hint=f"{low} to {high}")
    return raw if whole else float(raw)


def _checked_time(key: str, raw: object, place: str) -> timedelta:
    if not isinstance(raw, str):
        raise InvalidInput(f"must be a duration, not {excerpt(raw)}", place=place, hint=f'write {key} = "5m"')
    try:
        value = parse_duration(raw)
    except InvalidInput as exc:
        raise InvalidInput(exc.message, place=place, hint=exc.hint) from None
    if value > _LONGEST or (key in _POSITIVE_TIMES and not value):
        lowest = "more than 0s" if key in _POSITIVE_TIMES else "0s"
        raise InvalidInput(
            f"{excerpt(raw)} is out of bounds", place=place, hint=f"{lowest} to {format_duration(_LONGEST)}"
        )
    return value


def _written(value: Value) -> str | float | int:
    return format_duration(value) if isinstance(value, timedelta) else value


def _fingerprint(changes: Mapping[str, Value]) -> str:
    canonical = json.dumps({key: _written(value) for key, value in changes.items()}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]
