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

from ingest.file_run import FileJob, record_file
from ingest.synthetic import scenarios
from ingest.synthetic.video import write_video
from models.footage import CameraReport, Gap, Segment
from models.policy import RecordingPolicy

REPEATS = 5
Figures = dict[str, float | int | str | None]
Progress = Callable[[float, str], None]


class _NoSink:
    def segment_closed(self, segment: Segment) -> None: ...

    def gap_declared(self, gap: Gap) -> None: ...

    def camera_changed(self, report: CameraReport) -> None: ...


def bench_footage(seconds: float, cameras: int, progress: Progress) -> Figures:
    """``ratio``: processor time of the recorder over that of ffmpeg (``None`` where it is not installed)."""
    scenario = scenarios.load(24, seconds)
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        write_video(clip, scenario, progress=lambda done, whole: progress(0.5 * done / whole, "drawing"))
        progress(0.6, "recording")
        ours_s = min(_recorded_s(clip, folder / f"ours{n}") for n in range(REPEATS))
        progress(0.7, "ffmpeg")
        theirs_s = _ffmpeg_s(clip, folder)
        progress(0.8, "memory")
        memory_mb = _memory_per_camera_mb(clip, cameras)
    return {
        "ratio": None if theirs_s is None else ours_s / theirs_s,
        "memory_per_camera_mb": memory_mb,
        "ours_cpu_s": ours_s,
        "ffmpeg_cpu_s": theirs_s,
        "clip_seconds": seconds,
        "note": "" if theirs_s is not None else "ffmpeg is not installed: nothing to compare with",
    }


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


def _ffmpeg_s(clip: Path, folder: Path) -> float | None:
    """Processor time of ffmpeg doing the same: codec copy into one-minute fragmented MP4, hashed after."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    command = [
        ffmpeg,
        "-v",
        "error",
        "-y",
        "-i",
        str(clip),
        "-c",
        "copy",
        "-f",
        "segment",
        "-segment_time",
        "60",
    ]
    command += ["-segment_format_options", "movflags=frag_keyframe+empty_moov+default_base_moof"]
    command += ["-segment_format", "mp4", str(folder / "theirs-%03d.mp4")]
    best_s: float | None = None
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best_s = spent_s if best_s is None else min(best_s, spent_s)
    return best_s


def _memory_per_camera_mb(clip: Path, cameras: int) -> float:
    """Resident memory of a process with many recorders less that of one with a single one, per camera."""
    one, many = (_resident_mb(clip, count) for count in (1, cameras))
    return (many - one) / (cameras - 1)


def _resident_mb(clip: Path, cameras: int) -> float:
    command = [sys.executable, "-m", "supervision_api.benches.camera_memory", str(clip), str(cameras)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return float(done.stdout.strip().splitlines()[-1])
