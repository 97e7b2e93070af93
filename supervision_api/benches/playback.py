"""A lesson played over HTTP: first byte, seeking, and how fast it flows beside plain reading of its files."""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import httpx
import numpy as np
import uvicorn

from models.errors import RollcallError
from models.footage import Segment
from models.policy import Policy
from models.register import Camera, LessonRecord, Role, TrainingClass
from models.timetable import Lesson, LessonState
from storage.playback.film import film_of
from storage.playback.sample_reader import index_of_file
from storage.playback.timeline import cut_to
from supervision_api.actions.film import FilmShelf, recorded_by
from supervision_api.app import create_app
from supervision_api.auth_passwords import Passwords
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.accounts import add_user
from supervision_api.pipeline.installation import Installation, open_scratch
from supervision_api.services import Services
from supervision_api.settings import Settings
from supervision_api.web_server import WebServer
from supervision_api.wiring import wire

Figures = dict[str, float | int | str | None]
Progress = Callable[[float, str], None]

LESSON, CAMERA, ACCOUNT = "bench-playback", "bench", "bench"
STARTS = datetime(2026, 11, 23, 1, tzinfo=UTC)
RATE, SEGMENT_S, DRAWN_S = 15, 60, 12
SEEKS = 40
_READ_BYTES = 1 << 20
_TAKE = """
import http.client, sys, time
port, address, cookies = sys.argv[1:]
began, taken = time.perf_counter(), 0
line = http.client.HTTPConnection("127.0.0.1", int(port))
line.request("GET", address, headers={"Cookie": cookies})
answer = line.getresponse()
while piece := answer.read(1 << 20):
    taken += len(piece)
print(taken, time.perf_counter() - began)
"""


