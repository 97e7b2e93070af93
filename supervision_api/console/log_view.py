"""What the page of the evidence log shows: states, copy, certified times, second signatures, re-hash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.evidence_care import CopyKind
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import evidence

LATEST = 8
WRONG_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Walk:
    """A re-hash, under way or over: ``share`` 0 to 1, ``count`` files read of ``total``."""

    share: float
    count: int
    total: int
    size_bytes: int
    findings: int
    started_at: datetime
    finished_at: datetime | None


def log_values(work: UnitOfWork, origin: str) -> dict[str, Any]:
    """Values of the page ``evidence_log.html``."""
    store = work.evidence.store
    head, latest = store.head(), evidence.latest_checkpoint(work)
    size = head.size if head else 0
    checkpoints = store.checkpoints(max(0, size - 200), size)[-LATEST:]
    return {
        "origin": origin,
        "size": size,
        "latest": latest,
        "root": evidence.base64_of(latest.root) if latest else "",
        "checkpoints": tuple(reversed(checkpoints)),
        "keys": [str(key["fingerprint"]) for key in evidence.key_documents(work)],
        "copied": _copied(work),
        "last_stored": work.log_objects.last_stored(),
        "timestamps_waiting": work.timestamps.count_waiting(),
        "latest_timestamp": work.timestamps.latest(),
        "cosigners": [(key.name, key.fingerprint) for key in work.cosigners.trusted()],
        "cosigned": work.cosigners.latest(),
        **_rehash(work),
    }


def _copied(work: UnitOfWork) -> int:
    planned = [one.first for one in work.log_objects.planned() if one.kind is CopyKind.LEAVES]
    return min([work.log_objects.next_leaf(), *planned])


def _rehash(work: UnitOfWork) -> dict[str, Any]:
    wrong = work.rehash.open_findings(most=WRONG_SHOWN)
    walks = (work.rehash.running(), work.rehash.last_finished())
    running, finished = (
        None
        if one is None
        else Walk(
            share=one.share,
            count=one.objects,
            total=max(one.total_objects, one.objects),
            size_bytes=one.size_bytes,
            findings=one.findings,
            started_at=one.started_at,
            finished_at=one.finished_at,
        )
        for one in walks
    )
    return {"running": running, "finished": finished, "wrong": wrong, "wrong_total": work.rehash.count_open()}
