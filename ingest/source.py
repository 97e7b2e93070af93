"""Opens streams and files with FFmpeg; gives their video packets and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from ingest.address import Scheme, StreamAddress, parse_address
from ingest.camera import CameraConfig
from ingest.ffmpeg_errors import FFMPEG_ERRORS, file_failure, open_failure, read_failure, stalled
from ingest.paced import PacedSource
from ingest.packets import PacketSource, StreamInfo, VideoPacket
from ingest.parameter_sets import FormatWatch
from ingest.source_options import open_options
from models.errors import StreamError, StreamLost, StreamUnsupported, VideoInvalid
from models.policy import RecordingPolicy

_FORMATS = {Scheme.RTSP: "rtsp", Scheme.RTSPS: "rtsp", Scheme.HTTP: "hls", Scheme.HTTPS: "hls"}


class FFmpegSource:
    """A PacketSource over one FFmpeg input. Made by ``open_source``; read by one thread."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        address: StreamAddress,
        stall_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._container = container
        self._stream = stream
        self._address = address
        self._live = address.live
        self._stall_s = stall_s
        self._monotonic_s = monotonic_s
        self._index = stream.index
        self._info = _stream_info(container, stream, live=self._live)
        # Every stream is demuxed and all but one discarded inside FFmpeg: asking for the video stream alone
        # would restart PyAV's read time-out with each packet of sound and never notice a dead picture.
        for other in container.streams:
            if other.index != self._index:
                other.discard = Discard.all
        self._packets = cast("Iterator[VideoPacket]", container.demux())
        self._video_at_s = monotonic_s()
        self._format = FormatWatch(self._info.codec)
        self._latest: VideoPacket | None = None

    @property
    def info(self) -> StreamInfo:
        return self._info

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return self._address.shown

    @property
    def profile(self) -> str:
        """The codec's profile as FFmpeg names it; empty where it names none."""
        return self._stream.profile or ""

    @property
    def declared_s(self) -> float | None:
        """Length that a file's header claims, in seconds; ``None`` where it claims none."""
        stream, container = self._stream, self._container
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return None if container.duration is None else container.duration / av.time_base

    def indexed_interval_s(self) -> float | None:
        """Longest time without a keyframe by the container's own index, in seconds; ``None`` where it has no
        index of all its pictures (MP4 and AVI have one, as a rule)."""
        index, tick = self._stream.index_entries, self._stream.time_base
        if tick is None or not 0 < self._stream.frames == len(index):
            return None
        longest, last, number = 0, index[0].timestamp, 0
        while (number := index.search_timestamp(last + 1, backward=False)) >= 0:
            longest, last = max(longest, index[number].timestamp - last), index[number].timestamp
        return float(max(longest, index[-1].timestamp - last) * tick)

    @property
    def position(self) -> int:
        """Where in a file the latest packet lies, in bytes; 0 where the container does not say."""
        return 0 if self._latest is None else max(0, self._latest.pos or 0)

    def read(self) -> VideoPacket | None:
        """Next video packet; ``None`` at a file's end.

        Raises:
            StreamStalled: no video for the policy's time, even if other packets came.
            StreamLost: a live stream ended or broke; a file breaks off.
        """
        failure: StreamError
        try:
            return self._next_of_stream() if self._live else self._next_of_file()
        except FFMPEG_ERRORS as exc:
            silent_s = self._silent_s()
            # FFmpeg may call its own broken-off wait an input error.
            timed_out = self._live and silent_s >= self._stall_s
            failure = (
                stalled(self._address, silent_s)
                if timed_out
                else read_failure(exc, self._address, self._stall_s)
            )
        raise failure

    def close(self) -> None:
        # The server may be gone: nothing that goes wrong now matters, and FFmpeg's text holds the address.
        with suppress(*FFMPEG_ERRORS):
            self._container.close()

    def _next_of_file(self) -> VideoPacket | None:
        """A file has nothing to wait for, and no settings that change while it plays."""
        for packet in self._packets:
            if packet.stream_index == self._index and packet.size > 0:
                self._latest = packet
                return packet
        return None

    def _next_of_stream(self) -> VideoPacket:
        asked_s = self._monotonic_s()
        for packet in self._packets:
            if packet.stream_index == self._index and packet.size > 0:
                self._video_at_s = self._monotonic_s()
                waited_s = self._video_at_s - asked_s
                if waited_s >= self._stall_s:
                    # Over UDP a time-out first brings out the picture that FFmpeg still held; waiting for the
                    # next one would double the time until a dead camera is noticed.
                    raise stalled(self._address, waited_s)
                if packet.is_keyframe:
                    self._require_same_format(packet)
                return packet
            silent_s = self._silent_s()
            if silent_s > self._stall_s:
                raise stalled(self._address, silent_s)
        raise StreamLost(f"the camera ended the stream {self._address.shown}", hint="it is opened again")

    def _silent_s(self) -> float:
        return self._monotonic_s() - self._video_at_s

    def _require_same_format(self, packet: VideoPacket) -> None:
        if packet.has_sidedata("new_extradata") or self._format.changed(bytes(packet)):
            raise StreamLost(
                f"the camera changed its picture format: {self._address.shown}", hint="it is opened again"
            )


