"""C2PA manifests in copies of footage (C2PA 2.x), signed with a certificate of the operator's.

The library is an optional part (``rollcall[c2pa]``) and is loaded only here. It is given no address and told
to fetch nothing: no manifests from elsewhere, no revocation answers, no time-stamps, no trust lists.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from models.clip_manifest import CLIP_ASSERTION
from models.errors import DiskFull, EvidenceBroken, InvalidInput, KeyUnusable, StorageError
from models.evidence import JsonValue
from storage.durable import is_disk_full
from storage.key_files import read_secret_file

_OFFLINE: Final[dict[str, dict[str, object]]] = {
    "core": {"allowed_network_hosts": [], "allow_redirects": False},
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        # Whom to trust is the reader's to say; here only whether the copy is what was signed.
        "verify_trust": False,
        "verify_timestamp_trust": False,
        "verify_after_sign": True,
    },
    "builder": {
        "thumbnail": {"enabled": False},
        "auto_timestamp_assertion": {"enabled": False},
        # The fewer boxes lie outside the hash, the fewer can be changed unseen.
        "bmff_hash_exclude_free_and_skip_boxes": False,
        # What the signer vouches for; the rest would count as gathered from others.
        "created_assertion_labels": ["c2pa.actions", "c2pa.ingredient", CLIP_ASSERTION],
    },
}
_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384"}
_VIDEO: Final = "video/mp4"
_LARGEST_CHAIN_BYTES: Final = 256 * 1024
_WHICH_CERTIFICATE: Final = (
    "it must be X.509 version 3 for digital signatures, with the extended key usage emailProtection or "
    "C2PA's own, its issuers behind it in the same file; see docs/guides/evidence.md"
)


@dataclass(frozen=True, slots=True)
class ClipCredentials:
    """A manifest as read back. ``whole``: the copy is what was signed; ``failures``: C2PA's codes of what is
    not; ``manifest``: the active one as C2PA's JSON, empty where there is none.
    """

    whole: bool
    failures: tuple[str, ...]
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClipSigner:
    """Signs copies. ``chain``: certificates in PEM, the signing one first; ``algorithm``: C2PA's name."""

    chain: bytes
    algorithm: str
    key: bytes = field(repr=False)

    def sign(self, source: Path, target: Path, manifest: Mapping[str, JsonValue]) -> None:
        """Writes ``source`` (MP4) with the manifest as ``target``, and believes it only when read back.

        Raises:
            KeyUnusable: the library refuses certificate or key.
            StorageError: the clip cannot be signed or written, or reads back otherwise than signed.
            DiskFull: no room for it.
        """
        library = load_library()
        try:
            self._write(library, source, target, manifest)
        except OSError as error:
            target.unlink(missing_ok=True)
            kind = DiskFull if is_disk_full(error) else StorageError
            raise kind(
                f"the signed copy cannot be written ({error.strerror})",
                place=target.name,
                hint="check the disk",
            ) from None
        except library.C2paError.Signature:
            target.unlink(missing_ok=True)
            raise KeyUnusable("C2PA refuses this certificate", hint=_WHICH_CERTIFICATE) from None
        except library.C2paError:
            target.unlink(missing_ok=True)
            raise StorageError(
                "the clip cannot be signed",
                place=target.name,
                hint="check the room on the disk; or take the bundle without --c2pa",
            ) from None
        if not read_credentials(target).whole:
            target.unlink(missing_ok=True)
            raise StorageError(
                "the signed copy reads back otherwise than it was signed", place=target.name, hint="try again"
            )

    def _write(self, library: Any, source: Path, target: Path, manifest: Mapping[str, JsonValue]) -> None:
        information = library.C2paSignerInfo(self.algorithm, self.chain, self.key, None)
        with (
            library.Context.from_dict(_OFFLINE) as context,
            library.Signer.from_info(information) as signer,
            library.Builder.from_json(json.dumps(manifest), context) as builder,
            source.open("rb") as original,
            target.open("x+b") as copy,
        ):
            builder.set_intent(library.C2paBuilderIntent.EDIT)
            builder.sign(signer, _VIDEO, original, copy)


