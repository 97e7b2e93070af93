"""What is sent as it is read: the same bytes in pieces, and never the last of them when one has changed."""

from __future__ import annotations

import errno
import hashlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import EvidenceBroken, StorageError
from storage.objects.s3_stream import StreamedBody


def body_of(content: bytes, claimed: bytes | None = None) -> StreamedBody:
    """A body of ``content`` that was ``claimed`` when it was hashed."""
    right = content if claimed is None else claimed
    return StreamedBody(io.BytesIO(content), len(right), hashlib.sha256(right).hexdigest(), "a.mp4")


def read_all(body: StreamedBody, size: int, sent: bytearray | None = None) -> bytes:
    """What went out; in ``sent`` also what went before an error."""
    out = bytearray() if sent is None else sent
    while piece := body.read(size):
        out += piece
    return bytes(out)


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_all_bytes_go_in_pieces_of_any_size(content: bytes, size: int) -> None:
    assert read_all(body_of(content), size) == content


def test_it_is_read_whole_when_nobody_names_a_size() -> None:
    content = os.urandom(3000)
    body = body_of(content)
    assert body.read() == content
    assert body.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 500), st.data())
def test_one_changed_bit_stops_the_last_piece(content: bytes, size: int, data: st.DataObject) -> None:
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    sent = bytearray()
    with pytest.raises(EvidenceBroken, match="not those hashed"):
        read_all(body_of(bytes(changed), content), size, sent)
    assert len(sent) < len(content), "the server must not get a whole body"


@given(st.binary(min_size=2, max_size=3000), st.integers(1, 500))
def test_a_file_that_became_shorter_stops_too(content: bytes, size: int) -> None:
    with pytest.raises(EvidenceBroken):
        read_all(body_of(content[:-1], content), size)


def test_what_was_added_behind_is_not_sent() -> None:
    content = os.urandom(1000)
    assert read_all(body_of(content + b"more", content), 300) == content


def test_a_file_that_cannot_be_read_is_not_a_line_that_fails() -> None:
    class Failing(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(StorageError, match=r"cannot be read \(Input/output error\)"):
        StreamedBody(Failing(), 10, "0" * 64, "a.mp4").read(4)
