"""Killed between any two steps, nothing is lost and nothing is doubled.

A child process does the work and ends itself, without any clean-up, at the chosen step, as kill −9 would.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np
import pytest

from models.evidence import LeafKind
from models.footage import GapCause, Segment
from models.ports import Clock
from models.register import LessonRecord, TrainingClass, UploadState
from storage.database import Database, sqlite_url
from storage.fragments import read_fragments
from storage.leaf_store import LeafQuery
from storage.objects import FilesystemObjectStore
from storage.reconciler import Reconciled, Reconciler
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from storage.vault import Vault

KILLED = 9
Step = Callable[[str], None]
NewLesson = Callable[..., LessonRecord]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """4 s of fragmented H.264 in five fragments."""
    path = tmp_path_factory.mktemp("film") / "segment.mp4"
    flags = {"movflags": "delay_moov+default_base_moof", "frag_duration": "960000"}
    with av.open(str(path), "w", format="mp4", container_options=flags) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 64, 48, "yuv420p", {"g": "25"}
        for number in range(100):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


@dataclass
class House:
    """Opened anew by each process from what lies on disk."""

    folder: Path
    vault: Vault
    clock: Clock

    def open(self, step: Step = lambda _name: None) -> tuple[Ledger, Spool, Uploader, FilesystemObjectStore]:
        database = Database(sqlite_url(self.folder / "test.db"))
        ledger = Ledger(database, self.vault, self.clock, "test.rollcall/log")
        spool = Spool(self.folder / "spool", ledger, SpoolLimits(reserve_bytes=0), step=step)
        store = FilesystemObjectStore(self.folder / "store", self.clock, step=step)
        return ledger, spool, Uploader(spool, store), store

    def repair(self, step: Step = lambda _name: None) -> Reconciled:
        ledger, spool, uploader, _ = self.open(step)
        with spool.claimed():
            repaired = Reconciler(spool, uploader).run()
            attempts = uploader.drain()
        ledger.database.close()
        assert [attempt.error for attempt in attempts if attempt.error is not None] == []
        return repaired


@pytest.fixture
def house(
    tmp_path: Path, migrated_file: Path, vault: Vault, clock: Clock, now: datetime, new_lesson: NewLesson
) -> Iterator[House]:
    shutil.copy(migrated_file, tmp_path / "test.db")
    built = House(tmp_path, vault, clock)
    ledger, spool, _, _ = built.open()
    with ledger.write() as work:
        work.classes.add(TrainingClass("C1", "n"), now)
        work.lessons.add(new_lesson())
    spool.folder("L1", "cam1")
    ledger.database.close()
    clock.at = now + timedelta(seconds=10)  # type: ignore[attr-defined]
    return built


def write_files(house: House, sequence: int, content: bytes, now: datetime, *, closed: bool) -> Path:
    """What a recorder leaves: the sidecar and the segment, open or closed."""
    folder = house.folder / "spool" / "L1" / "cam1"
    sidecar = {
        "segment_id": f"seg-{sequence}",
        "lesson_id": "L1",
        "camera_id": "cam1",
        "sequence": sequence,
        "starts_at": (now + timedelta(seconds=4 * (sequence - 1))).isoformat(),
        "first_pts_s": 4.0 * (sequence - 1),
        "codec": "h264",
        "width": 64,
        "height": 48,
        "rotation": 0,
        "time_base": "1/12800",
        "derived": False,
    }
    (folder / f"{sequence:06d}.json").write_text(json.dumps(sidecar))
    path = folder / (f"{sequence:06d}.mp4" if closed else f"{sequence:06d}.part.mp4")
    path.write_bytes(content)
    return path


def segment_of(path: Path, now: datetime) -> Segment:
    content = path.read_bytes()
    return Segment(
        "seg-1", "L1", "cam1", 1, now, now + timedelta(seconds=4), 0.0, 4.0, "h264", 64, 48,
        len(content), hashlib.sha256(content).hexdigest(), str(path), read_fragments(path).keyframes,
    )  # fmt: skip


def in_child(work: Callable[[Step], None], kill_at: int | None) -> list[str]:
    """Run ``work`` in a child; with ``kill_at`` it dies at that step. Returns the steps it passed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        passed = count()

        def step(name: str) -> None:
            os.write(writer, f"{name}\n".encode())
            if next(passed) == kill_at:
                os._exit(KILLED)

        try:
            work(step)
        except BaseException as error:  # noqa: BLE001 - the child must never return into pytest
            os.write(writer, f"failed: {error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        steps = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code == (0 if kill_at is None else KILLED), steps[-1:]
    return steps


def record_and_upload(house: House, now: datetime) -> Callable[[Step], None]:
    """A closed segment is booked and carried into the store, while the next one is being written."""

    def work(step: Step) -> None:
        _, spool, uploader, _ = house.open(step)
        spool.accept(segment_of(house.folder / "spool/L1/cam1/000001.mp4", now))
        uploader.drain()

    return work


def check_whole(house: House, contents: dict[int, bytes]) -> None:
    """Each segment is in the store, locked, with one row and one leaf of each kind; the spool is empty."""
    ledger, spool, _, store = house.open()
    with ledger.read() as work:
        segments = work.footage.segments("L1", "cam1")
        uploads = {upload.sequence: upload for upload in work.uploads.of_lesson("L1")}
        leaves = list(work.evidence.store.rows(LeafQuery("L1")))
        gaps = work.footage.gaps("L1")
    assert [segment.sequence for segment in segments] == sorted(contents)
    for segment in segments:
        upload = uploads[segment.sequence]
        stored = store.rehash(upload.object_key)
        assert store.read_range(upload.object_key, 0, None) == contents[segment.sequence]
        assert (stored.lock_mode, stored.retain_until) == ("COMPLIANCE", upload.retain_until)
        assert upload.state is UploadState.CLEARED
    closed = [json.loads(leaf.record)["body"] for leaf in leaves if leaf.kind is LeafKind.SEGMENT_CLOSED]
    stored_leaves = [
        json.loads(leaf.record)["body"] for leaf in leaves if leaf.kind is LeafKind.SEGMENT_STORED
    ]
    assert Counter(body["sequence"] for body in closed) == dict.fromkeys(contents, 1)
    assert Counter(body["sequence"] for body in stored_leaves) == dict.fromkeys(contents, 1)
    assert {body["sequence"]: body["sha256"] for body in closed} == {
        sequence: hashlib.sha256(content).hexdigest() for sequence, content in contents.items()
    }
    assert sum(1 for leaf in leaves if leaf.kind is LeafKind.GAP) == len(gaps)
    assert len(store.list_versions("")) == len(contents)
    assert [path for path in spool.root.rglob("*") if path.is_file() and path.name != ".claim"] == []
    ledger.database.close()


STEPS_OF_AN_UPLOAD = [
    "accept: begun",
    "accept: leaf appended",
    "accept: row written",
    "accept: committed",
    "copied",
    "sidecar",
    "linked",
    "published",
    "upload: put",
    "upload: read back",
    "receipt: written",
    "receipt: committed",
    "clear: copy removed",
    "clear: committed",
]


def test_the_steps_are_those_of_the_design(house: House, film: bytes, now: datetime) -> None:
    write_files(house, 1, film, now, closed=True)
    assert in_child(record_and_upload(house, now), None) == STEPS_OF_AN_UPLOAD
    check_whole(house, {1: film})


@pytest.mark.parametrize("kill_at", range(len(STEPS_OF_AN_UPLOAD)), ids=STEPS_OF_AN_UPLOAD)
def test_a_kill_between_two_steps_loses_and_doubles_nothing(
    house: House, film: bytes, now: datetime, kill_at: int
) -> None:
    write_files(house, 1, film, now, closed=True)
    torn = write_files(house, 2, film[:4500], now, closed=False)
    whole = film[: read_fragments(torn).whole_bytes]
    in_child(record_and_upload(house, now), kill_at)
    repaired = house.repair()
    assert {segment.sequence for segment in repaired.repaired} <= {1, 2}
    assert (repaired.missing, repaired.aside) == ((), ())
    check_whole(house, {1: film, 2: whole})
    assert house.repair() == Reconciled()  # nothing is left to repair


def test_a_kill_at_any_step_of_the_repair_is_repaired_by_the_next(
    house: House, film: bytes, now: datetime, tmp_path: Path
) -> None:
    write_files(house, 1, film, now, closed=True)
    torn = write_files(house, 2, film[:4500], now, closed=False)
    whole = film[: read_fragments(torn).whole_bytes]
    shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-before", symlinks=True)
    before = tmp_path.parent / f"{tmp_path.name}-before"
    steps = in_child(lambda step: (house.repair(step), None)[1], None)
    assert {"repair: cut", "repair: named"} <= set(steps)
    check_whole(house, {1: film, 2: whole})
    for kill_at in range(len(steps)):
        shutil.rmtree(tmp_path)
        shutil.copytree(before, tmp_path)
        in_child(lambda step: (house.repair(step), None)[1], kill_at)
        house.repair()
        check_whole(house, {1: film, 2: whole})


def test_a_repaired_segment_says_what_it_is(house: House, film: bytes, now: datetime) -> None:
    torn = write_files(house, 1, film[:4500], now, closed=False)
    video = read_fragments(torn)
    (segment,) = house.repair().repaired
    assert segment.repaired
    assert (segment.starts_at, segment.duration_s) == (now, video.duration_s)
    assert segment.ends_at == now + timedelta(seconds=video.duration_s)
    assert (segment.size_bytes, segment.keyframes) == (video.whole_bytes, video.keyframes)


def test_the_time_that_footage_misses_is_declared_until_now(
    house: House, film: bytes, now: datetime, clock: Clock
) -> None:
    write_files(house, 1, film, now, closed=True)
    write_files(house, 2, film[:4500], now, closed=False)
    clock.at = now + timedelta(minutes=2)  # type: ignore[attr-defined]
    repaired = house.repair()
    (gap,) = repaired.gaps
    assert (gap.cause, gap.ends_at) == (GapCause.PROCESS_RESTARTED, clock.now())
    assert gap.starts_at == max(segment.ends_at for segment in repaired.repaired)
    clock.at = now + timedelta(minutes=3)  # type: ignore[attr-defined]
    (later,) = house.repair().gaps  # no recorder ran meanwhile
    assert later.starts_at == gap.ends_at


def test_the_gap_ends_with_the_lesson(house: House, now: datetime, clock: Clock) -> None:
    clock.at = now + timedelta(hours=5)  # type: ignore[attr-defined]
    (gap,) = house.repair().gaps
    assert (gap.starts_at, gap.ends_at) == (now, now + timedelta(minutes=45))
    assert house.repair().gaps == ()


@pytest.mark.parametrize("content", ["header", "noise"])
def test_bytes_that_cannot_be_booked_are_kept_under_another_name(
    house: House, film: bytes, now: datetime, content: str
) -> None:
    bytes_left = film[:1500] if content == "header" else b"\xff" * 4000
    path = write_files(house, 1, bytes_left, now, closed=False)
    (aside,) = house.repair().aside
    assert aside.read_bytes() == bytes_left
    assert aside.name == "000001.part.mp4.damaged-1"
    assert aside.with_name(f"{aside.name}.json").exists()
    assert not path.exists()
    assert house.repair().aside == ()
    again = write_files(house, 1, bytes_left, now, closed=False)
    assert house.repair().aside[0].name == "000001.part.mp4.damaged-2"
    assert not again.exists()


def test_a_segment_without_its_sidecar_is_set_aside(house: House, film: bytes, now: datetime) -> None:
    path = write_files(house, 1, film, now, closed=False)
    path.with_name("000001.json").write_text('{"segment_id": "x"}')
    (aside,) = house.repair().aside
    assert aside.read_bytes() == film


@pytest.mark.parametrize(
    "change",
    [{"lesson_id": "L9"}, {"sequence": 7}, {"camera_id": "cam9"}, {"starts_at": "2026-11-23T01:00:00"}],
)
def test_a_sidecar_that_contradicts_its_place_is_not_believed(
    house: House, film: bytes, now: datetime, change: dict[str, object]
) -> None:
    path = write_files(house, 1, film, now, closed=False)
    sidecar = path.with_name("000001.json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))
    assert len(house.repair().aside) == 1


def test_footage_of_a_lesson_that_nobody_knows_is_kept(house: House, film: bytes, now: datetime) -> None:
    path = write_files(house, 1, film, now, closed=True)
    sidecar = path.with_name("000001.json")
    stray = house.folder / "spool" / "L9" / "cam1"
    stray.mkdir(parents=True)
    path.rename(stray / path.name)
    (stray / sidecar.name).write_text(sidecar.read_text().replace('"L1"', '"L9"'))
    sidecar.unlink()
    (aside,) = house.repair().aside
    assert aside.read_bytes() == film


def test_empty_files_and_lone_sidecars_are_swept(house: House, now: datetime) -> None:
    path = write_files(house, 1, b"", now, closed=False)
    path.with_name("000002.json").write_text("{}")
    path.with_name("000003.json.tmp").write_text("{")
    assert house.repair().aside == ()
    assert [file for file in (house.folder / "spool").rglob("*") if file.name != ".claim"] == []


def test_a_segment_that_could_not_be_booked_is_adopted_while_recording_goes_on(
    house: House, film: bytes, now: datetime, clock: Clock
) -> None:
    closed = write_files(house, 1, film, now, closed=True)
    being_written = write_files(house, 2, film[:4500], now, closed=False)
    for path, age_s in ((closed, 60), (being_written, 600)):
        os.utime(path, (clock.now().timestamp() - age_s,) * 2)
    ledger, spool, uploader, _ = house.open()
    reconciler = Reconciler(spool, uploader)
    assert reconciler.adopt_closed() == ()  # it may be on its way into the books
    (adopted,) = reconciler.adopt_closed(timedelta(seconds=30))
    assert adopted.sequence == 1
    assert reconciler.adopt_closed(timedelta(seconds=30)) == ()
    assert being_written.stat().st_size == 4500
    ledger.database.close()


def test_a_closed_file_with_a_torn_end_is_not_cut(house: House, film: bytes, now: datetime) -> None:
    write_files(house, 1, film[:4500], now, closed=True)
    (aside,) = house.repair().aside
    assert aside.stat().st_size == 4500
