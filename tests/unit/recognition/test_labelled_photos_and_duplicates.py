"""Photos with known people for a calibration, and one face under two names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import InvalidInput
from recognition.duplicates import find_duplicates
from recognition.gallery import Template
from recognition.labelled_photos import labelled_photos


def photo(folder: Path, *parts: str) -> None:
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def test_one_folder_is_one_person_and_order_is_by_name(tmp_path: Path) -> None:
    for parts in (("b", "2.jpg"), ("b", "1.PNG"), ("a", "x.pgm")):
        photo(tmp_path, *parts)
    found = [(p.person, p.path.name) for p in labelled_photos(tmp_path)]
    assert found == [("a", "x.pgm"), ("b", "1.PNG"), ("b", "2.jpg")]


def test_what_is_no_photo_by_its_name_is_passed_over(tmp_path: Path) -> None:
    for name in ("1.jpg", ".2.jpg", "notes.txt", "Thumbs.db"):
        photo(tmp_path, "a", name)
    photo(tmp_path, ".hidden", "1.jpg")
    photo(tmp_path, "loose.jpg")
    assert [p.path.name for p in labelled_photos(tmp_path)] == ["1.jpg"]


def test_groups_label_people_also_after_a_byte_order_mark(tmp_path: Path) -> None:
    photo(tmp_path, "王", "1.jpg")
    photo(tmp_path, "b", "1.jpg")
    (tmp_path / "groups.csv").write_text("王, female \n\n", encoding="utf-8-sig")
    assert {p.person: p.group for p in labelled_photos(tmp_path)} == {"王": "female", "b": ""}


def test_a_groups_line_without_comma_is_named(tmp_path: Path) -> None:
    photo(tmp_path, "a", "1.jpg")
    (tmp_path / "groups.csv").write_text("a,x\nb\n")
    with pytest.raises(InvalidInput, match="line 2 has no comma"):
        labelled_photos(tmp_path)


def test_groups_that_are_not_utf8_say_so(tmp_path: Path) -> None:
    photo(tmp_path, "a", "1.jpg")
    (tmp_path / "groups.csv").write_bytes("王,男".encode("gbk"))
    with pytest.raises(InvalidInput, match="not UTF-8"):
        labelled_photos(tmp_path)


def test_a_folder_without_photos_says_how_they_must_lie(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        labelled_photos(tmp_path)
    assert "FOLDER/person/photo.jpg" in caught.value.hint


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        labelled_photos(tmp_path / "none")
    assert caught.value.place.endswith("none")


def template(trainee: str, at: float, *, fingerprint: str = "net", source: str = "") -> Template:
    embedding = np.zeros(128, np.float32)
    embedding[0] = at
    return Template(trainee, embedding, fingerprint, source=source)


def test_two_trainees_with_one_face_are_one_pair_in_order_of_codes() -> None:
    found = find_duplicates(
        [template("b", 0.0, source="b.jpg"), template("a", 0.1, source="a.jpg")], [], 0.38
    )
    assert [(p.first, p.second, p.first_source, p.second_source) for p in found] == [
        ("a", "b", "a.jpg", "b.jpg")
    ]
    assert found[0].distance == pytest.approx(0.1, abs=1e-6)


def test_two_photos_of_one_trainee_are_no_duplicate() -> None:
    assert find_duplicates([template("a", 0.0), template("a", 0.0)], [], 0.38) == ()


def test_the_threshold_itself_is_no_duplicate() -> None:
    assert find_duplicates([template("a", 0.0), template("b", 0.5)], [], 0.5) == ()
    assert len(find_duplicates([template("a", 0.0), template("b", 0.5)], [], 0.51)) == 1


def test_new_ones_are_compared_with_those_enrolled_and_those_not_with_each_other() -> None:
    enrolled = [template("x", 5.0), template("y", 5.0)]
    assert find_duplicates([template("a", 0.0)], enrolled, 0.38) == ()
    assert [(p.first, p.second) for p in find_duplicates([template("a", 5.3)], enrolled, 0.38)] == [
        ("a", "x"),
        ("a", "y"),
    ]


def test_templates_of_two_networks_never_compare() -> None:
    assert find_duplicates([template("a", 0.0), template("b", 0.0, fingerprint="other")], [], 0.38) == ()


def test_of_several_photos_the_nearest_two_speak_for_the_pair() -> None:
    found = find_duplicates(
        [template("a", 0.0), template("a", 0.2, source="near"), template("b", 0.25)], [], 0.38
    )
    assert len(found) == 1
    assert found[0].first_source == "near"
    assert found[0].distance == pytest.approx(0.05, abs=1e-6)


def test_pairs_come_nearest_first() -> None:
    found = find_duplicates([template("a", 0.0), template("b", 0.3), template("c", 0.4)], [], 0.38)
    assert [(p.first, p.second) for p in found] == [("b", "c"), ("a", "b")]


def test_nothing_new_gives_nothing() -> None:
    assert find_duplicates([], [template("a", 0.0), template("b", 0.0)], 0.38) == ()
