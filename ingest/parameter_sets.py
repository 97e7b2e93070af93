"""Notices that a camera changed its picture format while streaming. Pure, over bytes.

A segment's header describes one format. A camera whose size or profile is changed in its settings sends new
sequence parameter sets (H.264: ITU-T H.264 7.4.1, type 7; H.265: ITU-T H.265 7.4.2, type 33) in the same
connection; what follows would not decode under the old header.
"""

from __future__ import annotations

# Parameter sets open an access unit; a picture's own data is not searched.
_SEARCHED_BYTES = 1024
_START = b"\x00\x00\x01"


def sequence_set(codec: str, keyframe: bytes) -> bytes | None:
    """The sequence parameter set in an Annex B keyframe; ``None`` where it carries none."""
    head = keyframe[:_SEARCHED_BYTES]
    if not head.startswith((_START, b"\x00" + _START)):
        return None
    # The last piece may be cut by the search limit; a parameter set is always followed by a picture.
    for unit in head.split(_START)[1:-1]:
        if unit and _is_sequence_set(codec, unit[0]):
            return unit.rstrip(b"\x00")
    return None


def _is_sequence_set(codec: str, first_byte: int) -> bool:
    if codec == "h264":
        return first_byte & 0x1F == 7
    return codec == "hevc" and first_byte >> 1 & 0x3F == 33


class FormatWatch:
    """Remembers the format a connection began with."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._first: bytes | None = None

    def changed(self, keyframe: bytes) -> bool:
        """Whether this keyframe begins another format than the first one did."""
        found = sequence_set(self._codec, keyframe)
        if found is None:
            return False
        if self._first is None:
            self._first = found
        return found != self._first
