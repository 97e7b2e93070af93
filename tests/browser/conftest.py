"""A served scene and a real Chromium (Debian's), driven by Playwright. One of each for the whole run."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn

from storage.database import sqlite_url, upgrade
from supervision_api.app import create_app
from supervision_api.live import LiveHub
from supervision_api.services import Services
from supervision_api.web_server import WebServer
from tests.api.scene import PASSWORD, Scene, make_clip, open_scene
from tests.browser.crowd import add_crowd

CHROMIUM = Path("/usr/bin/chromium")
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
# Chromium says so in its console whenever a page answers with an error status, as some are meant to.
EXPECTED = "the server responded with a status of"


@dataclass(slots=True)
class Server:
    """The application behind a port of this machine, which may be stopped and started again."""

    services: Services
    port: int = 0
    _running: list[tuple[WebServer, threading.Thread, LiveHub]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub(self) -> LiveHub:
        return self._running[-1][2]

    def start(self) -> None:
        """Listening when this returns, with a live hub as empty as after any start."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        hub = LiveHub()
        web = replace(self.services.web, heartbeat_s=0.5)
        app = create_app(replace(self.services, live=hub, web=web))
        server = WebServer(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))

        def run() -> None:
            with listener:
                server.run(sockets=[listener])

        thread = threading.Thread(target=run, name="web")
        thread.start()
        self._running.append((server, thread, hub))

    def stop(self) -> None:
        server, thread, hub = self._running.pop()
        hub.close()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@dataclass(frozen=True, slots=True)
class Served:
    """A scene behind a port of this machine."""

    scene: Scene
    server: Server

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def hub(self) -> LiveHub:
        return self.server.hub


@pytest.fixture(scope="session")
def browser_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("browser")
    upgrade(sqlite_url(folder / "empty.db"))
    clips = (make_clip(60), make_clip(120))
    with open_scene(folder / "house", folder / "empty.db", clips) as scene:
        with scene.house.ledger.write() as work:
            add_crowd(work, scene.services)
        yield scene


@pytest.fixture(scope="session")
def served(browser_scene: Scene) -> Iterator[Served]:
    server = Server(browser_scene.services)
    server.start()
    try:
        yield Served(browser_scene, server)
    finally:
        server.stop()


@pytest.fixture
def own_server(browser_scene: Scene) -> Iterator[Server]:
    """A server over the same data that a test may stop and start again."""
    server = Server(browser_scene.services)
    server.start()
    try:
        yield server
    finally:
        if server._running:
            server.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium: run SERVICES=1 make test")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sessions(chromium, served: Served) -> Callable[[str], list[dict[str, object]]]:
    """The cookies of a logged-in account; each account logs in once."""
    known: dict[str, list[dict[str, object]]] = {}

    def of(account: str) -> list[dict[str, object]]:
        if account not in known:
            context = chromium.new_context(base_url=served.url)
            page = context.new_page()
            page.goto("/console/login")
            page.fill("input[name=account]", account)
            page.fill("input[name=password]", PASSWORD)
            page.click("form.main button[type=submit]")
            page.wait_for_url(lambda url: "/console/login" not in url)
            known[account] = context.cookies()
            context.close()
        return known[account]

    return of


@pytest.fixture
def open_page(chromium, served: Served, sessions) -> Iterator[Callable[..., object]]:
    """Opens a logged-in page of a size and language; a script error or refused resource fails the test."""
    contexts, complaints = [], []

    def hear(line) -> None:
        if line.type == "error" and EXPECTED not in line.text and "net::ERR_" not in line.text:
            complaints.append(line.text)

    def open_one(
        size: str = "desk",
        locale: str = "zh_CN",
        account: str = "operator",
        *,
        scripts: bool = True,
        url: str | None = None,
    ):
        width, height = SIZES[size]
        base = url or served.url
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            base_url=base,
            timezone_id="America/New_York",
            reduced_motion="reduce",
        )
        contexts.append(context)
        if account:
            # cookies know no ports: the session holds on a test's own server as well.
            context.add_cookies(sessions(account))
        context.add_cookies([{"name": "rollcall_locale", "value": locale, "url": base}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", hear)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def shoot() -> Callable[..., None]:
    """Keeps a screenshot where ROLLCALL_SCREENSHOTS names a folder; a no-op otherwise."""
    folder = os.environ.get("ROLLCALL_SCREENSHOTS")

    def keep(page, name: str, *, whole: bool = True) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{folder}/{name}.png", full_page=whole)

    return keep
