"""How long to wait before a camera is tried again. Pure: chance enters as an argument."""

from __future__ import annotations

import random
from dataclasses import dataclass

from models.errors import StreamDenied, StreamError, StreamUnsupported


@dataclass(frozen=True, slots=True)
class RetryWaits:
    """Waits grow by doubling and are jittered, so that cameras of a site that lost power do not all come
    back in the same instant.

    ``denied_s``: a wrong password is tried rarely, for cameras lock a login that fails too often.
    ``settled_s``: a connection that gave footage for so long starts the waits anew; short, for a camera that
    comes and goes should be lost for half a second each time, not for the cap.
    """

    first_s: float = 0.5
    cap_s: float = 12.0
    denied_s: float = 60.0
    denied_cap_s: float = 600.0
    settled_s: float = 5.0
    jitter_share: float = 0.25

    def wait_s(self, failure: StreamError, failures: int, rng: random.Random) -> float:
        """Seconds to wait after the ``failures``-th failure in a row (from 1)."""
        lasting = isinstance(failure, StreamDenied | StreamUnsupported)
        first_s, cap_s = (self.denied_s, self.denied_cap_s) if lasting else (self.first_s, self.cap_s)
        # The exponent is bounded: after a night of failures 2.0 ** failures would overflow.
        wait_s = min(first_s * 2.0 ** min(failures - 1, 30), cap_s)
        return wait_s * rng.uniform(1 - self.jitter_share, 1 + self.jitter_share)
