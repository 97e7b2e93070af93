"""What a correction strikes and cites is kept; corrections of the first schema are read as they were."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

from models.attendance import Status, Verdict
from models.register import CitedEvidence, Correction
from storage.database import _MIGRATIONS, Database, schema_is_current, sqlite_url, upgrade
from storage.repositories.verdicts import VerdictRepository
from storage.unit_of_work import Ledger


@pytest.fixture
def with_verdict(with_lesson: Ledger, now: datetime) -> Ledger:
    judged = Verdict(
        "L1", "T1", Status.PRESENT, (), None, None, (), (), 40.5, 45.0, 36.0, 0.5, (), (), "default-1"
    )
    with with_lesson.write() as work:
        work.verdicts.save([judged], now)
    return with_lesson


def test_struck_marks_and_cited_evidence_come_back_as_they_went(with_verdict: Ledger, now: datetime) -> None:
    cited = CitedEvidence(now + timedelta(microseconds=5), "cam-1", "签到表\n第 3 页")
    given = Correction("L1", "T1", "other", "看过录像", "li", now, struck=("late",), evidence=cited)
    with with_verdict.write() as work:
        kept = work.verdicts.correct(given)
    with with_verdict.read() as work:
        (found,) = work.verdicts.corrections("L1")
    assert found == kept
    assert (found.struck, found.evidence) == (("late",), cited)


@pytest.mark.parametrize("cited", [None, CitedEvidence(note="签到表"), CitedEvidence()])
def test_what_was_not_given_stays_absent(
    with_verdict: Ledger, now: datetime, cited: CitedEvidence | None
) -> None:
    given = Correction("L1", "T1", "other", "x", "li", now, credited_hours=0.0, evidence=cited)
    with with_verdict.write() as work:
        work.verdicts.correct(given)
    with with_verdict.read() as work:
        (found,) = work.verdicts.corrections("L1")
    assert (found.struck, found.evidence) == ((), cited)


def test_an_approval_keeps_what_was_struck_and_cited(with_verdict: Ledger, now: datetime) -> None:
    cited = CitedEvidence(note="签到表")
    given = Correction(
        "L1", "T1", "other", "x", "li", now, credited_hours=1.0, struck=("late",), evidence=cited
    )
    with with_verdict.write() as work:
        kept = work.verdicts.correct(given)
        approved = work.verdicts.approve(kept.correction_id, "chen")
    assert (approved.struck, approved.evidence, approved.approved_by) == (("late",), cited, "chen")


def test_corrections_of_the_first_schema_are_read_after_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    database = Database(sqlite_url(path))
    with database.transaction(writing=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "v0001")
    assert not schema_is_current(database)
    database.close()
    with sqlite3.connect(path) as plain:
        plain.execute(
            "INSERT INTO corrections (correction_id, lesson_id, trainee, reason_code, reason, actor, at,"
            " status, credited_hours, approved_by) VALUES ('c1', 'L1', 'T1', 'other', 'r', 'li',"
            " '2026-11-23 01:00:00.000000', 'EXCUSED', 0.5, NULL)"
        )
    plain.close()
    upgrade(sqlite_url(path))
    database = Database(sqlite_url(path))
    assert schema_is_current(database)
    with database.transaction(writing=False) as connection, Session(connection) as session:
        (found,) = VerdictRepository(session).corrections("L1")
    database.close()
    assert (found.status, found.credited_hours, found.reason) == ("EXCUSED", 0.5, "r")
    assert (found.struck, found.evidence) == ((), None)
