"""``rollcall serve``: starts every part, waits, and stops them in the order that loses nothing."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType

import structlog
import uvicorn

from ingest.bus import InProcessBus
from ingest.camera import CameraConfig
from ingest.packets import SourceFactory
from models.errors import SettingInvalid
from storage.reconciler import Reconciler
from supervision_api.app import create_app
from supervision_api.cli.output import Output
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.booking_queue import BookingState
from supervision_api.pipeline.chores.every import chores_of
from supervision_api.pipeline.chores.loop import ChoreLoop
from supervision_api.pipeline.demo import SCHEME, Demo, demo_settings, demo_source, seed_demo
from supervision_api.pipeline.faces import face_setup, open_faces
from supervision_api.pipeline.installation import Installation, open_installation, require_sound_log
from supervision_api.pipeline.jobs import Jobs, LessonHooks
from supervision_api.pipeline.recogniser_loop import RecogniserLoop
from supervision_api.pipeline.recogniser_process import RecogniserProcess
from supervision_api.pipeline.recording import Recording
from supervision_api.pipeline.spool_watch import SpoolReport, outlook_text
from supervision_api.pipeline.store_trials import require_enforcing_store
from supervision_api.pipeline.uploads import UploadLoop
from supervision_api.pipeline.watched_thread import WatchedThread
from supervision_api.services import Readiness
from supervision_api.settings import Settings
from supervision_api.web_server import WebServer
from supervision_api.wiring import wire

_log = structlog.get_logger(__name__)

_WEB_STOP_S = 3


def run_server(settings: Settings, out: Output, *, demo: bool) -> None:
    """Serve until interrupted.

    Raises:
        RollcallError: what cannot be opened, with the next step.
    """
    settings = demo_settings(settings) if demo else settings
    with ExitStack() as stack:
        stack.enter_context(_terminated_in_order())
        listener = stack.enter_context(_listen(settings.host, settings.port))
        house = stack.enter_context(open_installation(settings))
        stack.enter_context(house.spool.claimed())
        require_sound_log(house)
        require_enforcing_store(house.trials, settings.evidence_mode, house.clock.now())
        # Missing weights must show now, not when the first lesson runs without names.
        open_faces(face_setup(settings))
        _repair(house)
        out.line("preparing the demonstration …" if demo else "starting …")
        seeded = seed_demo(house) if demo else None
        parts = Parts(house, seeded)
        login = (seeded.user, seeded.password) if seeded else None
        services = wire(
            house,
            hub=parts.hub,
            metrics=parts.metrics,
            readiness=parts.readiness,
            spool_report=parts.spool_report,
            demo_login=login,
        )
        config = uvicorn.Config(
            create_app(services), log_config=None, timeout_graceful_shutdown=_WEB_STOP_S, server_header=False
        )
        stack.enter_context(parts.running())
        _announce(out, settings, listener, seeded)
        WebServer(config).run(sockets=[listener])
        out.line("stopping: segments are closed, footage is stored at the next start if it still waits")


class Parts:
    """Recorders, recogniser, jobs and uploads of one process."""

    def __init__(self, house: Installation, demo: Demo | None) -> None:
        self.hub = LiveHub()
        self.metrics = Metrics()
        self._house = house
        bus = InProcessBus(house.settings.bus_frames_per_camera)
        self._recording = Recording(house, bus, self.hub, self.metrics, _special_source(house, demo))
        self._recogniser = RecogniserLoop(
            ledger=house.ledger,
            bus=bus,
            hub=self.hub,
            metrics=self.metrics,
            clock=house.clock,
            start=lambda: RecogniserProcess(face_setup(house.settings)),
            set_sampling=self._recording.set_sampling,
        )
        hooks = LessonHooks(
            self._recording.still_recording,
            self._recogniser.rounds_idle,
            self._recogniser.finish,
        )
        jobs = Jobs(house, self.hub, self.metrics, hooks)
        chores = ChoreLoop(chores_of(house, self.metrics), self.metrics, house.clock.monotonic_s)
        self._uploads = UploadLoop(house, self.metrics)
        # Consumers before producers: started in this order, stopped in the other.
        parts = {
            "chores": chores.run,
            "uploads": self._uploads.run,
            "booking": self._recording.booking.run,
            "recogniser": self._recogniser.run,
            "jobs": jobs.run,
            "recorders": self._recording.watch.run,
        }
        self._threads = [
            WatchedThread(name, work, self.metrics, house.clock.monotonic_s) for name, work in parts.items()
        ]

    def readiness(self) -> tuple[Readiness, ...]:
        """State of recorders, recogniser, booking, spool and of every thread, for ``/readyz``."""
        dead = [s.due.camera_id for s in self._recording.watch.streams() if not s.alive and not s.stopping]
        return (
            Readiness("recorders", not dead, "recorder_failed" if dead else "ok", ", ".join(dead)),
            Readiness("recogniser", self._recogniser.healthy, self._recogniser.health),
            _booking(self._recording.booking.state),
            self._house.trials.readiness(),
            _spool(self._uploads.watch.report()),
            *(replace(one, name=f"{one.name}_thread") for one in map(WatchedThread.readiness, self._threads)),
        )

    def spool_report(self) -> SpoolReport:
        """The spool now, for the console. Raises ``StorageError``."""
        return self._uploads.watch.report()

    @contextmanager
    def running(self) -> Iterator[None]:
        """All threads, started consumers first and stopped producers first."""
        started: list[WatchedThread] = []
        try:
            for thread in self._threads:
                thread.start()
                started.append(thread)
            yield
        finally:
            for thread in reversed(started):
                thread.stop()


def _booking(state: BookingState) -> Readiness:
    reason = state.refusal or ("ok" if state.running else "booking_stopped")
    return Readiness("booking", reason == "ok", reason, f"{state.waiting} wait" if state.waiting else "")


def _spool(report: SpoolReport) -> Readiness:
    """Not ready above a mark that stands today; a forecast warns in ``detail`` and stops nothing."""
    over = report.spool.over
    reason = f"spool_{over[0]}" if over else "spool_forecast" if report.alarms else "ok"
    waiting = f"{report.spool.waiting_files} files, {report.spool.waiting_bytes >> 20} MiB wait"
    away = (f"store away: {report.desk.problem}",) if report.desk.away else ()
    return Readiness("spool", not over, reason, "; ".join((waiting, outlook_text(report.forecast), *away)))


def _special_source(house: Installation, demo: Demo | None) -> Callable[[CameraConfig], SourceFactory | None]:
    def choose(camera: CameraConfig) -> SourceFactory | None:
        if demo is not None and camera.address.startswith(SCHEME):
            return demo_source(house, demo.lesson.starts_at)
        return None

    return choose


def _repair(house: Installation) -> None:
    repaired = Reconciler(house.spool, house.uploader).run()
    _log.info(
        "start-up repair",
        segments=len(repaired.repaired),
        gaps=len(repaired.gaps),
        cleared=repaired.cleared,
        set_aside=len(repaired.aside),
        missing=len(repaired.missing),
    )
    for upload in repaired.missing:
        _log.error("footage is missing from spool and store", object=upload.object_key)


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """A request to end (SIGTERM, as service managers send it) unwinds everything, as Ctrl-C does.

    Without this the web server, once it has shut down, passes the signal on to the system's own answer: the
    process dies at once, and every open segment has to be repaired at the next start.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked again, it is on its way
        raise SystemExit(0)

    if threading.current_thread() is not threading.main_thread():
        yield  # a test's thread; only a main thread hears signals
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket, taken before anything is opened: a second start fails at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            raise SettingInvalid(
                f"cannot listen on {host} port {port} ({error.strerror})",
                hint="stop what uses it, or choose another: rollcall serve --port 8421",
            ) from None
        yield listener


def _announce(out: Output, settings: Settings, listener: socket.socket, demo: Demo | None) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = settings.public_url or f"http://{shown}:{port}/console"
    out.line("")
    out.line(f"  Rollcall   {address}", style="bold")
    if demo is not None:
        out.line(f"  log-in     {demo.user}   password {demo.password}")
        # the console's clock, not the machine's: the pages show the same time.
        starts = f"{demo.lesson.starts_at.astimezone(LOCAL_ZONE):%H:%M:%S}"
        out.line(f"  lesson     starts {starts} China time, about four minutes; synthetic people")
    out.line("  stop with Ctrl-C")
    out.line("")
    out.document(
        {
            "address": address,
            "user": demo.user if demo else None,
            "password": demo.password if demo else None,
            "lesson": demo.lesson.lesson_id if demo else None,
        }
    )
