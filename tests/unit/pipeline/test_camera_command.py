"""``rollcall camera probe`` as its users meet it: text, JSON, exit codes, the setting it obeys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import SettingInvalid
from supervision_api.cli.main import application
from supervision_api.settings import Settings, load_settings
from tests.formats.clips import write_clip
from tests.rtsp.faulty_server import Fault, FaultyServer

runner = CliRunner()
PASSWORD = "geheim-37"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "lesson.mp4", seconds=2, options={"preset": "ultrafast"})


def test_a_person_reads_facts_and_advice(clip: Path) -> None:
    done = runner.invoke(application, ["camera", "probe", str(clip), "--seconds", "1"])
    assert done.exit_code == 0, done.output
    assert "codec" in done.stdout
    assert "h264" in done.stdout
    assert "keyframe interval s" in done.stdout
    assert "→ 160×120 is too small" in done.stdout


def test_a_program_reads_one_document(clip: Path) -> None:
    done = runner.invoke(application, ["camera", "probe", str(clip), "--seconds", "1", "--json"])
    document = json.loads(done.stdout)
    assert (document["codec"], document["width"], document["height"]) == ("h264", 160, 120)
    assert document["address"] == "lesson.mp4"


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.DENIED, "stream_denied"), (Fault.ABSENT, "stream_unreachable")],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_camera_that_refuses_is_exit_1_with_the_cause_and_no_password(
    fault: Fault, code: str, form: list[str]
) -> None:
    with FaultyServer(fault) as server:
        done = runner.invoke(application, ["camera", "probe", server.url(f"admin:{PASSWORD}@"), *form])
    assert done.exit_code == 1
    assert PASSWORD not in done.output
    if form:
        error = json.loads(done.stdout)["error"]
        assert error["code"] == code
        assert error["hint"]


@pytest.mark.parametrize("seconds", ["0", "121", "long"])
def test_a_time_that_makes_no_sense_is_a_usage_error(clip: Path, seconds: str) -> None:
    done = runner.invoke(application, ["camera", "probe", str(clip), "--seconds", seconds])
    assert done.exit_code == 2


def test_a_ca_file_that_is_not_there_stops_the_start_and_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, clip: Path
) -> None:
    monkeypatch.setenv("ROLLCALL_CAMERA_CA_FILE", "/none/cameras.pem")
    with pytest.raises(SettingInvalid, match="camera_ca_file"):
        load_settings()
    done = runner.invoke(application, ["camera", "probe", str(clip), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "setting_invalid"


def test_a_ca_file_is_an_absolute_path_wherever_the_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cameras.pem").write_text("certificate")
    monkeypatch.chdir(tmp_path)
    assert Settings(camera_ca_file=Path("cameras.pem")).camera_ca_file == tmp_path / "cameras.pem"
    assert Settings().camera_ca_file is None
