"""The ledger: every second of a run is footage or a gap with its cause."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ledger import LEAST_GAP_S, FootageLedger, utc
from models.footage import Gap, GapCause


def ledger(begins_s: float = 100.0) -> FootageLedger:
    return FootageLedger("L1", "c1", begins_s, GapCause.CONNECTING)


def test_time_before_the_first_footage_is_a_gap() -> None:
    gap = ledger().footage(103.0, 110.0)
    assert gap == Gap("L1", "c1", utc(100.0), utc(103.0), GapCause.CONNECTING)


def test_footage_that_follows_at_once_leaves_no_gap() -> None:
    book = ledger()
    book.footage(100.0, 160.0)
    assert book.footage(160.0, 220.0) is None


def test_a_hole_shorter_than_two_pictures_is_rounding() -> None:
    book = ledger()
    book.footage(100.0, 160.0)
    assert book.footage(160.0 + LEAST_GAP_S / 2, 220.0) is None


def test_a_loss_is_blamed_since_the_end_of_footage() -> None:
    book = ledger()
    book.footage(100.0, 160.0)
    assert book.blame(GapCause.STREAM_LOST, "cable", book.covered_until_s) is None
    gap = book.footage(170.0, 180.0)
    assert gap is not None
    assert (gap.starts_at, gap.ends_at, gap.cause, gap.detail) == (
        utc(160),
        utc(170),
        GapCause.STREAM_LOST,
        "cable",
    )


def test_when_the_cause_changes_each_part_keeps_its_own() -> None:
    book = ledger()
    first = book.blame(GapCause.STREAM_UNREACHABLE, "refused", 102.0)
    second = book.blame(GapCause.STREAM_DENIED, "401", 110.0)
    third = book.finish(130.0)
    assert [gap and gap.cause for gap in (first, second, third)] == [
        GapCause.CONNECTING,
        GapCause.STREAM_UNREACHABLE,
        GapCause.STREAM_DENIED,
    ]
    assert [gap and gap.interval.duration.total_seconds() for gap in (first, second, third)] == [2, 8, 20]


def test_trying_again_in_vain_makes_one_gap_not_many() -> None:
    book = ledger()
    gaps = [book.blame(GapCause.STREAM_UNREACHABLE, f"try {n}", 100.0 + n) for n in range(1, 50)]
    assert sum(gap is not None for gap in gaps) == 1


def test_footage_dated_back_into_accounted_time_is_not_counted_twice() -> None:
    book = ledger()
    book.footage(100.0, 160.0)
    assert book.footage(150.0, 155.0) is None
    assert book.covered_until_s == 160.0


def test_nothing_missing_at_the_end_is_no_gap() -> None:
    book = ledger()
    book.footage(100.0, 160.0)
    assert book.finish(160.0) is None
    assert book.finish(150.0) is None


_EVENT = st.one_of(
    st.tuples(st.floats(0, 30), st.floats(0.1, 60)),
    st.tuples(st.floats(0, 30), st.sampled_from(list(GapCause))),
)


@settings(deadline=None)
@given(st.lists(_EVENT, max_size=40), st.floats(0, 30))
def test_footage_and_gaps_tile_the_run(events: list[tuple[float, float | GapCause]], tail_s: float) -> None:
    """Whatever happens in whatever order, the pieces touch, never overlap, and sum up to the run."""
    book, now_s = ledger(0.0), 0.0
    pieces: list[tuple[float, float]] = []
    gaps: list[Gap | None] = []
    for wait_s, value in events:
        now_s += wait_s
        if isinstance(value, GapCause):
            gaps.append(book.blame(value, "", now_s))
        else:
            gaps.append(book.footage(now_s, now_s + value))
            pieces.append((now_s, now_s + value))
            now_s += value
    gaps.append(book.finish(now_s + tail_s))
    pieces += [(gap.starts_at.timestamp(), gap.ends_at.timestamp()) for gap in gaps if gap is not None]
    pieces.sort()
    covered_s = sum(end - start for start, end in pieces)
    slack_s = LEAST_GAP_S * (len(events) + 1) + 1e-3
    assert abs(covered_s - (now_s + tail_s)) <= slack_s
    assert all(later[0] >= earlier[1] - 1e-5 for earlier, later in pairwise(pieces))
