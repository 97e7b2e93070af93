"""Five years after the lesson, as calendar dates in Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.retention import last_kept_day, retain_until

CHINA = timezone(timedelta(hours=8))


def test_a_lesson_is_kept_through_the_same_day_five_years_on() -> None:
    ends_at = datetime(2026, 11, 23, 9, 45, tzinfo=CHINA)
    assert last_kept_day(ends_at) == date(2031, 11, 23)
    assert retain_until(ends_at) == datetime(2031, 11, 24, 0, 0, tzinfo=CHINA)
    assert retain_until(ends_at).tzinfo is UTC


def test_the_day_counts_where_the_lesson_was_not_in_utc() -> None:
    late_in_china = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)  # 00:30 on 1 January there
    assert last_kept_day(late_in_china) == date(2032, 1, 1)
    assert last_kept_day(late_in_china, zone="UTC") == date(2031, 12, 31)


def test_29_february_is_kept_through_1_march() -> None:
    leap = datetime(2028, 2, 29, 10, 0, tzinfo=CHINA)
    assert last_kept_day(leap) == date(2033, 3, 1)
    assert last_kept_day(leap, years=4) == date(2032, 2, 29)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)), st.integers(1, 10))
def test_a_retention_is_never_shorter_than_its_calendar_years(ends_at: datetime, years: int) -> None:
    until = retain_until(ends_at, years)
    local = ends_at.astimezone(ZoneInfo("Asia/Shanghai"))
    kept = until.astimezone(ZoneInfo("Asia/Shanghai"))
    assert until > ends_at + timedelta(days=365 * years)
    assert (kept.hour, kept.minute) == (0, 0)
    assert kept.date() - timedelta(days=1) >= date(local.year + years, local.month, min(local.day, 28))
    assert until - ends_at <= timedelta(days=366 * years + 2)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_a_later_lesson_is_never_kept_shorter(ends_at: datetime) -> None:
    assert retain_until(ends_at + timedelta(days=1)) >= retain_until(ends_at)


def test_naive_instants_and_no_years_are_refused() -> None:
    with pytest.raises(InvalidInput):
        retain_until(datetime(2026, 1, 1))
    with pytest.raises(InvalidInput):
        retain_until(datetime(2026, 1, 1, tzinfo=UTC), 0)
