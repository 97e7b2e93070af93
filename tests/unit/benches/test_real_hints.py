"""Notes of a lesson of real people are held against who sat there: tests/benchmarks/real_hints.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.real_hints import Hint, Hints, hints_of
from tests.benchmarks.real_lesson import lesson_toml

Row = dict[str, Any]


def person(code: str, status: str, *, stays: bool = True) -> Row:
    return {"code": code, "person": f"s-{code}", "status": status, "stays": [{}] if stays else []}


def row(code: str, status: str, unknown: str = "", evidence: str = "3.5") -> Row:
    values = {"unknown": unknown, "trainee": code, "evidence": evidence, "lead": "1.25"}
    reasons = [{"code": "unknown_resembles", "values": values}] if unknown else []
    return {"code": code, "status": status, "reasons": [{"code": "never_seen", "values": {}}, *reasons]}


STRANGER = {"code": None, "person": "s9", "status": "", "stays": [{}]}
TRUTH = [person("T01", "PRESENT"), person("T02", "PARTIAL"), person("T03", "ABSENT", stays=False)]
SEATS = {1: TRUTH[0], 2: TRUTH[1], 9: STRANGER}


def sightings(unknown: str, *seats: int) -> list[Row]:
    return [{"unknown_person": unknown, "seat": seat} for seat in seats]


def found(rows: list[Row], seen: list[Row]) -> Hints:
    return hints_of(TRUTH, {"trainees": rows}, seen, lambda sighting: SEATS.get(sighting["seat"]))


def test_a_hint_at_who_sat_there_is_right() -> None:
    hints = found(
        [row("T01", "ABSENT", "u1"), row("T02", "PARTIAL"), row("T03", "ABSENT")], sightings("u1", 1, 1, 9)
    )
    assert hints.missed == ("T01",)
    assert hints.given == (Hint("T01", "u1", 3.5, 1.25, "T01"),)
    assert (hints.found, hints.right, hints.wrong) == ({"T01"}, 1, 0)


@pytest.mark.parametrize(("seat", "shown"), [(2, "T02"), (9, "stranger s9"), (7, "nobody")])
def test_a_hint_at_anybody_else_is_wrong(seat: int, shown: str) -> None:
    hints = found(
        [row("T01", "ABSENT", "u1"), row("T02", "PARTIAL"), row("T03", "ABSENT")], sightings("u1", seat)
    )
    assert hints.given[0].shown == shown
    assert (hints.found, hints.right, hints.wrong) == (frozenset(), 0, 1)
    assert "WRONG" in str(hints.given[0])
    assert shown in str(hints.given[0])


def test_who_stayed_away_was_not_missed_and_a_hint_at_a_stranger_is_wrong() -> None:
    rows = [row("T01", "PRESENT"), row("T02", "PARTIAL"), row("T03", "ABSENT", "u2")]
    hints = found(rows, sightings("u2", 9))
    assert (hints.missed, hints.wrong) == ((), 1)


@pytest.mark.parametrize(
    ("said", "missed"), [("ABSENT", ("T02",)), ("PARTIAL", ()), ("PRESENT", ()), ("NOT_OBSERVABLE", ())]
)
def test_missed_is_who_came_and_got_less_than_is_true(said: str, missed: tuple[str, ...]) -> None:
    rows = [row("T01", "PRESENT"), row("T02", said), row("T03", "ABSENT")]
    assert found(rows, []).missed == missed


def test_the_strongest_comes_first_and_the_sum_is_told() -> None:
    rows = [row("T01", "ABSENT", "u1", "2.5"), row("T02", "ABSENT", "u2", "6"), row("T03", "ABSENT")]
    hints = found(rows, [*sightings("u1", 1), *sightings("u2", 9)])
    assert [hint.trainee for hint in hints.given] == ["T02", "T01"]
    assert str(hints) == "1/2 missed, 1 wrong"
    assert str(hints.given[1]) == "hint T01 → u1: 2.50 nats, lead 1.25: right"


def test_the_floor_can_be_set_for_a_measurement() -> None:
    assert "resemblance_floor" not in lesson_toml()
    assert lesson_toml(0.0).endswith("\nresemblance_floor = 0.0\n")
