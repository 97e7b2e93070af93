"""Answers to creating calls, kept so that a repeated call gets the first one's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models.evidence import JsonValue
from storage.repositories.writing import insert
from storage.tables import IdempotencyRow


@dataclass(frozen=True, slots=True)
class KeptReply:
    """``request_hash``: SHA-256 of the call, so that a key used for another call is noticed."""

    user_id: str
    key_hash: str
    request_hash: str
    status: int
    body: Mapping[str, JsonValue]
    created_at: datetime


class ReplyRepository:
    """Replies by user and hash of the ``Idempotency-Key``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, reply: KeptReply) -> None:
        """Raises ``Conflict`` when a reply is kept under this key."""
        insert(
            self._session,
            IdempotencyRow(
                user_id=reply.user_id,
                key_hash=reply.key_hash,
                request_hash=reply.request_hash,
                status=reply.status,
                body=dict(reply.body),
                created_at=reply.created_at,
            ),
        )

    def find(self, user_id: str, key_hash: str) -> KeptReply | None:
        row = self._session.get(IdempotencyRow, (user_id, key_hash))
        if row is None:
            return None
        return KeptReply(row.user_id, row.key_hash, row.request_hash, row.status, row.body, row.created_at)

    def forget_before(self, at: datetime) -> None:
        self._session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < at))
