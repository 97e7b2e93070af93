"""Reading the evidence log: leaves, checkpoints, keys, proofs; and taking a bundle out."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from models.errors import Conflict, InvalidInput, NotFound
from models.evidence import JsonValue
from models.merkle import inclusion_proof
from models.register import Page
from storage.evidence_proofs import StoredTree, log_keys
from storage.leaf_store import LeafQuery, StoredCheckpoint, StoredLeaf
from storage.unit_of_work import UnitOfWork
from supervision_api.pipeline.bundle_plans import BundleOrder, choose
from supervision_api.services import Services

_PIECE_BYTES = 1 << 20


def leaves_of(work: UnitOfWork, lesson_id: str, cursor: str | None, limit: int) -> Page[StoredLeaf]:
    """A lesson's leaves in log order.

    Raises:
        InvalidInput: a foreign cursor or a limit outside 1 to 500.
    """
    if not 1 <= limit <= 500:
        raise InvalidInput("a page holds 1 to 500 entries", place="limit", hint="choose such a limit")
    rows = work.evidence.store.rows(LeafQuery(lesson_id=lesson_id, start=_after(cursor)))
    found = tuple(islice(rows, limit + 1))
    more = len(found) > limit
    return Page(found[:limit], str(found[limit - 1].seq) if more else None)


def _after(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("this cursor is not ours", place="cursor", hint="start again from the first page")
    return int(cursor) + 1


def leaf_count(work: UnitOfWork, lesson_id: str) -> int:
    """How many leaves the lesson has."""
    return work.evidence.store.lesson_leaves(lesson_id)


def latest_checkpoint(work: UnitOfWork) -> StoredCheckpoint | None:
    """The newest signed state of the log."""
    return work.evidence.store.latest_checkpoint()


def key_documents(work: UnitOfWork) -> list[dict[str, JsonValue]]:
    """Public keys of the log, first to present; none before the log is opened."""
    if work.evidence.store.head() is None:
        return []
    return [key.document() for key in log_keys(work.evidence.store, work.evidence.origin)]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """An inclusion proof against a signed checkpoint (RFC 9162 section 2.1.3)."""

    leaf: StoredLeaf
    checkpoint: StoredCheckpoint
    path: tuple[bytes, ...]


def prove_inclusion(work: UnitOfWork, sequence: int) -> Inclusion:
    """Proof that a leaf is under the newest checkpoint.

    Raises:
        NotFound: no such leaf.
        Conflict: no checkpoint covers it yet.
    """
    store = work.evidence.store
    leaf = next(iter(store.rows(LeafQuery(start=sequence, stop=sequence + 1))), None)
    if leaf is None:
        raise NotFound("no such leaf in the evidence log", hint="check its number")
    checkpoint = store.latest_checkpoint()
    if checkpoint is None or checkpoint.size <= sequence:
        raise Conflict("no signed checkpoint covers this leaf yet", hint="wait a minute and retry")
    tree = StoredTree(store, checkpoint.size)
    return Inclusion(leaf, checkpoint, inclusion_proof(sequence, checkpoint.size, tree.range_hash))


def write_bundle(services: Services, order: BundleOrder) -> Path:
    """The bundle as a zip file in a folder of its own, which ``stream_and_remove`` clears.

    Raises:
        NotFound: no such lesson, flag or class.
        Conflict: nothing of it is judged yet; or it holds more footage than is sent over the web.
        StorageError: it cannot be written.
    """
    with services.ledger.read() as work:
        footage_bytes = choose(work, order).footage_bytes if order.footage else 0
    limit = services.web.bundle_limit_bytes
    if footage_bytes > limit:
        raise Conflict(
            f"the bundle holds {footage_bytes >> 20} MiB of footage, and at most {limit >> 20} MiB are sent",
            place=order.subject,
            hint=f"take hashes only, or run on the server: rollcall export {order.scope} {order.subject}",
        )
    folder = Path(tempfile.mkdtemp(prefix="rollcall-bundle-", dir=services.workplace))
    target = folder / "bundle.zip"
    try:
        services.export_bundle(order, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return target


def stream_and_remove(path: Path) -> Iterator[bytes]:
    """The file in pieces; its folder goes when the download ends, whole or broken off."""
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)


def base64_of(raw: bytes) -> str:
    """As checkpoints write a root hash."""
    return base64.b64encode(raw).decode("ascii")
