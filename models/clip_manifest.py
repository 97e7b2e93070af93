"""What a signed copy of footage says of itself: the statements of a C2PA manifest (C2PA 2.x, JSON form).

It names lesson, camera and time, and where in the evidence log the original stands. It names no person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from models.checkpoint import utc_text
from models.evidence import JsonValue
from models.footage import Segment

CLIP_ASSERTION: Final = "local.rollcall.segment"
"""Label of our own statement. ``local``: the form of a reversed host name that belongs to nobody."""
_FORMAT: Final = "rollcall-clip/1"


class ClipChange(Enum):
    """How a copy differs from the recorded footage, beside carrying a manifest."""

    NONE = "none: the recorded pictures, unchanged"
    FACES_BLURRED = "faces blurred, encoded again"


@dataclass(frozen=True, slots=True)
class ClipOrigin:
    """Where footage is on record. ``log``: origin of the evidence log; ``index``, ``leaf_hash``: of the leaf
    that says that the segment was closed (``SEGMENT_CLOSED``), as in the bundle's ``leaves.jsonl``.
    """

    log: str
    index: int
    leaf_hash: bytes


def clip_manifest(
    segment: Segment, origin: ClipOrigin, change: ClipChange, *, title: str, version: str
) -> dict[str, JsonValue]:
    """The manifest's definition. ``title``: file name of the copy; ``version``: of this program.

    The first action, ``c2pa.opened``, is added by the library with the ingredient that it refers to.
    """
    actions: list[JsonValue] = [{"action": "c2pa.published"}]
    if change is ClipChange.FACES_BLURRED:
        edited: JsonValue = {"action": "c2pa.edited", "description": "faces blurred"}
        actions = [edited, {"action": "c2pa.transcoded"}, *actions]
    return {
        "claim_generator_info": [{"name": "Rollcall", "version": version}],
        "title": title,
        "format": "video/mp4",
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": actions}},
            {"label": CLIP_ASSERTION, "kind": "Json", "data": _statement(segment, origin, change)},
        ],
    }


def _statement(segment: Segment, origin: ClipOrigin, change: ClipChange) -> dict[str, JsonValue]:
    return {
        "format": _FORMAT,
        "derived": True,
        "change": change.value,
        "lesson_id": segment.lesson_id,
        "camera_id": segment.camera_id,
        "sequence": segment.sequence,
        "starts_at": utc_text(segment.starts_at),
        "ends_at": utc_text(segment.ends_at),
        "original_sha256": segment.sha256,
        "log": origin.log,
        "leaf": {"index": origin.index, "hash": origin.leaf_hash.hex()},
    }
