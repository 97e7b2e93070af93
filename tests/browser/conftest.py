"""A served scene and a real Chromium (Debian's), driven by Playwright."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn

from storage.database import sqlite_url, upgrade
from supervision_api.app import create_app
from tests.api.scene import PASSWORD, Scene, make_clip, open_scene

CHROMIUM = Path("/usr/bin/chromium")
SIZES = {"desk": (1360, 900), "phone": (390, 844)}


@dataclass(frozen=True, slots=True)
class Served:
    """A scene behind a port of this machine."""

    scene: Scene
    url: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("browser")
    upgrade(sqlite_url(folder / "empty.db"))
    clips = (make_clip(60), make_clip(120))
    with open_scene(folder / "house", folder / "empty.db", clips) as scene, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(32)
        services = replace(scene.services, web=replace(scene.services.web, heartbeat_s=0.5))
        config = uvicorn.Config(create_app(services), log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(scene, f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            scene.hub.close()
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium: run SERVICES=1 make test")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, served: Served) -> Iterator[Callable[..., object]]:
    """Opens a logged-in page of a size and language; a script error or refused resource fails the test."""
    contexts, complaints = [], []

    def open_one(
        size: str = "desk", locale: str = "zh_CN", account: str = "operator", *, scripts: bool = True
    ):
        width, height = SIZES[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=scripts, base_url=served.url
        )
        contexts.append(context)
        context.add_cookies([{"name": "rollcall_locale", "value": locale, "url": served.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        if account:
            page.goto("/console/login")
            page.fill("input[name=account]", account)
            page.fill("input[name=password]", PASSWORD)
            page.click("form.main button[type=submit]")
            page.wait_for_url("**/console/today")
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
