"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Evidence is hashed, so a record must have exactly one spelling: members ordered by the UTF-16 code units of
their names, no white space, numbers as ECMAScript prints them, the shortest escapes, UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, cast

from models.errors import InvalidInput
from models.evidence import JsonValue

SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 7493 §2.2)."""

_MAX_DEPTH = 64
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def canonical_json(value: object) -> bytes:
    """The canonical UTF-8 bytes of a JSON value (RFC 8785 §3.2).

    Takes ``None``, booleans, numbers, strings, lists, tuples and mappings with string keys.

    Raises:
        InvalidInput: NaN, infinity, an integer beyond ±(2^53 - 1), a lone surrogate, a key that is not a
            string, a value JSON does not know, or nesting deeper than 64.
    """
    parts: list[str] = []
    _write(value, parts, 0)
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(
            "a text holds half of a surrogate pair, which has no canonical form",
            hint="repair the text before it becomes evidence",
        ) from None


def parse_json(raw: bytes) -> JsonValue:
    """Read JSON strictly: UTF-8, no duplicate member, no NaN, no number too large for a double, no half of a
    surrogate pair; integers beyond 2^53 - 1 become floats (RFC 7493 §2).

    ``canonical_json(parse_json(b)) == b`` holds for every canonical ``b``.

    Raises:
        InvalidInput: not such a document.
    """
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_int=_safe_integer,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
        if b"\\u" in raw:
            # an escape can spell half of a pair, which UTF-8 itself cannot
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise InvalidInput("not a strict JSON document", hint="see RFC 8785") from None
    return cast(JsonValue, parsed)


def _write(value: object, parts: list[str], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"JSON nested deeper than {_MAX_DEPTH} levels", hint="flatten the record")
    # bool before int: Python counts True as an integer.
    if value is None or isinstance(value, bool):
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        parts.append(_string(value))
    elif isinstance(value, int):
        parts.append(_integer(int(value)))
    elif isinstance(value, float):
        parts.append(number(float(value)))
    elif isinstance(value, Mapping):
        _write_object(value, parts, depth)
    elif isinstance(value, (list, tuple)):
        parts.append("[")
        for index, item in enumerate(value):
            parts.append("," if index else "")
            _write(item, parts, depth + 1)
        parts.append("]")
    else:
        raise InvalidInput(f"JSON has no {type(value).__name__}", hint="turn it into text or a number first")


def _write_object(members: Mapping[Any, Any], parts: list[str], depth: int) -> None:
    for name in members:
        if not isinstance(name, str):
            raise InvalidInput(f"a JSON member name must be text, not {type(name).__name__}")
    parts.append("{")
    for index, name in enumerate(sorted(members, key=_utf16_units)):
        parts.append("," if index else "")
        parts.append(_string(name))
        parts.append(":")
        _write(members[name], parts, depth + 1)
    parts.append("}")


def _utf16_units(name: str) -> bytes:
    # §3.2.3: Python compares code points, which differs from UTF-16 order above U+FFFF.
    return name.encode("utf-16-be", "surrogatepass")


def _string(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _integer(value: int) -> str:
    if abs(value) > SAFE_INTEGER:
        raise InvalidInput(
            "an integer beyond 2^53 - 1 is not the same number to every reader", hint="write it as text"
        )
    return str(value)


def number(value: float) -> str:
    """A finite float as ECMAScript prints it (ECMA-262 Number::toString, radix 10).

    Raises:
        InvalidInput: NaN or infinity.
    """
    if not math.isfinite(value):
        raise InvalidInput("JSON has no NaN and no infinity", hint="leave the value out or use null")
    if value == 0:
        return "0"  # minus zero prints without its sign
    # repr gives the shortest digits that read back as the same double; only their layout differs.
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _layout(digits, point)


def _layout(digits: str, point: int) -> str:
    """Place the decimal point: ``digits`` times ten to the power ``point - len(digits)``."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return (digits if count == 1 else f"{digits[0]}.{digits[1:]}") + exponent


def _unique_members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _safe_integer(literal: str) -> int | float:
    # Canonical floats from 2^53 to 1e21 print without a point; reading them as integers would refuse them.
    return _finite(literal) if len(literal) > 17 or abs(int(literal)) > SAFE_INTEGER else int(literal)


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError(literal[:20])
    return value


def _refuse_constant(literal: str) -> JsonValue:
    raise ValueError(literal)
