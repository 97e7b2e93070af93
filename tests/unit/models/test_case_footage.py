"""Which footage belongs to a claim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.attendance import EvidenceLink
from models.case_footage import segments_of_claim
from models.footage import Segment

BEGINS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGINS + timedelta(minutes=minutes)


def segment(camera: str, sequence: int, from_minute: float) -> Segment:
    begin = at(from_minute)
    return Segment(
        f"{camera}-{sequence}", "L1", camera, sequence, begin, begin + timedelta(minutes=1), 0.0, 60.0,
        "h264", 1920, 1080, 10, f"{camera}{sequence}", "", 60,
    )  # fmt: skip


def link(minutes: float, camera: str = "front") -> EvidenceLink:
    return EvidenceLink("not_seen", at(minutes), camera, 0.0)


# front: minutes 0, 1, 2, then a gap until 10; back: minutes 0 to 12.
FOOTAGE = (
    *(segment("front", number, minute) for number, minute in enumerate((0, 1, 2, 10, 11), start=1)),
    *(segment("back", number, number - 1) for number in range(1, 13)),
)


def chosen(*links: EvidenceLink) -> list[str]:
    return [one.segment_id for one in segments_of_claim(FOOTAGE, links)]


def test_the_whole_segment_in_which_an_instant_lies_is_taken() -> None:
    assert chosen(link(1.5)) == ["front-2"]
    assert chosen(link(1.0)) == ["front-2"], "an instant on the border belongs to what begins there"


def test_each_segment_is_taken_once_in_order() -> None:
    assert chosen(link(2.9), link(0.1), link(2.1)) == ["front-1", "front-3"]


def test_in_a_gap_both_sides_are_taken() -> None:
    assert chosen(link(5)) == ["front-3", "front-4"]


def test_before_the_first_and_after_the_last_the_nearest_is_taken() -> None:
    assert chosen(link(-3)) == ["front-1"]
    assert chosen(link(50)) == ["front-5"]


def test_an_instant_without_a_camera_is_looked_for_in_all() -> None:
    assert chosen(link(0.5, "")) == ["back-1", "front-1"]


def test_a_camera_without_footage_and_a_claim_without_instants_take_nothing() -> None:
    assert chosen(link(1, "side")) == []
    assert chosen() == []


@given(st.lists(st.tuples(st.floats(-2, 15), st.sampled_from(["front", "back", ""])), max_size=6))
def test_no_more_than_two_segments_per_instant_and_camera_are_taken(claims: list[tuple[float, str]]) -> None:
    taken = chosen(*(link(minute, camera) for minute, camera in claims))
    assert len(taken) == len(set(taken)) <= sum(2 if camera else 4 for _, camera in claims)
    for minute, camera in claims:
        wanted = {one.segment_id for one in FOOTAGE if one.starts_at <= at(minute) < one.ends_at}
        assert {name for name in wanted if not camera or name.startswith(camera)} <= set(taken)
