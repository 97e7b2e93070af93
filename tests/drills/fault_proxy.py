"""A line to a store that breaks on purpose: between Rollcall and an HTTP server, on loopback only.

It passes requests on byte by byte, one per connection, and looks at no more than the head of each. Faults are
switched on and off while it runs.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 64 * 1024
_LONGEST_HEAD = 64 * 1024
_SILENCE_S = 30.0
_BUSY = "SlowDown", "503 Slow Down"
_REVOKED = "InvalidAccessKeyId", "403 Forbidden"


@dataclass
class Faults:
    """What the line does now. ``down``: every connection is reset. ``busy_every``: each so-many-th request is
    answered 503 (0: none). ``cut_puts``: so many more uploads are reset when half of their body has passed.
    ``revoked``: every request is answered 403, as by a server that does not know the key any more.

    ``requests``, ``broken``: counted since the start; ``puts``: bodies of uploads that went through whole.
    """

    down: bool = False
    busy_every: int = 0
    cut_puts: int = 0
    revoked: bool = False
    requests: int = 0
    broken: int = 0
    puts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, method: str, body_bytes: int) -> str:
        """What becomes of the next request: ``pass``, ``reset``, ``cut``, ``busy`` or ``revoked``."""
        with self.lock:
            self.requests += 1
            verdict = self._verdict(method, body_bytes)
            self.broken += verdict != "pass"
            return verdict

    def _verdict(self, method: str, body_bytes: int) -> str:
        if self.down:
            return "reset"
        if self.revoked:
            return "revoked"
        if self.busy_every and self.requests % self.busy_every == 0:
            return "busy"
        if method == "PUT" and body_bytes > 1 and self.cut_puts > 0:
            self.cut_puts -= 1
            return "cut"
        return "pass"

    def passed(self, method: str, body_bytes: int) -> None:
        with self.lock:
            self.puts += method == "PUT" and body_bytes > 1


@dataclass(frozen=True, slots=True)
class Line:
    """A running proxy. ``port``: on loopback."""

    port: int
    faults: Faults


@contextmanager
def proxied(port: int) -> Iterator[Line]:
    """A line to a server on loopback, until the block ends."""
    faults = Faults()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                _Exchange(self.request, port, faults).run()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="line", daemon=True)
        thread.start()
        try:
            yield Line(int(server.server_address[1]), faults)
        finally:
            server.shutdown()
            thread.join()


class _Exchange:
    """One request and its answer."""

    def __init__(self, client: socket.socket, port: int, faults: Faults) -> None:
        self._client = client
        self._port = port
        self._faults = faults
        client.settimeout(_SILENCE_S)

    def run(self) -> None:
        head, begun = self._read_head()
        if not head:
            return
        method = head.split(b" ", 1)[0].decode("latin-1")
        length = _body_length(head)
        verdict = self._faults.admit(method, length)
        if verdict == "reset":
            _reset(self._client)
        elif verdict in ("busy", "revoked"):
            self._refuse(method, length - len(begun), _BUSY if verdict == "busy" else _REVOKED)
        else:
            self._pass_on(head, begun, length, length // 2 if verdict == "cut" else length)
            if verdict == "pass":
                self._faults.passed(method, length)

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

    def _refuse(self, method: str, unread_bytes: int, answer: tuple[str, str]) -> None:
        """The whole body is taken first, as servers do that refuse politely."""
        while unread_bytes > 0 and (piece := self._client.recv(min(_PIECE, unread_bytes))):
            unread_bytes -= len(piece)
        code, status = answer
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>drill</Message></Error>"
        body = b"" if method == "HEAD" else text.encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(text)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self._client.sendall(head.encode() + body)

    def _pass_on(self, head: bytes, begun: bytes, length: int, most: int) -> None:
        """``most``: bytes of the body after which both sides are cut off."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=_SILENCE_S) as server:
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            server.sendall(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
            sent, piece = 0, begun
            while True:
                server.sendall(piece[: most - sent])
                sent += len(piece)
                if sent >= most:
                    break
                piece = self._client.recv(_PIECE)
                if not piece:
                    return
            if most < length:
                _reset(server)
                _reset(self._client)
                return
            while answer := server.recv(_PIECE):
                self._client.sendall(answer)


def _body_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _reset(connection: socket.socket) -> None:
    """A close that the other side sees as a reset: nothing that is under way arrives."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
