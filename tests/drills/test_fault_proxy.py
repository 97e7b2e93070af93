"""The line that breaks on purpose: it passes bytes on unchanged, and breaks exactly what it was told to."""

from __future__ import annotations

import http.client
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.drills.fault_proxy import Line, proxied


class Echo(BaseHTTPRequestHandler):
    """Answers with the body that it was sent; ``taken`` holds what arrived whole."""

    taken: list[bytes]

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) == length:
            self.taken.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Host", self.headers.get("host", ""))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_PUT = do_GET = do_HEAD = _serve

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def taken() -> list[bytes]:
    return []


@pytest.fixture
def line(taken: list[bytes]) -> Iterator[Line]:
    handler = type("Handler", (Echo,), {"taken": taken})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        with proxied(server.server_address[1]) as made:
            yield made
        server.shutdown()
        thread.join()


def ask(line: Line, method: str = "GET", body: bytes = b"") -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", line.port, timeout=20)
    try:
        connection.request(method, "/bucket/key", body=body or None, headers={"Host": "store.example"})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("X-Host") or ""
    finally:
        connection.close()


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
def test_bytes_and_host_pass_unchanged(line: Line, size: int) -> None:
    body = os.urandom(size)
    assert ask(line, "PUT", body) == (200, body, "store.example")


def test_a_line_that_is_down_resets_and_comes_back(line: Line) -> None:
    line.faults.down = True
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(line)
    line.faults.down = False
    assert ask(line)[0] == 200
    assert (line.faults.requests, line.faults.broken) == (2, 1)


def test_every_third_call_is_refused_and_no_other(line: Line) -> None:
    line.faults.busy_every = 3
    assert [ask(line, "PUT", b"12")[0] for _ in range(6)] == [200, 200, 503, 200, 200, 503]
    assert line.faults.puts == 4


def test_a_refusal_of_a_head_has_no_body(line: Line) -> None:
    line.faults.revoked = True
    assert ask(line, "HEAD")[:2] == (403, b"")
    status, text, _ = ask(line, "GET")
    assert status == 403
    assert b"InvalidAccessKeyId" in text


def test_an_upload_that_is_cut_never_arrives_whole(line: Line, taken: list[bytes]) -> None:
    line.faults.cut_puts = 1
    body = os.urandom(500_000)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(line, "PUT", body)
    assert taken == []
    assert ask(line, "PUT", body)[1] == body
    assert taken == [body]
