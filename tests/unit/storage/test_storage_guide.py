"""The guide says what the code does: places, numbers, names."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DatabaseBusy, DiskFull, KeyUnusable, StorageError
from models.footage import GapCause
from storage.objects.time_guard import LONGEST_ABSENCE, TOLERANCE
from storage.reconciler import Reconciler
from storage.spool import FIRST_RETRY, LONGEST_RETRY, Spool
from storage.vault import KEY_FILE_NAME, Purpose


@pytest.fixture(scope="module")
def guide(repository_root: Path) -> str:
    return (repository_root / "docs" / "guides" / "storage.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("error", [DatabaseBusy, DiskFull, KeyUnusable, StorageError])
def test_the_errors_of_storage_are_named(guide: str, error: type[StorageError]) -> None:
    assert f"`{error.code}`" in guide


def test_the_numbers_are_those_of_the_code(guide: str) -> None:
    assert f"{TOLERANCE.total_seconds() / 60:g} minutes" in guide
    assert f"{LONGEST_ABSENCE.days} days" in guide
    assert f"{FIRST_RETRY.total_seconds():g} s" in guide
    assert f"{LONGEST_RETRY.total_seconds() / 60:g} min" in guide


def test_the_purposes_of_the_vault_are_listed(guide: str) -> None:
    assert f"({', '.join(Purpose)})" in " ".join(guide.split())


def test_the_files_that_must_be_backed_up_are_named(guide: str) -> None:
    assert KEY_FILE_NAME in guide
    assert "*.lock.json" in guide


@pytest.mark.parametrize("word", ["server-enforced", "os-immutable", "software-only"])
def test_each_capability_says_who_can_still_remove_footage(guide: str, word: str) -> None:
    assert f"| `{word}` |" in guide


def test_the_repair_is_described_by_its_names(guide: str) -> None:
    assert f"`{GapCause.PROCESS_RESTARTED}`" in guide
    assert f"Spool.{Spool.claimed.__name__}()" in guide
    assert f"Reconciler.{Reconciler.adopt_closed.__name__}()" in guide
    assert ".highest-time.json" in guide
