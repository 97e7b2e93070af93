"""Cuts a stream into segments and books them: by codec copy, at keyframes, nothing decoded."""

from __future__ import annotations

import errno
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.ledger import FootageLedger, utc
from ingest.packets import StreamInfo, VideoPacket
from ingest.segment_file import ClosedFile, SegmentFile, Sidecar
from models.footage import Segment
from models.policy import RecordingPolicy
from models.ports import RecorderSink

# A trial that moves the start by less is not worth rewriting the sidecar: a reader cannot see it.
_SIDECAR_TOLERANCE_S = 0.02


@dataclass(frozen=True, slots=True)
class FootagePlace:
    """Whose footage it is and the folder its segments go to."""

    lesson_id: str
    camera_id: str
    folder: Path


@dataclass(slots=True)
class TimedPacket:
    """A packet with its place.

    ``pts``, ``dts``: ticks of the media timeline; ``pts_s``: the same in seconds. ``base_s``: wall time of
    media time zero (seconds since 1970) as the anchor says it now; ``on_trial``: it may still be corrected.
    """

    packet: VideoPacket
    pts: int
    dts: int
    pts_s: float
    base_s: float
    keyframe: bool
    on_trial: bool = False


@dataclass(slots=True)
class _OpenSegment:
    """The segment being written. ``base_s`` ties its media time to the wall for its whole length.

    ``stored_*`` speak of whole fragments on disk, the others of packets handed to the muxer.
    """

    file: SegmentFile
    sidecar: Sidecar
    first_pts: int
    first_pts_s: float
    base_s: float
    starts_s: float
    ends_pts_s: float
    settled: bool = False
    keyframes: int = 0
    gop_bytes: int = 0
    largest_gop_bytes: int = 0
    muxed_bytes: int = 0
    stored_until_pts_s: float = 0.0
    stored_keyframes: int = 0


