"""What an error message repeats of its input; and the error tree itself."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import errors
from models.errors import PhotoRefused, RollcallError
from models.excerpts import LONGEST, excerpt, key_excerpt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        ("soon", "'soon'"),
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        ([1, 2], "[1, 2]"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_small_things_are_shown_as_they_are(value, text):
    assert excerpt(value) == text


def test_long_things_show_both_ends_or_their_first_items():
    assert len(excerpt("x" * 1_000_000)) <= 2 * LONGEST
    assert excerpt(list(range(1000))) == "[0, 1, 2, ...]"
    assert excerpt(dict.fromkeys("abcdef", 1)).endswith("...}")


def test_deep_things_are_cut_at_the_second_level():
    assert excerpt([[[[1]]]]) == "[[[...]]]"


def test_numbers_beyond_printing_say_how_long_they_are():
    assert excerpt(1 << 100_000) == "<a number of 100001 bits>"
    assert excerpt([-(1 << 300)]) == "[<a number of 301 bits>]"
    assert excerpt((1 << 256) - 1).startswith("115792089")
    assert "bits" in excerpt(1 << 256)


values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_an_excerpt_is_short_whatever_it_is_of(value):
    assert 0 < len(excerpt(value)) <= 2 * LONGEST + 1


@given(st.text())
def test_a_key_is_bare_only_while_it_is_plain(key):
    shown = key_excerpt(key)
    assert shown.isprintable()
    assert len(shown) <= 2 * LONGEST + 1
    if key.isprintable() and len(key) <= LONGEST:
        assert shown == key


def kinds(root: type[RollcallError] = RollcallError) -> list[type[RollcallError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


TREE = [kind for kind in kinds() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", TREE)
def test_each_kind_has_a_code_of_its_own_and_a_sentence(kind):
    assert [other for other in TREE if other.code == kind.code] == [kind]
    assert kind.code == kind.code.lower()
    assert (kind.__doc__ or "").strip()


@pytest.mark.parametrize("kind", TREE)
def test_an_error_crosses_a_process_border_whole(kind):
    sent = kind("it broke", hint="mend it", place="line 3")
    got = pickle.loads(pickle.dumps(sent))
    assert type(got) is kind
    assert (got.message, got.hint, got.place, str(got)) == ("it broke", "mend it", "line 3", str(sent))


def test_the_reason_of_a_refused_photo_crosses_too():
    got = pickle.loads(pickle.dumps(PhotoRefused("no", reason="photo_small", hint="h", place="p")))
    assert got.reason == "photo_small"
    assert PhotoRefused("no").reason == ""


def test_an_error_reads_place_message_next_step():
    assert str(RollcallError("broke", hint="mend it", place="here")) == "here: broke (mend it)"
    assert str(RollcallError("broke", place="here")) == "here: broke"
    assert str(RollcallError("broke", hint="mend it")) == "broke (mend it)"
    assert str(RollcallError("broke")) == "broke"


def test_the_tree_says_what_is_a_kind_of_what():
    assert issubclass(errors.LessonInvalid, errors.InvalidInput)
    assert issubclass(errors.RosterInvalid, errors.InvalidInput)
    assert issubclass(errors.StreamStalled, errors.StreamLost)
    for stream in (errors.StreamLost, errors.StreamDenied, errors.StreamUnreachable, errors.VideoInvalid):
        assert issubclass(stream, errors.StreamError)
    for storage in (errors.DiskFull, errors.ObjectLocked, errors.EvidenceBroken, errors.KeyUnusable):
        assert issubclass(storage, errors.StorageError)
