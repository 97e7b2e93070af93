"""All metrics, in one registry of their own (documented in docs/guides/api.md; a test compares)."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_JUDGE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class Metrics:
    """Counters and gauges by room. Labels never carry a name, a number or an address of a person."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._http()
        self._recording()
        self._recognition()
        self._evidence()
        self._parts()
        self._retention()

    def _http(self) -> None:
        self.http_requests = Counter(
            "rollcall_http_requests",
            "HTTP requests by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "rollcall_http_request_seconds",
            "Time until an answer was complete, by route.",
            ("route",),
            buckets=_HTTP_BUCKETS,
            registry=self.registry,
        )
        self.logins = Counter(
            "rollcall_logins",
            "Log-in attempts by outcome (accepted, refused, throttled).",
            ("outcome",),
            registry=self.registry,
        )
        self.live_listeners = Gauge("rollcall_live_listeners", "Live pages open now.", registry=self.registry)

    def _recording(self) -> None:
        self.segments_closed = Counter(
            "rollcall_segments_closed",
            "Footage segments closed, by camera.",
            ("camera",),
            registry=self.registry,
        )
        self.footage_bytes = Counter(
            "rollcall_footage_bytes",
            "Bytes of closed footage, by camera.",
            ("camera",),
            registry=self.registry,
        )
        self.gap_seconds = Counter(
            "rollcall_gap_seconds",
            "Seconds of declared gaps, by camera and cause.",
            ("camera", "cause"),
            registry=self.registry,
        )
        self.camera_recording = Gauge(
            "rollcall_camera_recording",
            "1 while a camera is being recorded.",
            ("camera",),
            registry=self.registry,
        )
        self.spool_segments = Gauge(
            "rollcall_spool_segments", "Closed segments not yet in the object store.", registry=self.registry
        )
        self._spool()
        self.booking_waiting = Gauge(
            "rollcall_booking_waiting",
            "Closed segments, gaps and notes of recorders that are not in the database yet.",
            registry=self.registry,
        )
        self.disk_free_bytes = Gauge(
            "rollcall_disk_free_bytes", "Free room where footage is written.", registry=self.registry
        )

    def _spool(self) -> None:
        self.spool_bytes = Gauge(
            "rollcall_spool_bytes", "Bytes of footage not yet in the object store.", registry=self.registry
        )
        self.spool_oldest_seconds = Gauge(
            "rollcall_spool_oldest_seconds",
            "Age of the oldest footage not yet in the object store; 0 when none waits.",
            registry=self.registry,
        )
        self.spool_rate = Gauge(
            "rollcall_spool_bytes_per_second",
            "Footage into the spool and out of it, by direction (in, out), over a quarter of an hour.",
            ("direction",),
            registry=self.registry,
        )
        self.spool_full_seconds = Gauge(
            "rollcall_spool_full_seconds",
            "Seconds until the spool's disk is full at the present rate; +Inf while it does not fill.",
            registry=self.registry,
        )
        self.store_away = Gauge(
            "rollcall_store_away",
            "1 while the object store does not answer and uploads pause.",
            registry=self.registry,
        )
        self.uploads = Counter(
            "rollcall_uploads",
            "Attempts to store a file of footage, by outcome (stored, or an error's code).",
            ("outcome",),
            registry=self.registry,
        )

    def _recognition(self) -> None:
        self.frames_judged = Counter(
            "rollcall_frames_judged", "Frames judged, by camera.", ("camera",), registry=self.registry
        )
        self.frames_dropped = Gauge(
            "rollcall_frames_dropped",
            "Frames dropped since the start because the recogniser was behind, by camera.",
            ("camera",),
            registry=self.registry,
        )
        self.judge_seconds = Histogram(
            "rollcall_judge_seconds",
            "Time to judge one frame.",
            buckets=_JUDGE_BUCKETS,
            registry=self.registry,
        )
        self.sightings = Counter(
            "rollcall_sightings",
            "Faces judged, by outcome (named, unknown).",
            ("outcome",),
            registry=self.registry,
        )

    def _evidence(self) -> None:
        self.evidence_leaves = Gauge(
            "rollcall_evidence_leaves", "Size of the evidence log.", registry=self.registry
        )
        self.checkpoint_age_seconds = Gauge(
            "rollcall_checkpoint_age_seconds", "Age of the newest signed checkpoint.", registry=self.registry
        )
        self.log_copied_leaves = Gauge(
            "rollcall_log_copied_leaves",
            "Leaves of the evidence log that lie in the object store.",
            registry=self.registry,
        )
        self.timestamps_waiting = Gauge(
            "rollcall_timestamps_waiting", "Closed lessons without a certified time.", registry=self.registry
        )
        self.rehash_share = Gauge(
            "rollcall_rehash_share",
            "How much of the running re-hash is done, 0 to 1.",
            registry=self.registry,
        )
        self.rehash_bytes = Counter(
            "rollcall_rehash_bytes", "Bytes of stored footage read again.", registry=self.registry
        )
        self.rehash_findings = Gauge(
            "rollcall_rehash_findings",
            "Files of footage that are not as the log says, by the last look.",
            registry=self.registry,
        )
        self.flags_raised = Counter(
            "rollcall_flags_raised", "Flags raised, by kind.", ("kind",), registry=self.registry
        )

    def _parts(self) -> None:
        self.part_running = Gauge(
            "rollcall_part_running",
            "1 while a part of the program (uploads, booking, recogniser, jobs, recorders) runs.",
            ("part",),
            registry=self.registry,
        )
        self.part_failures = Counter(
            "rollcall_part_failures",
            "Times a part of the program failed and was started again.",
            ("part",),
            registry=self.registry,
        )
        self.chore_failures = Counter(
            "rollcall_chore_failures",
            "Times a chore could not be done and was put off.",
            ("chore",),
            registry=self.registry,
        )

    def names(self) -> Iterable[str]:
        """Names of all metric families, as documented."""
        return [family.name for family in self.registry.collect()]

    def _retention(self) -> None:
        self.expired_lessons = Gauge(
            "rollcall_expired_lessons",
            "Lessons, at most 20 counted, whose footage could be removed and waits for the setting.",
            registry=self.registry,
        )
        self.removed_objects = Counter(
            "rollcall_removed_objects",
            "Objects of footage removed after their retention.",
            registry=self.registry,
        )
        self.removed_bytes = Counter(
            "rollcall_removed_bytes",
            "Bytes of footage removed after their retention.",
            registry=self.registry,
        )

    def render(self) -> bytes:
        """The exposition text for ``/metrics``."""
        return generate_latest(self.registry)
