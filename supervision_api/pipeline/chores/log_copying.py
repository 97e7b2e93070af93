"""The evidence log's copy in the object store, kept up to date."""

from __future__ import annotations

from typing import Final

import structlog

from storage.log_copier import LogCopier
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.installation import Installation

_log = structlog.get_logger(__name__)

EVERY_S: Final = 10.0
ROUNDS: Final = 8
"""What one turn stores at most; a log that was never copied is caught up over several turns."""


def log_copying(house: Installation, metrics: Metrics) -> Chore:
    """Looks every ten seconds, so that a lesson's close is in the store within seconds."""
    copier = LogCopier(house.ledger, house.store, house.folder)

    def run() -> None:
        for _ in range(ROUNDS):
            stored = copier.run()
            if not stored:
                break
            _log.info("log stored", objects=len(stored), last=stored[-1].key)
        state = copier.state()
        metrics.log_copied_leaves.set(state.leaves)

    return Chore("log copy", EVERY_S, run)
