"""The guide's table of what each server does otherwise is what the servers of this run really do."""

from __future__ import annotations

import pytest

from tests.services.deviations import PROMISES, in_the_guide, table, tried
from tests.services.s3_servers import NAMES, running

pytestmark = pytest.mark.service


def test_the_guide_tells_the_deviations_that_this_run_found() -> None:
    assert in_the_guide() == table(running(name) for name in NAMES), (
        "run: python -m tests.services.deviations --write"
    )


def test_no_server_breaks_what_locks_in_one_piece_stand_on() -> None:
    """What nothing could mend: without these a server is no use for footage."""
    vital = [number for number, promise in enumerate(PROMISES) if "canary" in promise.answer or number == 0]
    for name in NAMES:
        kept = tried(running(name))
        assert [PROMISES[number].text for number in vital if not kept[number]] == []
