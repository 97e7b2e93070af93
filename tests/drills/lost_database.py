"""``make drill``: the database file is removed; index, footage and export come back from the store alone.

    python -m tests.drills.lost_database [--segments 120] [--kilobytes 500] [--store files|localstack|radosgw]

A lesson is recorded, stored, judged and sealed, and its log copied into the store. Then ``rollcall.db`` is
deleted and ``rollcall doctor --rebuild-index`` run as a user would. Afterwards every segment must be in the
index again with its receipt, its bytes must read back with their hash, and the exported bundle must verify.

Prints how long the rebuilding took, and the seconds of footage and bytes lost; exit 1 when anything is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from models.errors import EvidenceBroken, NotFound
from storage.spool import object_key
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings
from tests.drills.drill_store import EVERY, DrillStore, add_store, environment_of, run_on
from tests.drills.outcome import Outcome
from tests.drills.upload_site import drill_folder
from tests.unit.pipeline.sealed_lesson import live_through_a_lesson

ROOT = Path(__file__).resolve().parents[2]


def drill(store: DrillStore, folder: Path, contents: Sequence[bytes]) -> Outcome:
    """Lose the file, rebuild, read everything back, export and verify."""
    outcome, settings = Outcome("database file removed", store.name, len(contents)), store.settings(folder)
    with open_installation(settings) as house:
        before = live_through_a_lesson(house, contents)
    remove_database(settings)
    began = time.monotonic()
    told = _rollcall(settings, outcome, "doctor", "--rebuild-index", "--json")
    outcome.facts["rebuilt in"] = f"{time.monotonic() - began:.1f} s from {before.leaves} leaves"
    with open_installation(settings) as house:
        found = read_back(house)
    lost = [one for one in before.segments if found.get(one.segment_id) != one.sha256]
    outcome.seconds = sum(one.duration_s for one in lost)
    outcome.size_bytes = sum(one.size_bytes for one in lost)
    outcome.failures += [f"lost: {one.segment_id}" for one in lost]
    bundle = str(folder / "bundle")
    _rollcall(settings, outcome, "export", "lesson", "L1", "--out", bundle)
    _rollcall(settings, outcome, "verify", bundle)
    gone = json.loads(told)["rebuilt"]["not_rebuilt"] if told else ()
    outcome.notes += [f"not rebuilt: {what}" for what in gone]
    return outcome


def remove_database(settings: Settings) -> None:
    for path in settings.data_dir.glob("rollcall.db*"):
        path.unlink()


def read_back(house: Installation) -> dict[str, str]:
    """Hash of what the store gives back, by segment that the index knows with its receipt."""
    with house.ledger.read() as work:
        found = [one for one in work.footage.segments("L1") if work.uploads.receipt(one.segment_id)]
    hashes = {}
    for one in found:
        with suppress(EvidenceBroken, NotFound):
            content = house.store.read_range(object_key(one), 0, None)
            hashes[one.segment_id] = hashlib.sha256(content).hexdigest()
    return hashes


def _rollcall(settings: Settings, outcome: Outcome, *arguments: str) -> str:
    """What the command prints; a failure is one of the drill."""
    command = [sys.executable, "-m", "supervision_api.cli", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment_of(settings), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        outcome.failures.append(f"rollcall {arguments[0]} ended with {done.returncode}: {''.join(said)}")
        return ""
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--segments", type=int, default=120)
    parser.add_argument("--kilobytes", type=int, default=500, help="size of each segment")
    add_store(parser, EVERY)
    asked = parser.parse_args()
    contents = [os.urandom(asked.kilobytes * 1000) for _ in range(asked.segments)]

    def outcomes(store: DrillStore) -> list[Outcome]:
        with drill_folder() as folder:
            return [drill(store, folder, contents)]

    return run_on(asked.store or EVERY, outcomes)


if __name__ == "__main__":
    sys.exit(main())
