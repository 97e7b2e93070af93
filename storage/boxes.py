"""Boxes of ISO base media files (ISO/IEC 14496-12, 4.2): found, opened, put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.errors import VideoInvalid

NOT_SYNC = 0x10000  # 8.8.3.1: sample_is_non_sync_sample

Bytes = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies: it begins at ``start``, its content is ``[body, end)``. Positions in bytes."""

    kind: bytes
    start: int
    body: int
    end: int


def box_at(head: Bytes, start: int, limit: int) -> Box | None:
    """The box whose first (up to 16) bytes are ``head``; ``None`` where it reaches beyond ``limit``."""
    length, kind, body = int.from_bytes(head[:4], "big"), bytes(head[4:8]), start + 8
    if length == 1:
        if len(head) < 16:
            return None
        length = int.from_bytes(head[8:16], "big")
        body = start + 16
    # Length 0 ("to the end of the file") is never written by a recorder: here it is a hole after a crash.
    if length < body - start or start + length > limit:
        return None
    return Box(kind, start, body, start + length)


def boxes_in(content: Bytes) -> Iterator[Box]:
    """The whole boxes in ``content``, one after the other; ends before the first torn one."""
    start = 0
    while start + 8 <= len(content):
        box = box_at(content[start : start + 16], start, len(content))
        if box is None:
            return
        yield box
        start = box.end


def children(content: Bytes) -> Iterator[tuple[bytes, Bytes]]:
    """Kind and content of each whole box in ``content``."""
    for box in boxes_in(content):
        yield box.kind, content[box.body : box.end]


def child(content: Bytes, *kinds: bytes) -> Bytes | None:
    """The content of the first box of a kind in the first box of a kind … from outside to inside."""
    found: Bytes | None = content
    for kind in kinds:
        found = next((body for name, body in children(found or b"") if name == kind), None)
    return found


def u32(content: Bytes, offset: int) -> int:
    """Raises ``VideoInvalid`` where the content ends before."""
    if offset + 4 > len(content):
        raise VideoInvalid("a header box is torn", hint="this is not a file of a recorder")
    return int.from_bytes(content[offset : offset + 4], "big")


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of these parts; below 4 GiB."""
    return (8 + sum(map(len, parts))).to_bytes(4, "big") + kind + b"".join(parts)


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags (4.2)."""
    return box(kind, bytes([version]), flags.to_bytes(3, "big"), *parts)
