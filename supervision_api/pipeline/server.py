"""``rollcall serve``: starts every part, waits, and stops them in the order that loses nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import structlog
import uvicorn

from ingest.bus import InProcessBus
from ingest.camera import CameraConfig
from ingest.packets import SourceFactory
from models.errors import SettingInvalid
from storage.reconciler import Reconciler
from supervision_api.app import create_app
from supervision_api.cli.output import Output
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.demo import SCHEME, Demo, demo_settings, demo_source, seed_demo
from supervision_api.pipeline.faces import face_setup
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.jobs import Jobs, LessonHooks, UploadLoop
from supervision_api.pipeline.recogniser_loop import RecogniserLoop
from supervision_api.pipeline.recogniser_process import RecogniserProcess
from supervision_api.pipeline.recording import Recording
from supervision_api.services import Readiness
from supervision_api.settings import Settings
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
        listener = stack.enter_context(_listen(settings.host, settings.port))
        house = stack.enter_context(open_installation(settings))
        stack.enter_context(house.spool.claimed())
        _repair(house)
        out.line("preparing the demonstration …" if demo else "starting …")
        seeded = seed_demo(house) if demo else None
        parts = Parts(house, seeded)
        login = (seeded.user, seeded.password) if seeded else None
        services = wire(
            house, hub=parts.hub, metrics=parts.metrics, readiness=parts.readiness, demo_login=login
        )
        config = uvicorn.Config(
            create_app(services), log_config=None, timeout_graceful_shutdown=_WEB_STOP_S, server_header=False
        )
        stack.enter_context(parts.running())
        _announce(out, settings, listener, seeded)
        uvicorn.Server(config).run(sockets=[listener])
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
            self._recogniser.wait_until_drained,
            self._recogniser.finish,
        )
        self._jobs = Jobs(house, self.hub, self.metrics, hooks)
        self._uploads = UploadLoop(house, self.metrics)

    def readiness(self) -> tuple[Readiness, ...]:
        """State of recorders, recogniser and spool, for ``/readyz``."""
        dead = [s.due.camera_id for s in self._recording.watch.streams() if not s.alive and not s.stopping]
        spool = self._house.spool.state()
        return (
            Readiness("recorders", not dead, "recorder_failed" if dead else "ok", ", ".join(dead)),
            Readiness("recogniser", self._recogniser.healthy, self._recogniser.health),
            Readiness("spool", not spool.over, "spool_" + spool.over[0] if spool.over else "ok"),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """All threads, started consumers first and stopped producers first."""
        stages: list[tuple[str, Callable[[threading.Event], None]]] = [
            ("uploads", self._uploads.run),
            ("recogniser", self._recogniser.run),
            ("jobs", self._jobs.run),
            ("recorders", self._recording.watch.run),
        ]
        started: list[tuple[threading.Event, threading.Thread]] = []
        try:
            for name, target in stages:
                stop = threading.Event()
                thread = threading.Thread(target=target, args=(stop,), name=name)
                thread.start()
                started.append((stop, thread))
            yield
        finally:
            for stop, thread in reversed(started):
                stop.set()
                thread.join()


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
        out.line(
            f"  lesson     starts {demo.lesson.starts_at:%H:%M:%S} UTC, about four minutes; synthetic people"
        )
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
