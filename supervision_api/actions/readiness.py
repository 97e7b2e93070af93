"""Whether the service can do its work: database, object store, room on the disk, recorder and recogniser."""

from __future__ import annotations

import shutil

from models.errors import RollcallError
from supervision_api.services import Readiness, Services


def checks(services: Services) -> tuple[Readiness, ...]:
    """All checks, each with a stable reason code; none of them raises."""
    own = (_database(services), _object_store(services), _disk(services), _footage(services))
    return (*own, *services.readiness())


def _database(services: Services) -> Readiness:
    try:
        with services.ledger.read() as work:
            work.users.count()
    except RollcallError as error:
        return Readiness("database", False, error.code, error.hint)
    return Readiness("database", True)


def _object_store(services: Services) -> Readiness:
    try:
        services.objects.list_versions("readiness/")
    except RollcallError as error:
        return Readiness("object_store", False, error.code, error.hint)
    return Readiness("object_store", True, detail=services.store_capabilities)


def _footage(services: Services) -> Readiness:
    """What the last look at stored footage found. Damage of years ago is told by its reason, but keeps nobody
    from working: whoever takes a service out for it hides the alarm."""
    try:
        with services.ledger.read() as work:
            wrong, running = work.rehash.count_open(), work.rehash.running()
    except RollcallError as error:
        return Readiness("footage", False, error.code, error.hint)
    progress = "" if running is None else f"re-hash {running.share:.0%}"
    if wrong:
        return Readiness("footage", True, "not_as_logged", f"{wrong} files; {progress}".rstrip("; "))
    return Readiness("footage", True, detail=progress)


def _disk(services: Services) -> Readiness:
    try:
        free = shutil.disk_usage(services.data_dir).free
    except OSError as error:
        return Readiness("disk", False, "unreadable", error.strerror or "")
    services.metrics.disk_free_bytes.set(free)
    if free < services.web.disk_reserve_bytes:
        return Readiness("disk", False, "disk_full", f"{free >> 20} MiB free")
    return Readiness("disk", True, detail=f"{free >> 20} MiB free")
