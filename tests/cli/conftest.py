"""An installation of its own for each test, and the commands as a script calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from supervision_api.cli.main import application
from supervision_api.settings import Settings

Command = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Rollcall:
    """Runs commands in this process; standard output and error are kept apart as in a pipe."""

    data_dir: Path

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Result:
        return CliRunner().invoke(application, [str(one) for one in arguments], input=stdin)

    def document(self, *arguments: str | Path, code: int = 0, stdin: str | None = None) -> Any:
        """The one JSON document on standard output; the exit code must be ``code``."""
        done = self(*arguments, "--json", stdin=stdin)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def error(self, *arguments: str | Path, code: int = 1) -> dict[str, str]:
        told = self.document(*arguments, code=code)
        assert set(told) == {"error"}
        return dict(told["error"])


@pytest.fixture(scope="session")
def network_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def rollcall(tmp_path: Path, network_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Rollcall:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ROLLCALL_{name.upper()}", raising=False)
    monkeypatch.delenv("ROLLCALL_CONFIG", raising=False)
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "CACHE_DIR": str(network_cache),
        "WEIGHTS_DIR": str(tmp_path / "no-weights"),
        "SPOOL_RESERVE_MB": "16",
        "DETECTOR": "hog",
    }.items():
        monkeypatch.setenv(f"ROLLCALL_{name}", value)
    return Rollcall(tmp_path / "data")
