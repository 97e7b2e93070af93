"""A file that exists only as a plan: some bytes of its own, and ranges of segments' bytes."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``[start, end)`` of a source; where ``source`` is empty, of ``own``."""

    source: str
    start: int
    end: int
    own: bytes = b""

    @property
    def size(self) -> int:
        return self.end - self.start


def own_bytes(content: bytes) -> Span:
    return Span("", 0, len(content), content)


@dataclass(frozen=True)
class VirtualFile:
    """Spans one after the other. ``etag``: SHA-256 over the plan, hex; equal plans are equal files, since a
    source's name stands for bytes that never change."""

    spans: tuple[Span, ...]

    @cached_property
    def size(self) -> int:
        return sum(span.size for span in self.spans)

    @cached_property
    def etag(self) -> str:
        digest = hashlib.sha256()
        for span in self.spans:
            digest.update(f"{len(span.source)}:{span.source}:{span.start}:{span.end}:".encode())
            digest.update(span.own[span.start : span.end])
        return digest.hexdigest()

    @cached_property
    def _ends(self) -> Sequence[int]:
        return tuple(accumulate(span.size for span in self.spans))

    def within(self, start: int, stop: int) -> Iterator[Span]:
        """What bytes ``[start, stop)`` of the file consist of, in order."""
        number = bisect_right(self._ends, start)
        while start < stop and number < len(self.spans):
            span = self.spans[number]
            offset = start - (self._ends[number] - span.size)
            length = min(span.size - offset, stop - start)
            yield Span(span.source, span.start + offset, span.start + offset + length, span.own)
            start, number = start + length, number + 1
