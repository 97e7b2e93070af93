"""Leaves of retention: holds placed and released, footage removed when its time is over.

A removal has two leaves: ``begun`` before the first byte goes, ``removed`` per object once the store no
longer knows it. A crash between them leaves a removal known to be under way, never an unexplained loss.

A server may hold more under a key than the version that its receipt names. Both leaves name these other
versions, and only where there are any: ``begun`` before they go, so that no crash loses their names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from models.checkpoint import utc_text
from models.evidence import JsonValue, Leaf, LeafKind
from models.holds import Hold
from models.register import Upload


def hold_placed(hold: Hold, at: datetime) -> Leaf:
    """Somebody holds a lesson's footage."""
    body: dict[str, JsonValue] = {
        "act": "placed",
        "hold_id": hold.hold_id,
        "case_ref": hold.case_ref,
        "reason": hold.reason,
        "actor": hold.placed_by,
    }
    return Leaf(LeafKind.HOLD, at, hold.lesson_id, body)


def hold_released(hold: Hold, at: datetime) -> Leaf:
    """Somebody lets a hold go."""
    body: dict[str, JsonValue] = {
        "act": "released",
        "hold_id": hold.hold_id,
        "case_ref": hold.case_ref,
        "reason": hold.release_reason,
        "actor": hold.released_by,
    }
    return Leaf(LeafKind.HOLD, at, hold.lesson_id, body)


def hold_confirmed(hold: Hold, objects: int, at: datetime) -> Leaf:
    """The store confirmed the wish for every object of the lesson, as read back."""
    body: dict[str, JsonValue] = {
        "act": "confirmed",
        "hold_id": hold.hold_id,
        "held": hold.open,
        "objects": objects,
    }
    return Leaf(LeafKind.HOLD, at, hold.lesson_id, body)


def removal_begun(
    lesson_id: str,
    objects: int,
    size_bytes: int,
    retention: dict[str, JsonValue],
    at: datetime,
    other_versions: Mapping[str, Collection[str]] | None = None,
) -> Leaf:
    """The decision to remove: how much, and the rule (``retention``) under which its time was over.

    ``other_versions``: per key, what goes beside the version that its receipt names and is not named by an
    earlier decision.
    """
    body: dict[str, JsonValue] = {"act": "begun", "objects": objects, "size_bytes": size_bytes, **retention}
    if other_versions:
        body["other_versions"] = {key: [*sorted(names)] for key, names in other_versions.items()}
    return Leaf(LeafKind.PURGE, at, lesson_id, body)


def object_removed(
    upload: Upload,
    version: str,
    policy_version: str,
    found: bool,
    at: datetime,
    other_versions: Collection[str] = (),
) -> Leaf:
    """Proof that an object was there, what it was, and that nothing is left under its key.

    ``found``: it was still there when it was removed; ``False`` where a crash or a rule of the store's own
    came between the decision and this leaf. ``other_versions``: what went from under the key beside it.
    """
    body: dict[str, JsonValue] = {
        "act": "removed",
        "key": upload.object_key,
        "version": version,
        "sha256": upload.sha256,
        "size_bytes": upload.size_bytes,
        "camera_id": upload.camera_id,
        "sequence": upload.sequence,
        "kind": upload.kind.value,
        "retention_ended": utc_text(upload.retain_until),
        "policy_version": policy_version,
        "was_there": found,
    }
    if other_versions:
        body["other_versions"] = [*sorted(other_versions)]
    return Leaf(LeafKind.PURGE, at, upload.lesson_id, body)
