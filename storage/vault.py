"""Field encryption: identity numbers, phones, photos, templates and camera addresses.

AES-256-GCM (NIST SP 800-38D) under keys derived per purpose with HKDF-SHA-256 (RFC 5869) from a master
key in a file of its own. The associated data binds each value to its table, column and row, so that a
value copied into another row does not open. Lookups go through HMAC-SHA-256 under a key that is never
rotated, because hashes cannot be re-keyed without their numbers.

Loss of the key file cannot be repaired: what was encrypted under it is gone. Attendance, footage and the
evidence log stay readable. docs/guides/storage.md says what to back up.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import KeyUnusable
from storage.key_files import create_secret_file, read_secret_file, replace_secret_file

KEY_FILE_NAME = "vault.json"
_FORMAT = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12  # SP 800-38D, 8.2: 96 bits
_LOST = (
    "without it, encrypted identity numbers, photos and templates cannot be read again; "
    "restore the key folder from its backup"
)


class Purpose(StrEnum):
    """Each purpose has a key of its own, so that one leaked derived key opens nothing else."""

    IDENTITY = "identity"
    PHOTO = "photo"
    TEMPLATE = "template"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value lives: what the encryption is bound to."""

    purpose: Purpose
    table: str
    column: str
    row: str

    def associated_data(self) -> bytes:
        """Unambiguous bytes: JSON, since ids may hold any character."""
        return json.dumps([_FORMAT, self.purpose, self.table, self.column, self.row]).encode()


@dataclass(frozen=True, slots=True)
class VaultKeys:
    """Master keys by id, the id that new values use, and the lookup key."""

    current: str
    masters: dict[str, bytes] = field(repr=False)
    lookup: bytes = field(repr=False)


class Vault:
    """Encrypts and decrypts fields; knows nothing of rows."""

    def __init__(self, keys: VaultKeys) -> None:
        self._current = keys.current
        self._lookup = keys.lookup
        self._ciphers = {
            (key_id, purpose): AESGCM(_derive(master, purpose))
            for key_id, master in keys.masters.items()
            for purpose in Purpose
        }

    @property
    def current_key_id(self) -> str:
        return self._current

    @property
    def fingerprint(self) -> str:
        """Names the vault (not its keys): equal through rotations, different for another key file."""
        return hmac.new(self._lookup, b"rollcall vault fingerprint", hashlib.sha256).hexdigest()

    def encrypt(self, value: bytes, place: Field) -> bytes:
        """Key id, nonce, ciphertext and tag as one value."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current, place.purpose].encrypt(nonce, value, place.associated_data())
        key_id = self._current.encode()
        return bytes([_FORMAT, len(key_id)]) + key_id + nonce + sealed

    def decrypt(self, token: bytes, place: Field) -> bytes:
        """The value.

        Raises:
            KeyUnusable: made under a key that is not in this vault, moved from another row, or altered.
        """
        key_id, nonce, sealed = _parse(token, place)
        cipher = self._ciphers.get((key_id, place.purpose))
        if cipher is None:
            raise KeyUnusable(
                f"a value was encrypted under key {key_id!r}, which this vault does not hold",
                place=f"{place.table}.{place.column}",
                hint=_LOST,
            )
        try:
            return cipher.decrypt(nonce, sealed, place.associated_data())
        except InvalidTag:
            raise KeyUnusable(
                "an encrypted value does not open: altered, moved from another row, or made by another vault",
                place=f"{place.table}.{place.column}",
                hint="compare the key folder with its backup, then check the database against its backup",
            ) from None

    def key_id_of(self, token: bytes) -> str:
        """Which key a value was made under: after a rotation, older ones are still to be renewed."""
        return token[2 : 2 + token[1]].decode("ascii", "replace") if len(token) > 2 else ""

    def lookup_hash(self, value: str, purpose: Purpose = Purpose.IDENTITY) -> str:
        """Keyed hash, 64 hex characters: equal values have equal ones; guessing needs the key."""
        return hmac.new(self._lookup, f"{purpose}\x00{value}".encode(), hashlib.sha256).hexdigest()


def create_vault(folder: Path) -> Vault:
    """Make the key file of a new installation (0600, durable) and open it.

    Raises:
        KeyUnusable: a key file is already there.
    """
    keys = VaultKeys("k1", {"k1": os.urandom(_KEY_BYTES)}, os.urandom(_KEY_BYTES))
    create_secret_file(folder / KEY_FILE_NAME, _dump(keys))
    return Vault(keys)


def open_vault(folder: Path) -> Vault:
    """Open the vault of an existing installation.

    Raises:
        KeyUnusable: the file is missing, damaged, or readable by others.
    """
    return Vault(_load(folder / KEY_FILE_NAME))


def vault_exists(folder: Path) -> bool:
    return (folder / KEY_FILE_NAME).exists()


def rotate_vault(folder: Path) -> Vault:
    """Add a master key and use it from now on; older ones stay, since their values do."""
    path = folder / KEY_FILE_NAME
    keys = _load(path)
    key_id = f"k{len(keys.masters) + 1}"
    rotated = VaultKeys(key_id, {**keys.masters, key_id: os.urandom(_KEY_BYTES)}, keys.lookup)
    replace_secret_file(path, _dump(rotated))
    return Vault(rotated)


def _derive(master: bytes, purpose: Purpose) -> bytes:
    info = f"rollcall vault {_FORMAT} {purpose}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(master)


def _parse(token: bytes, place: Field) -> tuple[str, bytes, bytes]:
    start = 2 + token[1] if len(token) > 2 else 0
    if not start or token[0] != _FORMAT or len(token) < start + _NONCE_BYTES + 16:
        raise KeyUnusable(
            "an encrypted value has an unknown form",
            place=f"{place.table}.{place.column}",
            hint="check the database against its backup",
        )
    nonce_end = start + _NONCE_BYTES
    return token[2:start].decode("ascii", "replace"), token[start:nonce_end], token[nonce_end:]


def _dump(keys: VaultKeys) -> bytes:
    document = {
        "format": _FORMAT,
        "warning": "Loss of this file cannot be repaired. Keep a copy apart from the database.",
        "current": keys.current,
        "masters": {key_id: base64.b64encode(master).decode() for key_id, master in keys.masters.items()},
        "lookup": base64.b64encode(keys.lookup).decode(),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _load(path: Path) -> VaultKeys:
    content = read_secret_file_or_explain(path)
    try:
        document = json.loads(content)
        masters = {str(key_id): _key(text) for key_id, text in document["masters"].items()}
        keys = VaultKeys(str(document["current"]), masters, _key(document["lookup"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise KeyUnusable("the key file is damaged", place=str(path), hint=_LOST) from None
    if keys.current not in keys.masters:
        raise KeyUnusable("the key file names a key it does not hold", place=str(path), hint=_LOST)
    return keys


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != _KEY_BYTES:
        raise ValueError("wrong key length")
    return key


def read_secret_file_or_explain(path: Path) -> bytes:
    """The key file's content; where it is missing, the error says what its loss means."""
    if not path.exists():
        raise KeyUnusable("the vault's key file is missing", place=str(path), hint=_LOST)
    return read_secret_file(path)
