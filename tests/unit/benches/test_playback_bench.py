"""The playback bench plays the whole film of a real installation, and counts every byte of it."""

from __future__ import annotations

from pathlib import Path

from storage.playback.sample_reader import index_of_file
from supervision_api.benches import playback
from supervision_api.settings import Settings


def test_the_bench_plays_what_it_stored(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(playback, "DRAWN_S", 2)
    monkeypatch.setattr(playback, "SEGMENT_S", 4)
    monkeypatch.setattr(playback, "SEEKS", 3)
    told: list[float] = []
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", spool_reserve_mb=16)
    figures = playback.bench_playback(settings, 2, lambda share, _what: told.append(share))
    assert told == sorted(told)
    assert (figures["lesson_minutes"], figures["store"]) == (2, "filesystem")
    told_too = {"first_byte_ms", "first_byte_cpu_ms", "first_byte_again_ms", "seek_ms_median", "film_mb"}
    told_too |= {"serving_mb_s", "plain_reading_mb_s", "index_ms_per_segment", "plan_ms"}
    for name in sorted(told_too):
        assert float(figures[name] or 0) > 0, name
    assert float(figures["seek_ms_worst"] or 0) >= float(figures["seek_ms_median"] or 0)
    share = float(figures["serving_mb_s"] or 0) / float(figures["plain_reading_mb_s"] or 1)
    assert figures["serving_share"] == share


def test_the_drawn_minute_is_one_even_segment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(playback, "DRAWN_S", 2)
    monkeypatch.setattr(playback, "SEGMENT_S", 4)
    clip = tmp_path / "minute.mp4"
    playback._write_minute(clip)
    index = index_of_file(clip)
    assert index.count == 4 * playback.RATE
    assert index.shown_at.max() * playback.RATE == (index.count - 1) * index.timescale
    assert index.sync.sum() == 4
