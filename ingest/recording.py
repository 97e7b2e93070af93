"""One connection (or one file) on its way into footage: timestamps, wall time, segments, samples."""

from __future__ import annotations

from ingest.ledger import FootageLedger
from ingest.packets import StreamInfo, VideoPacket
from ingest.sampling import StreamSampler
from ingest.segmenter import Segmenter, TimedPacket
from ingest.timestamps import MediaTimes, TimestampRules
from ingest.wall_anchor import Anchor
from models.footage import GapCause
from models.policy import RecordingPolicy


class StreamRecording:
    """Feed it every packet with its time of arrival. Raises OSError when the disk fails."""

    def __init__(
        self,
        info: StreamInfo,
        policy: RecordingPolicy,
        anchor: Anchor,
        segmenter: Segmenter,
        ledger: FootageLedger,
        *,
        sampler: StreamSampler | None = None,
    ) -> None:
        self._jump_s = policy.jump_close.total_seconds()
        self._rules = TimestampRules(info.time_base, info.average_rate, self._jump_s)
        self._tick_s = float(info.time_base)
        self._anchor = anchor
        self._segmenter = segmenter
        self._ledger = ledger
        self._sampler = sampler
        self._first_dts: int | None = None
        self.pts_s = 0.0
        """Media time of the picture fed last, in seconds."""
        self.reached_s = 0.0
        """Media time of the latest picture fed, in seconds."""
        segmenter.connect(info)
        if sampler is not None:
            sampler.connect(info)

    def feed(self, packet: VideoPacket, now_s: float, *, write: bool = True) -> bool:
        """Write one packet; ``False`` while a keyframe is awaited. ``now_s``: recorder's clock.

        ``write=False`` follows the stream's time without keeping anything (no room on the disk).
        """
        times = self._rules.place(packet.pts, packet.dts)
        self.pts_s = pts_s = times.pts * self._tick_s
        self.reached_s = max(self.reached_s, pts_s)
        self._keep_anchor(times, pts_s, now_s)
        if not write:
            return False
        timed = TimedPacket(
            packet,
            times.pts,
            times.dts,
            pts_s,
            self._anchor.base_s,
            packet.is_keyframe,
            self._anchor.on_trial(now_s),
        )
        written = self._segmenter.add(timed)
        if written and self._sampler is not None:
            self._sampler.offer(timed)
        return written

    def close(self) -> None:
        """Close the last segment and publish the last samples."""
        self._segmenter.close()
        if self._sampler is not None:
            self._sampler.close()

    def _keep_anchor(self, times: MediaTimes, pts_s: float, now_s: float) -> None:
        if self._first_dts is None:
            self._first_dts = times.dts
            self._anchor.start(pts_s, now_s)
        elif times.jump_s is not None:
            self._jump(times.jump_s, pts_s, now_s)
        elif self._anchor.observe((times.dts - self._first_dts) * self._tick_s, now_s):
            moved = f"media time re-anchored to the clock, {self._anchor.moved_s:+.2f} s in all"
            self._ledger.expect(GapCause.CLOCK_JUMP, moved)

    def _jump(self, jump_s: float, pts_s: float, now_s: float) -> None:
        self._segmenter.settle()
        missing_s = self._anchor.jumped(pts_s, now_s, jump_s)
        detail = f"the stream's clock jumped by {jump_s:+.1f} s, {missing_s:.1f} s of it without pictures"
        if missing_s > self._jump_s:
            self._segmenter.close()
        self._ledger.expect(GapCause.CLOCK_JUMP, detail)
