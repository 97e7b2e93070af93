"""Choosing people who differ, how they move, and the papers of a made-up class that the product must read."""

from __future__ import annotations

import csv
import itertools
import json
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.synthetic import __main__ as command
from ingest.synthetic.choosing import contrasts, farthest_first, genuine_distances, impostor_distances
from ingest.synthetic.enrolment import HEADER, particulars, write_roster
from ingest.synthetic.folder import lesson_toml, policy_changes
from ingest.synthetic.motion import PITCH_STEP, YAW_STEP, Demeanour
from ingest.synthetic.scenarios import SCENARIOS, scenario
from ingest.synthetic.script import Person, Scenario
from models.identity import check_character
from models.lesson_document import parse_lesson
from models.policy import Policy
from models.roster_check import check_roster
from models.roster_table import rows_from_table
from supervision_api.roster_files import read_roster

Vectors = npt.NDArray[np.float32]
TODAY = date(2026, 11, 23)


def people(*rows: list[float]) -> Vectors:
    """Pictures of people on a line: the portrait first, then other views."""
    return np.array([[[value] for value in row] for row in rows], np.float32)


def test_the_genuine_distance_is_that_of_the_worst_view() -> None:
    assert genuine_distances(people([0, 0.1, 0.4], [5, 5.2, 4.9])).tolist() == pytest.approx([0.4, 0.2])


def test_a_view_in_which_no_face_is_found_rules_a_person_out() -> None:
    assert genuine_distances(people([0, np.nan], [5, 5])).tolist() == [np.inf, 0.0]


def test_the_impostor_distance_is_the_smallest_of_all_pictures_and_symmetric() -> None:
    apart = impostor_distances(people([0, 3], [5, 5], [9, 9]))
    assert apart[0, 1] == apart[1, 0] == 2.0
    assert np.isinf(np.diagonal(apart)).all()
    assert apart[0, 2] == 6.0


def test_a_missing_picture_makes_nobody_an_impostor() -> None:
    assert impostor_distances(people([0, np.nan], [5, 5]))[0, 1] == 5.0


def test_who_resembles_everybody_has_little_contrast() -> None:
    told = contrasts(people([0, 0], [10, 10], [5, 5]))
    assert told[2] < told[0] == told[1]


def test_choosing_starts_with_the_pair_that_lies_farthest_apart() -> None:
    apart = impostor_distances(people([0, 0], [4, 4], [9, 9], [5, 5]))
    assert set(farthest_first(apart, 2)) == {0, 2}


def test_each_next_one_is_as_far_as_possible_from_all_before() -> None:
    apart = impostor_distances(people([0, 0], [1, 1], [10, 10], [6, 6]))
    assert farthest_first(apart, 3)[2] == 3


@settings(max_examples=40)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12), st.integers(1, 15))
def test_nobody_is_chosen_twice_and_as_many_as_there_are(places: list[float], count: int) -> None:
    chosen = farthest_first(impostor_distances(people(*([p, p] for p in places))), count)
    assert len(set(chosen)) == len(chosen) == min(max(count, 1), len(places))


def test_a_seed_gives_the_same_movements_and_another_seed_others() -> None:
    first, again, other = Demeanour(3, 60), Demeanour(3, 60), Demeanour(4, 60)
    instants = [n * 0.7 for n in range(80)]
    assert [first.at(one) for one in instants] == [again.at(one) for one in instants]
    assert [first.at(one) for one in instants] != [other.at(one) for one in instants]


def test_looking_in_any_order_shows_the_same() -> None:
    one = Demeanour(3, 60)
    instants = [n * 1.3 for n in range(40)]
    assert [one.at(t) for t in instants] == [one.at(t) for t in reversed(instants)][::-1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500), st.floats(0, 90))
def test_a_seated_head_stays_within_what_was_rendered(seed: int, at_s: float) -> None:
    bearing = Demeanour(seed, 90, talkative=True).at(at_s)
    assert abs(bearing.yaw_step * YAW_STEP) <= 0.42 + YAW_STEP / 2
    assert abs(bearing.pitch_step * PITCH_STEP) <= 0.30 + PITCH_STEP / 2
    assert abs(bearing.roll) <= 0.13
    assert abs(bearing.dx) <= 0.021
    assert abs(bearing.dy) <= 0.019
    assert bearing.expression.mouth in (0, 1, 2)


def test_who_is_no_talker_keeps_the_mouth_shut_and_still_blinks() -> None:
    quiet = Demeanour(5, 60)
    looks = [quiet.at(n / 15).expression for n in range(900)]
    assert {one.mouth for one in looks} == {0}
    assert len({one.lids for one in looks}) == 2
    assert sum(one.lids > 0 for one in looks) < len(looks) / 5


