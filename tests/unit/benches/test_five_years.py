"""The five-year simulation writes an installation that the program itself finds whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.register import UploadState
from models.timetable import LessonState
from storage.evidence_proofs import audit_log
from storage.unit_of_work import Ledger
from storage.vault import open_vault
from tests.benchmarks import five_years_world
from tests.benchmarks.five_years import main, table
from tests.benchmarks.five_years_measures import measure
from tests.benchmarks.five_years_world import ORIGIN, Scale, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(five_years_world, "PLANNED_DAYS", 2)
    data = tmp_path / "data"
    data.mkdir()
    return World(data, Scale(cameras=4, minutes=3, trainees=2, days=6), datetime.now(UTC))


def test_what_it_writes_passes_the_thorough_check(world: World) -> None:
    world.write_days(2)
    world.write_days(6)
    assert world.segments == world.scale.segments == 72
    ledger = Ledger(world.database, open_vault(world.folder / "keys"), world.clock, ORIGIN)
    with ledger.read() as work:
        assert audit_log(work.evidence.store, ORIGIN) == ()
        assert len(work.lessons.in_states((LessonState.SEALED, LessonState.JUDGED))) == 24
        assert len(work.lessons.in_states((LessonState.PLANNED,))) == 8
        assert len(work.uploads.in_state(UploadState.CLEARED)) == 72
        assert work.uploads.backlog().files == 0


def test_it_is_measured_on_a_copy_that_stays_untouched(world: World, tmp_path: Path) -> None:
    world.write_days(6)
    found = measure(world, tmp_path / "copy")
    assert (found.days, found.segments) == (6, 72)
    assert found.bytes_per_segment > 1000
    assert not (tmp_path / "copy").exists()
    with world.database.transaction(writing=False) as connection:
        (leaves,) = connection.exec_driver_sql("SELECT count(*) FROM evidence_leaves").one()
    assert leaves == found.leaves
    lines = table([found, found])
    assert len({line.split("  ")[0] for line in lines}) == len(lines)
    assert all("× 1.00" in line for line in lines if line.startswith("prove"))


def test_the_command_prints_one_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(five_years_world, "PLANNED_DAYS", 1)
    size = ["--segments", "24", "--cameras", "4", "--minutes", "3", "--trainees", "1", "--steps", "2"]
    assert main([*size, "--folder", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["segments"] for one in document] == [12, 24]
    assert list(tmp_path.iterdir()) == [], "nothing is kept"
