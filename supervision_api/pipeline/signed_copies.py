"""Copies of a bundle's footage with a signed C2PA manifest: derived, marked, never the original itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.canonical_json import parse_json
from models.clip_manifest import ClipChange, ClipOrigin, clip_manifest
from models.errors import EvidenceBroken, SettingInvalid
from models.evidence import LeafKind
from models.footage import Segment
from storage.bundle_documents import footage_name
from storage.content_credentials import ClipSigner, open_clip_signer
from storage.fragments import drop_index
from storage.leaf_store import LeafQuery
from supervision_api.pipeline.bundling import Derive
from supervision_api.pipeline.installation import Installation

Pieces = Callable[[], Iterator[bytes]]


def clip_signer(house: Installation) -> ClipSigner:
    """The signer that the settings name. No key is ever made here.

    Raises:
        SettingInvalid: certificate or key is not set.
        InvalidInput: the library is missing.
        KeyUnusable: see ``open_clip_signer``.
    """
    certificate, key = house.settings.c2pa_certificate, house.settings.c2pa_key
    if certificate is None or key is None:
        raise SettingInvalid(
            "a signed copy needs a certificate and its key",
            place="ROLLCALL_C2PA_CERTIFICATE" if certificate is None else "ROLLCALL_C2PA_KEY",
            hint="set ROLLCALL_C2PA_CERTIFICATE and ROLLCALL_C2PA_KEY; see docs/guides/evidence.md",
        )
    return open_clip_signer(certificate.expanduser(), key.expanduser(), house.clock.now())


def signed_copies(
    house: Installation,
    signer: ClipSigner,
    progress: Callable[[float, str], None],
    blurred: Derive | None = None,
) -> Derive:
    """What ``write_ordered_bundle`` calls for ``--c2pa``. With ``blurred`` its copies are signed, and no copy
    of the footage itself goes along: who asked for blurred faces did not ask for the same with faces.

    Raises (when called):
        EvidenceBroken: footage is not what was recorded, or the log does not speak of it.
        KeyUnusable, StorageError, DiskFull: see ``ClipSigner.sign``.
    """

    def derive(sources: Mapping[Segment, Pieces], folder: Path) -> Mapping[str, tuple[Path, str]]:
        origins = _origins(house, {segment.lesson_id for segment in sources})
        copies: dict[str, tuple[Path, str]] = {}
        for number, (segment, read) in enumerate(sources.items()):
            progress(number / len(sources), "signing copies")
            plain = _plain_copy(segment, _checked(segment, read), folder, blurred)
            name = signed_name(segment, blurred=blurred is not None)
            change = ClipChange.NONE if blurred is None else ClipChange.FACES_BLURRED
            manifest = clip_manifest(
                segment, _origin_of(segment, origins), change, title=Path(name).name, version=_version()
            )
            signed = folder / f"{number}.c2pa.mp4"
            signer.sign(plain, signed, manifest)
            plain.unlink()
            copies[name] = signed, segment.sha256
        return copies

    return derive


def signed_name(segment: Segment, *, blurred: bool) -> str:
    """Where the copy lies in the bundle; it names lesson, camera, sequence and the original's hash."""
    whole = footage_name(segment.camera_id, segment.sequence, segment.sha256, segment.lesson_id)
    end = "-faces-blurred.c2pa.mp4" if blurred else ".c2pa.mp4"
    return whole.replace("footage/", "derived/", 1).removesuffix(".mp4") + end


def _plain_copy(segment: Segment, read: Pieces, folder: Path, blurred: Derive | None) -> Path:
    if blurred is not None:
        ((path, _),) = blurred({segment: read}, folder).values()
        return path
    path = folder / "plain.mp4"
    with path.open("wb") as out:
        out.writelines(read())
    # The library moves the fragments and leaves an index that leads nowhere; players do without one.
    drop_index(path)
    return path


def _checked(segment: Segment, read: Pieces) -> Pieces:
    """The same bytes; at their end it is known whether they are those that were recorded."""

    def pieces() -> Iterator[bytes]:
        hasher = sha256()
        for piece in read():
            hasher.update(piece)
            yield piece
        if hasher.hexdigest() != segment.sha256:
            raise EvidenceBroken(
                "the stored footage is not what was recorded: no copy of it is signed",
                place=f"{segment.camera_id} {segment.sequence}",
                hint="take the bundle without --c2pa: it says what is wrong",
            )

    return pieces


def _origins(house: Installation, lesson_ids: set[str]) -> dict[tuple[str, str, int], ClipOrigin]:
    """Lesson, camera and sequence to the leaf that closed the segment."""
    found: dict[tuple[str, str, int], ClipOrigin] = {}
    with house.ledger.read() as work:
        for lesson_id in sorted(lesson_ids):
            for row in work.evidence.store.rows(LeafQuery(lesson_id, (LeafKind.SEGMENT_CLOSED,))):
                record = parse_json(row.record)
                body = record.get("body") if isinstance(record, dict) else None
                if isinstance(body, dict):
                    place = lesson_id, str(body["camera_id"]), int(str(body["sequence"]))
                    found[place] = ClipOrigin(house.settings.origin, row.seq, row.leaf_hash)
    return found


def _origin_of(segment: Segment, origins: Mapping[tuple[str, str, int], ClipOrigin]) -> ClipOrigin:
    try:
        return origins[segment.lesson_id, segment.camera_id, segment.sequence]
    except KeyError:
        raise EvidenceBroken(
            "the evidence log does not speak of this footage",
            place=f"{segment.camera_id} {segment.sequence}",
            hint="run: rollcall doctor",
        ) from None


def _version() -> str:
    try:
        return version("rollcall")
    except PackageNotFoundError:
        return "not installed"
