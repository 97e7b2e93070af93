"""A line on loopback to a real HTTP server that breaks on purpose, call by call.

A request goes on as it came, ``Host`` included, so signatures stay valid. It passes byte by byte and is not
held, unless it is to come late; one call per connection. What becomes of a call is decided when its head is
there.
"""

from __future__ import annotations

import http.client
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

_PIECE: Final = 64 * 1024
_LONGEST_HEAD: Final = 64 * 1024
_SILENCE_S: Final = 60.0


class Fault(Enum):
    """What goes wrong with one call.

    ``PASS``: nothing. ``DOWN``: reset at once. ``CUT``: reset when half of the body has passed. ``BUSY``: 503
    in the server's place. ``REVOKED``: 403, as by a server that does not know the key any more.
    ``LATE``: reset when all of it was taken, and the server hears it when ``deliver`` is called.
    ``LOST_ANSWER``: the server did it, the client never hears. ``FLIPPED``: one bit of the answer's body is
    another. ``NO_LOCK``: the answer shows no lock.
    """

    PASS = "pass"
    DOWN = "down"
    CUT = "cut"
    BUSY = "busy"
    REVOKED = "revoked"
    LATE = "late"
    LOST_ANSWER = "lost_answer"
    FLIPPED = "flipped"
    NO_LOCK = "no_lock"


_REFUSALS: Final = {
    Fault.BUSY: ("503 Slow Down", "SlowDown"),
    Fault.REVOKED: ("403 Forbidden", "InvalidAccessKeyId"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its head tells: number from 1, method, path with query, headers in lower case.

    ``size``: bytes of its body.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    size: int

    @property
    def is_upload(self) -> bool:
        """A PUT of an object's bytes or of a part of them, not of its retention or of a bucket's rules."""
        _, asks, query = self.path.partition("?")
        return self.method == "PUT" and self.size > 0 and (not asks or "partNumber=" in query)


Choose = Callable[[Call], Fault]


def always(fault: Fault) -> Choose:
    return lambda _call: fault


def every(count: int, fault: Fault) -> Choose:
    """Each so-many-th call of the line fails, the others pass."""
    return lambda call: fault if call.number % count == 0 else Fault.PASS


@dataclass
class FirstUploads:
    """The next ``left`` uploads fail, everything else passes."""

    left: int
    fault: Fault

    def __call__(self, call: Call) -> Fault:
        if not call.is_upload or self.left == 0:
            return Fault.PASS
        self.left -= 1
        return self.fault


@dataclass
class FaultyProxy:
    """``choose`` may be set anew at any time, and is asked by one call at a time. ``calls``: every call so
    far; ``broken``: so many of them did not pass. ``late``: calls that the server has not heard yet.
    ``endpoint``: where clients come."""

    upstream: str
    choose: Choose = lambda _call: Fault.PASS
    endpoint: str = ""
    calls: list[Call] = field(default_factory=list)
    broken: int = 0
    late: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, method: str, path: str, headers: dict[str, str]) -> tuple[Call, Fault]:
        """The next call, and what becomes of it."""
        with self.lock:
            size = int(headers.get("content-length") or 0)
            call = Call(len(self.calls) + 1, method, path, headers, size)
            self.calls.append(call)
            fault = self.choose(call)
            self.broken += fault is not Fault.PASS
            return call, fault

    def deliver(self) -> list[int]:
        """Late calls reach the server now; the statuses that it answers."""
        statuses = []
        while self.late:
            with self.connect() as server:
                server.sendall(self.late.pop(0))
                with http.client.HTTPResponse(server) as answer:
                    answer.begin()
                    statuses.append(answer.status)
        return statuses

    def connect(self) -> socket.socket:
        parts = urlsplit(self.upstream)
        return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_SILENCE_S)


