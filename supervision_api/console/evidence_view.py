"""What the evidence page shows: the lesson's leaves in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.evidence import LeafKind
from storage.leaf_store import LeafQuery, StoredLeaf
from storage.unit_of_work import UnitOfWork
from supervision_api.console import phrases
from supervision_api.console.i18n import Language

# what of a leaf's body tells it from its neighbours; the rest is in the bundle.
_TOLD = ("camera_id", "sequence", "trainee", "status", "kind", "subject", "view", "actor", "cause")
_CODES: Mapping[str, str] = {"status": "status", "kind": "flag", "cause": "gap_cause"}


@dataclass(frozen=True, slots=True)
class LeafLine:
    """A leaf of the log as a line of the table; ``leaf_hash``: hex."""

    sequence: int
    at: datetime
    kind: str
    about: str
    leaf_hash: str


def leaf_line(leaf: StoredLeaf, language: Language) -> LeafLine:
    """One leaf."""
    return LeafLine(leaf.seq, leaf.at, leaf.kind.value, about(leaf, language), leaf.leaf_hash.hex())


def vouched(work: UnitOfWork, lesson_id: str) -> dict[str, Any]:
    """Who else vouches for a closed lesson: the authority of its certified time, and second parties."""
    closed = LeafQuery(lesson_id=lesson_id, kinds=(LeafKind.LESSON_CLOSED,))
    closing = next(iter(work.evidence.store.rows(closed)), None)
    return {
        "certified": work.timestamps.of_lesson(lesson_id),
        "cosigned": () if closing is None else work.cosigners.covering(closing.seq + 1),
    }


def about(leaf: StoredLeaf, language: Language) -> str:
    """A leaf in a few words: camera, number, trainee, status, actor; codes under their names."""
    body = json.loads(leaf.record).get("body", {})
    return " · ".join(_value(name, body[name], language) for name in _TOLD if _is_plain(body.get(name)))


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int)) and value != ""


def _value(name: str, value: object, language: Language) -> str:
    if name == "view":
        return phrases.say(language, phrases.VIEW, str(value))
    if name in _CODES:
        return phrases.say_label(language, _CODES[name], str(value))
    return str(value)
