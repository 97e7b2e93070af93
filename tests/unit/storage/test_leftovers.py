"""What lies in the spool after a crash: which files are looked at, believed, closed, set aside, swept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.packets import StreamInfo
from ingest.segment_file import SegmentFile
from ingest.segment_file import Sidecar as Written
from models.errors import VideoInvalid
from storage.fragments import read_fragments
from storage.leftovers import (
    Leftover,
    close_leftover,
    find_leftovers,
    read_sidecar,
    set_aside,
    sweep,
)
from tests.unit.ingest.fakes import Clip, encode_clip, packet_of

STARTS_AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SIDECAR: dict[str, Any] = {
    "segment_id": "s1",
    "lesson_id": "L1",
    "camera_id": "c1",
    "sequence": 1,
    "starts_at": STARTS_AT.isoformat(),
    "first_pts_s": 12.5,
    "codec": "h264",
    "width": 160,
    "height": 120,
}


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode_clip(seconds=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "L1" / "c1"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def recorded(folder: Path, clip: Clip) -> Callable[[int], Leftover]:
    """What the real recorder's file leaves when its process dies after so many pictures."""

    def write(pictures: int) -> Leftover:
        info: StreamInfo = clip.info
        sidecar = Written("s1", "L1", "c1", 1, STARTS_AT.isoformat(), 12.5, "h264", 160, 120, 0, "1/90000")
        file = SegmentFile(folder, sidecar, info, 1.0)
        for row in clip.packets[:pictures]:
            packet = packet_of(row)
            file.write(packet, packet.pts or 0, packet.dts or 0)
        (left,) = find_leftovers(folder.parents[1])
        return left

    return write


def leftover(folder: Path, name: str = "000001.part.mp4") -> Leftover:
    (folder / name).touch()
    return Leftover(folder / name, int(name[:6]), ".part." in name)


def test_the_recorders_own_sidecar_is_understood(recorded: Callable[[int], Leftover]) -> None:
    sidecar = read_sidecar(recorded(25))
    assert sidecar is not None
    assert (sidecar.segment_id, sidecar.lesson_id, sidecar.camera_id, sidecar.sequence) == (
        "s1",
        "L1",
        "c1",
        1,
    )
    assert (sidecar.starts_at, sidecar.first_pts_s, sidecar.derived) == (STARTS_AT, 12.5, False)


@pytest.mark.parametrize("pictures", [15, 25, 39])
def test_a_recorders_open_file_is_closed_with_its_whole_fragments(
    recorded: Callable[[int], Leftover], pictures: int
) -> None:
    left = recorded(pictures)
    whole = read_fragments(left.path)
    sidecar = read_sidecar(left)
    assert sidecar is not None
    steps: list[str] = []
    segment = close_leftover(left, sidecar, steps.append)
    assert steps == ["repair: cut", "repair: named"]
    assert not left.path.exists()
    assert Path(segment.path) == left.closed_path
    assert (segment.size_bytes, segment.duration_s) == (whole.whole_bytes, whole.duration_s)
    assert segment.ends_at == STARTS_AT + timedelta(seconds=whole.duration_s)
    assert segment.repaired
    assert 0 <= pictures / 10 - segment.duration_s <= 1.1, "at most the last fragment is missing"


def test_bytes_behind_the_last_whole_fragment_are_cut(recorded: Callable[[int], Leftover]) -> None:
    left = recorded(25)
    sidecar, size = read_sidecar(left), left.path.stat().st_size
    with left.path.open("ab") as file:
        file.write(b"\0\0\1\0moof torn")
    assert sidecar is not None
    assert close_leftover(left, sidecar, lambda _step: None).size_bytes == size


def test_closing_is_repeated_with_the_same_outcome(recorded: Callable[[int], Leftover]) -> None:
    left = recorded(25)
    sidecar = read_sidecar(left)
    assert sidecar is not None
    first = close_leftover(left, sidecar, lambda _step: None)
    (again,) = find_leftovers(left.path.parents[2])
    assert not again.open
    assert close_leftover(again, sidecar, lambda _step: None) == first


