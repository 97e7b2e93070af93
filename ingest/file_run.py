"""The offline job's footage: a video file through the recorder's own rules, as fast as it can be read."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ingest.file_check import FileHead, file_address, look_at_head, needs_decoding
from ingest.file_facts import FileFacts, PictureTally, advice_on
from ingest.full_decode import InlineDecoder
from ingest.ledger import FootageLedger
from ingest.packets import PacketSource, StreamInfo, VideoPacket
from ingest.recording import StreamRecording
from ingest.sampling import FrameMaker, SampleSchedule, StreamSampler
from ingest.segment_file import container_carries
from ingest.segmenter import FootagePlace, Segmenter
from ingest.source import FFmpegSource, open_source
from ingest.transcode import TranscodingSource
from ingest.wall_anchor import FileAnchor
from models.errors import DiskFull, StorageError, StreamLost, VideoInvalid
from models.footage import GapCause
from models.frame import EncodedFrame
from models.policy import RecordingPolicy
from models.ports import RecorderSink
from models.timeline import as_utc

OnFrame = Callable[[EncodedFrame], None]

# A header rounds its length; less than this is not a torn end.
_TORN_S = 1.0
_PROGRESS_S = 1.0
# As much as the longest allowed interval between keyframes takes at 50 Mbit/s: a file without an index whose
# keyframes become rarer is decoded from the last one on, and no sample is lost.
_GROUP_BYTES = 64 * 1024 * 1024


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
    """Record a file into segments under ``spool_dir/lesson_id/camera_id`` and sample it, in one reading.

    ``on_frame`` is called in media order in the caller's thread, so a slow recogniser slows the reading.
    Segments are made durable one by one, not fragment by fragment: the file can be read again.

    Raises:
        VideoInvalid: not a usable video, raised before the first progress is given; or one whose pictures
            were gone when it was read again.
        DiskFull: no room in the spool; what is whole has been booked.
    """
    run = _FileRun(job, look_at_head(job.path, policy), policy, spool_dir, sink)
    return run.steps(on_frame)


class _FileRun:
    """One pass over a file."""

    def __init__(
        self, job: FileJob, head: FileHead, policy: RecordingPolicy, spool_dir: Path, sink: RecorderSink
    ) -> None:
        self._job = job
        self._head = head
        self._policy = policy
        self._sink = sink
        self._starts_s = as_utc(job.starts_at).timestamp()
        self._derived = not container_carries(head.info.codec)
        self._decoded = not self._derived and needs_decoding(head, job.sample_every, policy)
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
        self._tally = PictureTally()

    def steps(self, on_frame: OnFrame) -> Iterator[FileProgress]:
        try:
            with closing(open_source(file_address(self._job.path), self._policy)) as file:
                for media_s in self._record(self._pictures_of(file), on_frame):
                    yield FileProgress(self._share(media_s, file), media_s)
        except OSError as failure:
            raise self._disk_failure(failure) from None
        if self._tally.empty:
            raise VideoInvalid(
                f"{self._job.path.name} gave no picture when it was recorded",
                hint="see that nothing else writes to the file, and export it again as MP4 (H.264)",
            )
        facts = self._tally.facts(self._head.info, self._head.declared_s)
        self._declare_torn_end(facts.missing_s)
        yield FileProgress(1.0, facts.duration_s, self._report(facts))

    def _pictures_of(self, file: FFmpegSource) -> PacketSource:
        if self._derived:
            return TranscodingSource(file, self._job.sample_every.total_seconds())
        return file

    def _share(self, media_s: float, file: FFmpegSource) -> float:
        """How much of the file is done; by its bytes where its header claims no length."""
        if self._head.declared_s:
            return min(1.0, media_s / self._head.declared_s)
        return min(1.0, file.position / self._head.size_bytes)

    def _record(self, source: PacketSource, on_frame: OnFrame) -> Iterator[float]:
        """Record all; gives the media time reached, once a second of media."""
        head, tally = self._head.info, self._tally
        info = replace(source.info, rotation_degrees=head.rotation_degrees)
        if not self._derived:
            info = replace(info, width=head.width, height=head.height)
        anchor = FileAnchor(self._starts_s)
        recording = StreamRecording(
            info, self._policy, anchor, self._segmenter, self._ledger, sampler=self._sampler(on_frame)
        )
        next_s = _PROGRESS_S
        while (packet := self._read(source)) is not None:
            recording.feed(packet, 0.0)
            tally.add(recording.pts_s + anchor.skipped_s, packet.is_keyframe)
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
            on_long_interval=self._note_long_interval,
            group_bytes=0 if self._head.indexed else _GROUP_BYTES,
        )

    def _note_long_interval(self, _interval_s: float) -> None:
        self._decoded = True

    def _declare_torn_end(self, missing_s: float) -> None:
        if missing_s <= _TORN_S:
            return
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

    def _report(self, facts: FileFacts) -> FileReport:
        return FileReport(
            facts=facts,
            samples=self._samples,
            derived=self._derived,
            decoded=self._decoded,
            next_sequence=self._segmenter.next_sequence,
            advice=tuple(advice_on(facts)),
        )


def _no_now() -> float:
    """A file's footage may lie in the future as well as in the past."""
    return math.inf
