"""The full check of a bundle's time-stamp tokens, which needs more than the one-file verifier has.

``verify.py`` says whether a token speaks of a note in the bundle; here also who signed it, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from models.errors import EvidenceBroken
from storage.time_tokens import check_token
from storage.verifier.verify import BAD, LIMIT, files_of


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """``problem``: empty where the token holds; then ``at`` is the authority's time."""

    name: str
    note: str
    at: datetime | None = None
    authority: str = ""
    problem: str = ""


def check_tokens(bundle: Path, roots: Sequence[x509.Certificate]) -> tuple[CheckedToken, ...]:
    """Every token of a bundle, checked against the roots that the caller believes.

    Raises:
        EvidenceBroken: the bundle cannot be read.
    """
    try:
        files = files_of(bundle)
        raw = {name: _read(files[name]) for name in files if name.startswith(("timestamps/", "checkpoints/"))}
    except BAD:
        raise EvidenceBroken("this is no bundle", place=str(bundle)) from None
    notes = {name: content for name, content in raw.items() if name.startswith("checkpoints/")}
    return tuple(_check(name, raw[name], notes, roots) for name in sorted(raw.keys() - notes.keys()))


def _check(
    name: str, token: bytes, notes: dict[str, bytes], roots: Sequence[x509.Certificate]
) -> CheckedToken:
    problem = "no checkpoint is there that it could speak of"
    for note, content in sorted(notes.items()):
        try:
            held = check_token(token, content, roots)
        except EvidenceBroken as error:
            problem = error.message
            continue
        return CheckedToken(name, note, held.certified_at, held.authority)
    return CheckedToken(name, "", problem=problem)


def _read(opener: object) -> bytes:
    with opener("rb") as source:  # type: ignore[operator]
        return bytes(source.read(LIMIT))
