"""The documents that scripts read, command by command: their members, and what stands on the way to them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from recognition import weights
from recognition.weights import KnownModel
from storage.vault import Vault
from supervision_api.pipeline.installation import open_installation
from supervision_api.settings import load_settings
from tests.cli.conftest import Rollcall

TINY = b"weights of a network that nobody trained"
MODEL_FIELDS = {"name", "state", "path", "sha256", "size_bytes", "use", "licence", "homepage"}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A known network of a few bytes, as a file somebody carried here."""
    model = KnownModel(
        "tiny",
        "tiny.onnx",
        hashlib.sha256(TINY).hexdigest(),
        len(TINY),
        "nothing",
        "MIT",
        "http://127.0.0.1",
    )
    monkeypatch.setattr(weights, "KNOWN_MODELS", (*weights.KNOWN_MODELS, model))
    path = tmp_path / "carried" / "tiny.onnx"
    path.parent.mkdir()
    path.write_bytes(TINY)
    return path


def test_networks_are_listed_with_state_place_and_licence(rollcall: Rollcall) -> None:
    models = {one["name"]: one for one in rollcall.document("models", "list")["models"]}
    assert set(models) == {"yunet", "face-encoder", "five-points"}
    assert all(set(one) == MODEL_FIELDS for one in models.values())
    assert models["yunet"]["state"] == "missing"
    assert models["yunet"]["path"] == str(rollcall.data_dir / "models" / "yunet_n_dynamic.onnx")
    assert models["face-encoder"]["state"] == "ready"
    assert len(models["face-encoder"]["sha256"]) == 64


def test_listing_networks_makes_no_folder(rollcall: Rollcall) -> None:
    rollcall.document("models", "list")
    assert not rollcall.data_dir.exists()


def test_people_read_a_line_per_network(rollcall: Rollcall) -> None:
    lines = rollcall("models", "list").stdout.splitlines()
    assert sum("missing" in line for line in lines) == 1
    assert sum("ready" in line for line in lines) == 2


def test_a_known_network_is_added_by_its_content_whatever_its_name(rollcall: Rollcall, tiny: Path) -> None:
    carried = tiny.rename(tiny.parent / "download(1).bin")
    told = rollcall.document("models", "add", carried)
    assert (told["name"], told["state"]) == ("tiny", "ready")
    assert Path(told["path"]).read_bytes() == TINY
    assert Path(told["path"]).parent == rollcall.data_dir / "models"


def test_one_flipped_bit_makes_another_network_of_it(rollcall: Rollcall, tiny: Path) -> None:
    tiny.write_bytes(bytes([TINY[0] ^ 1]) + TINY[1:])
    error = rollcall.error("models", "add", tiny)
    assert error["code"] == "weights_unusable"
    assert str(tiny) in error["place"]
    assert "--name" in error["hint"]
    assert not (rollcall.data_dir / "models" / "tiny.onnx").exists()


@pytest.mark.parametrize("name", ["yunet", "Über", "../x", "", "a" * 41])
def test_a_network_of_one_s_own_needs_a_name_of_its_own(rollcall: Rollcall, tiny: Path, name: str) -> None:
    tiny.write_bytes(b"other")
    assert rollcall.error("models", "add", tiny, "--name", name)["code"] == "invalid_input"
    assert not list(rollcall.data_dir.rglob("*.onnx"))


def test_what_is_no_network_is_not_added_under_a_name(rollcall: Rollcall, tiny: Path) -> None:
    tiny.write_bytes(b"other")
    assert rollcall.error("models", "add", tiny, "--name", "mine")["hint"]
    assert not list(rollcall.data_dir.rglob("*.onnx"))


def test_what_a_package_brings_along_is_not_added_and_not_pulled(rollcall: Rollcall) -> None:
    path = {one["name"]: one["path"] for one in rollcall.document("models", "list")["models"]}["five-points"]
    for arguments in (("add", path), ("pull", "five-points", "--from", path)):
        error = rollcall.error("models", *arguments)
        assert error["code"] == "invalid_input"
        assert "package" in error["message"]


