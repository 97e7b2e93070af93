"""A folder of labelled photos becomes a calibration: small and compressed as a classroom shows faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.errors import InvalidInput
from models.frame import Box, Detection
from models.ports import Picture
from recognition import calibration_photos
from recognition.calibration_photos import (
    CLASSROOM,
    Rendition,
    _face_at,
    _faces_of,
    calibrate_photos,
    rendered,
)
from recognition.calibration_store import load_calibration
from recognition.enrolment import ExaminedPhoto
from recognition.labelled_photos import LabelledPhoto, labelled_photos

SIDE = 240
FACE = Box(60, 60, 120, 120)


@dataclass
class Squares:
    """Finds the bright square that stands for a face; sees no face in a dark picture."""

    fingerprint: str = "squares"
    smallest_px: float = 0.0
    seen: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, picture: Picture) -> list[Detection]:
        self.seen.append(picture.shape[:2])
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        rows, columns = np.nonzero(grey > 128)
        if not len(rows):
            return []
        left, top = float(columns.min()), float(rows.min())
        width, height = float(columns.max() + 1 - left), float(rows.max() + 1 - top)
        return [Detection(Box(left, top, width, height), 1.0)] if width >= self.smallest_px else []


@dataclass
class Hues:
    """An embedding from a face's mean colour: people of one colour are one person."""

    fingerprint: str = "hues"

    def encode(self, picture: Picture, detections: Sequence[Detection]) -> npt.NDArray[np.float32]:
        rows = []
        for one in detections:
            box = one.box
            inside = picture[
                int(box.y + box.height / 4) : int(box.y + 3 * box.height / 4),
                int(box.x + box.width / 4) : int(box.x + 3 * box.width / 4),
            ]
            rows.append(direction(inside.reshape(-1, 3).mean(axis=0)))
        return np.stack(rows)


