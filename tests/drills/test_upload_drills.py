"""The drills of uploads in small, so that they do not rot: a few files, a few seconds, the same counts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.drills import clock_steps, disk_full, kill_steps, store_down, store_faults
from tests.drills.upload_site import Outcome, s3_settings, site_with_s3
from tests.services.s3_servers import S3Server, running

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def server() -> S3Server:
    return running("localstack")


@pytest.fixture(scope="module")
def address(server: S3Server) -> str:
    parts = urlsplit(server.endpoint)
    return f"{parts.scheme}://{server.access_key}:{server.secret_key}@{parts.netloc}"


def check(outcome: Outcome) -> None:
    assert (outcome.failures, outcome.seconds, outcome.size_bytes) == ([], 0.0, 0)
    assert outcome.files


@pytest.mark.parametrize("fault", ["busy", "cut"])
def test_a_store_that_fails_now_and_then_loses_nothing(address: str, fault: str) -> None:
    with site_with_s3(address) as site:
        check(store_faults.DRILLS[fault](site, 6))


def test_a_withdrawn_key_costs_time_and_nothing_else(address: str) -> None:
    with site_with_s3(address) as site:
        check(store_faults.revoked(site, 4, away_s=1.0))


def test_a_count_notices_a_byte_that_was_lost(address: str) -> None:
    """The drill itself: a file gone from the spool and never stored is told in seconds and bytes."""
    with site_with_s3(address) as site:
        site.record(2, 1000)
        Path(site.recorded[0].path).unlink()
        content = bytearray(Path(site.recorded[1].path).read_bytes())
        content[7] ^= 1
        Path(site.recorded[1].path).write_bytes(bytes(content))
        outcome = site.count("tampered")
    assert not outcome.passed
    assert (outcome.seconds, outcome.size_bytes) == (120.0, 2000)
    assert outcome.tell() == 1


@pytest.mark.parametrize("kind", ["filesystem", "s3"])
def test_a_stepped_clock_purges_nothing(address: str, kind: str) -> None:
    with clock_steps.clocked_site(kind, address) as (site, clock):
        check(clock_steps.drill(site, clock))


def test_a_full_disk_stops_recording_and_deletes_nothing(address: str) -> None:
    try:
        with disk_full.site_on_small_disk(address, 26) as site:
            check(disk_full.drill(site))
    except SystemExit as refused:
        if "as root" not in str(refused):
            raise
        pytest.skip(str(refused))


def test_kills_between_steps_lose_nothing(address: str, tmp_path: Path) -> None:
    """Every fifth step; ``tests/unit/storage/test_spool_crashes.py`` has all of them on the folder store."""
    settings = s3_settings(tmp_path, address, urlsplit(address).port or 80)
    check(kill_steps.drill(settings, every=5))


def test_two_lessons_go_on_while_the_store_is_away(address: str) -> None:
    check(store_down.run(address, 5.0))
