"""The re-hash finds what was changed behind the program's back, and takes it back when it is mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from models.errors import EvidenceBroken, StorageError
from models.evidence import LeafKind
from models.evidence_care import FootageProblem
from models.evidence_leaves import lesson_published
from models.flags import Flag, FlagKind, FlagState
from models.footage import Segment, StoredObject
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.retention import footage_retention
from models.timetable import Lesson, LessonState
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery, StoredLeaf
from storage.objects.sidecar import load_record
from storage.spool import Spool, SpoolLimits, object_key
from storage.uploader import UploadAttempt, Uploader
from storage.verifier.verify import verify_bundle
from supervision_api.metrics import Metrics
from supervision_api.pipeline.bundling import write_lesson_bundle
from supervision_api.pipeline.chores.rehashing import EVERY_S, LONGEST_CREDIT_S, Budget, rehashing
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.judging import judge_lesson
from supervision_api.pipeline.rehashing import LOOK_AGAIN, Rehasher
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

STARTED = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
QUARTER = timedelta(days=91)
ALL = 1 << 40
SIZE = 3000


@dataclass
class Scene:
    house: Installation
    clock: HandClock

    def rehasher(self) -> Rehasher:
        return Rehasher(self.house.ledger, self.house.store, QUARTER)

    def walk_all(self) -> None:
        walker = self.rehasher()
        for _ in range(50):
            if walker.walk(ALL).files == 0:
                return

    def file(self, number: int) -> Path:
        with self.house.ledger.read() as work:
            segment = work.footage.segments("L1", "cam1")[number - 1]
        return self.house.folder / "store" / object_key(segment)

    def flag(self) -> Flag | None:
        with self.house.ledger.read() as work:
            flags = [one.flag for one in work.flags.of_lesson("L1") if one.flag.kind is FlagKind.EVIDENCE]
        assert len(flags) <= 1
        return flags[0] if flags else None

    def problems(self) -> dict[int, FootageProblem]:
        with self.house.ledger.read() as work:
            return {one.sequence: one.problem for one in work.rehash.open_findings()}

    def leaves(self, kind: LeafKind = LeafKind.REHASHED) -> list[StoredLeaf]:
        with self.house.ledger.read() as work:
            return list(work.evidence.store.rows(LeafQuery(kinds=(kind,))))


def bodies(leaves: list[StoredLeaf]) -> list[dict[str, object]]:
    return [json.loads(leaf.record)["body"] for leaf in leaves]


def store_footage(house: Installation, lesson_id: str, segments: int, at: datetime) -> None:
    """A judged lesson whose footage went the ordinary way."""
    lesson = Lesson(lesson_id, "C1", "lesson", at, at + timedelta(minutes=45), cameras=("cam1",))
    with house.ledger.write() as work:
        work.lessons.add(LessonRecord(lesson, Policy(), LessonState.CLOSING, "ab" * 32))
        work.evidence.append(lesson_published(lesson, Policy(), "ab" * 32, at))
    for number in range(1, segments + 1):
        content = f"{lesson_id} {number} ".encode().ljust(SIZE, b"x")
        path = house.spool.root / lesson_id / "cam1" / f"{number:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        house.spool.accept(a_segment(lesson_id, number, content, path, at))
    assert all(isinstance(one, UploadAttempt) and one.error is None for one in house.uploader.drain())
    with house.ledger.write() as work:
        judge_lesson(work, lesson_id, house.clock.now())
        work.evidence.write_checkpoint(house.signer)


def a_segment(lesson_id: str, number: int, content: bytes, path: Path, at: datetime) -> Segment:
    starts_at = at + timedelta(minutes=number - 1)
    return Segment(
        f"{lesson_id}-{number}",
        lesson_id,
        "cam1",
        number,
        starts_at,
        starts_at + timedelta(minutes=1),
        60.0 * (number - 1),
        60.0,
        "h264",
        640,
        360,
        len(content),
        sha256(content).hexdigest(),
        str(path),
        30,
    )


@pytest.fixture
def scene(settings: Settings) -> Iterator[Scene]:
    clock = HandClock(datetime.now(UTC) + timedelta(minutes=5))
    with open_installation(settings) as opened:
        with opened.ledger.write() as work:
            work.classes.ensure_institution("local", "school", STARTED)
            work.classes.add(TrainingClass("C1", "care", "local"), STARTED)
        ledger = replace(opened.ledger, clock=clock)
        spool = Spool(opened.spool.root, ledger, SpoolLimits(reserve_bytes=0))
        uploader = Uploader(spool, opened.store)
        house = replace(opened, clock=clock, ledger=ledger, spool=spool, uploader=uploader)
        for lesson_id in ("L1", "L2"):
            store_footage(house, lesson_id, 3, clock.now() - timedelta(hours=1))
        yield Scene(house, clock)


def force(path: Path, content: bytes | None) -> None:
    """As root, past every mode bit: change a stored file, or remove it."""
    path.chmod(0o644)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def flip(path: Path) -> bytes:
    content = path.read_bytes()
    force(path, bytes([content[0] ^ 1]) + content[1:])
    return content


def test_whole_footage_raises_nothing_and_the_walk_is_on_record(scene: Scene) -> None:
    scene.walk_all()
    assert scene.flag() is None
    (summary,) = bodies(scene.leaves())
    assert (summary["objects"], summary["size_bytes"], summary["findings"]) == (6, 6 * SIZE, 0)
    with scene.house.ledger.read() as work:
        last = work.rehash.last_finished()
    assert last is not None
    assert (last.share, last.total_objects) == (1.0, 6)


def test_one_flipped_bit_raises_the_flag_of_its_lesson_and_camera_once(scene: Scene) -> None:
    flip(scene.file(2))
    scene.walk_all()
    flag = scene.flag()
    assert flag is not None
    assert (flag.subject, flag.state) == ("cam1", FlagState.OPEN)
    assert [(one.code, dict(one.values)["segments"]) for one in flag.reasons] == [("footage_altered", "2")]
    assert len(flag.evidence) == 1
    flags = len(scene.leaves(LeafKind.FLAG))
    scene.clock.forward(days=92)
    scene.walk_all()
    assert len(scene.leaves(LeafKind.FLAG)) == flags, "found again is not raised again"
    found, first, second = bodies(scene.leaves())
    assert (found["problem"], found["sequence"]) == ("footage_altered", 2)
    assert (first["findings"], first["still_wrong"], second["findings"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("rm", FootageProblem.MISSING),
        ("cut", FootageProblem.ALTERED),
        ("swap", FootageProblem.ALTERED),
        ("unlock", FootageProblem.LOCK_MISSING),
        ("shorten", FootageProblem.LOCK_SHORT),
        ("sidecar and bytes", FootageProblem.ALTERED),
        ("row and bytes", FootageProblem.ALTERED),
    ],
)
def test_what_root_forces_is_found_and_named(scene: Scene, damage: str, problem: FootageProblem) -> None:
    path, other = scene.file(1), scene.file(3)
    sidecar = path.with_name(f"{path.name}.lock.json")
    record = json.loads(sidecar.read_text())
    changed = b"forged".ljust(SIZE, b"y")
    if damage == "rm":
        force(path, None)
    elif damage == "cut":
        force(path, path.read_bytes()[:-1])
    elif damage == "swap":
        force(path, other.read_bytes())
    elif damage == "unlock":
        force(sidecar, None)
    elif damage == "shorten":
        assert load_record(sidecar.read_bytes(), record["key"]).retain_until > scene.clock.now()
        soon = record["retain_until"].replace("2031", "2027")
        force(sidecar, json.dumps(record | {"retain_until": soon}).encode())
    else:
        force(path, changed)
        force(sidecar, json.dumps(record | {"sha256": sha256(changed).hexdigest()}).encode())
        if damage == "row and bytes":
            with scene.house.database.transaction(writing=True) as connection:
                forged = sha256(changed).hexdigest()
                connection.exec_driver_sql(f"UPDATE uploads SET sha256 = '{forged}' WHERE sequence = 1")
                connection.exec_driver_sql(f"UPDATE segments SET sha256 = '{forged}' WHERE sequence = 1")
                key = record["key"]
                connection.exec_driver_sql(
                    f"UPDATE uploads SET object_key = '{key}' WHERE upload_id = 'L1-1'"
                )
    scene.walk_all()
    assert scene.problems()[1] is problem
    flag = scene.flag()
    assert flag is not None
    assert [reason.code for reason in flag.reasons] == [problem.value]


def test_a_bundle_of_forced_footage_says_so_too(scene: Scene, tmp_path: Path) -> None:
    flip(scene.file(2))
    written = write_lesson_bundle(scene.house, "L2", "auditor", tmp_path / "whole")
    assert written.problems == ()
    assert verify_bundle(tmp_path / "whole").exit_code == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "spoiled")
    flip(next((tmp_path / "spoiled" / "footage").rglob("*.mp4")))
    assert verify_bundle(tmp_path / "spoiled").exit_code == 10
    try:
        taken = write_lesson_bundle(scene.house, "L1", "auditor", tmp_path / "taken").problems
    except EvidenceBroken as told:
        taken = (told.message,)
    assert taken, "a spoiled file is never taken out in silence"


def test_a_copy_put_back_withdraws_the_flag_and_leaves_both_on_record(scene: Scene) -> None:
    content = flip(scene.file(2))
    scene.walk_all()
    rehasher = scene.rehasher()
    scene.clock.forward(seconds=LOOK_AGAIN.total_seconds())
    assert rehasher.look_again().changed == (), "still wrong is no news"
    force(scene.file(2), content)
    assert rehasher.look_again().files == 0, "it was looked at just now"
    scene.clock.forward(seconds=LOOK_AGAIN.total_seconds())
    assert [one.mended_at is not None for one in rehasher.look_again().changed] == [True]
    flag = scene.flag()
    assert flag is not None
    assert flag.state is FlagState.WITHDRAWN
    assert [body["problem"] for body in bodies(scene.leaves()) if "problem" in body] == [
        "footage_altered",
        None,
    ]
    flip(scene.file(2))
    scene.clock.forward(days=92)
    scene.walk_all()
    again = scene.flag()
    assert again is not None
    assert again.state is FlagState.OPEN


def test_two_files_of_a_camera_are_one_flag_that_is_updated(scene: Scene) -> None:
    first = flip(scene.file(1))
    force(scene.file(3), None)
    scene.walk_all()
    flag = scene.flag()
    assert flag is not None
    assert {reason.code for reason in flag.reasons} == {"footage_altered", "footage_missing"}
    force(scene.file(1), first)
    scene.rehasher().look_again(now_due=True)
    flag = scene.flag()
    assert flag is not None
    assert [reason.code for reason in flag.reasons] == ["footage_missing"]
    assert flag.state is FlagState.OPEN


def test_a_walk_goes_on_behind_the_last_file_after_a_restart(scene: Scene) -> None:
    looked = []
    for _ in range(6):
        done = scene.rehasher().walk(1)
        looked.append(done.files)
    assert looked == [1] * 6, "one file even where the budget is smaller than it"
    scene.rehasher().walk(1)
    (summary,) = bodies(scene.leaves())
    assert summary["objects"] == 6


def test_a_round_stops_where_the_budget_ends(scene: Scene) -> None:
    done = scene.rehasher().walk(2 * SIZE + 10)
    assert (done.files, done.bytes_read) == (2, 2 * SIZE)


def test_a_store_that_is_away_says_nothing_about_its_footage(scene: Scene) -> None:
    class Away:
        def stat(self, key: str, version: str | None = None) -> StoredObject:
            raise StorageError("the store is away")

        def read_range(self, key: str, start: int, end: int | None) -> bytes:
            raise StorageError("the store is away")

        def list_versions(self, prefix: str) -> list[StoredObject]:
            raise StorageError("the store is away")

        def presign(self, key: str, expires_s: int) -> str | None:
            return None

    walker = Rehasher(scene.house.ledger, Away(), QUARTER)
    with pytest.raises(StorageError):
        walker.walk(ALL)
    assert scene.problems() == {}
    scene.walk_all()
    (summary,) = bodies(scene.leaves())
    assert summary["objects"] == 6


def test_the_next_walk_begins_a_quarter_after_the_last_one_began(scene: Scene) -> None:
    scene.walk_all()
    scene.clock.forward(days=90)
    assert scene.rehasher().walk(ALL).files == 0
    scene.clock.forward(days=1)
    assert scene.rehasher().walk(ALL).files == 6


def test_a_budget_neither_bursts_nor_forgets_what_was_overdrawn() -> None:
    budget = Budget(1000.0, 0.0)
    assert budget.credit(0.0) == 1000 * EVERY_S
    assert budget.credit(1e6) == 1000 * LONGEST_CREDIT_S
    budget.spend(100_000)
    assert budget.credit(1e6 + 30) == -40_000
    assert budget.credit(1e6 + 70) == 0
    assert budget.credit(1e6 + 71) == 1000


def test_the_chore_tells_its_metrics_and_the_log_stays_sound(scene: Scene) -> None:
    flip(scene.file(2))
    metrics = Metrics()
    chore = rehashing(scene.house, metrics)
    for _ in range(4):
        chore.run()
        scene.clock.forward(seconds=5)
    value = metrics.registry.get_sample_value
    assert value("rollcall_rehash_findings") == 1
    assert value("rollcall_rehash_share") == 1
    assert value("rollcall_rehash_bytes_total") == 6 * SIZE
    assert value("rollcall_flags_raised_total", {"kind": "evidence"}) == 1
    with scene.house.ledger.read() as work:
        assert audit_log(work.evidence.store, scene.house.settings.origin) == ()


def test_footage_is_kept_as_long_as_its_lesson_asks(scene: Scene) -> None:
    with scene.house.ledger.read() as work:
        record, uploads = work.lessons.get("L1"), work.uploads.of_lesson("L1")
    expected = footage_retention(record.lesson.ends_at, scene.clock.now())
    assert {upload.retain_until for upload in uploads} == {expected}


def test_footage_removed_when_its_retention_was_over_is_not_missing(scene: Scene) -> None:
    force(scene.file(1), None)
    with scene.house.ledger.write() as work:
        work.removals.begin(["L1-1"], scene.clock.now())
    scene.walk_all()
    assert scene.flag() is None
    (summary,) = bodies(scene.leaves())
    assert (summary["objects"], summary["findings"]) == (5, 0)