def test_a_talker_moves_the_mouth_now_and_then() -> None:
    talker = Demeanour(5, 60, talkative=True)
    mouths = [talker.at(n / 15).expression.mouth for n in range(900)]
    assert {1, 2} & set(mouths)
    assert mouths.count(0) > len(mouths) / 4


def test_a_head_turns_in_steps_and_does_not_jump_across_the_room() -> None:
    one = Demeanour(8, 60)
    steps = [one.at(n / 30).yaw_step for n in range(1800)]
    assert max(abs(b - a) for a, b in itertools.pairwise(steps)) <= 3
    assert len(set(steps)) > 3


@pytest.mark.parametrize("cast", [0, 1, 17, 39, 45])
def test_a_made_up_trainee_has_a_well_formed_number_that_is_nobody_s(cast: int) -> None:
    trainee = particulars(Person(cast=cast, code=f"T{cast:03d}"))
    assert len(trainee.id_number) == 18
    assert trainee.id_number[:6] == "371799"
    assert check_character(trainee.id_number[:17]) == trainee.id_number[17]
    assert trainee.phone.startswith("199")


def test_no_two_of_a_class_share_a_number_or_a_name() -> None:
    trainees = [particulars(person) for person in scenario("acceptance").trainees]
    assert len({one.id_number for one in trainees}) == len({one.name for one in trainees}) == len(trainees)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A roster folder of two people with two portraits each."""
    chosen = replace(scenario("small"), people=scenario("small").people[:2])
    folder = tmp_path_factory.mktemp("pair")
    write_roster(folder, chosen, photos=2)
    return folder


def test_the_roster_folder_is_one_that_the_product_takes_without_a_word(pair: Path) -> None:
    files = read_roster(pair)
    check = check_roster(rows_from_table(files.table, place="roster.csv"), TODAY, files.photo_names)
    assert check.problems == ()
    assert len(check.trainees) == 2
    assert all(len(one.photos) == 2 for one in check.trainees)


def test_the_roster_opens_in_a_spreadsheet_with_its_chinese(pair: Path) -> None:
    assert (pair / "roster.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (pair / "roster.csv").open(encoding="utf-8-sig", newline="") as file:
        assert tuple(next(csv.reader(file))) == HEADER


def test_portraits_are_pictures_of_one_size_and_of_two_people(pair: Path) -> None:
    pictures = {path.name: cv2.imread(str(path)) for path in sorted((pair / "photos").iterdir())}
    assert len(pictures) == 4
    assert {picture.shape for picture in pictures.values()} == {(480, 360, 3)}
    fronts = [picture for name, picture in pictures.items() if name.endswith("-1.jpg")]
    assert float(np.abs(fronts[0].astype(float) - fronts[1]).mean()) > 2


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_lesson_file_is_one_that_the_product_reads_back_to_the_scenario(name: str) -> None:
    chosen = scenario(name)
    lesson, policy = parse_lesson(tomllib.loads(lesson_toml(chosen)))
    assert lesson.class_code == chosen.class_code
    assert lesson.starts_at == chosen.starts_at
    assert (lesson.ends_at - lesson.starts_at).total_seconds() == chosen.duration_s
    for field in ("attendance", "flags"):
        assert getattr(policy, field) == getattr(chosen.policy, field)


def test_a_usual_policy_needs_no_line_in_the_lesson_file() -> None:
    assert policy_changes(Policy()) == {}
    assert lesson_toml(replace(scenario("demo"), policy=Policy())).endswith("[policy]\n")


def test_a_lesson_of_another_day_is_written_in_the_class_s_zone(tiny: Scenario) -> None:
    late = replace(tiny, starts_at=datetime(2026, 11, 23, 16, 30, tzinfo=UTC))
    assert "starts_at = 2026-11-24T00:30:00+08:00" in lesson_toml(late)


def test_the_command_writes_all_that_one_needs_to_try_a_scenario(
    tmp_path: Path, tiny: Scenario, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "scenario", lambda _name: tiny)
    assert command.main(["--out", str(tmp_path / "out")]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"lesson.mp4", "lesson.toml", "ground_truth.json", "roster"}
    truth = json.loads((tmp_path / "out" / "ground_truth.json").read_text())
    assert [one["code"] for one in truth["expected"]] == ["T001", "T002"]
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'out' / 'lesson.mp4'}\n"
    assert told.err == "", "no bar in a pipe"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "x", "--scenario", "lunch"],
        ["--out", "x", "--size", "big"],
        ["--out", "x", "--photos", "4"],
    ],
)
def test_a_wrong_call_of_the_command_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().out == ""


def test_what_cannot_be_drawn_is_told_with_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--out", str(tmp_path / "out"), "--size", "161x97"]) == 1
    assert "cannot be encoded" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_with_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert command.main(["--out", str(tmp_path / "file" / "out")]) == 1
    assert "failed" in capsys.readouterr().err
