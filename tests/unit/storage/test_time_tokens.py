"""Time-stamp tokens hold only as their authority gave them, over this very note, while its key was good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.errors import EvidenceBroken, SettingInvalid, StorageError
from storage.time_tokens import LARGEST_ANSWER_BYTES, TimeAuthority, check_token, read_roots
from tests.unit.storage.time_authority import Authority, new_authority, party, served

NOTE = b"rollcall.example/heze\n128\nroot\ntime 2026-11-23T09:46:00.000000Z\n\n\xe2\x80\x94 x y\n"


@pytest.fixture
def authority() -> Iterator[Authority]:
    with served(new_authority()) as running:
        yield running


def client(authority: Authority) -> TimeAuthority:
    return TimeAuthority(authority.url, (authority.root.certificate,))


def test_a_good_token_names_time_and_signer_and_holds_offline(authority: Authority) -> None:
    token = client(authority).certify(NOTE)
    assert token.certified_at == authority.at
    assert token.authority == "CN=Test Stamp"
    assert check_token(token.raw, NOTE, (authority.root.certificate,)) == token


def test_a_token_says_nothing_about_another_note(authority: Authority) -> None:
    token = client(authority).certify(NOTE)
    with pytest.raises(EvidenceBroken, match="Mismatch between messages"):
        check_token(token.raw, NOTE.replace(b"128", b"129"), (authority.root.certificate,))


def _break(name: str, value: object) -> Callable[[Authority], None]:
    return lambda authority: setattr(authority, name, value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_break("other_imprint", True), "Mismatch between messages"),
        (_break("other_nonce", True), "Nonce mismatch"),
        (_break("forged", True), "does not hold"),
        (_break("refuse", True), "token"),
        (_break("garbage", b"<html>hello</html>"), "no time-stamp token"),
        (_break("garbage", b""), "no time-stamp token"),
        (_break("garbage", b"x" * (LARGEST_ANSWER_BYTES + 1)), "too long"),
    ],
)
def test_a_wrong_answer_is_refused(
    authority: Authority, spoil: Callable[[Authority], None], message: str
) -> None:
    spoil(authority)
    with pytest.raises(EvidenceBroken, match=message):
        client(authority).certify(NOTE)


@pytest.mark.parametrize("signer", [{"ended": True}, {"stamping": False}])
def test_a_signer_that_ran_out_or_is_meant_for_something_else_is_refused(signer: dict[str, bool]) -> None:
    with served(new_authority(**signer)) as running, pytest.raises(EvidenceBroken):
        client(running).certify(NOTE)


def test_a_signer_under_an_unknown_root_is_refused(authority: Authority) -> None:
    stranger = TimeAuthority(authority.url, (party("Other Root").certificate,))
    with pytest.raises(EvidenceBroken):
        stranger.certify(NOTE)


def test_no_single_flipped_bit_of_a_token_passes_as_another_time(authority: Authority) -> None:
    token = client(authority).certify(NOTE)
    roots = (authority.root.certificate,)
    passed = []
    for place in range(0, len(token.raw), 7):
        raw = token.raw[:place] + bytes([token.raw[place] ^ 1]) + token.raw[place + 1 :]
        try:
            passed.append(check_token(raw, NOTE, roots).certified_at)
        except EvidenceBroken:
            continue
    assert set(passed) <= {token.certified_at}


@pytest.mark.parametrize("status", [500, 404])
def test_an_authority_with_a_fault_of_its_own_is_away(authority: Authority, status: int) -> None:
    authority.status = status
    with pytest.raises(StorageError, match=str(status)):
        client(authority).certify(NOTE)


def test_an_authority_that_is_down_is_away_and_its_address_is_not_told(authority: Authority) -> None:
    gone = TimeAuthority("http://user:secret@127.0.0.1:1/", (authority.root.certificate,))
    with pytest.raises(StorageError) as told:
        gone.certify(NOTE)
    assert "secret" not in str(told.value)
    with pytest.raises(StorageError):
        TimeAuthority("no address", (authority.root.certificate,)).certify(NOTE)


def test_certificates_that_cannot_be_read_are_told_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    for content in (None, b"", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SettingInvalid) as told:
            read_roots(file)
        assert told.value.place == str(file)
    file.write_bytes(party("A").pem + party("B").pem)
    assert len(read_roots(file)) == 2
