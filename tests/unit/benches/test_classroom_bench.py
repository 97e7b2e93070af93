"""How the classroom bench counts: right names, false names, recall, and what both sides are given alike."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from ingest.synthetic import scenarios
from ingest.synthetic.cast import member
from ingest.synthetic.enrolment import portrait
from ingest.synthetic.layout import lay_out
from ingest.synthetic.script import Scenario
from ingest.synthetic.video import write_video
from models.errors import InvalidInput
from models.frame import Box, FrameJudgement, Sighting, TrackNaming
from models.ports import Picture
from recognition import bench_encoder
from supervision_api.benches import classroom, encoder
from supervision_api.benches.classroom import NamedFace, with_strangers

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def room() -> Scenario:
    """Twenty seats, the last of them a stranger's."""
    return with_strangers(scenarios.load(20, 10.0))


def in_seat(room: Scenario, seat: int, name: str | None, pts_s: float = 0.0) -> NamedFace:
    place = lay_out(room.width, room.height, room.rows, room.columns)[seat].face
    return NamedFace(pts_s, place, name)


def owners(room: Scenario) -> dict[int, str]:
    return {person.stays[0].seat: person.code for person in room.trainees}


def test_everybody_named_in_their_own_seat_is_full_recall(room: Scenario) -> None:
    found = [in_seat(room, seat, code) for seat, code in owners(room).items()]
    assert classroom._score(room, found) == (1.0, 0)


def test_nobody_named_is_no_recall_and_no_false_name(room: Scenario) -> None:
    assert classroom._score(room, [in_seat(room, seat, None) for seat in range(20)]) == (0.0, 0)
    assert classroom._score(room, []) == (0.0, 0)


def test_a_name_in_another_s_seat_is_false_and_not_right(room: Scenario) -> None:
    (seat, code), (other, _) = list(owners(room).items())[:2]
    recall, false = classroom._score(room, [in_seat(room, other, code), in_seat(room, seat, None)])
    assert (recall, false) == (0.0, 1)


def test_a_trainee_s_name_in_the_stranger_s_seat_is_false(room: Scenario) -> None:
    empty = next(seat for seat in range(20) if seat not in owners(room))
    assert classroom._score(room, [in_seat(room, empty, next(iter(owners(room).values())))])[1] == 1


def test_one_face_found_twice_in_a_frame_is_right_once(room: Scenario) -> None:
    seat, code = next(iter(owners(room).items()))
    once, _ = classroom._score(room, [in_seat(room, seat, code)])
    twice, _ = classroom._score(room, [in_seat(room, seat, code)] * 2)
    assert once == twice == pytest.approx(1 / len(owners(room)))


def test_recall_is_over_all_frames_in_which_anything_was_found(room: Scenario) -> None:
    named = [in_seat(room, seat, code, 0.0) for seat, code in owners(room).items()]
    unnamed = [in_seat(room, 0, None, 2.0)]
    assert classroom._score(room, named + unnamed)[0] == pytest.approx(0.5)


def test_a_box_a_little_beside_the_seat_still_belongs_to_it(room: Scenario) -> None:
    seat, code = next(iter(owners(room).items()))
    box = in_seat(room, seat, code).box
    beside = NamedFace(0.0, Box(box.x + box.width / 3, box.y, box.width, box.height), code)
    assert classroom._score(room, [beside])[1] == 0


def sighting(second: float, track: str, trainee: str | None = None) -> Sighting:
    at = START + timedelta(seconds=second)
    return Sighting(at, "camera", second, Box(0, 0, 9, 9), track, trainee, 1.0, 1.0, 0.5)


def judged(sequence: int, *seen: Sighting, namings: tuple[TrackNaming, ...] = ()) -> FrameJudgement:
    at = START + timedelta(seconds=2 * sequence)
    return FrameJudgement("camera", "L1", sequence, at, 0.0, 64, 36, "clear", len(seen), seen, namings, "m")


def names(*judgements: FrameJudgement) -> list[str | None]:
    return [face.name for face in classroom._with_later_names(list(judgements))]


def naming(track: str, trainee: str | None, since_s: float) -> TrackNaming:
    return TrackNaming(track, trainee, None, START + timedelta(seconds=since_s), 9.0, 9.0)


def test_a_name_given_later_holds_for_the_track_s_earlier_sightings() -> None:
    assert names(
        judged(1, sighting(2, "a"), sighting(2, "b")),
        judged(2, sighting(4, "a"), namings=(naming("a", "T1", 0),)),
    ) == ["T1", None, "T1"]


