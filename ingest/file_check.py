"""Looks at the head of a video file before it is recorded: is it a video, how are its pictures to be had?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path

from av.video.frame import VideoFrame

from ingest.address import Scheme, StreamAddress
from ingest.ffmpeg_errors import FFMPEG_ERRORS
from ingest.file_facts import PictureTally
from ingest.packets import StreamInfo, VideoPacket
from ingest.source import FFmpegSource, open_source
from ingest.timestamps import TimestampRules
from models.errors import StreamError, VideoInvalid
from models.policy import RecordingPolicy

# A picture must decode within so many packets, or the file is not worth recording.
_PACKETS_TO_FIRST_PICTURE = 600
# With so many keyframes a file is not a short one.
_SHORT_SAMPLES = 12
_HINT = "play it in a video player to see if it is whole; export it again as MP4 (H.264) if not"


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the first packets of a file show.

    ``info``: with the true rotation and size of the first picture. ``declared_s``: length in seconds that the
    header claims, ``None`` where it claims nothing. ``size_bytes``: of the file. ``keyframes``: seen so far;
    ``longest_interval_s``: longest time without one so far, or in the whole file where ``indexed`` says that
    the container tells where all of them are. ``whole``: the file is so short that this is all.
    """

    info: StreamInfo
    declared_s: float | None
    size_bytes: int
    keyframes: int
    longest_interval_s: float
    indexed: bool
    whole: bool


def file_address(path: Path) -> StreamAddress:
    """The address of a local file, whatever its name looks like."""
    return StreamAddress(Scheme.FILE, str(path), path.name)


def look_at_head(path: Path, policy: RecordingPolicy) -> FileHead:
    """Reads a file up to its twelfth keyframe, or to where keyframes are known to be too far apart.

    Raises:
        VideoInvalid: absent, empty, text, a picture, only sound, cut at its head, encrypted or undecodable.
    """
    _require_content(path)
    max_interval_s = policy.max_keyframe_interval.total_seconds()
    with closing(open_source(file_address(path), policy)) as source:
        tally = _HeadTally(source.info, policy)
        first = _first_picture(path, source, tally)
        whole = True
        for packet in _packets(source):
            tally.add(packet)
            if (
                tally.pictures.keyframes >= _SHORT_SAMPLES
                or tally.pictures.since_keyframe_s() > max_interval_s
            ):
                whole = False
                break
        info = replace(
            source.info,
            template=None,
            width=first.width,
            height=first.height,
            rotation_degrees=clockwise_turn(first.rotation),
        )
        seen = tally.pictures.facts(info, source.declared_s)
        indexed_s = source.indexed_interval_s()
        return FileHead(
            info=info,
            declared_s=seen.declared_s,
            size_bytes=path.stat().st_size,
            keyframes=seen.keyframes,
            longest_interval_s=max(seen.longest_interval_s, indexed_s or 0.0),
            indexed=indexed_s is not None,
            whole=whole,
        )


def clockwise_turn(counterclockwise_degrees: int) -> int:
    """Turn that makes a picture upright, to the nearest of 0, 90, 180, 270 degrees clockwise.

    The display matrix (ISO 14496-12, 8.3.2) may hold any angle; cameras and telephones use right angles.
    """
    return round(-counterclockwise_degrees / 90) % 4 * 90


def needs_decoding(head: FileHead, every: timedelta, policy: RecordingPolicy) -> bool:
    """Whether keyframes alone are known to be too few: too far apart, or too few in a short file.

    A short file is decoded cheaply, and with a keyframe every ten seconds it would give a recogniser hardly
    the two pictures that it takes to name anybody.
    """
    if head.longest_interval_s > policy.max_keyframe_interval.total_seconds():
        return True
    short = head.whole and head.keyframes < _SHORT_SAMPLES
    return short and head.longest_interval_s > 1.5 * every.total_seconds()


def _require_content(path: Path) -> None:
    if path.is_file() and path.stat().st_size == 0:
        raise VideoInvalid(f"{path.name} is empty", hint="copy or export it again")


def _first_picture(path: Path, source: FFmpegSource, tally: _HeadTally) -> VideoFrame:
    """The first picture that decodes; what is read on the way to it is counted."""
    template = source.info.template
    if template is not None:
        # One picture is not worth starting threads for.
        template.codec_context.thread_count = 1
    for packet in chain(islice(_packets(source), _PACKETS_TO_FIRST_PICTURE), (None,)):
        if packet is not None:
            if packet.has_sidedata("encryption_info"):
                # Decoded without the key, cipher text now and then gives a "picture": refused before that.
                raise VideoInvalid(
                    f"{path.name} is encrypted (ISO 23001-7)", hint="export it again without copy protection"
                )
            tally.add(packet)
        # Damaged packets before the first whole picture are common in cut recordings.
        with suppress(*FFMPEG_ERRORS):
            pictures = template.codec_context.decode(packet) if template is not None else []
            if pictures:
                return pictures[0]
    raise VideoInvalid(f"{path.name} holds no picture that can be decoded", hint=_HINT)


def _packets(source: FFmpegSource) -> Iterator[VideoPacket]:
    """Packets up to the end or to where the file breaks."""
    with suppress(StreamError):
        while (packet := source.read()) is not None:
            if not packet.is_corrupt:
                yield packet


class _HeadTally:
    """Places packets on the media timeline and counts their pictures."""

    def __init__(self, info: StreamInfo, policy: RecordingPolicy) -> None:
        self._rules = TimestampRules(info.time_base, info.average_rate, policy.jump_close.total_seconds())
        self._tick_s = float(info.time_base)
        self._jumped_s = 0.0
        self.pictures = PictureTally()

    def add(self, packet: VideoPacket) -> None:
        times = self._rules.place(packet.pts, packet.dts)
        if times.jump_s is not None:
            self._jumped_s += max(0.0, times.jump_s)
        self.pictures.add(times.pts * self._tick_s + self._jumped_s, packet.is_keyframe)
