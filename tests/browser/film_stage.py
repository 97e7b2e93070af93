"""A lesson with two cameras that stopped in between: one H.264 with a change of size, one H.265."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timedelta

import av
import numpy as np

from models.footage import Gap, GapCause, Segment
from models.timetable import LessonState
from supervision_api.pipeline.installation import Installation
from tests.api.scene import CLASS, STARTS, add_lesson

LESSON = f"{CLASS}-film"
FRONT, BACK = "room-301", "room-301-back"
BEGINS = STARTS - timedelta(days=1)
GAP_S = (20, 50)


def add_film_lesson(house: Installation, segment_s: int = 10) -> None:
    """0 to 20 s, nothing until 50 s, then 10 s more; a bar wanders from left to right in each segment."""
    with house.ledger.write() as work:
        add_lesson(work, LESSON, BEGINS, LessonState.JUDGED)
    for camera, codec in ((FRONT, "libx264"), (BACK, "libx265")):
        sizes = [(320, 180), (320, 180), (640, 360) if camera == FRONT else (320, 180)]
        for number, (size, second) in enumerate(zip(sizes, (0, 10, 50), strict=True), start=1):
            clip = moving_bar(60 * number, codec, size, segment_s)
            book(house, camera, number, BEGINS + timedelta(seconds=second), clip, codec, size)
        missing = (BEGINS + timedelta(seconds=second) for second in GAP_S)
        house.spool.declare(Gap(LESSON, camera, *missing, GapCause.STREAM_STALLED))


def moving_bar(grey: int, codec: str, size: tuple[int, int], seconds: int) -> bytes:
    """A fragmented MP4 as the recorder writes it; the bar's left edge is at (second / length) of the way."""
    out, (width, height) = io.BytesIO(), size
    options = {"movflags": "delay_moov+default_base_moof", "frag_duration": "900000"}
    with av.open(out, "w", format="mp4", options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # Reordered pictures: a player that passes over the edit list is late by some of them.
        stream.options = {
            "preset": "ultrafast",
            "g": "10",
            "bf": "2",
            "x265-params": "log-level=none:keyint=10",
        }
        for index in range(seconds * 10):
            picture = np.full((height, width, 3), grey, np.uint8)
            left = index * (width - 20) // (seconds * 10)
            picture[:, left : left + 20] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def book(
    house: Installation,
    camera: str,
    number: int,
    at: datetime,
    clip: bytes,
    codec: str,
    size: tuple[int, int],
) -> None:
    path = house.spool.folder(LESSON, camera) / f"{number:06d}.mp4"
    path.write_bytes(clip)
    with av.open(io.BytesIO(clip)) as container:
        duration_s = float((container.duration or 0) / 1_000_000)
    segment = Segment(
        segment_id=f"{LESSON}.{camera}.{number}", lesson_id=LESSON, camera_id=camera, sequence=number,
        starts_at=at, ends_at=at + timedelta(seconds=duration_s), first_pts_s=0.0, duration_s=duration_s,
        codec={"libx264": "h264", "libx265": "hevc"}[codec],
        width=size[0], height=size[1], size_bytes=len(clip),
        sha256=hashlib.sha256(clip).hexdigest(), path=str(path), keyframes=10,
    )  # fmt: skip
    assert house.spool.accept(segment)
