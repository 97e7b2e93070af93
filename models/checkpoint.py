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
from models.excerpts import excerpt
from models.merkle import HASH_BYTES
from models.timeline import as_utc

ED25519_TYPE = b"\x01"
COSIGNATURE_TYPE = b"\x04"
"""Ed25519 over the note and the time of signing (c2sp.org/tlog-cosignature)."""

SIGNATURE_BYTES = 64
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_TIME_PREFIX = "time "
_SIGNATURE_PREFIX = "— "
_MAX_SIGNATURES = 16


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: signer's name, 4-byte key id, 64-byte Ed25519 signature over the note's text.

    ``unix_s``: set in a co-signature, whose signer also vouches for when it signed (seconds since 1970, UTC).
    """

    name: str
    key_id: bytes
    signature: bytes
    unix_s: int | None = None

    @property
    def blob(self) -> bytes:
        """What its line carries as base64."""
        time = b"" if self.unix_s is None else self.unix_s.to_bytes(_TIME_BYTES, "big")
        return self.key_id + time + self.signature


@dataclass(frozen=True, slots=True)
class SignedNote:
    """Text that ends in a line feed, and its signatures (several during a rotation or with a co-signer)."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes, UTF-8."""
        lines = [f"{_SIGNATURE_PREFIX}{item.name} {_to_base64(item.blob)}\n" for item in self.signatures]
        return (self.text + "\n" + "".join(lines)).encode("utf-8")


def key_id(name: str, public_key: bytes, kind: bytes = ED25519_TYPE) -> bytes:
    """First four bytes of SHA-256(name ‖ LF ‖ kind ‖ public key): a hint, not a protection."""
    return sha256(name.encode("utf-8") + b"\n" + kind + public_key).digest()[:_KEY_ID_BYTES]


def cosigned_message(text: str, unix_s: int) -> bytes:
    """What a co-signer signs: the note's text under a header with the time (c2sp.org/tlog-cosignature)."""
    return f"cosignature/v1\ntime {unix_s}\n{text}".encode()


def check_key_name(name: str) -> str:
    """The name itself, where a note can carry it.

    Raises:
        InvalidInput: empty, or with white space, a plus sign or a control character.
    """
    if not _can_name(name):
        raise InvalidInput(
            f"{excerpt(name)} cannot name a log or a key",
            hint="use a name without spaces and plus signs, such as rollcall.example/heze",
        )
    return name


def _can_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() or _is_control(char) for char in name)


def _is_control(char: str) -> bool:
    return ord(char) < 32 or ord(char) == 127


def utc_text(at: datetime) -> str:
    """RFC 3339, UTC, always six digits of fraction, so that equal instants have equal text."""
    return as_utc(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_utc(text: str) -> datetime:
    """Read what ``utc_text`` wrote.

    Raises:
        EvidenceBroken: any other form.
    """
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise EvidenceBroken(f"{excerpt(text)} is not a time of the evidence log") from None
    # strptime also takes 1:2:3 and other digits than ours; two spellings of one instant would be twins
    if utc_text(at) != text:
        raise EvidenceBroken(f"{excerpt(text)} is not a time of the evidence log")
    return at


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
    if any(_is_control(char) and char != "\n" for char in whole):
        raise EvidenceBroken("not a signed note: it holds control characters")
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
    time_bytes = len(blob) - _KEY_ID_BYTES - SIGNATURE_BYTES
    readable = line.startswith(_SIGNATURE_PREFIX) and space and time_bytes in (0, _TIME_BYTES)
    if not readable or not _can_name(name):
        raise EvidenceBroken("not a signed note: a signature line cannot be read")
    unix_s = int.from_bytes(blob[_KEY_ID_BYTES:-SIGNATURE_BYTES], "big") if time_bytes else None
    return NoteSignature(name, blob[:_KEY_ID_BYTES], blob[-SIGNATURE_BYTES:], unix_s)


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
