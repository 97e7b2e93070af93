"""Single byte ranges (RFC 9110 section 14): what a video element asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervision_api.problems import RangeNotSatisfiable

# the unit's name knows no case (RFC 9110 section 14.1)
_RANGE = re.compile(r"bytes=[ \t]*(\d{0,40})-(\d{0,40})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``[start, stop)`` of ``size`` bytes; ``partial`` where the caller asked for a range."""

    start: int
    stop: int
    size: int
    partial: bool

    @property
    def length(self) -> int:
        return self.stop - self.start

    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def parse_range(header: str | None, size: int) -> ByteRange:
    """The range to send. A header that is no single byte range is passed over, as the RFC allows.

    Raises:
        RangeNotSatisfiable: it lies outside the file.
    """
    whole = ByteRange(0, size, size, partial=False)
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return whole
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start = int(first)
        stop = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return whole
    if start >= size or start >= stop:
        raise RangeNotSatisfiable(
            f"the file has {size} bytes", place="Range", hint="ask for a range inside it"
        )
    return ByteRange(start, stop, size, partial=True)
