"""Evidence bundles of judged lessons, of cases and of classes: planned, put on record, written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.errors import DiskFull, StorageError
from models.footage import Segment
from models.ports import ObjectReader
from storage.bundle import BundleContents, Content, WrittenBundle, attachment_digests, write_bundle
from storage.bundle_archive import zip_bundle
from storage.bundle_care import with_care
from storage.bundle_evidence import BundleScope, ExportRequest, FootageMode, gather_evidence
from storage.durable import is_disk_full
from storage.spool import object_key
from supervision_api.pipeline.bundle_plans import BundleChoice, BundleOrder, choose, names_of, write_documents
from supervision_api.pipeline.installation import Installation

_PIECE_BYTES = 4 << 20
_DOCUMENTS_BYTES = 64 << 20

Derive = Callable[[Mapping[Segment, Callable[[], Iterator[bytes]]], Path], Mapping[str, tuple[Path, str]]]
"""Makes copies of footage in a folder. Returns their names in the bundle, their files, and the SHA-256 of the
footage each was made from."""


def write_ordered_bundle(
    house: Installation, order: BundleOrder, target: Path, derive: Derive | None = None
) -> WrittenBundle:
    """Writes the bundle as a folder, whole or not at all; taking it out is itself a leaf of each lesson.

    ``derive``: makes copies of the footage (faces blurred, signed) that go along under ``derived/``; with
    hashes only, too, and then of all footage that a bundle with footage would hold.

    Raises:
        NotFound, Conflict: see ``choose``; or the target is not empty.
        DiskFull: the disk has no room for it; nothing was put on record.
        StorageError: it cannot be written.
    """
    with house.ledger.read() as work:
        choice = choose(work, order)
    copies_of = choice.segments if derive is not None else ()
    taken = choice.footage_bytes if order.footage else 0
    # A copy stands in the scratch folder and in the bundle for a moment.
    require_room(target.parent, taken + 2 * sum(segment.size_bytes for segment in copies_of))
    with tempfile.TemporaryDirectory(prefix=".rollcall-bundle-", dir=_made(target.parent)) as name:
        scratch = Path(name)
        copies: Mapping[str, tuple[Path, str]] = {}
        if derive is not None:
            (scratch / "derived").mkdir()
            copies = _derived(derive, {one: _reader(house, one) for one in copies_of}, scratch / "derived")
        with house.ledger.read() as work:
            files = write_documents(work, choice, scratch)
            names = names_of(work, choice)
        files |= {name: path for name, (path, _) in copies.items()}
        derived = {name: digest for name, (_, digest) in copies.items()}
        return _write(house, choice, target, _Attached(files, derived, names))


def write_lesson_bundle(
    house: Installation, lesson_id: str, actor: str, target: Path, mode: FootageMode = FootageMode.INCLUDED
) -> WrittenBundle:
    """The bundle of one lesson; see ``write_ordered_bundle``."""
    footage = mode is not FootageMode.HASHES
    return write_ordered_bundle(house, BundleOrder(BundleScope.LESSON, lesson_id, actor, footage), target)


def write_archive(house: Installation, order: BundleOrder, target: Path) -> None:
    """The same as one zip file."""
    with house.ledger.read() as work:
        # The folder and the archive stand beside each other for a moment.
        require_room(target.parent, 2 * choose(work, order).footage_bytes if order.footage else 0)
    with tempfile.TemporaryDirectory(prefix="rollcall-export-", dir=target.parent) as name:
        folder = Path(name) / "bundle"
        write_ordered_bundle(house, order, folder)
        zip_bundle(folder, target)
        shutil.rmtree(folder)


def require_room(folder: Path, footage_bytes: int) -> None:
    """Raises ``DiskFull`` before gigabytes are copied in vain, and before the export is on record."""
    free = shutil.disk_usage(_made(folder)).free
    needed = footage_bytes + _DOCUMENTS_BYTES
    if free < needed:
        raise DiskFull(
            f"the bundle needs {needed >> 20} MiB, and {free >> 20} MiB are free",
            place=str(folder),
            hint="choose a folder on another disk, or take hashes only",
        )


def _derived(
    derive: Derive, sources: Mapping[Segment, Callable[[], Iterator[bytes]]], folder: Path
) -> Mapping[str, tuple[Path, str]]:
    try:
        return derive(sources, folder)
    except OSError as error:
        kind = DiskFull if is_disk_full(error) else StorageError
        raise kind(
            f"the copies of footage cannot be written: {error.strerror}",
            place=str(folder.parent.parent),
            hint="choose a folder on another disk",
        ) from None


@dataclass(frozen=True, slots=True)
class _Attached:
    files: dict[str, Path]
    derived: dict[str, str]
    names: dict[str, str]


def _write(house: Installation, choice: BundleChoice, target: Path, attached: _Attached) -> WrittenBundle:
    order, carried = choice.order, choice.segments if choice.order.footage else ()
    selected = carried if choice.mode is FootageMode.SELECTED else ()
    request = ExportRequest(
        subject=order.subject,
        actor=order.actor,
        footage=choice.mode,
        files=attachment_digests(attached.files),
        scope=order.scope,
        lesson_ids=choice.lesson_ids,
        segments=frozenset(segment.sha256 for segment in selected),
    )
    with house.ledger.write() as work:
        gathered = gather_evidence(work.evidence, house.signer, request)
        evidence = with_care(gathered, work, request.lessons)
    contents = BundleContents(
        capabilities=house.trials.described(),
        attachments=attached.files,
        footage={segment.sha256: _content(house, segment) for segment in carried},
        derived=attached.derived,
        names=attached.names,
    )
    return write_bundle(evidence, contents, house.signer, target)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _content(house: Installation, segment: Segment) -> Content:
    """From the store; a segment that still waits in the spool from there."""
    spooled = Path(segment.path)
    return spooled if spooled.exists() else _reader(house, segment)


def _reader(house: Installation, segment: Segment) -> Callable[[], Iterator[bytes]]:
    spooled = Path(segment.path)
    if spooled.exists():
        return partial(_file_pieces, spooled)
    return partial(_pieces, house.store, object_key(segment))


def _file_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while piece := source.read(_PIECE_BYTES):
            yield piece


def _pieces(store: ObjectReader, key: str) -> Iterator[bytes]:
    start = 0
    while piece := store.read_range(key, start, start + _PIECE_BYTES):
        yield piece
        start += len(piece)
