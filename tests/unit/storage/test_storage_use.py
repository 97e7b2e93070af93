"""Sums for the forecast: per camera and institution, by day, and nothing of what is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.footage import Segment
from models.register import LessonRecord, TrainingClass
from storage.unit_of_work import Ledger
from supervision_api.actions.storage_use import expiring, forecast_of, month_edges
from supervision_api.console.storage_view import HEIGHT, chart_of, every_other
from supervision_api.reports.storage_report import expiring_document, forecast_document, gigabytes
from tests.unit.storage.retained import Archive


@pytest.fixture
def archive(
    with_lesson: Ledger, tmp_path: Path, clock: object, new_segment: Callable[..., Segment]
) -> Archive:
    archive = Archive(with_lesson, tmp_path, clock, new_segment)
    archive.record(1, 2, 3)
    return archive


def test_what_is_kept_belongs_to_camera_and_institution(archive: Archive) -> None:
    with archive.ledger.read() as work:
        size_bytes = sum(upload.size_bytes for upload in work.uploads.of_lesson("L1"))
        assert work.storage_use.kept() == {("cam1", ""): size_bytes}
        now = archive.clock.at
        assert work.storage_use.recorded(now - timedelta(days=1), now + timedelta(days=1)) == {
            ("cam1", ""): (size_bytes, 180.0)
        }
        assert work.storage_use.recorded(now + timedelta(days=1), now + timedelta(days=2)) == {}


def test_lessons_of_an_institution_count_for_it(
    archive: Archive, new_lesson: Callable[..., LessonRecord]
) -> None:
    with archive.ledger.write() as work:
        work.classes.ensure_institution("school", "示范学校", archive.clock.at)
        work.classes.add(TrainingClass("C2", "n", "school"), archive.clock.at)
        begins_at = archive.clock.at + timedelta(days=40)
        work.lessons.add(new_lesson("P1", begins_at, class_code="C2", cameras=("cam1", "cam2")))
    with archive.ledger.read() as work:
        found = list(work.storage_use.lessons(begins_at, begins_at + timedelta(days=1)))
        assert [(owner, hours) for owner, _, hours in found] == [
            (("cam1", "school"), 0.75),
            (("cam2", "school"), 0.75),
        ]
        forecast = forecast_of(work, archive.clock.at)
    assert [(one.institution, one.camera_id) for one in forecast.cameras] == [
        ("", "cam1"),
        ("school", "cam1"),
        ("school", "cam2"),
    ]
    assert set(forecast.by_institution()) == {"", "school"}


def test_removed_footage_takes_no_room(archive: Archive) -> None:
    with archive.ledger.write() as work:
        before = work.storage_use.kept()["cam1", ""]
        gone = work.uploads.get("seg-1")
        work.removals.note_removed("seg-1", archive.clock.at, 1)
        assert work.storage_use.kept()["cam1", ""] == before - gone.size_bytes


def test_the_forecast_ends_what_reaches_its_day(archive: Archive) -> None:
    """Four years and ten months on: the footage goes in the second of the coming months."""
    later = archive.clock.at + timedelta(days=4 * 365 + 330)
    with archive.ledger.read() as work:
        found = forecast_of(work, later)
        window, lessons = expiring(work, later, days=60)
    (camera,) = found.cameras
    assert camera.stored_bytes > 0
    assert camera.kept[-1] == 0
    assert [one.lesson_id for one in lessons] == ["L1"]
    document = expiring_document(window, lessons)
    assert document["size_bytes"] == camera.stored_bytes
    assert forecast_document(found)["cameras"][0]["kept_bytes"] == list(camera.kept)


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        ("2026-11-23T01:00:00+00:00", "2026-11-30T16:00:00+00:00", "2027-10-31T16:00:00+00:00"),
        ("2026-11-30T16:00:00+00:00", "2026-12-31T16:00:00+00:00", "2027-11-30T16:00:00+00:00"),
        ("2026-12-31T15:59:59+00:00", "2026-12-31T16:00:00+00:00", "2027-11-30T16:00:00+00:00"),
    ],
)
def test_months_begin_at_midnight_in_china(now: str, first: str, last: str) -> None:
    edges = month_edges(datetime.fromisoformat(now), 12)
    assert (edges[0], edges[-1]) == (datetime.fromisoformat(first), datetime.fromisoformat(last))
    assert len(edges) == 12
    assert all(edge.tzinfo is UTC for edge in edges)


def test_the_chart_fits_its_picture(archive: Archive) -> None:
    with archive.ledger.read() as work:
        found = forecast_of(work, archive.clock.at)
    chart = chart_of(found, archive.clock.at)
    assert len(chart.bars) == 13
    assert max(bar.height for bar in chart.bars) == pytest.approx(HEIGHT)
    assert all(bar.y + bar.height == pytest.approx(HEIGHT) for bar in chart.bars)
    assert [bar.x for bar in chart.bars] == sorted(bar.x for bar in chart.bars)
    assert len(every_other(chart.bars)) == 5
    assert chart.top_bytes == max(bar.size_bytes for bar in chart.bars)


def test_an_empty_house_has_an_empty_forecast(sqlite_ledger: Ledger, now: datetime) -> None:
    with sqlite_ledger.read() as work:
        found = forecast_of(work, now)
        window, lessons = expiring(work, now)
    assert (found.cameras, found.stored_bytes, found.steady_bytes, lessons) == ((), 0, 0, ())
    assert chart_of(found, now).steady_y is None
    assert expiring_document(window, lessons)["lessons"] == []
    assert gigabytes(1_234_567_890) == "1.23"
