"""What all commands have in common: help, usage errors, and that a wrong call changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from supervision_api.cli.main import application
from tests.cli.conftest import Rollcall

ROOT = Path(__file__).resolve().parents[2]


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if not children:
        yield path, command
    for name, child in (children or {}).items():
        yield from leaves(child, (*path, name))


COMMANDS = dict(leaves(get_command(application)))
GROUPS = sorted({path[:-1] for path in COMMANDS if len(path) > 1})
NEEDING = sorted(path for path, command in COMMANDS.items() if any(p.required for p in command.params))


def spoken(path: tuple[str, ...]) -> str:
    return " ".join(path)


def plain(text: str) -> str:
    """Help without frames, colours and line ends."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m|[│╭╰─╮╯]", " ", text))


def test_the_commands_are_those_that_scripts_depend_on() -> None:
    assert {spoken(path) for path in COMMANDS} >= {
        "serve",
        "attend",
        "verify",
        "enrol",
        "calibrate",
        "camera probe",
        "models list",
        "models add",
        "models pull",
        "export lesson",
        "bench recognition",
        "bench classroom",
        "bench footage",
        "db upgrade",
        "user add",
        "doctor",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=spoken)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_given_on_standard_output(rollcall: Rollcall, path: tuple[str, ...], flag: str) -> None:
    done = rollcall(*path, flag)
    assert (done.exit_code, done.stderr) == (0, "")
    told = plain(done.stdout)
    assert f"rollcall {spoken(path)}" in told or f"root {spoken(path)}" in told
    assert "--json" in told


