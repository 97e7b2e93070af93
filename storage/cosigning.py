"""A second party signs the log beside its owner: what it is offered, what it checks, what it remembers.

The offer is the body of a witness request (c2sp.org/tlog-witness, add-checkpoint): the size that the party
signed last, a consistency proof from there, and the log's signed checkpoint. The answer is that checkpoint
with one more signature (c2sp.org/tlog-cosignature). A party that keeps its state never signs two histories:
so the owner of the log cannot rewrite what the party has seen, not even with the signing key.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from models.canonical_json import canonical_json, parse_json
from models.checkpoint import SignedNote, check_key_name, parse_checkpoint, parse_note
from models.errors import Conflict, EvidenceBroken, InvalidInput, KeyUnusable
from models.evidence import Checkpoint
from models.evidence_care import Cosignature
from models.merkle import consistency_proof, verify_consistency
from storage.durable import write_durably
from storage.evidence_proofs import StoredTree
from storage.key_files import create_secret_file, read_secret_file
from storage.leaf_store import EvidenceStore
from storage.signing import KEY_BYTES, Ed25519Signer, NoteSigner, PublicKey, cosign, verify_note

KEY_FORMAT: Final = "rollcall-cosigner-key/1"
_MOST_PROOF_LINES: Final = 63


@dataclass(frozen=True, slots=True)
class Offer:
    """``old_size``: what the proof starts from, 0 for a first signature; ``note``: the log's checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: SignedNote

    def encode(self) -> bytes:
        lines = [f"old {self.old_size}", *(base64.b64encode(node).decode("ascii") for node in self.proof), ""]
        return "\n".join(lines).encode("ascii") + b"\n" + self.note.encode()


def make_offer(store: EvidenceStore, old_size: int) -> Offer:
    """The newest checkpoint with the proof that it continues the one of ``old_size`` leaves.

    Raises:
        Conflict: nothing was signed yet, or less than ``old_size``.
    """
    latest = store.latest_checkpoint()
    if latest is None or not 0 <= old_size <= latest.size:
        raise Conflict(
            "there is no signed checkpoint of that size or more", hint="check the size that was signed last"
        )
    tree = StoredTree(store, latest.size)
    growing = 0 < old_size < latest.size
    proof = consistency_proof(old_size, latest.size, tree.range_hash) if growing else ()
    return Offer(old_size, tuple(proof), parse_note(latest.note.encode("utf-8")))


def parse_offer(raw: bytes) -> Offer:
    """Read an offer. Raises ``EvidenceBroken`` for anything else."""
    head, blank, note = raw.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    size = first.removeprefix(b"old ")
    readable = first.startswith(b"old ") and size.isdigit() and len(size) <= 18
    if not blank or not readable or len(lines) > _MOST_PROOF_LINES:
        raise EvidenceBroken("this is no offer to co-sign", hint="make one: rollcall evidence offer")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except binascii.Error:
        raise EvidenceBroken("the offer's proof cannot be read") from None
    return Offer(int(size), proof, parse_note(note))


def cosign_offer(
    offer: Offer, log_keys: Sequence[PublicKey], signer: NoteSigner, last: Checkpoint | None, at: datetime
) -> SignedNote:
    """The checkpoint with the party's signature, where it continues the one that the party signed last.

    ``log_keys``: the keys of the log that the party believes, got from somewhere else than the offer.

    Raises:
        EvidenceBroken: not signed by the log, of another log, or not a continuation of ``last``.
        Conflict: the offer starts from another size than the one signed last.
    """
    verify_note(offer.note, [key for key in log_keys if not key.cosigner])
    new = parse_checkpoint(offer.note.text)
    if new.origin not in {key.name for key in log_keys if not key.cosigner}:
        raise EvidenceBroken(f"this is a checkpoint of {new.origin}, whose key is not trusted")
    before = last or Checkpoint(new.origin, 0, b"", at)
    if new.origin != before.origin:
        raise EvidenceBroken(f"this party signs {before.origin}; one state file belongs to one log")
    if offer.old_size != before.size or new.size < before.size:
        raise Conflict(
            f"the last signature was over {before.size} leaves, the offer starts from {offer.old_size} "
            f"and has {new.size}",
            hint=f"ask for: rollcall evidence offer --since {before.size}",
        )
    if not _continues(before, new, offer.proof):
        raise EvidenceBroken(
            f"the log of {new.size} leaves does not continue the {before.size} leaves signed before",
            hint="keep both notes: the log was rewritten",
        )
    own = signer.public_key
    kept = tuple(one for one in offer.note.signatures if (one.name, one.key_id) != (own.name, own.key_id))
    return SignedNote(offer.note.text, (*kept, cosign(offer.note.text, signer, at)))


def _continues(before: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> bool:
    if not before.size:
        return not proof
    if before.size == new.size:
        return before.root == new.root and not proof
    return verify_consistency(before.size, new.size, before.root, new.root, proof)


def create_cosigner_key(path: Path, name: str) -> PublicKey:
    """A second party's key file, 0600; its public key goes to the log's owner and to auditors.

    Raises:
        KeyUnusable: the file exists, or cannot be written here.
        InvalidInput: a note cannot carry the name.
    """
    secret = base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")
    document = {"format": KEY_FORMAT, "name": check_key_name(name), "key": secret}
    create_secret_file(path, canonical_json(document))
    return open_cosigner(path).public_key


def open_cosigner(path: Path) -> Ed25519Signer:
    """The party's signer. Raises ``KeyUnusable``."""
    try:
        document = parse_json(read_secret_file(path))
        if not isinstance(document, dict) or document.get("format") != KEY_FORMAT:
            raise KeyUnusable("this is no co-signer's key", place=str(path), hint="name the right file")
        secret = base64.b64decode(str(document["key"]), validate=True)
        return Ed25519Signer(str(document["name"]), secret, cosigner=True)
    except (InvalidInput, KeyError, binascii.Error):
        raise KeyUnusable(
            "the co-signer's key is damaged", place=str(path), hint="restore it from its backup"
        ) from None


def read_state(path: Path, signer: PublicKey) -> Checkpoint | None:
    """What the party signed last, or ``None`` before its first signature.

    Raises:
        EvidenceBroken: the state is not this party's own; signing without it could bear out a second history.
    """
    if not path.exists():
        return None
    note = parse_note(path.read_bytes())
    verify_note(note, (signer,))
    return parse_checkpoint(note.text)


def write_state(path: Path, note: SignedNote) -> None:
    """Remember a signature, durably, before anybody sees it."""
    write_durably(path, note.encode())


def read_cosigned(raw: bytes, log_keys: Sequence[PublicKey], party: PublicKey) -> Cosignature | None:
    """The party's signature on a note of this log, or ``None`` where the party did not sign it.

    Raises:
        EvidenceBroken: not a note of this log, or a signature does not hold.
    """
    note = parse_note(raw)
    verify_note(note, log_keys)
    lines = [one for one in note.signatures if (one.name, one.key_id) == (party.name, party.key_id)]
    if not lines or lines[0].unix_s is None:
        return None
    verify_note(note, (party,))
    signed_at = datetime.fromtimestamp(lines[0].unix_s, UTC)
    size = parse_checkpoint(note.text).size
    return Cosignature(party.name, party.key_id.hex(), size, signed_at, raw.decode("utf-8"))
