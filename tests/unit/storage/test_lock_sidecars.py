"""The lock's sidecar and the clock's memory: small files that a person can read and a meddler can change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import EvidenceBroken
from storage.objects.lock_rules import LockRecord
from storage.objects.sidecar import dump_record, load_record
from storage.objects.time_guard import HighestTimeFile

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
RECORD = LockRecord("footage/L1/1.mp4", "v1", "0" * 64, 1000, AT + timedelta(days=1826), False, AT)

instants = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(st.integers(0, 1 << 50), instants, instants, st.booleans())
def test_a_record_reads_back_as_it_was_written(
    size_bytes: int, retain_until: datetime, stored_at: datetime, hold: bool
) -> None:
    record = LockRecord("k/养老", "v", "f" * 64, size_bytes, retain_until, hold, stored_at)
    assert load_record(dump_record(record), "k/养老") == record


def test_instants_are_written_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    there = RECORD.retain_until.astimezone(shanghai)
    local = LockRecord("footage/L1/1.mp4", "v1", "0" * 64, 1000, there, False, AT)
    assert dump_record(local) == dump_record(RECORD)
    assert b"+00:00" in dump_record(local)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'"x"', b"[" * 5000, b"7"])
def test_a_damaged_sidecar_is_broken_evidence_and_says_where_to_look(content: bytes) -> None:
    with pytest.raises(EvidenceBroken, match="damaged") as caught:
        load_record(content, RECORD.key)
    assert caught.value.place == RECORD.key
    assert "backup" in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"size_bytes": "many"},
        {"size_bytes": None},
        {"size_bytes": float("inf")},
        {"retain_until": "never"},
        {"retain_until": 5},
        {"retain_until": "9999-12-31T23:59:59-14:00"},
        {"stored_at": None},
    ],
)
def test_a_sidecar_with_an_odd_value_is_damaged(change: dict[str, Any]) -> None:
    document = json.loads(dump_record(RECORD)) | change
    with pytest.raises(EvidenceBroken, match="damaged"):
        load_record(json.dumps(document).encode(), RECORD.key)


@pytest.mark.parametrize("missing", ["key", "version", "sha256", "size_bytes", "retain_until", "legal_hold"])
def test_a_sidecar_that_lacks_a_fact_is_damaged(missing: str) -> None:
    document = json.loads(dump_record(RECORD))
    del document[missing]
    with pytest.raises(EvidenceBroken, match="damaged"):
        load_record(json.dumps(document).encode(), RECORD.key)


@pytest.mark.parametrize("hold", ["yes", 1, None, []])
def test_a_hold_is_yes_or_no(hold: Any) -> None:
    document = json.loads(dump_record(RECORD)) | {"legal_hold": hold}
    with pytest.raises(EvidenceBroken):
        load_record(json.dumps(document).encode(), RECORD.key)


def test_a_sidecar_copied_from_another_object_is_not_believed() -> None:
    with pytest.raises(EvidenceBroken, match="another object"):
        load_record(dump_record(RECORD), "footage/L1/2.mp4")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b'{"highest": 5}',
        b'{"highest": "soon"}',
        b'{"highest": "0001-01-01T00:00:00+14:00"}',
        b"[" * 5000,
        b"\xff",
    ],
)
def test_a_damaged_memory_of_the_clock_counts_as_lost(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "highest.json"
    path.write_bytes(content)
    assert HighestTimeFile(path).read() is None


def test_the_memory_of_the_clock_says_who_confirmed_it(tmp_path: Path) -> None:
    memory = HighestTimeFile(tmp_path / "highest.json")
    assert memory.read() is None
    memory.write(AT, "王工")
    assert memory.read() == AT
    assert json.loads((tmp_path / "highest.json").read_text())["confirmed_by"] == "王工"
    assert [path.name for path in tmp_path.iterdir()] == ["highest.json"], "replaced as a whole"