def open_camera(camera: CameraConfig, policy: RecordingPolicy) -> PacketSource:
    """Open a configured camera; see ``open_source``. A file plays as a camera, at its own pace."""
    address = camera.stream_address()
    source = open_source(address, policy)
    return source if address.live else PacedSource(source)


def open_source(
    address: StreamAddress | str, policy: RecordingPolicy, *, with_audio: bool = False
) -> FFmpegSource:
    """Open one address and find its video.

    Raises:
        StreamUnsupported: SRT and other kinds of address, or a stream without video.
        StreamDenied: the camera refused user or password (401, 403).
        StreamUnreachable: refused, timed out, no such path.
        VideoInvalid: a file that is absent, empty, cut at its head, only sound, or no video at all.
    """
    if isinstance(address, str):
        address = parse_address(address)
    container = _open_container(address, policy, with_audio=with_audio)
    stream = lesson_stream(container)
    if stream is None:
        container.close()
        raise _no_video(address)
    stall_s = min(policy.read_timeout, policy.stall_after).total_seconds()
    return FFmpegSource(container, stream, address, stall_s)


def lesson_stream(container: InputContainer) -> VideoStream | None:
    """The stream to record: the first with moving pictures and a known size; cover art does not count."""
    for stream in container.streams.video:
        still = stream.disposition & (Disposition.attached_pic | Disposition.still_image)
        if not still and stream.codec_context is not None and stream.width > 0:
            return stream
    return None


def _open_container(address: StreamAddress, policy: RecordingPolicy, *, with_audio: bool) -> InputContainer:
    open_s = policy.open_timeout.total_seconds()
    # A file on a slow disk is slow, not broken.
    read_s = min(policy.read_timeout, policy.stall_after).total_seconds() if address.live else None
    failure: StreamError
    begun_s = time.monotonic()
    try:
        return av.open(
            address.url,
            mode="r",
            format=_FORMATS.get(address.scheme),
            options=open_options(address, policy, with_audio=with_audio),
            metadata_errors="replace",
            timeout=(open_s, read_s),
        )
    except FFMPEG_ERRORS as exc:
        timed_out = time.monotonic() - begun_s >= open_s
        if address.live:
            failure = open_failure(exc, address, open_s, timed_out=timed_out)
        else:
            failure = file_failure(exc, address)
    raise failure


def _no_video(address: StreamAddress) -> StreamError:
    if address.live:
        return StreamUnsupported(
            f"{address.shown} carries no video", hint="choose the camera's video stream, with H.264 or H.265"
        )
    return VideoInvalid(
        f"{address.shown} holds no moving pictures",
        hint="give the lesson's video, not its sound or a picture",
    )


def _stream_info(container: InputContainer, stream: VideoStream, *, live: bool) -> StreamInfo:
    context = stream.codec_context
    if stream.time_base is None:
        raise ValueError("FFmpeg gives every stream a time base")
    return StreamInfo(
        codec=context.codec.canonical_name,
        extradata=context.extradata or b"",
        width=context.width,
        height=context.height,
        time_base=stream.time_base,
        average_rate=stream.average_rate,
        live=live,
        has_audio=bool(container.streams.audio),
        template=stream,
    )
