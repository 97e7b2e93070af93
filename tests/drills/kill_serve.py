"""``make drill``: kill -9 of ``serve`` at random moments of one live lesson, then look at what is left.

    python -m tests.drills.kill_serve [--kills 20] [--seed 1]

One lesson with two cameras (a drawn class, played as live streams, cut into segments of 4 s) goes on through
all kills. Each round waits until both cameras have footage on disk, kills the server at a random moment, and
starts it again. Then every leaf, segment, gap and sighting that was in the database must still be there,
every segment must have the bytes of its row, the recogniser's process must be gone, footage and gaps must
account for every second, and what the killed recorders had written must come back, ending at most one
fragment before the kill. At the end the server is asked to stop, and the whole log is audited.

Prints a line per kill and the worst loss in seconds and bytes; exit 1 when anything acknowledged was lost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from ingest.synthetic import scenarios
from ingest.synthetic.folder import write_scenario
from models.policy import RecordingPolicy
from models.register import Camera, LessonRecord, TrainingClass
from models.timeline import Interval, union
from models.timetable import Lesson, LessonState
from storage.evidence_proofs import audit_log
from supervision_api.actions.roster_import import ImportOrder, Source, store_roster
from supervision_api.pipeline.faces import face_setup, open_faces
from supervision_api.pipeline.installation import open_installation
from supervision_api.pipeline.roster_enrolment import examine_roster
from supervision_api.roster_files import read_roster
from supervision_api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CAMERAS = ("front", "back")
LESSON = "drill"
FRAGMENT_S = 1.0
# A packet travels from the camera's clock to the synced file; on a loaded machine that takes its time.
SLACK_S = 1.5
# Two clocks meet at each edge of a gap.
HOLE_S = 0.2
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database held: hashes of leaves and segments, gaps, and how many sightings."""

    leaves: dict[int, str]
    segments: dict[str, str]
    gaps: frozenset[tuple[str, str, str]]
    sightings: int


@dataclass(frozen=True, slots=True)
class Tail:
    """What a kill cost one camera: seconds before it that are no footage, bytes of a torn fragment cut."""

    seconds: float
    cut_bytes: int


def settings_in(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data", cache_dir=folder / "cache", weights_dir=None, detector="hog", port=0
    )


def seed(folder: Path) -> None:
    """A class, its photos, two cameras that play the drawn lesson, and one lesson of six hours."""
    scenario = scenarios.small()
    video = write_scenario(folder / "scene", scenario)
    files = read_roster(folder / "scene" / "roster")
    settings = settings_in(folder)
    with open_installation(settings) as house:
        now = house.clock.now()
        faces = open_faces(face_setup(settings))
        roster = examine_roster(files, now.date(), faces, lambda _share, _what: None, faceless_allowed=True)
        policy = replace(scenario.policy, recording=RecordingPolicy(segment=timedelta(seconds=4)))
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "drill", now)
            work.classes.add(TrainingClass(scenario.class_code, "drill", "local", policy=policy), now)
            store_roster(
                work, ImportOrder(scenario.class_code, consented=True), roster, Source("drill", "0" * 64), now
            )
            for camera in CAMERAS:
                work.cameras.add(Camera(camera, "101", str(video)))
            lesson = Lesson(
                LESSON, scenario.class_code, "drill", now, now + timedelta(hours=6), cameras=CAMERAS
            )
            work.lessons.add(LessonRecord(lesson, policy, LessonState.PLANNED, roll_call_seed="0" * 64))


