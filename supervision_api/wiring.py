"""Wires the web to an installation: the one place that fills ``Services``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from models.roster import Enrolled
from supervision_api.auth_passwords import Passwords
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.bundling import write_archive
from supervision_api.pipeline.faces import FaceParts, FaceSetup, face_setup, open_faces
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.rejudging import rejudge_lesson
from supervision_api.pipeline.roster_enrolment import ExaminedRoster, Progress, examine_roster
from supervision_api.pipeline.spool_watch import SpoolReport
from supervision_api.roster_files import RosterFiles
from supervision_api.services import Readiness, Services, WebOptions


class Examiner:
    """Judges rosters; loads its networks on first use, and serves one caller at a time."""

    def __init__(self, setup: FaceSetup) -> None:
        self._setup = setup
        self._lock = threading.Lock()
        self._faces: FaceParts | None = None

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
        with self._lock:
            if self._faces is None:
                self._faces = open_faces(self._setup)
            return examine_roster(
                files, today, self._faces, progress, faceless_allowed=faceless_allowed, enrolled=enrolled
            )


def web_options(house: Installation, demo_login: tuple[str, str] | None = None) -> WebOptions:
    """The settings that pages and routes look at."""
    settings = house.settings
    return WebOptions(
        institution=settings.institution,
        origin=settings.origin,
        default_locale=settings.default_locale,
        https=settings.secure_cookies,
        session_lifetime=timedelta(hours=settings.session_hours),
        upload_limit_bytes=settings.upload_limit_mb << 20,
        disk_reserve_bytes=settings.spool_reserve_mb << 20,
        demo_login=demo_login,
        remove_expired=settings.remove_expired,
    )


def wire(
    house: Installation,
    *,
    hub: LiveHub,
    metrics: Metrics,
    readiness: Callable[[], Sequence[Readiness]] = tuple,
    spool_report: Callable[[], SpoolReport | None] = lambda: None,
    demo_login: tuple[str, str] | None = None,
    workplace: Path | None = None,
) -> Services:
    """Everything the app needs, from an opened installation."""
    return Services(
        ledger=house.ledger,
        objects=house.store,
        store_capabilities=house.store.capabilities(),
        examine_roster=Examiner(face_setup(house.settings)),
        export_bundle=partial(write_archive, house),
        live=hub,
        clock=house.clock,
        metrics=metrics,
        passwords=Passwords(),
        data_dir=house.folder,
        web=web_options(house, demo_login),
        readiness=readiness,
        spool_report=spool_report,
        attendance_changed=partial(rejudge_lesson, house),
        workplace=workplace,
        viewing_dir=house.settings.viewing_dir,
        store_trial=house.trials.latest,
    )
