"""Settings: where they come from, what bounds them, and what a wrong one says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from models.errors import SettingInvalid
from supervision_api.settings import Settings, load_settings

PASSWORD_ADDRESS = "postgresql+psycopg://rollcall:hunter2@127.0.0.1/rollcall"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests reaches them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ROLLCALL_{name.upper()}", raising=False)
    monkeypatch.delenv("ROLLCALL_CONFIG", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data-home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a settings file and points ROLLCALL_CONFIG at it."""

    def write(text: str) -> Path:
        path = tmp_path / "rollcall.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("ROLLCALL_CONFIG", str(path))
        return path

    return write


def refusal(**overrides: Any) -> str:
    with pytest.raises(SettingInvalid) as refused:
        load_settings(**overrides)
    assert refused.value.hint
    return refused.value.message


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.data_dir == tmp_path / "data-home" / "rollcall"
    assert settings.cache_dir == tmp_path / "cache-home" / "rollcall"
    assert settings.database_address() == f"sqlite:///{settings.data_dir / 'rollcall.db'}"
    assert (settings.host, settings.port) == ("127.0.0.1", 8420)


def test_without_xdg_folders_the_home_folder_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings()
    assert settings.data_dir == tmp_path / ".local/share/rollcall"
    assert settings.cache_dir == tmp_path / ".cache/rollcall"


def test_only_this_machine_reaches_a_fresh_installation() -> None:
    assert load_settings().host == "127.0.0.1"


def test_the_irrevocable_lock_is_not_the_default() -> None:
    settings = load_settings()
    assert settings.store_lock_mode == "GOVERNANCE"
    assert settings.store_immutable is False


def test_what_is_in_the_data_folder_lies_in_it() -> None:
    settings = load_settings()
    for folder in (settings.keys_dir, settings.spool_dir, settings.store_dir, settings.models_dir):
        assert folder.parent == settings.data_dir


def numbers() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]


def limits() -> list[tuple[str, Any, Any]]:
    """Name, a value at the border, the nearest one beyond it; from the settings' own bounds."""
    found: list[tuple[str, Any, Any]] = []
    for name in numbers():
        step = 1 if Settings.model_fields[name].annotation is int else 0.001
        for bound in Settings.model_fields[name].metadata:
            if hasattr(bound, "ge"):
                found.append((name, bound.ge, bound.ge - step))
            if hasattr(bound, "le"):
                found.append((name, bound.le, bound.le + step))
            if hasattr(bound, "gt"):
                found.append((name, bound.gt + step, bound.gt))
    return found


LIMITS = limits()


@pytest.mark.parametrize(("name", "border", "beyond"), LIMITS)
def test_a_number_may_be_at_its_border_and_not_beyond(name: str, border: Any, beyond: Any) -> None:
    assert getattr(load_settings(**{name: border}), name) == border
    assert refusal(**{name: beyond}).startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "border", "beyond"), LIMITS)
def test_the_environment_has_the_same_borders(
    monkeypatch: pytest.MonkeyPatch, name: str, border: Any, beyond: Any
) -> None:
    monkeypatch.setenv(f"ROLLCALL_{name.upper()}", str(border))
    assert getattr(load_settings(), name) == border
    monkeypatch.setenv(f"ROLLCALL_{name.upper()}", str(beyond))
    assert name in refusal()


def test_every_number_has_a_lower_border() -> None:
    for name in numbers():
        kinds = {type(limit).__name__ for limit in Settings.model_fields[name].metadata}
        assert kinds & {"Ge", "Gt"}, name


FIXED = {
    "port": 65535,
    "session_hours": 168,
    "database_wait_s": 120,
    "checkpoint_every_s": 3600,
    "recognition_threads": 64,
    "bus_frames_per_camera": 64,
    "upload_limit_mb": 4096,
}


@pytest.mark.parametrize(("name", "highest"), FIXED.items())
def test_a_border_that_others_rely_on_stays_where_it_is(name: str, highest: float) -> None:
    assert max(border for known, border, _ in LIMITS if known == name) == highest


@pytest.mark.parametrize("name", numbers())
@pytest.mark.parametrize("text", ["", "many", "1e999", "nan", "0x10", "１２３x"])
def test_what_is_no_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"ROLLCALL_{name.upper()}", text)
    assert name in refusal()


CHOICES: dict[str, tuple[str, ...]] = {
    name: get_args(field.annotation)
    for name, field in Settings.model_fields.items()
    if get_origin(field.annotation) is Literal
}


