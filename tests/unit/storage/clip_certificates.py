"""An authority of the tests' own for signing clips, and certificates that are wrong in one way each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

SecretKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
# Longer than any test lives, so that no test depends on the day it runs.
VALID = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ClipFiles:
    """What an operator has: certificates in one file, the key in another."""

    certificate: Path
    key: Path


class ClipAuthority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named("authority of the tests")
        rights = key_usage(certificates=True)
        self._certificate = (
            builder(self._name, self._name, self._key, VALID)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(rights, critical=True)
            .sign(self._key, SHA256())
        )

    def issue(
        self,
        secret: SecretKey | None = None,
        *,
        valid: tuple[datetime, datetime] = VALID,
        purpose: bool = True,
        ocsp: str = "",
    ) -> ClipFiles:
        """Certificate and key as files. ``purpose`` off: no extended key usage; ``ocsp``: whom to ask."""
        secret = secret or ec.generate_private_key(ec.SECP256R1())
        made = builder(named("clips of the tests"), self._name, secret, valid)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(key_usage(certificates=False), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = made.add_extension(issuer, critical=False)
        if purpose:
            uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            made = made.add_extension(uses, critical=False)
        if ocsp:
            where = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
            )
            made = made.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
        chain = [made.sign(self._key, SHA256()), self._certificate]
        files = ClipFiles(self._folder / "clips.pem", self._folder / "clips.key")
        files.certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        write_key(files.key, secret)
        return files


def write_key(path: Path, secret: SecretKey, password: bytes | None = None) -> None:
    """A key file as it should be: PKCS #8, mode 0600."""
    kept = NoEncryption() if password is None else BestAvailableEncryption(password)
    path.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept))
    path.chmod(0o600)


def named(name: str) -> x509.Name:
    parts = (NameOID.ORGANIZATION_NAME, "Rollcall tests"), (NameOID.COMMON_NAME, name)
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


def builder(
    subject: x509.Name, issuer: x509.Name, secret: SecretKey, valid: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )


def key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
