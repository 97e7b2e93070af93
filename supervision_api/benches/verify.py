"""The verifier beside the bare hash: how fast a bundle of footage is checked on this machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from models.evidence_leaves import camera_totals, lesson_published, segment_closed, segment_stored
from models.footage import Segment, StoredObject
from models.policy import Policy
from models.timetable import Lesson
from storage.bundle import BundleContents, write_bundle
from storage.bundle_evidence import ExportRequest, FootageMode, gather_evidence
from storage.evidence_log import EvidenceLog
from storage.leaf_store import MemoryEvidenceStore
from storage.signing import Ed25519Signer
from storage.verifier.verify import verify_bundle
from supervision_api.clock import SystemClock

SEGMENT_BYTES = 16 << 20
REPEATS = 3
THREADS = 4
"""As many as the verifier uses."""

_LESSON = "bench"
_BEGINS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
Figures = dict[str, float | int | str | None]
Progress = Callable[[float, str], None]


def bench_verify(megabytes: int, progress: Progress, folder: Path | None = None) -> Figures:
    """``ratio``: speed of the whole check over that of SHA-256 alone on one core, of bytes in memory;
    ``ratio_all_cores``: over that of SHA-256 in as many threads as the verifier has. Best of three each.
    """
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-", dir=folder) as name:
        bundle = Path(name) / "bundle"
        segments = max(1, (megabytes << 20) // SEGMENT_BYTES)
        progress(0.0, "making footage")
        make_bundle(bundle, segments)
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        progress(0.4, "checking it")
        spent_s = min(_spent_s(partial(_check, bundle)) for _ in range(REPEATS))
    progress(0.8, "hashing alone")
    piece = os.urandom(SEGMENT_BYTES)
    alone_s = min(_spent_s(partial(_hash, piece, segments)) for _ in range(REPEATS))
    side_by_side_s = min(_spent_s(partial(_hash_in_threads, piece, segments)) for _ in range(REPEATS))
    hashed = segments * SEGMENT_BYTES
    return {
        "bundle_bytes": size,
        "verify_mb_s": size / spent_s / 1e6,
        "sha256_mb_s": hashed / alone_s / 1e6,
        "sha256_all_cores_mb_s": hashed / side_by_side_s / 1e6,
        "cores": os.cpu_count(),
        "ratio": size / spent_s / (hashed / alone_s),
        "ratio_all_cores": size / spent_s / (hashed / side_by_side_s),
    }


def make_bundle(target: Path, segments: int, segment_bytes: int = SEGMENT_BYTES) -> None:
    """A bundle of one lesson whose footage is noise, each segment another."""
    signer = Ed25519Signer("rollcall.bench/log", bytes([7]) * 32)
    log = EvidenceLog(MemoryEvidenceStore(), signer.public_key.name, SystemClock())
    log.open(signer)
    now = log.clock.now()
    lesson = Lesson(_LESSON, "BENCH", "bench", _BEGINS, _BEGINS + timedelta(minutes=segments))
    log.append(lesson_published(lesson, Policy(), "00", now))
    until, noise = now + timedelta(days=1826), os.urandom(1 << 20)
    footage, recorded = {}, []
    for number in range(1, segments + 1):
        content = partial(_pieces, noise, number, segment_bytes)
        segment = _segment(number, segment_bytes, content)
        footage[segment.sha256] = content
        recorded.append(segment)
        key = f"footage/{number}"
        stored = StoredObject(
            key, "1", segment_bytes, segment.sha256, "", "COMPLIANCE", until, legal_hold=False, stored_at=now
        )
        log.append_all([segment_closed(segment, now), segment_stored(segment, stored, now)])
    log.close_lesson(_LESSON, camera_totals(recorded, ()), until)
    evidence = gather_evidence(log, signer, ExportRequest(_LESSON, "bench", FootageMode.INCLUDED))
    write_bundle(evidence, BundleContents("software-only", footage=footage), signer, target)


def _pieces(noise: bytes, number: int, size: int) -> Iterator[bytes]:
    """Noise whose beginning differs from segment to segment."""
    head = number.to_bytes(16, "big")
    yield head
    left = size - len(head)
    while left > 0:
        yield noise[:left]
        left -= len(noise)


def _segment(number: int, size: int, content: Callable[[], Iterator[bytes]]) -> Segment:
    hasher = hashlib.sha256()
    for piece in content():
        hasher.update(piece)
    begins = _BEGINS + timedelta(minutes=number - 1)
    return Segment(
        segment_id=f"bench-{number}",
        lesson_id=_LESSON,
        camera_id="camera",
        sequence=number,
        starts_at=begins,
        ends_at=begins + timedelta(minutes=1),
        first_pts_s=0.0,
        duration_s=60.0,
        codec="h264",
        width=1920,
        height=1080,
        size_bytes=size,
        sha256=hasher.hexdigest(),
        path="",
        keyframes=60,
    )


def _check(bundle: Path) -> None:
    findings = verify_bundle(bundle).findings
    if findings:
        raise AssertionError(f"the bench's own bundle is not whole: {findings[0]}")


def _hash(piece: bytes, times: int) -> None:
    hasher = hashlib.sha256()
    for _ in range(times):
        hasher.update(piece)


def _hash_in_threads(piece: bytes, times: int) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda _number: hashlib.sha256(piece).digest(), range(times)):
            pass


def _spent_s(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
