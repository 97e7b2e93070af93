"""Ed25519 signatures over notes: who signs, which keys are known, and how one key hands over to the next.

Private keys come from outside (the vault); this module never reads or writes a key file.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from models.checkpoint import (
    COSIGNATURE_TYPE,
    ED25519_TYPE,
    NoteSignature,
    SignedNote,
    check_key_name,
    cosigned_message,
    key_id,
    note_of,
    parse_note,
)
from models.errors import EvidenceBroken, InvalidInput, KeyUnusable
from models.evidence import JsonValue, Leaf, LeafKind

KEY_BYTES = 32
KEY_FORMAT = "rollcall-public-key/1"
ALGORITHM = "Ed25519"
COSIGNER_ALGORITHM = "Ed25519 cosignature/v1"
ROTATION_FORMAT = "rollcall-key-rotation/1"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A signer's name and raw Ed25519 public key, 32 bytes.

    ``cosigner``: its signatures carry their time, and its key id differs from that of a log's key.
    """

    name: str
    raw: bytes
    cosigner: bool = False

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.raw) != KEY_BYTES:
            raise InvalidInput(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}")

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that a signature line carries."""
        return key_id(self.name, self.raw, COSIGNATURE_TYPE if self.cosigner else ED25519_TYPE)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw key as hex: what an institution publishes and an auditor compares."""
        return sha256(self.raw).hexdigest()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def document(self) -> dict[str, JsonValue]:
        """The public-key document that bundles carry and that is handed to auditors."""
        return {
            "format": KEY_FORMAT,
            "algorithm": COSIGNER_ALGORITHM if self.cosigner else ALGORITHM,
            "name": self.name,
            "key_id": self.key_id.hex(),
            "public_key": base64.b64encode(self.raw).decode("ascii"),
            "fingerprint": self.fingerprint,
        }


def read_public_key(document: JsonValue) -> PublicKey:
    """The key of a public-key document.

    Raises:
        KeyUnusable: another format, or its parts contradict each other.
    """
    if not isinstance(document, dict) or document.get("format") != KEY_FORMAT:
        raise KeyUnusable("not a public-key document of this program", hint=f"expected format {KEY_FORMAT}")
    try:
        raw = base64.b64decode(str(document["public_key"]), validate=True)
        key = PublicKey(str(document["name"]), raw, document.get("algorithm") == COSIGNER_ALGORITHM)
    except (KeyError, binascii.Error, ValueError, InvalidInput):
        raise KeyUnusable("the public-key document lacks a usable name or key") from None
    if key.document() != document:
        raise KeyUnusable(f"the public-key document of {key.name} contradicts itself")
    return key


class NoteSigner(Protocol):
    """Holds a private key and signs with it."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        ...


class Ed25519Signer:
    """Signs with a private key held in memory; never shows it."""

    __slots__ = ("_private", "_public")

    def __init__(self, name: str, private_key: bytes, *, cosigner: bool = False) -> None:
        """``private_key``: the 32-byte seed.

        Raises:
            KeyUnusable: another length.
            InvalidInput: a note cannot carry the name.
        """
        if len(private_key) != KEY_BYTES:
            raise KeyUnusable(
                f"the signing key of {name} has not {KEY_BYTES} bytes",
                hint="restore the key file from its backup",
            )
        self._private = Ed25519PrivateKey.from_private_bytes(private_key)
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._public = PublicKey(name, raw, cosigner)

    @property
    def public_key(self) -> PublicKey:
        return self._public

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"Ed25519Signer({self._public.name}+{self._public.key_id.hex()})"


def sign_note(text: str, *signers: NoteSigner) -> SignedNote:
    """The text with a signature of each signer, in the order given."""
    message = text.encode("utf-8")
    return note_of(
        text,
        [
            NoteSignature(signer.public_key.name, signer.public_key.key_id, signer.sign(message))
            for signer in signers
        ],
    )


def cosign(text: str, signer: NoteSigner, at: datetime) -> NoteSignature:
    """A second party's signature line over a note's text, with the second in which it signs."""
    unix_s = int(at.timestamp())
    signature = signer.sign(cosigned_message(text, unix_s))
    return NoteSignature(signer.public_key.name, signer.public_key.key_id, signature, unix_s)


def verify_note(note: SignedNote, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """The known keys that signed, in the note's order; signatures of unknown keys say nothing.

    Raises:
        EvidenceBroken: a known key's signature does not hold, or no known key signed.
    """
    known = {(key.name, key.key_id): key for key in keys}
    signed: list[PublicKey] = []
    for item in note.signatures:
        key = known.get((item.name, item.key_id))
        if key is None:
            continue
        timed = item.unix_s is not None
        message = (
            note.text.encode("utf-8") if item.unix_s is None else cosigned_message(note.text, item.unix_s)
        )
        if key.cosigner != timed or not key.verifies(message, item.signature):
            raise EvidenceBroken(f"the signature of {item.name}+{item.key_id.hex()} does not hold")
        signed.append(key)
    if not signed:
        raise EvidenceBroken("no known key signed this", hint="add the signer's public key")
    return tuple(signed)


def rotation_text(origin: str, old: PublicKey, new: PublicKey) -> str:
    """The text both keys sign when one hands over to the other."""
    lines = [ROTATION_FORMAT, origin]
    lines += [f"{key.key_id.hex()} {base64.b64encode(key.raw).decode('ascii')}" for key in (old, new)]
    return "\n".join(lines) + "\n"


def rotation_leaf(origin: str, old: NoteSigner, new: NoteSigner, at: datetime) -> Leaf:
    """The leaf that makes ``new`` the log's key: signed by the old key, which vouches, and by the new one,
    which proves that its holder exists.

    Raises:
        InvalidInput: both are the same key, or bear another name than the log.
    """
    if {old.public_key.name, new.public_key.name} != {origin} or old.public_key == new.public_key:
        raise InvalidInput("a rotation needs two different keys that bear the log's name")
    note = sign_note(rotation_text(origin, old.public_key, new.public_key), old, new)
    body: dict[str, JsonValue] = {
        "old_key": old.public_key.document(),
        "new_key": new.public_key.document(),
        "note": note.encode().decode("utf-8"),
    }
    return Leaf(LeafKind.KEY_ROTATED, at, None, body)


def check_rotation(origin: str, body: Mapping[str, JsonValue]) -> tuple[PublicKey, PublicKey]:
    """Old and new key of a rotation leaf's body.

    Raises:
        EvidenceBroken, KeyUnusable: the statement is another one, or not signed by both.
    """
    old, new = read_public_key(body.get("old_key")), read_public_key(body.get("new_key"))
    note = parse_note(str(body.get("note", "")).encode("utf-8"))
    if note.text != rotation_text(origin, old, new) or len(verify_note(note, (old, new))) != 2:
        raise EvidenceBroken("a key rotation is not signed by both keys")
    return old, new
