"""The verify bench checks a real bundle, and finds what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.verifier.verify import verify_bundle
from supervision_api.benches import verify


def test_the_benchs_bundle_is_whole_and_as_large_as_asked(tmp_path: Path) -> None:
    verify.make_bundle(tmp_path / "b", 3, 70_000)
    assert verify_bundle(tmp_path / "b").findings == []
    clips = sorted((tmp_path / "b" / "footage").rglob("*.mp4"))
    assert [clip.stat().st_size for clip in clips] == [70_000] * 3
    assert len({clip.read_bytes() for clip in clips}) == 3


def test_figures_name_both_speeds_and_their_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "REPEATS", 1)
    told: list[float] = []
    figures = verify.bench_verify(16, lambda share, _what: told.append(share), tmp_path)
    assert {"ratio", "ratio_all_cores", "verify_mb_s", "sha256_mb_s"} <= set(figures)
    assert int(str(figures["bundle_bytes"])) >= 16 << 20
    assert told == sorted(told)
    assert list(tmp_path.iterdir()) == [], "the footage is removed"


def test_a_bundle_that_is_not_whole_gives_no_figure(tmp_path: Path) -> None:
    verify.make_bundle(tmp_path / "b", 1, 1000)
    next((tmp_path / "b" / "footage").rglob("*.mp4")).unlink()
    with pytest.raises(AssertionError, match="not whole"):
        verify._check(tmp_path / "b")
