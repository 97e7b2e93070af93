"""A scripted RTSP server that behaves as bad cameras do. Loopback only, one thread per client.

It speaks just enough RTSP (RFC 2326) with interleaved RTP/AVP/TCP to carry H.264 (RFC 6184, single NAL units
and FU-A), and goes wrong on order.
"""

from __future__ import annotations

import base64
import itertools
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

_FU_BYTES = 1200
_CLOCK = 90_000


class Fault(StrEnum):
    """What the server does to a client."""

    NONE = "plays the clip and ends the connection"
    SILENT = "accepts and says nothing"
    MUTE = "answers the first request, then says nothing"
    WEB_PAGE = "is no RTSP server at all"
    DENIED = "401"
    FORBIDDEN = "403"
    ABSENT = "404"
    DROP = "plays some pictures, then closes without a word"
    STALL = "plays some pictures, then keeps the connection and sends nothing"
    CHATTER = "plays some pictures, then sends only RTCP"
    RESET = "plays some pictures, then resets the connection"
    GARBAGE = "plays some pictures, then sends bytes without meaning"
    HOLD = "plays the clip, then keeps quiet until the test ends"
    LASTS = "plays the clip over and over until the test ends"


_WEB_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"
_NTP_1900_TO_1970_S = 2_208_988_800


def steady(index: int) -> float:
    """RTP time of a well-behaved camera, in pictures since the connection began."""
    return float(index)


@dataclass
class FaultyServer:
    """``pictures``: access units in Annex B at ``rate``; ``after``: how many are sent before the fault.

    ``fault``: one for all connections, or one for each (the last goes on). ``stamp``: RTP time of the n-th
    picture, in pictures; ``first_stamp``: where its 32-bit counter begins, in ticks. ``camera_clock``: what
    the camera takes the time to be at its n-th picture (seconds since 1970), told once a second by RTCP.
    """

    fault: Fault | Sequence[Fault]
    pictures: list[bytes] = field(default_factory=list)
    rate: int = 25
    after: int = 25
    stamp: Callable[[int], float] = steady
    first_stamp: int = 0
    camera_clock: Callable[[int], float] | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._clients: list[socket.socket] = []
        self.connections = 0
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._accept, name="faulty rtsp", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/cam"

    def __enter__(self) -> FaultyServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for client in [self._listener, *self._clients]:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        self._thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closing.is_set():
                client, _ = self._listener.accept()
                fault = self._fault_of(self.connections)
                self.connections += 1
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client, fault), daemon=True).start()

    def _fault_of(self, connection: int) -> Fault:
        if isinstance(self.fault, Fault):
            return self.fault
        return self.fault[min(connection, len(self.fault) - 1)]

    def _serve(self, client: socket.socket, fault: Fault) -> None:
        with suppress(OSError), client:
            if fault is Fault.SILENT:
                self._closing.wait()
                return
            for request in _requests(client):
                method, sequence = request.split(" ", 1)[0], _header(request, "CSeq")
                self.requests.append(method)
                client.sendall(self._answer(fault, method, sequence))
                if fault is Fault.MUTE:
                    self._closing.wait()
                if method == "PLAY":
                    self._play(client, fault)
                    return

    def _answer(self, fault: Fault, method: str, sequence: str) -> bytes:
        if fault is Fault.WEB_PAGE:
            return _WEB_PAGE
        refusal = {
            Fault.DENIED: ("401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"'),
            Fault.FORBIDDEN: ("403 Forbidden", ""),
            Fault.ABSENT: ("404 Not Found", ""),
        }.get(fault)
        if refusal is not None and method == "DESCRIBE":
            return _response(*refusal, sequence)
        if method == "DESCRIBE":
            return _response("200 OK", "Content-Type: application/sdp", sequence, self._sdp())
        if method == "SETUP":
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678;timeout=60"
            return _response("200 OK", transport, sequence)
        if method == "OPTIONS":
            return _response("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN", sequence)
        return _response("200 OK", "Session: 12345678", sequence)

    def _sdp(self) -> str:
        sets = [nal for nal in _nals(self.pictures[0]) if nal[0] & 31 in {7, 8}] if self.pictures else []
        sprop = ",".join(base64.b64encode(nal).decode() for nal in sets)
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            f"a=rtpmap:96 H264/{_CLOCK}\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
            f"a=framerate:{self.rate}\r\na=control:track1\r\n"
        )

    def _play(self, client: socket.socket, fault: Fault) -> None:
        sequence = 0
        for index, picture in enumerate(self._pictures_for(fault)):
            stamp = self.first_stamp + round(self.stamp(index) * _CLOCK / self.rate) & 0xFFFFFFFF
            if self.camera_clock is not None and index % self.rate == 0:
                _interleave(client, 1, _sender_report(self.camera_clock(index), stamp))
            for payload, marker in _payloads(picture):
                header = struct.pack("!BBHII", 0x80, 96 | marker << 7, sequence, stamp, 0x1234)
                _interleave(client, 0, header + payload)
                sequence = (sequence + 1) & 0xFFFF
            if self._closing.wait(1 / self.rate):
                return
        self._go_wrong(client, fault)

    def _pictures_for(self, fault: Fault) -> Iterable[bytes]:
        if fault is Fault.LASTS:
            return itertools.cycle(self.pictures)
        return self.pictures if fault in {Fault.NONE, Fault.HOLD} else self.pictures[: self.after]

    def _go_wrong(self, client: socket.socket, fault: Fault) -> None:
        while fault is Fault.CHATTER and not self._closing.wait(0.2):
            _interleave(client, 1, struct.pack("!BBHI", 0x80, 201, 1, 0x1234))
        if fault is Fault.GARBAGE:
            client.sendall(random.Random(5).randbytes(200_000))
        if fault is Fault.RESET:
            # Lingering for zero seconds makes close send RST instead of FIN.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault in {Fault.STALL, Fault.HOLD, Fault.GARBAGE}:
            self._closing.wait()


