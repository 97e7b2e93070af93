"""Roll-call instants: random inspections in a running lesson that anyone can recompute afterwards.

The seed goes into the evidence log before the lesson, so nobody can choose the instants once it runs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.attendance import Presence
from models.evidence import JsonValue
from models.policy import AttendancePolicy
from models.reason_values import instant_value
from models.timeline import Interval, difference, instant_after, interval_or_none, total
from models.timetable import Lesson

RULE = "rollcall/roll-call/1"
SPACING = timedelta(minutes=1)
# A draw that lands too near another is repeated; a lesson with room for the calls needs a handful.
_DRAWS_PER_CALL = 64
_SEED = re.compile(r"(?:[0-9a-f]{2}){16,64}", re.ASCII)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RollCall:
    """Who was seen around one instant. ``watched``: a camera could see the room then; where it could not,
    nobody is ``missing``."""

    at: datetime
    window: timedelta
    seen: tuple[str, ...]
    missing: tuple[str, ...]
    watched: bool


def roll_call_instants(lesson: Lesson, policy: AttendancePolicy, seed: str) -> tuple[datetime, ...]:
    """Up to ``policy.roll_calls`` whole seconds of teaching time, sorted, at least a minute apart, away from
    breaks and from the margins in which people may still arrive or already leave.

    ``seed``: 32 to 128 lower-case hexadecimal digits. Draws are HMAC-SHA256(seed, rule, lesson, counter).

    Raises:
        ValueError: the seed is malformed.
    """
    if not _SEED.fullmatch(seed):
        raise ValueError("a roll-call seed is 32 to 128 hexadecimal digits")
    eligible = _eligible(lesson, policy)
    seconds = total(eligible) // _SECOND
    chosen: list[datetime] = []
    for counter in range(policy.roll_calls * _DRAWS_PER_CALL if seconds else 0):
        at = instant_after(eligible, _draw(lesson.lesson_id, seed, counter, seconds) * _SECOND)
        if at is not None and all(abs(at - other) >= SPACING for other in chosen):
            chosen.append(at)
        if len(chosen) == policy.roll_calls:
            break
    return tuple(sorted(chosen))


def _eligible(lesson: Lesson, policy: AttendancePolicy) -> tuple[Interval, ...]:
    edges = (
        interval_or_none(lesson.starts_at, lesson.starts_at + policy.late_after),
        interval_or_none(lesson.ends_at - policy.early_before, lesson.ends_at),
    )
    inner = difference(lesson.teaching, [edge for edge in edges if edge is not None])
    # a lesson shorter than its margins is still inspected
    return inner if total(inner) >= _SECOND else lesson.teaching


def _draw(lesson_id: str, seed: str, counter: int, below: int) -> int:
    """Uniform below ``below``, a day's seconds at most: 128 bits make the modulo's bias under 2⁻¹¹⁰."""
    message = f"{RULE}\n{lesson_id}\n{counter}".encode()
    digest = hmac.new(bytes.fromhex(seed), message, hashlib.sha256).digest()
    return int.from_bytes(digest[:16], "big") % below


def take_roll(
    at: datetime,
    presences: Mapping[str, Iterable[Presence]],
    window: timedelta,
    coverage: Sequence[Interval],
) -> RollCall:
    """The roll at one instant, from sightings within ± ``window``. ``presences``: by trainee code, all of
    the roster, empty where there are none."""
    seen = {
        code for code, sightings in presences.items() if any(abs(one.at - at) <= window for one in sightings)
    }
    watched = bool(seen) or any(interval.contains(at) for interval in coverage)
    missing = set(presences) - seen if watched else set()
    return RollCall(at, window, tuple(sorted(seen)), tuple(sorted(missing)), watched)


def seed_statement(lesson: Lesson, policy: AttendancePolicy, seed: str) -> dict[str, JsonValue]:
    """What the *lesson published* leaf says, enough to recompute the instants."""
    return {"rule": RULE, "lesson": lesson.lesson_id, "seed": seed, "count": policy.roll_calls}


def roll_statement(call: RollCall) -> dict[str, JsonValue]:
    """What the evidence log keeps of a roll that was taken: codes only."""
    return {
        "at": instant_value(call.at),
        "window_s": call.window / _SECOND,
        "watched": call.watched,
        "seen": list(call.seen),
        "missing": list(call.missing),
    }
