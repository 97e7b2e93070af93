"""Timestamp rules: raw pts and dts of any camera in, a steady media timeline out. Pure.

The rules, for a stream in ticks of its own time base:

* missing dts follows pts or the frame interval; missing pts follows dts; a pts further than a jump from its
  dts is not believed;
* a counter of 33 (MPEG-TS) or 32 bits (RTP) that wraps is unrolled;
* dts that steps back by up to a second is one late packet: it is placed right behind the one before;
* dts that steps back further, yet not over a jump, is a camera setting its clock: the timeline goes on by
  one frame interval and keeps the offset;
* a step over a jump either way is told to the caller, who closes the segment and declares what is missing;
  the timeline goes on by one frame interval;
* pts never lies before dts (a muxer refuses it), and dts rises with every packet.

Zero of the timeline is the first packet's pts; dts may lie below zero where a codec reorders pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

# A counter may turn over between two packets, or between a packet's own dts and pts.
_TURNS = (0, 1 << 33, 1 << 32, -(1 << 33), -(1 << 32))
_LATE_PACKET_S = 1.0
# Bridges packets that say nothing of their time, in streams that say nothing of their rate.
_ASSUMED_RATE = Fraction(25)


@dataclass(slots=True)
class MediaTimes:
    """A packet's place on the timeline, in ticks. ``jump_s``: by how far the stream's own clock jumped."""

    pts: int
    dts: int
    jump_s: float | None = None


class TimestampRules:
    """Feed packets in the order of arrival with ``place``; one instance per connection or file."""

    def __init__(self, time_base: Fraction, average_rate: Fraction | None, jump_s: float) -> None:
        rate = average_rate if average_rate and average_rate > 0 else _ASSUMED_RATE
        self.interval = max(1, round(1 / rate / time_base))
        self._time_base = time_base
        self._jump = max(1, round(Fraction(jump_s) / time_base))
        # Where a jump is shorter than a late packet may be, the jump counts.
        self._late = min(self._jump, max(1, round(Fraction(_LATE_PACKET_S) / time_base)))
        self._turns = 0
        self._offset = 0
        self._last_raw: int | None = None
        self._last_dts = 0

    def place(self, pts: int | None, dts: int | None) -> MediaTimes:
        """Place of one packet from its raw times (``None``: not given); dts is above all dts before."""
        raw = self._raw_dts(pts) if dts is None else dts
        lead = 0 if pts is None else pts - raw
        if not 0 <= lead <= self._jump:
            lead = self._believable(lead)
        last = self._last_raw
        if last is None:
            self._offset = -(raw + lead)
            self._last_raw, self._last_dts = raw, -lead
            return MediaTimes(0, -lead)
        raw += self._turns
        jump_s = None
        if not -self._late <= raw - last <= self._jump:
            raw, jump_s = self._resume(raw, last)
        self._last_raw = raw
        raw += self._offset
        # A late packet is placed right behind the one before.
        self._last_dts = placed = raw if raw > self._last_dts else self._last_dts + 1
        shown = raw + lead
        return MediaTimes(shown if shown > placed else placed, placed, jump_s)

    def _raw_dts(self, pts: int | None) -> int:
        """Stands in for a dts that is not given."""
        expected = 0 if self._last_raw is None else self._last_raw - self._turns + self.interval
        if pts is None:
            return expected
        if self._last_raw is None or abs(pts - expected) > self._jump:
            return pts
        # A picture shown later than expected is sent ahead of those it is needed for (B-frames).
        return min(pts, expected)

    def _believable(self, lead: int) -> int:
        """How far pts lies ahead of dts, where it seems to lie behind it or beyond a jump."""
        lead = min((lead + turn for turn in _TURNS), key=abs)
        return lead if 0 <= lead <= self._jump else 0

    def _resume(self, raw: int, last: int) -> tuple[int, float | None]:
        """After an uncommon step: dts with the counter unrolled, and a jump's length in seconds."""
        raw = self._unwrapped(raw, last)
        step = raw - last
        jumped = abs(step) > self._jump
        if jumped or step < -self._late:
            self._offset = self._last_dts + self.interval - raw
        return raw, float(step * self._time_base) if jumped else None

    def _unwrapped(self, raw: int, last: int) -> int:
        if abs(raw - last) <= self._jump:
            return raw
        turn = min(_TURNS, key=lambda turn: abs(raw + turn - last))
        if abs(raw + turn - last) > self._jump:
            return raw
        self._turns += turn
        return raw + turn
