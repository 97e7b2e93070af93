"""``make drill``: kill −9 between any two steps from the open segment to the removed spool copy.

    python -m tests.drills.kill_steps [--store files|localstack|radosgw]

For each step a process of its own takes a segment that a recorder left open, books it, carries it into the
store and dies at that step, without any clean-up; the next one repairs. On a server every call counts
as two steps, before it and after its answer. Prints the number of kills, and seconds and bytes lost; exit 1
when a segment is not in the store exactly once, locked, with the bytes that were on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from models.evidence import LeafKind
from models.register import UploadState
from storage.leaf_store import LeafQuery
from storage.reconciler import Reconciler
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.settings import Settings
from tests.drills.drill_store import EVERY, DrillStore, add_store, run_on
from tests.drills.outcome import Outcome
from tests.drills.upload_site import CAMERA, drill_folder, seed_lessons

KILLED = 9
MOST_STEPS = 200
CLIP_S = 2.0
Step = Callable[[str], None]


def film() -> bytes:
    """2 s of fragmented H.264, as a recorder writes it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "film.mp4"
        flags = {"movflags": "delay_moov+default_base_moof", "frag_duration": "960000"}
        with av.open(str(path), "w", format="mp4", container_options=flags) as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt, stream.options = 64, 48, "yuv420p", {"g": "25"}
            for number in range(50):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def leave_open(settings: Settings, sequence: int, content: bytes) -> None:
    """What a killed recorder leaves: an open segment and its sidecar."""
    with open_installation(settings) as house:
        folder = house.spool.folder("L1", CAMERA)
        with house.ledger.read() as work:
            begins = work.lessons.get("L1").lesson.starts_at + timedelta(seconds=CLIP_S * (sequence - 1))
    sidecar = {
        "segment_id": f"seg-{sequence}", "lesson_id": "L1", "camera_id": CAMERA, "sequence": sequence,
        "starts_at": begins.isoformat(), "first_pts_s": CLIP_S * (sequence - 1), "codec": "h264",
        "width": 64, "height": 48, "rotation": 0, "time_base": "1/12800", "derived": False,
    }  # fmt: skip
    (folder / f"{sequence:06d}.json").write_text(json.dumps(sidecar))
    (folder / f"{sequence:06d}.part.mp4").write_bytes(content)


def carry(house: Installation, step: Step) -> None:
    """What a start and its uploads do."""
    house.spool.step = step
    if house.settings.store == "filesystem":
        house.store._step = step  # type: ignore[attr-defined]
    else:
        _step_calls(house.store._connection, step)  # type: ignore[attr-defined]
    with house.spool.claimed():
        Reconciler(house.spool, house.uploader).run()
        while house.desk.work() is not None:
            pass


def _step_calls(connection: Any, step: Step) -> None:
    honest = connection.once

    def once(place: str, act: Callable[..., Any]) -> Any:
        step("store: asked")
        answer = honest(place, act)
        step("store: answered")
        return answer

    connection.once = once


def in_child(settings: Settings, die_at: int | None) -> tuple[int, str]:
    """Exit code and the last step of a process that does the work and dies at that step."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        passed = 0

        def step(name: str) -> None:
            nonlocal passed
            os.write(writer, f"{name}\n".encode())
            if passed == die_at:
                os._exit(KILLED)
            passed += 1

        try:
            with open_installation(settings) as house:
                carry(house, step)
        except BaseException as error:  # noqa: BLE001 - the child must never return into its parent's code
            os.write(writer, f"failed: {error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        steps = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), steps[-1] if steps else ""


def drill(store: DrillStore, folder: Path, every: int = 1) -> Outcome:
    """One kill per step; ``every``: only each so-many-th of them."""
    outcome, settings = Outcome("kill −9 between any two steps", store.name), store.settings(folder)
    content, kills, sequence = film(), 0, 0
    with open_installation(settings) as house:
        seed_lessons(house, "L1", hours=10.0)
    for die_at in range(0, MOST_STEPS, every):
        sequence += 1
        leave_open(settings, sequence, content)
        code, where = in_child(settings, die_at)
        if code == 0:
            break
        kills += 1
        if code != KILLED:
            outcome.failures.append(f"step {die_at}: {where}")
        again, why = in_child(settings, None)
        if again != 0:
            outcome.failures.append(f"restart after step {die_at} ({where}): {why}")
    outcome.files = sequence
    outcome.facts["kills"] = str(kills)
    with open_installation(settings) as house:
        _count(house, content, outcome)
    return outcome


def _count(house: Installation, content: bytes, outcome: Outcome) -> None:
    with house.ledger.read() as work:
        uploads = {one.sequence: one for one in work.uploads.of_lesson("L1")}
        receipts = [leaf.record for leaf in work.evidence.store.rows(LeafQuery("L1"))
                    if leaf.kind is LeafKind.SEGMENT_STORED]  # fmt: skip
    for sequence in range(1, outcome.files + 1):
        upload = uploads.get(sequence)
        kept = upload is not None and house.store.read_range(upload.object_key, 0, None) == content
        if not kept or upload is None or upload.state is not UploadState.CLEARED:
            outcome.seconds += CLIP_S
            outcome.size_bytes += len(content)
            outcome.failures.append(f"segment {sequence} is not in the store")
    if len(receipts) != outcome.files:
        outcome.failures.append(f"{len(receipts)} receipts for {outcome.files} segments")
    doubled = len(house.store.list_versions("footage/")) - outcome.files
    outcome.facts["stored twice"] = str(doubled)


def outcomes(store: DrillStore) -> Iterator[Outcome]:
    with drill_folder() as folder:
        yield drill(store, folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add_store(parser, EVERY)
    return run_on(parser.parse_args().store or EVERY, outcomes)


if __name__ == "__main__":
    sys.exit(main())
