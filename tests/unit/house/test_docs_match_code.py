"""What the guides say and what the code does are compared: settings, commands, error codes, make targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from models import errors
from supervision_api.cli.main import application
from supervision_api.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
GUIDES = ROOT / "docs" / "guides"


def words_of(path: Path) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", path.read_text()))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"ROLLCALL_{name.upper()}" in words_of(GUIDES / "settings.md")


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {f"ROLLCALL_{name.upper()}" for name in Settings.model_fields} | {
        "ROLLCALL_CONFIG",
        "ROLLCALL_TEST_DATA",
    }
    told = {w for w in words_of(GUIDES / "settings.md") if re.fullmatch(r"ROLLCALL_[A-Z_]+", w)}
    assert told <= known


def test_every_setting_says_what_it_is_for() -> None:
    assert [n for n, f in Settings.model_fields.items() if not f.description] == []


def commands(group: typer.Typer) -> set[str]:
    found: set[str] = set()

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name, child in children.items():
                walk(child, f"{path} {name}")
        else:
            found.add(path)

    walk(get_command(group), "rollcall")
    return found


def test_every_command_is_documented() -> None:
    told = (GUIDES / "command-line.md").read_text()
    assert [c for c in sorted(commands(application)) if f"`{c}" not in told] == []


def test_every_command_takes_json() -> None:
    missing: list[str] = []

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name, child in children.items():
                walk(child, f"{path} {name}")
        elif not any("--json" in p.opts for p in getattr(command, "params", [])):
            missing.append(path)

    walk(get_command(application), "rollcall")
    assert missing == []


def error_codes() -> set[str]:
    found: set[str] = set()
    waiting: list[type[errors.RollcallError]] = [errors.RollcallError]
    while waiting:
        kind = waiting.pop()
        found.add(kind.code)
        waiting.extend(kind.__subclasses__())
    return found


def test_every_error_code_is_documented() -> None:
    assert error_codes() - words_of(GUIDES / "errors.md") == set()


def test_every_make_target_has_a_help_text() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE)) - {"setup-dev"}
    helped = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert targets == helped


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")) and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)} → {target}")
    assert broken == []
