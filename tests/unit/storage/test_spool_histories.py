"""Random histories of the spool: failing stores, lost receipts, restarts, removed copies."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from models.errors import DiskFull, RollcallError, StorageError
from models.evidence import LeafKind
from models.footage import Segment, StoredObject
from models.register import LessonRecord, TrainingClass, UploadState
from storage.database import Database, sqlite_url
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.reconciler import Reconciler
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from storage.vault import Vault

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


class Killed(BaseException):
    """Ends the work at once, as a kill does."""


class WeatheredStore(MemoryObjectStore):
    """Full, silent, or forgetful of its answer, as told."""

    mood = "well"

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject:
        if self.mood == "full":
            raise DiskFull("the store is full")
        stored = super().put_locked(key, path, sha256, retain_until, hold=hold)
        if self.mood == "forgetful":  # the object stands, the answer is lost on the way
            raise StorageError("no answer")
        return stored

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        if self.mood == "silent":
            raise StorageError("no answer")
        return super().stat(key, version)


class SpoolHistory(RuleBasedStateMachine):
    """Segments come in, uploads are tried, the process dies at any step and starts again."""

    prepare: Callable[[Path], None]
    vault: Vault

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="rollcall-spool-"))
        type(self).prepare(self.folder)
        self.clock = Clock()
        self.store = WeatheredStore(self.clock)
        self.database = Database(sqlite_url(self.folder / "test.db"))
        self.ledger = Ledger(self.database, type(self).vault, self.clock, "test.rollcall/log")
        self.contents: dict[int, bytes] = {}
        self.kill_after = -1
        self.open()

    def open(self) -> None:
        self.kill_after = -1
        self.spool = Spool(self.folder / "spool", self.ledger, SpoolLimits(reserve_bytes=0), step=self.step)
        self.uploader = Uploader(self.spool, self.store)

    def step(self, _name: str) -> None:
        if self.kill_after == 0:
            raise Killed
        self.kill_after -= 1

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    @rule()
    def a_segment_closes(self) -> None:
        sequence = len(self.contents) + 1
        content = f"footage {sequence}".encode()
        path = self.spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
        path.write_bytes(content)
        starts_at = START + timedelta(minutes=sequence)
        segment = Segment(
            f"seg-{sequence}", "L1", "cam1", sequence, starts_at, starts_at + timedelta(minutes=1), 0.0, 60.0,
            "h264", 64, 48, len(content), hashlib.sha256(content).hexdigest(), str(path), 1,
        )  # fmt: skip
        self.spool.accept(segment)
        self.contents[sequence] = content

    @rule()
    def an_upload_is_tried(self) -> None:
        self.uploader.upload_next()

    @rule(after=st.integers(0, 6))
    def the_process_dies_during_an_upload(self, after: int) -> None:
        self.kill_after = after
        with suppress(Killed):
            self.uploader.drain(2)
        self.open()

    @rule(after=st.integers(0, 4))
    def the_process_dies_during_the_repair(self, after: int) -> None:
        self.kill_after = after
        with suppress(Killed):
            Reconciler(self.spool, self.uploader).run()
        self.open()

    @rule()
    def a_start_repairs(self) -> None:
        assert Reconciler(self.spool, self.uploader).run().missing == ()

    @rule(mood=st.sampled_from(["well", "full", "silent", "forgetful"]))
    def the_store_changes(self, mood: str) -> None:
        self.store.mood = mood

    @rule(minutes=st.integers(1, 30))
    def time_passes(self, minutes: int) -> None:
        self.clock.at += timedelta(minutes=minutes)

    @invariant()
    def every_byte_is_in_the_spool_or_in_the_store(self) -> None:
        kept = {stored.key for stored in self.store.list_versions("")}
        with self.ledger.read() as work:
            uploads = {upload.sequence: upload for upload in work.uploads.of_lesson("L1")}
        assert set(uploads) == set(self.contents)
        for sequence, content in self.contents.items():
            upload = uploads[sequence]
            if upload.object_key in kept:
                assert self.store.read_range(upload.object_key, 0, None) == content
            else:
                assert Path(upload.path).read_bytes() == content

    @invariant()
    def a_copy_goes_only_after_its_receipt(self) -> None:
        with self.ledger.read() as work:
            uploads = work.uploads.of_lesson("L1")
            leaves = list(work.evidence.store.rows(LeafQuery("L1", (LeafKind.SEGMENT_STORED,))))
        receipts = Counter(json.loads(leaf.record)["body"]["sequence"] for leaf in leaves)
        for upload in uploads:
            if not Path(upload.path).exists() or upload.state is not UploadState.WAITING:
                assert receipts[upload.sequence] == 1
            else:
                assert receipts[upload.sequence] == 0

    def settle(self) -> None:
        """In the end, with a store that is well, everything arrives."""
        self.store.mood = "well"
        self.open()
        Reconciler(self.spool, self.uploader).run()
        for _ in range(3):
            self.clock.at += timedelta(minutes=30)
            self.uploader.drain()
        with self.ledger.read() as work:
            assert {upload.state for upload in work.uploads.of_lesson("L1")} <= {UploadState.CLEARED}
        assert len(self.store.list_versions("")) == len(self.contents)

    @rule()
    def all_is_well_in_the_end(self) -> None:
        self.settle()


def test_no_history_loses_footage_or_doubles_a_receipt(
    migrated_file: Path, vault: Vault, new_lesson: Callable[..., LessonRecord]
) -> None:
    def prepare(folder: Path) -> None:
        shutil.copy(migrated_file, folder / "test.db")
        database = Database(sqlite_url(folder / "test.db"))
        ledger = Ledger(database, vault, Clock(), "test.rollcall/log")
        with ledger.write() as work:
            work.classes.add(TrainingClass("C1", "n"), START)
            work.lessons.add(new_lesson())
        database.close()

    class Prepared(SpoolHistory):
        pass

    Prepared.prepare = staticmethod(prepare)
    Prepared.vault = vault
    run_state_machine_as_test(
        Prepared,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_the_invariants_would_notice_a_loss(sqlite_with_lesson: Ledger, tmp_path: Path) -> None:
    """A spool that removed its copy before the receipt is refused by the rule itself."""
    spool = Spool(tmp_path / "spool", sqlite_with_lesson, SpoolLimits(reserve_bytes=0))
    path = spool.folder("L1", "cam1") / "000001.mp4"
    path.write_bytes(b"footage")
    segment = Segment(
        "seg-1", "L1", "cam1", 1, START, START + timedelta(minutes=1), 0.0, 60.0, "h264", 64, 48, 7,
        hashlib.sha256(b"footage").hexdigest(), str(path), 1,
    )  # fmt: skip
    spool.accept(segment)
    upload = spool.next_to_upload()
    assert upload is not None
    with pytest.raises(RollcallError):
        spool.clear(upload)
