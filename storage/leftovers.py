"""What a recorder left in the spool: open segments, closed ones without a row, and their sidecars."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from models.errors import VideoInvalid
from models.footage import Segment
from storage.durable import sync_file, sync_folder
from storage.fragments import read_fragments

_FILE: Final = re.compile(r"(\d{6,})(\.part)?\.mp4")
_SIDECAR: Final = re.compile(r"(\d{6,})\.json(?:\.tmp)?")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the recorder knew when it opened the segment (ingest/segment_file.py writes it)."""

    segment_id: str
    lesson_id: str
    camera_id: str
    sequence: int
    starts_at: datetime
    first_pts_s: float
    codec: str
    width: int
    height: int
    derived: bool


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file in a camera's folder. ``open``: the recorder had not closed it."""

    path: Path
    sequence: int
    open: bool

    @property
    def sidecar_path(self) -> Path:
        return self.path.with_name(f"{self.path.name.split('.')[0]}.json")

    @property
    def closed_path(self) -> Path:
        return self.path.with_name(f"{self.path.name.split('.')[0]}.mp4")


def find_leftovers(root: Path) -> Iterator[Leftover]:
    """Segments under ``<root>/<lesson>/<camera>``, by folder and sequence."""
    for path in sorted(root.glob("*/*/*.mp4")):
        match = _FILE.fullmatch(path.name)
        if match is not None and path.is_file() and not path.is_symlink():
            yield Leftover(path, int(match[1]), match[2] is not None)


def read_sidecar(leftover: Leftover) -> Sidecar | None:
    """The sidecar, or ``None`` when it is missing, damaged, or speaks of another file."""
    try:
        document = json.loads(leftover.sidecar_path.read_bytes())
        starts_at = datetime.fromisoformat(document["starts_at"])
        sidecar = Sidecar(
            segment_id=str(document["segment_id"]),
            lesson_id=str(document["lesson_id"]),
            camera_id=str(document["camera_id"]),
            sequence=int(document["sequence"]),
            starts_at=starts_at.astimezone(UTC),
            first_pts_s=float(document["first_pts_s"]),
            codec=str(document["codec"]),
            width=int(document["width"]),
            height=int(document["height"]),
            derived=bool(document.get("derived", False)),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    belongs = (sidecar.lesson_id, sidecar.camera_id, sidecar.sequence) == (
        leftover.path.parent.parent.name,
        leftover.path.parent.name,
        leftover.sequence,
    )
    return sidecar if belongs and starts_at.tzinfo is not None else None


def close_leftover(leftover: Leftover, sidecar: Sidecar, step: Callable[[str], None]) -> Segment:
    """Cut a torn last fragment, make the file durable under its closed name, and measure it.

    Safe to repeat after a crash at any point.

    Raises:
        VideoInvalid: there is no whole fragment in it.
    """
    video = read_fragments(leftover.path)
    if leftover.open:
        os.truncate(leftover.path, video.whole_bytes)
        step("repair: cut")
    elif video.whole_bytes != leftover.path.stat().st_size:
        # A closed file was whole when it got its name; bytes behind the last fragment are not ours to cut.
        raise VideoInvalid("a closed segment does not end with a whole fragment", place=leftover.path.name)
    sync_file(leftover.path)
    if leftover.open:
        leftover.path.rename(leftover.closed_path)
        step("repair: named")
    sync_folder(leftover.path.parent)
    with leftover.closed_path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Segment(
        segment_id=sidecar.segment_id,
        lesson_id=sidecar.lesson_id,
        camera_id=sidecar.camera_id,
        sequence=sidecar.sequence,
        starts_at=sidecar.starts_at,
        ends_at=sidecar.starts_at + timedelta(seconds=video.duration_s),
        first_pts_s=sidecar.first_pts_s,
        duration_s=video.duration_s,
        codec=sidecar.codec,
        width=sidecar.width,
        height=sidecar.height,
        size_bytes=video.whole_bytes,
        sha256=sha256,
        path=str(leftover.closed_path),
        keyframes=video.keyframes,
        derived=sidecar.derived,
        repaired=True,
    )


def set_aside(leftover: Leftover) -> Path:
    """Rename a file that cannot be booked, so that no recorder writes over it and nobody takes it for whole.

    Its bytes and its sidecar stay: a person decides about them.
    """
    number = 1
    while (target := leftover.path.with_name(f"{leftover.path.name}.damaged-{number}")).exists():
        number += 1
    leftover.path.rename(target)
    if leftover.sidecar_path.exists():
        leftover.sidecar_path.rename(target.with_name(f"{target.name}.json"))
    sync_folder(target.parent)
    return target


def sweep(root: Path) -> None:
    """Remove what holds no footage: empty open segments, sidecars without a segment, empty folders."""
    for part in root.glob("*/*/*.part.mp4"):
        if part.stat().st_size == 0:
            part.unlink()
    for sidecar in root.glob("*/*/*.json*"):
        number = _SIDECAR.fullmatch(sidecar.name)
        if number is not None and not any(sidecar.parent.glob(f"{number[1]}.*mp4")):
            sidecar.unlink()
    for folder in sorted(root.glob("**/"), reverse=True):
        if folder != root and not any(folder.iterdir()):
            folder.rmdir()
