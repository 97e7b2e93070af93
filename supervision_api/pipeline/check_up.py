"""Examines an installation part by part; a part that fails does not hide the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import RollcallError
from recognition.weights import ModelState, list_models
from storage.database import schema_is_current
from storage.evidence_proofs import audit_log
from supervision_api.pipeline.faces import face_setup, open_faces
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: sound or not, what was seen, what to do next."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def check_up(settings: Settings) -> tuple[Finding, ...]:
    """All findings. Nothing is repaired and nothing is raised but a defect."""
    findings = [_guarded("networks", lambda: _networks(settings)), _disk(settings)]
    try:
        with open_installation(settings) as house:
            findings.append(Finding("keys", True, f"{house.signer.public_key.fingerprint}"))
            for name, check in (
                ("database", lambda: _database(house)),
                ("evidence log", lambda: _log(house)),
                ("object store", lambda: _store(house)),
                ("clock", lambda: _clock(house)),
                ("spool", lambda: _spool(house)),
            ):
                findings.append(_guarded(name, check))
    except RollcallError as error:
        findings.append(_failed("installation", error))
    return tuple(findings)


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except RollcallError as error:
        return _failed(name, error)


def _failed(name: str, error: RollcallError) -> Finding:
    detail = f"{error.place}: {error.message}" if error.place else error.message
    return Finding(name, False, detail, error.hint)


def _networks(settings: Settings) -> Finding:
    setup = face_setup(settings)
    altered = [m.name for m in list_models(*setup.weights_dirs) if m.state is ModelState.ALTERED]
    if altered:
        return Finding(
            "networks", False, f"altered: {', '.join(altered)}", "add or pull the right files again"
        )
    faces = open_faces(setup)
    return Finding("networks", True, f"{faces.detector.fingerprint}; {faces.encoder.fingerprint}")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free >> 20
    enough = free_mb >= settings.spool_reserve_mb
    hint = "" if enough else "free space: below the reserve nothing is recorded"
    return Finding("disk", enough, f"{free_mb} MiB free, reserve {settings.spool_reserve_mb} MiB", hint)


def _database(house: Installation) -> Finding:
    current = schema_is_current(house.database)
    return Finding("database", current, house.database.address, "" if current else "run: rollcall db upgrade")


def _log(house: Installation) -> Finding:
    with house.ledger.read() as work:
        problems = audit_log(work.evidence.store, house.settings.origin)
        head = work.evidence.store.head()
    size = head.size if head else 0
    if problems:
        return Finding(
            "evidence log", False, f"{len(problems)} problems: {problems[0]}", "keep everything as it is"
        )
    return Finding("evidence log", True, f"{size} leaves, whole")


def _store(house: Installation) -> Finding:
    # Whether it answers; counting its objects would take an hour on a store of five years.
    house.store.list_versions("readiness/")
    told, trial = house.trials.described(), house.trials.latest()
    if trial is None or trial.sound:
        return Finding("object store", True, told)
    return Finding("object store", False, told, "locks were tried and did not hold: rollcall store canary")


def _clock(house: Installation) -> Finding:
    now, guard = house.clock.now(), house.store.time_guard
    doubt = guard.doubt(now)
    if doubt is None:
        return Finding("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC is believed")
    hint = 'nothing is purged; set the clock, or if its date is right: --confirm-time "YOUR NAME"'
    return Finding("clock", False, doubt, hint)


def _spool(house: Installation) -> Finding:
    state = house.spool.state()
    detail = f"{state.waiting_files} files wait ({state.waiting_bytes >> 20} MiB)"
    hint = f"over its marks: {', '.join(state.over)}" if state.over else ""
    return Finding("spool", not state.over, detail, hint)
