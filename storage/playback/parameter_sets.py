"""Parameter sets out of a sample entry: H.264's avcC (ISO/IEC 14496-15, 5.3.3), as a stream carries them."""

from __future__ import annotations

from storage.boxes import Bytes, child

ENTRY_HEADER_BYTES = 86  # box header and visual sample entry (12.1.3); the codec's own boxes follow


def codec_configuration(entry: bytes) -> bytes:
    """What a decoder is set up with (FFmpeg's extradata): the content of avcC, hvcC …; or nothing."""
    for kind in (b"avcC", b"hvcC", b"av1C", b"vpcC"):
        found = child(entry[ENTRY_HEADER_BYTES:], kind)
        if found is not None:
            return bytes(found)
    return b""


def parameter_sets(entry: bytes) -> bytes:
    """The parameter sets of an ``avc1`` entry, each with its length before it as the pictures have it; empty
    for other codecs and for an entry that is torn."""
    if entry[4:8] not in (b"avc1", b"avc3"):
        return b""
    avcc = codec_configuration(entry)
    if len(avcc) < 7:
        return b""
    length_bytes = (avcc[4] & 3) + 1
    sequence_sets, offset = _units(avcc, 6, avcc[5] & 0x1F, length_bytes)
    if offset >= len(avcc):
        return b""
    picture_sets, _ = _units(avcc, offset + 1, avcc[offset], length_bytes)
    return sequence_sets + picture_sets


def _units(avcc: Bytes, offset: int, count: int, length_bytes: int) -> tuple[bytes, int]:
    found = b""
    for _ in range(count):
        size = int.from_bytes(avcc[offset : offset + 2], "big")
        unit = bytes(avcc[offset + 2 : offset + 2 + size])
        found += len(unit).to_bytes(length_bytes, "big") + unit
        offset += 2 + size
    return found, offset