@contextmanager
def faulty_proxy(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[FaultyProxy]:
    """A line to ``http://host:port``, passing everything on until told otherwise.

    With a context clients come over TLS. What is on its way when the block ends is not waited for.
    """
    proxy = FaultyProxy(upstream)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, http.client.HTTPException):
                _Exchange(proxy, _taken(self.request, tls)).run()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.endpoint = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="line", daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _taken(client: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    client.settimeout(_SILENCE_S)
    return client if tls is None else tls.wrap_socket(client, server_side=True)


class _Exchange:
    """One request and its answer."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client

    def run(self) -> None:
        with self._client:
            head, begun = self._read_head()
            if not head:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ", 2)
            named = (line.partition(":") for line in lines)
            headers = {name.strip().lower(): value.strip() for name, _, value in named}
            call, fault = self._proxy.admit(method, path, headers)
            if fault is Fault.DOWN or (fault is Fault.CUT and call.size == 0):
                _reset(self._client)
            elif fault is Fault.LATE:
                self._hold(call, head, begun)
            elif fault in _REFUSALS:
                self._refuse(call, len(begun), *_REFUSALS[fault])
            else:
                self._pass_on(call, fault, head, begun)

    def _read_head(self) -> tuple[bytes, bytes]:
        """The head without its last empty line, and what of the body came with it."""
        read = b""
        while b"\r\n\r\n" not in read and len(read) < _LONGEST_HEAD:
            piece = self._client.recv(_PIECE)
            if not piece:
                return b"", b""
            read += piece
        head, _, body = read.partition(b"\r\n\r\n")
        return head, body

    def _refuse(self, call: Call, read: int, status: str, code: str) -> None:
        """The whole body is taken first, as servers do that refuse politely."""
        while read < call.size and (piece := self._client.recv(_PIECE)):
            read += len(piece)
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>drill</Message></Error>".encode()
        self._answer(call, status, [("Content-Type", "application/xml")], text)

    def _hold(self, call: Call, head: bytes, body: bytes) -> None:
        while len(body) < call.size and (piece := self._client.recv(_PIECE)):
            body += piece
        self._proxy.late.append(_onward(head) + body)
        _reset(self._client)

    def _pass_on(self, call: Call, fault: Fault, head: bytes, begun: bytes) -> None:
        with self._proxy.connect() as server:
            server.sendall(_onward(head))
            most = call.size // 2 if fault is Fault.CUT else call.size
            if not self._pass_body(server, begun, most):
                return
            if fault is Fault.CUT:
                _reset(server)
                _reset(self._client)
            elif fault is Fault.PASS:
                while piece := server.recv(_PIECE):
                    self._client.sendall(piece)
            else:
                self._change(call, fault, server)

    def _pass_body(self, server: socket.socket, piece: bytes, most: int) -> bool:
        """So many bytes of the body; ``False`` where the client went away before."""
        sent = 0
        while True:
            server.sendall(piece[: most - sent])
            sent += len(piece)
            if sent >= most:
                return True
            piece = self._client.recv(_PIECE)
            if not piece:
                return False

    def _change(self, call: Call, fault: Fault, server: socket.socket) -> None:
        """Hear the whole answer, and pass on another one, or none."""
        answer = http.client.HTTPResponse(server, method=call.method)
        with answer:
            answer.begin()
            content, headers = answer.read(), answer.getheaders()
        if fault is Fault.LOST_ANSWER:
            _reset(self._client)
            return
        if fault is Fault.FLIPPED and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        if fault is Fault.NO_LOCK:
            headers = [one for one in headers if not one[0].lower().startswith("x-amz-object-lock")]
        self._answer(call, f"{answer.status} {answer.reason}", headers, content)

    def _answer(self, call: Call, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        told = {name.lower(): value for name, value in headers}
        is_head = call.method == "HEAD"
        length = told.get("content-length", str(len(content))) if is_head else str(len(content))
        ours = {"content-length", "transfer-encoding", "connection"}
        lines = [f"HTTP/1.1 {status}", *(f"{n}: {v}" for n, v in headers if n.lower() not in ours)]
        lines += [f"Content-Length: {length}", "Connection: close", "", ""]
        self._client.sendall("\r\n".join(lines).encode("latin-1") + (b"" if is_head else content))


def _onward(head: bytes) -> bytes:
    """The head as the server gets it: this call is the only one of its connection."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def _reset(connection: socket.socket) -> None:
    """A close that the other side sees as a reset: nothing that is under way arrives."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
