"""What people did, as the evidence log tells it: corrections, entries and holds of a rebuilt index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, insert

from models.attendance import ManualEntry, Status
from models.evidence import JsonValue, LeafKind
from models.holds import Hold
from models.register import Correction
from storage.documents import from_document, object_document
from storage.leaf_store import StoredLeaf
from storage.tables import CorrectionRow, HoldRow, ManualEntryRow

Body = Mapping[str, JsonValue]


class ActRows:
    """Few among many leaves: kept until the end, as they stood last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._corrections: dict[str, dict[str, Any]] = {}
        self._manual: list[dict[str, Any]] = []
        self._holds: dict[str, Hold] = {}

    def add(self, leaf: StoredLeaf, body: Body) -> None:
        """The next leaf; other kinds are passed over.

        Raises:
            StorageError, KeyError: its body is not what its kind says.
        """
        if leaf.kind is LeafKind.HOLD:
            self._hold(leaf, body)
        elif leaf.kind is LeafKind.CORRECTION and "manual" in body:
            self._enter(leaf, body)
        elif leaf.kind is LeafKind.CORRECTION:
            self._correct(leaf, body)

    def finish(self) -> Counter[str]:
        """Write everything; returns how many rows of each sort."""
        holds = [object_columns(hold) for hold in self._holds.values()]
        for table, rows in (
            (CorrectionRow, list(self._corrections.values())),
            (ManualEntryRow, self._manual),
            (HoldRow, holds),
        ):
            if rows:
                self._connection.execute(insert(table), rows)
        made = Counter(corrections=len(self._corrections), holds=len(holds))
        made["manual entries"] = len(self._manual)
        return made

    def _correct(self, leaf: StoredLeaf, body: Body) -> None:
        one = from_document(Correction, {**body, "lesson_id": leaf.lesson_id})
        row = object_columns(one)
        row["status"] = None if one.status is None else Status(one.status)
        row["struck"] = list(one.struck) or None
        row["evidence"] = None if one.evidence is None else object_document(one.evidence)
        self._corrections[one.correction_id] = row

    def _enter(self, leaf: StoredLeaf, body: Body) -> None:
        entry = from_document(ManualEntry, body["manual"])
        self._manual.append(
            {
                "lesson_id": leaf.lesson_id,
                "trainee": body["trainee"],
                "kind": entry.kind,
                "starts_at": entry.interval.starts_at if entry.interval else None,
                "ends_at": entry.interval.ends_at if entry.interval else None,
                "actor": entry.actor,
                "reason": entry.reason,
                "at": leaf.at,
            }
        )

    def _hold(self, leaf: StoredLeaf, body: Body) -> None:
        hold_id, act = str(body["hold_id"]), body["act"]
        if act == "placed":
            case_ref, reason, by = (str(body[name]) for name in ("case_ref", "reason", "actor"))
            self._holds[hold_id] = Hold(hold_id, str(leaf.lesson_id), case_ref, reason, by, leaf.at)
        elif act == "released":
            self._holds[hold_id] = replace(
                self._holds[hold_id],
                released_by=str(body["actor"]),
                released_at=leaf.at,
                release_reason=str(body["reason"]),
                confirmed_at=None,
            )
        # "confirmed" is passed over: the store is asked again, it may be another one now.


def object_columns(value: Any) -> dict[str, Any]:
    """A dataclass's fields as columns of the same names."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
