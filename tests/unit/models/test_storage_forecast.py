"""How much room footage will take: simple sums that a reader can check on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.storage_forecast import HOURS_PER_YEAR, CameraUse, Month, forecast, forecast_camera, months_after

NOW = datetime(2026, 11, 15, tzinfo=UTC)
MONTHS = months_after(NOW, [NOW + timedelta(days=30 * step) for step in (1, 2, 3)])
GB = 1_000_000_000

USE = CameraUse(
    camera_id="cam1",
    institution="local",
    stored_bytes=10 * GB,
    measured_bytes=9 * GB,
    measured_s=36_000.0,
    past_hours=100.0,
    past_window_hours=HOURS_PER_YEAR,
    planned_hours=(10.0, 20.0, 0.0),
    ending_bytes=(0, 5 * GB, 0),
)


def test_kept_is_what_was_plus_what_is_planned_less_what_ends() -> None:
    found = forecast_camera(USE, MONTHS)
    assert found.bytes_per_hour == 0.9 * GB
    first, second, _ = found.kept
    assert (first, second) == (19 * GB, 32 * GB), "10 + 0.9 × 10, then + 0.9 × 20 − 5"


def test_where_the_timetable_ends_the_past_goes_on() -> None:
    second, third = forecast_camera(USE, MONTHS).kept[1:]
    expected = 0.9 * GB * 100.0 * MONTHS[2].hours / HOURS_PER_YEAR
    assert third - second == pytest.approx(expected, abs=2)


def test_in_the_long_run_five_years_are_kept() -> None:
    assert forecast_camera(USE, MONTHS).steady_bytes == 450 * GB
    assert forecast_camera(replace(USE, retention_years=8), MONTHS).steady_bytes == 720 * GB


def test_a_camera_without_footage_has_no_rate_and_takes_nothing() -> None:
    new = replace(USE, stored_bytes=0, measured_bytes=0, measured_s=0.0, ending_bytes=(0, 0, 0))
    found = forecast_camera(new, MONTHS)
    assert (found.bytes_per_hour, found.kept, found.steady_bytes) == (None, (0, 0, 0), 0)


def test_without_a_past_the_timetable_is_the_year() -> None:
    fresh = replace(USE, past_hours=0.0, past_window_hours=0.0)
    assert forecast_camera(fresh, MONTHS).hours_per_year == 30.0


def test_sums_are_those_of_the_cameras() -> None:
    other = replace(USE, camera_id="cam0", institution="another", stored_bytes=GB)
    found = forecast([USE, other], MONTHS)
    assert [camera.camera_id for camera in found.cameras] == ["cam0", "cam1"]
    assert found.stored_bytes == 11 * GB
    assert found.kept == tuple(a + b for a, b in zip(*(c.kept for c in found.cameras), strict=True))
    assert found.by_institution()["another"][0] == GB
    assert found.steady_bytes == sum(steady for _, _, steady in found.by_institution().values())


def test_figures_for_other_months_are_refused() -> None:
    with pytest.raises(InvalidInput):
        forecast_camera(replace(USE, planned_hours=(1.0,)), MONTHS)


def test_months_follow_one_another_without_holes() -> None:
    assert MONTHS[0].begins_at == NOW
    assert all(a.ends_at == b.begins_at for a, b in pairwise(MONTHS))
    assert MONTHS[0] == Month(NOW, NOW + timedelta(days=30))


@given(
    st.integers(0, 10**15),
    st.lists(st.integers(0, 10**15), min_size=3, max_size=3),
    st.lists(st.floats(0, 700), min_size=3, max_size=3),
)
def test_nothing_is_ever_kept_below_nothing(stored: int, ending: list[int], planned: list[float]) -> None:
    found = forecast_camera(
        replace(USE, stored_bytes=stored, ending_bytes=ending, planned_hours=planned), MONTHS
    )
    assert all(size >= 0 for size in found.kept)
