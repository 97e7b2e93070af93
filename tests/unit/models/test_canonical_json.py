"""Canonical JSON (RFC 8785): one value, one sequence of bytes; and the strict reader beside it."""

from __future__ import annotations

import json
import math
import struct
from enum import IntEnum, StrEnum
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.canonical_json import SAFE_INTEGER, canonical_json, number, parse_json
from models.errors import InvalidInput


def double(bits: str) -> float:
    """The double of these IEEE 754 bits, in hexadecimal."""
    return struct.unpack(">d", bytes.fromhex(bits))[0]


# RFC 8785, appendix B: bits of a double and how ECMAScript prints it.
RFC_NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), RFC_NUMBERS)
def test_numbers_of_the_rfc(bits, text):
    assert number(double(bits)) == text
    assert canonical_json(double(bits)).decode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-1.5, "-1.5"),
        (100.0, "100"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-7, "1.25e-7"),
        (123456.789, "123456.789"),
        (4.35, "4.35"),
        (2.0**53, "9007199254740992"),
    ],
)
def test_where_the_point_goes(value, text):
    assert number(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_form(value):
    for wrapped in (value, [value], {"a": value}, {"a": [1, {"b": value}]}):
        with pytest.raises(InvalidInput, match="no NaN and no infinity"):
            canonical_json(wrapped)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_reads_back_as_the_same_double(value):
    printed = number(value)
    assert float(printed) == value
    assert "E" not in printed
    assert not printed.startswith("+")
    assert not printed.endswith((".", ".0"))


def test_integers_are_exact_up_to_what_every_reader_keeps():
    assert canonical_json(SAFE_INTEGER) == b"9007199254740991"
    assert canonical_json(-SAFE_INTEGER) == b"-9007199254740991"
    for beyond in (SAFE_INTEGER + 1, -SAFE_INTEGER - 1, 10**400):
        with pytest.raises(InvalidInput, match=r"beyond 2\^53"):
            canonical_json(beyond)


def test_the_example_of_the_rfc():
    # RFC 8785 section 3.2.2 and 3.2.3
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical_json(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_members_are_ordered_by_utf16_units_not_by_code_points():
    # RFC 8785 section 3.2.3: an emoji is a surrogate pair and so comes before U+FB33
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    ordered = ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    text = canonical_json(dict.fromkeys(names, 0)).decode()
    assert list(json.loads(text)) == ordered
    assert sorted(names) != ordered


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ('"', '\\"'),
        ("\\", "\\\\"),
        ("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
        ("\x00\x01\x1f", "\\u0000\\u0001\\u001f"),
        ("/", "/"),
        ("\x7f", "\x7f"),
        ("\u2028\u2029", "\u2028\u2029"),
        ("<>&", "<>&"),
        ("养老护理员", "养老护理员"),
    ],
)
def test_escapes_are_the_shortest(text, escaped):
    assert canonical_json(text).decode() == f'"{escaped}"'
    assert canonical_json({text: 0}).decode() == f'{{"{escaped}":0}}'


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc00\ud800"])
def test_half_a_surrogate_pair_has_no_form(text):
    for value in (text, [text], {text: 1}):
        with pytest.raises(InvalidInput, match="half of a surrogate pair") as caught:
            canonical_json(value)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (object(), "object"),
        (1 + 2j, "complex"),
        (np.float32(1.5), "float32"),
        (np.int64(1), "int64"),
        (range(3), "range"),
    ],
)
def test_what_json_does_not_know_is_named(value, named):
    with pytest.raises(InvalidInput, match=f"JSON has no {named}"):
        canonical_json([value])


@pytest.mark.parametrize("name", [1, None, True, 1.5, ("a",)])
def test_member_names_are_text(name):
    with pytest.raises(InvalidInput, match="must be text, not"):
        canonical_json({name: 1})


def test_subclasses_are_written_as_what_they_hold():
    class Word(StrEnum):
        ONE = "one"

    class Digit(IntEnum):
        TWO = 2

    value = MappingProxyType(
        {"word": Word.ONE, "digit": Digit.TWO, "float": np.float64(0.5), "tuple": (1, ())}
    )
    assert canonical_json(value) == b'{"digit":2,"float":0.5,"tuple":[1,[]],"word":"one"}'


def test_true_is_not_one():
    assert canonical_json([True, 1, False, 0, None]) == b"[true,1,false,0,null]"


def test_empty_things():
    assert [canonical_json(value) for value in ({}, [], "", ())] == [b"{}", b"[]", b'""', b"[]"]


