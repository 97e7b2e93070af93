"""What a signed copy says of itself: where its original is on record, how it differs, and nobody's name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.clip_manifest import CLIP_ASSERTION, ClipChange, ClipOrigin, clip_manifest
from models.footage import Segment

STARTS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ORIGIN = ClipOrigin("rollcall.test/log", 41, bytes(range(32)))
SEGMENT = Segment(
    segment_id="seg-7",
    lesson_id="L1",
    camera_id="room-301",
    sequence=7,
    starts_at=STARTS,
    ends_at=STARTS + timedelta(seconds=60),
    first_pts_s=0.0,
    duration_s=60.0,
    codec="h264",
    width=1920,
    height=1080,
    size_bytes=15_000_000,
    sha256="ab" * 32,
    path="/srv/rollcall/spool/L1/room-301/000007.mp4",
    keyframes=60,
)


def manifest_of(change: ClipChange = ClipChange.NONE) -> Any:
    return clip_manifest(SEGMENT, ORIGIN, change, title="000007.c2pa.mp4", version="0.1.0")


def assertion(manifest: Any, label: str) -> Any:
    (found,) = [one for one in manifest["assertions"] if one["label"] == label]
    return found["data"]


def test_it_says_where_the_original_is_on_record() -> None:
    assert assertion(manifest_of(), CLIP_ASSERTION) == {
        "format": "rollcall-clip/1",
        "derived": True,
        "change": "none: the recorded pictures, unchanged",
        "lesson_id": "L1",
        "camera_id": "room-301",
        "sequence": 7,
        "starts_at": "2026-11-23T01:00:00.000000Z",
        "ends_at": "2026-11-23T01:01:00.000000Z",
        "original_sha256": "ab" * 32,
        "log": "rollcall.test/log",
        "leaf": {"index": 41, "hash": bytes(range(32)).hex()},
    }


def test_it_names_the_program_with_its_version() -> None:
    manifest = manifest_of()
    assert manifest["claim_generator_info"] == [{"name": "Rollcall", "version": "0.1.0"}]
    assert (manifest["title"], manifest["format"]) == ("000007.c2pa.mp4", "video/mp4")


@pytest.mark.parametrize(
    ("change", "actions"),
    [
        (ClipChange.NONE, ["c2pa.published"]),
        (ClipChange.FACES_BLURRED, ["c2pa.edited", "c2pa.transcoded", "c2pa.published"]),
    ],
)
def test_its_actions_are_what_was_done(change: ClipChange, actions: list[str]) -> None:
    manifest = manifest_of(change)
    assert [one["action"] for one in assertion(manifest, "c2pa.actions")["actions"]] == actions
    assert assertion(manifest, CLIP_ASSERTION)["change"] == change.value


@pytest.mark.parametrize("change", list(ClipChange))
def test_no_path_of_the_machine_stands_in_it(change: ClipChange) -> None:
    text = json.dumps(manifest_of(change))
    assert "/srv" not in text
    assert "spool" not in text
