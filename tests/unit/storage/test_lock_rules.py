"""Keys, retentions and sidecars: the pure rules that every store keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from models.errors import EvidenceBroken, InvalidInput, ObjectLocked
from storage.objects.lock_rules import (
    LONGEST_KEY,
    LockRecord,
    checked_key,
    checked_range,
    checked_retention,
    is_expired,
    refuse_locked,
    refuse_shorter,
)
from storage.objects.sidecar import dump_record, load_record

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(days=1826)
RECORD = LockRecord("footage/L1/1.mp4", "v1", "ab" * 32, 123, UNTIL, False, NOW)

instants = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
records = st.builds(
    LockRecord,
    key=st.just(RECORD.key),
    version=st.text(min_size=1, max_size=20),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    size_bytes=st.integers(0, 2**40),
    retain_until=instants,
    legal_hold=st.booleans(),
    stored_at=instants,
)


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # most texts are no keys
@given(st.text(max_size=60))
def test_whatever_is_accepted_stays_below_its_folder(text: str) -> None:
    try:
        key = checked_key(text)
    except InvalidInput as error:
        assume(False)
        raise AssertionError from error
    path = PurePosixPath("/store") / key
    assert str(path) == f"/store/{key}"
    assert ".." not in path.parts
    assert not any(part.startswith(".") for part in path.parts[1:])
    assert path.is_relative_to("/store")


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.=@+-]{0,20}", fullmatch=True)


@given(st.lists(names, min_size=1, max_size=6))
def test_ordinary_names_are_accepted(parts: list[str]) -> None:
    key = "/".join(parts)
    assume(not key.endswith(".lock.json"))
    assert checked_key(key) == key


@pytest.mark.parametrize(
    "key", ["a" * 200, "/".join(["a" * 99] * 7), "班级/课次/000001.mp4", "a=b/c@d+e-f_g.h"]
)
def test_the_longest_and_the_oddest_allowed_keys(key: str) -> None:
    assert len(key) <= LONGEST_KEY
    assert checked_key(key) == key


def test_a_name_of_many_chinese_characters_is_measured_in_bytes() -> None:
    assert checked_key("课" * 66)
    with pytest.raises(InvalidInput):
        checked_key("课" * 67)


def test_a_refused_key_is_shown_shortened() -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_key("../" + "x" * 5000)
    assert len(str(caught.value)) < 300


def test_a_retention_is_kept_in_utc() -> None:
    china = timezone(timedelta(hours=8))
    until = datetime(2031, 11, 24, tzinfo=china)
    assert checked_retention(until, NOW).tzinfo is UTC
    assert checked_retention(until, NOW) == until


@given(instants)
def test_a_retention_that_is_over_is_refused_and_one_to_come_is_not(until: datetime) -> None:
    if until <= NOW:
        with pytest.raises(InvalidInput, match="not in the future"):
            checked_retention(until, NOW)
    else:
        assert checked_retention(until, NOW) == until


@given(records, instants)
def test_a_lock_only_grows(record: LockRecord, until: datetime) -> None:
    if until < record.retain_until:
        with pytest.raises(ObjectLocked, match="shortened"):
            refuse_shorter(record, until)
    else:
        refuse_shorter(record, until)


@given(records, instants)
def test_what_may_be_deleted_is_what_a_purge_takes(record: LockRecord, now: datetime) -> None:
    if is_expired(record, now):
        refuse_locked(record, now)
        assert not record.legal_hold
    else:
        with pytest.raises(ObjectLocked):
            refuse_locked(record, now)


def test_a_hold_is_named_before_the_date() -> None:
    with pytest.raises(ObjectLocked, match="hold"):
        refuse_locked(replace(RECORD, legal_hold=True), NOW)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 4), (-2, -1)])
def test_ranges_that_do_not_exist(start: int, end: int | None) -> None:
    with pytest.raises(InvalidInput):
        checked_range(start, end)


@given(records)
def test_a_sidecar_comes_back(record: LockRecord) -> None:
    assert load_record(dump_record(record), record.key) == record


def test_a_sidecar_is_readable_by_people() -> None:
    document = json.loads(dump_record(RECORD))
    assert document["retain_until"] == "2031-11-23T01:00:00+00:00"
    assert (document["lock_mode"], document["legal_hold"]) == ("COMPLIANCE", False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "footage/other.mp4"),
        ("retain_until", "later"),
        ("retain_until", None),
        ("stored_at", 7),
        ("size_bytes", "many"),
        ("legal_hold", "no"),
        ("legal_hold", None),
    ],
)
def test_a_sidecar_with_a_wrong_value_is_broken(field: str, value: object) -> None:
    document = json.loads(dump_record(RECORD)) | {field: value}
    with pytest.raises(EvidenceBroken) as caught:
        load_record(json.dumps(document).encode(), RECORD.key)
    assert caught.value.place == RECORD.key


@pytest.mark.parametrize(
    "field", ["key", "version", "sha256", "size_bytes", "retain_until", "legal_hold", "stored_at"]
)
def test_a_sidecar_without_a_field_is_broken(field: str) -> None:
    document = json.loads(dump_record(RECORD))
    del document[field]
    with pytest.raises(EvidenceBroken):
        load_record(json.dumps(document).encode(), RECORD.key)


def test_a_record_is_reported_as_compliance_locked() -> None:
    stored = RECORD.as_stored()
    assert (stored.lock_mode, stored.etag, stored.retain_until) == ("COMPLIANCE", RECORD.sha256, UNTIL)
