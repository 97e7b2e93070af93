"""Footage whose retention is over: removed where an engineer said so, otherwise only counted."""

from __future__ import annotations

import structlog

from storage.removal import Remover
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.installation import Installation

_log = structlog.get_logger(__name__)

EVERY_S = 60.0


def removal_chore(house: Installation, metrics: Metrics) -> Chore:
    """A bounded number of lessons per call, from where the last call ended."""
    remover = Remover(house.ledger, house.store, house.store.time_guard.doubt)

    def run() -> None:
        if not house.settings.remove_expired:
            due = remover.due()
            metrics.expired_lessons.set(sum(1 for one in due if not one.bars))
            return
        removed = remover.remove_due()
        metrics.expired_lessons.set(0)
        metrics.removed_objects.inc(removed.objects)
        metrics.removed_bytes.inc(removed.size_bytes)
        if removed.objects:
            _log.info("footage removed", lessons=removed.lessons, objects=removed.objects)
        for error in removed.refused[1:]:
            _log.warning("footage not removed", code=error.code, message=error.message, place=error.place)
        if removed.refused:
            raise removed.refused[0]

    return Chore("removal", EVERY_S, run)
