"""The upload bench takes the whole way on our side, and refuses to measure against nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import SettingInvalid
from supervision_api.benches.upload import bench_upload
from supervision_api.settings import Settings
from tests.benchmarks.upload import measure
from tests.drills.drill_store import running_store


def test_a_folder_is_nothing_to_measure_uploads_against(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="S3 server"):
        bench_upload(Settings(data_dir=tmp_path), 1, 1, lambda _share, _what: None)


@pytest.mark.service
def test_both_sides_carry_the_same_bytes_and_a_ratio_comes_out() -> None:
    figures = measure(running_store("localstack"), 2, 1)
    ours, theirs = figures["ours_mb_s"], figures["fput_object_mb_s"]
    assert isinstance(ours, float)
    assert isinstance(theirs, float)
    assert figures["ratio"] == pytest.approx(ours / theirs)
    assert (figures["files"], figures["file_mb"]) == (2, 1)
