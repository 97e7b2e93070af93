"""One segment on disk: fragmented MP4, each fragment whole and synced before the next begins.

The muxer writes into memory; only whole fragments reach the disk, in one write each. So a full disk, a
crash or a power cut never leaves more than one torn fragment behind, and the file up to the last whole
fragment is always a playable video whose hash is known.

Beside each segment lies a sidecar, written first, from which a reconciler can close what a crash left open.
It stays when the segment is closed: whoever takes the segment away takes the sidecar with it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from ingest.packets import StreamInfo, VideoPacket
from models.errors import StreamLost

_HINT = "it is opened again; if this repeats, set the camera to plain H.264 or H.265"
_BUFFER_BYTES = 256 * 1024
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Facts of a segment that its bytes do not tell. Written as JSON; instants in ISO 8601, UTC.

    ``time_base``: ``"numerator/denominator"`` seconds. ``first_pts_s``: media time of the first picture.
    """

    segment_id: str
    lesson_id: str
    camera_id: str
    sequence: int
    starts_at: str
    first_pts_s: float
    codec: str
    width: int
    height: int
    rotation: int
    time_base: str
    derived: bool = False


@dataclass(frozen=True, slots=True)
class ClosedFile:
    """What a closed segment file is: its path, size in bytes and SHA-256 in hex."""

    path: Path
    size_bytes: int
    sha256: str


def part_path(folder: Path, sequence: int) -> Path:
    return folder / f"{sequence:06d}.part.mp4"


def closed_path(folder: Path, sequence: int) -> Path:
    return folder / f"{sequence:06d}.mp4"


def next_sequence(folder: Path) -> int:
    """The first sequence number that nothing in the folder has used, finished or not; 1 for no folder."""
    taken = [int(entry.name[:6]) for entry in folder.glob("[0-9]*") if entry.name[:6].isdecimal()]
    return max(taken, default=0) + 1


def sidecar_path(folder: Path, sequence: int) -> Path:
    return folder / f"{sequence:06d}.json"


class FragmentBuffer:
    """The muxer's file: collects a fragment in memory until it is whole."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        """What was written since the last ``take``."""

    def write(self, data: bytes) -> int:
        self.pieces.append(data)
        return len(data)

    def take(self) -> bytes:
        """All that was written, and let go of it; a fragment in one piece is not copied."""
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken


class SegmentFile:
    """Writes one segment. Every method may raise OSError; after one, only ``salvage`` is of use.

    ``sync``: make sidecar and each fragment durable at once (a live stream cannot be had again); without it
    the segment is made durable when it closes, and its sidecar is left to the system.
    """

    def __init__(
        self, folder: Path, sidecar: Sidecar, info: StreamInfo, fragment_s: float, *, sync: bool = True
    ) -> None:
        self._folder = folder
        self._sequence = sidecar.sequence
        self._sync = sync
        self._hash = hashlib.sha256()
        self._buffer = FragmentBuffer()
        self.size_bytes = 0
        self._container, self._stream = _open_muxer(self._buffer, info, fragment_s)
        self.write_sidecar(sidecar)
        self._descriptor = self._create()

    def write(self, packet: VideoPacket, pts: int, dts: int) -> bool:
        """Add a packet at these ticks of the source's time base, counted from the segment's first picture.

        Tells whether it completed a fragment, which is on disk now; the packet belongs to the next one.
        """
        packet.pts, packet.dts = pts, dts
        packet.stream = self._stream
        reason = None
        try:
            self._container.mux_one(packet)
        except av.error.FFmpegError as exc:
            reason = exc.strerror
        if reason is not None:
            raise StreamLost(f"the stream's packets cannot be kept as MP4: {reason}", hint=_HINT)
        if not self._buffer.pieces:
            return False
        self._store(self._buffer.take())
        return True

    def close(self) -> ClosedFile:
        """Write what is left, make it durable, give the file its final name."""
        self._container.close()
        self._store(self._buffer.take())
        return self._finish()

    def salvage(self) -> ClosedFile | None:
        """After an error: close the file with its whole fragments; without any, remove it, give ``None``."""
        self._container.close()
        os.ftruncate(self._descriptor, self.size_bytes)
        if self.size_bytes:
            return self._finish()
        os.close(self._descriptor)
        part_path(self._folder, self._sequence).unlink()
        sidecar_path(self._folder, self._sequence).unlink()
        return None

    def write_sidecar(self, sidecar: Sidecar) -> None:
        """Write or replace the sidecar whole; durably where each fragment is."""
        target = sidecar_path(self._folder, self._sequence)
        draft = target.with_name(f"{target.name}.tmp")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(asdict(sidecar), file, ensure_ascii=False)
            file.flush()
            if self._sync:
                os.fsync(file.fileno())
        draft.replace(target)
        if self._sync:
            _sync_folder(self._folder)

    def _create(self) -> int:
        try:
            # Exclusive: whatever lies there under this number is somebody's footage.
            return os.open(part_path(self._folder, self._sequence), _NEW_FILE, 0o644)
        except OSError:
            sidecar_path(self._folder, self._sequence).unlink()
            raise

    def _store(self, fragment: bytes) -> None:
        """Append whole fragments. The hash and the size speak only of what was written and synced."""
        write_all(self._descriptor, fragment)
        if self._sync:
            os.fsync(self._descriptor)
        self._hash.update(fragment)
        self.size_bytes += len(fragment)

    def _finish(self) -> ClosedFile:
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        target = closed_path(self._folder, self._sequence)
        part_path(self._folder, self._sequence).rename(target)
        _sync_folder(self._folder)
        return ClosedFile(target, self.size_bytes, self._hash.hexdigest())


@cache
def container_carries(codec: str) -> bool:
    """Whether MP4 holds this codec's packets as they are."""
    container = av.open(FragmentBuffer(), mode="w", format="mp4")
    return codec in container.supported_codecs


def _open_muxer(
    buffer: FragmentBuffer, info: StreamInfo, fragment_s: float
) -> tuple[OutputContainer, VideoStream]:
    # A fragment is cut by the first packet beyond its time, so the time is shortened by one picture.
    interval_s = float(1 / info.average_rate) if info.average_rate else 0.1
    cut_us = round(max(fragment_s - interval_s, 0.01) * 1_000_000)
    container = av.open(
        buffer,
        mode="w",
        format="mp4",
        buffer_size=_BUFFER_BYTES,
        # delay_moov: the header is written with the first fragment, when the edit list is known that starts
        # reordered pictures at zero.
        container_options={
            "movflags": "delay_moov+default_base_moof",
            "frag_duration": str(cut_us),
            "flush_packets": "1",
        },
    )
    if info.template is not None:
        # opaque: the decoder's name serves; there need not be an encoder for what is only copied.
        return container, container.add_stream_from_template(info.template, opaque=True)
    stream = container.add_mux_stream(
        info.codec, rate=info.average_rate, width=info.width, height=info.height
    )
    return container, cast("VideoStream", stream)


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything; a disk that fills up has taken a part of it when OSError is raised."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    """Make names in a folder durable (a rename lives in the folder, not in the file)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
