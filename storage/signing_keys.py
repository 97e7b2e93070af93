"""The evidence log's private key as a file of the installation: made once, 0600, never replaced."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from models.canonical_json import canonical_json, parse_json
from models.errors import InvalidInput, KeyUnusable
from storage.key_files import create_secret_file, read_secret_file
from storage.signing import KEY_BYTES, Ed25519Signer

SIGNING_KEY_FILE = "evidence-signing.json"
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
    path = folder / SIGNING_KEY_FILE
    if not path.exists():
        secret = base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")
        create_secret_file(path, canonical_json({"format": _FORMAT, "origin": origin, "key": secret}))
    return open_signer(folder, origin)


def open_signer(folder: Path, origin: str) -> Ed25519Signer:
    """The signer of an existing installation.

    Raises:
        KeyUnusable: missing, damaged, of another log, or readable by others.
    """
    path = folder / SIGNING_KEY_FILE
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
