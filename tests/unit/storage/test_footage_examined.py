"""One look at a stored file: its bytes against the log's leaf, its lock against its retention."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import EvidenceBroken, NotFound, StorageError
from models.evidence import Leaf, LeafKind
from models.evidence_care import FootageProblem
from models.footage import StoredObject
from models.register import Upload, UploadKind, UploadState
from storage.evidence_log import EvidenceLog
from storage.footage_check import PIECE_BYTES, LoggedHashes, examine, logged_hashes
from storage.leaf_store import MemoryEvidenceStore
from storage.objects import MemoryObjectStore
from storage.signing import Ed25519Signer
from tests.hand_clock import HandClock

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
UNTIL = AT + timedelta(days=1830)
CONTENT = b"footage of one minute " * 40
KEY = "footage/L1/front/000001.mp4"
PLACE = (UploadKind.SEGMENT, "front", 1)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


LOGGED: LoggedHashes = {PLACE: digest(CONTENT)}


@dataclass
class Shelf:
    """A reader of one object, which may be bent."""

    content: bytes = CONTENT
    lock_mode: str | None = "GOVERNANCE"
    retain_until: datetime | None = UNTIL
    error: Exception | None = None
    asked: int = 0

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        if self.error is not None:
            raise self.error
        return StoredObject(
            key, "1", len(self.content), digest(CONTENT), "e", self.lock_mode, self.retain_until, False, AT
        )

    def read_range(self, key: str, start: int, end: int | None) -> bytes:
        self.asked += 1
        return self.content[start:end]

    def list_versions(self, prefix: str) -> list[StoredObject]:
        return [self.stat(prefix)]

    def presign(self, key: str, expires_s: int) -> str | None:
        return None


def upload(**changes: object) -> Upload:
    one = Upload(
        "u1", UploadKind.SEGMENT, "L1", "front", 1, "/spool/1", KEY, digest(CONTENT), len(CONTENT), UNTIL,
        UploadState.CLEARED, AT,
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


def test_footage_as_the_log_has_it_has_no_problem() -> None:
    found = examine(Shelf(), upload(), LOGGED)
    assert (found.problem, found.found_sha256, found.read_bytes) == (None, digest(CONTENT), len(CONTENT))


@pytest.mark.parametrize("position", [0, 1, len(CONTENT) // 2, len(CONTENT) - 1])
def test_one_flipped_bit_is_found_wherever_it_lies(position: int) -> None:
    bent = bytearray(CONTENT)
    bent[position] ^= 1
    found = examine(Shelf(bytes(bent)), upload(), LOGGED)
    assert found.problem is FootageProblem.ALTERED
    assert found.found_sha256 == digest(bytes(bent))


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b"", CONTENT[::-1]])
def test_a_cut_a_longer_and_a_turned_file_are_altered(content: bytes) -> None:
    assert examine(Shelf(content), upload(), LOGGED).problem is FootageProblem.ALTERED


def test_what_a_row_and_the_store_say_is_not_believed() -> None:
    """Whoever changes a file can change the row and the store's own word as well: the leaf decides."""
    other = b"another minute of another room"
    row = upload(sha256=digest(other), size_bytes=len(other))
    assert examine(Shelf(other), row, LOGGED).problem is FootageProblem.ALTERED


def test_a_file_the_log_never_spoke_of_is_told_and_not_read() -> None:
    shelf = Shelf()
    found = examine(shelf, upload(sequence=2), LOGGED)
    assert (found.problem, found.read_bytes, shelf.asked) == (FootageProblem.NOT_IN_LOG, 0, 0)


@pytest.mark.parametrize("change", [{"camera_id": "back"}, {"kind": UploadKind.ORIGINAL}])
def test_a_leaf_speaks_of_its_own_camera_and_kind_alone(change: dict[str, object]) -> None:
    assert examine(Shelf(), upload(**change), LOGGED).problem is FootageProblem.NOT_IN_LOG


def test_a_file_that_is_gone_is_missing() -> None:
    assert examine(Shelf(error=NotFound("gone")), upload(), LOGGED).problem is FootageProblem.MISSING


