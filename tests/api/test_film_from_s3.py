"""A film out of an S3 store is the film out of files: by range reads, byte for byte."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from pydantic import SecretStr
from sqlalchemy import delete

from storage.tables import SampleIndexRow
from supervision_api.benches import playback
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import open_installation
from supervision_api.settings import Settings
from supervision_api.wiring import wire
from tests.services.s3_servers import running

ADDRESS = f"/api/v1/lessons/{playback.LESSON}/footage/{playback.CAMERA}/film.mp4"


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.parametrize("server", ["localstack", "radosgw"])
def test_a_film_from_s3_is_the_film_from_files(tmp_path: Path, monkeypatch, server: str) -> None:
    access = running(server)
    monkeypatch.setattr(playback, "DRAWN_S", 2)
    monkeypatch.setattr(playback, "SEGMENT_S", 4)
    clip = tmp_path / "minute.mp4"
    playback._write_minute(clip)
    plain = Settings(data_dir=tmp_path / "plain", cache_dir=tmp_path / "cache", spool_reserve_mb=16)
    kept = Settings(
        data_dir=tmp_path / "kept", cache_dir=tmp_path / "cache", spool_reserve_mb=16, store="s3",
        s3_endpoint=access.endpoint, s3_bucket=access.access().bucket, s3_access_key=access.access_key,
        s3_secret_key=SecretStr(access.secret_key),
    )  # fmt: skip
    from_files, from_s3 = (read_film(one, clip) for one in (plain, kept))
    assert from_s3 == from_files
    with av.open(io.BytesIO(from_s3)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3 * 4 * playback.RATE


def read_film(settings: Settings, clip: Path) -> bytes:
    """The whole film; its middle comes by range as well, also when every kept index is lost."""
    with open_installation(settings) as house:
        playback._fill(house, clip, 3, lambda _share: None)
        assert not list((house.folder / "spool").rglob("*.mp4")), "everything is in the store"
        services = wire(house, hub=LiveHub(), metrics=Metrics())
        with playback._served(services) as client:
            whole = client.get(ADDRESS).content
            middle = {"Range": f"bytes={len(whole) // 2 - 5000}-{len(whole) // 2 + 299_999}"}
            before = client.get(ADDRESS, headers=middle).content
            with house.database.transaction(writing=True) as connection:
                assert connection.execute(delete(SampleIndexRow)).rowcount == 3
        # A new application remembers no index: it makes them again from the objects.
        with playback._served(services, "again") as client:
            after = client.get(ADDRESS, headers=middle).content
    assert after == before == whole[len(whole) // 2 - 5000 : len(whole) // 2 + 300_000]
    return whole
