"""The evidence log's private key as a file of the installation: made once, 0600, replaced only by a rotation.

A rotation's order: the next key lies durable beside the present one → the log names it (leaf and checkpoint
signed by both) → it takes the present one's place. What was cut short is settled at the next opening, by what
the log says.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from models.canonical_json import canonical_json, parse_json
from models.errors import InvalidInput, KeyUnusable
from storage.durable import sync_folder
from storage.key_files import create_secret_file, read_secret_file
from storage.signing import KEY_BYTES, Ed25519Signer, PublicKey

SIGNING_KEY_FILE = "evidence-signing.json"
NEXT_KEY_FILE = "evidence-signing-next.json"
_FORMAT = "rollcall-signing-key/1"
_LOST = (
    "restore it from a backup; without it old evidence can still be verified, but nothing new can be signed "
    "under this name: start a new log with another ROLLCALL_ORIGIN"
)


def open_or_create_signer(folder: Path, origin: str) -> Ed25519Signer:
    """The signer of this installation; its key is made on first use.

    Raises:
        KeyUnusable: damaged, of another log, or readable by others.
    """
    _create_missing(folder / SIGNING_KEY_FILE, origin)
    return open_signer(folder, origin)


def open_or_create_next(folder: Path, origin: str) -> Ed25519Signer:
    """The key that a rotation hands over to: made once, durable before anything is signed with it.

    Raises:
        KeyUnusable: damaged, of another log, or readable by others.
    """
    _create_missing(folder / NEXT_KEY_FILE, origin)
    return _read_signer(folder / NEXT_KEY_FILE, origin)


def settle_rotation(folder: Path, origin: str, current: PublicKey | None) -> bool:
    """Finish a rotation that the log already knows: its new key takes the old one's place.

    ``current``: the key that the log names now. Returns whether anything was moved; a next key that the log
    does not know stays for the rotation to be repeated.

    Raises:
        KeyUnusable: the next key's file is damaged.
    """
    path = folder / NEXT_KEY_FILE
    if current is None or not path.exists() or _read_signer(path, origin).public_key != current:
        return False
    path.replace(folder / SIGNING_KEY_FILE)
    sync_folder(folder)
    return True


def _create_missing(path: Path, origin: str) -> None:
    if not path.exists():
        secret = base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")
        create_secret_file(path, canonical_json({"format": _FORMAT, "origin": origin, "key": secret}))


def open_signer(folder: Path, origin: str) -> Ed25519Signer:
    """The signer of an existing installation.

    Raises:
        KeyUnusable: missing, damaged, of another log, or readable by others.
    """
    return _read_signer(folder / SIGNING_KEY_FILE, origin)


def _read_signer(path: Path, origin: str) -> Ed25519Signer:
    content = read_secret_file(path)
    try:
        document = parse_json(content)
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise KeyUnusable("this is not a signing key", place=str(path), hint=_LOST)
        owner, secret = str(document["origin"]), base64.b64decode(str(document["key"]), validate=True)
    except (InvalidInput, KeyError, binascii.Error):
        raise KeyUnusable("the signing key is damaged", place=str(path), hint=_LOST) from None
    if owner != origin:
        raise KeyUnusable(
            f"this key signs the log {owner}, not {origin}",
            place=str(path),
            hint="set ROLLCALL_ORIGIN back, or use another data folder",
        )
    return Ed25519Signer(origin, secret)