def direction(colour: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    mixed = np.sin(np.outer(np.arange(1, 129), colour / 40.0).sum(axis=1) + np.arange(128))
    return np.asarray(0.5 * mixed / np.linalg.norm(mixed), np.float32)


def photo(path: Path, person: int, shot: int, *, dark: bool = False) -> LabelledPhoto:
    """A coloured square on black; its pattern is fine enough to pass for a sharp picture."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    if not dark:
        colour = np.array([140 + 9 * person % 100, 150 + 31 * person % 90, 200 - 7 * person % 60])
        noise = np.random.default_rng([person, shot]).integers(-12, 12, (120, 120, 3))
        picture[60:180, 60:180] = np.clip(colour + noise, 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return LabelledPhoto(f"P{person}", path, "")


def examined() -> ExaminedPhoto:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[60:180, 60:180] = 200
    return ExaminedPhoto(
        **{
            name: {"box": FACE, "embedding": np.zeros(128, np.float32)}.get(name, 0)
            for name in ExaminedPhoto.__dataclass_fields__
        }  # type: ignore[arg-type]
    )


def bright() -> Picture:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[60:180, 60:180] = 200
    return picture


@pytest.mark.parametrize("rendition", CLASSROOM, ids=lambda one: one.name)
def test_a_rendition_has_the_face_s_width_and_says_where_it_is(rendition: Rendition) -> None:
    small, place = rendered(bright(), examined(), rendition)
    assert place.width == pytest.approx(rendition.face_px)
    (found,) = Squares().detect(small)
    assert found.box.overlap(place) > 0.8


def test_a_rendition_is_compressed_and_not_only_small() -> None:
    noisy = bright()
    noisy[60:180, 60:180] = np.random.default_rng(1).integers(130, 255, (120, 120, 3))
    rough, place = rendered(noisy, examined(), Rendition(70, 10))
    fine, _ = rendered(noisy, examined(), Rendition(70, 95))
    top, left = round(place.y), round(place.x)
    inside = (slice(top, top + 70), slice(left, left + 70))
    assert rough.shape == fine.shape
    assert float(np.abs(rough[inside].astype(int) - fine[inside]).mean()) > 3


def test_a_rendition_leaves_a_detector_room_around_the_face() -> None:
    small, place = rendered(bright(), examined(), Rendition(40, 70))
    assert place.x >= 80
    assert place.y >= 80
    assert small.shape[1] - (place.x + place.width) >= 80


def test_a_face_elsewhere_is_not_taken_for_the_photo_s() -> None:
    elsewhere = Detection(Box(0, 0, 30, 30), 1.0)
    there = Detection(Box(62, 62, 118, 118), 0.4)
    assert _face_at([elsewhere], FACE) is None
    assert _face_at([elsewhere, there], FACE) is there
    assert _face_at([], FACE) is None


def names_of(one: LabelledPhoto, renditions: Sequence[Rendition]) -> list[str]:
    return [found.condition for found in _faces_of(one, Squares(), Hues(), renditions)]


def test_a_photo_serves_for_enrolment_and_once_for_each_rendition(tmp_path: Path) -> None:
    one = photo(tmp_path / "a.png", 1, 1)
    assert names_of(one, CLASSROOM)[1:] == [rendition.name for rendition in CLASSROOM]


def test_a_photo_is_not_enlarged_into_a_rendition(tmp_path: Path) -> None:
    one = photo(tmp_path / "a.png", 1, 1)
    assert len(names_of(one, [Rendition(138, 70), Rendition(139, 70), Rendition(400, 70)])) == 2


def test_a_rendition_in_which_the_face_is_lost_is_left_out(tmp_path: Path) -> None:
    one = photo(tmp_path / "a.png", 1, 1)
    blind = Squares(smallest_px=40)
    found = list(_faces_of(one, blind, Hues(), [Rendition(28, 70), Rendition(70, 70)]))
    assert [face.condition for face in found][1:] == ["70px-jpeg70"]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut"])
def test_what_is_no_picture_gives_no_face_and_stops_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert names_of(LabelledPhoto("P1", path, ""), CLASSROOM) == []


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for person in range(14):
        for shot in range(3):
            photo(tmp_path / "album" / f"P{person:02d}" / f"{shot}.png", person, shot)
    return tmp_path / "album"


def test_a_folder_of_people_becomes_a_calibration_of_its_encoder(album: Path) -> None:
    made, faceless = calibrate_photos(
        labelled_photos(album), Squares(), Hues(), provenance="drawn squares", renditions=CLASSROOM[:2]
    )
    assert (made.people, made.photos, made.encoder) == (14, 42, "hues")
    assert made.provenance == "drawn squares"
    assert faceless == ()


def test_photos_without_a_face_are_named_and_not_counted(album: Path) -> None:
    dark = photo(album / "P00" / "dark.png", 0, 9, dark=True)
    made, faceless = calibrate_photos(
        labelled_photos(album), Squares(), Hues(), provenance="x", renditions=CLASSROOM[:1]
    )
    assert faceless == (dark.path,)
    assert made.photos == 42


def test_too_few_people_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    photos = [photo(tmp_path / f"{n}-{shot}.png", n, shot) for n in range(3) for shot in range(2)]
    with pytest.raises(InvalidInput, match="10"):
        calibrate_photos(photos, Squares(), Hues(), provenance="x", renditions=())


def test_the_module_s_command_writes_the_calibration_and_tells_its_rates(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibration_photos, "best_detector", lambda _weights: Squares())
    monkeypatch.setattr(calibration_photos, "open_encoder", lambda _cache: Hues())
    out = tmp_path / "calibration.json"
    assert calibration_photos.main([str(album), str(out), "--provenance", "drawn squares"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("14 people, 42 photos, 0 without a face")
    assert "false match" in told
    assert load_calibration(out).provenance == "drawn squares"


def test_a_calibration_without_provenance_is_not_made(album: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        calibration_photos.main([str(album), str(tmp_path / "c.json")])
    assert left.value.code == 2
    assert not (tmp_path / "c.json").exists()
