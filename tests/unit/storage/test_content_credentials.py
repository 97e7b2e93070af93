"""C2PA manifests: signed and read back, damage told, keys refused, nobody asked over the network."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from models.clip_manifest import CLIP_ASSERTION, ClipChange, clip_manifest
from models.errors import EvidenceBroken, InvalidInput, KeyUnusable, StorageError
from storage.content_credentials import ClipSigner, open_clip_signer, read_credentials
from storage.fragments import drop_index, read_fragments
from tests.api.scene import make_clip
from tests.unit.models.test_clip_manifest import ORIGIN, SEGMENT
from tests.unit.storage.clip_certificates import VALID, ClipAuthority, ClipFiles, write_key

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 23, tzinfo=UTC)
MANIFEST = clip_manifest(SEGMENT, ORIGIN, ClipChange.NONE, title="copy.mp4", version="0.1.0")


@pytest.fixture(scope="module")
def clip_bytes() -> bytes:
    return make_clip(60, seconds=3)


@pytest.fixture
def clip(clip_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "plain.mp4"
    path.write_bytes(clip_bytes)
    drop_index(path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> ClipFiles:
    return ClipAuthority(tmp_path).issue()


@pytest.fixture
def signed(clip: Path, files: ClipFiles, tmp_path: Path) -> Path:
    target = tmp_path / "copy.mp4"
    opened(files).sign(clip, target, MANIFEST)
    return target


def opened(files: ClipFiles, now: datetime = NOW) -> ClipSigner:
    return open_clip_signer(files.certificate, files.key, now)


def boxes(raw: bytes) -> list[tuple[str, int, int]]:
    """Kind, start and end of the boxes of a file."""
    found, start = [], 0
    while start < len(raw):
        size = int.from_bytes(raw[start : start + 4], "big")
        found.append((raw[start + 4 : start + 8].decode(), start, start + size))
        start += size
    return found


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray().tobytes() for frame in film.decode(video=0)]


def test_a_signed_copy_reads_back_whole_and_says_what_was_signed(signed: Path) -> None:
    read = read_credentials(signed)
    assert (read.whole, read.failures) == (True, ())
    said = {one["label"]: one for one in read.manifest["assertions"]}
    assert said[CLIP_ASSERTION]["data"] == MANIFEST["assertions"][1]["data"]  # type: ignore[index,call-overload]
    actions = [one["action"] for one in said["c2pa.actions.v2"]["data"]["actions"]]
    assert actions == ["c2pa.opened", "c2pa.published"]
    assert said[CLIP_ASSERTION]["created"], "the signer vouches for it"
    generator = read.manifest["claim_generator_info"][0]
    assert (generator["name"], generator["version"]) == ("Rollcall", "0.1.0")
    assert read.manifest["signature_info"]["common_name"] == "clips of the tests"


def test_a_signed_copy_shows_the_same_pictures(signed: Path, clip: Path) -> None:
    assert pictures(signed) == pictures(clip)
    assert read_fragments(signed).fragments == read_fragments(clip).fragments
    with av.open(str(signed)) as film:
        stream = film.streams.video[0]
        film.seek(2 * stream.time_base.denominator, stream=stream)
        assert next(film.decode(stream)).time == 2.0


def test_a_bit_flipped_is_found_everywhere_but_in_the_first_box(signed: Path) -> None:
    raw = signed.read_bytes()
    unseen = []
    for kind, start, end in boxes(raw):
        damaged = bytearray(raw)
        damaged[(start + end) // 2] ^= 1
        signed.write_bytes(damaged)
        try:
            read = read_credentials(signed)
        except EvidenceBroken:
            assert kind == "uuid", "only a damaged manifest cannot be read"
            continue
        if read.whole:
            unseen.append(kind)
        elif kind != "uuid":
            assert "assertion.bmffHash.mismatch" in read.failures
    assert unseen == ["ftyp"], "docs/guides/evidence.md says what C2PA leaves out"


def test_bits_in_a_box_of_no_use_count_too(clip: Path, files: ClipFiles, tmp_path: Path) -> None:
    with clip.open("ab") as more:
        more.write(b"\x00\x00\x00\x18free" + bytes(16))
    target = tmp_path / "copy.mp4"
    opened(files).sign(clip, target, MANIFEST)
    raw = bytearray(target.read_bytes())
    assert boxes(raw)[-1][0] == "free"
    raw[-1] ^= 1
    target.write_bytes(raw)
    assert not read_credentials(target).whole


def test_fragments_exchanged_are_found(signed: Path) -> None:
    raw = signed.read_bytes()
    parts = [raw[start:end] for _, start, end in boxes(raw)]
    first, second = [number for number, part in enumerate(parts) if part[4:8] == b"moof"][:2]
    parts[first : first + 2], parts[second : second + 2] = (
        parts[second : second + 2],
        parts[first : first + 2],
    )
    signed.write_bytes(b"".join(parts))
    assert not read_credentials(signed).whole


def test_the_end_cut_off_is_found(signed: Path) -> None:
    raw = signed.read_bytes()
    signed.write_bytes(raw[: boxes(raw)[-2][1]])
    assert not read_credentials(signed).whole


def test_a_clip_without_a_manifest_is_told_from_a_damaged_one(clip: Path) -> None:
    with pytest.raises(EvidenceBroken, match="no C2PA manifest"):
        read_credentials(clip)


@pytest.mark.parametrize(
    "secret", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()], ids=type
)
def test_other_keys_that_c2pa_knows_sign_too(secret, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.mp4"
    opened(ClipAuthority(tmp_path).issue(secret)).sign(clip, target, MANIFEST)
    assert read_credentials(target).whole


def test_a_key_that_others_may_read_is_refused(files: ClipFiles) -> None:
    files.key.chmod(0o640)
    with pytest.raises(KeyUnusable, match="readable by others") as caught:
        opened(files)
    assert "chmod 600" in caught.value.hint


def test_a_key_that_is_missing_is_not_made(files: ClipFiles) -> None:
    files.key.unlink()
    with pytest.raises(KeyUnusable, match="missing"):
        opened(files)
    assert not files.key.exists()


def test_a_key_behind_a_password_is_refused(files: ClipFiles) -> None:
    write_key(files.key, ec.generate_private_key(ec.SECP256R1()), b"secret words")
    with pytest.raises(KeyUnusable, match="password"):
        opened(files)


def test_a_key_of_another_certificate_is_refused(files: ClipFiles) -> None:
    write_key(files.key, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(KeyUnusable, match="does not belong"):
        opened(files)


def test_a_key_of_a_kind_that_is_not_used_is_refused(tmp_path: Path) -> None:
    files = ClipAuthority(tmp_path).issue(rsa.generate_private_key(65537, 2048))
    with pytest.raises(KeyUnusable, match="of this kind"):
        opened(files)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nMII\n"])
def test_a_file_that_holds_no_certificate_is_refused(files: ClipFiles, content: bytes) -> None:
    files.certificate.write_bytes(content)
    with pytest.raises(KeyUnusable, match="no certificate in PEM") as caught:
        opened(files)
    assert caught.value.place == str(files.certificate)


def test_a_certificate_file_that_is_missing_is_named(files: ClipFiles) -> None:
    files.certificate.unlink()
    with pytest.raises(KeyUnusable, match="cannot be read") as caught:
        opened(files)
    assert caught.value.place == str(files.certificate)


@pytest.mark.parametrize("beyond", [VALID[0] - timedelta(seconds=1), VALID[1] + timedelta(seconds=1)])
def test_a_certificate_is_refused_outside_its_time(files: ClipFiles, beyond: datetime) -> None:
    with pytest.raises(KeyUnusable, match="valid from 2020-01-01 to 2120-01-01"):
        opened(files, beyond)
    assert opened(files, VALID[0]).algorithm == "es256"


def test_a_certificate_for_another_purpose_signs_nothing(tmp_path: Path, clip: Path) -> None:
    signer = opened(ClipAuthority(tmp_path).issue(purpose=False))
    with pytest.raises(KeyUnusable, match="C2PA refuses this certificate") as caught:
        signer.sign(clip, tmp_path / "copy.mp4", MANIFEST)
    assert "emailProtection" in caught.value.hint
    assert not (tmp_path / "copy.mp4").exists()


def test_what_is_no_film_is_not_signed(files: ClipFiles, tmp_path: Path) -> None:
    source = tmp_path / "plain.mp4"
    source.write_bytes(b"not a film" * 100)
    with pytest.raises(StorageError, match="cannot be signed"):
        opened(files).sign(source, tmp_path / "copy.mp4", MANIFEST)
    assert not (tmp_path / "copy.mp4").exists()


def test_a_folder_that_is_not_there_is_a_failure_with_a_place(
    files: ClipFiles, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught:
        opened(files).sign(clip, tmp_path / "none" / "copy.mp4", MANIFEST)
    assert caught.value.place == "copy.mp4"


def test_the_key_is_in_no_text_of_the_signer(files: ClipFiles) -> None:
    assert "PRIVATE" not in repr(opened(files))


@pytest.mark.parametrize("failure", [ImportError("No module named 'c2pa'"), RuntimeError("libc2pa_c.so")])
def test_without_the_library_the_step_to_take_is_named(
    files: ClipFiles, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    real = importlib.import_module

    def without(name: str, *rest: str) -> object:
        if name == "c2pa":
            raise failure
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(InvalidInput) as caught:
        opened(files)
    assert caught.value.hint == "run: pip install 'rollcall[c2pa]'"


def test_a_base_install_has_no_such_library_and_nothing_imports_it_on_loading() -> None:
    rooms = ("models", "ingest", "recognition", "storage", "supervision_api")
    imported = [
        path.name
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"^\s*(import|from) c2pa\b", path.read_text(), re.MULTILINE)
    ]
    assert imported == []
    pinned = (ROOT / "requirements.txt").read_text()
    assert "c2pa" not in pinned


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback and what it was asked."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_nobody_is_asked_whether_a_certificate_was_revoked(clip: Path, tmp_path: Path) -> None:
    with listening() as (url, asked):
        target = tmp_path / "copy.mp4"
        opened(ClipAuthority(tmp_path).issue(ocsp=f"{url}/ocsp")).sign(clip, target, MANIFEST)
        assert read_credentials(target).whole
        assert asked == []


def test_a_manifest_that_lies_elsewhere_is_not_fetched(clip: Path, files: ClipFiles, tmp_path: Path) -> None:
    import c2pa

    signer = opened(files)
    with listening() as (url, asked), (tmp_path / "far.mp4").open("x+b") as out, clip.open("rb") as source:
        builder = c2pa.Builder.from_json("{}")
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        builder.set_no_embed()
        builder.set_remote_url(f"{url}/manifest.c2pa")
        information = c2pa.C2paSignerInfo(signer.algorithm, signer.chain, signer.key, None)
        builder.sign(c2pa.Signer.from_info(information), "video/mp4", source, out)
        out.flush()
        asked.clear()
        with pytest.raises(EvidenceBroken):
            read_credentials(tmp_path / "far.mp4")
        assert asked == []
