"""The offline job's footage: a video file through the recorder's own rules, as fast as it can be read."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ingest.file_check import FileFacts, advice_on, check_file, file_address, needs_decoding
from ingest.full_decode import InlineDecoder
from ingest.ledger import FootageLedger
from ingest.packets import PacketSource, StreamInfo, VideoPacket
from ingest.recording import StreamRecording
from ingest.sampling import FrameMaker, SampleSchedule, StreamSampler
from ingest.segment_file import container_carries
from ingest.segmenter import FootagePlace, Segmenter
from ingest.source import open_source
from ingest.transcode import TranscodingSource
from ingest.wall_anchor import FileAnchor
from models.errors import DiskFull, StorageError, StreamLost
from models.footage import GapCause
from models.frame import EncodedFrame
from models.policy import RecordingPolicy
from models.ports import RecorderSink
from models.timeline import as_utc

OnFrame = Callable[[EncodedFrame], None]

# A header rounds its length; less than this is not a torn end.
_TORN_S = 1.0
_PROGRESS_S = 1.0


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of a file. ``derived``: footage was re-encoded, the original must be kept beside it.
    ``decoded``: every picture was decoded for sampling. ``advice``: sentences for the person who gave it."""

    facts: FileFacts
    samples: int
    derived: bool
    decoded: bool
    next_sequence: int
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far the job is: ``share`` 0 to 1, ``media_s`` seconds of video done. The last has the report."""

    share: float
    media_s: float
    report: FileReport | None = None


@dataclass(frozen=True, slots=True)
class FileJob:
    """What to do with one file. ``starts_at``: wall time of its first picture, aware."""

    path: Path
    lesson_id: str
    camera_id: str
    starts_at: datetime
    sample_every: timedelta = timedelta(seconds=2)
    first_sequence: int = 1


def record_file(
    job: FileJob, *, policy: RecordingPolicy, spool_dir: Path, sink: RecorderSink, on_frame: OnFrame
) -> Iterator[FileProgress]:
    """Record a file into segments under ``spool_dir/lesson_id/camera_id`` and sample it.

    ``on_frame`` is called in media order in the caller's thread, so a slow recogniser slows the reading.
    Segments are made durable one by one, not fragment by fragment: the file can be read again.

    Raises:
        VideoInvalid: not a usable video; raised before the first progress is given.
        DiskFull: no room in the spool; what is whole has been booked.
    """
    facts = check_file(job.path, policy)
    run = _FileRun(job, facts, policy, spool_dir, sink)
    return run.steps(on_frame)


class _FileRun:
    """One pass over a file."""

    def __init__(
        self, job: FileJob, facts: FileFacts, policy: RecordingPolicy, spool_dir: Path, sink: RecorderSink
    ) -> None:
        self._job = job
        self._facts = facts
        self._policy = policy
        self._sink = sink
        self._starts_s = as_utc(job.starts_at).timestamp()
        self._derived = not container_carries(facts.info.codec)
        self._decoded = not self._derived and needs_decoding(facts, job.sample_every, policy)
        self._ledger = FootageLedger(job.lesson_id, job.camera_id, self._starts_s, GapCause.SEGMENT_DAMAGED)
        self._segmenter = Segmenter(
            FootagePlace(job.lesson_id, job.camera_id, spool_dir / job.lesson_id / job.camera_id),
            policy,
            sink,
            self._ledger,
            _no_now,
            first_sequence=job.first_sequence,
            sync=False,
            derived=self._derived,
        )
        self._samples = 0

    def steps(self, on_frame: OnFrame) -> Iterator[FileProgress]:
        try:
            with closing(self._open()) as source:
                for media_s in self._record(source, on_frame):
                    yield FileProgress(min(media_s / self._facts.duration_s, 1.0), media_s)
        except OSError as failure:
            raise self._disk_failure(failure) from None
        self._declare_torn_end()
        yield FileProgress(1.0, self._facts.duration_s, self._report())

    def _open(self) -> PacketSource:
        source = open_source(file_address(self._job.path), self._policy)
        if self._derived:
            return TranscodingSource(source, self._job.sample_every.total_seconds())
        return source

    def _record(self, source: PacketSource, on_frame: OnFrame) -> Iterator[float]:
        """Record all; gives the media time reached, once a second of media."""
        turn = self._facts.info.rotation_degrees
        info = replace(source.info, rotation_degrees=turn)
        if not self._derived:
            info = replace(info, width=self._facts.info.width, height=self._facts.info.height)
        anchor = FileAnchor(self._starts_s)
        recording = StreamRecording(
            info, self._policy, anchor, self._segmenter, self._ledger, sampler=self._sampler(on_frame)
        )
        next_s = _PROGRESS_S
        while (packet := self._read(source)) is not None:
            recording.feed(packet, 0.0)
            if recording.reached_s >= next_s:
                yield recording.reached_s
                next_s = recording.reached_s + _PROGRESS_S
        recording.close()

    def _read(self, source: PacketSource) -> VideoPacket | None:
        """Next whole packet; a file that breaks off ends there."""
        try:
            while (packet := source.read()) is not None and packet.is_corrupt:
                continue
            return packet
        except StreamLost:
            return None

    def _sampler(self, on_frame: OnFrame) -> StreamSampler:
        frames = FrameMaker(self._job.lesson_id, self._job.camera_id)
        schedule = SampleSchedule(self._job.sample_every.total_seconds())

        def publish(frame: EncodedFrame) -> None:
            self._samples += 1
            on_frame(frame)

        def start_decoder(info: StreamInfo) -> InlineDecoder:
            return InlineDecoder(info, frames, schedule, publish)

        return StreamSampler(
            frames,
            schedule,
            publish,
            start_decoder,
            max_interval_s=self._policy.max_keyframe_interval.total_seconds(),
            decode_at_once=self._decoded,
        )

    def _declare_torn_end(self) -> None:
        if self._facts.missing_s <= _TORN_S:
            return
        missing_s = self._facts.missing_s
        self._ledger.expect(
            GapCause.SOURCE_ENDED, f"the file breaks off {missing_s:.0f} s before the end its header states"
        )
        gap = self._ledger.finish(self._ledger.covered_until_s + missing_s)
        if gap is not None:
            self._sink.gap_declared(gap)

    def _disk_failure(self, failure: OSError) -> StorageError:
        with suppress(OSError):
            self._segmenter.salvage()
        reason = (failure.strerror or type(failure).__name__).lower()
        message = f"the footage of {self._job.path.name} cannot be written: {reason}"
        if failure.errno in {errno.ENOSPC, errno.EDQUOT}:
            return DiskFull(message, hint="make room on the spool's disk and run this again")
        return StorageError(message, hint="check the spool folder and its disk")

    def _report(self) -> FileReport:
        return FileReport(
            facts=self._facts,
            samples=self._samples,
            derived=self._derived,
            decoded=self._decoded,
            next_sequence=self._segmenter.next_sequence,
            advice=tuple(advice_on(self._facts)),
        )


def _no_now() -> float:
    """A file's footage may lie in the future as well as in the past."""
    return math.inf
