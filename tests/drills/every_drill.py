"""``make drill``: every drill one after the other, on every store that it knows.

    python -m tests.drills.every_drill

The servers are started once. Each drill is the command that is printed above it, and prints seconds and bytes
lost and its store. Exit 1 when any of them did; the others are run all the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.services.localstack import localstack
from tests.services.radosgw import radosgw
from tests.services.run_with_services import started

ROOT: Final = Path(__file__).resolve().parents[2]
DRILLS: Final[Sequence[tuple[str, ...]]] = (
    ("kill_serve",),
    ("rtsp_restart",),
    ("store_down", "--seconds", "60"),
    ("store_faults",),
    ("clock_steps",),
    ("disk_full",),
    ("kill_steps",),
    ("lost_database",),
)
"""Module and options."""

Run = Callable[[Sequence[str], Mapping[str, str]], int]


def run_all(drills: Sequence[tuple[str, ...]], environment: Mapping[str, str], run: Run) -> list[str]:
    """Runs each; the commands that failed."""
    failed = []
    for name, *options in drills:
        command = ["python", "-m", f"tests.drills.{name}", *options]
        print(f"\n{' '.join(command)}", flush=True)
        if run([sys.executable, *command[1:]], environment) != 0:
            failed.append(" ".join(command))
    return failed


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode


def main() -> int:
    began = time.monotonic()
    with started((localstack, radosgw)) as environment:
        failed = run_all(DRILLS, environment, _run)
    print(f"\n{len(DRILLS)} drills in {(time.monotonic() - began) / 60:.1f} min, {len(failed)} failed")
    for command in failed:
        print(f"  FAILED: {command}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
