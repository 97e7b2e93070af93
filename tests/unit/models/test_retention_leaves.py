"""Leaves of holds and removals say who, why and what, in words that a log can keep for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.canonical_json import canonical_json, parse_json
from models.evidence import Leaf, LeafKind
from models.evidence_leaves_retention import (
    hold_confirmed,
    hold_placed,
    hold_released,
    object_removed,
    removal_begun,
)
from models.footage import KeyVersion
from models.holds import Hold
from models.register import Upload, UploadKind, UploadState

AT = datetime(2031, 11, 24, 3, 0, tzinfo=UTC)
HOLD = Hold("h1", "L1", "c-17", "complaint", "auditor", AT)
RELEASED = replace(HOLD, released_by="chief", released_at=AT, release_reason="settled")
UPLOAD = Upload(
    upload_id="seg-1",
    kind=UploadKind.SEGMENT,
    lesson_id="L1",
    camera_id="cam1",
    sequence=1,
    path="/srv/spool/L1/cam1/000001.mp4",
    object_key="footage/L1/cam1/000001-aa.mp4",
    sha256="aa",
    size_bytes=15_000_000,
    retain_until=datetime(2031, 11, 23, 16, 0, tzinfo=UTC),
    state=UploadState.CLEARED,
    queued_at=AT,
)
LEAVES = {
    "placed": hold_placed(HOLD, AT),
    "released": hold_released(RELEASED, AT),
    "confirmed": hold_confirmed(HOLD, 3, AT),
    "begun": removal_begun("L1", 3, 45_000_000, {"retention_years": 5}, AT),
    "removed": object_removed(UPLOAD, "v1", "default-1", True, AT),
}


@pytest.mark.parametrize(("act", "leaf"), LEAVES.items())
def test_each_act_has_its_leaf_in_canonical_form(act: str, leaf: Leaf) -> None:
    assert leaf.body["act"] == act
    assert leaf.lesson_id == "L1"
    assert leaf.kind is (LeafKind.PURGE if act in ("begun", "removed") else LeafKind.HOLD)
    assert parse_json(canonical_json(dict(leaf.body))) == dict(leaf.body)


def test_a_release_names_who_let_go_and_not_who_held() -> None:
    body = LEAVES["released"].body
    assert (body["actor"], body["reason"]) == ("chief", "settled")
    assert LEAVES["placed"].body["actor"] == "auditor"
    assert body["hold_id"] == LEAVES["placed"].body["hold_id"]


def test_a_confirmation_says_which_wish_the_store_follows() -> None:
    assert LEAVES["confirmed"].body["held"] is True
    assert hold_confirmed(RELEASED, 3, AT).body["held"] is False


def test_a_tombstone_says_what_it_was_and_when_its_time_was_over() -> None:
    body = LEAVES["removed"].body
    assert (body["key"], body["sha256"], body["size_bytes"]) == (UPLOAD.object_key, "aa", 15_000_000)
    assert (body["camera_id"], body["sequence"], body["kind"]) == ("cam1", 1, "segment")
    assert body["retention_ended"] == "2031-11-23T16:00:00.000000Z"
    assert "/srv" not in str(body), "the spool's place is nobody's business"
    assert object_removed(UPLOAD, "v1", "default-1", False, AT).body["was_there"] is False


def test_other_versions_are_named_in_order_and_only_where_there_are_any() -> None:
    """What was written before versions were named keeps its bytes, and so its hash."""
    plain = canonical_json(dict(object_removed(UPLOAD, "v1", "default-1", True, AT, ()).body))
    assert plain == canonical_json(dict(LEAVES["removed"].body))
    assert "other_versions" not in LEAVES["begun"].body
    assert removal_begun("L1", 3, 45_000_000, {"retention_years": 5}, AT, {}) == LEAVES["begun"]
    named = object_removed(UPLOAD, "v1", "default-1", True, AT, {"v3", "v2"})
    assert named.body == {**LEAVES["removed"].body, "other_versions": ["v2", "v3"]}
    begun = removal_begun("L1", 3, 45, {}, AT, {UPLOAD.object_key: frozenset({"v3", "v2"})})
    assert begun.body["other_versions"] == {UPLOAD.object_key: ["v2", "v3"]}
    for leaf in (named, begun):
        assert parse_json(canonical_json(dict(leaf.body))) == dict(leaf.body)


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        (KeyVersion("v1"), False),
        (KeyVersion("v1", is_marker=True), False),
        (KeyVersion("v1", AT), False),
        (KeyVersion("v1", AT + timedelta(microseconds=1)), True),
        (KeyVersion("v1", AT, legal_hold=True), True),
        (KeyVersion("v1", None, legal_hold=True), True),
    ],
)
def test_a_version_is_kept_by_a_hold_or_by_a_date_that_has_not_come(version: KeyVersion, kept: bool) -> None:
    assert version.is_kept(AT) is kept
