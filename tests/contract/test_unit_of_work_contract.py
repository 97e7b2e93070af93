"""The contract of the unit of work over SQLite and PostgreSQL: all or nothing, rows with their evidence."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from models.attendance import Status, Verdict
from models.errors import Conflict, NotFound, RollcallError, StorageError
from models.evidence import Leaf, LeafKind
from models.evidence_leaves import verdict as verdict_leaf
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from storage.database import Database, sqlite_url, upgrade
from storage.leaf_store import LeafQuery
from storage.unit_of_work import Ledger, UnitOfWork
from storage.vault import create_vault

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    url = sqlite_url(tmp_path / "test.db")
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url")
        name = f"uow_{uuid.uuid4().hex}"
        _administer(server, f"CREATE DATABASE {name}")
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    database = Database(url, busy_wait_s=5)
    opened = Ledger(database, create_vault(tmp_path / "keys"), FixedClock(), "test.rollcall/log")
    with opened.write() as work:
        work.classes.add(TrainingClass("C1", "养老护理员"), NOW)
        work.lessons.add(_lesson())
    yield opened
    database.close()
    if request.param == "postgresql":
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _lesson() -> LessonRecord:
    lesson = Lesson("L1", "C1", "第3课", NOW, NOW + timedelta(minutes=45), cameras=("cam1",))
    return LessonRecord(lesson, Policy(), LessonState.CLOSING)


def _verdict(trainee: str = "T1", status: Status = Status.PRESENT) -> Verdict:
    return Verdict("L1", trainee, status, (), None, None, (), (), 0.0, 0.0, 36.0, 0.0, (), (), "default-1")


def _leaves(ledger: Ledger) -> int:
    with ledger.read() as work:
        return len(tuple(work.evidence.store.rows(LeafQuery())))


def _class_codes(ledger: Ledger) -> list[str]:
    with ledger.read() as work:
        return [training_class.code for training_class in work.classes.page().items]


class Mishap(Exception):
    pass


def _save_and_fail(work: UnitOfWork, error: BaseException) -> None:
    work.verdicts.save([_verdict()], NOW)
    work.evidence.append(verdict_leaf(_verdict(), NOW))
    raise error


def _add_class_and_catch(work: UnitOfWork) -> None:
    work.classes.add(TrainingClass("C2", "n"), NOW)
    long_name = "x" * 70000
    with suppress(RollcallError):
        work.lessons.change(replace(work.lessons.get("L1"), policy=replace(Policy(), version=long_name)))
        work.verdicts.save([replace(_verdict(), lesson_id="L1", status="odd")], NOW)  # type: ignore[arg-type]


def _add_class_and_save(work: UnitOfWork, verdict: Verdict) -> None:
    work.classes.add(TrainingClass("C2", "n"), NOW)
    work.verdicts.save([verdict], NOW)


def test_rows_and_their_evidence_commit_together(ledger: Ledger) -> None:
    with ledger.write() as work:
        work.verdicts.save([_verdict()], NOW)
        work.evidence.append(verdict_leaf(_verdict(), NOW))
    with ledger.read() as work:
        assert work.verdicts.find("L1", "T1") == _verdict()
        assert [leaf.kind for leaf in work.evidence.store.rows(LeafQuery("L1"))] == [LeafKind.VERDICT]


@pytest.mark.parametrize("error", [Mishap(), NotFound("gone"), KeyboardInterrupt()])
def test_any_error_takes_back_rows_and_evidence_alike(ledger: Ledger, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, ledger.write() as work:
        _save_and_fail(work, error)
    assert caught.value is error
    with ledger.read() as work:
        assert work.verdicts.find("L1", "T1") is None
    assert _leaves(ledger) == 0


def test_after_a_rollback_the_next_leaf_takes_the_place_that_stayed_free(ledger: Ledger) -> None:
    with pytest.raises(Mishap), ledger.write() as work:
        _save_and_fail(work, Mishap())
    with ledger.write() as work:
        assert work.evidence.append(Leaf(LeafKind.HEARTBEAT, NOW, None, {})).seq == 0


def test_a_value_that_only_the_database_refuses_rolls_back_too(ledger: Ledger) -> None:
    stray = Verdict("L9", "T1", Status.ABSENT, (), None, None, (), (), 0, 0, 0, 0, (), (), "v")
    with pytest.raises(RollcallError), ledger.write() as work:
        _add_class_and_save(work, stray)
    assert _class_codes(ledger) == ["C1"]


def test_a_conflict_that_is_caught_takes_back_only_its_own_rows(ledger: Ledger) -> None:
    with ledger.write() as work:
        work.classes.add(TrainingClass("C2", "n"), NOW)
        with pytest.raises(Conflict):
            work.lessons.add(_lesson())
        work.classes.add(TrainingClass("C3", "n"), NOW)
    assert _class_codes(ledger) == ["C1", "C2", "C3"]


def test_a_unit_that_was_undone_inside_does_not_pretend_to_have_committed(ledger: Ledger) -> None:
    with pytest.raises(StorageError, match="undid"), ledger.write() as work:
        _add_class_and_catch(work)
    assert _class_codes(ledger) == ["C1"]


def test_a_reading_unit_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(StorageError), ledger.read() as work:
        work.classes.add(TrainingClass("C2", "n"), NOW)
    assert _class_codes(ledger) == ["C1"]


def test_a_reading_unit_sees_one_state_throughout(ledger: Ledger) -> None:
    with ledger.read() as reading:
        before = reading.classes.page()
        with ledger.write() as work:
            work.classes.add(TrainingClass("C2", "n"), NOW)
        assert reading.classes.page() == before
    assert _class_codes(ledger) == ["C1", "C2"]


def test_two_changes_from_one_reading_do_not_both_win(ledger: Ledger) -> None:
    with ledger.read() as work:
        seen = work.classes.get("C1")
    with ledger.write() as work:
        work.classes.change(replace(seen, name="first"))
    with pytest.raises(Conflict, match="meanwhile"), ledger.write() as work:
        work.classes.change(replace(seen, name="second"))
    with ledger.read() as work:
        assert work.classes.get("C1").name == "first"


def test_writers_in_many_threads_append_one_unbroken_log(ledger: Ledger) -> None:
    failures: list[RollcallError] = []
    with ledger.write() as work:  # as every start does, before threads begin
        work.evidence.append(Leaf(LeafKind.HEARTBEAT, NOW, None, {}))

    def write(number: int) -> None:
        try:
            for _ in range(3):
                with ledger.write() as work:
                    work.evidence.append(Leaf(LeafKind.HEARTBEAT, NOW, None, {"writer": number}))
        except RollcallError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with ledger.read() as work:
        assert [leaf.seq for leaf in work.evidence.store.rows(LeafQuery())] == list(range(13))


def test_a_state_moves_once(ledger: Ledger) -> None:
    with ledger.write() as work:
        work.lessons.move("L1", LessonState.CLOSING, LessonState.JUDGED)
    with pytest.raises(Conflict, match="judged"), ledger.write() as work:
        work.lessons.move("L1", LessonState.CLOSING, LessonState.JUDGED)


def test_an_error_carries_no_driver_error_with_it(ledger: Ledger) -> None:
    with pytest.raises(Conflict) as caught, ledger.write() as work:
        work.cameras._session.execute(
            text(
                "INSERT INTO classes (code, name, policy, policy_version, created_at, revision, programme)"
                " VALUES ('C1', 'secret-name', '{}', 'v', '2026-01-01', 1, '')"
            )
        )
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "secret-name" not in str(caught.value)