class Segmenter:
    """Writes the segments of one camera in one lesson; sequence numbers go on over reconnections.

    ``now_s`` gives the recorder's clock (seconds since 1970): footage reaches no further into the
    future than drift may (reordered pictures are sent before their time).
    ``reserve_bytes``: a segment is begun only while so much of the disk is free.
    Raises OSError when the disk fails; then ``salvage`` keeps what is whole.
    """

    def __init__(
        self,
        place: FootagePlace,
        policy: RecordingPolicy,
        sink: RecorderSink,
        ledger: FootageLedger,
        now_s: Callable[[], float],
        *,
        first_sequence: int = 1,
        reserve_bytes: int = 0,
        sync: bool = True,
        derived: bool = False,
    ) -> None:
        self._place = place
        self._reserve_bytes = reserve_bytes
        self._policy = policy
        self._sink = sink
        self._ledger = ledger
        self._now_s = now_s
        self._lead_s = policy.drift_reanchor.total_seconds()
        self._segment_s = policy.segment.total_seconds()
        self._limit_bytes = policy.max_segment_bytes
        self._sync = sync
        self._derived = derived
        self._info: StreamInfo | None = None
        self._interval_s = 0.0
        self._open: _OpenSegment | None = None
        self.next_sequence = first_sequence
        self.clock_offset_s: float | None = None

    @property
    def recording(self) -> bool:
        return self._open is not None

    @property
    def storing(self) -> bool:
        """Whether the open segment has a fragment on disk already."""
        return self._open is not None and self._open.file.size_bytes > 0

    def connect(self, info: StreamInfo) -> None:
        """A (new) stream begins; its first segment opens at its first keyframe."""
        self._info = info
        self._interval_s = float(1 / info.average_rate) if info.average_rate else 0.04

    def add(self, timed: TimedPacket) -> bool:
        """Write one packet; ``False`` while waiting for the keyframe that opens a segment."""
        if self._open is None:
            if not timed.keyframe:
                return False
            self._open = self._begin(timed)
        elif self._cut_due(self._open, timed):
            self.close(timed.pts_s)
            self._open = self._begin(timed)
        if not self._open.settled:
            self._track_anchor(self._open, timed)
        self._append(self._open, timed)
        return True

    def close(self, end_pts_s: float | None = None) -> None:
        """Close the open segment, if any; ``end_pts_s``: media time of the picture that comes next."""
        segment = self._open
        if segment is None:
            return
        closed = segment.file.close()
        self._open = None
        self._settle(segment)
        ends_pts_s = segment.ends_pts_s if end_pts_s is None else max(end_pts_s, segment.first_pts_s)
        self._book(segment, closed, ends_pts_s, segment.keyframes)

    def settle(self) -> None:
        """The anchor starts anew: what the open segment knows of its start is final."""
        if self._open is not None:
            self._settle(self._open)

    def salvage(self) -> None:
        """After an OSError: close what is whole on disk, book it, forget the rest."""
        segment, self._open = self._open, None
        if segment is None:
            return
        closed = segment.file.salvage()
        if closed is None:
            # Nothing came of this number, and numbers have no holes.
            self.next_sequence = segment.sidecar.sequence
        else:
            self._settle(segment, rewrite=False)
            self._book(segment, closed, segment.stored_until_pts_s, segment.stored_keyframes)

    def _cut_due(self, segment: _OpenSegment, timed: TimedPacket) -> bool:
        if not timed.keyframe:
            # One group of pictures larger than a whole segment: cut inside it, for the limit is an object
            # store's; the bytes stay whole over the two files.
            return segment.muxed_bytes + timed.packet.size > self._limit_bytes
        elapsed_s = timed.pts_s - segment.first_pts_s
        if elapsed_s >= self._segment_s - self._interval_s / 2:
            return True
        if segment.settled and timed.base_s != segment.base_s:
            return True
        return segment.muxed_bytes + max(segment.largest_gop_bytes, segment.gop_bytes) > self._limit_bytes

    def _begin(self, timed: TimedPacket) -> _OpenSegment:
        info = self._info
        if info is None:
            raise RuntimeError("connect comes before add")
        self._require_room()
        starts_s = self._start_of(timed.base_s, timed.pts_s)
        sidecar = Sidecar(
            segment_id=uuid.uuid4().hex,
            lesson_id=self._place.lesson_id,
            camera_id=self._place.camera_id,
            sequence=self.next_sequence,
            starts_at=utc(starts_s).isoformat(),
            first_pts_s=timed.pts_s,
            codec=info.codec,
            width=info.width,
            height=info.height,
            rotation=info.rotation_degrees,
            time_base=f"{info.time_base.numerator}/{info.time_base.denominator}",
            derived=self._derived,
        )
        fragment_s = self._policy.fragment.total_seconds()
        file = SegmentFile(self._place.folder, sidecar, info, fragment_s, sync=self._sync)
        self.next_sequence += 1
        return _OpenSegment(
            file,
            sidecar,
            timed.pts,
            timed.pts_s,
            timed.base_s,
            starts_s,
            timed.pts_s,
            stored_until_pts_s=timed.pts_s,
        )

    def _require_room(self) -> None:
        """Stop while there is still room for the database and for closing what is open."""
        self._place.folder.mkdir(parents=True, exist_ok=True)
        if self._reserve_bytes and shutil.disk_usage(self._place.folder).free < self._reserve_bytes:
            raise OSError(errno.ENOSPC, "less than the reserve is free", str(self._place.folder))

    def _start_of(self, base_s: float, first_pts_s: float) -> float:
        return max(self._ledger.covered_until_s, min(base_s + first_pts_s, self._now_s() + self._lead_s))

    def _track_anchor(self, segment: _OpenSegment, timed: TimedPacket) -> None:
        segment.base_s = min(segment.base_s, timed.base_s)
        if not timed.on_trial:
            self._settle(segment)

    def _settle(self, segment: _OpenSegment, *, rewrite: bool = True) -> None:
        """The start is final: correct the sidecar if it moved, declare what was missing before it."""
        if segment.settled:
            return
        segment.settled = True
        starts_s = self._start_of(segment.base_s, segment.first_pts_s)
        if rewrite and abs(starts_s - segment.starts_s) > _SIDECAR_TOLERANCE_S:
            segment.sidecar = replace(segment.sidecar, starts_at=utc(starts_s).isoformat())
            segment.file.write_sidecar(segment.sidecar)
        segment.starts_s = starts_s
        gap = self._ledger.footage(starts_s, starts_s)
        if gap is not None:
            self._sink.gap_declared(gap)

    def _append(self, segment: _OpenSegment, timed: TimedPacket) -> None:
        packet, size = timed.packet, timed.packet.size
        ends_before, keyframes_before = segment.ends_pts_s, segment.keyframes
        if timed.keyframe:
            segment.keyframes += 1
            segment.largest_gop_bytes = max(segment.largest_gop_bytes, segment.gop_bytes)
            segment.gop_bytes = 0
        segment.gop_bytes += size
        segment.muxed_bytes += size
        ends_pts_s = timed.pts_s + self._interval_s
        if ends_pts_s > ends_before:
            segment.ends_pts_s = ends_pts_s
        first_pts = segment.first_pts
        if segment.file.write(packet, timed.pts - first_pts, timed.dts - first_pts):
            segment.stored_until_pts_s, segment.stored_keyframes = ends_before, keyframes_before

    def _book(self, segment: _OpenSegment, closed: ClosedFile, ends_pts_s: float, keyframes: int) -> None:
        ends_s = max(segment.starts_s, min(segment.base_s + ends_pts_s, self._now_s() + self._lead_s))
        self._ledger.footage(segment.starts_s, ends_s)
        sidecar = segment.sidecar
        self._sink.segment_closed(
            Segment(
                segment_id=sidecar.segment_id,
                lesson_id=self._place.lesson_id,
                camera_id=self._place.camera_id,
                sequence=sidecar.sequence,
                starts_at=utc(segment.starts_s),
                ends_at=utc(ends_s),
                first_pts_s=segment.first_pts_s,
                duration_s=ends_pts_s - segment.first_pts_s,
                codec=sidecar.codec,
                width=sidecar.width,
                height=sidecar.height,
                size_bytes=closed.size_bytes,
                sha256=closed.sha256,
                path=str(closed.path),
                keyframes=keyframes,
                derived=self._derived,
                clock_offset_s=self.clock_offset_s,
            )
        )
