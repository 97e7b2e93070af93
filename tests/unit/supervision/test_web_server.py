"""The web server leaves no connection behind, not even one whose client stopped reading."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from supervision_api.web_server import WebServer

PIECE = bytes(1 << 20)
Send = Callable[[dict[str, object]], Awaitable[None]]


class EndlessFilm:
    """Writes until nobody takes any more; ``flowing`` is set with the first piece."""

    def __init__(self) -> None:
        self.flowing = threading.Event()

    async def __call__(self, scope: dict[str, object], _receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"video/mp4")]}
        )
        while True:
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            self.flowing.set()


@contextmanager
def _running(film: EndlessFilm) -> Iterator[tuple[WebServer, int, threading.Thread]]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(film, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = WebServer(config)

    def run() -> None:
        with listener:
            server.run(sockets=[listener])

    thread = threading.Thread(target=run, name="web")
    thread.start()
    try:
        yield server, listener.getsockname()[1], thread
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("clients", [1, 3])
def test_a_client_that_stopped_reading_does_not_outlive_the_server(clients: int) -> None:
    film = EndlessFilm()
    with _running(film) as (server, port, thread):
        paused = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(clients)]
        for one in paused:
            film.flowing.clear()
            one.sendall(b"GET /film.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert film.flowing.wait(10)
            assert one.recv(12) == b"HTTP/1.1 200"
        assert len(server.server_state.connections) == clients
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
        assert not server.server_state.connections
        for one in paused:
            with one:
                _read_to_the_end(one)


def _read_to_the_end(paused: socket.socket) -> None:
    """Only what the system had taken in still comes; then the connection is over."""
    taken = 0
    try:
        while piece := paused.recv(1 << 20):
            taken += len(piece)
            assert taken < 200 * len(PIECE)
    except ConnectionResetError:
        return
