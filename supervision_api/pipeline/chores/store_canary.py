"""Tries once a day, and right after the start, whether the store's locks hold."""

from __future__ import annotations

from typing import Final

import structlog

from supervision_api.pipeline.chores.loop import Chore
from supervision_api.pipeline.store_trials import StoreTrials, broken_checks

_log = structlog.get_logger(__name__)

EVERY_S: Final = 24 * 3600.0


def store_canary(trials: StoreTrials) -> Chore:
    """A store that is away is tried again within minutes; one that was tried is left alone for a day."""
    return Chore("store_canary", EVERY_S, _Canary(trials).run)


class _Canary:
    def __init__(self, trials: StoreTrials) -> None:
        self._trials = trials
        self._tried_at_start = trials.tried_here  # evidence mode tries before anything is recorded

    def run(self) -> None:
        if self._tried_at_start:
            self._tried_at_start = False
            return
        trial = self._trials.run()
        if not trial.sound:
            broken = broken_checks(trial)
            _log.error("the object store does not keep its locks", store=trial.store, broken=broken)