def test_a_file_without_a_whole_fragment_cannot_be_closed(folder: Path) -> None:
    left = leftover(folder)
    left.path.write_bytes(b"\0" * 5000)
    left.sidecar_path.write_text(json.dumps(SIDECAR))
    sidecar = read_sidecar(left)
    assert sidecar is not None
    with pytest.raises(VideoInvalid):
        close_leftover(left, sidecar, lambda _step: None)
    assert left.path.stat().st_size == 5000


@pytest.mark.parametrize("missing", sorted(SIDECAR))
def test_a_sidecar_that_lacks_a_fact_is_none(folder: Path, missing: str) -> None:
    left = leftover(folder)
    left.sidecar_path.write_text(json.dumps({key: SIDECAR[key] for key in SIDECAR if key != missing}))
    assert read_sidecar(left) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b"[" * 3000],
)
def test_a_damaged_sidecar_is_none(folder: Path, content: bytes) -> None:
    left = leftover(folder)
    left.sidecar_path.write_bytes(content)
    assert read_sidecar(left) is None


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": "yesterday"},
        {"starts_at": "2026-11-23T01:00:00"},
        {"starts_at": 5},
        {"sequence": "one"},
        {"sequence": None},
        {"width": {}},
        {"first_pts_s": "x"},
        {"sequence": float("inf")},
        {"starts_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_a_sidecar_with_an_odd_value_is_none(folder: Path, change: dict[str, Any]) -> None:
    left = leftover(folder)
    left.sidecar_path.write_text(json.dumps(SIDECAR | change))
    assert read_sidecar(left) is None


def test_a_sidecars_instant_may_be_in_any_zone(folder: Path) -> None:
    left = leftover(folder)
    left.sidecar_path.write_text(json.dumps(SIDECAR | {"starts_at": "2026-11-23T09:00:00+08:00"}))
    sidecar = read_sidecar(left)
    assert sidecar is not None
    assert sidecar.starts_at == STARTS_AT
    assert sidecar.starts_at.tzinfo is UTC


def test_only_segments_of_streams_are_leftovers(tmp_path: Path, folder: Path) -> None:
    for name in ("000002.mp4", "000010.part.mp4", "1000000.mp4"):
        (folder / name).touch()
    for name in ("12345.mp4", "original.mp4", "000003.mp4.damaged-1", "000004.json", "000005.mov"):
        (folder / name).touch()
    (tmp_path / "000001.mp4").touch()
    (folder / "000006.mp4").mkdir()
    (folder / "000007.mp4").symlink_to(folder / "000002.mp4")
    found = [(one.path.name, one.sequence, one.open) for one in find_leftovers(tmp_path)]
    assert found == [("000002.mp4", 2, False), ("000010.part.mp4", 10, True), ("1000000.mp4", 1000000, False)]


def test_files_set_aside_never_replace_one_another(folder: Path) -> None:
    for number in (1, 2, 3):
        left = leftover(folder)
        left.path.write_bytes(bytes([number]))
        left.sidecar_path.write_text(str(number))
        assert set_aside(left).name == f"000001.part.mp4.damaged-{number}"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert kept == {
        **{f"000001.part.mp4.damaged-{n}": bytes([n]) for n in (1, 2, 3)},
        **{f"000001.part.mp4.damaged-{n}.json": str(n).encode() for n in (1, 2, 3)},
    }


def test_a_sweep_removes_only_what_holds_no_footage(tmp_path: Path, folder: Path) -> None:
    (folder / "000001.part.mp4").touch()
    (folder / "000001.json").touch()
    (folder / "000002.part.mp4").write_bytes(b"x")
    (folder / "000002.json").touch()
    (folder / "000003.json.tmp").touch()
    (folder / "000004.mp4").touch()  # empty, but it has its closed name: a person must see it
    (folder / "000004.json").touch()
    (folder / "notes.json").touch()
    (folder / "000005.mp4.damaged-1.json").touch()
    (tmp_path / "L2" / "c9").mkdir(parents=True)
    sweep(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "000002.json",
        "000002.part.mp4",
        "000004.json",
        "000004.mp4",
        "000005.mp4.damaged-1.json",
        "notes.json",
    ]
    assert not (tmp_path / "L2").exists()


def test_a_sweep_of_an_empty_spool_leaves_the_spool(tmp_path: Path) -> None:
    sweep(tmp_path)
    assert tmp_path.is_dir()
