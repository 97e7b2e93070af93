"""Pulling weights from a server on loopback that behaves in every way servers do."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.errors import Conflict, InvalidInput, RollcallError, StorageError, WeightsUnusable
from recognition.weights import FACE_ENCODER, KnownModel, ModelState
from recognition.weights_pull import pull_model

CONTENT = bytes(range(256)) * 1200
MODEL = KnownModel(
    name="tiny",
    file_name="tiny.onnx",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size_bytes=len(CONTENT),
    use="tests",
    licence="none",
    homepage="https://example.invalid/tiny",
)
PART = ".tiny.onnx.part"


@dataclass
class Mirror:
    """What the server holds and how it behaves; ``ranges`` records what was asked for."""

    content: bytes = CONTENT
    knows_ranges: bool = True
    stop_after: int | None = None
    status: int | None = None
    wrong_range: bool = False
    address: str = ""
    ranges: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            mirror.ranges.append(asked)
            mirror.paths.append(self.path)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/tiny.onnx")
                self.end_headers()
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if mirror.status is not None:
                self.send_error(mirror.status)
            elif start and mirror.knows_ranges and start >= len(mirror.content):
                self.send_error(416)
            else:
                self._send(start if mirror.knows_ranges else 0)

        def _send(self, start: int) -> None:
            body = mirror.content[start:]
            if start:
                self.send_response(206)
                shown = start + 7 if mirror.wrong_range else start
                end, size = len(mirror.content) - 1, len(mirror.content)
                self.send_header("Content-Range", f"bytes {shown}-{end}/{size}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if mirror.stop_after is None else body[: mirror.stop_after])

    return Handler


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    state = Mirror()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def pull(folder: Path, source: str, progress: Callable[[int, int], None] | None = None) -> Path:
    return pull_model(folder, MODEL, source, progress=progress, timeout_s=5).path


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFromAServer:
    def test_a_file_is_fetched_checked_and_put_in_its_place(self, tmp_path: Path, mirror: Mirror) -> None:
        line = pull_model(tmp_path / "models", MODEL, mirror.address + "any/name")
        assert line.state is ModelState.READY
        assert line.path == tmp_path / "models" / "tiny.onnx"
        assert line.path.read_bytes() == CONTENT
        assert left_in(tmp_path / "models") == ["tiny.onnx"]

    def test_a_mirror_is_a_folder_of_known_names(self, tmp_path: Path, mirror: Mirror) -> None:
        pull(tmp_path, mirror.address + "weights/")
        assert mirror.paths == ["/weights/tiny.onnx"]

    def test_progress_rises_to_the_whole(self, tmp_path: Path, mirror: Mirror) -> None:
        told: list[tuple[int, int]] = []
        pull(tmp_path, mirror.address, lambda done, total: told.append((done, total)))
        assert told[-1] == (len(CONTENT), len(CONTENT))
        assert told == sorted(told)

    def test_what_is_there_is_not_fetched_again(self, tmp_path: Path, mirror: Mirror) -> None:
        pull(tmp_path, mirror.address)
        pull(tmp_path, mirror.address)
        assert len(mirror.ranges) == 1

    def test_an_altered_file_is_replaced(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / "tiny.onnx").write_bytes(b"altered")
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT

    def test_a_redirection_is_followed(self, tmp_path: Path, mirror: Mirror) -> None:
        assert pull(tmp_path, mirror.address + "moved").read_bytes() == CONTENT


class TestBrokenOff:
    def test_a_cut_download_keeps_what_came_and_goes_on_from_there(
        self, tmp_path: Path, mirror: Mirror
    ) -> None:
        mirror.stop_after = 100_000
        with pytest.raises(WeightsUnusable, match="run it again"):
            pull(tmp_path, mirror.address)
        assert left_in(tmp_path) == [PART]
        mirror.stop_after = None
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT
        assert mirror.ranges == [None, "bytes=100000-"]

    def test_it_goes_on_as_often_as_needed(self, tmp_path: Path, mirror: Mirror) -> None:
        mirror.stop_after = 110_000
        for _ in range(2):
            with pytest.raises(WeightsUnusable):
                pull(tmp_path, mirror.address)
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT
        assert mirror.ranges == [None, "bytes=110000-", "bytes=220000-"]

    def test_a_server_without_ranges_sends_all_and_all_is_taken_anew(
        self, tmp_path: Path, mirror: Mirror
    ) -> None:
        (tmp_path / PART).write_bytes(CONTENT[:5000])
        mirror.knows_ranges = False
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT

    def test_a_part_of_another_file_does_not_spoil_the_result(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / PART).write_bytes(b"x" * 5000)
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT
        assert mirror.ranges == ["bytes=5000-", None]

    def test_a_part_that_is_complete_needs_no_request(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / PART).write_bytes(CONTENT)
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT
        assert mirror.ranges == []

    def test_a_part_longer_than_the_file_is_thrown_away(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / PART).write_bytes(CONTENT + b"more")
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT

    def test_a_server_whose_file_is_shorter_than_the_part(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / PART).write_bytes(CONTENT[:200_000])
        mirror.content = CONTENT[:1000]
        with pytest.raises(WeightsUnusable, match="416"):
            pull(tmp_path, mirror.address)
        mirror.content = CONTENT
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT

    def test_an_answer_for_another_range_is_not_appended(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / PART).write_bytes(CONTENT[:5000])
        mirror.wrong_range = True
        with pytest.raises(WeightsUnusable):
            pull(tmp_path, mirror.address)
        assert not (tmp_path / "tiny.onnx").exists()


class TestRefused:
    @pytest.mark.parametrize(
        "content",
        [CONTENT[:-1] + b"x", CONTENT + b"more", b"<html>log in first</html>", b""],
        ids=["one byte other", "too long", "a page", "empty"],
    )
    def test_other_content_never_reaches_its_place(
        self, tmp_path: Path, mirror: Mirror, content: bytes
    ) -> None:
        mirror.content = content
        with pytest.raises(WeightsUnusable):
            pull(tmp_path, mirror.address)
        assert not (tmp_path / "tiny.onnx").exists()
        mirror.content = CONTENT
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT

    @pytest.mark.parametrize("status", [401, 404, 500, 503])
    def test_the_servers_answer_is_told(self, tmp_path: Path, mirror: Mirror, status: int) -> None:
        mirror.status = status
        with pytest.raises(WeightsUnusable, match=str(status)):
            pull(tmp_path, mirror.address)

    def test_nobody_listening_is_told(self, tmp_path: Path, mirror: Mirror) -> None:
        with pytest.raises(WeightsUnusable, match="could not be fetched"):
            pull(tmp_path, "http://127.0.0.1:1/tiny.onnx")

    def test_secrets_in_an_address_stay_out_of_errors(self, tmp_path: Path, mirror: Mirror) -> None:
        mirror.status = 403
        address = mirror.address.replace("http://", "http://user:geheim@") + "file?token=geheim#geheim"
        with pytest.raises(WeightsUnusable) as caught:
            pull(tmp_path, address)
        assert "geheim" not in str(caught.value)
        assert "user" not in str(caught.value)

    @pytest.mark.parametrize(
        "address", ["http://", "http://[::1", "http://127.0.0.1:99999999/", "https:///x"]
    )
    def test_an_address_that_is_none_is_our_error(self, tmp_path: Path, address: str) -> None:
        with pytest.raises(RollcallError):
            pull(tmp_path, address)

    def test_without_a_source_nothing_is_asked_and_advice_is_given(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="--from") as caught:
            pull(tmp_path, "")
        assert MODEL.homepage in caught.value.hint
        assert left_in(tmp_path) == []

    def test_other_schemes_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="ftp://"):
            pull(tmp_path, "ftp://127.0.0.1/tiny.onnx")

    def test_what_a_package_brings_is_not_pulled(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="face_recognition_models"):
            pull_model(tmp_path, FACE_ENCODER, "http://127.0.0.1:1/")

    def test_two_pulls_at_once_do_not_write_one_file(self, tmp_path: Path, mirror: Mirror) -> None:
        with (tmp_path / PART).open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(Conflict, match="another pull"):
                pull(tmp_path, mirror.address)
        assert pull(tmp_path, mirror.address).read_bytes() == CONTENT

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path, mirror: Mirror) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StorageError, match="cannot be written"):
            pull(tmp_path / "file" / "models", mirror.address)


class TestFromThisMachine:
    def test_a_file_is_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("recognition.weights.KNOWN_MODELS", (MODEL,))
        (tmp_path / "download").write_bytes(CONTENT)
        assert pull(tmp_path / "models", str(tmp_path / "download")).read_bytes() == CONTENT

    def test_a_folder_is_searched_for_the_known_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recognition.weights.KNOWN_MODELS", (MODEL,))
        (tmp_path / "tiny.onnx").write_bytes(CONTENT)
        assert pull(tmp_path / "models", str(tmp_path)).read_bytes() == CONTENT

    def test_another_content_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "download").write_bytes(CONTENT[:-1])
        with pytest.raises(WeightsUnusable, match="is not tiny"):
            pull(tmp_path / "models", str(tmp_path / "download"))
        assert not (tmp_path / "models").exists()

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match="cannot be read"):
            pull(tmp_path / "models", str(tmp_path / "gone"))
