"""``make drill``: the machine's clock steps back a day, then forward ten years; nothing is purged or lost.

    python -m tests.drills.clock_steps [--store filesystem|s3]

The clock that Rollcall reads is stepped, not the machine's own. After each step footage is recorded and
uploaded and a purge of everything that is over is asked for. Prints what was purged (must be nothing), and
seconds and bytes lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from models.errors import ObjectLocked
from supervision_api.pipeline.installation import open_installation
from tests.drills.fault_proxy import Faults
from tests.drills.upload_site import Outcome, Site, s3_settings, seed_lessons, store_server, wait_until

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
def clocked_site(kind: str, address: str) -> Iterator[tuple[Site, SteppedClock]]:
    """A site whose clock can be stepped."""
    clock = SteppedClock()
    with ExitStack() as parts:
        name = parts.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-drill-"))
        settings = s3_settings(Path(name), address, urlsplit(address).port or 80, store=kind)
        parts.enter_context(patch("supervision_api.pipeline.installation.SystemClock", lambda: clock))
        house = parts.enter_context(open_installation(settings))
        seed_lessons(house, "L1")
        yield Site(house, Faults()), clock


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", choices=("filesystem", "s3"), help="both, unless one is named")
    chosen = parser.parse_args().store
    code = 0
    for kind in (chosen,) if chosen else ("filesystem", "s3"):
        server = store_server() if kind == "s3" else nullcontext("http://key:secret@127.0.0.1:1")
        with server as address, clocked_site(kind, address) as (site, clock):
            outcome = drill(site, clock)
            outcome.name += f" ({kind})"
            code |= outcome.tell()
    return code


if __name__ == "__main__":
    sys.exit(main())
