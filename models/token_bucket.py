"""A rate kept by a token bucket: values in, values out, time as an argument.

The bucket may go into debt, so that a taker larger than the burst is served at once and waits afterwards;
takers that come meanwhile wait behind it. Over any time the bytes let through are at most burst + rate × time
(the leaky bucket as a meter, ITU-T I.371 annex A, with bytes for cells).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from models.errors import InvalidInput

BYTES_S_PER_MBIT_S: Final = 125_000
# A tenth of a second at the rate: short enough that a line shared with cameras feels no burst.
BURST_S: Final = 0.1
# One read of a file; a smaller bucket would be in debt after each.
LEAST_BURST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """``level_bytes`` may be taken at once at ``at_s`` (monotonic seconds); below zero it is a debt."""

    rate_bytes_s: float
    burst_bytes: float
    level_bytes: float
    at_s: float

    def take(self, size_bytes: int, now_s: float) -> tuple[TokenBucket, float]:
        """The bucket without those bytes, and the seconds to wait until they may go (0: at once)."""
        elapsed_s = max(0.0, now_s - self.at_s)
        filled = min(self.burst_bytes, self.level_bytes + elapsed_s * self.rate_bytes_s)
        left = filled - size_bytes
        after = replace(self, level_bytes=left, at_s=max(now_s, self.at_s))
        return after, max(0.0, -left / self.rate_bytes_s)


def bucket_of(mbit_s: float, now_s: float) -> TokenBucket:
    """A full bucket for a limit in Mbit/s (10⁶ bit).

    Raises:
        InvalidInput: a limit that lets nothing through.
    """
    if not mbit_s > 0:
        raise InvalidInput("a bandwidth limit is more than 0 Mbit/s", place="bandwidth", hint="0 means none")
    rate = mbit_s * BYTES_S_PER_MBIT_S
    burst = max(float(LEAST_BURST_BYTES), rate * BURST_S)
    return TokenBucket(rate, burst, burst, now_s)