def test_a_store_that_finds_damage_itself_is_believed() -> None:
    assert examine(Shelf(error=EvidenceBroken("no")), upload(), LOGGED).problem is FootageProblem.ALTERED


def test_a_store_that_is_away_proves_nothing() -> None:
    with pytest.raises(StorageError):
        examine(Shelf(error=StorageError("away")), upload(), LOGGED)


@pytest.mark.parametrize(
    ("mode", "until", "problem"),
    [
        ("GOVERNANCE", UNTIL, None),
        ("COMPLIANCE", UNTIL + timedelta(days=1), None),
        (None, UNTIL, FootageProblem.LOCK_MISSING),
        ("GOVERNANCE", None, FootageProblem.LOCK_MISSING),
        ("GOVERNANCE", UNTIL - timedelta(seconds=1), FootageProblem.LOCK_SHORT),
    ],
)
def test_a_lock_must_be_there_and_reach_far_enough(
    mode: str | None, until: datetime | None, problem: FootageProblem | None
) -> None:
    found = examine(Shelf(lock_mode=mode, retain_until=until), upload(), LOGGED)
    assert found.problem is problem
    assert found.found_sha256 == digest(CONTENT)


def test_altered_bytes_weigh_more_than_a_missing_lock() -> None:
    assert examine(Shelf(b"x" * 9, lock_mode=None), upload(), LOGGED).problem is FootageProblem.ALTERED


def test_a_large_file_is_read_in_pieces_and_never_as_a_whole() -> None:
    content = bytes(2 * PIECE_BYTES + 5)
    shelf = Shelf(content)
    found = examine(shelf, upload(), {PLACE: digest(content)})
    assert (found.problem, found.read_bytes) == (None, len(content))
    assert shelf.asked == 3
    small = Shelf()
    examine(small, upload(), LOGGED)
    assert small.asked == 2, "a whole read would be compared by the store itself"


def test_the_memory_store_is_examined_like_any_other(tmp_path: Path) -> None:
    clock = HandClock(AT)
    store = MemoryObjectStore(clock)
    (tmp_path / "1.mp4").write_bytes(CONTENT)
    store.put_locked(KEY, str(tmp_path / "1.mp4"), digest(CONTENT), UNTIL)
    assert examine(store, upload(), LOGGED).problem is None
    assert examine(store, upload(object_key="footage/none"), LOGGED).problem is FootageProblem.MISSING


@pytest.fixture
def log() -> EvidenceLog:
    log = EvidenceLog(MemoryEvidenceStore(), "rollcall.example/log", HandClock(AT))
    log.open(Ed25519Signer("rollcall.example/log", bytes([1]) * 32))
    return log


def closed(sequence: int, sha256: str, camera: str = "front", lesson: str = "L1") -> Leaf:
    body: dict[str, object] = {"camera_id": camera, "sequence": sequence, "sha256": sha256}
    return Leaf(LeafKind.SEGMENT_CLOSED, AT, lesson, body)  # type: ignore[arg-type]


def test_what_the_log_says_of_a_lesson_s_footage_is_found_by_kind_camera_and_number(log: EvidenceLog) -> None:
    log.append(closed(1, "aa"))
    log.append(closed(2, "bb", camera="back"))
    log.append(replace(closed(1, "cc"), kind=LeafKind.ORIGINAL_STORED))
    log.append(closed(1, "dd", lesson="L2"))
    assert logged_hashes(log.store, "L1") == {
        (UploadKind.SEGMENT, "front", 1): "aa",
        (UploadKind.SEGMENT, "back", 2): "bb",
        (UploadKind.ORIGINAL, "front", 1): "cc",
    }


def test_the_first_word_of_the_log_counts(log: EvidenceLog) -> None:
    """A leaf appended later must not bear out a file that was changed."""
    log.append(closed(1, "aa"))
    log.append(closed(1, "forged"))
    assert logged_hashes(log.store, "L1")[PLACE] == "aa"


def test_a_lesson_the_log_never_spoke_of_has_no_hashes(log: EvidenceLog) -> None:
    assert logged_hashes(log.store, "L9") == {}
