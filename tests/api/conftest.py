"""The scene, opened afresh for each test, and a client that knows how to log in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from models.evidence_leaves import camera_totals, segment_stored
from storage.database import sqlite_url, upgrade
from storage.spool import object_key
from supervision_api.app import create_app
from tests.api.scene import JUDGED, NOW, PASSWORD, Scene, make_clip, open_scene


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    upgrade(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def clips() -> tuple[bytes, ...]:
    return (make_clip(60), make_clip(120))


@pytest.fixture
def scene(tmp_path: Path, migrated_database: Path, clips: tuple[bytes, ...]) -> Iterator[Scene]:
    with open_scene(tmp_path, migrated_database, clips) as opened:
        yield opened


@pytest.fixture
def closed(scene: Scene) -> Scene:
    """The scene with all footage stored and its judged lesson closed in the log."""
    until = NOW + timedelta(days=1826)
    waiting = scene.segments[1]
    # By hand and not by the uploader, which shows the machine's own clock.
    stored = scene.house.store.put_locked(object_key(waiting), waiting.path, waiting.sha256, until)
    with scene.house.ledger.write() as work:
        work.uploads.note_stored(waiting.segment_id, stored)
        work.evidence.append(segment_stored(waiting, stored, NOW))
        totals = camera_totals(scene.segments, work.footage.gaps(JUDGED))
        work.evidence.close_lesson(JUDGED, totals, until)
    return scene


class Visitor(TestClient):
    """A client with a session; writes carry its token unless told otherwise."""

    def log_in(self, account: str, password: str = PASSWORD) -> Visitor:
        answer = self.post("/api/v1/session", json={"account": account, "password": password})
        assert answer.status_code == 200, answer.text
        self.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return self

    def form_token(self, path: str) -> str:
        """The hidden token of a page's forms."""
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.get(path).text)
        assert found is not None
        return found.group(1)


@pytest.fixture
def visitor(scene: Scene) -> Iterator[Visitor]:
    with Visitor(create_app(scene.services), raise_server_exceptions=False) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def operator(visitor: Visitor) -> Visitor:
    return visitor.log_in("operator")
