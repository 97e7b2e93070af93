"""Time-stamp tokens (RFC 3161): asked for over a checkpoint's note, and checked offline ever after.

An authority signs that it saw a hash at a time by its own clock. Its answer is kept whole (DER), with the
certificates it was signed by. The message is the signed note, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from models.errors import EvidenceBroken, SettingInvalid, StorageError

LARGEST_ANSWER_BYTES: Final = 64 * 1024
"""An answer with a few certificates has 3 to 8 KiB."""

TIMEOUT_S: Final = 10.0
_GRANTED: Final = 0


@dataclass(frozen=True, slots=True)
class TimeToken:
    """``raw``: the whole answer, DER. ``certified_at``: the authority's time. ``authority``: who signed."""

    raw: bytes
    certified_at: datetime
    authority: str


def read_roots(file: Path) -> tuple[x509.Certificate, ...]:
    """Certificates of authorities that are believed, PEM.

    Raises:
        SettingInvalid: unreadable, or without a certificate.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(file.read_bytes()))
    except (OSError, ValueError):
        raise SettingInvalid(
            "the authority's certificates cannot be read", place=str(file), hint="give a PEM file"
        ) from None


def check_token(
    raw: bytes, message: bytes, roots: Sequence[x509.Certificate], request: TimeStampRequest | None = None
) -> TimeToken:
    """The token, where it is granted, over this very message, signed under ``roots`` by a signer whose
    certificate was valid then and is meant for time-stamping, and answers ``request`` where given.

    Raises:
        EvidenceBroken: any of this fails.
    """
    try:
        response = decode_timestamp_response(raw)
        if response.status != _GRANTED:
            raise EvidenceBroken("the time-stamp authority did not grant a token", hint="ask its operator")
        builder = VerifierBuilder() if request is None else VerifierBuilder.from_request(request)
        for root in dict.fromkeys(roots):
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(response, message)
        at = response.tst_info.gen_time
    except VerificationError as error:
        raise EvidenceBroken(
            f"the time-stamp token does not hold: {_plain(error)}",
            hint="compare it with the authority's certificates",
        ) from None
    except ValueError:
        raise EvidenceBroken("this is no time-stamp token", hint="ask the authority again") from None
    return TimeToken(raw, at if at.tzinfo else at.replace(tzinfo=UTC), _signer_of(response))


class TimeAuthority:
    """One authority over HTTP (RFC 3161 §3.4)."""

    def __init__(self, url: str, roots: Sequence[x509.Certificate]) -> None:
        self._url = url
        self._roots = tuple(roots)

    def certify(self, message: bytes) -> TimeToken:
        """A token over the message, checked as ``check_token`` does, nonce included.

        Raises:
            StorageError: the authority does not answer.
            EvidenceBroken: its answer does not hold.
        """
        request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
        return check_token(self._ask(request.as_bytes()), message, self._roots, request)

    def _ask(self, query: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client,
                client.stream("POST", self._url, content=query, headers=headers) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    raise _away(f"answers {answer.status_code}")
                return _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise _away("does not answer") from None  # a library's text may hold the address


def _bounded(answer: httpx.Response) -> bytes:
    content = b""
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > LARGEST_ANSWER_BYTES:
            raise EvidenceBroken("the time-stamp authority's answer is too long to be a token")
    return content


def _away(what: str) -> StorageError:
    return StorageError(
        f"the time-stamp authority {what}",
        place="ROLLCALL_TSA_URL",
        hint="check address and network; it is asked again by itself",
    )


def _plain(error: VerificationError) -> str:
    return "".join(char for char in str(error) if char.isprintable())[:200]


def _signer_of(response: TimeStampResponse) -> str:
    for signer in response.signed_data.signer_infos:
        for der in response.signed_data.certificates:
            certificate = x509.load_der_x509_certificate(der)
            if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number):
                return certificate.subject.rfc4514_string()
    return ""
