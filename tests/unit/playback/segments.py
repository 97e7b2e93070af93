"""Segments as the recorder writes them, and films put together from their spans."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import av
import numpy as np

from storage.playback.sample_reader import index_of
from storage.playback.timeline import FilmPart
from storage.playback.virtual_file import VirtualFile

STARTS = datetime(2026, 11, 23, 1, tzinfo=UTC)


def segment(
    *, seconds: float = 4, rate: int = 10, bf: int = 2, size: tuple[int, int] = (64, 48), grey: int = 0
) -> bytes:
    """Each picture's grey level counts up from ``grey``; a keyframe a second; fragments nearly as long."""
    out = io.BytesIO()
    options = {"movflags": "delay_moov+default_base_moof", "frag_duration": "900000"}
    with av.open(out, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": str(rate), "bf": str(bf), "qp": "10"}
        for number in range(round(seconds * rate)):
            picture = np.full((size[1], size[0], 3), grey + number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def parts_of(segments: Mapping[str, bytes], *starts_s: float) -> list[FilmPart]:
    return [
        FilmPart(name, STARTS + timedelta(seconds=second), index_of(content))
        for (name, content), second in zip(segments.items(), starts_s, strict=True)
    ]


def put_together(
    file: VirtualFile, segments: Mapping[str, bytes], start: int = 0, stop: int | None = None
) -> bytes:
    stop = file.size if stop is None else stop
    return b"".join(
        (segments[span.source] if span.source else span.own)[span.start : span.end]
        for span in file.within(start, stop)
    )


def pictures(film: bytes) -> list[tuple[float, int]]:
    """Second and grey level of every picture shown."""
    with av.open(io.BytesIO(film)) as container:
        base = container.streams.video[0].time_base
        return [
            (round(float(frame.pts * base), 3), round(float(frame.to_ndarray(format="bgr24").mean())))
            for frame in container.decode(video=0)
        ]
