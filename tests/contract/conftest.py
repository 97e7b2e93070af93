"""What the contracts of stores share: a bench per store, and with services one per server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.store_benches import EVERYWHERE, Bench, opened_bench


@pytest.fixture(params=EVERYWHERE)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """An empty store with its clock; a test may ask for some stores alone, by ``indirect``."""
    with opened_bench(request.param, tmp_path) as made:
        yield made