def test_a_name_does_not_reach_before_its_since() -> None:
    assert names(
        judged(1, sighting(2, "a")), judged(2, sighting(4, "a"), namings=(naming("a", "T1", 4),))
    ) == [None, "T1"]


def test_a_name_taken_back_is_taken_back() -> None:
    assert names(
        judged(1, sighting(2, "a", "T1")),
        judged(2, sighting(4, "a", "T1"), namings=(naming("a", None, 3),)),
    ) == ["T1", None]


def test_what_comes_after_a_naming_is_not_changed_by_it() -> None:
    assert names(
        judged(1, sighting(2, "a"), namings=(naming("a", "T1", 0),)), judged(2, sighting(4, "a", "T2"))
    ) == ["T1", "T2"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, replace(scenarios.small(), width=160, height=96, duration_s=5.0, people=(), events=()))
    return path


def test_the_plain_script_looks_at_one_picture_in_two_seconds(clip: Path) -> None:
    sampled = list(classroom._sampled_pictures(clip))
    assert [round(pts_s) for pts_s, _ in sampled] == [0, 2, 4]
    assert {picture.shape for _, picture in sampled} == {(96, 160, 3)}


def test_a_place_is_told_as_the_package_tells_it() -> None:
    assert classroom._css(Box(10.4, 20.6, 30.0, 40.0)) == (21, 40, 61, 10)


@dataclass(frozen=True)
class NamesApart:
    fingerprint: str = "detector-1"


@dataclass(frozen=True)
class Parts:
    detector: NamesApart = NamesApart()


def test_the_figures_have_the_keys_that_scripts_read(room: Scenario) -> None:
    seat, code = next(iter(owners(room).items()))
    ours, theirs = [in_seat(room, seat, code)], [in_seat(room, seat, None), in_seat(room, seat, None, 2.0)]
    told = classroom._figures(room, Parts(), (ours, 2.0), (theirs, 50.0))  # type: ignore[arg-type]
    assert told["ratio"] == 25.0
    assert (told["recall_ours"], told["recall_baseline"]) == (pytest.approx(1 / 19), 0.0)
    assert (told["false_names"], told["false_names_baseline"]) == (0, 0)
    assert (told["frames"], told["people"], told["detector"]) == (2, 19, "detector-1")


def test_processor_time_is_counted_and_the_result_kept() -> None:
    faces, spent_s = classroom._timed(lambda: [NamedFace(0.0, Box(0, 0, 1, 1), None)])
    assert len(faces) == 1
    assert spent_s >= 0


def test_without_the_package_there_is_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_recognition.api", None)
    with pytest.raises(InvalidInput, match="not installed") as refused:
        bench_encoder.face_encodings_of_package()
    assert refused.value.hint


def test_a_folder_without_photographs_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no photographs") as refused:
        encoder._pictures(tmp_path)
    assert str(tmp_path) in refused.value.place
    assert "--material" in refused.value.hint


def test_without_material_drawn_people_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "DRAWN_PEOPLE", 2)
    pictures, source = encoder._pictures(None)
    assert (len(pictures), source) == (2, "drawn people")


def test_photographs_are_taken_by_their_endings_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "faces" / "portraits"
    folder.mkdir(parents=True)
    for name, grey in (("b.png", 90), ("a.JPG", 30), ("notes.txt", 0)):
        if name.endswith("txt"):
            (folder / name).write_text("x")
        else:
            ending = ".jpg" if name.endswith("JPG") else ".png"
            (folder / name).write_bytes(
                cv2.imencode(ending, np.full((40, 40, 3), grey, np.uint8))[1].tobytes()
            )
    pictures, source = encoder._pictures(tmp_path)
    assert source == "photographs"
    assert [round(float(np.mean(picture))) for picture in pictures] == [30, 90]


def test_a_sheet_holds_sixteen_faces_and_the_rest_go_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    picture: Picture = np.zeros((480, 360, 3), np.uint8)
    faces = [bench_encoder.BenchFaces(picture, (Box(100, 100, 150, 150),))] * 18
    sheets = bench_encoder.face_sheets(faces)
    assert [len(sheet.boxes) for sheet in sheets] == [16, 2]
    assert all(box.width == bench_encoder.SHEET_FACE_PX for sheet in sheets for box in sheet.boxes)
    assert all(box.x + box.width <= sheet.picture.shape[1] for sheet in sheets for box in sheet.boxes)


def test_a_drawn_portrait_is_a_face_to_measure_with() -> None:
    assert len(bench_encoder.bench_faces([portrait(member(0))])) == 1
