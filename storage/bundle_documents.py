"""What a bundle says of itself and of the log: manifest, proven leaves, checkpoints, keys, footage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.canonical_json import canonical_json, parse_json
from models.checkpoint import utc_text
from models.evidence import JsonValue, LeafKind
from models.evidence_leaves import FileDigest, json_of
from storage.bundle_evidence import BundleEvidence, BundleScope, safe_name
from storage.bundle_texts import DOES_NOT_PROVE, HOW_TO_VERIFY, PROVES

BUNDLE_FORMAT = "rollcall-bundle/2"


@dataclass(frozen=True, slots=True)
class FootageEntry:
    """A segment that the log speaks of. ``name``: its path in the bundle, whether it is there or not."""

    lesson_id: str
    camera_id: str
    sequence: int
    sha256: str
    name: str


def footage_name(camera_id: str, sequence: int, digest: str, lesson_id: str | None = None) -> str:
    """A segment's path in a bundle; with ``lesson_id`` in one of several lessons."""
    folders = [safe_name(part) for part in (lesson_id, camera_id) if part is not None]
    return "/".join(("footage", *folders, f"{sequence:06d}-{digest}.mp4"))


def footage_entries(evidence: BundleEvidence) -> list[FootageEntry]:
    """Every segment of the lessons, by lesson, camera and sequence."""
    joint = evidence.request.scope is not BundleScope.LESSON
    entries: dict[tuple[str, str, int], FootageEntry] = {}
    for row in evidence.lesson_rows:
        if row.kind is not LeafKind.SEGMENT_CLOSED or row.lesson_id is None:
            continue
        record = parse_json(row.record)
        body = record.get("body") if isinstance(record, dict) else None
        if isinstance(body, dict):
            camera, sequence, digest = str(body["camera_id"]), int(str(body["sequence"])), str(body["sha256"])
            name = footage_name(camera, sequence, digest, row.lesson_id if joint else None)
            entries[row.lesson_id, camera, sequence] = FootageEntry(
                row.lesson_id, camera, sequence, digest, name
            )
    return [entries[key] for key in sorted(entries)]


def log_files(evidence: BundleEvidence) -> dict[str, bytes]:
    """Leaves, consistency proofs, checkpoints and keys, by their names in the bundle."""
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
    files = {"leaves.jsonl": b"".join(lines), "consistency.json": document(steps)}
    for number, row in enumerate(evidence.checkpoints):
        files[f"checkpoints/{row.size:012d}-{number:04d}.note"] = row.note.encode("utf-8")
    files |= evidence.care
    for number, link in enumerate(evidence.keys, 1):
        introduction: dict[str, JsonValue] = {} if link.rotation is None else {"rotation": link.rotation}
        files[f"keys/{number:04d}-{link.key.key_id.hex()}.json"] = document(
            link.key.document() | introduction
        )
    return files


def manifest_bytes(
    evidence: BundleEvidence, capabilities: str, files: Sequence[FileDigest], derived: Mapping[str, str]
) -> bytes:
    """bundle.json. ``derived``: files that were made from footage, and the hash of that footage."""
    request, last = evidence.request, evidence.last_checkpoint
    texts = ("proves", PROVES), ("does_not_prove", DOES_NOT_PROVE)
    manifest: dict[str, JsonValue] = {
        "format": BUNDLE_FORMAT,
        "origin": evidence.origin,
        "scope": request.scope.value,
        "subject": request.subject,
        "lessons": [*request.lessons],
        "exported_at": utc_text(evidence.exported_at),
        "exported_by": request.actor,
        "footage": request.footage.value,
        "segments": [*sorted(request.segments)],
        "store_capabilities": capabilities,
        "checkpoint": {"size": last.size, "root": last.root.hex(), "time": utc_text(last.at)},
        "leaves": len(evidence.leaves),
        "files": [json_of(item) for item in files],
        "derived": [{"name": name, "from_sha256": derived[name]} for name in sorted(derived)],
        "how_to_verify": dict(HOW_TO_VERIFY),
        **{name: {language: list(lines) for language, lines in text.items()} for name, text in texts},
    }
    if request.scope is BundleScope.LESSON:
        manifest["lesson_id"] = request.subject
    return document(manifest)


def document(value: JsonValue) -> bytes:
    """JSON for readers: indented, sorted, with a final line feed."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode("utf-8")
