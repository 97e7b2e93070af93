"""The canary: locks small objects for a minute and tries to get rid of them, past our own refusals.

What a store says of itself is not believed. Each check attempts what must not work, ignores the answer, and
then looks whether the version that was locked is still there, with its bytes and its date.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from models.errors import RollcallError, StorageError, StoreUnavailable
from models.footage import StoredObject
from models.ports import Clock
from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialResult, TrialWay
from storage.objects.locked_store import LockedStore, LockTrial

PREFIX: Final = "canary/"
LOCKED_FOR: Final = timedelta(minutes=1)
_ATTEMPTS: Final = (TrialCheck.DELETE, TrialCheck.SHORTEN, TrialCheck.OVERWRITE, TrialCheck.PLAIN_DELETE)


def try_store(store: LockedStore, clock: Clock, lock_mode: str, folder: Path | None = None) -> StoreTrial:
    """Try everything. Raises nothing but a defect: what fails is in the results.

    What earlier trials left and is free by now is removed first.

    ``folder``: where the small files to put are made; the system's own place unless told.
    """
    results: list[TrialResult] = []
    lock_trial = store.trial()
    with suppress(RollcallError):  # a store that is away, or a clock that is not believed
        _sweep(store, clock.now())
    with tempfile.TemporaryDirectory(prefix="rollcall-canary-", dir=folder) as name:
        # parts are a server's own affair; a folder writes in one way only
        ways = TrialWay if store.capabilities() == "server-enforced" else (TrialWay.SINGLE,)
        for way in ways:
            source = Path(name) / way.value
            # S3 takes parts of 5 MiB and more; a little over one part makes two
            source.write_bytes(secrets.token_bytes(64 if way is TrialWay.SINGLE else (5 << 20) + 64))
            results.extend(_try_way(store, lock_trial, source, clock.now(), way))
    return StoreTrial(lock_trial.place, store.capabilities(), lock_mode, clock.now(), tuple(results))


def _sweep(store: LockedStore, now: datetime) -> None:
    store.purge_expired(PREFIX, now)
    for stored in store.list_versions(PREFIX):
        if stored.lock_mode is None:  # what was laid over a locked version to try it
            store.delete_version(stored.key, stored.version)


def _try_way(
    store: LockedStore, lock_trial: LockTrial, source: Path, now: datetime, way: TrialWay
) -> Iterator[TrialResult]:
    key = f"{PREFIX}{now:%Y%m%dT%H%M%S}-{way.value}-{secrets.token_hex(4)}"
    # Whole seconds: servers keep no finer dates.
    until = now.replace(microsecond=0) + LOCKED_FOR
    try:
        stored = lock_trial.put(key, source, until, way)
    except RollcallError as error:
        yield TrialResult(TrialCheck.LOCK_SET, way, TrialOutcome.FAILED, error.code)
        return
    set_result, stored = _lock_set(store, stored, until, way)
    yield set_result
    if set_result.outcome in (TrialOutcome.BROKEN, TrialOutcome.FAILED):
        return
    content = source.read_bytes()
    for check in _ATTEMPTS:
        yield _attempted(lock_trial, check, stored, content, way)
    if way is TrialWay.SINGLE:
        yield _hold_set(store, lock_trial, stored, way)


def _lock_set(
    store: LockedStore, stored: StoredObject, until: datetime, way: TrialWay
) -> tuple[TrialResult, StoredObject]:
    if _is_locked(stored, until):
        return TrialResult(TrialCheck.LOCK_SET, way, TrialOutcome.HELD), stored
    try:
        mended = store.extend_lock(stored.key, stored.version, until)
    except StoreUnavailable as error:
        return TrialResult(TrialCheck.LOCK_SET, way, TrialOutcome.FAILED, error.code), stored
    except StorageError as error:
        return TrialResult(TrialCheck.LOCK_SET, way, TrialOutcome.BROKEN, error.code), stored
    outcome = TrialOutcome.REPAIRED if _is_locked(mended, until) else TrialOutcome.BROKEN
    return TrialResult(TrialCheck.LOCK_SET, way, outcome, "the lock was missing after writing"), mended


def _attempted(
    lock_trial: LockTrial, check: TrialCheck, stored: StoredObject, content: bytes, way: TrialWay
) -> TrialResult:
    told = "not refused"
    sooner = (stored.retain_until or stored.stored_at) - LOCKED_FOR / 2
    try:
        lock_trial.attempt(check, stored, sooner)
    except StoreUnavailable as error:
        return TrialResult(check, way, TrialOutcome.FAILED, error.code)
    except RollcallError as error:
        told = error.code
    return TrialResult(check, way, *_still_there(lock_trial, stored, content, told))


def _still_there(
    lock_trial: LockTrial, stored: StoredObject, content: bytes, told: str
) -> tuple[TrialOutcome, str]:
    """What counts: the version, its bytes and its date after the attempt."""
    try:
        now, found = lock_trial.look(stored)
    except StoreUnavailable as error:
        return TrialOutcome.FAILED, error.code
    except RollcallError as error:
        return TrialOutcome.BROKEN, f"the locked version is gone ({error.code})"
    if hashlib.sha256(found).digest() != hashlib.sha256(content).digest():
        return TrialOutcome.BROKEN, "its bytes are others now"
    if stored.retain_until is None or not _is_locked(now, stored.retain_until):
        return TrialOutcome.BROKEN, "its lock is gone or shorter now"
    return TrialOutcome.HELD, told


def _hold_set(store: LockedStore, lock_trial: LockTrial, stored: StoredObject, way: TrialWay) -> TrialResult:
    try:
        store.set_hold(stored.key, stored.version, True)
        held = lock_trial.look(stored)[0].legal_hold
        with suppress(RollcallError):  # a hold that stays only keeps the canary's object longer
            store.set_hold(stored.key, stored.version, False)
    except StoreUnavailable as error:
        return TrialResult(TrialCheck.HOLD_SET, way, TrialOutcome.FAILED, error.code)
    except RollcallError as error:
        return TrialResult(TrialCheck.HOLD_SET, way, TrialOutcome.BROKEN, error.code)
    return TrialResult(TrialCheck.HOLD_SET, way, TrialOutcome.HELD if held else TrialOutcome.BROKEN)


def _is_locked(stored: StoredObject, until: datetime) -> bool:
    return stored.lock_mode is not None and stored.retain_until is not None and stored.retain_until >= until
