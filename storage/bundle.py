"""Bundles: a lesson's evidence as files that anyone can check without this program.

Layout::

    bundle.json            manifest: what this is, and every other file with its hash
    bundle.sig             signed note over the manifest's hash
    footage/<camera>/<sequence>-<sha256>.mp4
    leaves.jsonl           one leaf per line: index, audit path, exact record
    checkpoints/*.note     signed states of the log
    consistency.json       proofs from each checkpoint to the last
    keys/*.json            public keys of the log
    report.html            the same for readers
    verify.py              the verifier
    (attached files)       attendance.json and others; the export leaf holds their hashes

Equal inputs give equal bytes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from models.canonical_json import canonical_json, parse_json
from models.checkpoint import utc_text
from models.errors import Conflict, DiskFull, InvalidInput, NotFound, StorageError
from models.evidence import JsonValue, LeafKind
from models.evidence_leaves import FileDigest, json_of
from storage.bundle_evidence import BundleEvidence, FootageMode
from storage.bundle_report import report_html
from storage.bundle_texts import DOES_NOT_PROVE, HOW_TO_VERIFY, PROVES
from storage.signing import NoteSigner, sign_note
from storage.verifier import VERIFIER_FILE

BUNDLE_FORMAT = "rollcall-bundle/1"
MANIFEST = "bundle.json"
SIGNATURE = "bundle.sig"

Content = bytes | Path | Callable[[], Iterable[bytes]]
"""Bytes, a file, or a function that streams an object in pieces."""

_RESERVED = re.compile(
    r"^(bundle\.(json|sig)|leaves\.jsonl|consistency\.json|report\.html|verify\.py|(footage|checkpoints|keys)/.*)$"
)
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What a bundle carries beside the log. ``footage`` by (camera id, sequence); ``attachments`` by name;
    ``capabilities``: the object store's own word on what it enforces."""

    capabilities: str
    attachments: Mapping[str, Content] = field(default_factory=dict)
    footage: Mapping[tuple[str, int], Content] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """Where the bundle lies, every file in it, and what could not be put in as the log describes it."""

    path: Path
    files: tuple[FileDigest, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _FootageEntry:
    camera_id: str
    sequence: int
    sha256: str

    @property
    def name(self) -> str:
        return footage_name(self.camera_id, self.sequence, self.sha256)


def footage_name(camera_id: str, sequence: int, digest: str) -> str:
    """A segment's path in a bundle; the camera's id is percent-encoded so that it is one safe folder name."""
    folder = quote(camera_id, safe="").replace(".", "%2E")
    return f"footage/{folder}/{sequence:06d}-{digest}.mp4"


def attachment_digests(attachments: Mapping[str, Content]) -> tuple[FileDigest, ...]:
    """Names, hashes and sizes of files to attach, for the export leaf.

    Raises:
        InvalidInput: a name that leaves the bundle, or that the bundle needs itself.
        NotFound: a file is not there.
    """
    digests = []
    for name in sorted(attachments):
        _check_name(name)
        hasher, size = sha256(), 0
        for piece in _pieces(name, attachments[name]):
            hasher.update(piece)
            size += len(piece)
        digests.append(FileDigest(name, hasher.hexdigest(), size))
    return tuple(digests)


def write_bundle(
    evidence: BundleEvidence, contents: BundleContents, signer: NoteSigner, target: Path
) -> WrittenBundle:
    """Write the bundle as a folder, which appears whole or not at all.

    Footage is taken as it is: what no longer matches the log is shipped and named in ``problems``, for a
    broken store must not be able to stop its own conviction.

    Raises:
        Conflict: the target exists and is not an empty folder.
        InvalidInput: the attachments are not those of the export leaf.
        DiskFull, StorageError: the files cannot be written.
    """
    if attachment_digests(contents.attachments) != tuple(
        sorted(evidence.request.files, key=lambda item: item.name)
    ):
        raise InvalidInput("the attached files are not those that the export leaf names")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} exists and is not an empty folder", hint="name another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            written, problems = _fill(partial, evidence, contents, signer)
            partial.chmod(0o755)
            if target.exists():
                target.rmdir()
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise _storage_error(error, target) from None
    return WrittenBundle(target, written, problems)


def _fill(
    folder: Path, evidence: BundleEvidence, contents: BundleContents, signer: NoteSigner
) -> tuple[tuple[FileDigest, ...], tuple[str, ...]]:
    problems: list[str] = []
    files = [_put(folder, name, contents.attachments[name]) for name in sorted(contents.attachments)]
    if evidence.request.footage is FootageMode.INCLUDED:
        files += _put_footage(folder, evidence, contents.footage, problems)
    for name, raw in _log_files(evidence).items():
        files.append(_put(folder, name, raw))
    files.append(_put(folder, "report.html", report_html(evidence, contents.capabilities)))
    files.append(_put(folder, "verify.py", VERIFIER_FILE))
    files.sort(key=lambda item: item.name)
    manifest = _document(_manifest(evidence, contents.capabilities, files))
    files.append(_put(folder, MANIFEST, manifest))
    signed = f"{BUNDLE_FORMAT}\n{evidence.origin}\nsha256 {sha256(manifest).hexdigest()}\n"
    files.append(_put(folder, SIGNATURE, sign_note(signed, signer).encode()))
    return tuple(files), tuple(problems)


