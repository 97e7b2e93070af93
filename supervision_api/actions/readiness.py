"""Whether the service can do its work: database, object store, room on the disk, recorder and recogniser."""

from __future__ import annotations

import shutil

from models.errors import RollcallError
from supervision_api.services import Readiness, Services


def checks(services: Services) -> tuple[Readiness, ...]:
    """All checks, each with a stable reason code; none of them raises."""
    return (_database(services), _object_store(services), _disk(services), *services.readiness())


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


def _disk(services: Services) -> Readiness:
    try:
        free = shutil.disk_usage(services.data_dir).free
    except OSError as error:
        return Readiness("disk", False, "unreadable", error.strerror or "")
    services.metrics.disk_free_bytes.set(free)
    if free < services.web.disk_reserve_bytes:
        return Readiness("disk", False, "disk_full", f"{free >> 20} MiB free")
    return Readiness("disk", True, detail=f"{free >> 20} MiB free")
