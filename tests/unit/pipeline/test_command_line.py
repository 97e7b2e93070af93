"""Commands as scripts see them: exit codes, one JSON document, errors with a next step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from supervision_api.cli.main import application

runner = CliRunner()


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, network_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ROLLCALL_CACHE_DIR", str(network_cache))
    monkeypatch.setenv("ROLLCALL_SPOOL_RESERVE_MB", "16")
    monkeypatch.setenv("ROLLCALL_DETECTOR", "hog")


def test_doctor_finds_a_fresh_installation_sound() -> None:
    done = runner.invoke(application, ["doctor", "--json"])
    document = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert document["sound"] is True
    assert {"networks", "disk", "keys", "database", "evidence log", "object store", "spool"} <= {
        f["name"] for f in document["findings"]
    }


def test_doctor_names_a_lost_key_file(tmp_path: Path) -> None:
    assert runner.invoke(application, ["user", "add", "li", "--json"]).exit_code == 0
    (tmp_path / "data" / "keys" / "vault.json").unlink()
    done = runner.invoke(application, ["doctor", "--json"])
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    wrong = [f for f in document["findings"] if not f["ok"]]
    assert wrong
    assert wrong[0]["hint"]


def test_a_user_gets_a_password_once_and_a_name_only_once() -> None:
    first = json.loads(runner.invoke(application, ["user", "add", "wang", "--json"]).stdout)
    assert len(first["password"]) >= 12
    again = runner.invoke(application, ["user", "add", "wang", "--json"])
    assert again.exit_code == 1
    assert json.loads(again.stdout)["error"]["code"] == "conflict"


def test_an_unknown_role_is_a_usage_error_with_the_choices() -> None:
    done = runner.invoke(application, ["user", "add", "wang", "--role", "king", "--json"])
    assert done.exit_code == 2
    assert "supervisor" in json.loads(done.stdout)["error"]["hint"]


def test_the_password_never_shows_when_it_was_given() -> None:
    done = runner.invoke(
        application, ["user", "add", "wang", "--password-stdin", "--json"], input="correct horse battery\n"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["password"] is None
    assert "horse" not in done.output


def test_db_upgrade_can_be_repeated() -> None:
    for _ in range(2):
        assert runner.invoke(application, ["db", "upgrade", "--json"]).exit_code == 0


def test_models_list_knows_what_is_missing() -> None:
    document = json.loads(runner.invoke(application, ["models", "list", "--json"]).stdout)
    assert {m["name"] for m in document["models"]} >= {"yunet", "face-encoder"}


def test_models_pull_needs_a_place() -> None:
    done = runner.invoke(application, ["models", "pull", "yunet", "--json"])
    assert done.exit_code == 1
    assert "--from" in json.loads(done.stdout)["error"]["hint"]


def test_export_of_an_unknown_lesson_is_not_found() -> None:
    done = runner.invoke(application, ["export", "lesson", "nothing", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "not_found"


def test_an_srt_camera_gets_advice_and_no_secret() -> None:
    done = runner.invoke(application, ["camera", "probe", "srt://user:hunter2@127.0.0.1:9", "--json"])
    assert done.exit_code == 1
    assert "hunter2" not in done.output
    assert json.loads(done.stdout)["error"]["code"] == "stream_unsupported"


def test_probe_tells_codec_and_advice(drawn_lesson: Path) -> None:
    done = runner.invoke(
        application, ["camera", "probe", str(drawn_lesson / "lesson.mp4"), "--seconds", "2", "--json"]
    )
    document = json.loads(done.stdout)
    assert document["codec"] == "h264"
    assert document["advice"]


def test_enrol_checks_without_a_class_and_imports_with_one(drawn_lesson: Path) -> None:
    roster = str(drawn_lesson / "roster")
    check = json.loads(runner.invoke(application, ["enrol", "--roster", roster, "--json"]).stdout)
    assert (check["importable"], check["imported"]) == (True, False)
    call = ["enrol", "--roster", roster, "--class", "C-1", "--consented", "--json"]
    assert json.loads(runner.invoke(application, call).stdout)["imported"] is True
    twice = runner.invoke(application, call)
    assert twice.exit_code == 1
    assert json.loads(twice.stdout)["error"]["code"] == "conflict"


def test_enrol_reports_rows_and_imports_nothing(drawn_lesson: Path, tmp_path: Path) -> None:
    folder = tmp_path / "roster"
    folder.mkdir()
    (folder / "roster.csv").write_text("姓名,身份证号,照片\n王,371702199001011231,none.jpg\n")
    done = runner.invoke(application, ["enrol", "--roster", str(folder), "--class", "C-2", "--json"])
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert document["imported"] is False
    assert {p["field"] for p in document["problems"]} >= {"id_number", "photo"}


def test_verify_of_nothing_is_a_usage_error(tmp_path: Path) -> None:
    assert runner.invoke(application, ["verify", str(tmp_path / "none")]).exit_code == 2


def test_a_wrong_setting_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_PORT", "a lot")
    done = runner.invoke(application, ["doctor", "--json"])
    assert done.exit_code == 1
    assert "port" in json.loads(done.stdout)["error"]["message"]


def test_the_store_of_a_fresh_installation_holds_and_loses_nothing() -> None:
    forecast = runner.invoke(application, ["store", "forecast", "--json"])
    assert forecast.exit_code == 0, forecast.output
    document = json.loads(forecast.stdout)
    assert (document["stored_bytes"], document["cameras"], len(document["months"])) == (0, [], 12)
    assert "no camera" in runner.invoke(application, ["store", "forecast"]).stdout
    expiring = json.loads(runner.invoke(application, ["store", "expiring", "--days", "30", "--json"]).stdout)
    assert (expiring["lessons"], expiring["size_bytes"]) == ([], 0)
    assert "nothing expires" in runner.invoke(application, ["store", "expiring"]).stdout
    assert runner.invoke(application, ["store", "expiring", "--days", "-1"]).exit_code == 2