def read_credentials(path: Path) -> ClipCredentials:
    """What the manifest in a file says and whether it holds. Asks nobody, trusts nobody.

    Raises:
        InvalidInput: the library is missing.
        EvidenceBroken: the file has no manifest that can be read.
    """
    library = load_library()
    try:
        with (
            path.open("rb") as file,
            library.Context.from_dict(_OFFLINE) as context,
            library.Reader(_VIDEO, file, context=context) as reader,
        ):
            state = reader.get_validation_state()
            results = reader.get_validation_results() or {}
            manifest = reader.get_active_manifest() or {}
    except library.C2paError:
        raise EvidenceBroken(
            "no C2PA manifest can be read here",
            place=path.name,
            hint="compare with the bundle: rollcall verify",
        ) from None
    failures = (results.get("activeManifest") or {}).get("failure", [])
    return ClipCredentials(state == "Valid", tuple(str(one.get("code")) for one in failures), manifest)


def open_clip_signer(certificate: Path, key: Path, now: datetime) -> ClipSigner:
    """The signer from two PEM files. ``now``: a certificate that is not valid then is refused.

    Raises:
        InvalidInput: the library is missing.
        KeyUnusable: a file is missing, damaged or open to others; the two do not belong together.
    """
    load_library()
    secret, algorithm = _read_key(key)
    chain = _read_chain(certificate)
    first = chain[0]
    if _public(first.public_key()) != _public(secret.public_key()):
        raise KeyUnusable(
            "the key does not belong to the first certificate of the file",
            place=str(key),
            hint="put the signing certificate first, its issuers behind it",
        )
    if not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        raise KeyUnusable(
            f"the certificate is valid from {first.not_valid_before_utc:%Y-%m-%d} to "
            f"{first.not_valid_after_utc:%Y-%m-%d}",
            place=str(certificate),
            hint="ask its issuer for a new one",
        )
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ClipSigner(b"".join(one.public_bytes(Encoding.PEM) for one in chain), algorithm, pem)


def load_library() -> Any:
    """The optional library.

    Raises:
        InvalidInput: it is not installed, or has no compiled part for this machine.
    """
    try:
        return importlib.import_module("c2pa")
    except (ImportError, OSError, RuntimeError):
        # RuntimeError: the package is there, its compiled part is not or does not load.
        raise InvalidInput(
            "the library for C2PA manifests is not installed",
            place="--c2pa",
            hint="run: pip install 'rollcall[c2pa]'",
        ) from None


_SecretKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def _read_key(path: Path) -> tuple[_SecretKey, str]:
    """The key, and C2PA's name for signing with it."""
    try:
        secret = load_pem_private_key(read_secret_file(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # TypeError: the key is behind a password.
        raise KeyUnusable(
            "this is no private key in PEM, or it has a password",
            place=str(path),
            hint="make it with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ) from None
    if isinstance(secret, ed25519.Ed25519PrivateKey):
        return secret, "ed25519"
    if isinstance(secret, ec.EllipticCurvePrivateKey) and secret.curve.name in _CURVES:
        return secret, _CURVES[secret.curve.name]
    raise KeyUnusable("clips are not signed with keys of this kind", place=str(path), hint="use P-256")


def _read_chain(path: Path) -> list[x509.Certificate]:
    try:
        with path.open("rb") as file:
            return x509.load_pem_x509_certificates(file.read(_LARGEST_CHAIN_BYTES))
    except OSError as error:
        reason = f"the certificate cannot be read ({error.strerror})"
    except ValueError:
        reason = "this is no certificate in PEM"
    raise KeyUnusable(reason, place=str(path), hint="see docs/guides/evidence.md")


def _public(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