def _sender_report(clock_s: float, stamp: int) -> bytes:
    """RTCP sender report (RFC 3550, 6.4.1) without report blocks."""
    ntp = round((clock_s + _NTP_1900_TO_1970_S) * (1 << 32)) & (1 << 64) - 1
    return struct.pack("!BBHIQIII", 0x80, 200, 6, 0x1234, ntp, stamp, 0, 0)


def _requests(client: socket.socket) -> Iterator[str]:
    pending = b""
    while chunk := client.recv(4096):
        pending += chunk
        while b"\r\n\r\n" in pending:
            request, pending = pending.split(b"\r\n\r\n", 1)
            yield request.decode("ascii", "replace")


def _header(request: str, name: str) -> str:
    for line in request.split("\r\n"):
        key, _, value = line.partition(":")
        if key.lower() == name.lower():
            return value.strip()
    return "0"


def _response(status: str, headers: str, sequence: str, body: str = "") -> bytes:
    lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}"]
    lines += [headers] if headers else []
    lines += [f"Content-Length: {len(body)}"] if body else []
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _nals(picture: bytes) -> list[bytes]:
    """NAL units of an access unit in Annex B."""
    parts = picture.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [part.rstrip(b"\x00") for part in parts if part]


def _payloads(picture: bytes) -> Iterator[tuple[bytes, int]]:
    """RTP payloads of an access unit with their marker bits."""
    nals = _nals(picture)
    for index, nal in enumerate(nals):
        last = index == len(nals) - 1
        if len(nal) <= _FU_BYTES:
            yield nal, int(last)
            continue
        indicator, kind = (nal[0] & 0xE0) | 28, nal[0] & 0x1F
        pieces = [nal[at : at + _FU_BYTES] for at in range(1, len(nal), _FU_BYTES)]
        for number, piece in enumerate(pieces):
            first, final = number == 0, number == len(pieces) - 1
            yield bytes([indicator, kind | first << 7 | final << 6]) + piece, int(last and final)


def _interleave(client: socket.socket, channel: int, data: bytes) -> None:
    client.sendall(struct.pack("!cBH", b"$", channel, len(data)) + data)
