"""``rollcall attend`` on files that are no lesson: exit 1, a clear message, and nothing half-done."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from supervision_api.cli.main import application
from tests.formats.clips import write_clip, write_sound

runner = CliRunner()

LESSON = 'class_code = "A"\nstarts_at = 2026-11-23T09:00:00+08:00\nends_at = 2026-11-23T09:45:00+08:00\n'
ROSTER = "姓名,身份证号,照片\n"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ROLLCALL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ROLLCALL_SPOOL_RESERVE_MB", "16")
    monkeypatch.setenv("ROLLCALL_DETECTOR", "hog")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a lesson and a roster; the video is the test's."""
    folder = tmp_path / "desk"
    (folder / "roster").mkdir(parents=True)
    (folder / "roster" / "roster.csv").write_text(ROSTER + "王芳,371702199001011234,wang.jpg\n")
    (folder / "lesson.toml").write_text(LESSON)
    return folder


def attend(desk: Path, *videos: Path) -> tuple[int, dict[str, str], str]:
    """Exit code, the error of the JSON document, and everything printed."""
    call = ["attend", "--roster", str(desk / "roster"), "--lesson", str(desk / "lesson.toml")]
    for video in videos:
        call += ["--video", str(video)]
    done = runner.invoke(application, [*call, "--out", str(desk / "out"), "--json"])
    try:
        error = json.loads(done.stdout)["error"]
    except (ValueError, KeyError):
        error = {}
    return done.exit_code, error, done.output


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("first came the teacher, then the trainees\n" * 200)


def subtitles(path: Path) -> None:
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nGood morning\n\n" * 40)


def playlist(path: Path) -> None:
    """A playlist would make the reader open what somebody else names."""
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n")


def concat_script(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile /etc/hostname\n")


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as bag:
        bag.writestr("lesson.mp4", b"\x00" * 4096)


def noise(path: Path) -> None:
    path.write_bytes(bytes((index * 73 + index // 7) % 256 for index in range(64 * 1024)))


def header_only(path: Path) -> None:
    """An MP4 that was copied for a moment: its index, which stands at the end, never came."""
    path.write_bytes(write_clip(path, options={"preset": "ultrafast"}).read_bytes()[:600])


def without_index(path: Path) -> None:
    data = write_clip(path, seconds=4, options={"preset": "ultrafast"}).read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


def sound_only(path: Path) -> None:
    write_sound(path)


def one_picture(path: Path) -> None:
    write_clip(path.with_suffix(".png"), codec="png", pix_fmt="rgb24", seconds=0.1, container="image2")
    path.with_suffix(".png").replace(path)


def encrypted(path: Path) -> None:
    """Common encryption (ISO 23001-7): the box structure is whole, the pictures are not to be had."""
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    write_clip(path, seconds=2, options={"preset": "ultrafast"}, container_options=options)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (empty, "is empty"),
    "a text": (text, "not a video"),
    "subtitles": (subtitles, "not a video"),
    "a playlist": (playlist, "not a video"),
    "a concat script": (concat_script, "not a video"),
    "a zip": (archive, "not a video"),
    "noise": (noise, "not a video"),
    "cut after its first bytes": (header_only, "not a video"),
    "without its index": (without_index, "not a video"),
    "sound only": (sound_only, "no moving pictures"),
    "a single picture": (one_picture, "not a video"),
    "encrypted": (encrypted, "is encrypted"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_lesson_video_is_refused_with_the_next_step(desk: Path, kind: str) -> None:
    make, message = REFUSED[kind]
    video = desk / "lesson.mp4"
    make(video)
    before = sorted(path.name for path in desk.iterdir())
    code, error, _ = attend(desk, video)
    assert code == 1
    assert error["code"] == "video_invalid"
    assert message in error["message"]
    assert "lesson.mp4" in error["message"], "an error names the place"
    assert error["hint"]
    assert sorted(path.name for path in desk.iterdir()) == before, "nothing half-done is left behind"


def test_the_second_of_two_cameras_is_checked_before_the_first_is_recorded(desk: Path) -> None:
    good = write_clip(desk / "front.mp4", options={"preset": "ultrafast"})
    bad = desk / "back.mp4"
    text(bad)
    code, error, _ = attend(desk, good, bad)
    assert code == 1
    assert "back.mp4" in error["message"]
    assert not (desk / "out").exists()


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_is_no_file_is_a_usage_error(desk: Path, kind: str) -> None:
    video = desk / "lesson.mp4"
    if kind == "folder":
        video.mkdir()
    code, _, printed = attend(desk, video)
    assert code == 2
    assert "--video" in printed
    assert not (desk / "out").exists()
