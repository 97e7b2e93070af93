"""What all tests share: where the material is, and the count of what was skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# A busy machine makes no rule wrong.
settings.register_profile("rollcall", deadline=None)
settings.load_profile("rollcall")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that runs in this process sets the logs up; the next test's logs are its own again."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def repository_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_material() -> Path:
    """The folder of photos and networks that are not in the repository (docs/guides/testing.md)."""
    folder = Path(os.environ.get("ROLLCALL_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "faces").is_dir():
        pytest.skip("no test material: set ROLLCALL_TEST_DATA to a folder with faces/ and models/")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A running PostgreSQL, started by tests/services/run_with_services."""
    url = os.environ.get("ROLLCALL_TEST_POSTGRES")
    if not url:
        pytest.skip("no PostgreSQL: run SERVICES=1 make test")
    return url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = len(terminalreporter.stats.get("skipped", []))
    deselected = len(terminalreporter.stats.get("deselected", []))
    terminalreporter.write_line(f"not run: {skipped} skipped, {deselected} deselected (services off)")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With all services there, a skip is a hole in the net: it fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ROLLCALL_TEST_SERVICES") != "1" or reporter is None:
        return
    if reporter.stats.get("skipped") and exitstatus == 0 and not hasattr(session.config, "workerinput"):
        session.exitstatus = 1
