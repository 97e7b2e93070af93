"""``make drill``: kill -9 of ``serve --demo`` at random moments, then look at what is left.

    python -m tests.drills.kill_serve [--kills 20] [--seed 1]

Each round starts the server in the same data folder, kills it while a lesson runs, and checks: every leaf
that was in the log is still there and unchanged, every closed segment is whole, the recogniser's process is
gone, and what the killed recorder had written comes back as a repaired segment that ends at most one fragment
before the kill. Prints a line per round and the worst loss; exit 1 when anything acknowledged was lost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT_S = 1.0
# a packet travels from the camera's clock to the synced file; on a loaded machine that takes its time
SLACK_S = 1.5
START_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database held at the moment of the kill."""

    leaves: dict[int, str]
    segments: dict[str, str]
    sightings: int


def start(data: Path, cache: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """A server and its start-up document."""
    env = {**os.environ, "ROLLCALL_DATA_DIR": str(data), "ROLLCALL_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "supervision_api.cli", "serve", "--demo", "--port", "0", "--json"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    text = ""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not text.rstrip().endswith("}"):
        line = server.stdout.readline()
        if not line or time.monotonic() > deadline:
            server.kill()
            raise SystemExit("the server did not start")
        text += line
    return server, json.loads(text)


def read(data: Path) -> Kept:
    with closing(sqlite3.connect(f"file:{data}/demo/rollcall.db?mode=ro", uri=True)) as database:
        rows = database.execute("select sequence, leaf_hash from evidence_leaves")
        leaves = {sequence: bytes(digest).hex() for sequence, digest in rows}
        segments = dict(database.execute("select segment_id, sha256 from segments"))
        (sightings,) = database.execute("select count(*) from sightings").fetchone()
    return Kept(leaves, segments, sightings)


def lost_of(before: Kept, after: Kept) -> list[str]:
    """What was acknowledged and is no longer there."""
    lost = [f"leaf {seq}" for seq, digest in before.leaves.items() if after.leaves.get(seq) != digest]
    lost += [f"segment {key}" for key, digest in before.segments.items() if after.segments.get(key) != digest]
    if after.sightings < before.sightings:
        lost.append(f"{before.sightings - after.sightings} sightings")
    return lost


def broken_footage(data: Path) -> list[str]:
    """Closed segments whose bytes are not what their row says."""
    with closing(sqlite3.connect(f"file:{data}/demo/rollcall.db?mode=ro", uri=True)) as database:
        query = (
            "select segments.sha256, uploads.path, object_key"
            " from segments join uploads on upload_id = segment_id"
        )
        rows = database.execute(query).fetchall()
    broken = []
    for digest, path, key in rows:
        places = [Path(path), data / "demo" / "store" / key]
        contents = [place.read_bytes() for place in places if place.exists()]
        if not any(hashlib.sha256(content).hexdigest() == digest for content in contents):
            broken.append(key)
    return broken


def tail_loss_s(data: Path, lesson: str, killed_at: float) -> float | None:
    """Seconds from the end of the repaired footage to the kill; ``None`` where nothing was recorded."""
    with closing(sqlite3.connect(f"file:{data}/demo/rollcall.db?mode=ro", uri=True)) as database:
        (ends,) = database.execute(
            "select max(ends_at) from segments where lesson_id = ?", (lesson,)
        ).fetchone()
    if ends is None:
        return None
    at = datetime.fromisoformat(str(ends))
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return killed_at - at.timestamp()


def children_of(pid: int) -> list[int]:
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in listing.stdout.split()]


def still_running(pids: list[int], patience_s: float = 10.0) -> list[int]:
    """Processes that outlive their parent."""
    deadline = time.monotonic() + patience_s
    while pids and time.monotonic() < deadline:
        pids = [pid for pid in pids if Path(f"/proc/{pid}").exists() and " Z " not in _status(pid)]
        time.sleep(0.1)
    return pids


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return " Z "


def drill(kills: int, seed: int) -> int:
    moments = random.Random(seed)
    failures: list[str] = []
    worst_s = 0.0
    with tempfile.TemporaryDirectory(prefix="rollcall-drill-") as folder:
        data, cache = Path(folder) / "data", Path(folder) / "cache"
        for number in range(1, kills + 1):
            server, document = start(data, cache)
            time.sleep(moments.uniform(7.0, 15.0))
            children = children_of(server.pid)
            killed_at = time.time()
            server.send_signal(signal.SIGKILL)
            server.wait()
            before = read(data)
            orphans = still_running(children)
            repaired, _ = start(data, cache)
            repaired.send_signal(signal.SIGTERM)
            repaired.wait(60)
            lost = lost_of(before, read(data)) + broken_footage(data)
            loss_s = tail_loss_s(data, document["lesson"], killed_at)
            if loss_s is not None:
                worst_s = max(worst_s, loss_s)
                if loss_s > FRAGMENT_S + SLACK_S:
                    lost.append(f"{loss_s:.2f} s of footage")
            lost += [f"orphan {pid}" for pid in orphans]
            failures += [f"round {number}: {what}" for what in lost]
            shown = (
                "nothing recorded yet" if loss_s is None else f"last fragment {loss_s:.2f} s before the kill"
            )
            print(
                f"kill {number:>2}: {len(before.leaves)} leaves, {shown}, lost: {lost or 'nothing'}",
                flush=True,
            )
    print(f"{kills} kills, worst tail {worst_s:.2f} s, {len(failures)} losses")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    return drill(chosen.kills, chosen.seed)


if __name__ == "__main__":
    sys.exit(main())
