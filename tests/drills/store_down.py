"""``make drill``: the object store is away for ten minutes while ``rollcall serve`` records two lessons.

    python -m tests.drills.store_down [--seconds 600] [--store localstack|radosgw]

Two lessons, each with a camera that plays a drawn clip as a live stream, cut into segments of 4 s. Footage of
both is being stored; then the line to the store (a real S3 server) breaks for so many seconds.
``make drill`` takes 60 s and says so; with 600 it is the ten minutes of the acceptance.

Prints how long catching up took and the seconds and bytes lost; exit 1 when a recorder paused, a second of
footage is unaccounted for, an object differs from what was recorded, or the outage cost a file an attempt.
"""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np

from models.policy import RecordingPolicy
from models.register import Camera, LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from storage.uploader import Uploader
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings
from tests.drills.drill_store import SERVERS, DrillStore, add_store, environment_of, run_on
from tests.drills.outcome import Outcome, wait_until
from tests.drills.upload_site import drill_folder, line_to
from tests.services.faulty_proxy import Fault, FaultyProxy, always

ROOT = Path(__file__).resolve().parents[2]
LESSONS = {"down-1": "left", "down-2": "right"}
SEGMENT_S = 4
RATE = 10
# Two clocks meet at each edge of a segment.
HOLE_S = 0.2
AROUND_S = 60.0


def write_clip(path: Path, seconds: float) -> None:
    """Moving noise at 320×180, one keyframe a second."""
    noise = np.random.default_rng(1).integers(0, 255, (180, 640, 3), np.uint8)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"g": str(RATE), "preset": "ultrafast", "b": "300k", "bf": "0"}
        for number in range(int(seconds * RATE)):
            shown = np.ascontiguousarray(noise[:, number % 320 : number % 320 + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))


def seed(house: Installation, clip: Path) -> None:
    """A class without trainees, two cameras and two lessons that run from now on."""
    now = house.clock.now()
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "drill", now)
        work.classes.add(TrainingClass("C1", "drill", "local"), now)
        policy = replace(
            work.classes.get("C1").policy, recording=RecordingPolicy(segment=timedelta(seconds=SEGMENT_S))
        )
        for lesson_id, camera in LESSONS.items():
            work.cameras.add(Camera(camera, f"room {camera}", str(clip)))
            lesson = Lesson(lesson_id, "C1", "drill", now, now + timedelta(hours=2), cameras=(camera,))
            work.lessons.add(LessonRecord(lesson, policy, LessonState.PLANNED, roll_call_seed="0" * 64))


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """A server with these settings; its address. Asked to end, it stops in order."""
    command = [sys.executable, "-m", "supervision_api.cli", "serve", "--port", "0", "--json"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield _address(server)
        server.send_signal(signal.SIGTERM)
        server.wait(120)
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        line = server.stdout.readline()
        if not line:
            raise SystemExit("the server did not start")
        text += line
    parts = urlsplit(json.loads(text)["address"])
    return f"http://{parts.netloc}"


def query(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{folder / 'data' / 'rollcall.db'}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


def stored(folder: Path) -> dict[str, int]:
    """Segments of each camera whose receipts are booked."""
    rows = query(
        folder, "select camera_id, count(*) from uploads where state != 'waiting' group by camera_id"
    )
    return {str(camera): int(count) for camera, count in rows}


def backlog(folder: Path) -> int:
    return int(query(folder, "select count(*) from uploads where state = 'waiting'")[0][0])


def readiness(address: str) -> dict[str, str]:
    """Reasons of ``/readyz`` by name."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=30) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        body = json.load(error)
    return {check["name"]: f"{check['reason']} {check['detail']}" for check in body["checks"]}


def drill(folder: Path, settings: Settings, line: FaultyProxy, outcome: Outcome, down_s: float) -> None:
    """Two lessons, one outage."""
    clip = folder / "clip.mp4"
    write_clip(clip, down_s + AROUND_S)
    with open_installation(settings) as house:
        seed(house, clip)
    with serving(settings) as address:
        wait_until(lambda: set(stored(folder)) == set(LESSONS.values()), "footage of both lessons stored")
        line.choose = always(Fault.DOWN)
        time.sleep(down_s)
        waiting, told = backlog(folder), readiness(address)
        attempts = int(query(folder, "select coalesce(max(attempts), 0) from uploads")[0][0])
        line.choose = always(Fault.PASS)
        took_s = wait_until(lambda: backlog(folder) <= len(LESSONS), "the catching up", 300.0)
    outcome.facts |= {"waited": f"{waiting} files", "caught up in": f"{took_s:.1f} s after it was back"}
    if "store away" not in told["spool"]:
        outcome.failures.append(f"/readyz did not tell: {told['spool']}")
    # The file in hand when the line broke may have been put off once; no other was tried.
    if attempts > 1:
        outcome.failures.append(f"the outage cost a file {attempts} attempts")


def count(folder: Path, settings: Settings, outcome: Outcome) -> None:
    """After the server has stopped: every booked byte read back from the store, every second looked for."""
    with open_installation(settings) as house:
        while house.desk.work() is not None:
            pass
        uploader = Uploader(house.spool, house.store)
        with house.ledger.read() as work:
            uploads = [one for lesson in LESSONS for one in work.uploads.of_lesson(lesson)]
        for upload in uploads:
            if not uploader.is_kept(upload) or house.store.rehash(upload.object_key).sha256 != upload.sha256:
                outcome.size_bytes += upload.size_bytes
                outcome.failures.append(f"lost: {upload.object_key}")
    outcome.files = len(uploads)
    for camera in LESSONS.values():
        rows = query(
            folder, f"select starts_at, ends_at from segments where camera_id = '{camera}' order by sequence"
        )
        pieces = [(_instant(begins), _instant(ends)) for begins, ends in rows]
        holes = [(later[0] - earlier[1]).total_seconds() for earlier, later in pairwise(pieces)]
        outcome.seconds += sum(hole for hole in holes if hole > HOLE_S)
        outcome.facts[camera] = (
            f"{sum((end - begin).total_seconds() for begin, end in pieces):.0f} s recorded"
        )


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(str(text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def run(store: DrillStore, down_s: float) -> Outcome:
    """The whole drill in a folder of its own."""
    outcome = Outcome(f"store down {down_s:.0f} s during two lessons", store.name)
    with drill_folder() as folder, line_to(store) as line:
        settings = store.settings(folder, line.endpoint)
        drill(folder, settings, line, outcome, down_s)
        count(folder, settings.model_copy(update={"s3_endpoint": store.endpoint}), outcome)
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the store is away")
    add_store(parser, SERVERS, "a folder on this machine has no line that breaks")
    chosen = parser.parse_args()
    return run_on(chosen.store or SERVERS, lambda store: [run(store, chosen.seconds)])


if __name__ == "__main__":
    sys.exit(main())
