"""Cursors: where the next page of a list begins. Opaque to callers, checked when they come back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

from models.errors import InvalidInput
from models.plain_text import unfit_character
from models.register import Page
from models.timeline import as_utc

LARGEST_PAGE: Final = 500

Item = TypeVar("Item")


def encode_cursor(*key: str | int | datetime) -> str:
    """A cursor that stands after the row of this sort key."""
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """The sort key in a cursor, as texts.

    Raises:
        InvalidInput: not one of our cursors.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _foreign() from None
    if not isinstance(key, list) or len(key) != parts:
        raise _foreign()
    # what we wrote is text or a number; anything else would reach the database as a value it cannot take.
    if not all(type(part) is int or (isinstance(part, str) and not unfit_character(part)) for part in key):
        raise _foreign()
    return [str(part) for part in key]


def instant(text: str) -> datetime:
    """An instant out of a cursor."""
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError:
        raise _foreign() from None


def checked_limit(limit: int) -> int:
    """A page size that neither starves nor drowns its reader."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(
            f"a page holds 1 to {LARGEST_PAGE} entries", place="limit", hint="choose such a limit"
        )
    return limit


def page(rows: Sequence[tuple[Item, str]], limit: int) -> Page[Item]:
    """A page out of up to ``limit + 1`` items with their cursors; one too many means that more follow."""
    kept = rows[:limit]
    return Page(tuple(item for item, _ in kept), kept[-1][1] if len(rows) > limit else None)


def _foreign() -> InvalidInput:
    return InvalidInput("this cursor is not ours", place="cursor", hint="start again from the first page")
