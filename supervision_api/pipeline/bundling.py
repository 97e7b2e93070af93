"""A judged lesson as an evidence bundle: its documents, leaves, proofs and footage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from models.errors import Conflict
from models.timetable import LessonState
from storage.bundle import BundleContents, Content, WrittenBundle, attachment_digests, write_bundle
from storage.bundle_archive import zip_bundle
from storage.bundle_evidence import ExportRequest, FootageMode, gather_evidence
from storage.objects.folder import FilesystemObjectReader
from storage.spool import object_key
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.judging import outcome_of
from supervision_api.pipeline.observed_lesson import observe_lesson
from supervision_api.reports.attendance_document import attendance_bytes, sightings_lines
from supervision_api.reports.attendance_sheet import attendance_sheet

_PIECE_BYTES = 4 << 20


def lesson_documents(house: Installation, lesson_id: str) -> dict[str, bytes]:
    """attendance.json, attendance.xlsx and sightings.jsonl of a judged lesson.

    Raises:
        NotFound: no such lesson.
        Conflict: it is not judged yet.
    """
    with house.ledger.read() as work:
        record = work.lessons.get(lesson_id)
        if record.state not in (LessonState.JUDGED, LessonState.SEALED):
            raise Conflict("the lesson is not judged yet", place=lesson_id, hint="wait until it is over")
        observed = observe_lesson(work, lesson_id)
        flags = tuple(one.flag for one in work.flags.of_lesson(lesson_id))
        outcome = outcome_of(observed, work.verdicts.of_lesson(lesson_id), flags)
        return {
            "attendance.json": attendance_bytes(outcome),
            "attendance.xlsx": attendance_sheet(outcome),
            "sightings.jsonl": sightings_lines(work.sightings.of_lesson(lesson_id)),
        }


def write_lesson_bundle(
    house: Installation, lesson_id: str, actor: str, target: Path, mode: FootageMode = FootageMode.INCLUDED
) -> WrittenBundle:
    """Writes the bundle as a folder; taking it out is itself a leaf.

    Raises:
        NotFound, Conflict: see ``lesson_documents``; or the target is not empty.
        StorageError: it cannot be written.
    """
    documents: dict[str, Content] = dict(lesson_documents(house, lesson_id))
    with house.ledger.write() as work:
        request = ExportRequest(lesson_id, actor, mode, attachment_digests(documents))
        evidence = gather_evidence(work.evidence, house.signer, request)
        segments = work.footage.segments(lesson_id)
    footage: dict[tuple[str, int], Content] = {
        (s.camera_id, s.sequence): _footage(house.store, object_key(s), Path(s.path)) for s in segments
    }
    contents = BundleContents(house.store.capabilities(), documents, footage)
    return write_bundle(evidence, contents, house.signer, target)


def write_lesson_archive(house: Installation, lesson_id: str, actor: str, target: Path) -> None:
    """The same as one zip file."""
    with tempfile.TemporaryDirectory(prefix="rollcall-export-", dir=target.parent) as name:
        folder = Path(name) / "bundle"
        write_lesson_bundle(house, lesson_id, actor, folder)
        zip_bundle(folder, target)
        shutil.rmtree(folder)


def _footage(store: FilesystemObjectReader, key: str, spooled: Path) -> Callable[[], Iterator[bytes]] | Path:
    """From the store; a segment that still waits in the spool from there."""
    return spooled if spooled.exists() else partial(_pieces, store, key)


def _pieces(store: FilesystemObjectReader, key: str) -> Iterator[bytes]:
    start = 0
    while piece := store.read_range(key, start, start + _PIECE_BYTES):
        yield piece
        start += len(piece)
