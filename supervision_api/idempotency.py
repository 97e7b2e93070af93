"""Creating calls that may be repeated: the same ``Idempotency-Key`` gets the first call's answer.

The answer is kept in the unit of work that creates, so there is never one without the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from models.canonical_json import canonical_json
from models.errors import InvalidInput
from models.evidence import JsonValue
from storage.repositories import KeptReply
from storage.unit_of_work import UnitOfWork
from supervision_api.auth import Caller
from supervision_api.problems import IdempotencyMismatch
from supervision_api.services import Services

KEPT_FOR = timedelta(days=2)
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Call:
    """One creating call. ``key``: its Idempotency-Key or ``None``; ``content``: what is asked for."""

    path: str
    content: JsonValue
    key: str | None = None

    def request_hash(self) -> str:
        """SHA-256 hex of path and content: another request under the same key is noticed."""
        return hashlib.sha256(canonical_json([self.path, self.content])).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: created now, or the one kept from the first time (``replayed``)."""

    body: Mapping[str, JsonValue]
    status: int = 201
    replayed: bool = False


def perform(
    services: Services, caller: Caller, call: Call, create: Callable[[UnitOfWork], Mapping[str, JsonValue]]
) -> Reply:
    """Create once per key; ``create`` runs inside the one unit of work that also keeps the answer.

    Raises:
        IdempotencyMismatch: the key was used for another request.
        InvalidInput: the key is empty or too long.
    """
    now = services.clock.now()
    key_hash = _key_hash(call.key)
    with services.ledger.write() as work:
        kept = None if key_hash is None else work.replies.find(caller.user.user_id, key_hash)
        if kept is not None and now - kept.created_at < KEPT_FOR:
            if kept.request_hash != call.request_hash():
                raise IdempotencyMismatch(
                    "this Idempotency-Key was used for another request", hint="use a fresh key per request"
                )
            return Reply(kept.body, kept.status, replayed=True)
        body = create(work)
        if key_hash is not None:
            work.replies.forget_before(now - KEPT_FOR)
            work.replies.keep(KeptReply(caller.user.user_id, key_hash, call.request_hash(), 201, body, now))
    return Reply(body)


def _key_hash(key: str | None) -> str | None:
    if key is None:
        return None
    if not 1 <= len(key.strip()) <= LONGEST_KEY:
        raise InvalidInput(
            f"an Idempotency-Key has 1 to {LONGEST_KEY} characters",
            place="Idempotency-Key",
            hint="use a UUID",
        )
    return hashlib.sha256(key.strip().encode()).hexdigest()