def test_the_choices_that_documents_name_are_there() -> None:
    assert CHOICES["store_lock_mode"] == ("GOVERNANCE", "COMPLIANCE")
    assert CHOICES["detector"] == ("auto", "yunet", "hog")
    assert CHOICES["default_locale"] == ("zh_CN", "en")


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_takes_its_words_and_no_other(name: str) -> None:
    for word in CHOICES[name]:
        assert getattr(load_settings(**{name: word}), name) == word
    for wrong in (CHOICES[name][0].swapcase(), "", "none", f" {CHOICES[name][0]}"):
        message = refusal(**{name: wrong})
        assert name in message
        assert CHOICES[name][-1] in message


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("no", False), ("0", False)])
def test_a_switch_reads_what_people_write(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("ROLLCALL_STORE_IMMUTABLE", text)
    assert load_settings().store_immutable is value


def test_a_switch_refuses_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_STORE_IMMUTABLE", "perhaps")
    assert "store_immutable" in refusal()


def test_the_file_is_read(toml) -> None:
    toml('port = 9000\ninstitution = "示范职业培训学校"\nstore_lock_mode = "COMPLIANCE"\n')
    settings = load_settings()
    assert (settings.port, settings.institution) == (9000, "示范职业培训学校")
    assert settings.store_lock_mode == "COMPLIANCE"


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    toml, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml('port = 9000\nhost = "127.0.0.9"\nlog_level = "error"\n')
    monkeypatch.setenv("ROLLCALL_PORT", "9001")
    monkeypatch.setenv("ROLLCALL_LOG_LEVEL", "warning")
    settings = load_settings(log_level="debug")
    assert (settings.host, settings.port, settings.log_level) == ("127.0.0.9", 9001, "debug")


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROLLCALL_CONFIG", str(tmp_path / "nowhere.toml"))
    assert "nowhere.toml" in refusal()


def test_a_folder_is_no_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROLLCALL_CONFIG", str(tmp_path))
    assert "does not exist" in refusal()


@pytest.mark.parametrize("text", ["port = ", "[[[", "port 9000", "port = 1\nport = 2\n", "\x00"])
def test_a_file_that_is_no_toml_is_named(toml, text: str) -> None:
    path = toml(text)
    assert str(path) in refusal()


def test_a_file_in_another_encoding_is_named(toml) -> None:
    path = toml("")
    path.write_bytes('institution = "示范"'.encode("gb18030"))
    assert str(path) in refusal()


@pytest.mark.parametrize("text", ["prot = 9000", "[server]\nport = 9000", "ROLLCALL_PORT = 9000"])
def test_a_misspelt_key_is_refused_instead_of_passed_over(toml, text: str) -> None:
    toml(text)
    name = re.sub(r"[\[\]]| =.*", "", text.split("\n")[0])
    assert name in refusal()


def test_several_faults_are_told_at_once(toml) -> None:
    toml('port = -1\nlog_level = "loud"\nprot = 1\n')
    message = refusal()
    for name in ("port", "log_level", "prot"):
        assert f"{name}: " in message


def test_a_wrong_value_in_the_file_is_told_by_key(toml) -> None:
    toml('spool_reserve_mb = "much"')
    assert refusal().startswith("spool_reserve_mb: ")


def test_the_database_s_password_is_nowhere_but_in_the_engine_s_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", PASSWORD_ADDRESS)
    settings = load_settings()
    assert settings.database_address() == PASSWORD_ADDRESS
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_an_empty_database_address_means_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "")
    assert load_settings().database_address().startswith("sqlite:///")


@pytest.mark.parametrize("name", ["port", "log_level", "session_hours", "camera_ca_file"])
def test_a_refusal_never_repeats_the_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Somebody may have put a password into the wrong variable."""
    monkeypatch.setenv(f"ROLLCALL_{name.upper()}", "hunter2")
    assert "hunter2" not in refusal()


@pytest.mark.parametrize("name", ["data_dir", "cache_dir"])
def test_a_folder_is_absolute_wherever_the_program_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert getattr(load_settings(**{name: "here"}), name) == tmp_path / "here"
    assert getattr(load_settings(**{name: "~/there"}), name) == tmp_path / "home/there"


def test_certificates_must_be_there(tmp_path: Path) -> None:
    assert "no such file" in refusal(camera_ca_file=tmp_path / "none.pem")
    assert "no such file" in refusal(camera_ca_file=tmp_path)


def test_certificates_that_are_there_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificate")
    monkeypatch.chdir(tmp_path)
    assert load_settings(camera_ca_file="ca.pem").camera_ca_file == tmp_path / "ca.pem"
    assert load_settings().camera_ca_file is None


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("", False),
        ("http://rollcall.example", False),
        ("https://rollcall.example", True),
        ("httpsx://rollcall.example", False),
    ],
)
def test_cookies_are_secure_where_users_come_by_https(url: str, secure: bool) -> None:
    assert load_settings(public_url=url).secure_cookies is secure


def test_settings_do_not_change_while_the_program_runs() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def described(field: FieldInfo) -> str:
    return field.description or ""


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_says_in_a_sentence_what_it_is_for(name: str) -> None:
    text = described(Settings.model_fields[name])
    assert text.endswith(".")
    assert len(text) > 15


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_comes_from_its_own_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a.pem").write_text("x")
    before = load_settings()
    values = {key: str(border) for key, border, _ in LIMITS if getattr(before, key) != border}
    values |= {key: "7" for key in numbers() if key not in values}
    values |= {key: next(w for w in words if w != getattr(before, key)) for key, words in CHOICES.items()}
    values |= {
        key: str(not getattr(before, key))
        for key, field in Settings.model_fields.items()
        if field.annotation is bool
    }
    monkeypatch.setenv(f"ROLLCALL_{name.upper()}", values.get(name, str(tmp_path / "a.pem")))
    after = load_settings()
    changed = {one for one in Settings.model_fields if getattr(before, one) != getattr(after, one)}
    assert changed == {name}


SECRETS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
AUTHORITIES = [name for name in Settings.model_fields if name.endswith("_ca_file")]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_shows_nowhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"ROLLCALL_{name.upper()}", "hunter2hunter2")
    settings = load_settings()
    assert getattr(settings, name).get_secret_value() == "hunter2hunter2"
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_every_setting_that_sounds_secret_is_kept_as_one() -> None:
    telling = {name for name in Settings.model_fields if re.search(r"secret|password|token", name)}
    assert telling <= set(SECRETS)
    assert "database_url" in SECRETS


@pytest.mark.parametrize("name", AUTHORITIES)
def test_every_file_of_certificates_must_be_there(tmp_path: Path, name: str) -> None:
    assert refusal(**{name: tmp_path / "none.pem"}).startswith(f"{name}: ")
