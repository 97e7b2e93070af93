"""The seam between the wiring and the web: everything the app needs, as values and ports.

``wiring`` fills a ``Services``; ``create_app(services)`` uses it; tests fill it with small parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

from models.ports import Clock, ObjectReader
from models.roster import Enrolled
from models.store_trial import StoreTrial
from storage.unit_of_work import Ledger
from supervision_api.auth_passwords import Passwords
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.bundle_plans import BundleOrder
from supervision_api.pipeline.roster_enrolment import ExaminedRoster, Progress
from supervision_api.pipeline.spool_watch import SpoolReport
from supervision_api.roster_files import RosterFiles


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Values from the settings. ``https``: cookies are Secure, HSTS is sent. ``demo_login``: account and
    password shown on the log-in page of a demonstration, else ``None``. ``bundle_limit_bytes``: most footage
    that a bundle taken over the web holds."""

    institution: str = "本机培训机构"
    origin: str = "rollcall.local/log"
    default_locale: str = "zh_CN"
    https: bool = False
    session_lifetime: timedelta = timedelta(hours=12)
    request_limit_bytes: int = 1024 * 1024
    upload_limit_bytes: int = 256 * 1024 * 1024
    disk_reserve_bytes: int = 512 * 1024 * 1024
    heartbeat_s: float = 15.0
    bundle_limit_bytes: int = 8 * 1024 * 1024 * 1024
    demo_login: tuple[str, str] | None = None
    remove_expired: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """One thing that must work. ``reason``: a stable code, ``ok`` if all is well; ``detail``: for people."""

    name: str
    ok: bool
    reason: str = "ok"
    detail: str = ""


class RosterExaminer(Protocol):
    """Judges a roster's rows and photos: recognition's job, handed in by the wiring. Thread-safe."""

    def __call__(
        self,
        files: RosterFiles,
        today: date,
        progress: Progress,
        *,
        faceless_allowed: bool,
        enrolled: Enrolled | None = None,
    ) -> ExaminedRoster:
        """Raises ``RosterInvalid`` where the table as a whole cannot be read."""
        ...


BundleExporter = Callable[[BundleOrder, Path], None]
"""Appends the export's leaves and writes the bundle as a zip file."""


def _nobody_cares(lesson_id: str) -> None:
    """Where no judge runs beside the web."""


def _not_tried() -> StoreTrial | None:
    """Where nobody tries the store."""
    return None


def _nothing_waits() -> SpoolReport | None:
    """Where no uploads run beside the web."""
    return None


@dataclass(frozen=True, slots=True)
class Services:
    """What the app is built from.

    ``ledger``: units of work over database and evidence log. ``readiness``: states of recorder and
    recogniser. ``spool_report``: how footage on its way into the store stands. ``attendance_changed``: called
    with a lesson's id after a manual entry was committed, so that a judged lesson is judged again.
    ``data_dir``: where footage is written, whose free room is watched. ``workplace``: folder for bundles in
    work, or the system's own. ``viewing_dir``: folder for copies of footage that browsers do not play; one in
    ``data_dir`` where it is not told. ``store_trial``: how the object store's locks did when they were tried
    last.
    """

    ledger: Ledger
    objects: ObjectReader
    store_capabilities: str
    examine_roster: RosterExaminer
    export_bundle: BundleExporter
    live: LiveHub
    clock: Clock
    metrics: Metrics
    passwords: Passwords
    data_dir: Path
    web: WebOptions = field(default_factory=WebOptions)
    readiness: Callable[[], Sequence[Readiness]] = tuple
    spool_report: Callable[[], SpoolReport | None] = _nothing_waits
    attendance_changed: Callable[[str], None] = _nobody_cares
    workplace: Path | None = None
    viewing_dir: Path | None = None
    store_trial: Callable[[], StoreTrial | None] = _not_tried
