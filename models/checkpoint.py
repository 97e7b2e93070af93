"""Signed checkpoints in the C2SP signed-note form (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

A note is text, an empty line, and one line per signature::

    rollcall.example/heze
    128
    <base64 of the 32-byte root>
    time 2026-11-23T09:46:00.000000Z

    — rollcall.example/heze <base64 of 4-byte key id ‖ 64-byte Ed25519 signature>

Signing and checking signatures need keys and live in ``storage.signing``; this module knows the form.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from models.errors import EvidenceBroken, InvalidInput
from models.evidence import Checkpoint
from models.merkle import HASH_BYTES
from models.timeline import as_utc

ED25519_TYPE = b"\x01"
SIGNATURE_BYTES = 64
_KEY_ID_BYTES = 4
_TIME_PREFIX = "time "
_SIGNATURE_PREFIX = "— "
_MAX_SIGNATURES = 16


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: signer's name, 4-byte key id, 64-byte Ed25519 signature over the note's text."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """Text that ends in a line feed, and its signatures (several during a rotation or with a co-signer)."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes, UTF-8."""
        lines = [
            f"{_SIGNATURE_PREFIX}{item.name} {_to_base64(item.key_id + item.signature)}\n"
            for item in self.signatures
        ]
        return (self.text + "\n" + "".join(lines)).encode("utf-8")


def key_id(name: str, public_key: bytes) -> bytes:
    """First four bytes of SHA-256(name ‖ LF ‖ 0x01 ‖ public key): a hint, not a protection."""
    return sha256(name.encode("utf-8") + b"\n" + ED25519_TYPE + public_key).digest()[:_KEY_ID_BYTES]


def check_key_name(name: str) -> str:
    """The name itself, where a note can carry it.

    Raises:
        InvalidInput: empty, or with white space, a plus sign or a control character.
    """
    if not name or "+" in name or any(character.isspace() or ord(character) < 32 for character in name):
        raise InvalidInput(
            f"{name!r} cannot name a log or a key",
            hint="use a name without spaces and plus signs, such as rollcall.example/heze",
        )
    return name


def utc_text(at: datetime) -> str:
    """RFC 3339, UTC, always six digits of fraction, so that equal instants have equal text."""
    return as_utc(at).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def parse_utc(text: str) -> datetime:
    """Read what ``utc_text`` wrote.

    Raises:
        EvidenceBroken: any other form.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise EvidenceBroken(f"{text!r} is not a time of the evidence log") from None


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The text that is signed: origin, size, root, and the time as an extension line."""
    if len(checkpoint.root) != HASH_BYTES or checkpoint.size < 0:
        raise InvalidInput("a checkpoint needs a 32-byte root and a size of zero or more")
    origin = check_key_name(checkpoint.origin)
    time_line = _TIME_PREFIX + utc_text(checkpoint.at)
    return f"{origin}\n{checkpoint.size}\n{_to_base64(checkpoint.root)}\n{time_line}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text; extension lines other than the time are allowed and ignored.

    Raises:
        EvidenceBroken: not of this form, or without a time.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not lines[0] or "" in lines[1:-1]:
        raise EvidenceBroken("not a checkpoint: origin, size and root lines expected")
    origin, size, root = lines[0], lines[1], _from_base64(lines[2])
    if not (size.isascii() and size.isdigit()) or str(int(size[:20])) != size or len(root) != HASH_BYTES:
        raise EvidenceBroken(f"checkpoint of {origin}: size or root cannot be read")
    times = [line[len(_TIME_PREFIX) :] for line in lines[3:-1] if line.startswith(_TIME_PREFIX)]
    if len(times) != 1:
        raise EvidenceBroken(f"checkpoint of {origin} at {size}: one time line expected")
    return Checkpoint(origin, int(size), root, parse_utc(times[0]))


def parse_note(raw: bytes) -> SignedNote:
    """Split a note into its text and its signatures, strictly: what parses encodes to the same bytes.

    Raises:
        EvidenceBroken: not a signed note.
    """
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise EvidenceBroken("not a signed note: not UTF-8 text") from None
    text, blank, block = whole.rpartition("\n\n")
    lines = block.split("\n")
    if not blank or not text or lines[-1] or not 1 <= len(lines) - 1 <= _MAX_SIGNATURES:
        raise EvidenceBroken("not a signed note: text, an empty line and signature lines expected")
    return SignedNote(text + "\n", tuple(_parse_signature(line) for line in lines[:-1]))


def note_of(text: str, signatures: Sequence[NoteSignature]) -> SignedNote:
    """A note of this text.

    Raises:
        InvalidInput: the text does not end in a line feed, or nobody signed.
    """
    if not text.endswith("\n") or "\n\n" in text or not signatures:
        raise InvalidInput("a note needs text that ends in a line feed, no empty line, and a signature")
    return SignedNote(text, tuple(signatures))


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    blob = _from_base64(encoded)
    expected = _KEY_ID_BYTES + SIGNATURE_BYTES
    if not line.startswith(_SIGNATURE_PREFIX) or not name or not space or len(blob) != expected:
        raise EvidenceBroken("not a signed note: a signature line cannot be read")
    return NoteSignature(name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _from_base64(text: str) -> bytes:
    """Strict base64: a spelling with stray bits in its last character is refused, for it would be a twin."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise EvidenceBroken("base64 cannot be read") from None
    if _to_base64(raw) != text:
        raise EvidenceBroken("base64 is not in its canonical form")
    return raw
