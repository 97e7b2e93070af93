"""A proxy on loopback between a client and a real HTTP server that fails on purpose, call by call.

The request goes on as it came, ``Host`` included, so signatures stay valid.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fault(Enum):
    """What goes wrong with one call.

    ``LOST_ANSWER``: the server did it, the client never hears. ``CUT``: the line breaks and the server hears
    nothing. ``BUSY``: 503. ``FLIPPED``: one bit of the answer's body is another. ``NO_LOCK``: the answer
    shows no lock. ``PASS``: nothing.
    """

    PASS = "pass"
    BUSY = "busy"
    CUT = "cut"
    LOST_ANSWER = "lost_answer"
    FLIPPED = "flipped"
    NO_LOCK = "no_lock"


@dataclass(frozen=True)
class Call:
    """A request as it came: its number from 1, method, path with query, headers in lower case, body."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Choose = Callable[[Call], Fault]


@dataclass
class FaultyProxy:
    """``choose`` may be set anew at any time; ``calls`` holds every call so far."""

    upstream: str
    choose: Choose = lambda _call: Fault.PASS
    endpoint: str = ""
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Call:
        with self.lock:
            call = Call(len(self.calls) + 1, method, path, headers, body)
            self.calls.append(call)
        return call

    def forward(self, call: Call) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
        try:
            connection.request(call.method, call.path, body=call.body, headers=call.headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


def _handler(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silent: its lines would mix with the test's."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = proxy.note(self.command, self.path, headers, body)
            fault = proxy.choose(call)
            if fault is Fault.CUT:
                self.close_connection = True
                return
            if fault is Fault.BUSY:
                self._answer(503, [], b"")
                return
            status, answered, content = proxy.forward(call)
            if fault is Fault.LOST_ANSWER:
                self.close_connection = True
                return
            if fault is Fault.FLIPPED and content:
                content = bytes([content[0] ^ 1]) + content[1:]
            if fault is Fault.NO_LOCK:
                answered = [one for one in answered if not one[0].lower().startswith("x-amz-object-lock")]
            self._answer(status, answered, content)

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            told_length = str(len(content))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    told_length = value
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", told_length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    return Handler


@contextmanager
def faulty_proxy(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[FaultyProxy]:
    """A proxy to ``http://host:port``, passing everything on until told otherwise.

    With a context clients come over TLS.
    """
    proxy = FaultyProxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    proxy.endpoint = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