@pytest.mark.parametrize("ending", ["", "tiny.onnx"])
def test_a_network_is_pulled_from_a_folder_or_a_file(rollcall: Rollcall, tiny: Path, ending: str) -> None:
    told = rollcall.document("models", "pull", "tiny", "--from", tiny.parent / ending)
    assert Path(told["path"]).read_bytes() == TINY


def test_the_mirror_of_the_settings_is_asked_where_no_place_is_named(
    rollcall: Rollcall, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_WEIGHTS_MIRROR", str(tiny.parent))
    assert rollcall.document("models", "pull", "tiny")["state"] == "ready"


def test_a_network_that_is_there_is_not_pulled_again(rollcall: Rollcall, tiny: Path) -> None:
    rollcall.document("models", "pull", "tiny", "--from", tiny)
    tiny.unlink()
    assert rollcall.document("models", "pull", "tiny", "--from", tiny)["state"] == "ready"


@pytest.mark.parametrize("source", ["ftp://127.0.0.1/x", "s3://bucket/x", "file:///tmp/x"])
def test_a_place_of_another_kind_is_refused(rollcall: Rollcall, tiny: Path, source: str) -> None:
    error = rollcall.error("models", "pull", "tiny", "--from", source)
    assert error["code"] == "invalid_input"
    assert "http://" in error["hint"]


def test_a_mirror_s_password_is_not_told(rollcall: Rollcall, tiny: Path) -> None:
    done = rollcall("models", "pull", "tiny", "--from", "http://user:hunter2@127.0.0.1:1/tiny.onnx")
    assert done.exit_code == 1
    assert "hunter2" not in done.output
    assert "127.0.0.1" in done.output


def test_an_unknown_network_is_not_found_and_the_known_are_named(rollcall: Rollcall) -> None:
    error = rollcall.error("models", "pull", "resnet")
    assert error["code"] == "not_found"
    assert "yunet" in error["hint"]


def test_a_user_s_document_has_the_password_only_when_it_was_made_here(rollcall: Rollcall) -> None:
    told = rollcall.document("user", "add", "wang", "--role", "supervisor")
    assert set(told) == {"name", "role", "password"}
    assert (told["name"], told["role"]) == ("wang", "supervisor")
    assert len(told["password"]) >= 12
    given = rollcall.document("user", "add", "li", "--password-stdin", stdin="correct horse battery\n")
    assert given["password"] is None


def test_a_made_password_is_shown_once_and_kept_nowhere(rollcall: Rollcall) -> None:
    password = rollcall.document("user", "add", "wang")["password"]
    for path in rollcall.data_dir.rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path


def test_a_password_keeps_its_blanks_and_loses_only_its_line_end(rollcall: Rollcall) -> None:
    rollcall.document("user", "add", "wang", "--password-stdin", stdin=" ten blanks \r\nsecond line\n")
    with open_installation(load_settings()) as house, house.ledger.read() as work:
        user = work.users.by_name("wang")
    from supervision_api.auth_passwords import Passwords

    assert user is not None
    assert Passwords().matches(user.password_hash, " ten blanks ")


@pytest.mark.parametrize("password", ["", "short\n", "x" * 257 + "\n"])
def test_a_password_that_will_not_do_adds_nobody(rollcall: Rollcall, password: str) -> None:
    done = rollcall("user", "add", "wang", "--password-stdin", "--json", stdin=password)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "invalid_input"
    assert rollcall.document("user", "add", "wang")["name"] == "wang"


@pytest.mark.parametrize("role", ["operator", "instructor", "supervisor", "chief", "inspector", "auditor"])
def test_every_person_s_role_can_be_given(rollcall: Rollcall, role: str) -> None:
    assert rollcall.document("user", "add", "wang", "--role", role)["role"] == role


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [("--role", "platform", "operator"), ("--role", "", "operator"), ("--locale", "fr", "zh_CN or en")],
)
def test_a_role_or_language_that_is_none_is_a_usage_error(
    rollcall: Rollcall, option: str, value: str, hint: str
) -> None:
    error = rollcall.error("user", "add", "wang", option, value, code=2)
    assert error["code"] == "usage"
    assert hint in error["hint"]
    assert not rollcall.data_dir.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\x1b[2Jb", "a\nb"])
def test_a_name_that_is_none_is_refused(rollcall: Rollcall, name: str) -> None:
    assert rollcall.error("user", "add", name)["code"] == "invalid_input"


def test_the_schema_s_document_says_that_it_is_current(rollcall: Rollcall) -> None:
    for _ in range(2):
        assert rollcall.document("db", "upgrade") == {"current": True}
    assert rollcall.data_dir.stat().st_mode & 0o777 == 0o700


def test_a_lesson_nobody_knows_is_not_found_and_leaves_no_folder(rollcall: Rollcall, tmp_path: Path) -> None:
    error = rollcall.error("export", "lesson", "L9", "--out", tmp_path / "bundle")
    assert error["code"] == "not_found"
    assert not (tmp_path / "bundle").exists()


def wrong_bundle(folder: Path, kind: str) -> Path:
    path = folder / "bundle"
    if kind == "an empty folder":
        path.mkdir()
    elif kind == "a text":
        path.write_text("no bundle")
    elif kind == "another zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("notes.txt", "x")
    elif kind == "a cut zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("bundle.json", "{}" * 500)
        path.write_bytes(path.read_bytes()[:-30])
    return path


@pytest.mark.parametrize("kind", ["nothing", "an empty folder", "a text", "another zip", "a cut zip"])
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_bundle_is_a_usage_error_and_never_called_whole(
    rollcall: Rollcall, tmp_path: Path, kind: str, as_json: bool
) -> None:
    done = rollcall("verify", wrong_bundle(tmp_path, kind), *(["--json"] if as_json else []))
    assert done.exit_code == 2
    assert "whole" not in done.stdout


def test_a_bundle_that_holds_nothing_true_is_not_called_whole(rollcall: Rollcall, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in ("bundle.json", "leaves.jsonl", "bundle.sig"):
        (folder / name).write_text("{}\n")
    told = json.loads(rollcall("verify", folder, "--json").stdout)
    assert set(told) == {"exit_code", "lesson", "findings", "keys", "footage"}
    assert told["exit_code"] in (10, 11, 12, 13)
    assert told["findings"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yesterday", "is no time"),
        ("2026-11-23T09:00:00", "has no zone"),
        ("2026-13-01T00:00:00+08:00", "no time"),
    ],
)
def test_a_start_that_is_no_instant_is_a_usage_error_with_an_example(
    rollcall: Rollcall, tmp_path: Path, text: str, message: str
) -> None:
    for name in ("v.mp4", "l.toml"):
        (tmp_path / name).write_bytes(b"x")
    call = ["attend", "--roster", tmp_path, "--video", tmp_path / "v.mp4", "--lesson", tmp_path / "l.toml"]
    error = rollcall.error(*call, "--out", tmp_path / "out", "--starts-at", text, code=2)
    assert error["code"] == "usage"
    assert message in error["message"]
    assert "+08:00" in error["hint"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:hunter2@127.0.0.1:1/x",
        "srt://admin:hunter2@127.0.0.1:1",
        "/no/such/file.mp4",
        "gopher://x",
    ],
)
def test_a_camera_that_cannot_be_watched_is_told_without_its_password(
    rollcall: Rollcall, address: str
) -> None:
    done = rollcall("camera", "probe", address, "--seconds", "1", "--json")
    error = json.loads(done.stdout)["error"]
    assert done.exit_code == 1
    assert error["code"].startswith("stream_") or error["code"] in ("video_invalid", "invalid_input")
    assert error["hint"]
    assert "hunter2" not in done.output


def test_every_secret_of_the_vault_stays_in_the_key_file(rollcall: Rollcall) -> None:
    rollcall.document("user", "add", "wang")
    with open_installation(load_settings()) as house:
        assert isinstance(house.ledger.vault, Vault)
    secrets = json.loads((rollcall.data_dir / "keys" / "vault.json").read_text())
    texts = [value for value in json.dumps(secrets).split('"') if len(value) > 30]
    told = rollcall("doctor").output + rollcall("doctor", "--json").output
    assert texts
    assert not [text for text in texts if text in told]
