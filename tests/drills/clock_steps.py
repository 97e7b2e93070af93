"""``make drill``: the machine's clock steps back a day, then forward ten years; nothing is purged or lost.

    python -m tests.drills.clock_steps [--store files|localstack|radosgw]

The clock that Rollcall reads is stepped, not the machine's own. After each step footage is recorded and
uploaded and a purge of everything that is over is asked for. Prints what was purged (must be nothing), and
seconds and bytes lost.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from models.errors import ObjectLocked
from tests.drills.drill_store import EVERY, DrillStore, add_store, run_on
from tests.drills.outcome import Outcome, wait_until
from tests.drills.upload_site import Site, site_on

BACK, FORWARD = timedelta(days=-1), timedelta(days=3653)
FILES = 4


class SteppedClock:
    """The machine's clock, moved by what the drill says; the monotonic one is never moved."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by

    def monotonic_s(self) -> float:
        return time.monotonic()


def drill(site: Site, clock: SteppedClock) -> Outcome:
    """Both steps, and the clock right again at the end."""
    purged: dict[str, int] = {}
    with site.uploading():
        for name, by, all_stored in (
            ("right", timedelta(0), True),
            ("a day back", BACK, True),
            ("ten years on", FORWARD, False),
        ):
            clock.by = by
            site.record(FILES)
            if all_stored:
                wait_until(lambda: site.waiting() == 0, f"uploads with the clock {name}")
            purged[name] = _purge(site)
        clock.by = timedelta(0)
        wait_until(lambda: site.waiting() == 0, "uploads with the clock right again")
    outcome = site.count("clock a day back, ten years on")
    outcome.facts["purged"] = ", ".join(f"{count} with the clock {name}" for name, count in purged.items())
    if any(purged.values()):
        outcome.failures.append("something was purged")
    return outcome


def _purge(site: Site) -> int:
    """How many objects went; a refusal is none."""
    before = len(site.house.store.list_versions("footage/"))
    with suppress(ObjectLocked):
        site.house.store.purge_expired("footage/", site.house.clock.now())
    return before - len(site.house.store.list_versions("footage/"))


@contextmanager
def clocked_site(store: DrillStore) -> Iterator[tuple[Site, SteppedClock]]:
    """A site whose clock can be stepped."""
    clock = SteppedClock()
    with (
        patch("supervision_api.pipeline.installation.SystemClock", lambda: clock),
        site_on(store) as site,
    ):
        yield site, clock


def outcomes(store: DrillStore) -> Iterator[Outcome]:
    with clocked_site(store) as (site, clock):
        yield drill(site, clock)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_store(parser, EVERY)
    return run_on(parser.parse_args().store or EVERY, outcomes)


if __name__ == "__main__":
    sys.exit(main())
