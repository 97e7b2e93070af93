"""Keys that sign the log: their documents, their files, notes with one signature and with several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint import parse_note
from models.errors import EvidenceBroken, InvalidInput, KeyUnusable
from storage.signing import (
    Ed25519Signer,
    PublicKey,
    check_rotation,
    read_public_key,
    rotation_leaf,
    sign_note,
    verify_note,
)
from storage.signing_keys import SIGNING_KEY_FILE, open_or_create_signer, open_signer

ORIGIN = "rollcall.example/heze"
NewSigner = Callable[..., Ed25519Signer]


def test_a_public_key_document_reads_back(make_signer: NewSigner) -> None:
    key = make_signer().public_key
    document = json.loads(json.dumps(key.document()))
    assert read_public_key(document) == key
    assert document["algorithm"] == "Ed25519"
    assert document["fingerprint"] == key.fingerprint
    assert len(bytes.fromhex(document["key_id"])) == 4


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "another/1"},
        {"name": ""},
        {"name": "another.log/1"},
        {"public_key": "AAAA"},
        {"public_key": "not base64!"},
        {"public_key": "A" * 43 + "="},
        {"fingerprint": "0" * 64},
        {"key_id": "00000000"},
        {"algorithm": "RSA"},
        {"more": "than expected"},
    ],
)
def test_a_key_document_that_contradicts_itself_is_refused(
    make_signer: NewSigner, damage: dict[str, Any]
) -> None:
    with pytest.raises(KeyUnusable):
        read_public_key(make_signer().public_key.document() | damage)


@pytest.mark.parametrize("missing", ["name", "public_key", "format", "fingerprint", "key_id"])
def test_a_key_document_that_lacks_a_part_is_refused(make_signer: NewSigner, missing: str) -> None:
    document = make_signer().public_key.document()
    del document[missing]
    with pytest.raises(KeyUnusable):
        read_public_key(document)


@pytest.mark.parametrize("document", [None, [], "key", 5])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(KeyUnusable, match="not a public-key document"):
        read_public_key(document)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        PublicKey(ORIGIN, bytes(length))
    with pytest.raises(KeyUnusable, match="32 bytes") as caught:
        Ed25519Signer(ORIGIN, bytes(length))
    assert "backup" in caught.value.hint


def test_a_signer_shows_its_name_and_never_its_key(make_signer: NewSigner) -> None:
    shown = repr(make_signer(7))
    assert ORIGIN in shown
    assert "07" * 8 not in shown
    assert "\\x07" not in shown


@given(st.binary(max_size=200), st.integers(0, 63), st.integers(0, 7))
def test_one_flipped_bit_of_a_signature_is_noticed(message: bytes, place: int, bit: int) -> None:
    signer = Ed25519Signer(ORIGIN, bytes([1]) * 32)
    signature = bytearray(signer.sign(message))
    assert signer.public_key.verifies(message, bytes(signature))
    signature[place] ^= 1 << bit
    assert not signer.public_key.verifies(message, bytes(signature))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65), bytes(64)])
def test_what_is_no_signature_verifies_nothing(make_signer: NewSigner, signature: bytes) -> None:
    assert not make_signer().public_key.verifies(b"message", signature)


def test_a_note_names_its_known_signers_in_order(make_signer: NewSigner) -> None:
    first, second, unknown = make_signer(1), make_signer(2), make_signer(3)
    note = parse_note(sign_note("a text\n", second, unknown, first).encode())
    assert verify_note(note, [first.public_key, second.public_key]) == (
        second.public_key,
        first.public_key,
    )


def test_a_note_that_no_known_key_signed_proves_nothing(make_signer: NewSigner) -> None:
    note = sign_note("a text\n", make_signer(3))
    with pytest.raises(EvidenceBroken, match="no known key") as caught:
        verify_note(note, [make_signer(1).public_key])
    assert "public key" in caught.value.hint


def test_one_bad_signature_of_a_known_key_condemns_the_note_whoever_else_signed(
    make_signer: NewSigner,
) -> None:
    good, bad = make_signer(1), make_signer(2)
    raw = sign_note("a text\n", good, bad).encode()
    lines = raw.decode().split("\n")
    other = sign_note("another text\n", bad).encode().decode().split("\n")
    lines[-2] = other[-2]
    with pytest.raises(EvidenceBroken, match="does not hold"):
        verify_note(parse_note("\n".join(lines).encode()), [good.public_key, bad.public_key])


def test_a_signature_holds_for_its_own_text_alone(make_signer: NewSigner) -> None:
    raw = sign_note("credited 1.0\n", make_signer()).encode().replace(b"1.0", b"9.0")
    with pytest.raises(EvidenceBroken):
        verify_note(parse_note(raw), [make_signer().public_key])


def test_a_rotation_is_checked_whole(make_signer: NewSigner, clock: Any) -> None:
    old, new = make_signer(1), make_signer(2)
    body = dict(rotation_leaf(ORIGIN, old, new, clock.at).body)
    assert check_rotation(ORIGIN, body) == (old.public_key, new.public_key)
    with pytest.raises(EvidenceBroken):
        check_rotation("another/log", body)
    with pytest.raises(EvidenceBroken):
        check_rotation(ORIGIN, body | {"new_key": make_signer(3).public_key.document()})
    with pytest.raises(KeyUnusable):
        check_rotation(ORIGIN, body | {"old_key": None})


@pytest.mark.parametrize("signers", [(1,), (2,), (1, 3), (3,)])
def test_a_rotation_needs_both_signatures(
    make_signer: NewSigner, clock: Any, signers: tuple[int, ...]
) -> None:
    body = dict(rotation_leaf(ORIGIN, make_signer(1), make_signer(2), clock.at).body)
    text = parse_note(str(body["note"]).encode()).text
    body["note"] = sign_note(text, *(make_signer(number) for number in signers)).encode().decode()
    with pytest.raises(EvidenceBroken):
        check_rotation(ORIGIN, body)


def test_the_first_start_makes_the_key_for_its_owner_alone_and_later_ones_open_it(tmp_path: Path) -> None:
    made = open_or_create_signer(tmp_path / "keys", ORIGIN)
    path = tmp_path / "keys" / SIGNING_KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    assert open_or_create_signer(tmp_path / "keys", ORIGIN).public_key == made.public_key
    assert open_signer(tmp_path / "keys", ORIGIN).public_key == made.public_key
    assert path.read_bytes() == before


def test_two_installations_have_two_keys(tmp_path: Path) -> None:
    one = open_or_create_signer(tmp_path / "a", ORIGIN)
    other = open_or_create_signer(tmp_path / "b", ORIGIN)
    assert one.public_key != other.public_key


def test_a_missing_key_is_not_made_anew_where_one_is_expected(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        open_signer(tmp_path, ORIGIN)
    assert list(tmp_path.iterdir()) == []


def test_another_logs_key_is_refused_and_both_logs_are_named(tmp_path: Path) -> None:
    open_or_create_signer(tmp_path, "another/log")
    with pytest.raises(KeyUnusable, match="signs the log another/log") as caught:
        open_signer(tmp_path, ORIGIN)
    assert "ROLLCALL_ORIGIN" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"format":"another/1"}',
        b'{"format":"rollcall-signing-key/1"}',
        b'{"format":"rollcall-signing-key/1","origin":"rollcall.example/heze","key":"%%%"}',
        b'{"format":"rollcall-signing-key/1","origin":"rollcall.example/heze","key":"QUJD"}',
    ],
)
def test_a_damaged_signing_key_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    open_or_create_signer(tmp_path, ORIGIN)
    (tmp_path / SIGNING_KEY_FILE).write_bytes(content)
    with pytest.raises(KeyUnusable) as caught:
        open_or_create_signer(tmp_path, ORIGIN)
    assert "QUJD" not in str(caught.value)
    assert (tmp_path / SIGNING_KEY_FILE).read_bytes() == content, "never replaced"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_signing_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    open_or_create_signer(tmp_path, ORIGIN)
    (tmp_path / SIGNING_KEY_FILE).chmod(mode)
    with pytest.raises(KeyUnusable) as caught:
        open_signer(tmp_path, ORIGIN)
    assert "chmod 600" in caught.value.hint
