"""What the contracts of stores share: a bench per store, and with services one per server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.unit_of_work import Ledger
from tests.contract.kept_archive import KeptArchive, with_lesson
from tests.contract.store_benches import EVERYWHERE, Bench, opened_bench
from tests.hand_clock import HandClock
from tests.unit.storage.conftest import database_url, ledger, migrated_file, migrated_postgres, vault

__all__ = ["database_url", "ledger", "migrated_file", "migrated_postgres", "vault"]
"""Fixtures: an empty ledger on SQLite or PostgreSQL, which shows the time of ``clock``."""


@pytest.fixture(params=EVERYWHERE)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """An empty store with its clock; a test may ask for some stores alone, by ``indirect``."""
    with opened_bench(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def clock(bench: Bench) -> HandClock:
    """One clock for ledger and store."""
    return bench.clock


@pytest.fixture
def archive(bench: Bench, ledger: Ledger) -> KeptArchive:
    """A running lesson in the books, and nothing of it in the store yet."""
    return KeptArchive(bench, with_lesson(ledger, bench.now))
