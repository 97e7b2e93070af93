"""Bundles: the evidence of a lesson, case or class as files that anyone can check without this program.

Layout::

    bundle.json            manifest: what this is, and every other file with its hash
    bundle.sig             signed note over the manifest's hash
    footage/<camera>/<sequence>-<sha256>.mp4    of a case or class: footage/<lesson>/<camera>/…
    derived/…              copies made from footage (faces blurred, signed as C2PA); never the footage itself
    leaves.jsonl           one leaf per line: index, audit path, exact record
    checkpoints/*.note     signed states of the log
    consistency.json       proofs from each checkpoint to the last
    keys/*.json            public keys of the log
    cosigners/*.json       public keys of second parties, whose signatures stand in checkpoints/
    timestamps/*.tsr       answers of time-stamp authorities over checkpoints
    report.html, .pdf      the same for readers
    verify.py              the verifier
    (attached files)       attendance.json and others, of a case or class under lessons/<lesson>/; the export
                           leaves hold their hashes

Equal inputs give equal bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from models.errors import Conflict, DiskFull, InvalidInput, NotFound, StorageError
from models.evidence_leaves import FileDigest
from storage.bundle_documents import BUNDLE_FORMAT, footage_entries, log_files, manifest_bytes
from storage.bundle_evidence import BundleEvidence
from storage.bundle_pages import report_html
from storage.bundle_pdf import report_pdf
from storage.bundle_report import report_of
from storage.signing import NoteSigner, sign_note
from storage.verifier import VERIFIER_FILE

MANIFEST = "bundle.json"
SIGNATURE = "bundle.sig"

Content = bytes | Path | Callable[[], Iterable[bytes]]
"""Bytes, a file, or a function that streams an object in pieces."""

_RESERVED = re.compile(
    r"^(bundle\.(json|sig)|leaves\.jsonl|consistency\.json|report\.(html|pdf)|verify\.py|"
    r"(footage|checkpoints|keys|cosigners|timestamps)/.*)$"
)
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What a bundle carries beside the log.

    ``footage`` by SHA-256 of what was recorded; ``attachments`` by name; ``capabilities``: the object store's
    own word on what it enforces; ``derived``: attachment to the SHA-256 of the footage it was made from;
    ``names``: trainee codes to names, for the readable report.
    """

    capabilities: str
    attachments: Mapping[str, Content] = field(default_factory=dict)
    footage: Mapping[str, Content] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """Where the bundle lies, every file in it, and what could not be put in as the log describes it."""

    path: Path
    files: tuple[FileDigest, ...]
    problems: tuple[str, ...]


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
    files += _put_footage(folder, evidence, contents.footage, problems)
    for name, raw in log_files(evidence).items():
        files.append(_put(folder, name, raw))
    report = report_of(evidence, contents.capabilities, contents.names)
    files.append(_put(folder, "report.html", report_html(report)))
    files.append(_put(folder, "report.pdf", report_pdf(report)))
    files.append(_put(folder, "verify.py", VERIFIER_FILE))
    files.sort(key=lambda item: item.name)
    manifest = manifest_bytes(evidence, contents.capabilities, files, contents.derived)
    files.append(_put(folder, MANIFEST, manifest))
    signed = f"{BUNDLE_FORMAT}\n{evidence.origin}\nsha256 {sha256(manifest).hexdigest()}\n"
    files.append(_put(folder, SIGNATURE, sign_note(signed, signer).encode()))
    return tuple(files), tuple(problems)


def _put_footage(
    folder: Path, evidence: BundleEvidence, footage: Mapping[str, Content], problems: list[str]
) -> Iterator[FileDigest]:
    for entry in footage_entries(evidence):
        if not evidence.request.carries(entry.sha256):
            continue
        content = footage.get(entry.sha256)
        if content is None:
            problems.append(f"{entry.name}: the footage is not in the store")
            continue
        digest = _put(folder, entry.name, content)
        if digest.sha256 != entry.sha256:
            problems.append(f"{entry.name}: the stored footage is not what was recorded")
        # The manifest repeats the log and not the copy: a copy that differs must not look right.
        yield FileDigest(entry.name, entry.sha256, digest.size_bytes)


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
