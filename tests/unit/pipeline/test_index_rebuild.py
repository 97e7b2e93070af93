"""The database file is gone: index, playback, export and verification come back from the store alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.evidence import LeafKind
from models.timetable import LessonState
from storage.leaf_store import LeafQuery
from storage.verifier.verify import main as verify
from supervision_api.actions.footage import find_segment
from supervision_api.cli.main import application
from supervision_api.pipeline.bundling import write_lesson_bundle
from supervision_api.pipeline.index_rebuild import rebuild_index
from supervision_api.pipeline.installation import open_installation, require_sound_log
from supervision_api.settings import Settings
from tests.unit.pipeline.sealed_lesson import CONTENTS, Before, live_through_a_lesson


def lose_database(settings: Settings) -> None:
    for path in settings.data_dir.glob("rollcall.db*"):
        path.unlink()


@pytest.fixture
def before(settings: Settings) -> Before:
    with open_installation(settings) as house:
        found = live_through_a_lesson(house)
    lose_database(settings)
    return found


def test_everything_that_rests_on_footage_and_log_works_again(
    settings: Settings, before: Before, tmp_path: Path
) -> None:
    told = rebuild_index(settings)
    assert told.rebuilt.rows["segments"] == 3
    assert any("names" in line for line in told.lost)
    assert not any("no leaf" in line or "not in the store" in line for line in told.lost)
    with open_installation(settings) as house:
        state = require_sound_log(house)
        assert state is not None
        with house.ledger.read() as work:
            assert work.footage.segments("L1") == before.segments
            assert [one.status.value for one in work.verdicts.of_lesson("L1")] == before.statuses
            assert work.lessons.get("L1").state is LessonState.SEALED
            played = find_segment(work, "L1", "cam1", 2)
            (noted,) = [
                row
                for row in work.evidence.store.rows(LeafQuery(kinds=(LeafKind.HEARTBEAT,)))
                if b"index_rebuilt" in row.record
            ]
        assert noted.seq == before.leaves
        assert played.key is not None
        assert house.store.read_range(played.key, 0, None) == CONTENTS[1]
        write_lesson_bundle(house, "L1", "auditor", tmp_path / "bundle")
    assert verify([str(tmp_path / "bundle")]) == 0
    names = {path.name for path in (tmp_path / "bundle" / "footage" / "cam1").iterdir()}
    assert len(names) == 3


def test_the_command_says_what_came_back_and_what_did_not(
    settings: Settings, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data_dir", "cache_dir", "spool_reserve_mb", "detector"):
        monkeypatch.setenv(f"ROLLCALL_{name.upper()}", str(getattr(settings, name)))
    done = CliRunner().invoke(application, ["doctor", "--rebuild-index", "--json"])
    document = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert document["sound"] is True
    assert document["rebuilt"]["leaves"] == before.leaves
    assert document["rebuilt"]["rows"]["receipts"] == 3
    assert document["rebuilt"]["not_rebuilt"]
    again = CliRunner().invoke(application, ["doctor", "--rebuild-index"])
    assert again.exit_code == 1
    assert "not empty" in again.output


def test_without_the_keys_the_index_comes_back_and_the_loss_is_told(
    settings: Settings, before: Before
) -> None:
    for path in settings.keys_dir.iterdir():
        path.unlink()
    told = rebuild_index(settings)
    assert told.rebuilt.leaves == before.leaves
    assert any("signing key" in line for line in told.lost)
    assert any("vault" in line for line in told.lost)


def test_footage_that_was_lost_with_the_database_is_named(settings: Settings, before: Before) -> None:
    """Also tampering: an object taken out of the folder by hand."""
    stored = sorted((settings.store_dir / "footage" / "L1" / "cam1").glob("*.mp4"))[0]
    stored.unlink()
    told = rebuild_index(settings)
    assert [key.rsplit("/", 1)[1] for key in told.rebuilt.missing] == [stored.name]
    assert any(stored.name in line for line in told.lost)
