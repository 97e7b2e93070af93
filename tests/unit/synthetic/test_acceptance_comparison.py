"""The comparison with ground truth finds every kind of difference: tests/benchmarks/acceptance.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ingest.synthetic.cast import CAST_SEEDS, member, name_of
from ingest.synthetic.scenarios import SCENARIOS, load, scenario, small
from ingest.synthetic.truth import ground_truth
from supervision_api.benches.classroom import with_strangers
from tests.benchmarks.acceptance import Comparison, compare
from tests.benchmarks.cast_in_class import sitting

Document = dict[str, Any]


@pytest.fixture
def truth() -> Document:
    return ground_truth(small())


@pytest.fixture
def attendance(truth: Document) -> Document:
    """What a perfect judge writes."""
    rows = [{**row, "name": ""} for row in truth["expected"]]
    flags = [
        {**flag, "subject": flag["subject"] or "unknown-1", "state": "open"}
        for flag in truth["expected_flags"]
    ]
    return {"trainees": rows, "flags": flags, "model": "yunet@1|net|calibration"}


def sighting(truth: Document, seat: int, at_s: float, code: str | None) -> Document:
    return {"trainee": code, "frame_pts_s": at_s, "box": list(truth["seats"][seat]["box"])}


def compared(
    truth: Document, attendance: Document, sightings: list[Document] | None = None, verify: int = 0
) -> Comparison:
    return compare(truth, attendance, sightings or [], verify, 1.0)


def test_a_perfect_judge_holds(truth: Document, attendance: Document) -> None:
    found = compared(truth, attendance)
    assert found.holds
    assert found.statuses_right == found.marks_right == found.hours_right == found.trainees == 6
    assert found.detector == "yunet@1"
    assert found.wrong == ()


@pytest.mark.parametrize(
    ("key", "value", "counter"),
    [
        ("status", "ABSENT", "statuses_right"),
        ("marks", ["LATE"], "marks_right"),
        ("credited_hours", 99.0, "hours_right"),
    ],
)
def test_a_wrong_line_is_counted_and_named(
    truth: Document, attendance: Document, key: str, value: object, counter: str
) -> None:
    row = next(r for r in attendance["trainees"] if r["code"] == "T001")
    row[key] = value
    found = compared(truth, attendance)
    assert not found.holds
    assert getattr(found, counter) == 5
    assert found.wrong[0].startswith("T001: ")
    assert str(value) in found.wrong[0]


def test_a_missing_and_an_extra_flag_are_both_told(truth: Document, attendance: Document) -> None:
    lost = attendance["flags"].pop()
    attendance["flags"].append({"kind": "late", "subject": "T002"})
    found = compared(truth, attendance)
    assert not found.holds
    assert found.flags_extra == ("late T002",)
    assert found.flags_missing[0].startswith(lost["kind"])


def test_one_stranger_flagged_twice_is_one_flag_too_many(truth: Document, attendance: Document) -> None:
    stranger = next(f for f in attendance["flags"] if f["kind"] == "stranger")
    attendance["flags"].append({**stranger, "subject": "unknown-2"})
    assert compared(truth, attendance).flags_extra == ("stranger",)


def test_a_bundle_that_does_not_verify_does_not_hold(truth: Document, attendance: Document) -> None:
    assert not compared(truth, attendance, verify=10).holds


def test_names_in_their_own_seats_are_right(truth: Document, attendance: Document) -> None:
    seen = [sighting(truth, seat, 20.0, f"T00{seat + 1}") for seat in (0, 1, 2)]
    seen.append(sighting(truth, 5, 20.0, None))
    found = compared(truth, attendance, seen)
    assert (found.false_names, found.sightings) == (0, 4)


@pytest.mark.parametrize(
    ("seat", "at_s", "code"),
    [
        (1, 20.0, "T001"),  # somebody else's seat
        (5, 20.0, "T006"),  # absent all the time
        (4, 36.0, "T005"),  # left eight seconds ago
        (3, 5.0, "T004"),  # comes in nine seconds
    ],
)
def test_a_name_where_its_owner_is_not_is_false(
    truth: Document, attendance: Document, seat: int, at_s: float, code: str
) -> None:
    found = compared(truth, attendance, [sighting(truth, seat, at_s, code)])
    assert found.false_names == 1
    assert not found.holds


def test_on_the_way_to_a_seat_a_name_may_be_anywhere(truth: Document, attendance: Document) -> None:
    assert compared(truth, attendance, [sighting(truth, 0, 11.0, "T004")]).false_names == 0


def test_comparing_changes_neither_document(truth: Document, attendance: Document) -> None:
    before: Callable[[], tuple[Document, Document]] = lambda: (truth, attendance)  # noqa: E731
    kept = copy.deepcopy(before())
    compared(truth, attendance)
    assert before() == kept


def test_nobody_of_the_cast_is_there_twice() -> None:
    assert len(set(CAST_SEEDS)) == len(CAST_SEEDS) == 50
    assert len({name_of(number) for number in range(50)}) == 50
    assert member(0) == member(0)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_no_scenario_gives_one_face_to_two_people(name: str) -> None:
    faces = [person.cast for person in scenario(name).people]
    assert len(faces) == len(set(faces))
    assert max(faces) < len(CAST_SEEDS)


def test_one_seat_in_twenty_of_the_bench_is_a_strangers() -> None:
    room = with_strangers(load(40, 10.0))
    assert (len(room.trainees), len(room.strangers)) == (38, 2)
    assert {person.stays[0].seat for person in room.strangers} == {19, 39}
    assert all(person.code == "" for person in room.strangers)
    assert with_strangers(load(8, 10.0)).strangers == ()


def test_each_sitting_moves_the_whole_cast_on() -> None:
    first, second = (sitting(scenario("acceptance"), shift) for shift in (0, 17))
    assert [person.cast for person in first.people] == list(range(40))
    assert second.people[0].cast == 17
    assert {person.cast for room in (first, second) for person in room.people} == set(range(50))
    assert first.events == ()