@pytest.mark.parametrize("path", COMMANDS, ids=spoken)
def test_help_neither_makes_folders_nor_needs_settings(
    rollcall: Rollcall, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_PORT", "wrong")
    assert rollcall(*path, "--help").exit_code == 0
    assert not rollcall.data_dir.exists()


@pytest.mark.parametrize("path", COMMANDS, ids=spoken)
def test_every_command_says_in_sentences_what_it_does(path: tuple[str, ...]) -> None:
    first = (COMMANDS[path].help or "").split("\n")[0].strip()
    assert first
    assert first[0].isupper()
    assert first[-1] in ".,)" or len(first) > 60


@pytest.mark.parametrize("path", COMMANDS, ids=spoken)
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    silent = [p.name for p in COMMANDS[path].params if not getattr(p, "help", None) and p.name != "help"]
    assert silent == []


@pytest.mark.parametrize("path", COMMANDS, ids=spoken)
def test_an_unknown_option_is_a_usage_error_on_standard_error(
    rollcall: Rollcall, path: tuple[str, ...]
) -> None:
    done = rollcall(*path, "--no-such-option")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--no-such-option" in plain(done.stderr)
    assert f"{spoken(path)} -h" in plain(done.stderr)
    assert not rollcall.data_dir.exists()


@pytest.mark.parametrize("path", NEEDING, ids=spoken)
def test_what_is_missing_is_named(rollcall: Rollcall, path: tuple[str, ...]) -> None:
    done = rollcall(*path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Missing" in plain(done.stderr)
    assert not rollcall.data_dir.exists()


@pytest.mark.parametrize("path", [(), *GROUPS], ids=spoken)
def test_a_group_alone_shows_its_commands(rollcall: Rollcall, path: tuple[str, ...]) -> None:
    done = rollcall(*path)
    assert done.exit_code in (0, 2)
    told = plain(done.output)
    for one in COMMANDS:
        if one[: len(path)] == path:
            assert one[len(path)] in told


@pytest.mark.parametrize("path", [(), *GROUPS], ids=spoken)
def test_an_unknown_command_is_a_usage_error(rollcall: Rollcall, path: tuple[str, ...]) -> None:
    done = rollcall(*path, "frobnicate")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "frobnicate" in plain(done.stderr)


def test_the_version_is_one_line(rollcall: Rollcall) -> None:
    done = rollcall("--version")
    assert done.exit_code == 0
    assert re.fullmatch(r"rollcall [^\n]+\n", done.stdout)


WRONG: list[tuple[list[str], str]] = [
    (["serve", "--port", "65536"], "65535"),
    (["serve", "--port", "-1"], "equal to 0"),
    (["camera", "probe", "x", "--seconds", "0"], "1"),
    (["camera", "probe", "x", "--seconds", "121"], "120"),
    (["camera", "probe", "x", "--seconds", "long"], "number"),
    (["bench", "classroom", "--seconds", "3"], "4"),
    (["bench", "classroom", "--seats", "1"], "2"),
    (["bench", "classroom", "--seats", "61"], "60"),
    (["bench", "footage", "--seconds", "9"], "10"),
    (["bench", "footage", "--cameras", "1"], "2"),
    (["bench", "footage", "--cameras", "33"], "32"),
    (["models", "add", "/nowhere/net.onnx"], "does not exist"),
    (["enrol", "--roster", "/nowhere"], "does not exist"),
    (["calibrate", "/nowhere", "--out", "x"], "does not exist"),
    (["attend", "--roster", "/nowhere", "--video", "v", "--lesson", "l", "--out", "o"], "does not exist"),
]


@pytest.mark.parametrize(
    ("arguments", "hint"), WRONG, ids=lambda one: " ".join(one) if isinstance(one, list) else ""
)
def test_a_value_out_of_bounds_is_a_usage_error_that_tells_the_bound(
    rollcall: Rollcall, arguments: list[str], hint: str
) -> None:
    done = rollcall(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert hint in plain(done.stderr)
    assert not rollcall.data_dir.exists()


SETTLED = [
    ["doctor"],
    ["db", "upgrade"],
    ["models", "list"],
    ["user", "add", "li"],
    ["export", "lesson", "L1"],
    ["camera", "probe", "rtsp://127.0.0.1:9/x"],
    ["models", "pull", "yunet"],
    ["serve"],
]


@pytest.mark.parametrize("arguments", SETTLED, ids=" ".join)
def test_a_wrong_setting_stops_every_command_with_its_name(
    rollcall: Rollcall, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("ROLLCALL_SESSION_HOURS", "for ever")
    error = rollcall.error(*arguments)
    assert error["code"] == "setting_invalid"
    assert error["message"].startswith("session_hours: ")
    assert "settings.md" in error["hint"]
    assert not rollcall.data_dir.exists()


@pytest.mark.parametrize("arguments", SETTLED, ids=" ".join)
def test_a_failure_speaks_on_standard_error_alone(
    rollcall: Rollcall, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("ROLLCALL_SESSION_HOURS", "for ever")
    done = rollcall(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "session_hours" in done.stderr
    assert "→" in done.stderr
    assert "Traceback" not in done.stderr


def piped(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "supervision_api.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_a_pipe_gets_one_document_and_nothing_else(rollcall: Rollcall) -> None:
    done = piped("db", "upgrade", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b'{\n  "current": true\n}\n'
    assert b"\x1b" not in done.stdout + done.stderr


def test_a_pipe_gets_no_bar_and_no_colour(rollcall: Rollcall, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")
    done = piped("models", "pull", "yunet", "--from", str(tmp_path / "net.onnx"))
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"%" not in done.stderr
    assert b"\x1b" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_who_has_read_enough_gets_no_traceback(rollcall: Rollcall) -> None:
    """``rollcall models list | head -1``."""
    call = f"{sys.executable} -m supervision_api.cli models list | head -c 1"
    done = subprocess.run(call, shell=True, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert len(done.stdout) == 1
    assert b"Traceback" not in done.stderr


def test_help_loads_none_of_the_heavy_parts() -> None:
    """A shell's completion asks often: only what a command needs is loaded, and only when it runs."""
    code = (
        "import sys, supervision_api.cli.main\n"
        "heavy = {'numpy', 'av', 'cv2', 'onnxruntime', 'sqlalchemy', 'fastapi', 'scipy', 'openpyxl'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
