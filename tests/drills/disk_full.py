"""``make drill``: a disk that is full to its reserve, and then has room again.

    python -m tests.drills.disk_full [--mib 48] [--store files|localstack|radosgw]

Data folder on a small disk of its own (tmpfs; needs root). With a server the store is away until the spool
has filled the disk, then it comes back. With a folder the store lies on the same disk: when the reserve is
reached, another program takes the rest to the last byte, so that neither store nor database can write; then
its files are gone.

Recording must stop at the reserve, before a write fails; nothing may be deleted to make room; afterwards the
spool empties and recording goes on. Prints seconds and bytes lost of what was booked.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import DiskFull
from tests.drills.drill_store import EVERY, DrillStore, add_store, run_on
from tests.drills.outcome import Outcome, wait_until
from tests.drills.upload_site import Site, site_on
from tests.services.faulty_proxy import Fault, always

MIB = 1 << 20
SEGMENT_BYTES = 2_000_000
MOST_SEGMENTS = 400
SMALLEST_MIB = 26


class Away:
    """A server that does not answer while the disk fills."""

    name = "disk full while the store is away"

    def __init__(self, site: Site) -> None:
        self._site = site

    def worsen(self) -> None:
        self._site.line.choose = always(Fault.DOWN)

    def noticed(self) -> bool:
        return self._site.house.desk.state().away

    def mend(self) -> None:
        self._site.line.choose = always(Fault.PASS)


class Shared:
    """A folder on the same disk, of which another program holds a part, and in the end all."""

    name = "disk full, store and database on it"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._folder = site.house.folder
        room = shutil.disk_usage(self._folder).free - site.house.settings.spool_reserve_mb * MIB
        self._take("other", room // 2)

    def worsen(self) -> None:
        self._take("rest", shutil.disk_usage(self._folder).free)

    def noticed(self) -> bool:
        return self._site.house.desk.state().problem == DiskFull.code

    def mend(self) -> None:
        for name in ("other", "rest"):
            (self._folder / name).unlink()

    def _take(self, name: str, size: int) -> None:
        (self._folder / name).write_bytes(bytes(size))


def drill(site: Site) -> Outcome:
    """Fill, refuse, make it worse, mend, empty, go on."""
    trouble = Away(site) if site.store.is_server else Shared(site)
    refused = _record_until_refused(site)
    trouble.worsen()
    with site.uploading():
        wait_until(trouble.noticed, "an upload that meets the trouble")
        full = site.house.spool.state()
        held = sum(Path(one.path).exists() for one in site.recorded)
        trouble.mend()
        took_s = wait_until(lambda: site.waiting() == 0, "the emptying of the spool")
        site.house.spool.require_room()
        site.record(1, SEGMENT_BYTES)
        wait_until(lambda: site.waiting() == 0, "an upload after the full disk")
    outcome = site.count(trouble.name)
    outcome.facts["recording stopped with"] = f"{refused >> 20} MiB free, {full.waiting_files} files waiting"
    outcome.facts["emptied in"] = f"{took_s:.1f} s"
    if not refused:
        outcome.failures.append("recording was never refused: the drill did not bite")
    if "room" not in full.over:
        outcome.failures.append("the full disk raised no alarm")
    if held != full.waiting_files or held != len(site.recorded) - 1:
        outcome.failures.append(f"{len(site.recorded) - 1 - held} waiting files were removed to make room")
    return outcome


def _record_until_refused(site: Site) -> int:
    """Bytes that were free when recording was refused; 0 when it never was."""
    for _ in range(MOST_SEGMENTS):
        try:
            site.house.spool.require_room()
        except DiskFull:
            return shutil.disk_usage(site.house.folder).free
        site.record(1, SEGMENT_BYTES)
    return 0


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
def site_on_small_disk(store: DrillStore, mib: int) -> Iterator[Site]:
    with small_disk(max(SMALLEST_MIB, mib)) as folder, site_on(store, folder, hours=8.0) as site:
        yield site


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mib", type=int, default=48, help="size of the disk")
    add_store(parser, EVERY)
    chosen = parser.parse_args()

    def outcomes(store: DrillStore) -> Iterator[Outcome]:
        with site_on_small_disk(store, chosen.mib) as site:
            yield drill(site)

    return run_on(chosen.store or EVERY, outcomes)


if __name__ == "__main__":
    sys.exit(main())
