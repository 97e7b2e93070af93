"""A certified time for each closed lesson, where an authority is set; it is asked again while it is away."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Final, Protocol

import structlog

from models.errors import RollcallError, SettingInvalid
from models.evidence import LeafKind
from models.evidence_care import LessonTimestamp
from models.evidence_leaves_care import timestamped
from storage.leaf_store import LeafQuery
from storage.time_tokens import TimeAuthority, TimeToken, read_roots
from storage.unit_of_work import Ledger
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.installation import Installation
from supervision_api.settings import Settings

_log = structlog.get_logger(__name__)

EVERY_S: Final = 15.0
MOST_QUEUED: Final = 200
MOST_ASKED: Final = 5
"""Lessons of one turn; an authority that hangs costs its timeout for one of them only."""

FIRST_REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(hours=6)


class Certifier(Protocol):
    """Who certifies a time: an authority, or a test's own."""

    def certify(self, message: bytes) -> TimeToken:
        """Raises ``StorageError``, ``EvidenceBroken``."""
        ...


def certified_times(house: Installation, metrics: Metrics) -> tuple[Chore, ...]:
    """The chore where an authority is set, else none.

    Raises:
        SettingInvalid: an address without certificates: nobody could check what it signs.
    """
    authority = authority_of(house.settings)
    if authority is None:
        return ()
    ledger = house.ledger

    def run() -> None:
        queue_closed_lessons(ledger)
        try:
            certify_waiting(ledger, authority)
        finally:
            with ledger.read() as work:
                metrics.timestamps_waiting.set(work.timestamps.count_waiting())

    return (Chore("certified times", EVERY_S, run),)


def authority_of(settings: Settings) -> Certifier | None:
    """The authority of the settings, or ``None``. Raises ``SettingInvalid``."""
    if not settings.tsa_url:
        return None
    if settings.tsa_ca_file is None:
        raise SettingInvalid(
            "a time-stamp authority without its certificates cannot be checked",
            place="tsa_ca_file",
            hint="set ROLLCALL_TSA_CA_FILE to the authority's root certificates",
        )
    return TimeAuthority(settings.tsa_url, read_roots(settings.tsa_ca_file))


def queue_closed_lessons(ledger: Ledger) -> int:
    """Lessons whose closing leaf is under a signed checkpoint and were not queued; how many there were."""
    with ledger.read() as work:
        last = work.timestamps.last_closing()
        query = LeafQuery(start=last + 1, kinds=(LeafKind.LESSON_CLOSED,))
        found: list[LessonTimestamp] = []
        for leaf in work.evidence.store.rows(query):
            covering = work.timestamps.covering(leaf.seq)
            if covering is None or leaf.lesson_id is None or len(found) == MOST_QUEUED:
                break
            found.append(LessonTimestamp(leaf.lesson_id, leaf.seq, covering.size, covering.note))
    if found:
        with ledger.write() as work:
            for one in found:
                work.timestamps.queue(one)
    return len(found)


def certify_waiting(ledger: Ledger, authority: Certifier) -> int:
    """Ask for what is due; a lesson whose token does not hold is asked for again later, each time rarer.

    Raises:
        RollcallError: the authority is away or its answer does not hold; the rest waits too.
    """
    with ledger.read() as work:
        waiting = work.timestamps.waiting(ledger.clock.now(), MOST_ASKED)
    for number, one in enumerate(waiting):
        try:
            token = authority.certify(one.note.encode("utf-8"))
        except RollcallError as error:
            _note_failure(ledger, one, error.code)
            _log.warning("no certified time yet", lesson=one.lesson_id, code=error.code, done=number)
            raise
        _keep(ledger, one, token)
    return len(waiting)


def _note_failure(ledger: Ledger, one: LessonTimestamp, code: str) -> None:
    rest = min(FIRST_REST * 2 ** min(one.attempts, 16), LONGEST_REST)
    with ledger.write() as work:
        work.timestamps.note_failure(one.lesson_id, code, ledger.clock.now() + rest)


def _keep(ledger: Ledger, one: LessonTimestamp, token: TimeToken) -> None:
    digests = sha256(one.note.encode("utf-8")).hexdigest(), sha256(token.raw).hexdigest()
    with ledger.write() as work:
        now = ledger.clock.now()
        work.timestamps.note_token(one.lesson_id, token.raw, token.certified_at, token.authority)
        said = (token.certified_at, token.authority)
        work.evidence.append(timestamped(one.lesson_id, one.size, *digests, said, now))
