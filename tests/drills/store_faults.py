"""``make drill``: a store that fails in the middle of uploads, on a real S3 server behind a line that breaks.

    python -m tests.drills.store_faults busy       every third call is answered 503
    python -m tests.drills.store_faults cut        uploads are reset when half of their bytes have passed
    python -m tests.drills.store_faults revoked    the key is withdrawn, and given back

Each prints how many files it carried, the seconds and bytes lost, and what the store was asked. Exit 1 when
anything was lost, when the spool was not empty at the end, or when a file lost attempts to the store's fault.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from tests.drills.upload_site import Outcome, Site, site_with_s3, wait_until

FILES = 24


def busy(site: Site, files: int = FILES) -> Outcome:
    """503 to every third call, all the time."""
    site.faults.busy_every = 3
    took_s = _carry(site, files)
    site.faults.busy_every = 0
    return _told(site, "503 to every third call", took_s)


def cut(site: Site, files: int = FILES) -> Outcome:
    """Every other upload is cut in the middle, once each."""
    site.faults.cut_puts = files // 2
    took_s = _carry(site, files)
    outcome = _told(site, "upload cut in the middle", took_s)
    if site.faults.cut_puts:
        outcome.failures.append(f"{site.faults.cut_puts} uploads were not cut: the drill did not bite")
    return outcome


def revoked(site: Site, files: int = FILES, away_s: float = 20.0) -> Outcome:
    """The key is refused for a while; lessons go on and their footage waits."""
    with site.uploading():
        site.record(files // 2)
        wait_until(lambda: site.waiting() == 0, "the first uploads")
        site.faults.revoked = True
        site.record(files - files // 2)
        wait_until(lambda: site.house.desk.state().away, "the pause")
        asked, began = site.faults.requests, time.monotonic()
        while time.monotonic() - began < away_s:
            time.sleep(0.1)
        asked = site.faults.requests - asked
        attempts = max(one.attempts for one in site.uploads().values())
        site.faults.revoked = False
        took_s = wait_until(lambda: site.waiting() == 0, "the catching up")
    outcome = _told(site, "credentials revoked", took_s)
    outcome.facts["asked while revoked"] = f"{asked} times in {away_s:.0f} s"
    if attempts:
        outcome.failures.append(f"a file lost {attempts} attempts for what was the store's")
    return outcome


def _carry(site: Site, files: int) -> float:
    with site.uploading():
        site.record(files)
        return wait_until(lambda: site.waiting() == 0, "the end of the uploads")


def _told(site: Site, name: str, took_s: float) -> Outcome:
    outcome = site.count(name)
    outcome.facts["caught up in"] = f"{took_s:.1f} s"
    outcome.facts["calls"] = f"{site.faults.requests}, {site.faults.broken} of them broken"
    versions = site.house.store.list_versions("footage/")
    doubled = len(versions) - len(site.recorded)
    if doubled:
        outcome.facts["stored twice"] = str(doubled)
    if site.waiting():
        outcome.failures.append(f"{site.waiting()} files still wait")
    return outcome


DRILLS: dict[str, Callable[[Site], Outcome]] = {"busy": busy, "cut": cut, "revoked": revoked}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fault", nargs="*", choices=[[], *DRILLS], help="all, when none is named")
    chosen = parser.parse_args().fault or list(DRILLS)
    code = 0
    for name in chosen:
        with site_with_s3() as site:
            code |= DRILLS[name](site).tell()
    return code


if __name__ == "__main__":
    sys.exit(main())
