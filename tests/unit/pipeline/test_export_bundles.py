"""Exports of lessons: what cannot be taken out, and what a command says of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import Conflict, NotFound
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from storage.bundle_evidence import BundleScope
from storage.leaf_store import LeafQuery
from supervision_api.cli.main import application
from supervision_api.pipeline.bundle_plans import BundleOrder, lesson_documents
from supervision_api.pipeline.bundling import write_archive, write_lesson_bundle
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings


def add_lesson(house: Installation, state: LessonState) -> None:
    now = house.clock.now()
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "n", now)
        work.classes.add(TrainingClass("C1", "n", "local"), now)
        lesson = Lesson("L1", "C1", "第3课", now - timedelta(hours=1), now, cameras=("c1",))
        work.lessons.add(LessonRecord(lesson, Policy(), state))


@pytest.mark.parametrize(
    "state", [LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING]
)
def test_a_lesson_that_is_not_judged_is_not_taken_out(
    settings: Settings, tmp_path: Path, state: LessonState
) -> None:
    with open_installation(settings) as house:
        add_lesson(house, state)
        with pytest.raises(Conflict, match="not judged yet"):
            write_lesson_bundle(house, "L1", "auditor", tmp_path / "b")
        with pytest.raises(Conflict, match="not judged yet"):
            write_archive(house, BundleOrder(BundleScope.LESSON, "L1", "auditor"), tmp_path / "b.zip")
        with house.ledger.read() as work:
            assert list(work.evidence.store.rows(LeafQuery("L1"))) == [], "nothing was taken out"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_lesson_that_nobody_knows_is_not_found(settings: Settings, tmp_path: Path) -> None:
    with open_installation(settings) as house:
        with pytest.raises(NotFound), house.ledger.read() as work:
            lesson_documents(work, "L9")
        with pytest.raises(NotFound):
            write_lesson_bundle(house, "L9", "auditor", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_command_names_the_cause_and_leaves_no_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(settings.data_dir))
    told = CliRunner().invoke(application, ["export", "lesson", "L9", "--out", str(tmp_path / "b")])
    assert told.exit_code == 1
    assert "L9" in told.output
    assert not (tmp_path / "b").exists()


def test_db_upgrade_makes_a_schema_and_may_be_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(settings.data_dir))
    for _ in range(2):
        told = CliRunner().invoke(application, ["db", "upgrade", "--json"])
        assert told.exit_code == 0
        assert '"current": true' in told.stdout
    assert (settings.data_dir / "rollcall.db").stat().st_mode & 0o777 == 0o600
