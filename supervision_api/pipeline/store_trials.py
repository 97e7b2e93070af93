"""Trying the object store: at the start, daily, by command; the latest trial for everybody who asks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final, Literal

from models.errors import EvidenceBroken, StoreUnavailable
from models.evidence import LeafKind
from models.evidence_leaves_store import store_tried
from models.ports import Clock
from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialResult, TrialWay
from storage.leaf_store import LeafQuery
from storage.objects.canary import try_store
from storage.objects.locked_store import LockedStore
from storage.unit_of_work import Ledger
from supervision_api.services import Readiness

TRIED_WITHIN: Final = timedelta(days=7)
"""With the store away at the start, a sound trial of the last days is believed instead."""


class StoreTrials:
    """Tries one store and remembers how it went; the evidence log keeps each trial.

    ``tried_here``: this process has tried it.
    """

    def __init__(self, store: LockedStore, ledger: Ledger, clock: Clock, lock_mode: str) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._lock_mode = lock_mode
        self._latest: StoreTrial | None = None
        self.tried_here = False

    def run(self) -> StoreTrial:
        """Try the store now. A trial that came to an end is a leaf.

        Raises:
            StoreUnavailable: the store is away, so nothing was found out.
            StorageError: the database cannot be written.
        """
        trial = try_store(self._store, self._clock, self._lock_mode)
        if trial.verdict is TrialOutcome.FAILED:
            raise StoreUnavailable(
                "the object store could not be tried",
                place=trial.store,
                hint="look at the store; it is tried again",
            )
        with self._ledger.write() as work:
            work.evidence.append(store_tried(trial))
        self._latest = trial
        self.tried_here = True
        return trial

    def latest(self) -> StoreTrial | None:
        """The last trial that came to an end, of this process or, before its first, of the log."""
        if self._latest is None:
            self._latest = self._of_the_log()
        return self._latest

    def described(self) -> str:
        """For manifests: what the store says of itself, and what the last trial showed."""
        trial = self.latest()
        told = self._store.capabilities()
        return (
            f"{told}, not tried" if trial is None else f"{told}, tried {trial.at:%Y-%m-%d}: {trial.verdict}"
        )

    def readiness(self) -> Readiness:
        """Not ready only where a trial showed that locks do not hold."""
        trial = self.latest()
        if trial is None:
            return Readiness("store_locks", True, "not_tried")
        detail = f"{trial.at:%Y-%m-%d %H:%M} UTC"
        if trial.sound:
            return Readiness("store_locks", True, f"locks_{trial.verdict}", detail)
        return Readiness("store_locks", False, "locks_broken", f"{detail}: {', '.join(broken_checks(trial))}")

    def _of_the_log(self) -> StoreTrial | None:
        place = self._store.trial().place
        found: StoreTrial | None = None
        with self._ledger.read() as work:
            for row in work.evidence.store.rows(LeafQuery(kinds=(LeafKind.STORE_TRIED,))):
                trial = _trial_of(row.record, row.at)
                found = trial if trial.store == place else found
        return found


def require_enforcing_store(trials: StoreTrials, mode: Literal["off", "required"], now: datetime) -> None:
    """Evidence mode: nothing is recorded onto a store whose locks do not hold.

    Raises:
        EvidenceBroken: it was tried and failed, or is only a folder that its owner may empty.
        StoreUnavailable: it is away, and no sound trial of the last days speaks for it.
    """
    if mode == "off":
        return
    try:
        trial = trials.run()
    except StoreUnavailable:
        known = trials.latest()
        if known is None or now - known.at > TRIED_WITHIN:
            raise
        trial = known
    if not trial.sound or trial.capabilities == "software-only":
        shown = ", ".join(broken_checks(trial)) or trial.capabilities
        raise EvidenceBroken(
            f"evidence mode needs a store whose locks hold; this one's do not ({shown})",
            place=trial.store,
            hint="see rollcall store canary; use another store, or ROLLCALL_EVIDENCE_MODE=off",
        )


def broken_checks(trial: StoreTrial) -> list[str]:
    """The checks that failed, as ``way/check``."""
    return [f"{one.way}/{one.check}" for one in trial.results if one.outcome is TrialOutcome.BROKEN]


def _trial_of(record: bytes, at: datetime) -> StoreTrial:
    body = json.loads(record)["body"]
    results = tuple(
        TrialResult(
            TrialCheck(one["check"]), TrialWay(one["way"]), TrialOutcome(one["outcome"]), one["detail"]
        )
        for one in body["results"]
    )
    return StoreTrial(body["store"], body["capabilities"], body["lock_mode"], at, results)
