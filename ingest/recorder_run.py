"""The loop of one recorder's run: what happens when a camera or the disk fails."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ingest.camera import CameraConfig
from ingest.ledger import FootageLedger, utc
from ingest.packets import PacketSource, SourceFactory, VideoPacket
from ingest.patient_sink import PatientSink
from ingest.recorder_options import RecorderOptions
from ingest.recording import StreamRecording
from ingest.sampling import OnLongInterval, StreamSampler
from ingest.segment_file import container_carries
from ingest.segmenter import FootagePlace, Segmenter
from ingest.steady_clock import SteadyClock
from ingest.wall_anchor import LiveAnchor
from models.errors import StreamDenied, StreamError, StreamLost, StreamStalled, StreamUnsupported
from models.footage import CameraReport, CameraState, Gap, GapCause
from models.policy import RecordingPolicy

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOCK_STEP_S = 1.0
_WHILE_ENDED_S = 3600.0


@dataclass(frozen=True, slots=True)
class RunParts:
    """Everything a run works with."""

    camera: CameraConfig
    place: FootagePlace
    policy: RecordingPolicy
    options: RecorderOptions
    clock: SteadyClock
    sink: PatientSink
    ledger: FootageLedger
    segmenter: Segmenter
    open_source: SourceFactory


class RecorderRun:
    """State of one call of ``Recorder.run``."""

    def __init__(self, parts: RunParts, sampler: Callable[[OnLongInterval], StreamSampler]) -> None:
        self._parts = parts
        self._now_s = parts.clock.now_s
        self._segmenter = parts.segmenter
        self._ledger = parts.ledger
        self._sampler = sampler(self._advise)
        self._state: CameraState | None = None
        self._failures = 0
        self._recording_since_s: float | None = None
        self._disk_retry_at_s: float | None = None
        self._clock_offset_s = 0.0

    def loop(self, stop: threading.Event) -> None:
        """Connect, record, wait, until told to stop."""
        try:
            while not stop.is_set():
                failure = self._connection(stop)
                if failure is not None and not stop.is_set():
                    self._pause(failure, stop)
        finally:
            self._finish()

    def _connection(self, stop: threading.Event) -> StreamError | None:
        """One connection from open to end; the error that ended it, ``None`` when told to stop."""
        self._recording_since_s = None
        self._report(CameraState.CONNECTING)
        try:
            source = self._parts.open_source(self._parts.camera)
        except StreamError as failure:
            self._blame(_cause(failure, opening=True), failure.message)
            return failure
        try:
            self._record(source, stop)
        except StreamError as failure:
            after_footage = self._segmenter.recording
            self._end_segment()
            self._blame(_cause(failure, opening=False), failure.message, after_footage=after_footage)
            return failure
        finally:
            source.close()
        return None

    def _record(self, source: PacketSource, stop: threading.Event) -> None:
        if not container_carries(source.info.codec):
            raise StreamUnsupported(
                f"footage cannot be kept in {source.info.codec} without re-encoding",
                hint="choose H.264 or H.265 in the camera's settings",
            )
        self._note_clock()
        anchor = LiveAnchor(self._parts.policy.drift_reanchor.total_seconds())
        recording = StreamRecording(
            source.info, self._parts.policy, anchor, self._segmenter, self._ledger, sampler=self._sampler
        )
        while not stop.is_set():
            packet = source.read()
            if packet is None:
                self._wait_at_end(stop)
                return
            self._feed(recording, packet)

    def _feed(self, recording: StreamRecording, packet: VideoPacket) -> None:
        now_s = self._now_s()
        retry_at_s = self._disk_retry_at_s
        if retry_at_s is not None and now_s < retry_at_s:
            recording.feed(packet, now_s, write=False)
            return
        try:
            written = recording.feed(packet, now_s)
        except OSError as failure:
            self._disk_failed(failure, now_s)
            return
        # A disk that was full has room again only when it has taken a fragment.
        proven = retry_at_s is None or self._segmenter.storing
        if written and proven and self._state is not CameraState.RECORDING:
            self._disk_retry_at_s = None
            self._recording_since_s = now_s
            self._report(CameraState.RECORDING)

    def _disk_failed(self, failure: OSError, now_s: float) -> None:
        full = failure.errno in _FULL
        reason = failure.strerror or type(failure).__name__
        # Cutting closes one segment before it begins the next: either way footage ended just now.
        after_footage = self._segmenter.recording or self._state is CameraState.RECORDING
        self._salvage()
        cause = GapCause.DISK_FULL if full else GapCause.RECORDER_FAILED
        self._blame(cause, reason, after_footage=after_footage)
        self._disk_retry_at_s = now_s + self._parts.options.disk_retry_s
        state = CameraState.DISK_FULL if full else CameraState.WAITING
        if self._state is not state:
            code = "disk_full" if full else "storage_error"
            self._report(
                state, code, f"footage cannot be written: {reason}", self._parts.options.disk_retry_s
            )

    def _pause(self, failure: StreamError, stop: threading.Event) -> None:
        since_s, waits = self._recording_since_s, self._parts.options.waits
        if since_s is not None and self._now_s() - since_s >= waits.settled_s:
            self._failures = 0
        self._failures += 1
        wait_s = waits.wait_s(failure, self._failures, self._parts.options.rng)
        self._report(CameraState.WAITING, failure.code, str(failure), wait_s)
        self._parts.options.wait(stop, wait_s)

    def _wait_at_end(self, stop: threading.Event) -> None:
        """A recording played as a camera is over: nothing more will come of it."""
        self._end_segment()
        self._blame(GapCause.SOURCE_ENDED, "the file is at its end", after_footage=True)
        self._report(CameraState.WAITING, "source_ended", "the file is at its end")
        while not stop.is_set():
            self._parts.options.wait(stop, _WHILE_ENDED_S)

    def _finish(self) -> None:
        self._end_segment()
        self._sampler.close()
        self._declare(self._ledger.finish(self._now_s()))
        self._parts.sink.flush()
        self._report(CameraState.STOPPED)

    def _end_segment(self) -> None:
        try:
            self._segmenter.close()
        except (OSError, StreamError):
            self._salvage()

    def _salvage(self) -> None:
        try:
            self._segmenter.salvage()
        except OSError as failure:
            # The open file and its sidecar stay where they are: the reconciler closes them.
            reason = failure.strerror or type(failure).__name__
            self._report(CameraState.WAITING, "storage_error", f"a segment could not be closed: {reason}")

    def _blame(self, cause: GapCause, detail: str, *, after_footage: bool = False) -> None:
        """Time is missing for this cause: from now on, or since the end of footage that has just ended."""
        at_s = self._ledger.covered_until_s if after_footage else self._now_s()
        self._declare(self._ledger.blame(cause, detail, at_s))

    def _declare(self, gap: Gap | None) -> None:
        if gap is not None:
            self._parts.sink.gap_declared(gap)

    def _note_clock(self) -> None:
        self._segmenter.clock_offset_s = self._parts.options.clock_offset_s()
        offset_s = self._parts.clock.offset_s()
        if abs(offset_s - self._clock_offset_s) > _CLOCK_STEP_S:
            self._clock_offset_s = offset_s
            message = (
                f"the machine's clock was set by {offset_s:+.1f} s; this run keeps the time it began with"
            )
            self._report(CameraState.CONNECTING, "clock_stepped", message)

    def _advise(self, interval_s: float) -> None:
        message = f"keyframes lie over {interval_s:.0f} s apart: every picture is decoded for recognition"
        self._report(CameraState.RECORDING, "long_keyframe_interval", message)

    def _report(
        self, state: CameraState, code: str = "", message: str = "", retry_in_s: float | None = None
    ) -> None:
        self._state = state
        camera_id, lesson_id = self._parts.place.camera_id, self._parts.place.lesson_id
        at = utc(self._now_s())
        self._parts.sink.camera_changed(
            CameraReport(camera_id, lesson_id, at, state, code, message, retry_in_s)
        )


def _cause(failure: StreamError, *, opening: bool) -> GapCause:
    if isinstance(failure, StreamDenied):
        return GapCause.STREAM_DENIED
    if isinstance(failure, StreamStalled):
        return GapCause.STREAM_STALLED
    if isinstance(failure, StreamLost) and not opening:
        return GapCause.STREAM_LOST
    return GapCause.STREAM_UNREACHABLE
