"""The recorder beside ``ffmpeg -c copy``, and what each further camera costs in memory."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av

from ingest.file_run import FileJob, record_file
from ingest.synthetic import scenarios
from ingest.synthetic.video import write_video
from models.footage import CameraReport, Gap, Segment
from models.policy import RecordingPolicy

REPEATS = 5
LOOPS = 30
"""The clip is recorded so often in a row: starting a process must not count as copying video."""
FEW_LOOPS = 10
"""What the longer film costs beyond a film of so many loops has no start in it at all."""

Figures = dict[str, float | int | str | None]
Progress = Callable[[float, str], None]


class _NoSink:
    def segment_closed(self, segment: Segment) -> None: ...

    def gap_declared(self, gap: Gap) -> None: ...

    def camera_changed(self, report: CameraReport) -> None: ...


def bench_footage(seconds: float, cameras: int, progress: Progress) -> Figures:
    """``ratio``: processor time of the recorder over that of ffmpeg (``None`` where it is not installed).

    ``ratio_beyond_start``: the same for what the whole film costs beyond its first third: neither's start is
    in it.
    """
    scenario = scenarios.load(24, seconds)
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        write_video(clip, scenario, progress=lambda done, whole: progress(0.5 * done / whole, "drawing"))
        progress(0.6, "recording")
        part_ours_s, part_theirs_s = _looped_s(clip, FEW_LOOPS, folder)
        progress(0.7, "recording")
        ours_s, theirs_s = _looped_s(clip, LOOPS, folder)
        progress(0.8, "memory")
        memory_mb = _memory_per_camera_mb(clip, cameras)
    return {
        "ratio": None if theirs_s is None else ours_s / theirs_s,
        "ratio_beyond_start": _beyond(ours_s - part_ours_s, theirs_s, part_theirs_s),
        "memory_per_camera_mb": memory_mb,
        "ours_cpu_s": ours_s,
        "ffmpeg_cpu_s": theirs_s,
        "clip_seconds": seconds * LOOPS,
        "note": "" if theirs_s is not None else "ffmpeg is not installed: nothing to compare with",
    }


def _looped_s(clip: Path, loops: int, folder: Path) -> tuple[float, float | None]:
    """Processor time of both for the clip so many times in a row."""
    film = folder / f"film{loops}.mp4"
    _write_loops(clip, film, loops)
    spent_s = _side_by_side_s(film, folder)
    film.unlink()
    return spent_s


def _beyond(ours_s: float, theirs_s: float | None, part_theirs_s: float | None) -> float | None:
    """``None`` without ffmpeg, or where noise ate the difference."""
    if theirs_s is None or part_theirs_s is None or theirs_s <= part_theirs_s:
        return None
    return ours_s / (theirs_s - part_theirs_s)


def _write_loops(clip: Path, target: Path, loops: int) -> None:
    """The clip ``loops`` times in a row, its packets as they are."""
    with av.open(str(target), "w") as out:
        written: av.VideoStream | None = None
        for turn in range(loops):
            with av.open(str(clip)) as source:
                stream = source.streams.video[0]
                if written is None:
                    written = out.add_stream_from_template(stream)
                length = stream.duration or 0
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += turn * length
                    packet.dts += turn * length
                    packet.stream = written
                    out.mux(packet)


def _side_by_side_s(clip: Path, folder: Path) -> tuple[float, float | None]:
    """The best of ``REPEATS`` for each, turn by turn, so that a busy machine slows both."""
    ffmpeg = shutil.which("ffmpeg")
    ours_s, theirs_s = [], []
    for turn in range(REPEATS):
        spool = folder / f"ours{turn}"
        ours_s.append(_recorded_s(clip, spool))
        shutil.rmtree(spool)
        if ffmpeg is not None:
            theirs_s.append(_ffmpeg_s(ffmpeg, clip, folder))
    return min(ours_s), min(theirs_s, default=None)


def _recorded_s(clip: Path, spool: Path) -> float:
    """Processor time of the file's way through the recorder: read, cut, write, hash."""
    scenario = scenarios.load(2, 10)
    began_s = time.process_time()
    job = FileJob(clip, "bench", "camera", scenario.starts_at)
    for _ in record_file(
        job, policy=RecordingPolicy(), spool_dir=spool, sink=_NoSink(), on_frame=lambda _frame: None
    ):
        pass
    return time.process_time() - began_s


def _ffmpeg_s(ffmpeg: str, clip: Path, folder: Path) -> float:
    """Processor time of ffmpeg doing the same, less the hashes: codec copy into one-minute files."""
    command = [ffmpeg, "-v", "error", "-y", "-i", str(clip)]
    command += ["-c", "copy", "-f", "segment", "-segment_time", "60"]
    command += ["-segment_format_options", "movflags=frag_keyframe+empty_moov+default_base_moof"]
    command += ["-segment_format", "mp4", str(folder / "theirs-%03d.mp4")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _memory_per_camera_mb(clip: Path, cameras: int) -> float:
    """Resident memory of a process with many recorders less that of one with a single one, per camera."""
    one, many = (_resident_mb(clip, count) for count in (1, cameras))
    return (many - one) / (cameras - 1)


def _resident_mb(clip: Path, cameras: int) -> float:
    command = [sys.executable, "-m", "supervision_api.benches.camera_memory", str(clip), str(cameras)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return float(done.stdout.strip().splitlines()[-1])