def levels(depth: int):
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


def test_sixty_four_levels_and_not_one_more():
    assert canonical_json(levels(64)).count(b"[") == 64
    for depth in (65, 5000):
        with pytest.raises(InvalidInput, match="deeper than 64"):
            canonical_json(levels(depth))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE_INTEGER, SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values)
def test_what_is_written_is_read_and_written_again_the_same(value):
    once = canonical_json(value)
    assert canonical_json(parse_json(once)) == once
    assert parse_json(once) == value


@settings(deadline=None)
@given(json_values, st.randoms(use_true_random=False))
def test_the_order_in_which_members_were_put_in_does_not_matter(value, shuffler):
    def shuffled(one):
        if isinstance(one, dict):
            names = list(one)
            shuffler.shuffle(names)
            return {name: shuffled(one[name]) for name in names}
        return [shuffled(item) for item in one] if isinstance(one, list) else one

    assert canonical_json(shuffled(value)) == canonical_json(value)


@settings(deadline=None)
@given(json_values)
def test_there_is_no_white_space_between_tokens(value):
    text = canonical_json(value).decode()
    stripped = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    assert text.count("{") == stripped.count("{")
    assert len(canonical_json([value, value])) == 2 * len(text.encode()) + 3


class TestStrictReader:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b" ",
            b"nul",
            b"{",
            b"[1,]",
            b'{"a":1,}',
            b"{'a':1}",
            b"[1] [2]",
            b"01",
            b"+1",
            b".5",
            b"1.",
            b"\xff",
            b'"\xc3"',
            b"\xef\xbb\xbf{}",
            b'"a\nb"',
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b'{"a":[NaN]}',
            b'{"a":1,"a":1}',
            b'{"a":1,"\\u0061":2}',
            b'[{"b":{"x":1,"x":null}}]',
        ],
    )
    def test_what_is_no_strict_document(self, raw):
        with pytest.raises(InvalidInput, match="not a strict JSON document"):
            parse_json(raw)

    @pytest.mark.parametrize("raw", [b"1e400", b"-1e400", b"1" + b"0" * 400, b"[1e999]", b"9" * 5000])
    def test_a_number_beyond_every_double_is_not_read_as_infinity(self, raw):
        with pytest.raises(InvalidInput):
            parse_json(raw)

    @pytest.mark.parametrize(
        "raw", [rb'"\ud800"', rb'"\udc00\ud800"', rb'{"\ud800":1}', rb'[["a\udfffb"]]', rb'"\uD83D"']
    )
    def test_half_a_surrogate_pair_is_not_read(self, raw):
        with pytest.raises(InvalidInput):
            parse_json(raw)

    def test_a_whole_pair_is_one_character(self):
        assert parse_json(rb'"\ud83d\ude00"') == "😀"
        assert parse_json(rb'"\\ud800"') == "\\ud800"

    @pytest.mark.parametrize("depth", [10_000, 1_000_000])
    def test_endless_brackets_are_refused_not_fatal(self, depth):
        for raw in (b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth):
            with pytest.raises(InvalidInput):
                parse_json(raw)

    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            (b"9007199254740991", SAFE_INTEGER),
            (b"-9007199254740991", -SAFE_INTEGER),
            (b"9007199254740992", float(2**53)),
            (b"100000000000000000000", 1e20),
            (b"-0", 0),
            (b"1.0", 1.0),
            (b"-0.0", 0.0),
            (b" [ 1 , 2 ] ", [1, 2]),
        ],
    )
    def test_numbers_as_every_reader_sees_them(self, raw, value):
        read = parse_json(raw)
        assert read == value
        assert type(read) is type(value)

    @given(st.binary(max_size=40))
    def test_any_bytes_are_a_value_or_a_refusal(self, raw):
        try:
            value = parse_json(raw)
        except InvalidInput:
            return
        assert parse_json(canonical_json(value)) == value


def test_one_flipped_bit_of_a_record_is_another_record_or_none():
    record = canonical_json(
        {"at": "2026-11-23T01:00:00.000000Z", "kind": "gap", "n": 12, "x": [1.5, None, "课"]}
    )
    for position in range(len(record) * 8):
        bent = bytearray(record)
        bent[position // 8] ^= 1 << (position % 8)
        try:
            value = parse_json(bytes(bent))
        except InvalidInput:
            continue
        # what still reads is either another value, or not the canonical spelling of it
        assert canonical_json(value) != record
