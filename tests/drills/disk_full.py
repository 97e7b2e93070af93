"""``make drill``: the store is away until the spool's disk is full, then it comes back.

    python -m tests.drills.disk_full [--mib 48]

Data folder on a small disk of its own (tmpfs; needs root). Recording must stop at the reserve, before a write
fails; nothing may be deleted to make room; when the store is back the spool empties and recording goes on.
Prints seconds and bytes lost of what was booked, and how many segments were refused in time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from models.errors import DiskFull
from supervision_api.pipeline.installation import open_installation
from tests.drills.fault_proxy import proxied
from tests.drills.upload_site import Outcome, Site, s3_settings, seed_lessons, store_server, wait_until

SEGMENT_BYTES = 2_000_000
MOST_SEGMENTS = 400


def drill(site: Site) -> Outcome:
    """Fill, refuse, empty, go on."""
    site.faults.down = True
    with site.uploading():
        refused = _record_until_refused(site)
        full = site.house.spool.state()
        held = sum(Path(one.path).exists() for one in site.recorded)
        site.faults.down = False
        took_s = wait_until(lambda: site.waiting() == 0, "the emptying of the spool")
        site.house.spool.require_room()
        site.record(1, SEGMENT_BYTES)
        wait_until(lambda: site.waiting() == 0, "an upload after the full disk")
    outcome = site.count("disk full while the store is away")
    outcome.facts["stopped with"] = f"{full.free_bytes >> 20} MiB free, {full.waiting_files} files waiting"
    outcome.facts["emptied in"] = f"{took_s:.1f} s"
    if not refused:
        outcome.failures.append("recording was never refused: the drill did not bite")
    if "room" not in full.over:
        outcome.failures.append("the full disk raised no alarm")
    if held != full.waiting_files:
        outcome.failures.append(f"{full.waiting_files - held} waiting files were removed to make room")
    return outcome


def _record_until_refused(site: Site) -> bool:
    for _ in range(MOST_SEGMENTS):
        try:
            site.house.spool.require_room()
        except DiskFull:
            return True
        site.record(1, SEGMENT_BYTES)
    return False


@contextmanager
def small_disk(mib: int) -> Iterator[Path]:
    """Raises ``SystemExit`` where this machine lets nobody mount one."""
    with tempfile.TemporaryDirectory(prefix="rollcall-drill-") as name:
        command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", name]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            raise SystemExit("a small disk cannot be mounted here: run this drill as root")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


@contextmanager
def site_on_small_disk(address: str, mib: int) -> Iterator[Site]:
    with ExitStack() as parts:
        folder = parts.enter_context(small_disk(mib))
        line = parts.enter_context(proxied(urlsplit(address).port or 80))
        house = parts.enter_context(open_installation(s3_settings(folder, address, line.port)))
        seed_lessons(house, "L1", hours=8.0)
        yield Site(house, line.faults)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mib", type=int, default=48, help="size of the disk")
    chosen = parser.parse_args()
    with store_server() as address, site_on_small_disk(address, max(24, chosen.mib)) as site:
        return drill(site).tell()


if __name__ == "__main__":
    sys.exit(main())
