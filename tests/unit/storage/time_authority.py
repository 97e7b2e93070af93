"""A time-stamp authority of the tests' own (RFC 3161): real signatures, and every way to be wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OIDS = {
    "sha256": "608648016503040201",
    "signed_data": "2a864886f70d010702",
    "tst_info": "2a864886f70d0109100104",
    "content_type": "2a864886f70d010903",
    "message_digest": "2a864886f70d010904",
    "ecdsa_sha256": "2a8648ce3d040302",
    "policy": "2a0304",
}


def der(tag: int, *parts: bytes) -> bytes:
    """A DER element."""
    body = b"".join(parts)
    size = len(body)
    length = (
        bytes([size])
        if size < 128
        else (b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big"))
    )
    return bytes([tag]) + length + body


def oid(name: str) -> bytes:
    return der(0x06, bytes.fromhex(OIDS[name]))


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def elements(raw: bytes) -> list[tuple[int, bytes]]:
    """Tags and bodies of the elements in ``raw``."""
    found = []
    while raw:
        size, start = raw[1], 2
        if size & 0x80:
            start = 2 + (size & 0x7F)
            size = int.from_bytes(raw[2:start], "big")
        found.append((raw[0], raw[start : start + size]))
        raw = raw[start + size :]
    return found


@dataclass
class Party:
    """A key with its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def party(name: str, issuer: Party | None = None, *, ended: bool = False, stamping: bool = True) -> Party:
    """A root, or a signer under one; ``ended``: its certificate ran out before it signs."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = now - timedelta(days=20)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(now - timedelta(days=10) if ended else now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        usage = ExtendedKeyUsageOID.TIME_STAMPING if stamping else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    signing = key if issuer is None else issuer.key
    return Party(key, builder.sign(signing, SHA256()))


@dataclass
class Authority:
    """Answers queries; each field is one way to be wrong."""

    root: Party
    signer: Party
    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    other_imprint: bool = False
    other_nonce: bool = False
    forged: bool = False
    refuse: bool = False
    garbage: bytes | None = None
    status: int = 200
    asked: int = 0
    url: str = ""

    def answer(self, query: bytes) -> bytes:
        self.asked += 1
        if self.garbage is not None:
            return self.garbage
        if self.refuse:
            return sequence(sequence(integer(2)))
        parts = elements(elements(query)[0][1])
        imprint = elements(parts[1][1])[1][1]
        nonce = next(int.from_bytes(body, "big") for tag, body in parts[2:] if tag == 0x02)
        if self.other_imprint:
            imprint = sha256(b"something else").digest()
        token = self._token(imprint, nonce + self.other_nonce)
        return sequence(sequence(integer(0)), token)

    def _token(self, imprint: bytes, nonce: int) -> bytes:
        algorithm = sequence(oid("sha256"))
        when = der(0x18, self.at.strftime("%Y%m%d%H%M%SZ").encode())
        info = sequence(
            integer(1),
            oid("policy"),
            sequence(algorithm, der(0x04, imprint)),
            integer(7),
            when,
            integer(nonce),
        )
        certificate = self.signer.certificate
        attributes = sequence(oid("content_type"), der(0x31, oid("tst_info"))) + sequence(
            oid("message_digest"), der(0x31, der(0x04, sha256(info).digest()))
        )
        signature = self.signer.key.sign(der(0x31, attributes), ec.ECDSA(SHA256()))
        if self.forged:
            signature = party("nobody").key.sign(der(0x31, attributes), ec.ECDSA(SHA256()))
        signer = sequence(
            integer(1),
            sequence(certificate.issuer.public_bytes(), integer(certificate.serial_number)),
            algorithm,
            der(0xA0, attributes),
            sequence(oid("ecdsa_sha256")),
            der(0x04, signature),
        )
        signed = sequence(
            integer(3),
            der(0x31, algorithm),
            sequence(oid("tst_info"), der(0xA0, der(0x04, info))),
            der(0xA0, certificate.public_bytes(Encoding.DER)),
            der(0x31, signer),
        )
        return sequence(oid("signed_data"), der(0xA0, signed))


def new_authority(**signer: bool) -> Authority:
    root = party("Test Root")
    return Authority(root, party("Test Stamp", root, **signer))


@contextmanager
def served(authority: Authority) -> Iterator[Authority]:
    """The authority over HTTP on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            content = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(authority.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the console."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
