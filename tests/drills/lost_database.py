"""``make drill``: the database file is removed; index, playback and export come back from the store alone.

    python -m tests.drills.lost_database [--segments 120] [--kilobytes 500]

A lesson is recorded, stored, judged and sealed, and its log copied into the store. Then ``rollcall.db`` is
deleted and ``rollcall doctor --rebuild-index`` run as a user would. Afterwards every segment must be in the
index again with its receipt, its bytes must read back with their hash, and the exported bundle must verify.

Prints seconds of footage and bytes before and after, and how long it took; exit 1 when anything is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from storage.spool import object_key
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings
from tests.unit.pipeline.sealed_lesson import live_through_a_lesson

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    asked = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="rollcall-lost-database-") as name:
        settings = Settings(data_dir=Path(name) / "data", weights_dir=None, detector="hog", log_level="error")
        contents = [os.urandom(asked.kilobytes * 1000) for _ in range(asked.segments)]
        with open_installation(settings) as house:
            before = live_through_a_lesson(house, contents)
        for path in settings.data_dir.glob("rollcall.db*"):
            path.unlink()
        began = time.monotonic()
        told = _rollcall(settings, "doctor", "--rebuild-index", "--json")
        took_s = time.monotonic() - began
        with open_installation(settings) as house:
            read = _read_back(house)
        bundle = Path(name) / "bundle"
        exported = _rollcall(settings, "export", "lesson", "L1", "--out", str(bundle)).returncode
        verified = _rollcall(settings, "verify", str(bundle)).returncode
    seconds = sum(segment.duration_s for segment in before.segments)
    lost_s, lost_bytes = seconds - read[0], sum(map(len, contents)) - read[1]
    print(f"footage before: {seconds:.0f} s, {sum(map(len, contents))} bytes; log: {before.leaves} leaves")
    print(f"rebuilt in {took_s:.1f} s: doctor says {told.returncode}, export {exported}, verify {verified}")
    print(f"lost: {lost_s:.0f} s, {lost_bytes} bytes")
    for line in json.loads(told.stdout)["rebuilt"]["not_rebuilt"]:
        print(f"  not rebuilt: {line}")
    return 1 if lost_s or lost_bytes or told.returncode or exported or verified else 0


def _read_back(house: Installation) -> tuple[float, int]:
    """Seconds and bytes of footage that the index knows and the store gives back with the right hash."""
    with house.ledger.read() as work:
        found = [one for one in work.footage.segments("L1") if work.uploads.receipt(one.segment_id)]
    sizes = [len(house.store.read_range(object_key(one), 0, None)) for one in found]
    return sum(one.duration_s for one in found), sum(sizes)


def _rollcall(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "ROLLCALL_DATA_DIR": str(settings.data_dir),
        "ROLLCALL_DETECTOR": "hog",
        "ROLLCALL_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "supervision_api.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.lost_database", description=__doc__)
    parser.add_argument("--segments", type=int, default=120)
    parser.add_argument("--kilobytes", type=int, default=500, help="size of each segment")
    return parser


if __name__ == "__main__":
    sys.exit(main())
