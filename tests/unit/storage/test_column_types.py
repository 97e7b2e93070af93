"""Columns: instants in UTC, enumerations by their values, documents, and the checks behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from models.errors import Conflict, RollcallError
from models.policy import Policy
from models.register import TrainingClass
from models.timetable import LessonState
from storage.database import Database
from storage.tables import Base, ClassRow, CoverageRow, GapRow, InstitutionRow, LeafRow, SegmentRow
from storage.unit_of_work import Ledger

TOKYO = timezone(timedelta(hours=9))
NOW = datetime(2026, 11, 23, 1, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def write(database: Database, table: type[Base], **values: Any) -> None:
    with database.transaction(writing=True) as connection:
        connection.execute(insert(table).values(**values))


def test_an_instant_keeps_its_microseconds_and_loses_its_zone(database: Database) -> None:
    write(database, InstitutionRow, code="A", name="a", created_at=NOW.astimezone(TOKYO))
    with database.transaction(writing=False) as connection:
        found = connection.scalar(select(InstitutionRow.created_at))
    assert found == NOW
    assert found is not None
    assert found.utcoffset() == timedelta()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    at=st.datetimes(
        datetime(1971, 1, 1),
        datetime(2100, 1, 1),
        timezones=st.sampled_from([UTC, TOKYO, timezone(timedelta(hours=-11, minutes=-30))]),
    )
)
def test_every_instant_comes_back_equal_and_sorts_as_time_does(database: Database, at: datetime) -> None:
    with database.transaction(writing=True) as connection:
        connection.execute(text("DELETE FROM institutions"))
        later = at + timedelta(microseconds=1)
        rows = [
            {"code": "b", "name": "later", "created_at": later},
            {"code": "a", "name": "first", "created_at": at},
        ]
        connection.execute(insert(InstitutionRow), rows)
        ordered = select(InstitutionRow.created_at).order_by(InstitutionRow.created_at)
        assert connection.scalars(ordered).all() == [at, later]
        found = connection.scalar(select(InstitutionRow.name).where(InstitutionRow.created_at > at))
        assert found == "later"


def test_a_naive_instant_never_reaches_the_database(database: Database) -> None:
    with pytest.raises((RollcallError, SQLAlchemyError)):
        write(database, InstitutionRow, code="A", name="a", created_at=datetime(2026, 1, 1))
    with database.transaction(writing=False) as connection:
        assert connection.scalar(select(InstitutionRow.code)) is None


def lesson_values(**changes: Any) -> dict[str, Any]:
    values = {
        "lesson_id": "L2",
        "class_code": "C1",
        "title": "t",
        "starts_at": NOW,
        "ends_at": NOW + timedelta(hours=1),
        "breaks": [],
        "room": "",
        "instructor": "",
        "cameras": [],
        "online": False,
        "policy": {},
        "policy_version": "v",
        "state": LessonState.PLANNED,
        "revision": 1,
    }
    return values | changes


@pytest.mark.parametrize(
    ("column", "value"),
    [("state", "dreaming"), ("state", "PLANNED"), ("ends_at", "2020-01-01 00:00:00"), ("class_code", "C9")],
)
def test_the_database_itself_refuses_what_no_value_may_be(
    with_lesson: Ledger, column: str, value: str
) -> None:
    """Also when a program other than ours writes."""
    values = lesson_values() | {
        "state": "planned",
        "starts_at": "2026-11-23 01:00:00",
        "ends_at": "2026-11-23 02:00:00",
    }
    values |= {column: value, "breaks": "[]", "cameras": "[]", "policy": "{}"}
    names = ", ".join(values)
    places = ", ".join(f"CAST(:{name} AS {kind(name)})" for name in values)
    if with_lesson.database.is_sqlite:
        places = ", ".join(f":{name}" for name in values)
    statement = text(f"INSERT INTO lessons ({names}) VALUES ({places})")
    with pytest.raises(Conflict), with_lesson.database.transaction(writing=True) as connection:
        connection.execute(statement, values)


def kind(column: str) -> str:
    kinds = {"starts_at": "timestamptz", "ends_at": "timestamptz", "online": "boolean", "revision": "int"}
    return kinds.get(column, "jsonb" if column in ("breaks", "cameras", "policy") else "text")


@pytest.mark.parametrize("table", [GapRow, CoverageRow])
def test_an_interval_that_ends_before_it_begins_is_refused(with_lesson: Ledger, table: type[Base]) -> None:
    values: dict[str, Any] = {"lesson_id": "L1", "camera_id": "c", "starts_at": NOW, "ends_at": NOW}
    if table is GapRow:
        values |= {"cause": "stream_lost", "detail": ""}
    with pytest.raises(Conflict):
        write(with_lesson.database, table, **values)


@pytest.mark.parametrize("changes", [{"sequence": 0}, {"size_bytes": -1}, {"lesson_id": "L9"}])
def test_a_segment_counts_from_one_and_has_a_size_and_a_lesson(
    with_lesson: Ledger, changes: dict[str, Any]
) -> None:
    values: dict[str, Any] = {
        "segment_id": "s",
        "lesson_id": "L1",
        "camera_id": "c",
        "sequence": 1,
        "starts_at": NOW,
        "ends_at": NOW,
        "first_pts_s": 0.0,
        "duration_s": 0.0,
        "codec": "h264",
        "width": 1,
        "height": 1,
        "size_bytes": 0,
        "sha256": "0" * 64,
        "path": "/p",
        "keyframes": 0,
        "derived": False,
        "repaired": False,
    }
    with pytest.raises(Conflict):
        write(with_lesson.database, SegmentRow, **(values | changes))
    write(with_lesson.database, SegmentRow, **values)


def test_a_leaf_has_one_place(with_lesson: Ledger) -> None:
    values: dict[str, Any] = {
        "sequence": 5,
        "kind": "heartbeat",
        "at": NOW,
        "record": b"{}",
        "leaf_hash": bytes(32),
    }
    write(with_lesson.database, LeafRow, **values)
    with pytest.raises(Conflict):
        write(with_lesson.database, LeafRow, **values)
    with pytest.raises(Conflict):
        write(with_lesson.database, LeafRow, **(values | {"sequence": -1}))


def test_documents_keep_their_structure_and_their_chinese(ledger: Ledger) -> None:
    with ledger.write() as work:
        work.classes.add(TrainingClass("C1", "养老护理员 👵"), NOW)
    with ledger.database.transaction(writing=False) as connection:
        policy, name = connection.execute(select(ClassRow.policy, ClassRow.name)).one()
    assert name == "养老护理员 👵"
    assert policy["attendance"]["late_after"] == Policy().attendance.late_after.total_seconds()


def test_a_lesson_with_footage_cannot_be_deleted(with_lesson: Ledger) -> None:
    write(
        with_lesson.database,
        CoverageRow,
        lesson_id="L1",
        camera_id="c",
        starts_at=NOW,
        ends_at=NOW + timedelta(seconds=1),
    )
    with pytest.raises(Conflict), with_lesson.database.transaction(writing=True) as connection:
        connection.execute(text("DELETE FROM lessons"))
