"""A drawn lesson as files, made once per run, and settings in folders that vanish."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.synthetic import scenarios
from ingest.synthetic.folder import write_scenario
from supervision_api.settings import Settings


@pytest.fixture(scope="session")
def network_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def settings(tmp_path: Path, network_cache: Path) -> Settings:
    """The embedded form with HOG alone: nothing but what the packages bring."""
    return Settings(
        data_dir=tmp_path / "data",
        cache_dir=network_cache,
        weights_dir=None,
        detector="hog",
        spool_reserve_mb=16,
        log_level="error",
    )


@pytest.fixture(scope="session")
def drawn_lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Roster, video, lesson file and ground truth of the small scenario."""
    folder = tmp_path_factory.mktemp("small")
    write_scenario(folder, scenarios.small())
    return folder
