"""A lesson as its TOML file or the API gives it, read into a ``Lesson`` and the ``Policy`` it is held under.

The file was parsed already; here each key is judged, and an error names the key and the next step.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from models.errors import InvalidInput, LessonInvalid
from models.excerpts import LONGEST, excerpt, key_excerpt
from models.plain_text import unfit_character
from models.policy import Policy
from models.policy_overrides import with_overrides
from models.timeline import Interval, as_utc
from models.timetable import Lesson

KEYS = (
    "lesson_id",
    "class_code",
    "title",
    "starts_at",
    "ends_at",
    "breaks",
    "room",
    "instructor",
    "cameras",
    "online",
    "planned_hours",
    "policy",
)
LONGEST_LESSON = timedelta(hours=24)
MOST_HOURS = 48.0
MOST_CAMERAS = 64
MOST_BREAKS = 48
_EXAMPLE = "2026-11-23T09:00:00+08:00"
_TIME_HINT = f"write {_EXAMPLE}"
# Identifiers become parts of file names and object keys.
_IDENTIFIER = re.compile(r"\w[\w.-]{0,79}")
_TEXT_LIMIT = 200
# A year that no timetable means, and near the calendar's ends local time could not be written at all.
_YEARS = range(2000, 2101)


def parse_lesson(
    document: Mapping[str, object], *, place: str = "lesson", base: Policy | None = None
) -> tuple[Lesson, Policy]:
    """The lesson and its policy: ``base`` (default policy where absent) changed by the ``[policy]`` table.

    ``lesson_id`` is made from class code and start where it is not given, so that the same file names the
    same lesson again.

    Raises:
        LessonInvalid: an unknown, missing or contradicting key; the message names it.
    """
    _refuse_unknown(document, KEYS, place)
    class_code = _identifier(document, "class_code", place)
    starts_at = _instant(document, "starts_at", place)
    ends_at = _instant(document, "ends_at", place)
    if ends_at <= starts_at:
        given = (str(document[key])[:LONGEST] for key in ("ends_at", "starts_at"))
        message = " is not after starts_at ".join(given)
        raise _invalid("ends_at", message, "the end must come after the start", place)
    if ends_at - starts_at > LONGEST_LESSON:
        raise _invalid("ends_at", "the lesson lasts longer than a day", "check the date", place)
    try:
        lesson = Lesson(
            lesson_id=_lesson_id(document, class_code, starts_at, place),
            class_code=class_code,
            title=_text(document, "title", place) or class_code,
            starts_at=starts_at,
            ends_at=ends_at,
            breaks=_breaks(document, place),
            room=_text(document, "room", place),
            instructor=_text(document, "instructor", place),
            cameras=_cameras(document, place),
            online=_flag(document, "online", place),
            planned_hours=_hours(document, place),
        )
    except LessonInvalid as exc:
        raise LessonInvalid(exc.message, hint=exc.hint, place=exc.place or place) from None
    return lesson, _policy(document, base or Policy(), place)


def _policy(document: Mapping[str, object], base: Policy, place: str) -> Policy:
    table = document.get("policy", {})
    if not isinstance(table, Mapping):
        raise _invalid("policy", "must be a table", "write [policy] on a line of its own", place)
    try:
        return with_overrides(base, table, place=f"{place}: policy")
    except InvalidInput as exc:
        raise LessonInvalid(exc.message, hint=exc.hint, place=exc.place) from None


def _refuse_unknown(table: Mapping[str, object], known: Sequence[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:LONGEST], known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise _invalid(key_excerpt(key), "is not a key of a lesson", hint, place)


def _invalid(key: str, message: str, hint: str, place: str) -> LessonInvalid:
    return LessonInvalid(message, hint=hint, place=f"{place}: {key}")


def _instant(table: Mapping[str, object], key: str, place: str) -> datetime:
    raw = table.get(key)
    if raw is None:
        raise _invalid(key, "is missing", f"write {key} = {_EXAMPLE}", place)
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(raw.strip())
        except ValueError:
            raise _invalid(key, f"{excerpt(raw)} is not an instant", _TIME_HINT, place) from None
    if not isinstance(raw, datetime):
        what = "a date without a time" if isinstance(raw, date) else f"{excerpt(raw)}, not an instant"
        raise _invalid(key, f"is {what}", _TIME_HINT, place)
    if raw.utcoffset() is None:
        raise _invalid(key, f"{raw.isoformat()} has no zone", _TIME_HINT, place)
    if raw.year not in _YEARS:
        raise _invalid(key, f"the year {raw.year} is no year of a lesson", _TIME_HINT, place)
    return as_utc(raw)


def _text(table: Mapping[str, object], key: str, place: str) -> str:
    raw = table.get(key, "")
    if not isinstance(raw, str):
        raise _invalid(key, f"must be text, not {excerpt(raw)}", f'write {key} = "…"', place)
    text = raw.strip()
    if len(text) > _TEXT_LIMIT or unfit_character(text):
        raise _invalid(key, f"must be one line of at most {_TEXT_LIMIT} characters", "shorten it", place)
    return text


def _identifier(table: Mapping[str, object], key: str, place: str) -> str:
    text = _text(table, key, place)
    if not text:
        raise _invalid(key, "is missing", f'write {key} = "HZ-2026-014"', place)
    return _as_identifier(text, key, place)


def _as_identifier(text: str, key: str, place: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise _invalid(
            key, f"{excerpt(text)} cannot name a file", "letters, digits, '-', '_' and '.', at most 80", place
        )
    return text


def _lesson_id(table: Mapping[str, object], class_code: str, starts_at: datetime, place: str) -> str:
    if "lesson_id" in table:
        return _identifier(table, "lesson_id", place)
    return f"{class_code}-{starts_at:%Y%m%dT%H%M%SZ}"


def _flag(table: Mapping[str, object], key: str, place: str) -> bool:
    raw = table.get(key, False)
    if not isinstance(raw, bool):
        raise _invalid(key, f"must be true or false, not {excerpt(raw)}", f"write {key} = true", place)
    return raw


def _hours(table: Mapping[str, object], place: str) -> float | None:
    raw = table.get("planned_hours")
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        message = f"must be a number, not {excerpt(raw)}"
        raise _invalid("planned_hours", message, "write planned_hours = 1.0", place)
    # NaN is in no range, and an integer of 400 digits is no float: neither reaches the conversion below.
    if not 0 < raw <= MOST_HOURS:
        raise _invalid(
            "planned_hours", f"{excerpt(raw)} is out of bounds", f"more than 0, at most {MOST_HOURS:g}", place
        )
    return float(raw)


def _cameras(table: Mapping[str, object], place: str) -> tuple[str, ...]:
    raw = table.get("cameras", [])
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise _invalid("cameras", "must be a list of camera names", 'write cameras = ["front"]', place)
    names: list[str] = []
    for name in raw:
        if not isinstance(name, str):
            raise _invalid("cameras", f"{excerpt(name)} is not a name", 'write cameras = ["front"]', place)
        names.append(_as_identifier(name.strip(), "cameras", place))
    if len(set(names)) != len(names) or len(names) > MOST_CAMERAS:
        raise _invalid("cameras", "names a camera twice, or too many", f"at most {MOST_CAMERAS}", place)
    return tuple(names)


def _breaks(table: Mapping[str, object], place: str) -> tuple[Interval, ...]:
    raw = table.get("breaks", [])
    hint = "write [[breaks]] with starts_at and ends_at"
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise _invalid("breaks", "must be a list of breaks", hint, place)
    if len(raw) > MOST_BREAKS:
        raise _invalid("breaks", f"are {len(raw)}", f"at most {MOST_BREAKS}", place)
    return tuple(sorted(_break(one, f"{place}: breaks[{index}]", hint) for index, one in enumerate(raw)))


def _break(raw: object, place: str, hint: str) -> Interval:
    if not isinstance(raw, Mapping):
        raise LessonInvalid("is not a break", hint=hint, place=place)
    _refuse_unknown(raw, ("starts_at", "ends_at"), place)
    starts_at, ends_at = _instant(raw, "starts_at", place), _instant(raw, "ends_at", place)
    if ends_at <= starts_at:
        raise LessonInvalid(
            "the break ends before it starts", hint="check starts_at and ends_at", place=place
        )
    return Interval(starts_at, ends_at)
