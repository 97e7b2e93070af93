"""``rollcall store forecast`` and ``expiring`` over an installation that has footage."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from supervision_api.cli.main import application
from supervision_api.pipeline.installation import open_installation
from supervision_api.settings import Settings
from tests.unit.pipeline.sealed_lesson import CONTENTS, live_through_a_lesson

SIZE = sum(map(len, CONTENTS))


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Runs a command over an installation with one sealed lesson."""
    with open_installation(settings) as house:
        live_through_a_lesson(house)
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ROLLCALL_SPOOL_RESERVE_MB", "16")

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(application, ["store", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    return invoke


def test_the_forecast_names_each_camera_and_the_sum(run) -> None:
    document = json.loads(run("forecast", "--json"))
    (camera,) = document["cameras"]
    assert (camera["camera"], camera["stored_bytes"], document["stored_bytes"]) == ("cam1", SIZE, SIZE)
    assert camera["bytes_per_hour"] == SIZE * 20, "three minutes were recorded"
    assert len(camera["kept_bytes"]) == len(document["months"]) == 12
    assert camera["kept_bytes"] == sorted(camera["kept_bytes"]), "nothing ends in the first year"
    lines = run("forecast").splitlines()
    assert lines[0].split()[0] == "camera"
    assert lines[1].split()[0] == "cam1"
    assert lines[-1].split()[0] == "all"


def test_what_expires_is_listed_by_its_last_day(run) -> None:
    assert json.loads(run("expiring", "--json"))["lessons"] == []
    document = json.loads(run("expiring", "--days", "1900", "--json"))
    (lesson,) = document["lessons"]
    assert (lesson["lesson_id"], lesson["objects"], document["size_bytes"]) == ("L1", 3, SIZE)
    assert lesson["kept_until"].endswith("T16:00:00.000Z"), "midnight in China"
    assert "第3课" in run("expiring", "--days", "1900")


def test_looking_removes_nothing(run, settings: Settings) -> None:
    before = sorted(path.name for path in settings.store_dir.rglob("*.mp4"))
    run("expiring", "--days", "3660")
    run("forecast")
    assert sorted(path.name for path in settings.store_dir.rglob("*.mp4")) == before
