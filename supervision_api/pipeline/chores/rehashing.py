"""The scheduled re-hash: all footage once per quarter, never faster than its budget allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.rehashing import Rehasher, Round

_log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
LONGEST_CREDIT_S: Final = 30.0
"""A loop that was busy elsewhere does not make up for it with a burst that recording would feel."""


class Budget:
    """Bytes that may be read now: so many a second; a file larger than what was left is paid off later."""

    def __init__(self, bytes_per_s: float, now_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._credit = bytes_per_s * EVERY_S
        self._seen_s = now_s

    def credit(self, now_s: float) -> int:
        """What may be read by now; negative while an earlier read is not yet paid for."""
        earned = (now_s - self._seen_s) * self._bytes_per_s
        self._credit = min(self._credit + earned, self._bytes_per_s * LONGEST_CREDIT_S)
        self._seen_s = now_s
        return int(self._credit)

    def spend(self, count: int) -> None:
        self._credit -= count


def rehashing(house: Installation, metrics: Metrics) -> Chore:
    """Reads some files at each turn; first those that were found wrong and may be right again."""
    settings = house.settings
    rehasher = Rehasher(house.ledger, house.store, timedelta(days=settings.rehash_every_days))
    budget = Budget(settings.rehash_mb_per_s * 1e6, house.clock.monotonic_s())

    def run() -> None:
        for turn in (rehasher.look_again, None):
            credit = budget.credit(house.clock.monotonic_s())
            if credit <= 0:
                break
            done = turn() if turn is not None else rehasher.walk(credit)
            budget.spend(done.bytes_read)
            _tell(done, metrics)
        with house.ledger.read() as work:
            metrics.rehash_findings.set(work.rehash.count_open())
            running = work.rehash.running()
        metrics.rehash_share.set(1.0 if running is None else running.share)

    return Chore("re-hash", EVERY_S, run)


def _tell(done: Round, metrics: Metrics) -> None:
    metrics.rehash_bytes.inc(done.bytes_read)
    for one in done.changed:
        if one.mended_at is None:
            metrics.flags_raised.labels("evidence").inc()
            _log.error("footage is not as the log says", object=one.key, problem=one.problem.value)
        else:
            _log.info("footage is right again", object=one.key)
