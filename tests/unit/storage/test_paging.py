"""Cursors are ours or refused."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.plain_text import unfit_character
from storage.paging import checked_limit, decode_cursor, encode_cursor, instant, page


@given(st.text().filter(lambda text: not unfit_character(text)), st.datetimes(timezones=st.just(UTC)))
def test_a_cursor_comes_back(text: str, at: datetime) -> None:
    first, second = decode_cursor(encode_cursor(text, at), 2)
    assert (first, instant(second)) == (text, at)


@given(st.text(max_size=30))
def test_a_foreign_cursor_is_refused_or_harmless(text: str) -> None:
    with suppress(InvalidInput):
        assert len(decode_cursor(text, 2)) == 2


@pytest.mark.parametrize("cursor", ["!", "bm8", encode_cursor("one"), "e30"])
def test_a_damaged_cursor_names_the_way_out(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="first page"):
        decode_cursor(cursor, 2)


@pytest.mark.parametrize("part", ["\x00", "a\x1f", "\ud800", None, True, 1.5, [], {}])
def test_a_cursor_with_a_part_that_no_row_can_hold_is_refused(part: object) -> None:
    foreign = base64.urlsafe_b64encode(json.dumps(["a", part]).encode()).decode()
    with pytest.raises(InvalidInput, match="first page"):
        decode_cursor(foreign, 2)


def test_a_cursor_nested_too_deep_is_refused() -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(base64.urlsafe_b64encode(b"[" * 5000).decode(), 1)


@pytest.mark.parametrize("text", ["yesterday", "2026-11-23T01:00:00"])
def test_a_cursor_without_a_zoned_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        instant(text)


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_is_neither_empty_nor_endless(limit: int) -> None:
    with pytest.raises(InvalidInput):
        checked_limit(limit)


@given(st.integers(0, 40), st.integers(1, 10))
def test_pages_join_to_the_whole_list(length: int, limit: int) -> None:
    rows = [(number, str(number)) for number in range(length)]
    seen: list[int] = []
    start = 0
    while True:
        got = page(rows[start : start + limit + 1], limit)
        seen += got.items
        if got.next_cursor is None:
            break
        start = int(got.next_cursor) + 1
    assert seen == list(range(length))
