"""Legal holds follow into the object store: what it does not show yet is set again until it does."""

from __future__ import annotations

import structlog

from storage.holding import HoldKeeper
from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.installation import Installation

_log = structlog.get_logger(__name__)

EVERY_S = 15.0


def holds_chore(house: Installation) -> Chore:
    """Bounded per call; the store's refusals are told and tried again."""
    keeper = HoldKeeper(house.ledger, house.store)

    def run() -> None:
        settled = keeper.settle()
        for hold in settled.confirmed:
            _log.info("hold confirmed", lesson=hold.lesson_id, hold=hold.hold_id, held=hold.open)

    return Chore("holds", EVERY_S, run)
