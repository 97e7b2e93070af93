"""Parameters that many API routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query

Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Entries per page.")]
IdempotencyKey = Annotated[
    str | None,
    Header(description="Repeat a creating call with the same key and it is done once (kept for two days)."),
]
IfMatch = Annotated[str | None, Header(description="The ETag of what you read; required for a change.")]
