"""One camera's recorder: connects, records, waits, connects again, and accounts for every second.

``run`` belongs to one thread. It never decodes, never waits for recognition, and never ends by itself
before it is told to stop, whatever the camera does.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ingest.camera import CameraConfig
from ingest.full_decode import InlineDecoder, ThreadedDecoder
from ingest.ledger import FootageLedger, utc
from ingest.packets import SourceFactory, StreamInfo
from ingest.patient_sink import PatientSink
from ingest.recorder_options import RecorderOptions
from ingest.recorder_run import RecorderRun, RunParts
from ingest.sampling import FrameMaker, OnLongInterval, PictureDecoder, SampleSchedule, StreamSampler
from ingest.segment_file import next_sequence
from ingest.segmenter import FootagePlace, Segmenter
from ingest.source import open_camera
from ingest.steady_clock import SteadyClock
from models.errors import StorageError
from models.footage import CameraReport, CameraState, GapCause
from models.policy import RecordingPolicy
from models.ports import Clock, FrameBus, RecorderSink


class Recorder:
    """Records one camera for one lesson into ``spool_dir/lesson_id/camera_id/``.

    ``source_factory`` opens the camera; by default FFmpeg does, under ``policy``.
    """

    def __init__(
        self,
        camera: CameraConfig,
        lesson_id: str,
        *,
        policy: RecordingPolicy,
        spool_dir: Path,
        sink: RecorderSink,
        bus: FrameBus,
        clock: Clock,
        options: RecorderOptions | None = None,
        source_factory: SourceFactory | None = None,
    ) -> None:
        self._camera = camera
        self._lesson_id = lesson_id
        self._policy = policy
        self._place = FootagePlace(lesson_id, camera.camera_id, spool_dir / lesson_id / camera.camera_id)
        self._sink = sink
        self._bus = bus
        self._clock = clock
        self._options = options or RecorderOptions()
        self._open_source = source_factory or partial(open_camera, policy=policy)
        self._schedule = SampleSchedule(self._options.sample_every.total_seconds())
        self._next_sequence = self._options.first_sequence
        self._covered_until: datetime | None = self._options.missing_since
        self._missing_cause = self._options.missing_cause

    @property
    def camera_id(self) -> str:
        return self._camera.camera_id

    @property
    def next_sequence(self) -> int:
        """Number of the segment after the last one begun; for a successor of a recorder that died."""
        return self._next_sequence

    @property
    def covered_until(self) -> datetime | None:
        """Up to here footage and gaps account for every second; ``None`` before the first run."""
        return self._covered_until

    def set_sampling(self, every: timedelta) -> None:
        """Change the sampling period; from any thread, at any time."""
        self._schedule.every_s = every.total_seconds()

    def run(self, stop: threading.Event) -> None:
        """Record until ``stop`` is set; blocks. Ends within a read time-out of it.

        Every second between the call (or ``missing_since``) and the end is in a segment or in a gap that
        the sink was told. Failures of camera and disk are reported and retried; only a defect raises. Run
        again, it goes on with the next sequence number and declares the time between.
        """
        clock = SteadyClock(self._clock)
        ledger = self._ledger(clock.now_s())
        sink = PatientSink(self._sink, partial(self._refused, clock))
        segmenter = Segmenter(
            self._place,
            self._policy,
            sink,
            ledger,
            clock.now_s,
            # A crash may have left segments that no row knows of yet: their numbers are taken.
            first_sequence=max(self._next_sequence, next_sequence(self._place.folder)),
            reserve_bytes=self._options.reserve_bytes,
        )
        parts = RunParts(
            self._camera,
            self._place,
            self._policy,
            self._options,
            clock,
            sink,
            ledger,
            segmenter,
            self._open_source,
        )
        run = RecorderRun(parts, self._sampler)
        try:
            run.loop(stop)
        finally:
            self._next_sequence = segmenter.next_sequence
            self._covered_until = utc(ledger.covered_until_s)
            self._missing_cause = GapCause.RECORDER_FAILED

    def _refused(self, clock: SteadyClock, refusal: StorageError) -> None:
        camera_id, lesson_id = self._place.camera_id, self._place.lesson_id
        state, message = CameraState.RECORDING, f"footage is kept but cannot be booked now: {refusal.message}"
        at = utc(clock.now_s())
        self._sink.camera_changed(CameraReport(camera_id, lesson_id, at, state, refusal.code, message))

    def _ledger(self, now_s: float) -> FootageLedger:
        since = self._covered_until
        begins_s, cause = (now_s, GapCause.CONNECTING)
        if since is not None and since.timestamp() < now_s:
            begins_s, cause = since.timestamp(), self._missing_cause
        return FootageLedger(self._place.lesson_id, self._place.camera_id, begins_s, cause)

    def _sampler(self, on_long_interval: OnLongInterval) -> StreamSampler:
        frames = FrameMaker(self._lesson_id, self._camera.camera_id)

        def start_decoder(info: StreamInfo) -> PictureDecoder:
            inline = InlineDecoder(info, frames, self._schedule, self._bus.publish)
            return ThreadedDecoder(inline, f"decode {self._camera.camera_id}")

        return StreamSampler(
            frames,
            self._schedule,
            self._bus.publish,
            start_decoder,
            max_interval_s=self._policy.max_keyframe_interval.total_seconds(),
            on_long_interval=on_long_interval,
        )
