"""Parameters that many API routes share."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header, Query
from pydantic import BeforeValidator

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _plain_number(text: str) -> str:
    """One spelling per number: ``+1``, ``1_0`` and ``1.0`` are other addresses, and lead nowhere."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("write a whole number in digits")
    return text


def _plain_day(value: object) -> object:
    """A number is no day, though pydantic would take it for seconds since 1970."""
    if value is not None and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("write a day as 2026-11-23")
    return value


PlainNumber = BeforeValidator(_plain_number)
PlainDay = BeforeValidator(_plain_day)

Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Entries per page.")]
IdempotencyKey = Annotated[
    str | None,
    Header(description="Repeat a creating call with the same key and it is done once (kept for two days)."),
]
IfMatch = Annotated[str | None, Header(description="The ETag of what you read; required for a change.")]
