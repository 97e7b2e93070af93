"""Second parties of this installation's log: taking in their keys, and the notes that they signed."""

from __future__ import annotations

from models.checkpoint import parse_checkpoint, parse_note
from models.errors import Conflict, EvidenceBroken, InvalidInput, NotFound
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_care import Cosignature
from storage.cosigning import read_cosigned
from storage.evidence_proofs import StoredTree, log_keys
from storage.leaf_store import StoredCheckpoint
from storage.signing import PublicKey
from storage.unit_of_work import Ledger, UnitOfWork


def trust_cosigner(ledger: Ledger, key: PublicKey, by: str) -> None:
    """From now on this party's signatures are taken in. A leaf says who decided it.

    Raises:
        InvalidInput: a key of a log, not of a co-signer, or one that bears the log's own name.
        Conflict: it is trusted already.
    """
    if not key.cosigner or key.name == ledger.origin:
        raise InvalidInput(
            "this is not a second party's key", place="key", hint="make one: rollcall evidence cosigner"
        )
    body: dict[str, JsonValue] = {"act": "cosigner_trusted", "by": by, "key": key.document()}
    with ledger.write() as work:
        now = ledger.clock.now()
        work.cosigners.add(key, now)
        work.evidence.append(Leaf(LeafKind.HEARTBEAT, now, None, body))


def take_in(ledger: Ledger, raw: bytes) -> tuple[Cosignature, ...]:
    """Keep a co-signed note beside the log's own checkpoints; the signatures that were new.

    Raises:
        EvidenceBroken: not a checkpoint of this log, or a signature does not hold.
        NotFound: no trusted party signed it.
        Conflict: all its signatures are known already.
    """
    with ledger.write() as work:
        keys = log_keys(work.evidence.store, ledger.origin)
        parties = work.cosigners.trusted()
        found = [one for party in parties if (one := read_cosigned(raw, keys, party)) is not None]
        if not found:
            raise NotFound(
                "no trusted second party signed this note", hint="take its key in: rollcall evidence trust"
            )
        checkpoint = _own_checkpoint(work, raw)
        fresh = [one for one in found if not _known(work, one)]
        if not fresh:
            raise Conflict("this co-signed note is known already")
        for one in fresh:
            work.cosigners.keep(one)
        work.evidence.store.add_checkpoint(checkpoint)
    return tuple(fresh)


def _known(work: UnitOfWork, signed: Cosignature) -> bool:
    covering = work.cosigners.covering(signed.size)
    return any(one.key_id == signed.key_id and one.size == signed.size for one in covering)


def _own_checkpoint(work: UnitOfWork, raw: bytes) -> StoredCheckpoint:
    """The note as a checkpoint of our log: its root must follow from our leaves."""
    checkpoint, store = parse_checkpoint(parse_note(raw).text), work.evidence.store
    head = store.head()
    size = head.size if head else 0
    if not 0 < checkpoint.size <= size:
        raise EvidenceBroken(f"the note speaks of {checkpoint.size} leaves, this log has {size}")
    if StoredTree(store, size).range_hash(0, checkpoint.size) != checkpoint.root:
        raise EvidenceBroken(f"the first {checkpoint.size} leaves are not those that the note speaks of")
    return StoredCheckpoint(checkpoint.size, checkpoint.root, checkpoint.at, raw.decode("utf-8"))
