"""Whom unknown people resemble: the latest word of each, and nothing of a face that was erased."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.frame import FrameJudgement, Resemblance
from models.register import ConsentState, FaceTemplate, LessonRecord
from models.roster import Trainee
from storage.database import Database, schema_is_current, sqlite_url, upgrade
from storage.unit_of_work import Ledger

SECOND = timedelta(seconds=1)
PEOPLE = (Trainee("001", "王安娜", "11010519491231002X"), Trainee("002", "李博", "440524188001010014"))


@pytest.fixture
def enrolled(with_lesson: Ledger, now: datetime) -> Ledger:
    with with_lesson.write() as work:
        work.roster.add("C1", PEOPLE, now, ConsentState.GIVEN)
        for person in PEOPLE:
            template = FaceTemplate(person.code, "net", np.zeros(128, np.float32), 0.9, now)
            work.faces.add_template("C1", template)
    return with_lesson


def judgement(at: datetime, *told: Resemblance, lesson_id: str = "L1") -> FrameJudgement:
    return FrameJudgement(
        "cam1", lesson_id, int(at.timestamp()), at, 0.0, 640, 360, "clear", 0, (), (), "m", told
    )


def alike(
    trainee: str | None = "001", key: str = "unknown-1", evidence: float = 3.25, lead: float = 1.5
) -> Resemblance:
    return Resemblance(key, trainee, evidence, lead)


def take(ledger: Ledger, *judgements: FrameJudgement) -> None:
    with ledger.write() as work:
        work.sightings.add(judgements)


def kept(ledger: Ledger, lesson_id: str = "L1") -> tuple[Resemblance, ...]:
    with ledger.read() as work:
        return work.resemblances.of_lesson(lesson_id)


def test_a_likeness_comes_with_its_frame_and_comes_back_as_it_was(enrolled: Ledger, now: datetime) -> None:
    take(enrolled, judgement(now, alike(), alike("002", "unknown-2")))
    assert kept(enrolled) == (alike(), alike("002", "unknown-2"))
    assert kept(enrolled, "L2") == ()


@pytest.mark.parametrize("batches", [1, 2])
def test_the_last_word_on_a_person_stands_however_frames_are_batched(
    enrolled: Ledger, now: datetime, batches: int
) -> None:
    frames = [
        judgement(now, alike("001")),
        judgement(now + SECOND, alike("002")),
        judgement(now + 2 * SECOND, alike("001", evidence=4.0)),
    ]
    if batches == 1:
        take(enrolled, *reversed(frames))
    else:
        for frame in frames:
            take(enrolled, frame)
    assert kept(enrolled) == (alike("001", evidence=4.0),)


def test_who_resembles_nobody_any_more_has_no_row(enrolled: Ledger, now: datetime) -> None:
    take(enrolled, judgement(now, alike(), alike(key="unknown-2")))
    take(enrolled, judgement(now + SECOND, alike(None)))
    assert kept(enrolled) == (alike(key="unknown-2"),)


def test_a_frame_delivered_twice_says_nothing_new(enrolled: Ledger, now: datetime) -> None:
    first = judgement(now, alike("001"))
    take(enrolled, first)
    take(enrolled, judgement(now + SECOND, alike("002")))
    take(enrolled, first)
    assert kept(enrolled) == (alike("002"),)


def test_each_lesson_keeps_its_own(
    enrolled: Ledger, now: datetime, new_lesson: Callable[..., LessonRecord]
) -> None:
    with enrolled.write() as work:
        work.lessons.add(new_lesson("L2"))
        work.resemblances.add([judgement(now, alike("001")), judgement(now, alike("002"), lesson_id="L2")])
    assert (kept(enrolled), kept(enrolled, "L2")) == ((alike("001"),), (alike("002"),))


def test_an_erased_trainee_is_resembled_by_nobody_in_any_lesson(
    enrolled: Ledger, now: datetime, new_lesson: Callable[..., LessonRecord]
) -> None:
    with enrolled.write() as work:
        work.lessons.add(new_lesson("L2"))
    take(enrolled, judgement(now, alike("001"), alike("002", "unknown-2")))
    take(enrolled, judgement(now, alike("001"), lesson_id="L2"))
    with enrolled.write() as work:
        assert work.resemblances.forget("C1", "001") == 2
        assert work.resemblances.forget("C1", "001") == 0
        assert work.resemblances.forget("C2", "002") == 0, "another class's trainee"
    assert (kept(enrolled), kept(enrolled, "L2")) == ((alike("002", "unknown-2"),), ())


def test_a_recogniser_that_still_holds_an_erased_face_writes_nothing_of_it(
    enrolled: Ledger, now: datetime
) -> None:
    with enrolled.write() as work:
        work.faces.erase("C1", "001")
    take(enrolled, judgement(now, alike("001"), alike("002", "unknown-2")))
    assert kept(enrolled) == (alike("002", "unknown-2"),)


def test_whoever_withdrew_consent_is_resembled_by_nobody(enrolled: Ledger, now: datetime) -> None:
    with enrolled.write() as work:
        work.roster.set_consent("C1", "001", ConsentState.WITHDRAWN, now)
    take(enrolled, judgement(now, alike("001")))
    assert kept(enrolled) == ()


def test_a_word_that_is_no_longer_allowed_takes_the_one_before_with_it(
    enrolled: Ledger, now: datetime
) -> None:
    take(enrolled, judgement(now, alike("002")))
    with enrolled.write() as work:
        work.faces.erase("C1", "001")
    take(enrolled, judgement(now + SECOND, alike("001")))
    assert kept(enrolled) == (), "the person is not like 002 any more"


def test_a_database_of_the_release_before_gets_the_table_and_loses_nothing(
    tmp_path: Path, migrated_file: Path
) -> None:
    path = tmp_path / "rollcall.db"
    shutil.copy(migrated_file, path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE resemblances")
        connection.execute("UPDATE alembic_version SET version_num = 'v0005'")
        connection.execute("INSERT INTO institutions (code, name, created_at) VALUES ('a', 'b', 0)")
    connection.close()
    upgrade(sqlite_url(path))
    database = Database(sqlite_url(path))
    assert schema_is_current(database)
    with database.transaction(writing=False) as found:
        assert found.exec_driver_sql("SELECT count(*) FROM resemblances").scalar() == 0
        assert found.exec_driver_sql("SELECT count(*) FROM institutions").scalar() == 1
    database.close()