def _put_footage(
    folder: Path,
    evidence: BundleEvidence,
    footage: Mapping[tuple[str, int], Content],
    problems: list[str],
) -> Iterator[FileDigest]:
    for entry in _footage_entries(evidence):
        content = footage.get((entry.camera_id, entry.sequence))
        if content is None:
            problems.append(f"{entry.name}: the footage is not in the store")
            continue
        digest = _put(folder, entry.name, content)
        if digest.sha256 != entry.sha256:
            problems.append(f"{entry.name}: the stored footage is not what was recorded")
        # The manifest repeats the log and not the copy: a copy that differs must not look right.
        yield FileDigest(entry.name, entry.sha256, digest.size_bytes)


def _footage_entries(evidence: BundleEvidence) -> list[_FootageEntry]:
    entries: dict[tuple[str, int], _FootageEntry] = {}
    for row in evidence.lesson_rows:
        if row.kind is not LeafKind.SEGMENT_CLOSED:
            continue
        record = parse_json(row.record)
        body = record.get("body") if isinstance(record, dict) else None
        if isinstance(body, dict):
            entry = _FootageEntry(str(body["camera_id"]), int(str(body["sequence"])), str(body["sha256"]))
            entries[entry.camera_id, entry.sequence] = entry
    return [entries[key] for key in sorted(entries)]


def _log_files(evidence: BundleEvidence) -> dict[str, bytes]:
    lines = [
        canonical_json(
            {
                "index": leaf.row.seq,
                "proof": [node.hex() for node in leaf.proof],
                "record": leaf.row.record.decode("utf-8"),
            }
        )
        + b"\n"
        for leaf in evidence.leaves
    ]
    steps: JsonValue = {
        str(step.old_size): [node.hex() for node in step.proof] for step in evidence.consistency
    }
    files = {"leaves.jsonl": b"".join(lines), "consistency.json": _document(steps)}
    for number, row in enumerate(evidence.checkpoints):
        files[f"checkpoints/{row.size:012d}-{number:04d}.note"] = row.note.encode("utf-8")
    for number, link in enumerate(evidence.keys, 1):
        introduction: dict[str, JsonValue] = {} if link.rotation is None else {"rotation": link.rotation}
        files[f"keys/{number:04d}-{link.key.key_id.hex()}.json"] = _document(
            link.key.document() | introduction
        )
    return files


def _manifest(evidence: BundleEvidence, capabilities: str, files: list[FileDigest]) -> dict[str, JsonValue]:
    lesson_id, last = evidence.request.lesson_id, evidence.last_checkpoint
    texts = ("proves", PROVES), ("does_not_prove", DOES_NOT_PROVE)
    return {
        "format": BUNDLE_FORMAT,
        "origin": evidence.origin,
        "lesson_id": lesson_id,
        "exported_at": utc_text(evidence.exported_at),
        "exported_by": evidence.request.actor,
        "footage": evidence.request.footage.value,
        "store_capabilities": capabilities,
        "checkpoint": {"size": last.size, "root": last.root.hex(), "time": utc_text(last.at)},
        "lesson_leaves": len(evidence.lesson_rows),
        "leaves": len(evidence.leaves),
        "files": [json_of(item) for item in files],
        "how_to_verify": dict(HOW_TO_VERIFY),
        **{name: {language: list(lines) for language, lines in text.items()} for name, text in texts},
    }


def _document(value: JsonValue) -> bytes:
    """JSON for readers: indented, sorted, with a final line feed."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode("utf-8")


def _put(folder: Path, name: str, content: Content) -> FileDigest:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    hasher, size = sha256(), 0
    with path.open("xb") as out:
        for piece in _pieces(name, content):
            out.write(piece)
            hasher.update(piece)
            size += len(piece)
        out.flush()
        os.fsync(out.fileno())
    return FileDigest(name, hasher.hexdigest(), size)


def _pieces(name: str, content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, Path):
        try:
            with content.open("rb") as source:
                while piece := source.read(_PIECE_BYTES):
                    yield piece
        except FileNotFoundError:
            raise NotFound(f"{name} is not there", hint="restore the file and export again") from None
    else:
        yield from content()


def _check_name(name: str) -> None:
    parts = name.split("/")
    if any(part in ("", ".", "..") or part.startswith(".") for part in parts) or not re.fullmatch(
        r"[^\x00-\x1f\\:*?\"<>|]{1,200}", name
    ):
        raise InvalidInput(f"{name!r} cannot name a file in a bundle")
    if _RESERVED.match(name):
        raise InvalidInput(f"a bundle has its own {name}", hint="give the attachment another name")


def _storage_error(error: OSError, target: Path) -> StorageError:
    # 28 and 122: no space left, quota exceeded.
    kind = DiskFull if error.errno in (28, 122) else StorageError
    return kind(f"the bundle cannot be written: {error.strerror}", place=str(target), hint="check the disk")
