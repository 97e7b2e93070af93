"""Notes with co-signatures (c2sp.org/tlog-cosignature): what is written is read back, and nothing else is."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint import (
    COSIGNATURE_TYPE,
    ED25519_TYPE,
    NoteSignature,
    SignedNote,
    cosigned_message,
    key_id,
    parse_note,
)
from models.errors import EvidenceBroken

TEXT = "rollcall.example/heze\n128\nroot\n"
LINES = st.builds(
    NoteSignature,
    name=st.sampled_from(["rollcall.example/heze", "hrss.heze/witness", "见证人"]),
    key_id=st.binary(min_size=4, max_size=4),
    signature=st.binary(min_size=64, max_size=64),
    unix_s=st.none() | st.integers(0, 2**64 - 1),
)


@given(st.lists(LINES, min_size=1, max_size=16))
def test_what_is_written_is_read_back(lines: list[NoteSignature]) -> None:
    note = SignedNote(TEXT, tuple(lines))
    assert parse_note(note.encode()) == note


@given(LINES)
def test_a_line_has_an_id_a_time_where_it_is_a_cosignature_and_a_signature(line: NoteSignature) -> None:
    assert len(line.blob) == (68 if line.unix_s is None else 76)
    assert line.blob[:4] == line.key_id
    assert line.blob[-64:] == line.signature


@pytest.mark.parametrize("length", [0, 4, 67, 69, 75, 77, 140])
def test_a_line_of_another_length_is_no_signature(length: int) -> None:
    encoded = base64.b64encode(bytes(length)).decode()
    with pytest.raises(EvidenceBroken):
        parse_note(f"{TEXT}\n— witness {encoded}\n".encode())


def test_the_two_kinds_of_key_have_two_ids() -> None:
    raw = bytes(range(32))
    assert key_id("a", raw) == key_id("a", raw, ED25519_TYPE)
    assert key_id("a", raw) != key_id("a", raw, COSIGNATURE_TYPE)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_two_times_are_two_messages(one: int, other: int) -> None:
    assert (cosigned_message(TEXT, one) == cosigned_message(TEXT, other)) == (one == other)


def test_a_cosigned_message_is_never_a_notes_own_text() -> None:
    """Else a signature of one kind could pass for one of the other."""
    message = cosigned_message(TEXT, 1)
    assert message != TEXT.encode()
    assert message.startswith(b"cosignature/v1\ntime 1\n")
    assert message.endswith(TEXT.encode())
