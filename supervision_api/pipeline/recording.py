"""Recorders of a running installation: which cameras they open, where they go on after a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from ingest.camera import CameraConfig
from ingest.lesson_plan import StreamDue, recording_interval
from ingest.lesson_watch import LessonWatch
from ingest.packets import SourceFactory
from ingest.recorder import Recorder
from ingest.recorder_options import RecorderOptions
from models.evidence_leaves import recorder_started, recorder_stopped
from models.footage import CameraReport, CameraState, Gap, Segment
from models.policy import AttendancePolicy
from models.ports import FrameBus
from models.timetable import Lesson, LessonState
from storage.reconciler import Reconciler
from supervision_api import live_events
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.booking_queue import BookingQueue
from supervision_api.pipeline.booking_sink import BookingSink
from supervision_api.pipeline.installation import Installation

_log = structlog.get_logger(__name__)

_RECORDED = (LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING)
# Each lesson's own policy decides below; the watch must not narrow that.
_AHEAD = timedelta(days=2)
"""A timetable may be full for years; check-in begins a day before a lesson at the earliest."""

_WIDE = AttendancePolicy(check_in_before=timedelta(days=1), drain=timedelta(days=1))


class Recording:
    """The lesson watch of an installation with all that its recorders need."""

    def __init__(
        self,
        house: Installation,
        bus: FrameBus,
        hub: LiveHub,
        metrics: Metrics,
        special_source: Callable[[CameraConfig], SourceFactory | None] = lambda _camera: None,
    ) -> None:
        self._house = house
        self._bus = bus
        self._hub = hub
        self._metrics = metrics
        self._special_source = special_source
        self._sampling: dict[str, timedelta] = {}
        self._started: set[tuple[str, str]] = set()
        sink = BookingSink(house.spool, self._camera_changed, self._segment_closed, self._gap_declared)
        self.booking = BookingQueue(sink, house.clock, Reconciler(house.spool, house.uploader).adopt_closed)
        metrics.booking_waiting.set_function(lambda: self.booking.state.waiting)
        self.watch = LessonWatch(
            lessons=self._lessons,
            make_recorder=self._recorder,
            policy=_WIDE,
            sink=self.booking,
            clock=house.clock,
        )

    def set_sampling(self, lesson_id: str, every: timedelta) -> None:
        """What recognition wants; passed on only when it changes."""
        if self._sampling.get(lesson_id) != every:
            self._sampling[lesson_id] = every
            self.watch.set_sampling(lesson_id, every)

    def still_recording(self, lesson_id: str) -> bool:
        """Whether a recorder of this lesson has not closed its footage, or some is not in the books yet."""
        # In this order: a recorder queues its last words before its stream is gone.
        recording = any(stream.due.lesson_id == lesson_id for stream in self.watch.streams())
        return recording or self.booking.waits_for(lesson_id)

    def _lessons(self) -> Sequence[Lesson]:
        now = self._house.clock.now()
        with self._house.ledger.read() as work:
            records = work.lessons.in_states(_RECORDED, before=now + _AHEAD)
        return [r.lesson for r in records if recording_interval(r.lesson, r.policy.attendance).contains(now)]

    def _recorder(self, due: StreamDue) -> Recorder:
        house = self._house
        with house.ledger.read() as work:
            record = work.lessons.get(due.lesson_id)
            camera = work.cameras.get(due.camera_id)
            segments = work.footage.segments(due.lesson_id, due.camera_id)
            gaps = work.footage.gaps(due.lesson_id, due.camera_id)
        queued = self.booking.accounted_until(due.lesson_id, due.camera_id)
        ends = [*(s.ends_at for s in segments), *(g.ends_at for g in gaps), *([queued] if queued else [])]
        options = RecorderOptions(
            sample_every=record.policy.recognition.sample_every,
            first_sequence=max((s.sequence for s in segments), default=0) + 1,
            # A program that was not running when the lesson began has missed it from there on.
            missing_since=max(ends, default=record.lesson.starts_at),
            reserve_bytes=house.settings.spool_reserve_mb << 20,
        )
        config = CameraConfig(
            camera.camera_id, camera.address, room=camera.room, ca_file=house.settings.camera_ca_file
        )
        house.spool.folder(due.lesson_id, due.camera_id)
        return Recorder(
            config,
            due.lesson_id,
            policy=record.policy.recording,
            spool_dir=house.spool.root,
            sink=self.booking,
            bus=self._bus,
            clock=house.clock,
            options=options,
            source_factory=self._special_source(config),
        )

    def _camera_changed(self, report: CameraReport) -> None:
        self._note_run(report)
        recording = report.state is CameraState.RECORDING
        self._metrics.camera_recording.labels(report.camera_id).set(1 if recording else 0)
        self._hub.publish(report.lesson_id, live_events.camera_changed(report))
        tell = _log.info if not report.code else _log.warning
        tell(
            "camera",
            camera=report.camera_id,
            lesson=report.lesson_id,
            state=report.state.value,
            code=report.code,
            message=report.message,
        )

    def _note_run(self, report: CameraReport) -> None:
        """Start and stop of a recorder are leaves; a process that was killed leaves starts without stops."""
        key = (report.lesson_id, report.camera_id)
        if report.state is CameraState.STOPPED and key in self._started:
            self._started.discard(key)
            self.booking.note(recorder_stopped(*key, report.code or "asked", report.at))
        elif report.state is CameraState.CONNECTING and key not in self._started:
            self._started.add(key)
            self.booking.note(recorder_started(*key, report.at))

    def _gap_declared(self, gap: Gap) -> None:
        self._metrics.gap_seconds.labels(gap.camera_id, gap.cause.value).inc(
            gap.interval.duration.total_seconds()
        )

    def _segment_closed(self, segment: Segment) -> None:
        self._metrics.segments_closed.labels(segment.camera_id).inc()
        self._metrics.footage_bytes.labels(segment.camera_id).inc(segment.size_bytes)
