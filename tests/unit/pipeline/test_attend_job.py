"""``rollcall attend``: a drawn lesson through all rooms, and inputs that must be refused whole."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import openpyxl
import pytest

from models.errors import Conflict, InvalidInput, LessonInvalid, RosterInvalid, VideoInvalid
from storage.verifier.verify import main as verify
from supervision_api.pipeline.offline import AttendJob, AttendResult, attend, read_lesson_file
from supervision_api.settings import Settings

WALK_S = 6.0
"""Who comes or goes crosses the room; the ground truth counts the time in the seat."""

pytestmark = pytest.mark.xdist_group("drawn lesson")


def job_on(drawn: Path, out: Path, **changes: Any) -> AttendJob:
    fields: dict[str, Any] = {
        "roster": drawn / "roster",
        "videos": (drawn / "lesson.mp4",),
        "lesson": drawn / "lesson.toml",
        "out": out,
    }
    return AttendJob(**(fields | changes))


def silent(_share: float, _what: str) -> None: ...


@pytest.fixture(scope="module")
def attended(
    drawn_lesson: Path, tmp_path_factory: pytest.TempPathFactory, network_cache: Path
) -> tuple[AttendResult, Path]:
    folder = tmp_path_factory.mktemp("attended")
    settings = Settings(
        data_dir=folder / "data",
        cache_dir=network_cache,
        weights_dir=None,
        detector="hog",
        spool_reserve_mb=16,
    )
    out = folder / "out"
    return attend(settings, job_on(drawn_lesson, out), silent), out


def expected(drawn_lesson: Path) -> dict[str, dict[str, Any]]:
    truth = json.loads((drawn_lesson / "ground_truth.json").read_text())
    return {entry["code"]: entry for entry in truth["expected"]}


def test_every_trainee_gets_the_true_status_and_marks(
    attended: tuple[AttendResult, Path], drawn_lesson: Path
) -> None:
    document = json.loads((attended[1] / "attendance.json").read_text())
    found = {t["code"]: (t["status"], sorted(t["marks"])) for t in document["trainees"]}
    assert found == {c: (e["status"], sorted(e["marks"])) for c, e in expected(drawn_lesson).items()}


def test_nobody_gets_a_false_name(attended: tuple[AttendResult, Path], drawn_lesson: Path) -> None:
    truth = json.loads((drawn_lesson / "ground_truth.json").read_text())
    stays = {p["code"]: p["visible"] for p in truth["people"] if p["code"]}
    lines = (attended[1] / "sightings.jsonl").read_text().splitlines()
    named = [s for s in map(json.loads, lines) if s["trainee"]]
    assert named
    for sighting in named:
        at = sighting["frame_pts_s"]
        assert any(begin - WALK_S <= at <= end + WALK_S for begin, end in stays[sighting["trainee"]]), (
            sighting
        )


def test_the_stranger_is_among_the_unknown_people(attended: tuple[AttendResult, Path]) -> None:
    document = json.loads((attended[1] / "attendance.json").read_text())
    assert len(document["unknown_people"]) >= 1
    assert all(person["evidence"] for person in document["unknown_people"])


def test_every_trainee_explains_itself_in_both_languages(attended: tuple[AttendResult, Path]) -> None:
    document = json.loads((attended[1] / "attendance.json").read_text())
    for trainee in document["trainees"]:
        assert trainee["reasons"]
        assert all(reason["zh_CN"] and reason["en"] for reason in trainee["reasons"])


def test_the_sheet_holds_a_row_per_trainee(attended: tuple[AttendResult, Path], drawn_lesson: Path) -> None:
    book = openpyxl.load_workbook(attended[1] / "attendance.xlsx")
    codes = [row[1] for row in book.worksheets[0].iter_rows(min_row=6, values_only=True)]
    assert codes == sorted(expected(drawn_lesson))


def test_the_folder_is_a_bundle_that_verifies(attended: tuple[AttendResult, Path]) -> None:
    assert verify([str(attended[1])]) == 0


def test_a_flipped_bit_of_footage_is_found(attended: tuple[AttendResult, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(attended[1], copy)
    film = next((copy / "footage").rglob("*.mp4"))
    film.chmod(0o644)
    content = bytearray(film.read_bytes())
    content[len(content) // 2] ^= 1
    film.write_bytes(content)
    assert verify([str(copy)]) == 10


def test_a_changed_attendance_document_is_found(attended: tuple[AttendResult, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(attended[1], copy)
    path = copy / "attendance.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("ABSENT", "PRESENT"))
    assert verify([str(copy)]) == 10


def test_nothing_but_the_result_is_left_beside_it(attended: tuple[AttendResult, Path]) -> None:
    assert {p.name for p in attended[1].parent.iterdir()} == {"out", "data"}


def test_a_video_shorter_than_the_lesson_makes_nobody_absent(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    lesson = tmp_path / "long.toml"
    text = (drawn_lesson / "lesson.toml").read_text()
    _, policy = read_lesson_file(drawn_lesson / "lesson.toml")
    begin = next(line for line in text.splitlines() if line.startswith("ends_at"))
    parsed, _ = read_lesson_file(drawn_lesson / "lesson.toml")
    later = (parsed.ends_at + timedelta(minutes=10)).isoformat()
    lesson.write_text(text.replace(begin, f"ends_at = {later}"))
    result = attend(settings, job_on(drawn_lesson, tmp_path / "out", lesson=lesson), silent)
    statuses = {v.trainee: v.status.value for v in result.outcome.verdicts}
    assert policy.version
    assert "ABSENT" not in statuses.values()
    assert any(gap.detail == "the video ends before the lesson" for gap in result.outcome.gaps)


def refused(settings: Settings, job: AttendJob, kind: type[Exception], match: str) -> None:
    with pytest.raises(kind, match=match):
        attend(settings, job, silent)
    left = [p.name for p in job.out.parent.iterdir() if p.name.startswith((job.out.name, f".{job.out.name}"))]
    assert left == [] or left == [job.out.name]


def test_a_lesson_that_ends_before_it_starts_is_refused(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    path = tmp_path / "lesson.toml"
    path.write_text(
        'class_code = "A"\nstarts_at = 2026-11-23T09:00:00+08:00\nends_at = 2026-11-23T08:00:00+08:00\n'
    )
    refused(settings, job_on(drawn_lesson, tmp_path / "o", lesson=path), LessonInvalid, "not after")


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"not = [toml", "TOML"), (b"\xff\xfe\xff", "UTF-8"), (b'class_code = "A"', "starts_at")],
)
def test_an_unreadable_lesson_file_is_refused(
    settings: Settings, drawn_lesson: Path, tmp_path: Path, content: bytes, match: str
) -> None:
    path = tmp_path / "lesson.toml"
    path.write_bytes(content)
    refused(settings, job_on(drawn_lesson, tmp_path / "o", lesson=path), LessonInvalid, match)


@pytest.mark.parametrize("content", [b"", b"just text\n" * 50, b"\x00" * 4096])
def test_a_file_that_is_no_video_is_refused(
    settings: Settings, drawn_lesson: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    refused(settings, job_on(drawn_lesson, tmp_path / "o", videos=(path,)), VideoInvalid, "video.mp4")


def test_a_filled_folder_is_never_written_into(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    refused(settings, job_on(drawn_lesson, out), Conflict, "not an empty folder")
    assert (out / "mine.txt").read_text() == "keep"


def test_another_number_of_cameras_than_the_lesson_names_is_refused(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    path = tmp_path / "lesson.toml"
    text = (drawn_lesson / "lesson.toml").read_text()
    path.write_text(text.replace("[policy]", 'cameras = ["front", "back"]\n[policy]'))
    refused(settings, job_on(drawn_lesson, tmp_path / "o", lesson=path), InvalidInput, "2 cameras")


def test_a_corrupt_photo_stops_the_job_and_names_its_row(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    roster = tmp_path / "roster"
    shutil.copytree(drawn_lesson / "roster", roster)
    photo = next((roster / "photos").glob("T002*"))
    photo.write_bytes(photo.read_bytes()[:200])
    refused(settings, job_on(drawn_lesson, tmp_path / "o", roster=roster), RosterInvalid, "line 3")


def test_a_trainee_whose_photo_shows_no_face_is_not_observable(
    settings: Settings, drawn_lesson: Path, tmp_path: Path
) -> None:
    roster = tmp_path / "roster"
    shutil.copytree(drawn_lesson / "roster", roster)
    photo = next((roster / "photos").glob("T002*"))
    grey = av.VideoFrame.from_ndarray(np.full((480, 360, 3), 128, np.uint8), format="rgb24")
    grey.to_image().save(photo)
    result = attend(settings, job_on(drawn_lesson, tmp_path / "out", roster=roster), silent)
    verdicts = {v.trainee: v.status.value for v in result.outcome.verdicts}
    assert verdicts["T002"] == "NOT_OBSERVABLE"
    assert result.roster.faceless == ("T002",)
    assert any(p.code == "photo_no_face" and p.line == 3 for p in result.roster.problems)