def start(folder: Path) -> subprocess.Popen[str]:
    """A server that has announced itself: its repair is done."""
    settings = settings_in(folder)
    env = {
        **os.environ,
        "ROLLCALL_DATA_DIR": str(settings.data_dir),
        "ROLLCALL_CACHE_DIR": str(settings.cache_dir),
        "ROLLCALL_DETECTOR": "hog",
    }
    command = [sys.executable, "-m", "supervision_api.cli", "serve", "--port", "0", "--json"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        line = server.stdout.readline()
        if not line:
            server.kill()
            raise SystemExit("the server did not start")
        text += line
    json.loads(text)
    return server


def query(folder: Path, statement: str) -> list[tuple[str, ...]]:
    path = settings_in(folder).data_dir / "rollcall.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


def read(folder: Path) -> Kept:
    leaves = query(folder, "select sequence, hex(leaf_hash) from evidence_leaves")
    gaps = query(folder, "select camera_id, starts_at, ends_at from gaps")
    return Kept(
        {int(sequence): digest for sequence, digest in leaves},
        dict(query(folder, "select segment_id, sha256 from segments")),  # type: ignore[arg-type]
        frozenset((camera, starts, ends) for camera, starts, ends in gaps),
        int(query(folder, "select count(*) from sightings")[0][0]),
    )


def lost_of(before: Kept, after: Kept) -> list[str]:
    """What was acknowledged and is no longer there."""
    lost = [f"leaf {seq}" for seq, digest in before.leaves.items() if after.leaves.get(seq) != digest]
    lost += [f"segment {key}" for key, digest in before.segments.items() if after.segments.get(key) != digest]
    lost += [f"gap {gap}" for gap in before.gaps - after.gaps]
    if after.sightings < before.sightings:
        lost.append(f"{before.sightings - after.sightings} sightings")
    return lost


def broken_footage(folder: Path) -> list[str]:
    """Segments whose bytes, in the spool or in the store, are not what their row says."""
    rows = query(
        folder,
        "select segments.sha256, uploads.path, object_key from segments"
        " left join uploads on upload_id = segment_id",
    )
    broken = []
    for digest, path, key in rows:
        places = [Path(path), settings_in(folder).store_dir / key] if key else []
        contents = [place.read_bytes() for place in places if place.exists()]
        if not any(hashlib.sha256(content).hexdigest() == digest for content in contents):
            broken.append(f"bytes of {key or digest}")
    return broken


def unaccounted(folder: Path) -> list[str]:
    """Seconds between the first and the last booked instant of a camera that are neither footage nor gap."""
    found = []
    for camera in CAMERAS:
        pieces = [
            Interval(instant(starts), instant(ends))
            for table in ("segments", "gaps")
            for starts, ends in query(
                folder, f"select starts_at, ends_at from {table} where camera_id = '{camera}'"
            )
            if starts != ends
        ]
        whole = union(pieces)
        for earlier, later in pairwise(whole):
            hole_s = (later.starts_at - earlier.ends_at).total_seconds()
            if hole_s > HOLE_S:
                found.append(f"{hole_s:.2f} s of {camera} without a cause")
    return found


def instant(text: str) -> datetime:
    at = datetime.fromisoformat(str(text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def open_parts(folder: Path) -> dict[tuple[str, int], int]:
    """Bytes of the segments that are being written, by camera and sequence."""
    spool = settings_in(folder).spool_dir / LESSON
    parts = {}
    for path in spool.glob("*/*.part.mp4"):
        parts[path.parent.name, int(path.name[:6])] = path.stat().st_size
    return parts


def tails(folder: Path, killed_at: float, parts: dict[tuple[str, int], int]) -> list[Tail]:
    found = []
    for camera in CAMERAS:
        rows = query(
            folder,
            f"select sequence, ends_at, size_bytes from segments where camera_id = '{camera}'"
            f" and starts_at < '{datetime.fromtimestamp(killed_at, UTC):%Y-%m-%d %H:%M:%S.%f}'"
            " order by sequence desc limit 1",
        )
        if not rows:
            continue
        sequence, ends_at, size = rows[0]
        written = parts.get((camera, int(sequence)), int(size))
        found.append(Tail(killed_at - instant(ends_at).timestamp(), written - int(size)))
    return found


def wait_until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not happen within {PATIENCE_S:.0f} s")
        time.sleep(0.05)


def is_live(folder: Path) -> bool:
    """Whether every camera has a fragment of an open segment on disk."""
    written = {camera for (camera, _), size in open_parts(folder).items() if size}
    return written == set(CAMERAS)


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


def kill(folder: Path, server: subprocess.Popen[str], after_s: float) -> tuple[float, list[int]]:
    """Kills so long after both cameras have footage on disk; the instant, and the processes it left."""
    wait_until(lambda: is_live(folder), "live footage of every camera")
    time.sleep(after_s)
    children = children_of(server.pid)
    killed_at = time.time()
    server.send_signal(signal.SIGKILL)
    server.wait()
    return killed_at, children


def losses(folder: Path, before: Kept, found: list[Tail]) -> list[str]:
    """After the next start: everything that should be there and is not."""
    lost = lost_of(before, read(folder)) + broken_footage(folder) + unaccounted(folder)
    if len(found) != len(CAMERAS):
        lost.append("all footage of a camera")
    return lost + [
        f"{tail.seconds:.2f} s of footage" for tail in found if tail.seconds > FRAGMENT_S + SLACK_S
    ]


def audit(folder: Path) -> list[str]:
    """After the last stop: the whole log, and every object read and compared."""
    with open_installation(settings_in(folder)) as house:
        house.uploader.drain()
        with house.ledger.read() as work:
            problems = [
                f"{one.place}: {one.message}" for one in audit_log(work.evidence.store, house.settings.origin)
            ]
        for stored in house.store.list_versions("footage/"):
            house.store.rehash(stored.key)
    problems += [f"{key} was left open" for key in open_parts(folder)]
    return problems


def drill(kills: int, seed_number: int) -> int:
    moments, failures, worst = random.Random(seed_number), list[str](), list[Tail]()
    with tempfile.TemporaryDirectory(prefix="rollcall-drill-") as name:
        folder = Path(name)
        seed(folder)
        server = start(folder)
        for number in range(1, kills + 1):
            killed_at, children = kill(folder, server, moments.uniform(0.0, 6.0))
            parts, before = open_parts(folder), read(folder)
            orphans = [f"orphan {pid}" for pid in still_running(children)]
            server = start(folder)
            found = tails(folder, killed_at, parts)
            lost = orphans + losses(folder, before, found)
            worst += found
            failures += [f"kill {number}: {what}" for what in lost]
            shown = ", ".join(f"{tail.seconds:.2f} s and {tail.cut_bytes} bytes" for tail in found)
            held = (
                f"{len(before.leaves)} leaves, {len(before.segments)} segments, {before.sightings} sightings"
            )
            print(f"kill {number:>2}: {held}; tail {shown}; lost: {lost or 'nothing'}", flush=True)
        wait_until(lambda: is_live(folder), "live footage of every camera")
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        failures += [f"audit: {what}" for what in audit(folder)]
    seconds = [tail.seconds for tail in worst]
    print(
        f"{kills} kills of a live lesson with {len(CAMERAS)} cameras, files: worst tail {max(seconds):.2f} s,"
        f" median {statistics.median(seconds):.2f} s; torn bytes cut at most"
        f" {max(tail.cut_bytes for tail in worst)}; {len(failures)} losses"
    )
    for failure in failures:
        print(f"  {failure}")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    return drill(max(1, chosen.kills), chosen.seed)


if __name__ == "__main__":
    sys.exit(main())
