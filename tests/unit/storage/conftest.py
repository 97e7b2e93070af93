"""A clock that is set by hand, and ledgers over SQLite and, with services, PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from models.footage import Segment
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from storage.database import Database, sqlite_url, upgrade
from storage.unit_of_work import Ledger
from storage.vault import Vault, create_vault

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class HandClock:
    """Shows what it was set to."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    def forward(self, **parts: float) -> None:
        self.at += timedelta(**parts)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema, copied by each test instead of being migrated again."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    upgrade(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> str:
    """A PostgreSQL database with the schema, used as a template by each test."""
    name = f"template_{uuid.uuid4().hex}"
    _execute(postgres_url, f"CREATE DATABASE {name}")
    upgrade(str(_named(postgres_url, name)))
    return name


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database with the schema."""
    if request.param == "sqlite":
        yield sqlite_url(Path(shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "test.db")))
        return
    postgres_url = request.getfixturevalue("postgres_url")
    template = request.getfixturevalue("migrated_postgres")
    name = f"test_{uuid.uuid4().hex}"
    _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _named(postgres_url, name)
    _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
        return
    postgres_url = request.getfixturevalue("postgres_url")
    name = f"empty_{uuid.uuid4().hex}"
    _execute(postgres_url, f"CREATE DATABASE {name}")
    yield _named(postgres_url, name)
    _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return create_vault(tmp_path_factory.mktemp("vault") / "keys")


@pytest.fixture
def ledger(database_url: str, vault: Vault, clock: HandClock) -> Iterator[Ledger]:
    database = Database(database_url, busy_wait_s=2)
    yield Ledger(database, vault, clock, "test.rollcall/log")
    database.close()


@pytest.fixture
def sqlite_ledger(migrated_file: Path, tmp_path: Path, vault: Vault, clock: HandClock) -> Iterator[Ledger]:
    """For tests of files and crashes, which are SQLite's alone."""
    shutil.copy(migrated_file, tmp_path / "test.db")
    database = Database(sqlite_url(tmp_path / "test.db"), busy_wait_s=2)
    yield Ledger(database, vault, clock, "test.rollcall/log")
    database.close()


def lesson_record(lesson_id: str = "L1", starts_at: datetime = NOW, **changes: object) -> LessonRecord:
    values: dict[str, object] = {
        "lesson_id": lesson_id,
        "class_code": "C1",
        "title": "养老护理员 · 第3课",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=45),
        "room": "101",
        "cameras": ("cam1",),
    }
    state = changes.pop("state", LessonState.RUNNING)
    lesson = Lesson(**(values | changes))  # type: ignore[arg-type]
    return LessonRecord(lesson, Policy(), LessonState(str(state)))


@pytest.fixture
def new_lesson() -> Callable[..., LessonRecord]:
    return lesson_record


@pytest.fixture
def with_lesson(ledger: Ledger, now: datetime) -> Ledger:
    """A ledger that knows class C1 and its running lesson L1."""
    return _with_lesson(ledger, now)


@pytest.fixture
def sqlite_with_lesson(sqlite_ledger: Ledger, now: datetime) -> Ledger:
    return _with_lesson(sqlite_ledger, now)


def _with_lesson(ledger: Ledger, now: datetime) -> Ledger:
    with ledger.write() as work:
        work.classes.add(TrainingClass("C1", "养老护理员"), now)
        work.lessons.add(lesson_record())
    return ledger


@pytest.fixture
def new_segment() -> Callable[..., Segment]:
    """A segment of lesson L1, camera cam1; the sequence sets its minute."""

    def build(sequence: int = 1, **changes: object) -> Segment:
        starts_at = NOW + timedelta(minutes=sequence - 1)
        values: dict[str, object] = {
            "segment_id": f"seg-{sequence}",
            "lesson_id": "L1",
            "camera_id": "cam1",
            "sequence": sequence,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(seconds=60),
            "first_pts_s": 60.0 * (sequence - 1),
            "duration_s": 60.0,
            "codec": "h264",
            "width": 1920,
            "height": 1080,
            "size_bytes": 1000,
            "sha256": f"{sequence:064x}",
            "path": f"/spool/L1/cam1/{sequence:06d}.mp4",
            "keyframes": 30,
        }
        return Segment(**(values | changes))  # type: ignore[arg-type]

    return build


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
