"""The line that breaks on purpose: it passes bytes on unchanged, and breaks exactly what it was told to."""

from __future__ import annotations

import http.client
import os
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.rtsp.certificates import Authority
from tests.services.faulty_proxy import Call, Fault, FaultyProxy, FirstUploads, always, every, faulty_proxy

BROKEN = (ConnectionError, http.client.HTTPException)
LOCK = "x-amz-object-lock-mode"


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
        self.send_header(LOCK, "COMPLIANCE")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_PUT = do_GET = do_HEAD = _serve

    def log_message(self, *_: object) -> None:
        """Silent."""


class Chunks(Echo):
    """Answers in chunks, as servers do that make a listing while they send it."""

    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    do_GET = _serve


@pytest.fixture
def taken() -> list[bytes]:
    return []


@pytest.fixture
def upstream(request: pytest.FixtureRequest, taken: list[bytes]) -> Iterator[str]:
    kind = getattr(request, "param", Echo)
    handler = type("Handler", (kind,), {"taken": taken})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def line(upstream: str) -> Iterator[FaultyProxy]:
    with faulty_proxy(upstream) as made:
        yield made


class Answer:
    """What a client got: status, body, headers."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.body = answer.status, answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}


def ask(
    line: FaultyProxy,
    method: str = "GET",
    body: bytes = b"",
    path: str = "/bucket/key",
    ca: Path | None = None,
) -> Answer:
    parts = urlsplit(line.endpoint)
    host, port = parts.hostname or "", parts.port or 0
    if parts.scheme == "https":
        trust = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=20, context=trust
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request(method, path, body=body or None, headers={"Host": "store.example"})
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
def test_bytes_and_host_pass_unchanged(line: FaultyProxy, size: int) -> None:
    body = os.urandom(size)
    answer = ask(line, "PUT", body)
    assert (answer.status, answer.body, answer.headers["x-host"]) == (200, body, "store.example")


def test_each_call_is_told_by_its_head(line: FaultyProxy) -> None:
    ask(line, "PUT", b"12", "/bucket/key?versionId=7")
    ask(line, "HEAD")
    first, second = line.calls
    assert (first.number, first.method, first.path, first.size) == (1, "PUT", "/bucket/key?versionId=7", 2)
    assert first.headers["host"] == "store.example"
    assert (second.number, second.method, second.size) == (2, "HEAD", 0)
    assert line.broken == 0


def test_calls_at_the_same_time_have_numbers_of_their_own(line: FaultyProxy) -> None:
    line.choose = every(4, Fault.BUSY)
    with ThreadPoolExecutor(8) as threads:
        statuses = [one.status for one in threads.map(lambda _: ask(line, "PUT", b"1"), range(40))]
    assert sorted(call.number for call in line.calls) == list(range(1, 41))
    assert statuses.count(503) == line.broken == 10


def test_a_line_that_is_down_resets_and_comes_back(line: FaultyProxy, taken: list[bytes]) -> None:
    line.choose = always(Fault.DOWN)
    with pytest.raises(BROKEN):
        ask(line, "PUT", b"12")
    assert taken == []
    line.choose = always(Fault.PASS)
    assert ask(line).status == 200
    assert (len(line.calls), line.broken) == (2, 1)


def test_every_third_call_is_refused_and_no_other(line: FaultyProxy, taken: list[bytes]) -> None:
    line.choose = every(3, Fault.BUSY)
    answers = [ask(line, "PUT", b"12") for _ in range(6)]
    assert [one.status for one in answers] == [200, 200, 503, 200, 200, 503]
    assert b"<Code>SlowDown</Code>" in answers[2].body
    assert len(taken) == 4


def test_a_large_upload_is_refused_in_words_and_not_by_a_reset(line: FaultyProxy) -> None:
    line.choose = always(Fault.BUSY)
    assert ask(line, "PUT", os.urandom(3_000_000)).status == 503


def test_a_refusal_of_a_head_has_no_body(line: FaultyProxy) -> None:
    line.choose = always(Fault.REVOKED)
    head = ask(line, "HEAD")
    assert (head.status, head.body) == (403, b"")
    told = ask(line, "GET")
    assert told.status == 403
    assert b"<Code>InvalidAccessKeyId</Code>" in told.body


def test_an_upload_that_is_cut_never_arrives_whole(line: FaultyProxy, taken: list[bytes]) -> None:
    line.choose = FirstUploads(1, Fault.CUT)
    body = os.urandom(500_000)
    assert ask(line).status == 200
    with pytest.raises(BROKEN):
        ask(line, "PUT", body)
    assert taken == [b""]
    assert ask(line, "PUT", body).body == body
    assert taken == [b"", body]
    assert line.choose.left == 0


def test_a_call_without_a_body_is_cut_before_it_is_heard(line: FaultyProxy, taken: list[bytes]) -> None:
    line.choose = always(Fault.CUT)
    with pytest.raises(BROKEN):
        ask(line)
    assert taken == []


def test_an_answer_that_is_lost_belongs_to_a_call_that_was_heard(
    line: FaultyProxy, taken: list[bytes]
) -> None:
    line.choose = always(Fault.LOST_ANSWER)
    with pytest.raises(BROKEN):
        ask(line, "PUT", b"heard")
    assert taken == [b"heard"]


def test_a_call_that_comes_late_is_heard_whole_when_it_is_delivered(
    line: FaultyProxy, taken: list[bytes]
) -> None:
    line.choose = FirstUploads(1, Fault.LATE)
    body = os.urandom(500_000)
    with pytest.raises(BROKEN):
        ask(line, "PUT", body)
    assert ask(line, "PUT", b"second").status == 200
    assert taken == [b"second"]
    assert line.deliver() == [200]
    assert taken == [b"second", body]
    assert line.deliver() == []


def test_one_bit_of_the_answer_is_flipped_and_its_length_stays(line: FaultyProxy) -> None:
    line.choose = always(Fault.FLIPPED)
    assert ask(line, "PUT", b"\x00rest").body == b"\x01rest"
    assert ask(line, "GET").body == b""


@pytest.mark.parametrize("upstream", [Chunks], indirect=True)
def test_an_answer_in_chunks_passes_and_is_flipped_in_its_content(line: FaultyProxy) -> None:
    assert ask(line).body == b"abcde"
    line.choose = always(Fault.FLIPPED)
    assert ask(line).body == b"`bcde"


def test_only_the_lock_is_taken_out_of_an_answer(line: FaultyProxy) -> None:
    assert ask(line, "PUT", b"12").headers[LOCK] == "COMPLIANCE"
    line.choose = always(Fault.NO_LOCK)
    answer = ask(line, "PUT", b"12")
    assert LOCK not in answer.headers
    assert (answer.body, answer.headers["x-host"]) == (b"12", "store.example")
    head = ask(line, "HEAD")
    assert LOCK not in head.headers
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("method", "path", "size", "is_upload"),
    [
        ("PUT", "/b/k", 2, True),
        ("PUT", "/b/k?partNumber=1&uploadId=x", 2, True),
        ("PUT", "/b/k?retention=&versionId=7", 2, False),
        ("PUT", "/b?lifecycle=", 2, False),
        ("PUT", "/b", 0, False),
        ("POST", "/b/k", 2, False),
    ],
)
def test_only_bytes_of_objects_are_uploads(method: str, path: str, size: int, is_upload: bool) -> None:
    assert Call(1, method, path, {}, size).is_upload is is_upload


def test_over_tls_clients_see_the_certificate_and_the_server_sees_the_call(
    upstream: str, tmp_path: Path
) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    signed = ours.sign("store")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(signed.certificate, signed.key)
    with faulty_proxy(upstream, tls) as line:
        assert ask(line, "PUT", b"12", ca=ours.certificate).body == b"12"
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(line, ca=other.certificate)
        assert ask(line, "PUT", b"34", ca=ours.certificate).body == b"34"


def test_a_server_that_is_gone_ends_the_call_and_not_the_line(taken: list[bytes]) -> None:
    with faulty_proxy("http://127.0.0.1:1") as line:
        for _ in range(2):
            with pytest.raises(BROKEN):
                ask(line)
        assert len(line.calls) == 2