def bench_playback(settings: Settings, minutes: int, progress: Progress) -> Figures:
    """A lesson of so many minutes at 2 Mbit/s, 15 pictures a second, kept in the store of the settings."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        progress(0.0, "drawing")
        clip = folder / "minute.mp4"
        _write_minute(clip)
        with open_scratch(settings.model_copy(update={"evidence_mode": "off"}), folder / "house") as house:
            _fill(house, clip, minutes, lambda share: progress(0.1 + 0.5 * share, "storing"))
            services = wire(house, hub=LiveHub(), metrics=Metrics())
            progress(0.7, "planning")
            planned = _planned(services, clip)
            progress(0.8, "playing")
            with _served(services) as client:
                played = _played(client, minutes)
            stored = sorted((house.folder / "store").rglob("*.mp4")) or [clip] * minutes
            plain_mb_s = _plain_mb_s(stored)
        played["plain_reading_mb_s"] = plain_mb_s
        played["serving_share"] = float(played["serving_mb_s"] or 0) / plain_mb_s
        return {**played, **planned, "lesson_minutes": minutes, "store": settings.store}


def _write_minute(target: Path) -> None:
    """A minute of busy pictures as a segment; drawn for a while, then the same packets again."""
    rate_options = {
        "preset": "ultrafast",
        "g": str(RATE),
        "b": "2000000",
        "maxrate": "2000000",
        "bufsize": "2000000",
    }
    container_options = {"movflags": "delay_moov+default_base_moof", "frag_duration": "940000"}
    noise = np.random.default_rng(3).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    with av.open(str(target), "w", format="mp4", options=container_options) as out:
        stream = out.add_stream("libx264", rate=RATE, options=rate_options)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        packets = []
        for number in range(RATE * DRAWN_S):
            drawn = np.roll(noise, (number, 2 * number), axis=(0, 1)).repeat(8, axis=0).repeat(8, axis=1)
            packets += stream.encode(av.VideoFrame.from_ndarray(drawn, format="bgr24"))
        packets += stream.encode(None)
        length = RATE * DRAWN_S * round(1 / (RATE * (packets[0].time_base or 1)))
        for turn in range(SEGMENT_S // DRAWN_S):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.pts, again.dts = (packet.pts or 0) + turn * length, (packet.dts or 0) + turn * length
                again.time_base, again.stream = packet.time_base, stream
                again.is_keyframe = packet.is_keyframe
                out.mux(again)


def _fill(house: Installation, clip: Path, minutes: int, progress: Callable[[float], None]) -> None:
    """The minute again and again, each with bytes of its own at its end, through spool and uploader."""
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "bench", STARTS)
        work.classes.add(TrainingClass("bench", "bench", "local"), STARTS)
        work.cameras.add(Camera(CAMERA, "1", "rtsp://127.0.0.1/none", "bench"))
        ends_at = STARTS + timedelta(minutes=minutes)
        lesson = Lesson(LESSON, "bench", "bench", STARTS, ends_at, cameras=(CAMERA,))
        work.lessons.add(LessonRecord(lesson, Policy(), LessonState.JUDGED, roll_call_seed="00" * 32))
    index = index_of_file(clip)
    width, height = index.picture_size
    for number in range(1, minutes + 1):
        path = house.spool.folder(LESSON, CAMERA) / f"{number:06d}.mp4"
        content = clip.read_bytes() + (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big")
        path.write_bytes(content)
        starts_at = STARTS + timedelta(seconds=SEGMENT_S * (number - 1))
        segment = Segment(
            f"{LESSON}.{number}", LESSON, CAMERA, number, starts_at, starts_at + timedelta(seconds=SEGMENT_S),
            0.0, float(SEGMENT_S), "h264", width, height, len(content), hashlib.sha256(content).hexdigest(),
            str(path), int(index.sync.sum()),
        )  # fmt: skip
        house.spool.accept(segment)
        for attempt in house.uploader.drain():
            if attempt.error is not None:
                raise attempt.error
        progress(number / minutes)


def _planned(services: Services, clip: Path) -> Figures:
    """Times without HTTP: one segment's index from its boxes, and the whole film's plan from kept indexes."""
    began_s = time.perf_counter()
    index = index_of_file(clip)
    indexed_s = time.perf_counter() - began_s
    recorded = recorded_by(services, FilmShelf(), LESSON, CAMERA)
    began_s = time.perf_counter()
    film = film_of(cut_to(recorded.parts, None, None))
    return {
        "index_ms_per_segment": indexed_s * 1000,
        "index_bytes_per_segment": len(index.as_bytes()),
        "plan_ms": (time.perf_counter() - began_s) * 1000,
        "header_bytes": film.file.spans[0].size,
        "film_mb": film.file.size / 1e6,
    }


def _plain_mb_s(files: Sequence[Path]) -> float:
    """Reading the same bytes from their files in pieces, as a copy program does; megabytes a second."""
    began_s, read_bytes = time.perf_counter(), 0
    for path in files:
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                read_bytes += len(piece)
    return read_bytes / (time.perf_counter() - began_s) / 1e6


@contextmanager
def _served(services: Services, account: str = ACCOUNT) -> Iterator[httpx.Client]:
    """The application behind a port of this machine, and a client that is logged in."""
    password = os.urandom(12).hex()
    add_user(services.ledger, Passwords(), account, password, Role.OPERATOR)
    app = create_app(replace(services, live=LiveHub()))
    server = WebServer(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, name="bench-web")
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client:
            answer = client.post("/api/v1/session", json={"account": account, "password": password})
            answer.raise_for_status()
            yield client
    finally:
        server.should_exit = True
        thread.join(20)


def _played(client: httpx.Client, minutes: int) -> Figures:
    address = f"/api/v1/lessons/{LESSON}/footage/{CAMERA}/film.mp4"
    # A server that has answered before: its first answer of all compiles the database's statements.
    client.get(f"/api/v1/lessons/{LESSON}/footage").raise_for_status()
    began_s = time.process_time()
    first_byte_s, size = _first_byte_s(client, address, 0)
    first_byte_cpu_s = time.process_time() - began_s
    again_s, _ = _first_byte_s(client, address, 0)
    chance = random.Random(minutes)
    seeks_s = [_seek_s(client, address, chance.randrange(size // 10, size)) for _ in range(SEEKS)]
    return {
        "first_byte_ms": first_byte_s * 1000,
        "first_byte_cpu_ms": first_byte_cpu_s * 1000,
        "first_byte_again_ms": again_s * 1000,
        "seek_ms_median": statistics.median(seeks_s) * 1000,
        "seek_ms_worst": max(seeks_s) * 1000,
        "serving_mb_s": _serving_mb_s(client, address, size),
    }


def _serving_mb_s(client: httpx.Client, address: str, size: int) -> float:
    """The whole film taken by another process, as browsers are: this one's threads all serve."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    command = [sys.executable, "-c", _TAKE, str(client.base_url.port), address, cookies]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken_bytes, taken_s = done.stdout.split()
    if int(taken_bytes) != size:
        raise RollcallError(f"{taken_bytes} bytes came of {size}", hint="look at the server's log")
    return size / float(taken_s) / 1e6


def _first_byte_s(client: httpx.Client, address: str, start: int) -> tuple[float, int]:
    """As a browser begins: the rest of the film from a byte on, of which the first is awaited."""
    began_s = time.perf_counter()
    with client.stream("GET", address, headers={"Range": f"bytes={start}-"}) as answer:
        answer.raise_for_status()
        next(answer.iter_raw(1))
        size = int(answer.headers["content-range"].rpartition("/")[2])
    return time.perf_counter() - began_s, size


def _seek_s(client: httpx.Client, address: str, start: int) -> float:
    """From the request to a quarter megabyte of media: about a second of film."""
    began_s = time.perf_counter()
    client.get(address, headers={"Range": f"bytes={start}-{start + (1 << 18) - 1}"}).raise_for_status()
    return time.perf_counter() - began_s
